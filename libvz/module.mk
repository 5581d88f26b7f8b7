# Sources of libvz, by rank; a file is in the build when it stands here.
LIBVZ_SRCS += $(sort $(wildcard libvz/base/*.c libvz/os/*.c libvz/mech/*/*.c libvz/conf/*.c libvz/ve/*.c libvz/api/*.c))

# vz-entry, what goes into a running VE: bytes in libvz (ve/enter.c), so it links nothing where that can be done
# (os/raw.h), has no path, and is of one build with what starts it.
ENTRY := $(O)/libvz/ve/entry/vz-entry
ENTRY_FLAGS = $(BASE_CFLAGS) -Os -D_GNU_SOURCE -iquote libvz $(if $(DEV),-Werror) -fno-pic -static -s \
	-fno-stack-protector -fno-asynchronous-unwind-tables -Wl,--build-id=none -Wl,-z,noexecstack,-z,noseparate-code \
	$(if $(findstring x86_64,$(shell $(CC) -dumpmachine)),-ffreestanding -nostdlib)
$(ENTRY): libvz/ve/entry/entry.c libvz/ve/entry/entry.h libvz/os/raw.h libvz/os/shed.h libvz/module.mk $(O)/flags
	$(Q)mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(ENTRY_FLAGS) -o $@ $<
$(O)/gen/vz_entry.h: $(ENTRY)
	$(Q)mkdir -p $(@D) && { echo '/* Made by make. */'; echo 'static const unsigned char vz_entry[] = {'; \
		od -An -v -tx1 $< | sed 's/ \(..\)/0x\1,/g'; echo '};'; } >$@
$(O)/libvz/ve/enter.o: $(O)/gen/vz_entry.h

# The numbers of system calls, looked up once.
$(O)/tests/build/sec_numbers: tests/build/sec_numbers.c libvz/mech/sec/seccomp_table.c libvz/mech/sec/table.h $(O)/flags
	$(Q)mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(CPPFLAGS) $(CFLAGS) -o $@ $(filter %.c,$^) -lseccomp
$(O)/gen/sec_numbers.h: $(O)/tests/build/sec_numbers
	$(Q)mkdir -p $(@D) && $< >$@
$(O)/libvz/mech/sec/seccomp.o: $(O)/gen/sec_numbers.h
