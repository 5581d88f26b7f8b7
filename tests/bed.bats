# SPDX-License-Identifier: GPL-2.0-or-later
#
# The test bed itself. Works on a bed of its own, beside others on the machine. Run as root on
# the machine, not in a node:  bats tests/bed.bats   (--filter-tags ns: without QEMU)

# shellcheck disable=SC2016,SC2094 # expanded in the node; cmp only reads
bats_require_minimum_version 1.8.0
load lib/requires

setup_file() {
	[ "$EUID" -eq 0 ] || {
		echo "run these as root"
		return 1
	}
	export VZ_BED_STATE=$BATS_FILE_TMPDIR/bed
	export BED=$BATS_TEST_DIRNAME/bed
	machine_state >"$BATS_FILE_TMPDIR/before"
}

teardown_file() {
	[ "$EUID" -eq 0 ] || return 0
	"$BED" down --all 3>&-
	machine_state | diff "$BATS_FILE_TMPDIR/before" -
}

teardown() {
	[ ! -e "$BATS_TEST_TMPDIR/bed" ] || VZ_BED_STATE=$BATS_TEST_TMPDIR/bed bed down --all
}

bed() { "$BED" "$@" 3>&-; }

bed_cgroup() { # STATE
	local id
	id=$(printf %s "$1" | sha256sum)
	find /sys/fs/cgroup -maxdepth 2 -name "vz-bed.${id:0:8}"
}

# What a bed must leave as it was. All its processes live in its cgroup, which goes with the
# last of them.
machine_state() {
	cat /proc/self/mounts
	ip -o link
	losetup -n -O NAME,BACK-FILE
	bed_cgroup "$VZ_BED_STATE"
	find "$VZ_BED_STATE" 2>/dev/null || true
}

need_ns() {
	local name
	for name in "$@"; do
		bed exec "$name" true 2>/dev/null || bed up --no-install "$name"
	done
}

need_vm() {
	bed deps --vm # tells what is missing; bed deps --vm --install gets it
	bed exec "$1" true 2>/dev/null || bed up --no-install --vm "$1"
}

assert_eq() {
	[ "$1" = "$2" ] || {
		printf 'got      %q\nexpected %q\n' "$1" "$2"
		return 1
	}
}

wait_dead() {
	for _ in {1..100}; do
		[ "$(bed list --json | jq -r ".[] | select(.name == \"$1\").state")" != dead ] || return 0
	done
	return 1
}

# --- both kinds ----------------------------------------------------------------------------

check_exec() {
	local node=$1
	run -37 bed exec "$node" -- sh -c 'echo out; echo err >&2; exit 37'
	assert_eq "$output" $'out\nerr'
	assert_eq "$(bed exec "$node" -- sh -c 'echo out; echo err >&2' 2>/dev/null)" out
	assert_eq "$(printf 'a b\n\001' | bed exec "$node" cat | od -An -c)" "$(printf 'a b\n\001' | od -An -c)"
	assert_eq "$(bed exec "$node" printf '%s|' 'a b' '' '$HOME')" 'a b||$HOME|'
	run -127 bed exec "$node" no-such-command
	run -137 bed exec "$node" -- sh -c 'kill -KILL $$'
}

check_exec_big() {
	head -c 3000000 /dev/urandom >"$BATS_TEST_TMPDIR/data"
	bed exec "$1" cat <"$BATS_TEST_TMPDIR/data" | cmp - "$BATS_TEST_TMPDIR/data"
}

check_exec_ends() {
	run -124 timeout 2 "$BED" exec "$1" sleep 98765 3>&-
	for _ in {1..50}; do
		bed exec "$1" pgrep -f '^sleep 98765' || return 0
	done
	return 1
}

check_shell() {
	printf 'tty; stty size; exit 3\n' >"$BATS_TEST_TMPDIR/in"
	run -3 timeout 60 script -q -e -c "stty rows 33 cols 99; '$BED' shell $1" /dev/null <"$BATS_TEST_TMPDIR/in" 3>&-
	[[ $output == */dev/pts/* && $output == *'33 99'* ]]
}

check_orphans() {
	bed exec "$1" -- sh -c '(sleep 0.1 & sleep 0.1 & sleep 0.1 &)'
	for _ in {1..50}; do
		[ "$(bed exec "$1" -- ps -A -o stat= | grep -c ^Z)" != 0 ] || return 0
	done
	return 1
}

check_environment() {
	assert_eq "$(bed exec "$1" hostname)" "$1"
	bed exec "$1" -- sh -c 'touch "$TMPDIR/x" /cache/from-test && rm "$TMPDIR/x" /cache/from-test'
	run -1 bed exec "$1" touch /src/x
	bed exec "$1" test -x /src/tests/bed
	assert_eq "$(bed exec "$1" -- stat -f -c %T /vz)" "$(bed exec "$1" -- stat -f -c %T /var/tmp)"
	run ! bed exec "$1" -- grep -E ' /vz overlay| /(proc|sys)/[^ ]* (tmpfs|proc)' /proc/mounts
}

# VEs mount their own proc and sysfs, which the kernel allows only where both are seen whole.
check_nested() {
	bed exec "$1" -- unshare -U -r -m -p -i -n -u -C -f sh -ec \
		'mount -t proc p /mnt; mount -t sysfs s /media; mount -t cgroup2 c /opt; test -e /opt/cgroup.procs'
	bed exec "$1" -- sh -ec 'mkdir /sys/fs/cgroup/t; echo 1 >/sys/fs/cgroup/t/cgroup.kill; rmdir /sys/fs/cgroup/t
		test -z "$(cat /proc/1/cgroup | grep -v "/init\$" | grep ^0)"'
}

check_mirror() {
	bed exec "$1" -- sh -c 'curl -sS --fail "$BED_MIRROR/dists/trixie/Release"' | grep -x 'Codename: trixie'
	bed exec "$1" -- curl -sS --fail "$(bed mirror)/dists/trixie/Release" >/dev/null
}

# --- ns nodes ------------------------------------------------------------------------------

# bats test_tags=ns
@test "ns: two nodes come up, know and reach each other" {
	bed up --no-install n1 n2
	bed exec n1 ping -q -c 1 -W 5 n2
	bed exec n2 ping -q -c 1 -W 5 n1
	bed exec n1 ping -q -6 -c 1 -W 5 n2
	run -1 bed up --no-install n1
	assert_eq "$output" "bed: node 'n1' is up already"
}

# bats test_tags=ns
@test "ns: list tells name, kind, state and addresses" {
	need_ns n1 n2
	assert_eq "$(bed list --json | jq -c 'sort_by(.name) | map([.name, .kind, .state, (.pid > 0)])')" \
		'[["n1","ns","up",true],["n2","ns","up",true]]'
	assert_eq "$(bed list --json | jq -r '.[] | select(.name == "n1").addr')" "$(bed exec n1 printenv BED_ADDR)"
}

# bats test_tags=ns
@test "ns: exec passes arguments, stdio and exit status" {
	need_ns n1
	check_exec n1
	check_exec_big n1
}

# bats test_tags=ns
@test "ns: a command ends with its bed exec" {
	need_ns n1
	check_exec_ends n1
}

# bats test_tags=ns
@test "ns: a shell has a terminal of its own" {
	need_ns n1
	check_shell n1
}

# bats test_tags=ns
@test "ns: orphans are reaped" {
	need_ns n1
	check_orphans n1
}

# bats test_tags=ns
@test "ns: environment and mounts" {
	need_ns n1
	check_environment n1
}

# bats test_tags=ns
@test "ns: a VE can mount proc, sysfs and cgroup2 of its own" {
	need_ns n1
	check_nested n1
}

# bats test_tags=ns
@test "ns: criu works" {
	need_ns n1
	bed exec n1 criu check
}

# bats test_tags=ns
@test "ns: the archive is reachable" {
	need_ns n1
	check_mirror n1
}

# bats test_tags=ns
@test "ns: apt works against the mirror" {
	need_ns n2
	bed exec n2 -- sh -ec 'echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $BED_MIRROR trixie main" >/etc/apt/sources.list
		apt-get -q -o Acquire::Check-Date=false -o Acquire::Check-Valid-Until=false update
		apt-get -q -y install --no-install-recommends hello; hello'
}

# bats test_tags=ns
@test "ns: vz installed again leaves the node's configuration as it is" {
	need_ns n1
	bed install n1
	bed exec n1 -- sh -c 'echo "# mine" >>/etc/vz/vz.conf; rm /etc/vz/download.conf /usr/sbin/vzctl'
	bed install n1
	assert_eq "$(bed exec n1 -- tail -n 1 /etc/vz/vz.conf)" '# mine'
	bed exec n1 -- sh -c 'test -s /etc/vz/download.conf -a -x /usr/sbin/vzctl'
}

# bats test_tags=ns
@test "ns: an address that nobody has is refused at once, the machine's network is out of reach" {
	need_ns n1
	run -1 bed exec n1 ping -c 1 -W 5 192.0.2.200
	[[ $output == *nreachable* ]]
}

# bats test_tags=ns
@test "ns: a node whose processes were killed is dead, and comes up again" {
	need_ns n1
	kill -KILL "$(bed list --json | jq '.[] | select(.name == "n1").pid')"
	wait_dead n1
	run -1 bed exec n1 true
	assert_eq "$output" "bed: node 'n1' is dead"
	bed up --no-install n1
	bed exec n1 ping -q -c 1 -W 5 n1
}

# bats test_tags=ns
@test "ns: bed up killed at any moment leaves nothing that bed down does not find" {
	local state=$BATS_TEST_TMPDIR/bed delay pid
	for delay in 0.05 0.1 0.15 0.2 0.25 0.3 0.35 0.4 0.6; do
		VZ_BED_STATE=$state "$BED" up --no-install k1 k2 2>/dev/null 3>&- &
		pid=$!
		sleep "$delay"
		kill -KILL "$pid" || true
		wait "$pid" || true
		VZ_BED_STATE=$state bed down --all
		[ ! -e "$state" ]
		assert_eq "$(bed_cgroup "$state")" ''
	done
}

# bats test_tags=ns
@test "ns: bed up interrupted takes its half-made nodes away" {
	local state=$BATS_TEST_TMPDIR/bed pid rc=0
	VZ_BED_STATE=$state "$BED" up --no-install k1 k2 2>/dev/null 3>&- &
	pid=$!
	for _ in {1..200}; do
		[ ! -e "$state/nodes/k1/owner" ] || break
		sleep 0.01
	done
	kill -TERM "$pid"
	wait "$pid" || rc=$?
	assert_eq "$rc" 143
	assert_eq "$(VZ_BED_STATE=$state bed list --json)" '[]'
	VZ_BED_STATE=$state bed down --all
}

# bats test_tags=ns
@test "misuse is told in one line" {
	run -2 bed up
	run -2 bed up UPPER
	run -2 bed frobnicate
	run -1 bed exec nosuch true
	assert_eq "$output" "bed: no node 'nosuch'; see 'bed list'"
	run -2 bed exec
}

# --- vm nodes ------------------------------------------------------------------------------

# bats test_tags=vm
@test "vm: a node comes up and has every cgroup controller" {
	need_vm v1
	local c
	for c in cpuset cpu io memory pids; do
		bed exec v1 grep -q -w $c /sys/fs/cgroup/cgroup.subtree_control
	done
	assert_eq "$(bed list --json | jq -r '.[] | select(.name == "v1") | "\(.kind) \(.state)"')" "vm up"
}

# bats test_tags=vm
@test "vm: exec passes arguments, stdio and exit status" {
	need_vm v1
	check_exec v1
	check_exec_big v1
}

# bats test_tags=vm
@test "vm: a shell has a terminal of its own" {
	need_vm v1
	check_shell v1
}

# bats test_tags=vm
@test "vm: many commands at the same time" {
	need_vm v1
	local i
	for i in {1..40}; do bed exec v1 echo "$i" >"$BATS_TEST_TMPDIR/$i" & done
	wait
	for i in {1..40}; do assert_eq "$(cat "$BATS_TEST_TMPDIR/$i")" "$i"; done
}

# bats test_tags=vm
@test "vm: a command ends with its bed exec, also one that floods us" {
	need_vm v1
	check_exec_ends v1
	for _ in {1..20}; do bed exec v1 yes 2>/dev/null | head -c 100000 >/dev/null; done
	assert_eq "$(bed exec v1 echo well)" well
	check_orphans v1
}

# bats test_tags=vm
@test "vm: environment and mounts" {
	need_vm v1
	check_environment v1
	check_nested v1
	bed exec v1 -- grep ' /vz ext4 .*prjquota' /proc/mounts
}

# bats test_tags=vm
@test "vm: network to an ns node and to the archive" {
	need_vm v1
	need_ns n1
	bed exec v1 ping -q -c 1 -W 10 n1
	bed exec n1 ping -q -c 1 -W 10 v1
	check_mirror v1
}

# bats test_tags=vm
@test "vm: modules load on demand" {
	need_vm v1
	bed exec v1 -- bash -ec 'ip link add t0 type netkit; ip link del t0; nft add table inet t; nft delete table inet t
		mkdir -p /tmp/{l,u,w,m}; mount -t overlay o -o lowerdir=/tmp/l,upperdir=/tmp/u,workdir=/tmp/w /tmp/m; umount /tmp/m'
}

# bats test_tags=vm
@test "vm: a memory limit is enforced" {
	need_vm v1
	run -137 bed exec v1 -- sh -ec 'mkdir /sys/fs/cgroup/m; echo 20M >/sys/fs/cgroup/m/memory.max
		echo $$ >/sys/fs/cgroup/m/cgroup.procs; exec python3 -c "len(bytes([1]) * 100000000)"'
	bed exec v1 -- sh -ec 'grep "oom_kill [1-9]" /sys/fs/cgroup/m/memory.events; rmdir /sys/fs/cgroup/m'
}

# bats test_tags=vm
@test "vm: a killed QEMU is a dead node, and down clears it" {
	need_vm v1
	kill -KILL "$(bed list --json | jq '.[] | select(.name == "v1").pid')"
	wait_dead v1
	run -1 bed exec v1 true
	assert_eq "$output" "bed: node 'v1' is dead"
	bed down v1
}
