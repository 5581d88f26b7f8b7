#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=vm
# shellcheck disable=SC2016 # what is in single quotes is expanded inside
# Limits as the kernel enforces them: only a vm node has every controller of cgroup v2. Machines are slow there,
# so all tests share two small VEs; limits are changed while they run, and put back by setup.
load lib/node

setup_file() {
	node_setup_file
	export A B CG
	A=$(file_ctid) B=$(file_ctid 1) CG=$(cgroup_root)/vz
	VE_TEMPLATE=tiny ve_start "$A" --ipadd "$(ve_ip 1)" --ipadd "$(ve_ip6 1)" >&2
	ve_start "$B" --ipadd "$(ve_ip 2)" >&2
}

# A test that fails half-way must not cost the others their containers.
setup() {
	requires vm template-tiny cgroup-memory cgroup-cpu cgroup-pids cgroup-cpuset
	local id
	for id in "$A" "$B"; do
		ve_is "$id" "exist mounted running" || vz start "$id"
		vz set "$id" --ram 256M --swap 512M --numproc 200 --cpulimit 0 --cpus 0 --cpuunits 1000 --cpumask all --save
	done
}

# what the tests leave running inside ends with their VEs
teardown() { :; }

cg() { cat "$CG/$1/$2"; }                                        # CTID FILE
cg_key() { sed -n "s/^$3 //p" "$CG/$1/$2"; }                     # CTID FILE KEY
conf() { sed -n "s/^$2=\"\(.*\)\"/\1/p" "/etc/vz/conf/$1.conf"; } # CTID KEY
# limits CTID: what is in force, in one line
limits() { echo "$(cg "$1" memory.max) $(cg "$1" memory.swap.max) $(cg "$1" pids.max) $(cg "$1" cpu.max) $(cg "$1" cpu.weight)"; }

# A busy loop in a VE, which ends with it or with spin_end.
spin() { vz exec2 "$1" 'while :; do :; done </dev/null >/dev/null 2>&1 & echo $! >/tmp-spin'; }
spin_end() { vz exec2 "$1" 'kill -9 $(cat /tmp-spin)'; }

# used SECONDS CTID...: CPU time each took meanwhile, in microseconds, and last the time that went by
used() {
	local s=$1 id before=() after=() t0 t1
	shift
	t0=${EPOCHREALTIME/./}
	for id; do before+=("$(cg_key "$id" cpu.stat usage_usec)"); done
	sleep "$s"
	t1=${EPOCHREALTIME/./}
	for id; do after+=("$(cg_key "$id" cpu.stat usage_usec)"); done
	for id in "${!before[@]}"; do echo $((after[id] - before[id])); done
	echo $((t1 - t0))
}

@test "memory beyond PHYSPAGES kills inside the VE only" {
	vz set "$A" --ram 24M --swap 0
	local before other
	before=$(cg_key "$A" memory.events oom_kill) other=$(cg_key "$B" memory.events oom_kill)
	vz 137 exec2 "$A" 'exec dd if=/dev/zero of=/dev/null bs=100M count=1' || assert_eq "$status" 3
	assert_num "$(cg_key "$A" memory.events oom_kill)" gt "$before" "oom_kill of the VE"
	assert_eq "$(cg_key "$B" memory.events oom_kill)" "$other" "oom_kill of another VE"
	# atomic allocations and those that must not fail pass memory.max for a moment, some pages at a time
	# (Documentation/admin-guide/cgroup-v2.rst)
	assert_num "$(cg "$A" memory.peak)" le $(((24 << 20) + (256 << 10))) "memory.peak"
	in_ve "$A" true
	in_ve "$B" true
	# files in memory are memory, too: the write fails or is killed, it does not grow
	vz exec2 "$A" 'dd if=/dev/zero of=/dev/shm/f bs=1M count=60' || true
	assert_num "$(cg "$A" memory.current)" le $((24 << 20)) "memory.current"
	in_ve "$A" 'rm -f /dev/shm/f'
}

@test "CPULIMIT holds within 5 %" {
	vz set "$A" --cpulimit 30
	assert_eq "$(cg "$A" cpu.max)" "30000 100000"
	spin "$A"
	local t permille
	mapfile -t t < <(used 10 "$A")
	spin_end "$A"
	permille=$((t[0] * 1000 / t[1]))
	echo "used ${t[0]} us of ${t[1]} us: $permille per mille"
	assert_num "$permille" ge 285 "per mille of a CPU"
	assert_num "$permille" le 315 "per mille of a CPU"
}

@test "CPUUNITS 1:3 share a busy CPU 1:3 within 15 %" {
	# one CPU for both; what one leaves the other takes, so both have to be busy all the time
	vz set "$A" --cpuunits 1000 --cpumask 0
	vz set "$B" --cpuunits 3000 --cpumask 0
	assert_eq "$(cg "$A" cpu.weight):$(cg "$B" cpu.weight)" 100:300
	spin "$A"
	spin "$B"
	local t permille
	mapfile -t t < <(used 10 "$A" "$B")
	spin_end "$A"
	spin_end "$B"
	permille=$((t[1] * 1000 / t[0]))
	echo "used ${t[0]} and ${t[1]} us of ${t[2]} us: 1000 to $permille"
	assert_num $(((t[0] + t[1]) * 1000 / t[2])) ge 800 "per mille of the CPU that both had"
	assert_num "$permille" ge 2550 "of the one per mille of the other"
	assert_num "$permille" le 3450 "of the one per mille of the other"
}

@test "CPUS caps, and the smaller of it and CPULIMIT holds" {
	vz set "$A" --cpus 1
	assert_eq "$(cg "$A" cpu.max)" "100000 100000"
	vz set "$A" --cpus 1 --cpulimit 40
	assert_eq "$(cg "$A" cpu.max)" "40000 100000"
	vz set "$A" --cpus 1 --cpulimit 250
	assert_eq "$(cg "$A" cpu.max)" "100000 100000"
	vz set "$A" --cpumask 0
	assert_eq "$(cg "$A" cpuset.cpus.effective)" 0
	# what the file has already, but the running VE has not
	vz set "$A" --cpus 0 --cpulimit 0 --save
	assert_match 'No changes'
	assert_eq "$(cg "$A" cpu.max)" "max 100000"
}

@test "a fork bomb stops at NUMPROC; the host does not mind, stop ends it in bounded time" {
	vz set "$A" --numproc 40
	vz exec2 "$A" '(while :; do sleep 1000 & done) </dev/null >/dev/null 2>&1 &'
	bomb_hits() { [ "$(cg_key "$A" pids.events max)" -gt 0 ]; }
	wait_until 60 bomb_hits
	assert_num "$(cg "$A" pids.current)" le 40 "pids.current"
	cmd 0 /bin/true
	in_ve "$B" true
	local start=$SECONDS
	vz stop "$A"
	assert_num $((SECONDS - start)) le 60 "seconds to stop"
	ve_status "$A" "exist unmounted down"
}

@test "a set that fails in the middle leaves what was in force" {
	vz set "$A" --ram 48M --cpulimit 60
	local before
	before=$(limits "$A")
	# memory is applied before the CPU, whose set does not exist
	vz 2 set "$A" --ram 64M --cpumask 900
	assert_eq "$(limits "$A")" "$before"
}

@test "set changes a running VE at once; --save and only that is there after a restart" {
	vz set "$B" --ram 128M --swap 0 --numproc 60 --cpulimit 50 --cpuunits 2000
	assert_match 'not saved'
	assert_eq "$(limits "$B")" "134217728 0 60 50000 100000 200"
	assert_eq "$(conf "$B" NUMPROC)" 200:200
	vz set "$B" --numproc 70 --cpulimit 45 --save
	assert_eq "$(conf "$B" CPULIMIT)" 45
	vz restart "$B" --fast
	assert_eq "$(limits "$B")" "268435456 536870912 70 45000 100000 100"
	# and what is in use is told from the inside of these limits
	cmd 0 vzlist -H -o numproc,numproc.l,cpulimit "$B"
	assert_match '^ +[1-9][0-9]* +70 +45$'
}

@test "a VE cannot lift its limits: not in its own root, nothing above is there" {
	local f before
	before=$(limits "$A")
	for f in memory.max memory.swap.max memory.low pids.max cpu.max cpu.weight cpuset.cpus cgroup.freeze; do
		vz 1 exec2 "$A" "{ echo max || echo 1; } >/sys/fs/cgroup/$f"
		vz 1 exec2 "$A" "echo 1 >/sys/fs/cgroup/$f"
		vz 1 exec2 "$A" "mkdir /sys/fs/cgroup/../../$f"
	done
	in_ve "$A" 'cat /proc/1/cgroup /proc/self/cgroup; ls -d /sys/fs/cgroup/*/'
	refute_match '\.\.'
	refute_match "/$A"
	# a second mount shows the same root, not the host's
	in_ve "$A" 'mkdir -p /c && mount -t cgroup2 none /c && ls /c && umount /c'
	assert_line vz.enter
	refute_match '(^|[^.])vz$'
	# what it may do is to limit itself further
	in_ve "$A" 'cd /sys/fs/cgroup && mkdir -p sub && rmdir sub'
	assert_eq "$(limits "$A")" "$before"
}
