# SPDX-License-Identifier: GPL-2.0-or-later
# The only makefile; */module.mk append to its lists.  `make help` tells the targets.
SHELL := /bin/bash
O ?= build
prefix ?= /usr/local
sysconfdir ?= /etc
bindir ?= $(prefix)/bin
sbindir ?= $(prefix)/sbin
libdir ?= $(prefix)/lib
libexecdir ?= $(prefix)/libexec
includedir ?= $(prefix)/include
mandir ?= $(prefix)/share/man
datadir ?= $(prefix)/share
CFLAGS ?= -O2 -g
PKG_CONFIG ?= pkg-config
LIBS := libcap libmnl libnftnl libseccomp libarchive

include libvz/module.mk vzctl/module.mk
-include tests/module.mk man/module.mk

override CFLAGS += -std=gnu11 -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections \
	-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla -Wundef -Wpointer-arith \
	$(if $(DEV),-Werror)
override CPPFLAGS += -D_GNU_SOURCE -iquote libvz -Ilibvz/include $(shell $(PKG_CONFIG) --cflags $(LIBS))
LIBVZ_OBJS := $(LIBVZ_SRCS:%.c=$(O)/%.o)

all: $(O)/libvz.a
$(O)/libvz.a: $(LIBVZ_OBJS)
	rm -f $@ && $(AR) rcs $@ $^
$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
-include $(LIBVZ_OBJS:.o=.d)
clean:
	rm -rf $(O)
.PHONY: all clean
