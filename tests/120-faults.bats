#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What dies in the middle: whatever is killed at whatever moment, the VE's state is told truly, stop and start
# work, and nothing is left behind. VZ_FAULT=VERB:POINT makes the process that gets there kill itself.
# shellcheck disable=SC2016 # what is in single quotes is expanded inside
load lib/node

SRC=$BATS_TEST_DIRNAME/../libvz/ve

setup() {
	requires node template-tiny
	CT=$(ctid)
}

# the stages of a start, in order, from their table; and the points of another verb
start_points() { sed -n '/^static const struct stage table/,/^};/s/^\t{ "\([a-z]*\)".*/\1/p' "$SRC/start.c" && echo "done"; }
down_points() { sed -n '/^static const struct stage table/,/^};/s/^\t{ "\([a-z]*\)", [a-z_]*, [a-z_]*_down }.*/\1/p' "$SRC/start.c"; }
points() { sed -n "s/.*fault_point(\"$1\", \"\([a-z]*\)\").*/\1/p" "$SRC"/*.c; }

fault() { # VERB:POINT vzctl's words: it is killed there
	printf '# VZ_FAULT=%s vzctl %s\n' "$1" "${*:2}"
	status=0
	output=$(VZ_FAULT=$1 timeout 30 vzctl "${@:2}" 2>&1 3>&-) || status=$?
	printf '%s\n' "$output"
	[ "$status" -eq 137 ] || [[ $output == *'monitor of the container died'* ]] ||
		assert_fail "nothing died at $1 (status $status)"
}

ve_ended() { [[ $(vzctl status "$1" 3>&-) != *running ]]; }

# a word of status that no life may lead to is a lie somewhere
sane() { # CTID
	output=$(vzctl status "$1" 3>&-)
	case ${output#"CTID $1 "} in
	"exist unmounted down" | "exist mounted down" | "exist mounted running") ;;
	*) assert_fail "status says '$output'" ;;
	esac
	# what runs can be entered, unless it is ending right now: its start is undone, or its init lost its monitor
	[[ $output != *running ]] || vzctl exec "$1" true 3>&- || wait_until 5 ve_ended "$1"
}

# stop, start, exec, stop all work; what is still undoing a killed verb may hold the lock for a moment
recovers() { # CTID
	sane "$1"
	wait_until 20 vzctl stop "$1" --fast
	wait_until 20 ve_is "$1" "exist unmounted down"
	nothing_left "$1"
	vz start "$1"
	vz exec "$1" true
	vz stop "$1" --fast
	ve_status "$1" "exist unmounted down"
	nothing_left "$1"
}

nothing_left() { # CTID: of its running
	refute_file "/run/vz/$1"
	wait_until 2 test ! -e "/vz/lock/$1.lck"
	assert_eq "$(find "$(cgroup_root)" -type d -name "$1")" "" "cgroup of $1"
	refute findmnt -n "/vz/root/$1"
}

@test "the manager killed at every stage of a start" {
	ve_create "$CT"
	vz set "$CT" --ipadd "$(ve_ip 1)" --save
	local p n=0
	for p in $(start_points); do
		fault "start:$p" start "$CT"
		recovers "$CT"
		n=$((n + 1))
	done
	assert_num "$n" ge 10 "stages"
}

@test "the manager killed at every stage of a start: start alone goes on from there" {
	ve_create "$CT"
	vz set "$CT" --ipadd "$(ve_ip 1)" --save
	local p
	for p in $(start_points); do
		fault "start:$p" start "$CT"
		if ! ve_is "$CT" "exist mounted running"; then
			wait_until 10 vzctl start "$CT"
		fi
		vz exec "$CT" true
		vz stop "$CT" --fast
		nothing_left "$CT"
	done
}

@test "destroy and umount clean up after a killed start" {
	local p
	for p in $(start_points); do
		ve_create "$CT"
		fault "start:$p" start "$CT"
		if ve_is "$CT" "exist mounted running"; then
			vz stop "$CT" --fast
		elif ve_is "$CT" "exist mounted down"; then
			wait_until 10 vzctl umount "$CT"
			nothing_left "$CT"
		fi
		vz destroy "$CT"
		nothing_left "$CT"
		ve_status "$CT" "deleted unmounted down"
	done
}

@test "stop killed at every stage" {
	ve_create "$CT"
	vz set "$CT" --ipadd "$(ve_ip 1)" --save
	local p n=0
	for p in $(down_points) "done" $(points stop); do
		vz start "$CT"
		fault "stop:$p" stop "$CT" --fast
		recovers "$CT"
		n=$((n + 1))
	done
	assert_num "$n" ge 6 "stages"
}

@test "stop killed at every stage, and the monitor dead before" {
	ve_create "$CT"
	local p
	for p in $(down_points); do
		vz start "$CT"
		kill -9 "$(sed -n 's/^monitor=//p' "/run/vz/$CT/state")"
		fault "stop:$p" stop "$CT" --fast
		recovers "$CT"
	done
}

@test "the monitor killed at every stage of taking down a VE that halted" {
	ve_create "$CT"
	local p monitor
	for p in $(down_points); do
		VZ_FAULT=stop:$p vzctl start "$CT" 3>&-
		monitor=$(sed -n 's/^monitor=//p' "/run/vz/$CT/state")
		vzctl exec "$CT" poweroff 3>&- || true
		wait_until 10 test ! -e "/proc/$monitor"
		recovers "$CT"
	done
}

@test "create killed at every point: it can be repeated, or the VE is whole; destroy clears either" {
	local p n=0
	for p in $(points create); do
		fault "create:$p" create "$CT" --ostemplate tiny --name "$(safename)" --config light
		output=$(vzctl status "$CT" 3>&-)
		if [[ $output == *deleted* ]]; then
			vz create "$CT" --ostemplate tiny --name "$(safename)" --config light
		fi
		vz start "$(safename)"
		vz stop "$CT" --fast
		vz destroy "$CT"
		refute_file "/vz/private/$CT.tmp"
		refute_file "/vz/private/$CT.new"
		n=$((n + 1))
		fault "create:$p" create "$CT" --ostemplate tiny --name "$(safename)"
		if [ -e "/etc/vz/conf/$CT.conf" ]; then
			vz destroy "$CT"
		fi
		refute_file "/vz/private/$CT.tmp"
		refute_file "/vz/private/$CT.new"
		refute_file "/etc/vz/names/$(safename)"
		refute_file "/vz/root/$CT"
	done
	assert_num "$n" ge 3 points
}

@test "destroy killed at every point: it can be repeated, and the number used again" {
	local p n=0
	for p in $(points destroy); do
		ve_create "$CT" --name "$(safename)"
		fault "destroy:$p" destroy "$CT"
		if [ -e "/etc/vz/conf/$CT.conf" ]; then
			ve_status "$CT" "deleted unmounted down"
			vz 43 start "$CT"
			vz destroy "$CT"
		else
			vz 14 destroy "$CT"
		fi
		refute_file "/vz/lock/$CT.lck"
		ve_create "$CT" --name "$(safename)"
		vz destroy "$CT"
		refute_file "/etc/vz/names/$(safename)"
		n=$((n + 1))
	done
	assert_num "$n" ge 2 points
	nothing_destroyed() { [ -z "$(compgen -G '/vz/private/.destroyed-*')" ]; }
	wait_until 10 nothing_destroyed
	# killed between writing the file and giving it its name
	ve_create "$CT"
	touch "/etc/vz/conf/.$CT.conf.0123abcd.tmp"
	vz destroy "$CT"
	refute_file "/etc/vz/conf/.$CT.conf.0123abcd.tmp"
}

# vzctl WORDS, killed after a while of up to $1 ms
kill_soon() {
	local ms=$((RANDOM % $1)) pid
	shift
	vzctl "$@" >/dev/null 2>&1 3>&- &
	pid=$!
	sleep "0.0$(printf '%02d' $((ms % 100)))"
	kill -9 "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
	echo "# vzctl $* killed after $ms ms"
}

@test "vzctl killed at random moments of start, stop, create and destroy" {
	RANDOM=${VZ_SEED:-42}
	local round
	for round in {1..30}; do
		vzctl status "$CT" 3>&- | grep -q deleted && {
			kill_soon 40 create "$CT" --ostemplate tiny
			wait_until 10 eval "vzctl destroy $CT || ! test -e /etc/vz/conf/$CT.conf"
			wait_until 10 vzctl create "$CT" --ostemplate tiny
		}
		kill_soon 40 start "$CT"
		sane "$CT"
		wait_until 10 eval "vzctl start $CT || vzctl exec $CT true"
		kill_soon 40 stop "$CT" --fast
		sane "$CT"
		wait_until 10 vzctl stop "$CT" --fast
		wait_until 10 ve_is "$CT" "exist unmounted down"
		nothing_left "$CT"
		[ $((round % 3)) -ne 0 ] || kill_soon 15 destroy "$CT"
	done
	wait_until 10 eval "vzctl destroy $CT || ! test -e /etc/vz/conf/$CT.conf"
}

@test "without its monitor a VE runs on: exec, stop and start work" {
	ve_create "$CT"
	vz start "$CT"
	kill -9 "$(sed -n 's/^monitor=//p' "/run/vz/$CT/state")"
	ve_status "$CT" "exist mounted running"
	# its console is lost, which must not block anybody
	vz exec "$CT" '{ echo x >/dev/console; } 2>/dev/null; echo still here'
	assert_output 'still here'
	vz 31 console "$CT"
	vz stop "$CT"
	nothing_left "$CT"
	vz start "$CT"
	# it halts and nobody sees: told truly, and the next start clears up
	kill -9 "$(sed -n 's/^monitor=//p' "/run/vz/$CT/state")"
	vzctl exec "$CT" poweroff 3>&- || true
	wait_until 10 ve_is "$CT" "exist mounted down"
	vz start "$CT"
	vz exec "$CT" true
}

@test "SIGINT, SIGTERM and SIGHUP to vzctl during a start undo it" {
	ve_create "$CT"
	local sig pid
	printf '#!/bin/sh\ntouch %s/now\nsleep 1\n' "$BATS_TEST_TMPDIR" >"/etc/vz/conf/$CT.mount"
	chmod +x "/etc/vz/conf/$CT.mount"
	for sig in INT TERM HUP; do
		rm -f "$BATS_TEST_TMPDIR/now"
		# a background job ignores SIGINT
		env --default-signal vzctl start "$CT" >/dev/null 2>&1 3>&- &
		pid=$!
		wait_until 10 test -e "$BATS_TEST_TMPDIR/now"
		kill "-$sig" "$pid"
		status=0
		wait "$pid" || status=$?
		assert_num "$status" gt 0
		undone() { ve_is "$CT" "exist unmounted down" && [ ! -e "/vz/lock/$CT.lck" ] && [ ! -e "/run/vz/$CT" ]; }
		wait_until 10 undone
	done
	rm "/etc/vz/conf/$CT.mount"
	recovers "$CT"
}

# start_hangs WHERE: a start that waits for a script without end is interrupted, and undone at once
start_hangs() {
	local pid
	rm -f "$BATS_TEST_TMPDIR/hangs"
	env --default-signal vzctl start "$CT" >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
	pid=$!
	wait_until 10 "$2"
	kill -INT "$pid"
	status=0
	wait "$pid" || status=$?
	assert_eq "$status" 130 "status of the interrupted start ($1)"
	SECONDS=0
	wait_until 5 undone
	nothing_left "$CT"
	refute pgrep -fx 'sleep 4[0-9][0-9]'
	echo "$1: undone after $SECONDS s"
}

@test "SIGINT ends a start that hangs in a script, on the host or inside" {
	ve_create "$CT"
	undone() { ve_is "$CT" "exist unmounted down" && [ ! -e "/vz/lock/$CT.lck" ] && [ ! -e "/run/vz/$CT" ]; }
	asleep() { pgrep -fx 'sleep 4[0-9][0-9]'; }
	# what a script started ends with it
	printf '#!/bin/sh\nsleep 401 &\nsleep 402\necho\n' >"/etc/vz/conf/$CT.mount"
	chmod +x "/etc/vz/conf/$CT.mount"
	start_hangs "action script on the host" asleep
	rm "/etc/vz/conf/$CT.mount"
	printf '#!/bin/sh\nsleep 403 &\nsleep 404\necho\n' >"/etc/vz/conf/$CT.start"
	chmod +x "/etc/vz/conf/$CT.start"
	start_hangs "action script inside" asleep
	rm "/etc/vz/conf/$CT.start"
	# the distribution's, which a shell of the tenant's is to run
	mkdir -p "/vz/private/$CT/fs/bin"
	printf '#!/bin/busybox sh\nexec /bin/busybox sleep 405\n' >"/vz/private/$CT/fs/bin/sh"
	chmod 755 "/vz/private/$CT/fs/bin/sh"
	vz set "$CT" --hostname hangs.example --save
	asleep() { pgrep -fx '/bin/busybox sleep 405'; }
	start_hangs "first-boot script" asleep
	rm "/vz/private/$CT/fs/bin/sh"
	recovers "$CT"
}

@test "who meets a VE whose interrupted start is being undone is told so" {
	ve_create "$CT"
	local pid
	printf '#!/bin/sh\nsleep 406\n' >"/etc/vz/conf/$CT.start"
	printf '#!/bin/sh\nsleep 3\n' >"/etc/vz/conf/$CT.umount"
	chmod +x "/etc/vz/conf/$CT.start" "/etc/vz/conf/$CT.umount"
	env --default-signal vzctl start "$CT" >/dev/null 2>&1 3>&- &
	pid=$!
	wait_until 10 pgrep -fx 'sleep 406'
	kill -INT "$pid"
	wait "$pid" || true
	vz 9 stop "$CT"
	assert_match 'already locked \(by what a start that ended left to be done\)'
	rm "/etc/vz/conf/$CT.start"
	undone() { ve_is "$CT" "exist unmounted down" && [ ! -e "/vz/lock/$CT.lck" ]; }
	wait_until 10 undone
	rm "/etc/vz/conf/$CT.umount"
	recovers "$CT"
}

# both VERB [ARG...]: the command twice at once; "STATUS-STATUS" of them in $both, their words in files of the test
both() {
	local pids=() i rc=()
	for i in 1 2; do
		vzctl "$1" "$CT" "${@:2}" >"$BATS_TEST_TMPDIR/$1.$i" 2>&1 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		status=0 && wait "$i" || status=$?
		rc+=("$status")
	done
	both=${rc[0]}-${rc[1]}
}

@test "two verbs at once on one VE: one after the other, or refused with 9" {
	ve_create "$CT"
	local i both
	for i in 1 2 3 4 5 6; do
		both start
		case $both in
		0-9 | 9-0 | 0-32 | 32-0) ;;
		*) assert_fail "two starts ended with $both: $(head -v "$BATS_TEST_TMPDIR"/start.*)" ;;
		esac
		vz exec "$CT" true
		both stop --fast
		case $both in
		0-0 | 0-9 | 9-0) ;;
		*) assert_fail "two stops ended with $both: $(head -v "$BATS_TEST_TMPDIR"/stop.*)" ;;
		esac
		ve_status "$CT" "exist unmounted down"
		nothing_left "$CT"
	done
}

@test "ten creates at once get distinct ids, and ten starts work" {
	local i pids=()
	for i in 0 1 2 3 4 5 6 7 8 9; do
		vzctl create "$(ctid $i)" --ostemplate tiny >/dev/null 2>&1 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	pids=()
	for i in 0 1 2 3 4 5 6 7 8 9; do
		sed -n 's/^LOCAL_UID=//p' "/etc/vz/conf/$(ctid $i).conf"
		vzctl start "$(ctid $i)" >/dev/null 2>&1 3>&- &
		pids+=($!)
	done | sort | uniq -d >"$BATS_TEST_TMPDIR/twice"
	assert_eq "$(cat "$BATS_TEST_TMPDIR/twice")" "" "ids given twice"
	for i in 0 1 2 3 4 5 6 7 8 9; do
		wait_until 20 ve_is "$(ctid $i)" "exist mounted running"
		vz exec "$(ctid $i)" true
	done
	# one name, one owner
	pids=()
	for i in 0 1 2 3 4; do
		vzctl set "$(ctid $i)" --name "$(safename one)" --save >/dev/null 2>&1 3>&- &
		pids+=($!)
	done
	local won=0
	for i in "${pids[@]}"; do ! wait "$i" || won=$((won + 1)); done
	assert_eq "$won" 1 "VEs that got the name"
}

@test "sixty starts and stops leave nothing" {
	ve_create "$CT"
	vz set "$CT" --ipadd "$(ve_ip 1)" --save
	vz start "$CT" && vz stop "$CT" --fast
	leak_baseline "$BATS_TEST_TMPDIR/cycles"
	local i mem
	mem=$(awk '/^Slab/ { print $2 }' /proc/meminfo)
	for i in {1..60}; do
		vzctl start "$CT" >/dev/null 3>&-
		[ $((i % 10)) -ne 0 ] || vz exec "$CT" true
		vzctl stop "$CT" --fast >/dev/null 3>&-
	done
	leak_check "$BATS_TEST_TMPDIR/cycles"
	echo "# slab: $mem KiB before, $(awk '/^Slab/ { print $2 }' /proc/meminfo) after"
	nothing_left "$CT"
}
