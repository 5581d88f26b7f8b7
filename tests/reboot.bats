# SPDX-License-Identifier: GPL-2.0-or-later
#
# The power of a node fails. Runs on the machine, as root, with a vm node that has vz: VZ_TEST_NODE is its name,
# VZ_TEST_TINY where it sees the tiny template (tests/run --vm does all of it).

# shellcheck disable=SC2016 # expanded in the node
bats_require_minimum_version 1.8.0

CT=571
BED=$BATS_TEST_DIRNAME/bed

node() { "$BED" exec "$VZ_TEST_NODE" -- "$@" 3>&- </dev/null; }
fails() { "$BED" reboot "$VZ_TEST_NODE" 3>&- >&2; }
status_is() { # WORDS
	local got
	got=$(node vzctl status $CT)
	[ "$got" = "CTID $CT $1" ] || { echo "status: $got; wanted: $1" && return 1; }
}

setup_file() { node sh -c "mkdir -p /vz/template/cache; cp '$VZ_TEST_TINY' /vz/template/cache/tiny.tar.zst"; }
setup() {
	node vzctl create $CT --ostemplate tiny
	node vzctl start $CT
}
teardown() { node sh -c "vzctl stop $CT --fast; vzctl destroy $CT" >&2; }

# The counter is a process that only a restore can bring back: it began before the power failed.
begin_counter() {
	node vzctl exec $CT 'i=0; while sleep 0.2; do i=$((i + 1)); echo $i >/run/count; done >/dev/null 2>&1 & echo $! >/run/pid'
	sleep 5
	before=$(node vzctl exec $CT cat /run/count)
	[ "$before" -gt 0 ]
}

@test "a suspended VE is restored after its node's power failed" {
	local before after boot
	begin_counter
	boot=$(node cat /proc/sys/kernel/random/boot_id)
	node vzctl chkpnt $CT
	fails
	[ "$(node cat /proc/sys/kernel/random/boot_id)" != "$boot" ]
	status_is "exist unmounted down suspended"
	node vzctl restore $CT
	status_is "exist mounted running"
	sleep 2
	node vzctl exec $CT 'kill -0 $(cat /run/pid)'
	after=$(node vzctl exec $CT cat /run/count)
	echo "counted to $before before, to $after after"
	[ "$after" -gt "$before" ]
}

@test "a VE that ran when its node's power failed is down, whole, and starts" {
	node vzctl exec $CT 'echo kept >/root/kept; sync'
	node vzctl set $CT --hostname afterwards --save
	fails
	status_is "exist unmounted down"
	node vzctl start $CT
	[ "$(node vzctl exec $CT 'cat /root/kept; hostname')" = $'kept\nafterwards' ]
}

@test "the power fails the instant a dump is published: it is whole, or it is not there" {
	begin_counter
	node sh -c "VZ_FAULT=chkpnt:publish vzctl chkpnt $CT; [ \$? -eq 137 ]"
	fails
	node vzctl start $CT
	status_is "exist mounted running"
	# published or not, what start finds is one of the two and no remains of the other
	node sh -c "[ ! -e /vz/dump/Dump.$CT ]"
	node vzctl exec $CT true
}
