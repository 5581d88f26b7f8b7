# Sources of libvz, by rank; a file is in the build when it stands here.
LIBVZ_SRCS += $(sort $(wildcard libvz/base/*.c libvz/os/*.c libvz/mech/*/*.c libvz/conf/*.c libvz/ve/*.c libvz/api/*.c))

# The numbers of system calls, looked up once.
$(O)/tests/build/sec_numbers: tests/build/sec_numbers.c libvz/mech/sec/seccomp_table.c libvz/mech/sec/table.h $(O)/flags
	$(Q)mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(CPPFLAGS) $(CFLAGS) -o $@ $(filter %.c,$^) -lseccomp
$(O)/gen/sec_numbers.h: $(O)/tests/build/sec_numbers
	$(Q)mkdir -p $(@D) && $< >$@
$(O)/libvz/mech/sec/seccomp.o: $(O)/gen/sec_numbers.h
