# CRIU with our patches: built on demand, in a cache outside of the tree; installed when it is there.
INSTALL_LATE += o|$(shell tests/build/criu path)|$(libexecdir)/vz/vz-criu

#?
#? make criu            CRIU with criu-patches/, from Debian's archive; make install then takes it along
criu:
	@tests/build/criu build
.PHONY: criu
