#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What a checkpoint keeps beside processes: a whole Debian with state of every kind around it, photographed,
# suspended, restored, photographed again. The photographs are equal.
# bats file_tags=slow
# shellcheck disable=SC2016 # what is in single quotes is expanded inside
load lib/node
load lib/cpt

TEMPLATE=debian-13

running() { [ "$(vzctl exec "$1" systemctl is-system-running 2>/dev/null 3>&-)" = running ]; }
setup_file() {
	node_setup_file
	in_node && [ -n "$(template_file "$TEMPLATE")" ] || return 0
	vzctl create "$(file_ctid)" --ostemplate "$TEMPLATE" --hostname state.example --ipadd "$(ve_ip 5)" \
		--ipadd "$(ve_ip6 5)" 3>&-
	vzctl start "$(file_ctid)" --wait 3>&-
	wait_until 90 running "$(file_ctid)"
}

setup() {
	requires node "template-$TEMPLATE" vz-criu
	CT=$(file_ctid)
}

# in_netns CMD...: a tool of the node's in the VE's network namespace
in_netns() { nsenter --net="/proc/$(sed -n 's/^init=//p' "/run/vz/$CT/state")/ns/net" -- "$@" 3>&-; }

again() {
	"$1" >"$BATS_TEST_TMPDIR/after"
	diff -u "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}

# same PHOTOGRAPHER [SECONDS]: what it prints is the same before and after, or SECONDS after that
same() {
	"$1" >"$BATS_TEST_TMPDIR/before"
	assert_num "$(wc -l <"$BATS_TEST_TMPDIR/before")" gt 1 "lines of the photograph"
	suspend_restore "$CT"
	[ -z "${2:-}" ] || wait_until "$2" again "$1" || true
	again "$1"
}

network() {
	# the number of the host's end is another one's
	in_netns ip -o link | sed 's/@if[0-9]*//; s/link-netnsid [0-9]*//'
	in_netns ip -o addr
	in_netns ip -N route show table all
	in_netns ip -6 route show table all
	in_netns ip rule
	in_netns ip -6 rule
	in_netns ip neigh show nud permanent
	in_netns ip nexthop
	in_netns nft -s list ruleset
	vzctl exec "$CT" 'cd /proc/sys/net && find . -type f ! -name stable_secret ! -name "*count" -perm -u+r \
		-exec grep -H . {} + 2>/dev/null | sort' 3>&-
}

@test "state: addresses, routes, rules, neighbours, nftables, settings of the network" {
	local c
	for c in 'addr add 192.168.77.1/24 dev lo' 'addr add fd00::7/64 dev lo' 'link set lo mtu 9000' \
		'route add 172.16.0.0/12 via 192.168.77.9 dev lo metric 5' 'route add blackhole 10.99.0.0/16' \
		'route add 10.88.0.0/16 dev venet0 table 100' 'rule add from 192.168.77.1 table 100 pref 500' \
		'-6 route add fd01::/64 dev venet0' '-6 rule add to fd03::/64 unreachable pref 600' \
		'nexthop add id 10 dev venet0' 'route add 10.97.0.0/16 nhid 10' \
		'neigh add 192.168.77.9 lladdr 02:00:00:00:00:09 nud permanent dev lo'; do
		# shellcheck disable=SC2086 # words
		in_netns ip $c
	done
	in_ve "$CT" 'sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.venet0.rp_filter=2 net.ipv4.ping_group_range="0 77"'
	in_netns nft -f - <<-'NFT'
		table inet filter {
			set blocked { type ipv4_addr; flags interval; elements = { 10.66.0.0/16, 10.67.0.5-10.67.0.9 }; }
			map way { type inet_service : verdict; elements = { 22 : accept, 2222 : drop }; }
			chain input {
				type filter hook input priority filter; policy accept;
				ct state vmap { established : accept, invalid : drop }
				ip saddr @blocked counter drop comment "not these"
				tcp dport { 80, 8000-8010 } accept
				tcp dport vmap @way
			}
		}
		table ip nat {
			chain post {
				type nat hook postrouting priority srcnat;
				ip saddr 192.168.77.0/24 masquerade
			}
		}
	NFT
	same network
	in_ve "$CT" 'sysctl -n net.ipv4.ip_forward'
	assert_output 1
	ping -c 1 -W 5 "$(ve_ip 5)" 3>&-
}

# Who is where, and whose it is; not those that look.
cgroups() {
	vzctl exec "$CT" 'for p in /proc/[0-9]*; do
			c=$(cat $p/cgroup 2>/dev/null); case $c in */vz.enter | "") ;; *) echo "${p#/proc/} $c" ;; esac
		done
		cd /sys/fs/cgroup && find . -printf "%p %u %g %m\n" | sort
		grep -H . $(find . -name cgroup.subtree_control -o -name cgroup.type -o -name "cgroup.max.*" \
			-o -name cgroup.freeze) | sort' 3>&-
}

@test "state: every process in its cgroup; owners, delegated trees, controllers" {
	in_ve "$CT" 'id somebody 2>/dev/null || useradd -m somebody; loginctl enable-linger somebody'
	wait_until 60 vzctl exec "$CT" 'systemctl is-active "user@$(id -u somebody).service" && systemctl is-active ssh'
	in_ve "$CT" 'systemd-run --unit=frozen -p TasksMax=50 sleep 100000 && systemctl freeze frozen
		echo 7 >/sys/fs/cgroup/system.slice/cgroup.max.depth'
	# managers of systemd reload, for which they fork
	same cgroups 20
	in_ve "$CT" 'systemctl thaw frozen && systemctl stop frozen && systemctl restart ssh cron &&
		systemctl is-system-running'
	assert_output running
}

# What CRIU itself does not keep of a thread; nice and policy, which it does
threads() {
	vzctl exec "$CT" 'for p in $(pgrep -x "sleep|systemd|sshd|cron|dbus-daemon|systemd-journal"); do
			echo $p $(taskset -p $p) $(ionice -p $p) $(cat /proc/$p/timerslack_ns /proc/$p/coredump_filter) \
				$(chrt -p $p) $(ps -o ni= -p $p)
		done' 3>&-
}

@test "state: affinity, I/O priority, timer slack, core dump filter" {
	# Type=exec: they are what they are called, not what systemd has forked to become it
	in_ve "$CT" 'systemd-run --unit=odd -p Type=exec -p CPUAffinity=0 -p IOSchedulingClass=idle -p TimerSlackNSec=1234567 \
		-p CoredumpFilter=0x7f -p Nice=5 sleep 100000
		systemd-run --unit=odd2 -p Type=exec -p IOSchedulingClass=best-effort -p IOSchedulingPriority=7 sleep 100000'
	same threads
	run cat "$BATS_TEST_TMPDIR/after"
	assert_match '1234567 0000007f'
	assert_match 'idle'
	in_ve "$CT" 'systemctl stop odd odd2'
}

# uptime inside, in seconds
uptime_of() { vzctl exec "$CT" 'cut -d. -f1 /proc/uptime' 3>&-; }
account() { sed -n "s/^$1=//p" "/run/vz/$CT/account"; }

# A child that is younger than its parent has a higher number, and none that was told of is used again at once.
@test "state: new processes get the next numbers" {
	local before after
	in_ve "$CT" 'for i in $(seq 300); do /bin/true; done'
	before=$(vzctl exec "$CT" 'echo $$' 3>&-)
	suspend_restore "$CT"
	after=$(vzctl exec "$CT" 'echo $$' 3>&-)
	assert_num "$after" gt "$before" "the number of a new process"
	assert_num "$after" le $((before + 100)) "the number of a new process"
}

@test "state: uptime stands still, counters go on" {
	local before after wall cpu
	ping -c 5 -i 0.2 -q "$(ve_ip 5)" 3>&-
	before=$(uptime_of) wall=$SECONDS
	VZ_TIMEOUT=$((120 * ${VZ_SLOW:-1})) vz chkpnt "$CT"
	sleep 6
	VZ_TIMEOUT=$((120 * ${VZ_SLOW:-1})) vz restore "$CT"
	after=$(uptime_of)
	wall=$((SECONDS - wall))
	assert_num "$after" ge "$before" "uptime"
	assert_num $((after - before)) le $((wall - 4)) "uptime over $wall seconds of which 6 were spent suspended"
	assert_num "$(account net_in_packets)" ge 5 "packets received before"
	assert_num "$(account net_out_bytes)" ge 420 "bytes sent before"
	cpu=$(account cpu_user_us)
	assert_num "$cpu" gt 0 "CPU time used before"
	suspend_restore "$CT"
	assert_num "$(account cpu_user_us)" ge "$cpu" "CPU time after the second life"
}

limits() {
	vzctl exec "$CT" 'cd /sys/fs/cgroup && grep -H . $(find . -name "*.max" -o -name "*.high" -o -name "*.low" \
		-o -name "*.min" -o -name "*.weight" -o -name cpuset.cpus -o -name memory.oom.group | grep -v vz.enter) |
		sort' 3>&-
}

# bats test_tags=vm
@test "state: limits that the VE set itself, and what it used at most" {
	requires vm cgroup-memory cgroup-cpu cgroup-pids
	local procs
	in_ve "$CT" 'systemd-run --unit=small -p MemoryMax=64M -p MemoryHigh=48M -p MemoryLow=1M -p TasksMax=17 \
		-p CPUQuota=50% -p CPUWeight=17 -p AllowedCPUs=0 -p MemorySwapMax=0 sleep 100000'
	procs=$(vzlist -H -o numproc.m "$CT" 3>&-)
	same limits
	run cat "$BATS_TEST_TMPDIR/after"
	assert_match 'small.service/memory.max:67108864'
	assert_match 'small.service/cpu.max:50000 100000'
	assert_match 'small.service/pids.max:17'
	assert_num "$(account memory_peak_bytes)" gt 0 "memory used at most"
	assert_num "$(vzlist -H -o numproc.m "$CT" 3>&-)" ge "$procs" "processes at most"
	in_ve "$CT" 'systemctl stop small; systemctl is-system-running'
	assert_output running
}

@test "state: a network that cannot be made again refuses the checkpoint, and the VE runs on" {
	in_netns ip link add br7 type bridge
	vz 16 chkpnt "$CT"
	assert_match 'device br7'
	ve_status "$CT" "exist mounted running"
	in_netns ip link del br7
	suspend_restore "$CT"
	rm -f "/vz/dump/Dump.$CT.log" # of the refused one
}
