#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=vm
# shellcheck disable=SC2016 # what is in single quotes is expanded inside
# A kernel with our patches: what it is told of a VE, and what it shows and refuses one. On another kernel the first test
# only, which has to find nothing. Machines are slow there, so all share one small VE.
load lib/node

setup_file() {
	node_setup_file
	export CT CG
	CT=$(file_ctid) CG=$(cgroup_root)/vz/$(file_ctid)
	ve_create "$CT" --ipadd "$(ve_ip 1)" >&2
	vz set "$CT" --ram 64M --swap 0 --cpus 1 --name "kernel-$CT" --numfile 600 --numpty 4 --save >&2
	vz start "$CT" >&2
}

setup() {
	requires vm template-tiny cgroup-memory
	ve_is "$CT" "exist mounted running" || vz start "$CT"
}
teardown() { node_teardown; }

cg() { cat "$CG/$1"; }
cg_key() { sed -n "s/^$2 //p" "$CG/$1"; } # FILE KEY
there() { if [ -e "$1" ]; then echo yes; else echo no; fi; }
last_number() { sed -n '$s/^[0-9]*,\([0-9]*\),.*/\1/p' "$CG/ve.log"; }
envid() { sed -n 's/^envID:\t//p' "/proc/$1/status"; }
init_pid() { sed -n 's/^init=//p' "/run/vz/$1/state" | cut -d' ' -f1; } # CTID

@test "features: what is there is told by files, and a VE starts without" {
	local name file
	cmd 0 vzctl features -j
	assert_eq "$(jq '[.[] | select(.state == "unknown")] | length' <<<"$output")" 0
	while read -r name file; do
		assert_eq "$name $(jq -r ".[] | select(.name == \"$name\") | .state" <<<"$output")" "$name $(there "$file")"
	done <<-ROWS
		ve /proc/vz/version
		ve-views /proc/vz/version
		ve-counters $CG/ve.limits
		ve-log $CG/ve.log
		psi-triggers /proc/vz/version
	ROWS
	refute_file "$(cgroup_root)/vz/vz.probe"
	in_ve "$CT" true
}

@test "a VE's number, name and state are the kernel's, and gone with it" {
	requires kpatch
	assert_eq "$(cg ve.id) $(cg ve.name) $(cg ve.state)" "$CT kernel-$CT RUNNING"
	assert_eq "$(cg_key ve.events starts) $(cg_key ve.events stops)" "1 0"
	assert_eq "$(envid "$(init_pid "$CT")") $(envid self)" "$CT 0"
	cmd 0 cat /proc/vz/veinfo
	assert_match "^ *$CT +2 +[0-9]+ +$(ve_ip 1)\$"
	vz set "$CT" --name "other-$CT" --save
	assert_eq "$(cg ve.name)" "other-$CT"
	vz set "$CT" --name "kernel-$CT" --save
	# all of it is the VE's: nothing of the controller is beneath its cgroup
	assert_eq "$(grep -cw ve "$CG/ve/cgroup.controllers")" 0
	vz stop "$CT" --fast
	assert_eq "$(grep -cw "$CT" /proc/vz/veinfo)" 0
	vz start "$CT"
	assert_eq "$(cg ve.id) $(cg ve.name) $(cg ve.state)" "$CT kernel-$CT RUNNING"
}

@test "inside: its own memory, CPUs, load and times, no host's hardware, openvz" {
	requires kpatch
	in_ve "$CT" 'awk "/^MemTotal/ { print \$2 }" /proc/meminfo'
	assert_output 65536
	in_ve "$CT" 'free -k | awk "/^Mem/ { print \$2 } /^Swap/ { print \$2 }"'
	assert_output $'65536\n0'
	assert_num "$(nproc)" gt 1 "CPUs of the host"
	in_ve "$CT" 'nproc; grep -c ^processor /proc/cpuinfo'
	assert_output $'1\n1'
	in_ve "$CT" 'ls -d /proc/vz /proc/vz/veinfo; ls -d /proc/bc /proc/kcore /proc/interrupts /proc/kallsyms 2>/dev/null || true'
	assert_output $'/proc/vz\n/proc/vz/veinfo'
	in_ve "$CT" 'awk "{ print \$1 }" /proc/vz/veinfo'
	assert_output "$CT"
	# neither the host's boot nor what it did since
	in_ve "$CT" 'awk "/^intr/ { print \$2 }" /proc/stat'
	assert_output 0
	in_ve "$CT" 'cut -d. -f1 /proc/uptime'
	assert_num "$output" lt "$(cut -d. -f1 /proc/uptime)" "the VE's uptime, the host's"
}

@test "what runs in a stopped VE, and what was privileged, is known, too" {
	requires kpatch
	local id dir
	id=$(ctid)
	ve_create "$id"
	echo 'cat /proc/vz/veinfo' >"$BATS_TEST_TMPDIR/script"
	vz runscript "$id" "$BATS_TEST_TMPDIR/script"
	assert_match " $id +2 "
	vz set "$id" --local_uid 0 --local_gid 0 --features privileged:on --save
	vz start "$id"
	# without a user namespace of its own it is none that runs
	dir=$(cgroup_root)/vz/$id
	assert_eq "$(<"$dir/ve.id") $(<"$dir/ve.state")" "$id STOPPED"
	in_ve "$id" true
}

@test "a restored VE is the same one, and runs" {
	requires kpatch vz-criu
	local last
	vz exec2 "$CT" 'sleep 4000 </dev/null >/dev/null 2>&1 & echo before >/dev/kmsg'
	last=$(last_number)
	vz suspend "$CT"
	assert_eq "$(grep -cw "$CT" /proc/vz/veinfo)" 0
	vz resume "$CT"
	assert_eq "$(cg ve.id) $(cg ve.name) $(cg ve.state)" "$CT kernel-$CT RUNNING"
	assert_eq "$(envid "$(init_pid "$CT")")" "$CT"
	# the user namespace that CRIU made is the VE's: so is what its /proc shows
	in_ve "$CT" 'awk "/^MemTotal/ { print \$2 }" /proc/meminfo; nproc; pidof sleep >/dev/null && ls -d /proc/vz'
	assert_output $'65536\n1\n/proc/vz'
	# readers of its log have seen numbers: they go on, also where nothing was said in a whole life
	vz suspend "$CT"
	vz resume "$CT"
	in_ve "$CT" 'echo after >/dev/kmsg'
	assert_eq "$(last_number)" $((last + 1)) "number of the next record"
}

@test "the kernel's log: a VE's own kills and crashes with its pids, no neighbour's, no flood to the host" {
	requires kpatch
	local id oom crash
	id=$(ctid)
	ve_create "$id"
	vz set "$id" --ram 64M --swap 0 --save
	vz start "$id"
	in_ve "$CT" 'exec 2>/dev/null; tail /dev/zero >/dev/null & p=$!; wait $p; echo "$p $?"'
	assert_match '^[0-9]+ 137$'
	oom=${output% *}
	in_ve "$CT" 'exec 2>/dev/null; sh -c "ulimit -s 256; f() { f; }; f" & p=$!; wait $p; echo "$p $?"'
	assert_match '^[0-9]+ 139$'
	crash=${output% *}
	in_ve "$CT" 'for i in 1 2 3 4 5 6 7 8 9; do for j in 1 2 3 4 5 6 7 8 9; do echo "flood-of-'"$CT"' $i$j" >/dev/kmsg; done; done'
	in_ve "$CT" dmesg
	assert_match "Killed process $oom \(tail\)"
	assert_match " sh\[$crash\]: segfault at "
	assert_match "flood-of-$CT 99"
	# the host reads the same, and keeps it for itself
	cmd 0 cat "$(cgroup_root)/vz/$CT/ve.log"
	assert_match ";.*Killed process $oom \(tail\)"
	assert_match ";sh\[$crash\]: segfault at "
	assert_match ";flood-of-$CT 99"
	cmd 0 dmesg
	refute_match "flood-of-$CT"
	# with its own numbers
	assert_match 'Killed process [0-9]+ \(tail\)'
	cmd '*' vzctl exec2 "$id" dmesg
	refute_match 'Killed process|segfault|flood-of'
	cmd 0 cat "$(cgroup_root)/vz/$id/ve.log"
	refute_match 'Killed process|segfault|flood-of'
}

@test "beancounters: files beyond NUMFILE are refused, set changes it at once, vzlist tells" {
	requires ve-counters
	assert_eq "$(cg_key ve.limits numfile) $(cg_key ve.limits numpty)" "600 600 4 4"
	vz set "$CT" --numfile 700:800 --numpty 5
	refute_match 'without effect|restart'
	assert_eq "$(cg_key ve.limits numfile) $(cg_key ve.limits numpty)" "700 800 5 5"
	local before
	cmd 0 vzlist -H -o numfile.f "$CT"
	before=$((output))
	vz exec2 "$CT" 'ulimit -n 2000; i=10; while [ $i -lt 1500 ] && eval "exec $i</dev/null" 2>/dev/null; do i=$((i + 1)); done; echo $i' || true
	cmd 0 vzlist -H -o numfile,numfile.m,numfile.b,numfile.l,numfile.f "$CT"
	echo "$output (before: $before)"
	local row
	read -r -a row <<<"$output"
	assert_num "${row[0]}" gt 0 "held"
	assert_num "${row[1]}" ge 600 "maxheld"
	assert_num "${row[1]}" le 700 "maxheld"
	assert_num "${row[4]}" gt "$before" "failcnt"
	# bounds as the kernel has them, also what vzctl did not set there
	assert_eq "${row[2]} ${row[3]}" "700 800"
	echo 'numfile 710 820' >"$CG/ve.limits"
	echo 'numpty 6 max' >"$CG/ve.limits"
	cmd 0 vzlist -H -o numfile.b,numfile.l,numpty.b,numpty.l,numtcpsock.b,physpages.b,physpages.l "$CT"
	read -r -a row <<<"$output"
	assert_eq "${row[*]}" "710 820 6 9223372036854775807 9223372036854775807 0 16384"
	cmd 0 vzlist -j -o numfile "$CT"
	assert_eq "$(jq -c '.[0].numfile | [.barrier, .limit]' <<<"$output")" '[710,820]'
	# the host's own are not meant
	cmd 0 /bin/true
	in_ve "$CT" true
	vz set "$CT" --numtcpsock 10
	assert_match 'Stored without effect on this kernel: NUMTCPSOCK'
}

@test "without beancounters they are stored, and set says that it is without effect" {
	requires no-ve-counters
	vz set "$CT" --numfile 700 --numproc 300
	assert_line 'Stored without effect on this kernel: NUMFILE'
	vz set "$CT" --numpty 5
	assert_match 'restarted'
	cmd 0 vzlist -H -o numfile,numfile.m,numfile.f "$CT"
	assert_match '^ +- +- +-$'
}
