# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Once per bats run: offer the templates, take the baseline; at the end nothing may be left of all tests.
bats_require_minimum_version 1.8.0

setup_suite() {
	# shellcheck source=tests/lib/node.bash
	. "$(dirname "${BASH_SOURCE[0]}")/lib/node.bash"
	export VZ_TEST_ENV
	in_node || return 0
	[ -e /vz ] || mkdir /vz
	# emulated machines are an order of magnitude slower; a fork and exec tells which one this is
	VZ_SLOW=1
	local start=${EPOCHREALTIME/./}
	for _ in 1 2 3 4 5 6 7 8 9 10; do /bin/true; done
	[ $((${EPOCHREALTIME/./} - start)) -lt 150000 ] || VZ_SLOW=10
	export VZ_SLOW VZ_TIMEOUT=$((60 * VZ_SLOW))
	# the machine's v2 hierarchy may lack the controllers that samples set limits for: not what is tested there
	[ -z "$(requires_missing cgroup-memory)" ] ||
		sed -i 's/^CGROUP_MISSING=.*/CGROUP_MISSING="warn"/' /etc/vz/vz.conf
	local t name file
	mkdir -p /vz/template/cache
	for t in ${VZ_TEST_TEMPLATES:-}; do
		name=${t%%=*} file=${t#*=}
		cp --reflink=auto "$file" "/vz/template/cache/$name.tar.zst"
	done
	leak_baseline "$BATS_SUITE_TMPDIR/before"
}

teardown_suite() {
	# shellcheck source=tests/lib/node.bash
	. "$(dirname "${BASH_SOURCE[0]}")/lib/node.bash"
	! in_node || leak_check "$BATS_SUITE_TMPDIR/before"
}
