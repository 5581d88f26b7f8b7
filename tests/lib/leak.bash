# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a node has that a VE's life makes and its end must take away, as sorted lines "kind thing".
# Not counted: templates' store, the host's lock, CRIU's cache of kernel features and the directory of all VEs' cgroups (made once, meant to stay) and the tests' own processes:
# descendants of bats. What a test means to leave running has another parent by then.

leak_state() {
	findmnt -rn -o TARGET,FSTYPE | sed 's/^/mount /'
	find "$(cgroup_root)" -mindepth 1 -type d ! -path "$(cgroup_root)/vz" 2>/dev/null | sed 's/^/cgroup /'
	ip -o link | awk '{ sub(/@.*|:$/, "", $2); print "link " $2 }'
	ip -4 route show table all | sed 's/^/route4 /;s/ *$//'
	ip -6 route show table all | grep -v '^fe80\|^multicast' | sed 's/^/route6 /;s/ *$//;s/ expires [^ ]*//'
	! command -v nft >/dev/null || nft list tables 2>/dev/null | sed 's/^/nft /'
	losetup -n -O NAME,BACK-FILE 2>/dev/null | grep -F "$(stat -c %n /vz 2>/dev/null)" | sed 's/^/loop /'
	lsns -rn -o TYPE,NS,COMMAND -t net 2>/dev/null | sort -u -k2,2 | awk '{ print "netns " $2 }'
	lsns -rn -o TYPE,NS -t user 2>/dev/null | awk '{ print "userns " $2 }'
	ps -eo pid=,ppid=,args= | awk '
		{ parent[$1] = $2; pid[NR] = $1; $1 = ""; $2 = ""; what[NR] = $0 }
		function tests(p) { while (p in parent) { if (mine[p]) return 1; p = parent[p] } return 0 }
		END {
			for (i = 1; i <= NR; i++) mine[pid[i]] = what[i] ~ /bats/
			for (i = 1; i <= NR; i++) if (!tests(pid[i]) && what[i] !~ /^ *\[kworker/) print "process" what[i]
		}'
	find /etc/vz/conf /etc/vz/names /vz/private /vz/root /vz/lock /vz/dump /run/vz -mindepth 1 -maxdepth 1 \
		! -name '*.conf-sample' ! -name '0.conf' ! -name '*.destroyed' ! -name 'seccomp*' ! -name 'cache' ! -name vz.lck \
		! -name criu.kdat 2>/dev/null | sed 's/^/file /'
}

leak_baseline() { leak_state | sort >"$1"; } # FILE

# leak_check FILE: fails and tells what is there now that was not at the baseline. What is just ending
# (a network namespace is cleared by a kernel worker) gets a moment.
leak_check() {
	wait_until 10 leak_none "$1" && return
	leak_new "$1" | sed 's/^/LEAK: /'
	return 1
}
leak_new() { leak_state | sort | comm -13 "$1" -; }
leak_none() { [ -z "$(leak_new "$1")" ]; }
