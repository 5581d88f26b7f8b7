#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The node and the leak check: each kind of thing that a VE could leave behind is noticed.
load lib/node

leaks() { # REGEX: a new line of the leak state matches
	output=$(leak_new "$BATS_TEST_TMPDIR/before")
	assert_match "$1"
}

setup() { leak_baseline "$BATS_TEST_TMPDIR/before"; }

@test "a node has what tests rely on" {
	cmd 0 vzctl --version
	assert_file /etc/vz/vz.conf
	assert_eq "$(stat -c %u /vz)" 0
	ve_ip 0
	cmd 0 ip route get "$(ve_ip 1)"
}

@test "nothing changed is no leak" {
	leak_check "$BATS_TEST_TMPDIR/before"
}

@test "a mount is noticed" {
	install -d -m 700 /vz/root
	mkdir /vz/root/t
	mount -t tmpfs t /vz/root/t
	leaks 'mount /vz/root/t'
	umount /vz/root/t
	leaks 'file /vz/root/t'
	rmdir /vz/root/t
	leak_check "$BATS_TEST_TMPDIR/before"
}

@test "a cgroup is noticed" {
	local cg
	cg=$(cgroup_root)/$(safename)
	mkdir "$cg"
	leaks "cgroup $cg"
	rmdir "$cg"
	leak_check "$BATS_TEST_TMPDIR/before"
}

@test "a link and its route are noticed" {
	ip link add "$(safename)" type veth peer name "$(safename p)"
	ip link set "$(safename)" up
	ip route add 203.0.113.7/32 dev "$(safename)"
	leaks "link $(safename)"
	leaks 'route4 203.0.113.7'
	ip link del "$(safename)"
	leak_check "$BATS_TEST_TMPDIR/before"
}

@test "a process and its namespaces are noticed" {
	# a daemon: its parent ends, so it is nobody's child of ours
	(setsid unshare -Un sleep 3600 >/dev/null 2>&1 3>&- &)
	wait_until 5 leaks 'process.* sleep 3600'
	leaks netns
	leaks userns
	pkill -x -f 'sleep 3600'
	leak_check "$BATS_TEST_TMPDIR/before"
}

@test "a configuration file is noticed" {
	touch "/etc/vz/conf/$(ctid).conf"
	leaks "file /etc/vz/conf/$(ctid).conf"
	rm "/etc/vz/conf/$(ctid).conf"
}
