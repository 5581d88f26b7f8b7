# What proves that vz works; each target's work is a script of tests/ that can be run by hand.
UNIT_SRCS := $(wildcard tests/unit/test_*.c)
FUZZ_SRCS := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_MAIN := tests/fuzz/replay.c
WORKLOADS := $(patsubst %.c,$(O)/%,$(wildcard tests/workload/*.c))

#?
#? make check           unit tests, fuzz corpora, bats tests that need no root and no node
#? make check-root      unit tests that need root
check: all $(UNIT) $(FUZZ)
	@tests/run --summary check --unit --fuzz --plain
check-root: all $(UNIT)
	@tests/run --summary check-root --unit
#? make test            everything: lint, unit, fuzz, bats in an ns node and in a vm node
test: all $(UNIT) $(FUZZ) $(WORKLOADS)
	@tests/run --summary test --lint --unit --fuzz --plain --ns --vm
workloads: $(WORKLOADS)
$(WORKLOADS): $(O)/%: %.c
	$(Q)mkdir -p $(@D)
	$(call say,LD,$@)$(CC) -std=gnu11 -O2 -g -Wall -Wextra -D_GNU_SOURCE -static -pthread -o $@ $<
.PHONY: check check-root test workloads
