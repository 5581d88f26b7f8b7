#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016 # what is in single quotes expands inside the container
# Suspended containers as every command sees them, and dumps that somebody has meddled with: refused in one
# line by restore, which keeps them; start goes on without them. Real dumps of a small container.
load lib/node

setup() {
	requires node template-tiny
	# an ns node has no memory and pids controllers
	sed -i.orig 's/^CGROUP_MISSING=.*/CGROUP_MISSING="warn"/' /etc/vz/vz.conf
	id=$(ctid)
	dump=/vz/dump/Dump.$id
}

teardown() {
	rm -rf "/vz/dump/Dump.$(ctid)" "/vz/dump/Dump.$(ctid 1)" /vz/otherdump /vz/otherdump.real
	[ ! -e /etc/vz/keys.orig ] || { rm -rf /etc/vz/keys && mv /etc/vz/keys.orig /etc/vz/keys; }
	node_teardown
	mv /etc/vz/vz.conf.orig /etc/vz/vz.conf
}

# started CTID: it runs, with a process $pid that only a restore can bring back
started() {
	ve_start "$1" --hostname "v$1"
	marked "$1"
}
marked() {
	vz exec "$1" 'sleep 4711 >/dev/null 2>&1 & echo $!'
	pid=$output
}
# suspended CTID: such a one, suspended
suspended() {
	started "$1"
	vz chkpnt "$1"
	ve_status "$1" "exist unmounted down suspended"
}
is_alive() { vz exec2 "$1" grep -q 4711 "/proc/$pid/cmdline"; }
is_afresh() { vz 1 exec2 "$1" "grep -q 4711 /proc/$pid/cmdline 2>/dev/null || exit 1"; }

@test "suspended: status, list, JSON and filters say so; start restores and the dump is gone" {
	suspended "$id"
	cmd 0 vzlist -H -o ctid,status -a "$id"
	assert_match "^ +$id suspended$"
	cmd 0 vzlist -H -o ctid,status -S "$id"
	assert_match "suspended"
	cmd 1 vzlist "$id" -H -o ctid -h 'nobody'
	cmd 0 vzlist -j -o ctid,status "$id"
	assert_eq "$(jq -r '.[0].status' <<<"$output")" suspended
	cmd 0 stat -c '%a %U' "$dump" "$dump/manifest" /etc/vz/keys /etc/vz/keys/node.key
	assert_eq "${lines[*]}" "700 root 600 root 700 root 600 root"
	cmd 0 grep -E '^criu [0-9.]+' "$dump/manifest"
	vz start "$id"
	ve_status "$id" "exist mounted running"
	refute_file "$dump"
	is_alive "$id"
	vz 32 restore "$id"
}

@test "suspended: stop leaves it so, restart restores it, destroy takes the dump along" {
	suspended "$id"
	vz stop "$id"
	assert_match "not running"
	ve_status "$id" "exist unmounted down suspended"
	vz 31 chkpnt "$id"
	vz 31 exec "$id" true
	vz mount "$id"
	ve_status "$id" "exist mounted down suspended"
	vz restart "$id"
	is_alive "$id"
	vz chkpnt "$id"
	mkdir -p "$dump.tmp/img"
	vz destroy "$id"
	refute_file "$dump"
	refute_file "$dump.tmp"
}

@test "suspended and disabled: start says 105 and the dump stays" {
	suspended "$id"
	vz set "$id" --disabled yes --save
	vz 105 start "$id"
	assert_file "$dump/manifest"
	vz start "$id" --force
	is_alive "$id"
}

@test "set on a suspended container: names and addresses change, what the dump was made with does not" {
	suspended "$id"
	vz set "$id" --ipadd "$(ve_ip 3)" --description "asleep" --save
	vz 32 set "$id" --local_uid 1900019712 --save
	assert_oneline
	assert_match "spoil the dump"
	vz 32 set "$id" --private "/vz/private/other.$id" --save
	vz set "$id" --features nfs:on --save
	assert_match "suspended"
	vz 31 set "$id" --cpuunits 500
	vz 32 runscript "$id" /dev/null
	assert_match "spoil the dump"
	vz 32 set "$id" --userpasswd root:x
	vz start "$id"
	is_alive "$id"
	vz exec "$id" ip addr show dev venet0
	assert_match "$(ve_ip 3)"
}

@test "a container that went on: stop drops the dump of before" {
	started "$id"
	vz chkpnt "$id" --suspend
	vz chkpnt "$id" --dump --dumpfile "$dump"
	vz chkpnt "$id" --resume
	assert_file "$dump/manifest"
	ve_status "$id" "exist mounted running"
	vz stop "$id"
	refute_file "$dump"
	ve_status "$id" "exist unmounted down"
}

@test "frozen in memory: exec and enter refuse, stop wakes it and is orderly" {
	started "$id"
	vz chkpnt "$id" --suspend
	ve_status "$id" "exist mounted running"
	vz 31 exec "$id" true
	assert_oneline
	assert_match "suspended in memory"
	vz 32 start "$id"
	vz stop "$id"
	refute_match "cannot be asked"
	ve_status "$id" "exist unmounted down"
}

# meddled WHAT REGEX CMD...: after CMD restore says REGEX in one line, and nothing is lost or half-started
meddled() {
	local what=$1 regex=$2
	shift 2
	rm -rf "$dump"
	cp -a "$BATS_TEST_TMPDIR/whole" "$dump"
	"$@"
	printf '# %s\n' "$what"
	cmd2 17 vzctl restore "$id"
	# shellcheck disable=SC2154 # set by cmd2
	[[ $stderr =~ $regex ]] || assert_fail "$what: '$stderr' does not match '$regex'"
	[ "$(wc -l <<<"$stderr")" -eq 1 ] || assert_fail "$what: more than one line: $stderr"
	refute [ -e "/run/vz/$id" ]
	refute mountpoint -q "/vz/root/$id"
	chmod 755 /vz/dump
}
flip() { # FILE OFFSET
	printf '%b' "\\x$(printf %02x $(($(od -An -tu1 -j "$2" -N1 "$dump/$1") ^ 1)))" |
		dd of="$dump/$1" bs=1 seek="$2" conv=notrunc status=none
}
to_link() {
	mv "$dump/img/inventory.img" "$BATS_TEST_TMPDIR/elsewhere"
	ln -s "$BATS_TEST_TMPDIR/elsewhere" "$dump/img/inventory.img"
}
to_pipe() { rm "$dump/img/inventory.img" && mkfifo -m 600 "$dump/img/inventory.img"; }

@test "a dump that was meddled with is refused in one line, and stays" {
	suspended "$id"
	cp -a "$dump" "$BATS_TEST_TMPDIR/whole"
	for f in "$dump"/img/*.img "$dump"/ve; do
		meddled "a byte of ${f#"$dump/"}" "${f##*/} was changed" flip "${f#"$dump/"}" 0
	done
	meddled "an image missing" "inventory.img is missing" rm "$dump/img/inventory.img"
	meddled "an image more" "core-999.img is not of the dump" touch "$dump/img/core-999.img"
	meddled "a directory more" "parent is not of the dump" mkdir "$dump/img/parent"
	meddled "an image cut" "bytes and not" truncate -s -1 "$dump/img/inventory.img"
	meddled "a byte of the manifest" "manifest was changed" flip manifest 20
	meddled "the manifest cut" "manifest was changed" truncate -s -1 "$dump/manifest"
	meddled "a huge manifest" "too large" truncate -s 1T "$dump/manifest"
	meddled "no manifest" "manifest is missing" rm "$dump/manifest"
	meddled "no signature" "manifest.sig is missing" rm "$dump/manifest.sig"
	meddled "another format" "format 9" sed -i '1s/.*/vz-dump 9/' "$dump/manifest"
	meddled "a link" "link or a mount" to_link
	meddled "a pipe" "not a regular file" to_pipe
	meddled "a file others may write to" "others could have changed" chmod 666 "$dump/img/inventory.img"
	meddled "another's file" "belongs to user 1234" chown 1234 "$dump/img/inventory.img"
	meddled "open to all" "open to others" chmod 777 "$dump"
	meddled "a world-writable place" "open to others" chmod 1777 /vz/dump
	ve_status "$id" "exist unmounted down suspended"
	rm -rf "$dump"
	cp -a "$BATS_TEST_TMPDIR/whole" "$dump"
	vz restore "$id"
	is_alive "$id"
}

@test "another container's dump, and one of other ids, are refused" {
	suspended "$id"
	ve_create "$(ctid 1)"
	cp -a "$dump" "/vz/dump/Dump.$(ctid 1)"
	vz 17 restore "$(ctid 1)"
	assert_match "is of container $id, not of $(ctid 1)"
	sed -i "s/^LOCAL_UID=.*/LOCAL_UID=\"1900019712\"/;s/^LOCAL_GID=.*/LOCAL_GID=\"1900019712\"/" "/etc/vz/conf/$id.conf"
	vz 17 restore "$id"
	assert_match "its ids begin at"
}

@test "a dump of another node: only with its key in trusted/" {
	suspended "$id"
	# this node forgets who it was, which makes it another one
	cp -a /etc/vz/keys /etc/vz/keys.orig
	rm -f /etc/vz/keys/node.*
	vz 17 restore "$id"
	assert_match "signed by node [0-9a-f]{32}, which is not trusted"
	started "$(ctid 1)"
	vz chkpnt "$(ctid 1)"
	refute cmp -s /etc/vz/keys/node.pub /etc/vz/keys.orig/node.pub
	vz 17 restore "$id"
	install -m 666 /etc/vz/keys.orig/node.pub /etc/vz/keys/trusted/first.pub
	vz 17 restore "$id"
	chmod 644 /etc/vz/keys/trusted/first.pub
	vz restore "$id"
	ve_status "$id" "exist mounted running"
	vz restore "$(ctid 1)"
	is_alive "$(ctid 1)"
}

@test "a dump that outlived its container is not the next one's" {
	suspended "$id"
	cp -a "$dump" "$BATS_TEST_TMPDIR/whole"
	vz destroy "$id"
	cp -a "$BATS_TEST_TMPDIR/whole" "$dump"
	ve_status "$id" "deleted unmounted down"
	ve_create "$id"
	ve_status "$id" "exist unmounted down"
	vz start "$id"
	refute_match "Restoring"
	is_afresh "$id"
}

@test "start with a dump that cannot be restored: a warning, a fresh start, no dump" {
	suspended "$id"
	flip img/inventory.img 0
	vz start "$id"
	assert_match "inventory.img was changed"
	assert_match "started afresh"
	ve_status "$id" "exist mounted running"
	is_afresh "$id"
	refute_file "$dump"
}

@test "DUMPDIR of vz.conf; a place others may write to is refused and the container runs on" {
	sed -i 's|^DUMPDIR=.*|DUMPDIR=/vz/otherdump|' /etc/vz/vz.conf
	grep -q '^DUMPDIR=/vz/otherdump' /etc/vz/vz.conf || echo DUMPDIR=/vz/otherdump >>/etc/vz/vz.conf
	started "$id"
	install -d -m 1777 /vz/otherdump
	vz 16 chkpnt "$id"
	assert_match "/vz/otherdump .* is open to others"
	is_alive "$id"
	chmod 700 /vz/otherdump
	vz chkpnt "$id"
	assert_file "/vz/otherdump/Dump.$id/manifest.sig"
	ve_status "$id" "exist unmounted down suspended"
	# by way of a link, as where /vz is one to a larger disk
	mv /vz/otherdump /vz/otherdump.real
	ln -s otherdump.real /vz/otherdump
	vz start "$id"
	is_alive "$id"
	vz chkpnt "$id" --json
	vz start "$id"
	is_alive "$id"
}

@test "a CRIU without the patches: nothing is dumped that could not be restored" {
	started "$id"
	mv /usr/libexec/vz/vz-criu /usr/libexec/vz/vz-criu.off
	vzctl chkpnt "$id" >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- || local status=$?
	mv /usr/libexec/vz/vz-criu.off /usr/libexec/vz/vz-criu
	assert_eq "${status:-0}" 16
	assert_eq "$(grep -c 'make criu' "$BATS_TEST_TMPDIR/said")" 1
	is_alive "$id"
	refute_file "$dump"
}

@test "--dumpfile: what is no dump is neither overwritten nor removed" {
	started "$id"
	mkdir -p "$BATS_TEST_TMPDIR/not/img"
	chmod 755 "$BATS_TEST_TMPDIR"
	vz 16 chkpnt "$id" --dumpfile "$BATS_TEST_TMPDIR/not"
	mkdir -p /vz/otherdump/web/img
	vz 16 chkpnt "$id" --dumpfile /vz/otherdump/web
	assert_match "is no dump"
	assert_file /vz/otherdump/web/img
	vz 16 chkpnt "$id" --dumpfile relative
	vz chkpnt "$id" --dumpfile /vz/otherdump/kept
	ve_status "$id" "exist unmounted down"
	vz restore "$id" --dumpfile /vz/otherdump/kept
	refute_file /vz/otherdump/kept
	is_alive "$id"
}

@test "chkpnt killed when the container was dead already: the monitor or the next command completes it" {
	started "$id"
	cmd 137 env VZ_FAULT=chkpnt:publish vzctl chkpnt "$id"
	wait_until 20 ve_is "$id" "exist unmounted down suspended"
	# the monitor may have the lock still
	wait_until 20 vzctl start "$id"
	is_alive "$id"
}

@test "a dump outlives what a reboot of the node takes" {
	started "$id"
	vz chkpnt "$id"
	# /run, the firewall's table and vz's cgroup are made anew by who needs them
	rm -rf /run/vz
	nft delete table inet vz 2>/dev/null || true
	find /sys/fs/cgroup -maxdepth 3 -type d -name vz -exec rmdir {} + 2>/dev/null || true
	ve_status "$id" "exist unmounted down suspended"
	vz start "$id"
	assert_line "Restoring completed successfully"
	is_alive "$id"
	refute_file "$dump"
	vz exec "$id" true
}

@test "shutdown with VE_STOP_MODE=suspend, and boot" {
	sed -i '/^VE_STOP_MODE=/d' /etc/vz/vz.conf
	echo VE_STOP_MODE=suspend >>/etc/vz/vz.conf
	started "$id"
	vz set "$id" --onboot yes --save
	vz shutdown
	refute_file /run/vz/boot
	ve_status "$id" "exist unmounted down suspended"
	vz boot
	ve_status "$id" "exist mounted running"
	is_alive "$id"
	refute_file "$dump"
	rm /run/vz/boot
}

@test "features: a table, JSON, and a status that scripts can use" {
	vz features
	assert_match "^FEATURE +STATE +WHAT"
	assert_match "
overlay +yes "
	assert_match "
cgroup-memory +(yes|no) "
	cmd 0 vzctl features -j
	assert_eq "$(jq -r '.[] | select(.name == "criu") | .state' <<<"$output")" yes
	assert_eq "$(jq '[.[] | select(.state == "unknown")] | length' <<<"$output")" 0
	assert_eq "$(jq '[.[] | select(.what == "" or .without == "")] | length' <<<"$output")" 0
	cmd 0 vzctl features --json
}
