# What proves that vz works; each target's work is a script of tests/ that can be run by hand.
UNIT_SRCS := $(wildcard tests/unit/test_*.c)
FUZZ_SRCS := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_MAIN := tests/fuzz/replay.c
WORKLOADS := $(patsubst %.c,$(O)/%,$(wildcard tests/workload/*.c))

#?
#? make check           unit tests, fuzz corpora, bats tests that need no root and no node
#? make check-root      unit tests that need root
check: all $(UNIT) $(FUZZ)
	@O=$(O) tests/run --summary check --unit --fuzz --plain
check-root: all $(UNIT)
	@O=$(O) tests/run --summary check-root --unit
#? make test            everything: lint, unit, fuzz, bats in an ns node and in a vm node
test: all $(UNIT) $(FUZZ) $(WORKLOADS)
	@O=$(O) tests/run --summary test --lint --unit --fuzz --plain --ns --vm
#? make lint            tests/lint: every rule that a program can check
lint: export BASE_FLAGS = $(filter-out -M%,$(BASE_CFLAGS)) $(BASE_CPPFLAGS)
lint: all
	@O=$(O) CC='$(CC)' tests/run --summary lint --lint
# gcc 12 knows nothing of what another file's function does with a pointer: what it says of leaks and NULL across
# files is guesswork (SAN=address,undefined finds them for real); use after free, double free and the like stay.
FANALYZER := -fanalyzer -Wno-analyzer-malloc-leak -Wno-analyzer-null-dereference -Wno-analyzer-null-argument \
	-Wno-analyzer-use-of-uninitialized-value -Wno-analyzer-file-leak -Wno-format-truncation
#? make analyze         clang-tidy and gcc -fanalyzer, file by file, kept until a file changes
analyze: $(LIBVZ_SRCS:%.c=$(O)/analyze/%.tidy) $(VZCTL_OBJS:$(O)/%.o=$(O)/analyze/%.tidy) \
	$(LIBVZ_SRCS:%.c=$(O)/analyze/%.gcc) $(VZCTL_OBJS:$(O)/%.o=$(O)/analyze/%.gcc)
$(O)/analyze/%.tidy: %.c $(O)/%.o .clang-tidy
	$(Q)mkdir -p $(@D)
	$(call say,TIDY,$<)clang-tidy --quiet --warnings-as-errors='*' $< -- $(BASE_CPPFLAGS) -std=gnu11 >$@.out 2>$@.err \
		|| { cat $@.out; grep -v 'warnings' $@.err; exit 1; }
	$(Q)touch $@
$(O)/analyze/%.gcc: %.c $(O)/%.o
	$(Q)mkdir -p $(@D)
	$(call say,ANALYZE,$<)gcc $(BASE_CPPFLAGS) $(BASE_CFLAGS) -O1 -Werror $(FANALYZER) -c -o /dev/null $<
	$(Q)touch $@
#? make format          C files through clang-format
format:
	git ls-files -co --exclude-standard '*.[ch]' | xargs clang-format -i -style=file
workloads: $(WORKLOADS)
$(WORKLOADS): $(O)/%: %.c
	$(Q)mkdir -p $(@D)
	$(call say,LD,$@)$(CC) -std=gnu11 -O2 -g -Wall -Wextra -D_GNU_SOURCE -static -pthread -o $@ $<
.PHONY: check check-root test lint analyze format workloads
