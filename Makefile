# SPDX-License-Identifier: GPL-2.0-or-later
# The only makefile; */module.mk append to its lists.  `make help` tells the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
VERSION := 0.1.0
SONAME := libvz.so.1

# ---- settings of the caller ----
comma := ,
SAN ?=
O ?= build$(if $(SAN),-$(subst $(comma),-,$(SAN)))
prefix ?= /usr/local
sysconfdir ?= /etc
sbindir ?= $(prefix)/sbin
libdir ?= $(prefix)/lib
libexecdir ?= $(prefix)/libexec
includedir ?= $(prefix)/include
datadir ?= $(prefix)/share
mandir ?= $(datadir)/man
unitdir ?= $(prefix)/lib/systemd/system
CFLAGS ?= -O2 -g
PKG_CONFIG ?= pkg-config
SCDOC ?= scdoc
FUZZ_SECONDS ?= 20
LIBS := libcap libmnl libnftnl libseccomp libarchive libsodium libprotobuf-c
# what tools take in where its archive is installed: each saves a tenth of a millisecond of every command
STATIC_LIBS ?= cap nftnl sodium protobuf-c
Q := $(if $(V),,@)
QUIET := $(findstring s,$(filter-out --%,$(firstword -$(MAKEFLAGS))))
say = $(if $(V)$(QUIET),,@printf '  %-8s %s\n' '$(1)' '$(patsubst $(O)/%,%,$(2))';)

# ---- lists: module.mk files fill them ----
MAN :=
INSTALL :=
INSTALL_LATE =
CLEAN :=
# $(call put,MODE,DIR,FILES): an installed file each; MODE x: as the file's own execute bit says,
# c: configuration, never overwritten nor removed when edited, l: FILES are link targets, o: 0755 where FILE exists.
# INSTALL_LATE is expanded only to install: what has to be asked for.
put = $(foreach f,$(3),$(1)|$(f)|$(2)/$(notdir $(f)))
include $(wildcard libvz/module.mk vzctl/module.mk templates/module.mk tests/module.mk man/module.mk \
	criu-patches/module.mk kernel-patches/module.mk)

# ---- flags: ours are appended, whatever the caller's are ----
# Goals that only need make itself must work on a machine without compiler and libraries.
USER_CFLAGS := $(CFLAGS)
BARE_GOALS := deps demo bed criu help clean distclean kernel kernel-check kernel-test kernel-bench kernel-stress deb-kernel
ifneq ($(filter-out $(BARE_GOALS),$(or $(MAKECMDGOALS),all)),)
CC_ID := $(shell { echo '$(CC) $(USER_CFLAGS) $(SAN)'; $(CC) --version; } 2>&1 | cksum | cut -d' ' -f1)
# HARDEN_C, HARDEN_LD: what of tests/build/cc-features' list this compiler takes
include $(O)/cc-$(CC_ID).mk
LIB_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(LIBS))
LIB_LIBS := $(shell $(PKG_CONFIG) --libs $(LIBS))
STATIC_ARCHIVES := $(filter /%,$(foreach l,$(STATIC_LIBS),$(shell $(CC) -print-file-name=lib$(l).a)))
TOOL_LIBS := $(STATIC_ARCHIVES) $(LIB_LIBS)
endif
$(O)/cc-$(CC_ID).mk: tests/build/cc-features
	@mkdir -p $(@D)
	@tests/build/cc-features '$(SAN)' $(CC) $(USER_CFLAGS) >$@

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla -Wundef \
	-Wpointer-arith
BASE_CFLAGS := -std=gnu11 -fvisibility=hidden $(WARN)
override CFLAGS += $(BASE_CFLAGS) -fPIC -ffunction-sections -fdata-sections \
	$(HARDEN_C) $(if $(DEV),-Werror) $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer)
BASE_CPPFLAGS := -D_GNU_SOURCE -iquote libvz -iquote $(O)/gen -Ilibvz/include $(LIB_CFLAGS)
override CPPFLAGS += $(BASE_CPPFLAGS)
override LDFLAGS += $(HARDEN_LD) -Wl,--gc-sections -Wl,--as-needed $(if $(SAN),-fsanitize=$(SAN))

# ---- what is built ----
objs = $(patsubst %.c,$(O)/%.o,$(1))
LIBVZ_OBJS := $(call objs,$(LIBVZ_SRCS)) $(O)/gen/mech/cr/cr.pb-c.o
# beside the objects, which have $(O)/vzctl/ for themselves
TOOLS := $(VZCTL_TOOLS:%=$(O)/bin/%)
PUBLIC := $(wildcard libvz/include/vz/*.h)
MAP := $(wildcard libvz/libvz.map)
VZCTL_OBJS := $(call objs,$(sort $(VZCTL_COMMON) $(foreach t,$(VZCTL_TOOLS),$($(t)_SRCS))))
OBJS := $(sort $(LIBVZ_OBJS) $(VZCTL_OBJS) $(call objs,$(UNIT_SRCS) $(FUZZ_SRCS) $(TEST_SRCS)))

all: $(O)/libvz.a $(O)/libvz.so $(O)/vz.pc $(TOOLS) man $(GENERATED)
lib: $(O)/libvz.a $(O)/libvz.so
man: $(MAN)

$(O)/libvz.a: $(LIBVZ_OBJS)
	$(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $^
$(O)/$(SONAME): $(LIBVZ_OBJS) $(MAP)
	$(call say,LD,$@)$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,$(SONAME) \
		$(addprefix -Wl$(comma)--version-script=,$(MAP)) -o $@ $(LIBVZ_OBJS) $(LIB_LIBS)
$(O)/libvz.so: $(O)/$(SONAME)
	$(Q)ln -sf $(SONAME) $@
$(O)/vz.pc: libvz/vz.pc.in $(O)/gen/build.h
	$(Q)mkdir -p $(@D) && sed -e 's|@prefix@|$(prefix)|;s|@libdir@|$(libdir)|;s|@includedir@|$(includedir)|' \
		-e 's|@version@|$(VERSION)|;s|@libs@|$(LIBS)|' $< >$@

# Tools link the archive: a command's latency is mostly exec and relocation, so each carries only what it uses
# and loads no library it does not call. The linker decides on libraries before it drops sections that nobody
# calls, hence the step between: one object of what main reaches (vzlist starts in a third of the time).
define tool_rule
$(O)/bin/$(1): $(call objs,$($(1)_SRCS) $(VZCTL_COMMON)) $(O)/libvz.a
	$$(Q)mkdir -p $$(@D)
	$$(call say,LD,$$@)$$(call reached,$$^,$(O)/$(1).reached.o)$$(CC) $$(CFLAGS) $$(LDFLAGS) -pie -o $$@ \
		$$(if $$(PLAIN_LINK),$$^,$(O)/$(1).reached.o) $$(TOOL_LIBS)
endef
# sanitizers and LTO have their own ideas of what is reached
PLAIN_LINK := $(SAN)$(findstring -flto,$(USER_CFLAGS))
reached = $(if $(PLAIN_LINK),,$(CC) -r -nostdlib -Wl,--gc-sections -Wl,-e,main -Wl,-u,main -o $(2) $(1) && )
$(foreach t,$(VZCTL_TOOLS),$(eval $(call tool_rule,$(t))))

$(UNIT): $(O)/%: $(O)/%.o $(call objs,$(TEST_SRCS)) $(O)/libvz.a
	$(call say,LD,$@)$(CC) $(CFLAGS) $(LDFLAGS) -pie -o $@ $^ $(LIB_LIBS)
$(FUZZ): $(O)/%: $(O)/%.o $(if $(FUZZING),,$(call objs,$(FUZZ_MAIN))) $(O)/libvz.a
	$(call say,LD,$@)$(CC) $(CFLAGS) $(LDFLAGS) $(if $(FUZZING),-fsanitize=fuzzer,-pie) -o $@ $^ $(LIB_LIBS)

# CRIU's messages, of our own description
$(O)/gen/mech/cr/cr.pb-c.c $(O)/gen/mech/cr/cr.pb-c.h &: libvz/mech/cr/cr.proto
	$(Q)mkdir -p $(@D)
	$(call say,PROTO,$<)protoc-c --c_out=$(O)/gen -Ilibvz mech/cr/cr.proto
$(O)/gen/mech/cr/cr.pb-c.o: $(O)/gen/mech/cr/cr.pb-c.c $(O)/flags
	$(call say,CC,$@)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(call objs,$(wildcard libvz/mech/cr/*.c)): | $(O)/gen/mech/cr/cr.pb-c.h

# Every object leaves its line of compile_commands.json beside it.
$(O)/%.o: %.c $(O)/flags | $(O)/gen/build.h
	$(Q)mkdir -p $(@D) && printf '{"directory":"%s","file":"%s","arguments":["$(CC)"%s,"-c","%s"]},\n' \
		'$(CURDIR)' '$<' "$$(printf ',"%s"' $(CPPFLAGS) $(CFLAGS))" '$<' >$@.json
	$(call say,CC,$@)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
compile_commands.json: $(OBJS)
	$(Q){ echo '['; cat $(OBJS:=.json) | sed '$$ s/,$$//'; echo ']'; } >$@

# Written only when they change: other flags rebuild all, another prefix what knows of paths.
$(O)/flags: FORCE
	$(Q)$(call update,$(CC) $(CPPFLAGS) $(CFLAGS))
$(O)/gen/build.h: FORCE
	$(Q)$(call update,$(BUILD_H))
update = mkdir -p $(@D) && printf '%b\n' '$(1)' >$@.new && if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
BUILD_H = /* Made by make. */\n\#define VZ_VERSION "$(VERSION)"\n\#define VZ_SYSCONFDIR "$(sysconfdir)"\n$\
	\#define VZ_DATADIR "$(datadir)/vz"\n\#define VZ_LIBEXECDIR "$(libexecdir)/vz"\n\#define VZ_SBINDIR "$(sbindir)"

# ---- installing ----
INSTALL += $(call put,0755,$(sbindir),$(TOOLS)) $(call put,0755,$(libdir),$(O)/$(SONAME)) \
	$(call put,0644,$(libdir),$(O)/libvz.a) l|$(SONAME)|$(libdir)/libvz.so \
	$(call put,0644,$(includedir)/vz,$(PUBLIC)) $(call put,0644,$(libdir)/pkgconfig,$(O)/vz.pc)
install: all $(O)/install.list
	$(Q)tests/build/install put '$(DESTDIR)' <$(O)/install.list
uninstall: $(O)/install.list
	$(Q)tests/build/install remove '$(DESTDIR)' <$(O)/install.list
$(O)/install.list: FORCE
	$(Q)mkdir -p $(@D)
	$(file >$@,$(INSTALL) $(INSTALL_LATE))
dist:
	git archive --prefix=vz-$(VERSION)/ HEAD | xz >vz-$(VERSION).tar.xz

# ---- cleaning, help ----
clean:
	rm -rf $(O) $(CLEAN)
distclean:
	rm -rf build build-* compile_commands.json vz-*.tar.xz
help:
	@sed -n 's/^#? //p' $(MAKEFILE_LIST)
FORCE:
-include $(OBJS:.o=.d)
.PHONY: all lib man install uninstall dist clean distclean help FORCE

#? make                 library, tools, manual, completion            (in O=build)
#? make install         DESTDIR= prefix=/usr/local sysconfdir=/etc ...
#? make uninstall       removes what install put; edited configuration stays
#? make clean           removes O; distclean removes every build directory
#? make dist            source archive of HEAD
#? make compile_commands.json    for editors and clang tools
#? Settings: V=1 shows commands, DEV=1 is -Werror, SAN=address,undefined has its own O,
#?           CC, CFLAGS, LDFLAGS are yours; ours are added; STATIC_LIBS= links shared libraries only
