#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A VE's life on the host's side: create, mount, start, stop, destroy; exit codes and the words scripts read.
# shellcheck disable=SC2016 # what is in single quotes is expanded inside
load lib/node

setup() {
	requires node template-tiny
	CT=$(ctid)
}

conf() { sed -n "s/^$2=\"\(.*\)\"/\1/p" "/etc/vz/conf/$1.conf"; } # CTID KEY
set_conf() { # FILE KEY VALUE
	grep -q "^$2=" "$1" || echo "$2=" >>"$1"
	sed -i "s|^$2=.*|$2=\"$3\"|" "$1"
}

@test "status words at each step of a life" {
	ve_status "$CT" "deleted unmounted down"
	ve_create "$CT"
	ve_status "$CT" "exist unmounted down"
	vz mount "$CT"
	ve_status "$CT" "exist mounted down"
	vz umount "$CT"
	ve_status "$CT" "exist unmounted down"
	vz start "$CT"
	ve_status "$CT" "exist mounted running"
	vz stop "$CT" --skip-umount
	ve_status "$CT" "exist mounted down"
	vz stop "$CT"
	vz umount "$CT"
	vz destroy "$CT"
	ve_status "$CT" "deleted unmounted down"
}

@test "status: one line on stdout, also when quiet; the first word can be chosen" {
	ve_create "$CT"
	cmd2 0 vzctl --quiet status "$CT"
	assert_output "CTID $CT exist unmounted down"
	assert_eq "$stderr" "" stderr
	cmd 0 env VZ_STATUS_WORD=VEID vzctl status "$CT"
	assert_output "VEID $CT exist unmounted down"
}

@test "create, start, stop and destroy say their milestones on stdout and nothing on stderr" {
	cmd2 0 vzctl create "$CT" --ostemplate tiny
	assert_line "Creating container private area (tiny)"
	assert_line "CT configuration saved to /etc/vz/conf/$CT.conf"
	assert_line "Container private area was created"
	assert_eq "$stderr" "" stderr
	cmd 0 sh -c "vzctl start $CT 2>/dev/null"
	assert_line "Starting container..."
	assert_line "Container is mounted"
	assert_line "Container start in progress..."
	cmd2 0 vzctl stop "$CT"
	assert_line "Stopping container ..."
	assert_line "Container was stopped"
	assert_line "Container is unmounted"
	assert_eq "$stderr" "" stderr
	cmd2 0 vzctl destroy "$CT"
	assert_line "Destroying container private area: /vz/private/$CT"
	assert_line "Container private area was destroyed"
	assert_eq "$stderr" "" stderr
}

@test "the second VE of a template costs less than 100 KiB" {
	ve_create "$(ctid 1)"
	sync -f /vz
	local before after
	before=$(df --output=used -B1 /vz | tail -n 1)
	ve_create "$CT"
	sync -f /vz
	after=$(df --output=used -B1 /vz | tail -n 1)
	assert_num "$(du -sB1 "/vz/private/$CT" | cut -f 1)" lt 102400 "size of the private area"
	refute_match 'Importing'
	# the file system is shared with others: a sanity bound only
	assert_num $((after - before)) lt 50000000 "bytes written"
}

@test "files on disk carry the VE's own ids, seen from the host they are the VE's range" {
	ve_start "$CT"
	in_ve "$CT" "echo x >/root-file; echo y >/user-file; chown 33:44 /user-file; ls -ln / | grep user-file"
	assert_match ' 33 +44 '
	assert_eq "$(stat -c %u:%g "/vz/private/$CT/fs/root-file")" 0:0
	assert_eq "$(stat -c %u:%g "/vz/private/$CT/fs/user-file")" 33:44
	local base
	base=$(conf "$CT" LOCAL_UID)
	assert_num "$base" gt 65535
	assert_eq "$(stat -c %u:%g "/vz/root/$CT/user-file")" "$((base + 33)):$((base + 44))"
	# and its processes run with ids of that range
	assert_eq "$(awk '/^Uid:/ { print $2 }' "/proc/$(vzpid_init "$CT")/status")" "$base"
}
vzpid_init() { sed -n 's/^init=//p' "/run/vz/$1/state"; }

@test "two VEs of one template: disjoint ids, files apart, the template stays as it is" {
	ve_start "$CT" && ve_start "$(ctid 1)"
	local a b
	a=$(conf "$CT" LOCAL_UID) b=$(conf "$(ctid 1)" LOCAL_UID)
	assert_num $((a > b ? a - b : b - a)) ge 65536 "distance of the id ranges"
	in_ve "$CT" 'echo mine >/etc/mine; echo changed >/etc/profile; rm /etc/group'
	vz 1 exec2 "$(ctid 1)" 'grep -q changed /etc/profile || test -e /etc/mine'
	in_ve "$(ctid 1)" 'test -e /etc/group'
	in_ve "$CT" 'test ! -e /etc/group && cat /etc/mine'
	assert_output mine
	vz restart "$CT"
	in_ve "$CT" 'test ! -e /etc/group && cat /etc/profile'
	assert_output changed
}

@test "the VE's clocks begin at its start" {
	ve_start "$CT"
	in_ve "$CT" 'cut -d. -f1 /proc/uptime'
	assert_num "$output" le 5 "uptime after start"
	refute test "$(readlink "/proc/$(vzpid_init "$CT")/ns/time")" = "$(readlink /proc/self/ns/time)"
}

@test "mount and umount" {
	ve_create "$CT"
	vz 40 umount "$CT"
	assert_match 'CT is not mounted'
	vz mount "$CT"
	assert_line "Container is mounted"
	assert_file "/vz/root/$CT/sbin/init"
	vz mount "$CT"
	assert_match 'Container is already mounted'
	findmnt -n -o OPTIONS "/vz/root/$CT" | grep -q 'nosuid.*nodev.*noexec'
	vz 41 destroy "$CT"
	assert_match 'Container is currently mounted'
	vz umount "$CT"
	assert_line "Container is unmounted"
	vz start "$CT"
	vz 32 umount "$CT"
	assert_match 'Container is running -- stop it first'
	vz mount "$CT"
}

@test "start of a mounted VE; --skip-remount" {
	ve_create "$CT"
	vz mount "$CT"
	vz start "$CT"
	vz stop "$CT" --skip-umount
	vz start "$CT" --skip-remount
	refute_match 'Container is mounted'
	vz stop "$CT"
	ve_status "$CT" "exist unmounted down"
}

@test "start and destroy of a running VE are refused with 32; stop of a stopped one is fine" {
	ve_create "$CT"
	vz stop "$CT"
	assert_match 'Unable to stop: container is not running'
	vz start "$CT"
	vz 32 start "$CT"
	assert_line "Container is already running"
	vz 32 destroy "$CT"
	assert_match 'Container is currently running'
	vz stop "$CT" --fast
	vz 31 exec "$CT" true
	vz 31 exec2 "$CT" true
	vz 31 enter "$CT"
}

@test "restart: of a running VE and of a stopped one" {
	ve_create "$CT"
	vz restart "$CT"
	assert_eq "${lines[0]}" "Restarting container"
	in_ve "$CT" 'echo > /dev/shm/here'
	vz restart "$CT" --fast
	assert_line "Container was stopped"
	in_ve "$CT" 'test ! -e /dev/shm/here'
}

@test "restart: what would not start again is not stopped" {
	ve_start "$CT"
	in_ve "$CT" 'echo >/dev/shm/here'
	vz set "$CT" --disabled yes --save
	vz 105 restart "$CT"
	in_ve "$CT" 'test -e /dev/shm/here'
	cp "/etc/vz/conf/$CT.conf" "$BATS_TEST_TMPDIR/conf"
	sed -i 's/^LOCAL_UID=.*/LOCAL_UID="nonsense"/' "/etc/vz/conf/$CT.conf"
	status=0
	output=$(timeout 20 vzctl restart "$CT" --force 2>&1 3>&-) || status=$?
	cp "$BATS_TEST_TMPDIR/conf" "/etc/vz/conf/$CT.conf"
	assert_num "$status" ne 0
	in_ve "$CT" 'test -e /dev/shm/here'
	vz restart "$CT" --force --fast
	in_ve "$CT" 'test ! -e /dev/shm/here'
}

@test "create: what exists already is refused and stays whole" {
	ve_create "$CT"
	echo "# mine" >>"/etc/vz/conf/$CT.conf"
	vz 44 create "$CT" --ostemplate tiny
	assert_match "Private area already exists in /vz/private/$CT"
	assert_eq "${lines[-1]}" "Creation of container private area failed"
	grep -q '^# mine' "/etc/vz/conf/$CT.conf"
	vz start "$CT"
	vz 44 create "$CT" --ostemplate tiny
}

@test "create with a configuration already there: kept, but 82 with --config" {
	printf 'OSTEMPLATE="tiny"\nHOSTNAME="kept.example"\n#UUID: 1\n' >"/etc/vz/conf/$CT.conf"
	vz 82 create "$CT" --ostemplate tiny --config light
	assert_eq "$(conf "$CT" HOSTNAME)" kept.example
	vz create "$CT" --ostemplate tiny
	assert_match 'exists and is kept'
	assert_eq "$(conf "$CT" HOSTNAME)" kept.example
	grep -q '^#UUID: 1' "/etc/vz/conf/$CT.conf"
}

@test "create: no such template is 91 with the nearest name, no such sample 82; nothing stays" {
	vz 91 create "$CT" --ostemplate tyny
	assert_match 'tyny.*tiny'
	assert_eq "${lines[-1]}" "Creation of container private area failed"
	assert_eq "${#lines[@]}" 3 "lines: what is done, the cause, that it failed"
	vz 82 create "$CT" --ostemplate tiny --config no-such-sample
	assert_match 'no-such-sample'
	vz 70 create "$CT" --ostemplate tiny --hostname 'bad name!'
	refute_file "/etc/vz/conf/$CT.conf"
	refute_file "/vz/private/$CT"
	refute_file "/vz/private/$CT.tmp"
	refute_file "/vz/root/$CT"
	ve_status "$CT" "deleted unmounted down"
	vz 29 create "$CT" --ostemplate ''
}

@test "create: --config chooses the sample and is recorded" {
	ve_create "$CT" --config light
	assert_eq "$(conf "$CT" ORIGIN_SAMPLE)" light
	assert_eq "$(conf "$CT" OSTEMPLATE)" tiny
	ve_create "$(ctid 1)"
	assert_eq "$(conf "$(ctid 1)" ORIGIN_SAMPLE)" "$(sed -n 's/^CONFIGFILE="\(.*\)"/\1/p' /etc/vz/vz.conf)"
}

@test "create stores options without applying them" {
	ve_create "$CT" --hostname h.example --ipadd "$(ve_ip 1)" --name "$(safename)" --description "a b"
	assert_eq "$(conf "$CT" HOSTNAME)" h.example
	assert_eq "$(conf "$CT" IP_ADDRESS)" "$(ve_ip 1)"
	assert_eq "$(conf "$CT" DESCRIPTION)" "a b"
	ip route get "$(ve_ip 1)" | grep -vq venet
}

@test "names: lookup, rename, taken, removed with the VE" {
	ve_create "$CT" --name "$(safename)"
	ve_create "$(ctid 1)"
	vz status "$(safename)"
	assert_output "CTID $CT exist unmounted down"
	vz 131 set "$(ctid 1)" --name "$(safename)" --save
	assert_match "used by CT $CT"
	vz 131 set "$CT" --name "$(safename new)"
	vz set "$CT" --name "$(safename new)" --save
	vz 21 status "$(safename)"
	assert_match "Bad CT ID $(safename) .did you mean $(safename new)"
	vz set "$(ctid 1)" --name "$(safename)" --save
	vz start "$(safename new)"
	in_ve "$(safename new)" true
	vz stop "$(safename new)" --fast
	vz destroy "$(safename new)"
	refute_file "/etc/vz/names/$(safename new)"
	vz 131 create "$CT" --ostemplate tiny --name "$(safename)"
	refute_file "/etc/vz/conf/$CT.conf"
	vz 131 create "$CT" --ostemplate tiny --name 12345
	vz status "$(safename)"
	assert_match "CTID $(ctid 1) "
}

@test "CTIDs: missing, bad, unknown, the host's" {
	vz 21 start
	assert_output "CT ID missing"
	vz 21 start no-such-name
	assert_match '^Bad CT ID no-such-name'
	vz 21 start 99999999999
	vz 14 start "$CT"
	assert_match "/etc/vz/conf/$CT.conf"
	local verb
	for verb in stop mount umount destroy enter restart; do
		vz 14 $verb "$CT"
	done
	vz 14 exec "$CT" true
	vz 21 start 0
	vz 21 destroy 0
	vz 20 start "$CT" --no-such-option
	vz 20 start "$CT" garbage
}

@test "a disabled VE starts by force only" {
	ve_create "$CT"
	vz set "$CT" --disabled yes --save
	vz 105 start "$CT"
	assert_match '^Container start disabled'
	ve_status "$CT" "exist unmounted down"
	vz start "$CT" --force
	vz stop "$CT" --fast
}

@test "a lock is respected, its holder told; --skiplock goes past it" {
	ve_create "$CT"
	mkdir -p /vz/lock
	sleep 1000 3>&- &
	local holder=$!
	printf '%d\nbackup\n' "$holder" >"/vz/lock/$CT.lck"
	vz 9 start "$CT"
	assert_match "Container already locked \(pid $holder, sleep.* backup\)"
	vz 9 destroy "$CT"
	vz 9 set "$CT" --description x --save
	vz status "$CT"
	vz --skiplock start "$CT"
	in_ve "$CT" true
	vz --skiplock stop "$CT" --fast
	assert_file "/vz/lock/$CT.lck"
	kill "$holder"
	wait "$holder" || true
	# its holder is dead: the file is just old
	vz start "$CT"
	refute_file "/vz/lock/$CT.lck"
}

@test "LOCK_TIMEOUT waits for the lock" {
	ve_create "$CT"
	mkdir -p /vz/lock
	set_conf /etc/vz/vz.conf LOCK_TIMEOUT 20
	sleep 1 3>&- &
	printf '%d\n' "$!" >"/vz/lock/$CT.lck"
	status=0
	vz start "$CT" || status=$?
	set_conf /etc/vz/vz.conf LOCK_TIMEOUT 0
	assert_eq "$status" 0
}

@test "a missing private area is 43, no init 47" {
	ve_create "$CT"
	mv "/vz/private/$CT" "/vz/private/$CT.away"
	ve_status "$CT" "deleted unmounted down"
	vz 43 start "$CT"
	assert_match "/vz/private/$CT"
	vz 43 mount "$CT"
	mv "/vz/private/$CT.away" "/vz/private/$CT"
	vz start "$CT"
	in_ve "$CT" 'rm /sbin/init'
	vz stop "$CT" --fast
	vz 47 start "$CT"
	assert_match 'execute /sbin/init in the container'
	ve_status "$CT" "exist unmounted down"
}
@test "a VE whose template vanished says so" {
	ve_create "$CT"
	cp -a "/vz/private/$CT/meta" "$BATS_TEST_TMPDIR/meta"
	sed -i 's/sha256-..../sha256-0000/' "/vz/private/$CT/meta"
	vz 91 start "$CT"
	assert_match 'import its archive again'
	ve_status "$CT" "exist unmounted down"
	rm "/vz/private/$CT/meta"
	vz 43 start "$CT"
	assert_match 'metadata'
	cp "$BATS_TEST_TMPDIR/meta" "/vz/private/$CT/meta"
	vz start "$CT"
}

@test "a tarball dropped into the cache is a template, with any compression" {
	local tree=$BATS_TEST_TMPDIR/tree n
	mkdir -p "$tree"
	tar -C "$tree" -xf /vz/template/cache/tiny.tar.zst
	echo "dropped" >"$tree/etc/dropped"
	for n in gz xz zst; do
		echo "$n" >"$tree/etc/dropped"
		tar -C "$tree" -caf "/vz/template/cache/$(safename $n).tar.$n" .
		VE_TEMPLATE=$(safename $n) ve_start "$CT"
		in_ve "$CT" 'cat /etc/dropped'
		assert_output "$n"
		vz stop "$CT" --fast
		vz destroy "$CT"
		rm "/vz/template/cache/$(safename $n).tar.$n"
	done
}

@test "ONBOOT: boot starts those that want it in order, shutdown stops all" {
	ve_create "$CT" && ve_create "$(ctid 1)" && ve_create "$(ctid 2)"
	vz set "$CT" --onboot yes --bootorder 1 --save
	vz set "$(ctid 1)" --onboot yes --bootorder 5 --save
	vz set "$(ctid 2)" --onboot no --save
	# one at a time, so that the order shows
	cp /etc/vz/vz.conf "$BATS_TEST_TMPDIR/vz.conf"
	echo 'VE_PARALLEL="1"' >>/etc/vz/vz.conf
	vz boot
	cp "$BATS_TEST_TMPDIR/vz.conf" /etc/vz/vz.conf
	ve_status "$CT" "exist mounted running"
	ve_status "$(ctid 1)" "exist mounted running"
	ve_status "$(ctid 2)" "exist unmounted down"
	local first second
	first=$(sed -n 's/^started_ms=//p' "/run/vz/$(ctid 1)/state")
	second=$(sed -n 's/^started_ms=//p' "/run/vz/$CT/state")
	assert_num "$first" le "$second" "the higher BOOTORDER's start"
	vz boot
	vz shutdown
	ve_status "$CT" "exist unmounted down"
	ve_status "$(ctid 1)" "exist unmounted down"
}

@test "action scripts run in order on the host and inside; a failing one undoes the start" {
	ve_create "$CT"
	local a log=$BATS_TEST_TMPDIR/log
	for a in premount mount umount postumount; do
		printf '#!/bin/sh\necho %s $VEID >>%s\n' "$a" "$log" >"/etc/vz/conf/$CT.$a"
		chmod +x "/etc/vz/conf/$CT.$a"
	done
	printf 'echo start $VEID >/tmp-start\nps >>/tmp-start\n' >"/etc/vz/conf/$CT.start"
	printf 'echo stop >/tmp-stop\n' >"/etc/vz/conf/$CT.stop"
	chmod +x "/etc/vz/conf/$CT.start" "/etc/vz/conf/$CT.stop"
	vz start "$CT"
	in_ve "$CT" 'cat /tmp-start'
	assert_line "start $CT"
	refute_match 'sleep 86400'
	vz stop "$CT"
	assert_eq "$(tr '\n' , <"$log")" "premount $CT,mount $CT,umount $CT,postumount $CT,"
	assert_eq "$(cat "/vz/private/$CT/fs/tmp-stop")" stop
	echo 'echo too bad; exit 5' >"/etc/vz/conf/$CT.start"
	vz 79 start "$CT"
	assert_match 'failed inside with 5: too bad'
	ve_status "$CT" "exist unmounted down"
	rm "/etc/vz/conf/$CT.start"
	echo 'exit 6' >"/etc/vz/conf/$CT.stop"
	vz start "$CT"
	vz 79 stop "$CT"
	ve_status "$CT" "exist mounted running"
	vz stop "$CT" --fast
	vz destroy "$CT"
	assert_file "/etc/vz/conf/$CT.mount.destroyed"
	assert_file "/etc/vz/conf/$CT.conf.destroyed"
}

@test "destroy leaves the renamed configuration only; deleting is its other name" {
	ve_create "$CT" --name "$(safename)"
	vz start "$CT"
	in_ve "$CT" 'mkdir -p /d/e; chattr +i /d 2>/dev/null; echo x >/d/e/f; chmod 000 /d/e; mkfifo /p; ln -s / /l'
	vz stop "$CT" --fast
	vz delete "$CT"
	refute_file "/vz/private/$CT"
	refute_file "/vz/root/$CT"
	refute_file "/etc/vz/conf/$CT.conf"
	assert_file "/etc/vz/conf/$CT.conf.destroyed"
	nothing_destroyed() { [ -z "$(compgen -G '/vz/private/.destroyed-*')" ]; }
	wait_until 10 nothing_destroyed
	ve_create "$CT"
	vz destroy "$CT"
}
