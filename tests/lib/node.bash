# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# All a test file loads: "load lib/node". Gives each test CTIDs, addresses and names of its own, destroys
# what it made, and checks at the file's end that nothing is left (a file with own setup_file, teardown_file
# or teardown calls node_setup_file, node_teardown_file or node_teardown from there).
bats_require_minimum_version 1.8.0

VZ_TESTLIB=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
for part in vz assert requires wait leak; do
	# shellcheck disable=SC1090
	. "$VZ_TESTLIB/$part.bash"
done

# Where we are: plain, ns or vm. Someone calling bats by hand in a node is there, too.
: "${VZ_TEST_ENV:=${BED_KIND:-plain}}"
in_node() { [ "$VZ_TEST_ENV" != plain ]; }

# ctid [K]: the K-th (0..9) of ten CTIDs which are this test's only. A file's tests may share one: file_ctid.
ctid() { echo $((1000 + BATS_SUITE_TEST_NUMBER * 10 + ${1:-0})); }
# file_ctid [K]: of ten that are this file's, by the number in its name; for what setup_file makes.
file_ctid() {
	local n
	n=$(basename "$BATS_TEST_FILENAME")
	n=${n%%-*}
	echo $((500000 + 10#$n * 10 + ${1:-0}))
}
# safename [WORD]: a name that tells whose test made the thing.
safename() { echo "t${BATS_SUITE_TEST_NUMBER:-f}${1:+-$1}"; }
# ve_ip K: the K-th address of those that the bed routes to this node's VEs; ve_ip6 likewise.
ve_ip() {
	local net=${BED_VES%/*}
	echo "${net%.*}.$((${net##*.} + 10 + $1))"
}
ve_ip6() {
	local net=${BED_VES6%/*}
	echo "${net%::}::$((10 + $1))"
}

# fake_host: a vz.conf and directories of the test's own, for tools that only look at files. No root needed.
fake_host() {
	export VZ_CONF_DIR=$BATS_TEST_TMPDIR/etc
	local v=$BATS_TEST_TMPDIR/vz
	mkdir -p "$VZ_CONF_DIR"/{conf,names,dists} "$v"/{private,root,template/cache,lock,dump,run}
	cat >"$VZ_CONF_DIR/vz.conf" <<-CONF
		VIRTUOZZO=yes
		LOCKDIR=$v/lock
		DUMPDIR=$v/dump
		TEMPLATE=$v/template
		RUNDIR=$v/run
		VE_ROOT=$v/root/\$VEID
		VE_PRIVATE=$v/private/\$VEID
		LOGGING=no
	CONF
}

# ve_create CTID [OPTION...]: of the smallest template; VE_TEMPLATE names another one. ve_start: and runs.
ve_create() {
	local id=$1
	shift
	vz create "$id" --ostemplate "${VE_TEMPLATE:-tiny}" "$@"
}
ve_start() {
	ve_create "$@"
	vz start "$1"
}
# ve_status CTID WORDS: what vzctl status says behind the CTID
ve_status() {
	vz status "$1"
	assert_output "CTID $1 $2"
}
# ve_is CTID WORDS: the same as a condition, for wait_until
ve_is() { [ "$(vzctl status "$1" 3>&-)" = "CTID $1 $2" ]; }

# ve_destroy CTID...: whatever state they are in; says nothing of those that are not there.
ve_destroy() {
	local id
	for id; do
		[ -e "/etc/vz/conf/$id.conf" ] || [ -d "/vz/private/$id" ] || continue
		timeout 60 vzctl stop "$id" --fast >/dev/null 2>&1 3>&- || true
		timeout 60 vzctl umount "$id" >/dev/null 2>&1 3>&- || true
		timeout 60 vzctl destroy "$id" 3>&- || true
	done
}

node_setup_file() { ! in_node || leak_baseline "$BATS_FILE_TMPDIR/before"; }
node_teardown() {
	in_node || return 0
	local id
	for ((id = $(ctid); id <= $(ctid 9); id++)); do ve_destroy "$id"; done
}
node_teardown_file() {
	in_node || return 0
	local id
	for ((id = $(file_ctid); id <= $(file_ctid 9); id++)); do ve_destroy "$id"; done
	leak_check "$BATS_FILE_TMPDIR/before"
}
setup_file() { node_setup_file; }
teardown() { node_teardown; }
teardown_file() { node_teardown_file; }
