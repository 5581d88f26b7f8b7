#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016 # what is in single quotes expands inside the container
# Commands on a running container as scripts see them: statuses, streams, what is listed, boot and shutdown.
load lib/node

setup_file() {
	node_setup_file
	export CT
	CT=$(file_ctid)
	requires template-tiny
	# an ns node has no memory and pids controllers; limits are tested in a vm node
	sed -i.orig 's/^CGROUP_MISSING=.*/CGROUP_MISSING="warn"/' /etc/vz/vz.conf
	vzctl create "$CT" --ostemplate tiny --hostname web >&2
	vzctl start "$CT" >&2
}

teardown_file() {
	mv /etc/vz/vz.conf.orig /etc/vz/vz.conf
	node_teardown_file
}

# A test that fails half-way must not cost the others their container.
setup() {
	[[ $(vzctl status "$CT") == *running* ]] || vzctl start "$CT"
}

@test "start of a running container: 32; status, list and PID agree" {
	vz 32 start "$CT"
	vz status "$CT"
	assert_eq "$output" "CTID $CT exist mounted running"
	cmd 0 vzlist -H -o ctid,status,hostname "$CT"
	assert_match "^ +$CT running +web$"
	cmd 0 vzlist -H -o uptime,numproc "$CT"
	assert_match '^0+d00h:[0-9]{2}m:[0-9]{2}s +[0-9]+$'
}

@test "exec: a shell inside, 8 for any failure; exec2: the status itself" {
	vz exec "$CT" 'echo "$HOME|$TERM|$PATH"'
	assert_eq "$output" "/|linux|/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	vz exec "$CT" echo '/etc/host*' '|' cat
	assert_match '/etc/hostname'
	vz 8 exec "$CT" exit 3
	vz 3 exec2 "$CT" exit 3
	vz 8 exec "$CT" 'kill -9 $$'
	assert_eq "$output" "Got signal 9"
	vz 3 exec2 "$CT" 'kill -9 $$'
	vz exec2 "$CT" echo a '' b
	assert_eq "$output" "a  b"
	vz exec3 "$CT" /bin/echo '*' '$HOME'
	assert_eq "$output" '* $HOME'
	vz 20 exec "$CT"
}

@test "exec: streams are apart, a script comes by stdin" {
	cmd2 0 vzctl exec2 "$CT" 'echo out; echo err >&2'
	assert_eq "$output" out
	assert_eq "$stderr" err
	cmd 4 bash -c "echo 'echo from stdin; exit 4' | vzctl exec2 $CT -"
	assert_eq "$output" "from stdin"
	cmd 0 bash -c "head -c 3000000 /dev/zero | vzctl exec2 $CT wc -c"
	assert_match '^ *3000000$'
}

@test "exec: no descriptor of the host goes in" {
	cmd 0 bash -c "exec 7</etc/vz/vz.conf 9</; vzctl exec2 $CT 'ls /proc/self/fd | wc -l; pwd' 7<&7 9<&9"
	# 0, 1, 2 and the directory ls reads
	assert_eq "${lines[0]}" 4
	assert_eq "${lines[1]}" /
}

@test "runscript: a host's file runs inside" {
	echo 'hostname; exit 5' >"$BATS_TEST_TMPDIR/script"
	vz 5 runscript "$CT" "$BATS_TEST_TMPDIR/script"
	assert_eq "$output" web
	vz 11 runscript "$CT" "$BATS_TEST_TMPDIR/absent"
}

@test "set: live without --save, with a warning; with it in the file" {
	vz set "$CT" --hostname other
	assert_match 'not saved'
	vz exec "$CT" hostname
	assert_eq "$output" other
	cmd 0 grep HOSTNAME "/etc/vz/conf/$CT.conf"
	assert_eq "$output" 'HOSTNAME="web"'
	cmd2 0 vzctl set "$CT" --hostname third --save
	assert_match 'CT configuration saved to /etc/vz/conf/'
	assert_eq "$stderr" ""
	vz exec "$CT" hostname
	assert_eq "$output" third
	vz set "$CT" --hostname web --save
	vz 32 set "$CT" --root /vz/root/elsewhere --save
}

@test "set --name: the name works everywhere; --applyconfig_map makes its link again" {
	local name
	name=$(safename web)
	vz set "$CT" --name "$name" --save
	vz status "$name"
	cmd 0 vzlist -H -o ctid "$name"
	rm "/etc/vz/names/$name"
	vz 21 status "$name"
	vz set "$CT" --applyconfig_map name --save
	vz status "$name"
	vz set "$CT" --name '' --save
	vz 21 status "$name"
}

@test "set --reset_ub needs a running container and nothing else" {
	vz set "$CT" --reset_ub
	vz 20 set "$CT" --reset_ub --save
}

@test "vzpid: a process of the container, with its PID inside" {
	local pid inside
	vzctl exec2 "$CT" 'echo $$ >/tmp/pid; exec sleep 300' 3>&- &
	wait_until 10 vzctl exec2 "$CT" test -s /tmp/pid
	inside=$(vzctl exec2 "$CT" cat /tmp/pid)
	wait_until 10 pgrep -x -f 'sleep 300'
	pid=$(pgrep -x -f 'sleep 300')
	cmd 0 vzpid -p "$pid"
	kill "$pid"
	assert_eq "${lines[1]}" "$pid"$'\t'"$inside"$'\t'"$CT"$'\t'sleep
	cmd 0 vzpid "$$"
	assert_match $'\t0\tbash'
}

@test "umount and destroy of a running container: 32" {
	vz 32 umount "$CT"
	vz 32 destroy "$CT"
}

@test "vzlist -j of a running container" {
	requires jq
	cmd2 0 vzlist -j "$CT"
	jq -e --argjson id "$CT" '.[0] | .ctid == $id and .status == "running" and .numproc.held >= 1 and
		(.uptime | type) == "number"' <<<"$output"
}

@test "shutdown stops all and remembers, boot starts what ran or has ONBOOT" {
	local other
	other=$(file_ctid 1)
	# unset: started when it ran before
	sed -i '/^ONBOOT=/d' "/etc/vz/conf/$CT.conf"
	vz create "$other" --ostemplate tiny
	vz shutdown
	[ -e "/var/lib/vzctl/vzreboot/$CT" ]
	[ ! -e "/var/lib/vzctl/vzreboot/$other" ]
	cmd 0 vzlist
	cmd 3 /etc/init.d/vz status
	vz boot
	cmd 0 /etc/init.d/vz status
	cmd 0 vzlist -1
	assert_eq "${output// /}" "$CT"
	vz shutdown
	vz set "$CT" --onboot no --save
	vz set "$other" --onboot yes --save
	vz boot
	cmd 0 vzlist -1
	assert_eq "${output// /}" "$other"
	ve_destroy "$other"
	vz shutdown
	rm -f /var/lib/vzctl/vzreboot/*
}

@test "stop of a stopped container is no error; exec is 31" {
	vz stop "$CT"
	vz stop "$CT" --fast
	assert_eq "$output" "Unable to stop: container is not running"
	vz 31 exec "$CT" true
	vz 31 enter "$CT"
	vz mount "$CT"
	vz mount "$CT"
	vz 41 destroy "$CT"
	vz umount "$CT"
	vz 40 umount "$CT"
}
