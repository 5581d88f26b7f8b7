#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Every kind of state that a checkpoint has to keep, a process each (tests/workload/cpt_*.c) in one VE: suspended,
# restored, looked at, twice. And what cannot be kept: refused with the right words, and the VE goes on running.
# shellcheck disable=SC2016 # what is in single quotes is expanded inside
load lib/node
load lib/cpt

KINDS=(files net procs memory)

setup() {
	requires node template-tiny vz-criu
	said=''
	limits=()
}

# matrix SKIPPED... -- OPTION...: of create
matrix() {
	local may=()
	while [ "$1" != -- ]; do
		may+=("$1")
		shift
	done
	shift
	[ -e /proc/vz/veinfo ] || may+=(pressure)
	ve_create "$(ctid)" --ipadd "$(ve_ip 7)" "$@"
	[[ " $* " != *" --local_uid 0 "* ]] || vz set "$(ctid)" --features privileged:on --save
	[ ${#limits[@]} -eq 0 ] || vz set "$(ctid)" "${limits[@]}" --save
	vz start "$(ctid)"
	in_ve "$(ctid)" 'echo "0 65535" >/proc/sys/net/ipv4/ping_group_range'
	cpt_start "$(ctid)" "${KINDS[@]}"
	cpt_skipped "${may[@]}"
	vz chkpnt "$(ctid)" --check
	refute_match 'keeps a key'
	suspend_restore "$(ctid)"
	cpt_verify "$(ctid)" "${KINDS[@]}"
	# what was restored can be checkpointed again
	suspend_restore "$(ctid)"
	cpt_verify "$(ctid)" "${KINDS[@]}"
}

@test "matrix: with a user namespace" {
	matrix fanotify sched-fifo guard-pages droppable --
}

@test "matrix: without a user namespace" {
	matrix sched-fifo guard-pages droppable -- --local_uid 0 --local_gid 0
}

# bats test_tags=vm
@test "matrix: where the kernel enforces limits" {
	local file was cg
	limits=(--ram 700M --cpuunits 3000 --numproc 900)
	matrix sched-fifo guard-pages droppable fanotify net-ns nft ip-rule --
	cg=$(sed -n 's/^cgroot=//p' "/run/vz/$(ctid)/state")/$(ctid)
	for file in memory.max pids.max cpu.weight; do
		was=$(cat "$cg/$file")
		refute test "$was" = max
		echo "$file $was"
	done
	assert_num "$(cat "$cg/memory.max")" eq $((700 << 20)) memory.max
}

# refused ROW WORDS [STATUS]: a process makes what cannot be kept
refused() {
	vz "${3:-16}" chkpnt "$(ctid)"
	assert_match "$2"
	ve_status "$(ctid)" "exist mounted running"
	refute_file "/vz/dump/Dump.$(ctid)"
	in_ve "$(ctid)" cpt_refused verify /cpt "$1"
	assert_output "PASS $1"
	in_ve "$(ctid)" "kill -9 -\$(cat /cpt/$1.pid); rm -rf /cpt"
}

@test "matrix: what cannot be kept is refused in words, one by one, and then nothing is in the way" {
	local rows=(io_uring:io_uring userfaultfd:userfaultfd memfd-secret:memfd_secret seccomp-notify:'seccomp notify'
		mqueue:'message queue /cpt-queue' mptcp:'Multipath TCP' packet-pipe:'packet mode' ptrace:'traced by process'
		user-namespace:'user namespace' pid-namespace:'process namespace' ipc-namespace:'IPC namespace'
		cgroup-namespace:'cgroup namespace' time-namespace:'time namespace' overlay:'overlay mounted on'
		fuse:'FUSE' memfd-exec:'memfd' deleted-file:'deleted file' detached-mount:'attached nowhere')
	local row name
	ve_create "$(ctid)"
	vz set "$(ctid)" --features nomigrate:on --save
	vz start "$(ctid)"
	into "$(ctid)" "$VZ_TEST_WORKLOADS/cpt_refused" /bin/cpt_refused
	for row in "${rows[@]}"; do
		name=${row%%:*}
		in_ve "$(ctid)" cpt_refused start /cpt "$name"
		[ "$output" = "ready $name" ] || continue # this kernel has none
		refused "$name" "Checkpointing failed: .*${row#*:}.*: "
	done
	suspend_restore "$(ctid)"
	in_ve "$(ctid)" true
}

@test "matrix: what stands in the way only for a moment fails this time and not for good" {
	local name
	ve_start "$(ctid)"
	into "$(ctid)" "$VZ_TEST_WORKLOADS/cpt_refused" /bin/cpt_refused
	for name in netlink-queue unix-backlog; do
		in_ve "$(ctid)" cpt_refused start /cpt "$name"
		assert_output "ready $name"
		refused "$name" "Checkpointing failed: "
	done
	suspend_restore "$(ctid)"
}
