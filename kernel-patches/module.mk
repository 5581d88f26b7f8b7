# The kernel: patches of 6.12/ on Debian's source, built and tested under $VZ_CACHE/kernel.
KERNEL_CONFIG ?= vm+ve
#?
#? make kernel          the patched kernel for vm nodes (KERNEL_CONFIG=vm+ve); prints what VZ_BED_KERNEL takes
kernel:
	@kernel-patches/build $(KERNEL_CONFIG)
#? make kernel-check    the series: git am, checkpatch, builds of each patch, W=1, sparse
kernel-check:
	@tests/run --summary kernel-check --kernel-check
#? make kernel-test     the series' selftests in QEMU, and that without a VE nobody sees a difference
kernel-test:
	@tests/run --summary kernel-test --kernel-test --kernel-compare
#? make kernel-bench    what the series costs: patched against unpatched, instructions and time; BENCH="--topics"
kernel-bench:
	@kernel-patches/bench $(BENCH)
#? make kernel-stress   a kernel that watches itself (KASAN, lockdep, PROVE_RCU, kmemleak), all at once for 5 minutes (STRESS=300)
kernel-stress: export VE_STRESS_SECONDS = $(or $(STRESS),300)
kernel-stress:
	@tests/run --summary kernel-stress --kernel-stress
#? make deb-kernel      the patched kernel as packages for Debian 13 hosts: Debian's configuration and ours (hours; DEB_CONFIG=tiny+ve tries it)
deb-kernel:
	@kernel-patches/deb $(DEB_CONFIG)
.PHONY: kernel kernel-check kernel-test kernel-bench kernel-stress deb-kernel
