#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Checkpoint and restore of whole VEs: what goes on as if nothing had been, what is refused, and what is left
# when something fails or is killed in between.
# shellcheck disable=SC2016 # what is in single quotes is expanded inside
load lib/node
load lib/tty

SRC=$BATS_TEST_DIRNAME/../libvz/ve

setup() {
	requires node template-tiny
	[ -x /usr/libexec/vz/vz-criu ] || [ -x /usr/local/libexec/vz/vz-criu ] || requires criu
	CT=$(ctid)
	DUMP=/vz/dump/Dump.$CT
}

suspend() { vz chkpnt "$CT"; }
resume() { vz restore "$CT"; }
round() { suspend && resume; }

# fails STATUS TEXT CMD...: one line on stderr says why
fails() {
	local rc=$1 text=$2
	shift 2
	cmd2 "$rc" "$@"
	# shellcheck disable=SC2154 # set by cmd2
	[[ $stderr == *"$text"* ]] || assert_fail "stderr is '$stderr', expected '$text'"
}

# counter CTID: something inside counts in /tmp/n for ever; counts CTID: it still does
counter() {
	vz exec "$1" '(i=0; while :; do i=$((i+1)); echo $i >/tmp/n.new; mv /tmp/n.new /tmp/n; sleep 0.05; done) >/dev/null 2>&1 </dev/null & echo $! >/tmp/pid'
	wait_until 5 vzctl exec "$1" 'test -s /tmp/n'
}
count() { vzctl exec "$1" 'cat /tmp/n' 3>&-; }
more_than() { [ "$(count "$1")" -gt "$2" ]; }
counts() {
	local n
	n=$(count "$1")
	wait_until 5 more_than "$1" "$n"
}
# processes of the host that are in the VE's cgroup
processes() { find "$(cgroup_root)" -path "*/$1/*" -name cgroup.procs -exec cat {} + 2>/dev/null | wc -l; }

@test "suspend and resume: the words, the status, no process in between, the same processes after" {
	ve_start "$CT"
	counter "$CT"
	local pid n
	pid=$(vzctl exec "$CT" 'cat /tmp/pid')
	n=$(count "$CT")
	cmd2 0 vzctl chkpnt "$CT"
	assert_line "Setting up checkpoint..."
	assert_line "Container is unmounted"
	assert_line "Checkpointing completed successfully"
	assert_eq "$stderr" "" stderr
	ve_status "$CT" "exist unmounted down suspended"
	assert_eq "$(processes "$CT")" 0 processes
	refute_file "/run/vz/$CT"
	assert_eq "$(stat -c %a "$DUMP")" 700 mode
	cmd 0 sh -c "vzctl restore $CT 2>/dev/null"
	assert_line "Restoring container ..."
	assert_line "Container is mounted"
	assert_line "Restoring completed successfully"
	ve_status "$CT" "exist mounted running"
	refute_file "$DUMP"
	vz exec "$CT" "kill -0 $pid"
	more_than "$CT" "$((n - 1))"
	counts "$CT"
	# a restored one can be suspended again, under the other names
	vz suspend "$CT"
	vz resume "$CT"
	counts "$CT"
	vz stop "$CT"
	ve_status "$CT" "exist unmounted down"
}

@test "addresses, routes, cgroups, /dev, clocks and the console are as they were" {
	ve_start "$CT" --ipadd "$(ve_ip 1)"
	vz exec "$CT" 'mkdir -p /sys/fs/cgroup/a/b; sleep 1000 >/dev/null 2>&1 </dev/null & echo $! >/sys/fs/cgroup/a/b/cgroup.procs
		ln -s /tmp/x /dev/log; mkfifo /dev/fifo; echo "said before" >/dev/console'
	local before started
	before='ip addr show venet0 | grep inet; ip route; cat /sys/fs/cgroup/a/b/cgroup.procs; ls -l /dev | grep -E "log|fifo"; cat /proc/sys/kernel/hostname'
	vz exec "$CT" "$before"
	before_text=$output
	started=$(vzctl exec "$CT" 'cut -d. -f1 /proc/uptime')
	round
	vz exec "$CT" 'ip addr show venet0 | grep inet; ip route; cat /sys/fs/cgroup/a/b/cgroup.procs; ls -l /dev | grep -E "log|fifo"; cat /proc/sys/kernel/hostname'
	assert_eq "$output" "$before_text" "state inside"
	[ "$(vzctl exec "$CT" 'cut -d. -f1 /proc/uptime')" -lt $((started + 20)) ]
	ping -c 1 -W 2 "$(ve_ip 1)"
	vz exec "$CT" 'echo "said after" >/dev/console'
	output=$(printf '%s\n' '\r\033.' | with_tty 24x80 vzctl console "$CT")
	assert_match 'said before'
	assert_match 'said after'
}

@test "an open connection goes on" {
	ve_start "$CT" --ipadd "$(ve_ip 1)"
	vz exec "$CT" 'while :; do nc -l -p 7 -e cat; done >/dev/null 2>&1 </dev/null &'
	# between two of its connections nobody listens
	connected() { exec 5<>"/dev/tcp/$(ve_ip 1)/7"; }
	wait_until 5 connected
	echo one >&5
	IFS= read -r -t 5 line <&5
	assert_eq "$line" one
	suspend
	echo two >&5
	resume
	IFS= read -r -t 20 line <&5
	assert_eq "$line" two
	echo three >&5
	IFS= read -r -t 5 line <&5
	assert_eq "$line" three
	exec 5>&-
}

@test "in steps: --suspend, --dump, --resume, --kill; --undump, --resume, --kill" {
	local ip
	ip=$(ve_ip 9)
	ve_start "$CT" --ipadd "$ip"
	counter "$CT"
	fails 16 "not suspended" vzctl chkpnt "$CT" --dump --dumpfile "$DUMP.x"
	vz chkpnt "$CT" --suspend
	fails 16 "suspended in memory" vzctl chkpnt "$CT"
	ve_status "$CT" "exist mounted running"
	cmd 0 ip route show "$ip"
	assert_match "venet$CT"
	# its addresses may be wanted elsewhere now
	vz chkpnt "$CT" --dump --dumpfile "$DUMP.x"
	assert_eq "$(ip route show "$ip")" "" "routes of a dumped container"
	vz chkpnt "$CT" --resume
	cmd 0 ip route show "$ip"
	assert_match "venet$CT"
	cmd 0 ping -c 1 -W 5 "$ip"
	counts "$CT"
	vz chkpnt "$CT" --suspend
	vz chkpnt "$CT" --kill
	ve_status "$CT" "exist unmounted down"
	vz restore "$CT" --undump --dumpfile "$DUMP.x"
	vz restore "$CT" --resume
	counts "$CT"
	assert_file "$DUMP.x/manifest"
	vz stop "$CT" --fast
	vz restore "$CT" --undump --dumpfile "$DUMP.x"
	vz restore "$CT" --kill
	ve_status "$CT" "exist unmounted down"
	rm -rf "$DUMP.x"
}

@test "what is refused, with OpenVZ's status" {
	ve_create "$CT"
	fails 31 "not running" vzctl chkpnt "$CT"
	fails 17 "Dump.$CT" vzctl restore "$CT"
	fails 20 "only one sub command" vzctl chkpnt "$CT" --suspend --kill
	fails 20 "only one sub command" vzctl restore "$CT" --undump --kill
	fails 20 "dumpfile" vzctl chkpnt "$CT" --dump
	fails 20 "dumpfile" vzctl restore "$CT" --undump
	vz start "$CT"
	fails 32 "already running" vzctl restore "$CT"
	fails 17 "not suspended" vzctl restore "$CT" --resume
	fails 17 "not suspended" vzctl restore "$CT" --kill
	fails 16 "not suspended" vzctl chkpnt "$CT" --kill
	vz chkpnt "$CT" --flags 7 --context 1f --skip_arpdetect
	vz restore "$CT" --skip-fsck --skip_arpdetect
}

@test "--times and --json tell the phases" {
	ve_start "$CT"
	vz chkpnt "$CT" --times
	assert_match 'ms  freeze'
	assert_match 'ms  total'
	requires jq
	output=$(vzctl --quiet restore "$CT" --json 2>/dev/null 3>&-)
	[ "$(jq '.tasks > 0 and .verify > 0 and .total > .tasks' <<<"$output")" = true ]
}

@test "a checkpoint that fails leaves the VE running" {
	ve_start "$CT"
	counter "$CT"
	# a file that is no dump stands where the dump belongs
	mkdir -p /vz/dump
	echo precious >"$DUMP"
	vz 16 chkpnt "$CT"
	counts "$CT"
	assert_eq "$(cat "$DUMP")" precious
	rm -f "$DUMP"
	# the journal cannot be written
	mkdir "/run/vz/$CT/cpt"
	vz 16 chkpnt "$CT"
	assert_match 'journal'
	rmdir "/run/vz/$CT/cpt"
	counts "$CT"
	refute_file "$DUMP.tmp"
	# and one that CRIU refuses
	vz exec "$CT" 'unshare -U sleep 1000 >/dev/null 2>&1 </dev/null &' || true
	wait_until 5 vzctl exec "$CT" 'pidof sleep'
	vz 16 chkpnt "$CT"
	assert_match 'user namespace'
	ve_status "$CT" "exist mounted running"
	counts "$CT"
	refute_file "$DUMP"
}

@test "a restore that fails leaves the dump, and nothing half started" {
	ve_start "$CT" --ipadd "$(ve_ip 1)"
	counter "$CT"
	suspend
	ve_start "$(ctid 1)" --ipadd "$(ve_ip 1)"
	vz 78 restore "$CT"
	ve_status "$CT" "exist unmounted down suspended"
	assert_eq "$(processes "$CT")" 0 processes
	vz stop "$(ctid 1)" --fast
	resume
	counts "$CT"
}

@test "without its monitor a VE can be suspended and resumed too" {
	ve_start "$CT"
	counter "$CT"
	kill -9 "$(sed -n 's/^monitor=//p' "/run/vz/$CT/state")"
	round
	counts "$CT"
	round
	counts "$CT"
}

@test "a VE without user namespace" {
	ve_create "$CT" --local_uid 0 --local_gid 0
	vz set "$CT" --features privileged:on --save
	vz start "$CT"
	counter "$CT"
	round
	counts "$CT"
	round
	counts "$CT"
}

# ---- killed in the middle ----

killed() { # FAULT vzctl's words
	printf '# VZ_FAULT=%s vzctl %s\n' "$1" "${*:2}"
	status=0
	output=$(VZ_FAULT=$1 timeout 60 vzctl "${@:2}" 2>&1 3>&-) || status=$?
	printf '%s\n' "$output"
	[ "$status" -ne 0 ] || assert_fail "nothing died at $1"
}
# What was undone runs, what was completed is restored; a monitor may hold the lock meanwhile.
brought_back() {
	local said
	said=$(vzctl restore "$CT" 2>&1 3>&-) || [[ $said != *locked* ]] || return 1
	ve_is "$CT" "exist mounted running"
}
points() { sed -n "s/.*fault_point(\"$1\", \"\([a-z]*\)\").*/\1/p" "$SRC"/*.c; }
restore_stages() { sed -n '/^static const struct stage table/,/^};/s/^\t{ "\([a-z]*\)".*/\1/p' "$SRC/restore.c"; }

@test "chkpnt killed anywhere: undone or completed by the next command" {
	ve_start "$CT"
	counter "$CT"
	local p
	for p in $(points chkpnt); do
		killed "chkpnt:$p" chkpnt "$CT"
		wait_until 20 brought_back
		counts "$CT"
		refute_file "$DUMP"
		refute_file "$DUMP.tmp"
		refute_file "/run/vz/$CT/cpt"
	done
}

# The older one cannot be removed, as if the power had failed over it.
@test "chkpnt killed when a newer dump has taken an older one's place: the newer counts" {
	local n
	ve_start "$CT"
	counter "$CT"
	for n in --suspend "--dump --dumpfile $DUMP" --resume; do
		# shellcheck disable=SC2086 # words
		vz chkpnt "$CT" $n
	done
	mount --bind "$DUMP/img" "$DUMP/img"
	sleep 0.3
	n=$(count "$CT")
	killed chkpnt:cleanup chkpnt "$CT"
	wait_until 20 brought_back
	umount "$DUMP.vz-removed/img"
	assert_num "$(count "$CT")" ge "$n" "what the counter says"
}

@test "restore killed anywhere: the dump serves again, or the VE runs and it is gone" {
	ve_start "$CT"
	counter "$CT"
	local p
	for p in $(restore_stages) started setup-namespaces post-setup-namespaces post-restore network-unlock \
		pre-resume thawed released post-resume; do
		suspend
		killed "restore:$p" restore "$CT"
		wait_until 20 brought_back
		counts "$CT"
		refute_file "$DUMP"
	done
}

@test "CRIU killed: the VE runs on, or is stopped and said to be" {
	ve_start "$CT"
	local d
	for d in 0 0.02 0.05 0.1 0.2; do
		(
			for _ in $(seq 400); do
				p=$(pgrep -x vz-criu) || p=$(pgrep -x criu) || { sleep 0.005; continue; }
				sleep "$d"
				kill -9 "$p"
				break
			done
		) 2>/dev/null 3>&- &
		output=$(timeout 60 vzctl chkpnt "$CT" 2>&1 3>&-) || true
		wait
		printf '%s\n' "$output"
		case $(vzctl status "$CT" 3>&-) in
		*suspended) resume ;;
		*running) vz exec "$CT" true ;;
		*) [[ $output == *"is stopped"* ]] && vz start "$CT" ;;
		esac
	done
}

# CRIU stands still when the dump is sealed, init dies as if by its hand, then it dies itself.
dies_at_the_end() { # vzctl's output goes to a file
	local criu='' init
	init=$(sed -n 's/^init=//p' "/run/vz/$CT/state")
	timeout 60 vzctl chkpnt "$CT" >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
	until [ -n "$criu" ] || ! kill -0 $!; do criu=$(sed -n 's/^criu=\([1-9]\)/\1/p' "/run/vz/$CT/cpt"); done 2>/dev/null
	until [ -e "$DUMP.tmp/manifest" ] || ! kill -0 $!; do :; done 2>/dev/null
	kill -STOP "$criu"
	wait_until 10 test -e "$DUMP.tmp/manifest.sig"
	kill -9 "$init"
	sleep 0.3
	kill -9 "$criu"
	wait $!
}

@test "CRIU killed when it had killed init: the dump counts" {
	local i
	ve_start "$CT"
	counter "$CT"
	for i in 1 2 3 4 5; do
		dies_at_the_end || true
		cat "$BATS_TEST_TMPDIR/said"
		ve_status "$CT" "exist unmounted down suspended"
		resume
		counts "$CT"
		! grep -q 'the dump is whole' "$BATS_TEST_TMPDIR/said" || return 0
	done
	assert_fail "CRIU was never met in time"
}

# Somebody's directory comes to the dump's place while CRIU works.
place_is_taken() {
	timeout 60 vzctl chkpnt "$CT" >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
	until [ -e "$DUMP.tmp" ] || ! kill -0 $!; do :; done 2>/dev/null
	mv -T "$DUMP.mine" "$DUMP" || true
	wait $!
}

@test "a dump that could not take its place takes it when it can" {
	local i
	ve_start "$CT"
	counter "$CT"
	for i in 1 2 3 4 5; do
		mkdir -p "$DUMP.mine"
		touch "$DUMP.mine/file"
		if place_is_taken; then
			resume # it came too late
			continue
		fi
		cat "$BATS_TEST_TMPDIR/said"
		grep -q "$DUMP is there already" "$BATS_TEST_TMPDIR/said"
		sleep 1 # the monitor has seen init end
		rm -r "$DUMP"
		resume
		counts "$CT"
		return 0
	done
	assert_fail "the dump always had its place before"
}

# ---- whole distributions ----

running() { [ "$(vzctl exec "$1" systemctl is-system-running 2>/dev/null 3>&-)" = running ]; }
distribution() { # TEMPLATE
	requires "template-$1"
	VE_TEMPLATE=$1 ve_create "$CT" --ipadd "$(ve_ip 1)"
	vz start "$CT" --wait
	wait_until 60 running "$CT"
	local i
	for i in 1 2 3; do
		round
		running "$CT"
		vz exec "$CT" 'systemctl --failed --no-legend'
		assert_output ""
		vz exec "$CT" "logger round-$i"
		wait_until 5 vzctl exec2 "$CT" "journalctl -n 20 -o cat --no-pager | grep -q round-$i"
		cmd 0 timeout 10 bash -c "exec 5<>/dev/tcp/$(ve_ip 1)/22 && IFS= read -t 5 -r line <&5 && echo \"\$line\""
		assert_match '^SSH-2'
	done
	# its services are its own still
	vz exec "$CT" 'systemctl restart cron systemd-logind && systemctl is-active cron systemd-logind'
	vz stop "$CT"
	ve_status "$CT" "exist unmounted down"
}

# bats test_tags=slow
# systemd has to take a word of services that it started before: the end of a reload is one, as is a watchdog's.
@test "Debian 13: systemd, journald, logind, sshd; three rounds" {
	requires template-debian-13
	VE_TEMPLATE=debian-13 ve_create "$(ctid 1)"
	vz start "$(ctid 1)" --wait
	vz chkpnt "$(ctid 1)"
	vz restore "$(ctid 1)"
	vz exec "$(ctid 1)" 'timeout 30 systemctl reload systemd-logind'
	distribution debian-13
}
# bats test_tags=slow
@test "Debian 12 likewise" { distribution debian-12; }

# bats test_tags=slow
@test "fifty times in a row" {
	ve_start "$CT"
	counter "$CT"
	local i
	for ((i = 0; i < 50 / ${VZ_SLOW:-1}; i++)); do
		round >"$BATS_TEST_TMPDIR/said" || assert_fail "round $i: $(cat "$BATS_TEST_TMPDIR/said")"
	done
	counts "$CT"
}
