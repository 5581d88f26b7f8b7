#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Work inside a VE: exec, enter, runscript, console, passwords, and a VE that ends by itself.
# shellcheck disable=SC2016 # what is in single quotes is expanded inside
load lib/node
load lib/tty

setup_file() {
	node_setup_file
	requires node template-tiny
	CT=$(file_ctid)
	vzctl create "$CT" --ostemplate tiny --hostname inside.example --ipadd "$(ve_ip 5)" 3>&-
	vzctl set "$CT" --nameserver 198.51.100.1 --searchdomain example.org --save 3>&-
	vzctl start "$CT" 3>&-
}

setup() {
	requires node template-tiny
	CT=$(file_ctid)
}

# --- exec ---

@test "exec joins its words, expands inside, and keeps the streams apart" {
	vz exec "$CT" echo a '  b  ' "'c   d'"
	assert_output "a b c   d"
	vz exec "$CT" 'cd /; echo etc/pass*'
	assert_output etc/passwd
	vz exec "$CT" echo '$$ | sed' 's/[0-9][0-9]*/pid/'
	assert_output pid
	vz exec "$CT" test -z ''
	cmd2 0 vzctl exec "$CT" 'echo out; echo err >&2'
	assert_output out
	assert_eq "$stderr" err
	vz exec3 "$CT" echo '*' '  b  '
	assert_output "*   b  "
	vz exec "$CT" 'cat "/proc/1/comm"'
	assert_output init
}

@test "exec: environment, directory and limits of a fresh command" {
	vz exec3 "$CT" env
	assert_line HOME=/
	assert_line TERM=linux
	assert_line PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	assert_eq "${#lines[@]}" 3 "variables"
	vz exec3 "$CT" pwd
	assert_output /
	# no descriptor of the host's leaks in, whatever the caller has open
	output=$(vzctl exec "$CT" 'ls /proc/self/fd' 3>&- 7</etc/passwd 9<>/dev/zero | tr '\n' ' ')
	assert_match '^0 1 2 3 $'
	vz exec "$CT" 'grep -E "^(SigIgn|SigBlk)" /proc/self/status | tr -d "\t 0"'
	assert_output "$(printf 'SigBlk:\nSigIgn:')"
}

@test "exit codes: 8 for exec, the command's for exec2 and exec3, 3 and a word for a signal" {
	vz 8 exec "$CT" exit 5
	vz 5 exec2 "$CT" exit 5
	vz 5 exec3 "$CT" sh -c 'exit 5'
	vz 255 exec2 "$CT" exit 255
	cmd2 3 vzctl exec2 "$CT" 'kill -9 $$'
	assert_eq "$stderr" "Got signal 9"
	cmd2 8 vzctl exec "$CT" 'kill -15 $$'
	assert_eq "$stderr" "Got signal 15"
	vz 127 exec2 "$CT" no-such-command
	vz 47 exec3 "$CT" no-such-command
	vz 20 exec "$CT"
	vz 20 exec3 "$CT"
}

@test "exec -: a script from standard input" {
	output=$(printf 'x=1\necho $((x + 1))\nexit 4\n' | vzctl exec2 "$CT" - 3>&-) && return 1
	assert_eq "$output" 2
	status=0
	printf 'exit 4\n' | vzctl exec2 "$CT" - 3>&- || status=$?
	assert_eq "$status" 4
}

@test "several megabytes of binary pass through in both directions" {
	head -c 6000000 /dev/urandom >"$BATS_TEST_TMPDIR/data"
	local want got
	want=$(sha256sum <"$BATS_TEST_TMPDIR/data")
	got=$(vzctl exec3 "$CT" cat <"$BATS_TEST_TMPDIR/data" 3>&- | sha256sum)
	assert_eq "$got" "$want"
	got=$(vzctl exec "$CT" sha256sum <"$BATS_TEST_TMPDIR/data" 3>&-)
	assert_eq "$got" "$want"
	got=$(vzctl exec "$CT" 'head -c 6000000 /dev/zero; echo x >&2' 2>/dev/null 3>&- | wc -c)
	assert_eq "$got" 6000000
}

@test "standard input need not be read, nor be there" {
	head -c 1000000 /dev/zero | VZ_TIMEOUT=20 timeout 20 vzctl exec "$CT" true 3>&-
	timeout 20 vzctl exec "$CT" true <&- 3>&-
	output=$(timeout 20 vzctl exec "$CT" 'cat; echo end' <&- 3>&-)
	assert_eq "$output" end
	# an open pipe that never says anything does not hold the command's end up
	mkfifo "$BATS_TEST_TMPDIR/silent"
	exec 8<>"$BATS_TEST_TMPDIR/silent"
	output=$(timeout 20 vzctl exec "$CT" echo ended <&8 3>&- 8>&-)
	exec 8>&-
	assert_eq "$output" ended
}

@test "a reader that leaves early ends a command that writes for ever" {
	output=$(timeout 20 vzctl exec "$CT" yes 3>&- | head -n 1)
	assert_eq "$output" y
	gone() { ! vzctl exec "$CT" 'ps | grep -q "[ ]yes$"' 3>&-; }
	wait_until 10 gone
}

@test "a background process that keeps the pipes does not hold exec up" {
	SECONDS=0
	vz exec "$CT" 'sleep 300 & echo started'
	assert_output started
	assert_num "$SECONDS" lt 10 seconds
	vz exec "$CT" 'pkill -f "sleep 300"; true'
}

@test "killing the caller of exec does not leave the command running for ever" {
	timeout -s KILL 2 vzctl exec "$CT" 'while echo x; do sleep 0.1; done' >/dev/null 3>&- || true
	gone() { ! vzctl exec "$CT" 'ps | grep -q "while ech[o]"' 3>&-; }
	wait_until 10 gone
}

@test "many commands at once" {
	local i pids=()
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		vzctl exec2 "$CT" "echo $i; sleep 0.2; exit $i" >"$BATS_TEST_TMPDIR/$i" 3>&- &
		pids+=($!)
	done
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		status=0
		wait "${pids[i - 1]}" || status=$?
		assert_eq "$status" "$i"
		assert_eq "$(cat "$BATS_TEST_TMPDIR/$i")" "$i"
	done
}

# --- what is set inside ---

@test "host name, hosts and name servers are set inside" {
	vz exec "$CT" hostname
	assert_output inside.example
	vz exec "$CT" cat /etc/resolv.conf
	assert_line "nameserver 198.51.100.1"
	assert_match 'search +example.org'
	vz exec "$CT" cat /etc/hosts
	assert_match "inside.example"
	vz set "$CT" --hostname other.example --save
	vz exec "$CT" 'hostname; cat /etc/hosts'
	assert_match '^other.example'
	vz set "$CT" --hostname inside.example --save
	vz exec "$CT" cat /proc/mounts
	assert_match ' / '
}

# --- enter ---

@test "enter: a login shell on a terminal of the VE's own, with the caller's size" {
	output=$(with_tty 33x97 vzctl enter "$CT" <<-'SAY'
		tty; stty size; echo $TERM-$HOME-$HISTFILE-$USER; pwd
		echo pid-$$ parent-$PPID; exit 7
	SAY
	)
	assert_match "entered into CT $CT"
	assert_match '/dev/pts/'
	assert_match '33 97'
	assert_match 'linux-/root-/dev/null-root'
	assert_match 'parent-0'
	assert_match "exited from CT $CT"
	assert_match 'STATUS 7'
	assert_match 'TERMIOS same'
}

@test "enter: a change of the window's size arrives" {
	output=$(with_tty 24x80 vzctl enter "$CT" <<-'SAY'
		stty size
		@size 50x132
		stty size
		exit
	SAY
	)
	assert_match '50 132'
	assert_match 'STATUS 0'
}

@test "enter --exec types the command; ctrl-c reaches it, the shell stays" {
	output=$(with_tty 24x80 vzctl enter "$CT" --exec echo 'typed-$((40 + 2))' <<-'SAY'
		\x03
		exit
	SAY
	)
	assert_match 'typed-42'
	assert_match 'STATUS'
	vz 20 enter "$CT" --bad
	vz 20 enter "$CT" --exec
}

@test "enter: ends when there is nothing more to type" {
	output=$(timeout 20 vzctl enter "$CT" </dev/null 3>&-)
	assert_match "exited from CT $CT"
	status=0
	output=$(printf 'echo typed-$((40 + 2))\nexit 6\n' | timeout 20 vzctl enter "$CT" 3>&-) || status=$?
	assert_match 'typed-42'
	assert_eq "$status" 6
	output=$(echo 'head -n 1; echo after-$((40 + 2))' | timeout 20 vzctl enter "$CT" 3>&-)
	assert_match 'after-42'
}

@test "enter: a shell killed inside restores the terminal and ends" {
	output=$(with_tty 24x80 vzctl enter "$CT" <<-'SAY'
		kill -9 $$
	SAY
	)
	assert_match "exited from CT $CT"
	assert_match 'TERMIOS same'
}

# --- runscript ---

@test "runscript on a running VE and on a stopped one, which stays stopped" {
	printf '#!/bin/sh\nhostname; echo $(($(cat /proc/sys/kernel/ns_last_pid 2>/dev/null || echo 0) >= 0))\nps >/ps-out\nexit 3\n' \
		>"$BATS_TEST_TMPDIR/script"
	vz 3 runscript "$CT" "$BATS_TEST_TMPDIR/script"
	assert_match inside.example
	ve_create "$(ctid)" --hostname stopped.example
	vz 3 runscript "$(ctid)" "$BATS_TEST_TMPDIR/script"
	assert_match stopped.example
	ve_status "$(ctid)" "exist unmounted down"
	refute grep -q 'sleep 86400' "/vz/private/$(ctid)/fs/ps-out"
	vz mount "$(ctid)"
	vz 3 runscript "$(ctid)" "$BATS_TEST_TMPDIR/script"
	ve_status "$(ctid)" "exist mounted down"
	vz umount "$(ctid)"
	vz 20 runscript "$CT"
	vz 11 runscript "$CT" /no/such/file
}

# --- console ---

@test "console: history, attach, type, detach with Esc ." {
	ve_create "$(ctid)"
	vz start "$(ctid)"
	in_ve "$(ctid)" 'echo first words >/dev/console'
	in_ve "$(ctid)" 'setsid sh -c "while read l; do echo got:\$l; done" <>/dev/console >&0 2>&1 &'
	output=$(with_tty 24x80 vzctl console "$(ctid)" <<-'SAY'
		hello there
		\x1b.
	SAY
	)
	assert_match 'first words'
	assert_match 'got:hello there'
	assert_match 'STATUS 0'
	assert_match 'TERMIOS same'
	vz exec "$(ctid)" true
	# what a VE writes with nobody attached never blocks it
	in_ve "$(ctid)" 'i=0; while [ $i -lt 3000 ]; do echo "line $i 0123456789012345678901234567890123456789"; i=$((i+1)); done >/dev/console'
	output=$(echo @leave | with_tty 24x80 vzctl console "$(ctid)")
	assert_match 'line 2999 '
	refute_match 'line 100 '
	vz 21 console "$(ctid)" -1
	vz 20 console "$(ctid)" 1 2
}

# --- passwords ---

@test "userpasswd on a running VE and on a stopped one; nothing of it is stored or shown" {
	ve_create "$(ctid)"
	vz set "$(ctid)" --userpasswd root:'S3cret:x'
	refute_match 'S3cret'
	ve_status "$(ctid)" "exist unmounted down"
	grep -q '^root:\$[56y]\$' "/vz/private/$(ctid)/fs/etc/shadow"
	vz start "$(ctid)"
	cp "/vz/private/$(ctid)/fs/etc/shadow" "$BATS_TEST_TMPDIR/shadow"
	vz set "$(ctid)" --userpasswd root:other
	refute cmp -s "/vz/private/$(ctid)/fs/etc/shadow" "$BATS_TEST_TMPDIR/shadow"
	vz 74 set "$(ctid)" --userpasswd nobody-here:x
	refute grep -rq 'S3cret' /etc/vz /var/log/vzctl.log "/vz/private/$(ctid)"
}

# --- a VE that ends by itself ---

@test "poweroff and halt inside leave the VE stopped and unmounted" {
	ve_create "$(ctid)"
	local word
	for word in poweroff halt; do
		vz start "$(ctid)"
		vz exec "$(ctid)" "$word" || true
		wait_until 20 ve_is "$(ctid)" "exist unmounted down"
		wait_until 5 test ! -e "/run/vz/$(ctid)"
	done
}

@test "a start after a reboot that fails is told in the log" {
	ve_start "$(ctid)"
	: >/var/log/vzctl.log
	printf '#!/bin/sh\necho no room; exit 3\n' >"/etc/vz/conf/$(ctid).mount"
	chmod +x "/etc/vz/conf/$(ctid).mount"
	vzctl exec "$(ctid)" reboot 3>&- || true
	wait_until 20 ve_is "$(ctid)" "exist unmounted down"
	wait_until 10 grep -q 'after a reboot failed' /var/log/vzctl.log
	rm "/etc/vz/conf/$(ctid).mount"
	cmd 0 cat /var/log/vzctl.log
	assert_match "vz-monitor : CT $(ctid) : Container reboots"
	assert_match "vz-monitor : CT $(ctid) : start after a reboot failed: .*with 3: no room"
	vz start "$(ctid)"
}

@test "reboot inside brings the VE back, with what changed in its configuration" {
	ve_create "$(ctid)" --hostname before.example
	vz start "$(ctid)"
	vz set "$(ctid)" --hostname after.example --save
	in_ve "$(ctid)" 'echo x >/dev/shm/gone; echo x >/kept'
	local init round
	for round in 1 2 3; do
		init=$(sed -n 's/^init=//p' "/run/vz/$(ctid)/state")
		vz exec "$(ctid)" reboot || true
		rebooted() { ve_is "$(ctid)" "exist mounted running" && refute grep -qx "init=$init" "/run/vz/$(ctid)/state"; }
		wait_until 20 rebooted
		in_ve "$(ctid)" 'test ! -e /dev/shm/gone && test -e /kept && hostname'
		assert_output after.example
	done
	vz stop "$(ctid)"
	ve_status "$(ctid)" "exist unmounted down"
}

@test "stop asks first: the VE's own scripts run; --fast does not" {
	ve_create "$(ctid)"
	vz start "$(ctid)"
	in_ve "$(ctid)" 'printf "#!/bin/sh\necho \$1 >/orderly\n" >/etc/rc.stop; chmod +x /etc/rc.stop'
	vz stop "$(ctid)"
	refute_match 'Killing'
	assert_eq "$(cat "/vz/private/$(ctid)/fs/orderly")" poweroff
	vz start "$(ctid)"
	in_ve "$(ctid)" 'rm /orderly'
	vz stop "$(ctid)" --fast
	refute_file "/vz/private/$(ctid)/fs/orderly"
}

deaf_init='printf "#!/bin/busybox sh\ntrap : TERM INT USR1 USR2 PWR\nwhile :; do sleep 1000; done\n" >/sbin/init'

@test "a VE that ignores halt is killed after STOP_TIMEOUT" {
	ve_create "$(ctid)"
	vz set "$(ctid)" --stop-timeout 1 --save
	vz start "$(ctid)"
	in_ve "$(ctid)" "$deaf_init"
	vz restart "$(ctid)"
	SECONDS=0
	vz stop "$(ctid)"
	assert_line "Killing container ..."
	assert_num "$SECONDS" le 10 seconds
	ve_status "$(ctid)" "exist unmounted down"
}

@test "a VE whose halt command itself hangs is killed after STOP_TIMEOUT" {
	ve_create "$(ctid)"
	vz set "$(ctid)" --stop-timeout 1 --save
	vz start "$(ctid)"
	in_ve "$(ctid)" 'mkdir -p /run/systemd/system; printf "#!/bin/sh\nsleep 1000\n" >/sbin/systemctl; chmod +x /sbin/systemctl'
	SECONDS=0
	vz stop "$(ctid)"
	assert_line "Killing container ..."
	assert_num "$SECONDS" le 10 seconds
	ve_status "$(ctid)" "exist unmounted down"
}

@test "a stop script that hangs in the VE is killed after STOP_TIMEOUT; one that fails is obeyed" {
	ve_create "$(ctid)"
	vz set "$(ctid)" --stop-timeout 1 --save
	vz start "$(ctid)"
	printf '#!/bin/sh\necho not now; exit 4\n' >"/etc/vz/conf/$(ctid).stop"
	chmod +x "/etc/vz/conf/$(ctid).stop"
	vz 79 stop "$(ctid)"
	assert_match 'not now'
	ve_status "$(ctid)" "exist mounted running"
	printf '#!/bin/sh\nsleep 1000\n' >"/etc/vz/conf/$(ctid).stop"
	SECONDS=0
	vz stop "$(ctid)"
	assert_line "Killing container ..."
	assert_num "$SECONDS" le 10 seconds
	rm "/etc/vz/conf/$(ctid).stop"
	ve_status "$(ctid)" "exist unmounted down"
}

@test "a VE that floods its console waits; its monitor does not" {
	local monitor before after
	bytes_read() { sed -n 's/^rchar: //p' "/proc/$monitor/io"; }
	ve_start "$(ctid)"
	monitor=$(sed -n 's/^monitor=//p' "/run/vz/$(ctid)/state")
	in_ve "$(ctid)" 'for i in 1 2; do yes flood >/dev/console & done; i=0; while :; do echo; done >/dev/console & sleep 0.5'
	before=$(bytes_read)
	sleep 3
	after=$(bytes_read)
	# 256 KiB a second; a loaded machine may have made that sleep a longer one
	assert_num $((after - before)) le 1200000 "bytes that the monitor has read in 3 s"
	assert_num $((after - before)) ge 100000 "bytes that the monitor has read in 3 s"
	in_ve "$(ctid)" true
	# and those who look still see it
	timeout 2 vzctl console "$(ctid)" </dev/null >"$BATS_TEST_TMPDIR/seen" 2>&1 3>&- || true
	grep -q flood "$BATS_TEST_TMPDIR/seen"
	vz stop "$(ctid)" --fast
}

@test "a VE without any command left is stopped" {
	ve_create "$(ctid)"
	vz start "$(ctid)"
	in_ve "$(ctid)" 'rm -rf /bin/* /sbin/* /usr 2>/dev/null; true'
	vz stop "$(ctid)"
	ve_status "$(ctid)" "exist unmounted down"
}

@test "init killed from the host: the VE ends and is taken down" {
	ve_create "$(ctid)"
	vz start "$(ctid)"
	kill -9 "$(sed -n 's/^init=//p' "/run/vz/$(ctid)/state")"
	wait_until 10 ve_is "$(ctid)" "exist unmounted down"
	wait_until 5 test ! -e "/run/vz/$(ctid)"
	vz start "$(ctid)"
	in_ve "$(ctid)" true
}
