# What proves that vz works; each target's work is a script of tests/ that can be run by hand.
UNIT_SRCS := $(wildcard tests/unit/test_*.c)
FUZZ_SRCS := $(wildcard tests/fuzz/fuzz_*.c)
UNIT := $(UNIT_SRCS:%.c=$(O)/%)
FUZZ := $(FUZZ_SRCS:%.c=$(O)/%)
FUZZ_MAIN := tests/fuzz/replay.c
WORKLOADS := $(patsubst %.c,$(O)/%,$(wildcard tests/workload/*.c))

#?
#? make check           unit tests, fuzz corpora and bats tests that need neither root nor a node
check: all $(UNIT) $(FUZZ)
	@O=$(O) tests/run --summary check --unit --fuzz --plain
#? make check-root      unit tests as root, bats tests in an ns node; FILES="tests/101-x.bats" narrows
check-root: all $(UNIT) $(WORKLOADS)
	@O=$(O) tests/run --summary check-root --unit-root --ns $(FILES)
#? make check-vm        bats tests that need all of cgroup v2, in a vm node; KERNEL=patched: on the kernel of make kernel,
#?                      ALL=1: those of check-root, too (an hour or two)
check-vm: all $(WORKLOADS)
	@O=$(O) KERNEL='$(KERNEL)' ALL='$(ALL)' tests/run --summary check-vm --vm $(FILES)
#? make test            everything: lint, unit, fuzz, bats plain, in an ns node and in a vm node, the kernel's selftests
test: export BASE_FLAGS = $(BASE_CFLAGS) $(BASE_CPPFLAGS)
test: all $(UNIT) $(FUZZ) $(WORKLOADS)
	@O=$(O) CC='$(CC)' tests/run --summary test \
		--lint --unit --fuzz --plain --bed --unit-root --ns --vm --kernel-test --kernel-quick
#? make mutants         every defence taken out in turn: its test has to fail (10 minutes; MUTANTS="T04*" narrows)
mutants: all $(WORKLOADS)
	@O=$(O) tests/mutants $(MUTANTS)
#? make lint            tests/lint: every rule that a program can check
lint: export BASE_FLAGS = $(BASE_CFLAGS) $(BASE_CPPFLAGS)
lint: all
	@O=$(O) CC='$(CC)' tests/run --summary lint --lint
# gcc 12 knows nothing of what another file's function does with a pointer: what it says of leaks and NULL across
# files is guesswork (SAN=address,undefined finds them for real); use after free, double free and the like stay.
FANALYZER := -fanalyzer -Wno-analyzer-malloc-leak -Wno-analyzer-null-dereference -Wno-analyzer-null-argument \
	-Wno-analyzer-use-of-uninitialized-value -Wno-analyzer-file-leak -Wno-format-truncation
#? make analyze         clang-tidy and gcc -fanalyzer, file by file, kept until a file changes
ANALYZED := $(LIBVZ_SRCS) $(wildcard vzctl/*.c)
analyze: $(ANALYZED:%.c=$(O)/analyze/%.tidy) $(ANALYZED:%.c=$(O)/analyze/%.gcc)
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
unit-programs: $(UNIT)
fuzz-programs: $(FUZZ)
workloads: $(WORKLOADS)
$(WORKLOADS): $(O)/%: %.c
	$(Q)mkdir -p $(@D)
	$(call say,LD,$@)$(CC) -std=gnu11 -O2 -g -Wall -Wextra -D_GNU_SOURCE -static -pthread $(WORKLOAD_FLAGS) -o $@ $<
$(O)/tests/workload/exe_writer: WORKLOAD_FLAGS := -nostdlib -ffreestanding -fno-stack-protector
#? make fuzz            libFuzzer on every target for FUZZ_SECONDS=20; finds are kept in build-fuzz/
fuzz:
	$(Q)$(MAKE) --no-print-directory O=build-fuzz CC=clang FUZZING=1 SAN=address,undefined \
		CFLAGS='-O1 -g -fsanitize=fuzzer-no-link' fuzz-run
fuzz-run: $(FUZZ)
	$(Q)tests/fuzz/run $(FUZZ_SECONDS) $(FUZZ)
#? make abi             what libvz.so exports, against tests/expected/libvz.abi; UPDATE=1 takes it over
abi: lib
	$(Q)tests/build/abi $(O) $(if $(UPDATE),update,check)
#? make check-compilers every compiler found here, and gcc of Debian 13, with -Werror
check-compilers:
	$(Q)tests/build/compilers
#? make bed             a node of the test bed to play in
bed:
	tests/bed deps
	tests/bed up dev
	@echo "tests/bed shell dev   enters it;   tests/bed down dev   ends it"
#? make demo            two VEs from one template, what they cost and what each step takes
demo:
	@O=$(O) tests/demo
#? make bench           the design's figures, side by side with crun and nsenter; JSON=1
bench: all workloads
	@O=$(O) tests/bench $(if $(JSON),--json)
#? make deps            install what building and testing needs (Debian 12 or 13, as root)
deps:
	tests/build/deps
.PHONY: unit-programs fuzz-programs check check-root check-vm test mutants lint analyze format workloads fuzz fuzz-run abi check-compilers \
	bed demo bench deps
