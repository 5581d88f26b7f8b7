# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# requires WORD...: skip the test, with the word first in the reason, where the environment lacks something.
# Skips are counted against tests/skips.allowed; an unknown word is a bug of the test.

requires() {
	local word why
	for word; do
		why=$(requires_missing "$word") || {
			echo "FAIL: requires: unknown word '$word'"
			return 1
		}
		[ -z "$why" ] || skip "$word: $why"
	done
}

# Prints why WORD is not fulfilled, nothing when it is; 1: no such word.
requires_missing() {
	case $1 in
	root) [ "$(id -u)" -eq 0 ] || echo "needs root" ;;
	node) [ "${VZ_TEST_ENV:-plain}" != plain ] || echo "needs a node of the test bed (tests/run --ns)" ;;
	vm) [ "${VZ_TEST_ENV:-}" = vm ] || echo "needs a vm node (tests/run --vm)" ;;
	peer) [ -n "${VZ_TEST_PEER:-}" ] || echo "needs a second node" ;;
	cgroup-memory | cgroup-cpu | cgroup-pids | cgroup-io | cgroup-cpuset)
		grep -qw "${1#cgroup-}" "$(cgroup_root)/cgroup.controllers" || echo "no cgroup v2 controller ${1#cgroup-}"
		;;
	no-ve-counters) [ ! -e /proc/user_beancounters ] || echo "this kernel has beancounters" ;;
	ve-counters) [ -e /proc/user_beancounters ] || echo "a kernel without our beancounters" ;;
	template-*) [ -e "$(template_file "${1#template-}")" ] || echo "no template ${1#template-} was offered" ;;
	mirror) [ -n "${BED_MIRROR:-}" ] || echo "no Debian archive can be reached" ;;
	vm-tools) "$BED" deps --vm >/dev/null 2>&1 3>&- || echo "bed deps --vm --install gets what is missing" ;;
	vz-criu) [ -x "${VZ_TEST_CRIU:-/usr/libexec/vz/vz-criu}" ] || echo "CRIU with our series is not installed (make criu)" ;;
	kpatch) [ -e /proc/vz/veinfo ] || echo "the kernel does not have our series (make check-vm KERNEL=patched)" ;;
	criu | nft | jq | scdoc | mmdebstrap) command -v "$1" >/dev/null || echo "$1 is not installed" ;;
	*) return 1 ;;
	esac
}

cgroup_root() { findmnt -n -t cgroup2 -o TARGET | head -n 1; }
template_file() { compgen -G "/vz/template/cache/$1.tar*" | head -n 1; }
