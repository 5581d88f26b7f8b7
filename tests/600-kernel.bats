#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A VE on a kernel with our series (make check-vm KERNEL=patched): what systemd and everyday tools of Debian 13 see in it,
# what the host sees of it, and that it is all there again after a checkpoint.
# bats file_tags=vm, slow
# shellcheck disable=SC2016,SC2034 # what is in single quotes is expanded inside, VZ_TIMEOUT is for vz
load lib/node
load lib/cpt

TEMPLATE=debian-13
RAM=512 # MiB

setup_file() {
	node_setup_file
	[ -e /proc/vz/veinfo ] && [ -n "$(template_file "$TEMPLATE")" ] || return 0
	vzctl create "$(file_ctid)" --ostemplate "$TEMPLATE" --hostname deb.example --ipadd "$(ve_ip 3)" 3>&-
	vzctl set "$(file_ctid)" --ram ${RAM}M --swap 0 --cpus 1 --save 3>&-
	vzctl start "$(file_ctid)" --wait 3>&-
}

setup() {
	requires node kpatch "template-$TEMPLATE"
	CT=$(file_ctid)
	HOSTS_LOG="vz-test-$CT|Linux version|Command line" # what only the host's log has
}

running() { [ "$(vzctl exec "$1" systemctl is-system-running 2>/dev/null 3>&-)" = running ]; }
booted() { # CTID
	wait_until 180 running "$1" || {
		vzctl exec "$1" 'systemctl is-system-running; systemctl --failed --no-legend; systemctl list-jobs' 3>&- || true
		return 1
	}
}
# The VE's cgroup, its line of /proc/vz/veinfo, its state as the kernel has it
ve_cg() { echo "$(sed -n 's/^cgroot=//p' "/run/vz/$1/state")/$1"; }
veinfo() { awk -v id="$1" '$1 == id' /proc/vz/veinfo; }
# Programs of the VE to run on the host: beneath its root nothing is executed.
from_ve() { # GLOB...
	local g
	for g; do
		# shellcheck disable=SC2086 # a glob
		cp "/vz/root/$CT"$g "$BATS_TEST_TMPDIR" || return
	done
}
install() { # CTID PACKAGE...
	VZ_TIMEOUT=400
	vz exec "$1" "rm -f /etc/apt/sources.list.d/*; echo 'deb $BED_MIRROR trixie main' >/etc/apt/sources.list
		apt-get -qq -o Acquire::Check-Valid-Until=false update &&
		DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install ${*:2}"
}
kernel_state() { cat "$(ve_cg "$1")/ve.state"; }
# near A B PERCENT
near() { [ $((($1 > $2 ? $1 - $2 : $2 - $1) * 100)) -le $(($2 * $3)) ] || assert_fail "$1 is not within $3 % of $2"; }

@test "systemd boots to running, and what asks where it is learns: OpenVZ" {
	booted "$CT"
	vz exec "$CT" 'systemctl --failed --no-legend'
	assert_output ""
	vz exec "$CT" systemd-detect-virt
	assert_output openvz
	vz exec "$CT" systemd-detect-virt --container
	assert_output openvz
	# the same program asks on the host, which may be a machine of any kind
	from_ve /usr/bin/systemd-detect-virt '/usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-*.so'
	cmd 1 env "LD_LIBRARY_PATH=$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/systemd-detect-virt" --container
	assert_output none
	vz exec "$CT" 'test -d /proc/vz && test ! -e /proc/bc && test ! -e /proc/kallsyms'
}

@test "the host's kernel knows it by number: state, tasks, address, envID" {
	local pid
	assert_eq "$(kernel_state "$CT")" RUNNING
	output=$(veinfo "$CT")
	assert_match "$(ve_ip 3)"
	assert_num "$(awk '{ print $3 }' <<<"$output")" gt 3 "tasks"
	pid=$(sed -n 's/^init=\([0-9]*\).*/\1/p' "/run/vz/$CT/state")
	assert_eq "$(awk '/^envID:/ { print $2 }' "/proc/$pid/status")" "$CT" envID
	assert_eq "$(awk '/^VPid:/ { print $2 }' "/proc/$pid/status")" 1 VPid
	# of others the VE sees nothing
	vz exec "$CT" 'awk "NR > 1 || !/Version/ { print \$1 }" /proc/vz/veinfo'
	assert_output "$CT"
}

@test "free: the VE's memory and swap" {
	vz exec "$CT" free -k
	read -r _ total used free _ <<<"${lines[1]}"
	assert_eq "$total" $((RAM * 1024)) total
	assert_num "$used" lt "$total" used
	assert_num "$free" lt "$total" free
	assert_eq "$(awk '/^Swap:/ { print $2 }' <<<"$output")" 0 swap
	# what is taken shows
	vz exec "$CT" 'dd if=/dev/zero of=/dev/shm/taken bs=1M count=64 status=none && free -k; rm /dev/shm/taken'
	near "$(awk '/^Mem:/ { print $5 }' <<<"$output")" $((64 * 1024)) 40
}

@test "top -b: memory, tasks and CPUs are the VE's" {
	local tasks
	vz exec "$CT" 'TERM=dumb top -b -n 1 -w 120'
	assert_match "MiB Mem : +${RAM}[.,]0 total"
	assert_match 'MiB Swap: +0[.,]0 total'
	tasks=$(sed -n 's/^Tasks: *\([0-9]*\) total.*/\1/p' <<<"$output")
	vz exec "$CT" 'ls -d /proc/[0-9]* | wc -l'
	assert_num "$tasks" le $((output + 5)) "tasks of top"
}

@test "CPUs and memory as programs of all sorts find them: the VE's limits" {
	assert_num "$(nproc)" gt 1 "CPUs of the host: one would be no view"
	vz exec "$CT" 'nproc; grep -c ^processor /proc/cpuinfo; getconf _NPROCESSORS_ONLN; getconf _PHYS_PAGES; getconf PAGE_SIZE'
	assert_eq "${lines[*]}" "1 1 1 $((RAM * 256)) 4096"
	into "$CT" "$VZ_TEST_WORKLOADS/detect" /bin/detect
	vz exec "$CT" detect
	assert_output "$(printf '%s\n' 'affinity 1' "sysinfo $((RAM * 1024))" 'sysinfo-swap 0' "meminfo $((RAM * 1024))" 'meminfo-swap 0')"
	vz exec "$CT" vmstat -s
	assert_match "^ *$((RAM * 1024)) K total memory"
	assert_match $'\n *0 K total swap'
	vz exec "$CT" vmstat 1 2
	assert_num "${#lines[@]}" eq 4 "lines of vmstat"
}

@test "node.js: the VE's CPUs and memory; virt-what: openvz, but not on the host" {
	requires mirror
	install "$CT" nodejs virt-what
	vz exec "$CT" 'node -p "const o = require(\"os\"); [o.cpus().length, o.availableParallelism(), o.totalmem()].join()"'
	assert_output "1,1,$((RAM << 20))"
	vz exec "$CT" virt-what
	assert_line openvz
	from_ve /usr/sbin/virt-what /usr/libexec/virt-what-cpuid-helper
	cmd 0 env "PATH=$PATH:$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/virt-what"
	refute_match openvz
}

@test "uptime: since the VE's start; the host's load is not the VE's" {
	local before host_before pids=()
	vz exec "$CT" 'cut -d. -f1 /proc/uptime'
	assert_num "$output" lt "$(cut -d. -f1 /proc/uptime)" "uptime"
	vz exec "$CT" uptime
	assert_match 'load average: [0-9]'
	before=$(vzctl exec "$CT" 'cut -d" " -f1 /proc/loadavg' 3>&- | tr -d .)
	host_before=$(cut -d' ' -f1 /proc/loadavg | tr -d .)
	for _ in 1 2 3; do
		timeout 120 sh -c 'while :; do :; done' 3>&- &
		pids+=($!)
	done
	rises() { [ $((10#$(cut -d' ' -f1 /proc/loadavg | tr -d .))) -ge $((10#$host_before + 30)) ]; }
	wait_until 90 rises
	kill "${pids[@]}"
	vz exec "$CT" 'cut -d" " -f1 /proc/loadavg | tr -d .'
	assert_num $((10#$output)) le $((10#$before + 15)) "load inside (hundredths)"
}

@test "dmesg: the VE's own log, nothing of the host's" {
	echo "vz-test-$CT of the host" >/dev/kmsg
	cmd 0 dmesg
	assert_match "vz-test-$CT of the host"
	vz exec "$CT" 'echo said-by-'"$CT"' >/dev/kmsg; dmesg'
	assert_match "said-by-$CT"
	refute_match "$HOSTS_LOG"
	vz 124 exec2 "$CT" 'timeout 2 cat /dev/kmsg'
	assert_match ";said-by-$CT"
	refute_match "$HOSTS_LOG"
	cmd 0 dmesg
	refute_match "said-by-$CT"
}

journal() { vzctl exec "$CT" "journalctl -k -q -o cat --no-pager" 3>&-; }
in_journal() { journal 2>/dev/null | grep -qx "$1"; }

@test "journalctl -k: what the VE's kernel log has, nothing of the host's" {
	vz exec "$CT" 'echo journal-of-'"$CT"' >/dev/kmsg'
	wait_until 30 in_journal "journal-of-$CT"
	vz exec "$CT" journalctl -k -q -o cat --no-pager
	refute_match "$HOSTS_LOG"
}

@test "checkpoint and restore: it runs on, and the kernel knows it again" {
	requires vz-criu
	local up
	vz exec "$CT" 'sleep 100000 >/dev/null 2>&1 & echo $! >/run/sleeper; cut -d. -f1 /proc/uptime'
	up=$output
	VZ_TIMEOUT=240
	vz chkpnt "$CT"
	assert_eq "$(veinfo "$CT")" "" "line of a VE that is on disk"
	vz restore "$CT"
	assert_eq "$(kernel_state "$CT")" RUNNING
	output=$(veinfo "$CT")
	assert_match "$(ve_ip 3)"
	vz exec "$CT" 'grep -q sleep "/proc/$(cat /run/sleeper)/comm" && cut -d. -f1 /proc/uptime'
	assert_num "$output" ge "$up" "uptime"
	booted "$CT"
	vz exec "$CT" free -k
	assert_match "Mem: +$((RAM * 1024)) "
	vz exec "$CT" systemd-detect-virt
	assert_output openvz
	# journald goes on where it was: nothing is lost, nothing comes twice
	vz exec "$CT" 'echo restored-'"$CT"' >/dev/kmsg'
	wait_until 30 in_journal "restored-$CT"
	assert_eq "$(journal | grep -c "^journal-of-$CT\$")" 1 "old messages"
}

@test "reboot from inside and stop: the kernel's number comes and goes" {
	local init
	init=$(sed -n 's/^init=//p' "/run/vz/$CT/state")
	vz exec "$CT" systemctl reboot
	rebooted() { ve_is "$CT" "exist mounted running" && refute grep -qx "init=$init" "/run/vz/$CT/state"; }
	wait_until 180 rebooted
	booted "$CT"
	assert_eq "$(kernel_state "$CT")" RUNNING
	vz stop "$CT"
	assert_eq "$(veinfo "$CT")" "" "line of a VE that is down"
}
