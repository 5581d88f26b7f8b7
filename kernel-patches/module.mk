# The kernel: patches of 6.12/ on Debian's source, built and tested under $VZ_CACHE/kernel.
KERNEL_CONFIG ?= vm+ve
#?
#? make kernel          the patched kernel for vm nodes (KERNEL_CONFIG=vm+ve); prints what VZ_BED_KERNEL takes
kernel:
	@kernel-patches/build $(KERNEL_CONFIG)
#? make kernel-check    the series: git am, checkpatch, builds of each patch, W=1, sparse
kernel-check:
	@tests/run --summary kernel-check --kernel-check
#? make kernel-test     the series' selftests in QEMU
kernel-test:
	@tests/run --summary kernel-test --kernel-test
.PHONY: kernel kernel-check kernel-test
