#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# chkpnt --check: every row that a checkpoint refuses, cannot restore or loses is made by a process
# (tests/workload/cpt_refused.c) and has to be found, named and told with a remedy, while the VE runs on.
# shellcheck disable=SC2016 # what is in single quotes is expanded inside
load lib/node
load lib/cpt

setup() {
	requires node template-tiny
}

# started OPTION...: a VE that may do everything, with a process for each row
started() {
	ve_create "$(ctid)" "$@"
	[ $# -eq 0 ] || vz set "$(ctid)" --features privileged:on --save
	vz set "$(ctid)" --features nomigrate:on --save
	vz start "$(ctid)"
	said=''
	cpt_start "$(ctid)" refused
}
made() { sed -n 's/^ready //p' <<<"$said"; }
severity() { # PROBE
	case $1 in
	netlink-queue | tcp-backlog | unix-backlog) echo transient ;;
	psi | ramfs | keys) echo lost ;;
	*) echo fatal ;;
	esac
}

# found NAME: the check says it of this process, in the VE's and the host's numbers, with a remedy
found() {
	local name=$1 probe=${1%%.*} pid line
	case $probe in
	fuse-open | fuse-over) return ;; # not rows: see below
	uts-namespace | ramfs) [ ! -x /usr/libexec/vz/vz-criu ] || return 0 ;; # which can
	psi) [ ! -x /usr/libexec/vz/vz-criu ] || [ ! -e /proc/vz/veinfo ] || { # which the kernel shows, too
		refute_match "watches memory, CPU or I/O pressure"
		return 0
	} ;;
	keys | network-device) # not of one process
		assert_match "$(severity "$probe"): the container (keeps a key|has the network device cpt-vx)[^:]*: "
		return
		;;
	esac
	pid=$(jq -r --arg p "$probe" --arg n "${name:0:15}" \
		'.[] | select(.probe == $p and (.process == $n or .process == "memfd:cpt" or ($n | test("ptrace|space")))) | .host_pid' \
		"$BATS_TEST_TMPDIR/json" | head -n 1)
	[ -n "$pid" ] || assert_fail "$name was not found"
	line=$(grep "^$(severity "$probe"): .* (pid [0-9]*, on the host $pid) .*, which .*: .*" <<<"$output" | head -n 1)
	[ -n "$line" ] || assert_fail "no line for $name, host pid $pid"
	[ "$(readlink "/proc/$pid/ns/net")" != "$(readlink /proc/self/ns/net)" ] || assert_fail "$pid is no process of the VE"
}

all_found() { # NAME...
	local name
	vzctl chkpnt "$(ctid)" --check --json >"$BATS_TEST_TMPDIR/json" 3>&- && return 1
	vz 16 chkpnt "$(ctid)" --check
	for name; do found "$name"; done
	# nothing was done to it
	ve_status "$(ctid)" "exist mounted running"
	in_ve "$(ctid)" cpt_refused verify /cpt
	refute_match 'GONE|FAIL'
}

@test "check: with a user namespace" {
	requires jq
	started
	cpt_skipped bpf vsock autofs perf psi memfd-secret
	# shellcheck disable=SC2046
	all_found $(made)
}

@test "check: without a user namespace" {
	requires jq
	started --local_uid 0 --local_gid 0
	cpt_skipped vsock perf psi memfd-secret
	# keys of a VE without ids of its own are not told from the host's
	# shellcheck disable=SC2046
	all_found $(made | grep -vx keys)
}

@test "check: an idle VE is fine, also with a service's namespaces" {
	ve_start "$(ctid)"
	in_ve "$(ctid)" 'setsid unshare -m -n sleep 1000 >/dev/null 2>&1 &'
	vz chkpnt "$(ctid)" --check
	assert_output "Nothing stands in the way of a checkpoint"
	assert_eq "$(vzctl chkpnt "$(ctid)" --check --json 3>&-; echo .)" $'[]\n.'
}

@test "check: who was entered from the host is told; a stopped VE is an error" {
	ve_start "$(ctid)"
	timeout 60 vzctl exec "$(ctid)" 'echo here; exec sleep 1000' >"$BATS_TEST_TMPDIR/out" 3>&- &
	wait_until 10 grep -q here "$BATS_TEST_TMPDIR/out"
	vz chkpnt "$(ctid)" --check
	assert_match 'lost: sleep \(pid [0-9]+, on the host [0-9]+\) was started from the host \(vzctl exec or enter\)'
	vz stop "$(ctid)" --fast
	wait
	vz 31 chkpnt "$(ctid)" --check
	assert_oneline
}

# Without a user namespace: the host's root may not enter a FUSE mount of another one at all.
@test "check: a server that never answers (FUSE) does not hold it up" {
	ve_create "$(ctid)" --local_uid 0 --local_gid 0
	vz set "$(ctid)" --features privileged:on --save
	vz start "$(ctid)"
	into "$(ctid)" "$VZ_TEST_WORKLOADS/cpt_refused" /bin/cpt_refused
	in_ve "$(ctid)" cpt_refused start /cpt fuse-open
	VZ_TIMEOUT=10 vz 16 chkpnt "$(ctid)" --check
	assert_match 'serves a FUSE file system'
	assert_match 'transient: fuse-open .* waits uninterruptibly|FUSE file system mounted on /cpt/fuse-open-mnt/f'
	in_ve "$(ctid)" cpt_refused start /cpt fuse-over
	assert_output "ready fuse-over"
	VZ_TIMEOUT=10 vz 16 chkpnt "$(ctid)" --check
	assert_match 'has /f open on a file system that is not mounted'
}

@test "check: hundreds of processes with thousands of files are looked at in no time" {
	ve_start "$(ctid)"
	in_ve "$(ctid)" 'i=0; while [ $i -lt 200 ]; do i=$((i+1)); setsid sh -c "exec 3</dev/null 4</bin 5</etc 6</proc/self/stat; sleep 1000" >/dev/null 2>&1 & done; wait_for=1'
	local start=$EPOCHREALTIME
	vz chkpnt "$(ctid)" --check
	assert_num $(((${EPOCHREALTIME/./} - ${start/./}) / 1000)) lt $((5000 * ${VZ_SLOW:-1})) ms
}
