#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The command line without any container: usage, unknown words, exit statuses, streams, formats.
# Nothing here needs a node; what needs root says so.
bats_require_minimum_version 1.8.0

load lib/vz.bash
load lib/requires.bash

setup_file() {
	PATH=${VZ_BIN:-$BATS_TEST_DIRNAME/../${O:-build}/bin}:$PATH
	export PATH
}

setup() {
	export VZ_CONF_DIR=$BATS_TEST_TMPDIR/vz
	mkdir -p "$VZ_CONF_DIR"/{conf,names} "$BATS_TEST_TMPDIR"/{lock,private,root,template}
	cat >"$VZ_CONF_DIR/vz.conf" <<-CONF
		LOGGING="yes"
		LOGFILE="$BATS_TEST_TMPDIR/vzctl.log"
		LOCKDIR="$BATS_TEST_TMPDIR/lock"
		RUNDIR="$BATS_TEST_TMPDIR/run"
		TEMPLATE="$BATS_TEST_TMPDIR/template"
		VE_ROOT="$BATS_TEST_TMPDIR/root/\$VEID"
		VE_PRIVATE="$BATS_TEST_TMPDIR/private/\$VEID"
	CONF
}

# A container as far as listing is concerned: configuration and private area.
make_ct() {
	mkdir -p "$BATS_TEST_TMPDIR/private/$1/fs"
	printf '%s\n' "${@:2}" >"$VZ_CONF_DIR/conf/$1.conf"
}

# fails RC TEXT COMMAND...: exit status, one line with TEXT on stderr, nothing on stdout
fails() {
	local rc=$1 text=$2
	shift 2
	cmd2 "$rc" "$@"
	[ -z "$output" ]
	[ "$(wc -l <<<"$stderr")" = 1 ]
	[[ $stderr == *"$text"* ]]
}

@test "version: first line is what OpenVZ's clients parse" {
	cmd2 0 vzctl --version
	[[ ${lines[0]} =~ ^'vzctl version '4\.[0-9]+(\.[0-9]+)?$ ]]
	[[ ${lines[1]} =~ ^'vz '[0-9.]+$ ]]
	[ -z "$stderr" ]
	vz --help
	[[ ${lines[0]} =~ ^'vzctl version '4\. ]]
}

@test "usage: without arguments on stderr, exit 20, the lines panels probe for" {
	cmd2 20 vzctl
	[ -z "$output" ]
	grep -q 'vzctl set <ctid>.*--force' <<<"$stderr"
	grep -q -- '--reset_ub' <<<"$stderr"
}

@test "every command is in the usage and has help" {
	local cmd
	for cmd in create destroy start stop restart mount umount status set exec exec2 exec3 enter \
		runscript console chkpnt restore snapshot snapshot-switch snapshot-delete snapshot-list \
		snapshot-mount snapshot-umount quotaon quotaoff quotainit convert compact boot shutdown; do
		vz help "$cmd"
		[[ ${lines[0]} == Usage:* && ${lines[1]} == *"vzctl $cmd"* ]]
		vzctl --help | grep -q "vzctl $cmd\b"
	done
	for cmd in delete suspend resume; do vz help "$cmd"; done
	vz start --help
}

@test "unknown command: 20 and the nearest" {
	fails 20 "Bad command: strat (did you mean vzctl start?)" vzctl strat 101
	fails 20 "Bad command: xyzzy" vzctl xyzzy
	fails 20 "did you mean vzctl help stop" vzctl help stpo
	fails 20 "unrecognized option '--qiet' (did you mean --quiet?)" vzctl --qiet start 101
}

@test "a word with control characters does not reach the terminal" {
	fails 20 'Bad command: a\x1b[2Jb' vzctl $'a\e[2Jb'
	fails 20 'Bad command: a\x0ab' vzctl $'a\nb'
	fails 20 'x\xe2\x80\xae' vzctl $'x\u202e'
}

@test "CTID: missing, bad, unknown name" {
	fails 21 "CT ID missing" vzctl start
	fails 21 "Bad CT ID web" vzctl start web
	fails 21 "Bad CT ID -5" vzctl start -5
	fails 21 "Bad CT ID 2147483645" vzctl start 2147483645
	fails 21 "Bad CT ID 99999999999999999999" vzctl start 99999999999999999999
}

@test "CTID: the nearest known one is named" {
	make_ct 101 'NAME="web"'
	ln -s ../conf/101.conf "$VZ_CONF_DIR/names/web"
	fails 21 "did you mean web?" vzctl start wbe
	fails 14 "did you mean 101?" vzctl start 102
}

@test "CT 0: only set" {
	fails 21 "CT 0" vzctl start 0
	fails 21 "CT 0" vzctl destroy 0
}

@test "no vz.conf: 10, after the CTID check" {
	rm "$VZ_CONF_DIR/vz.conf"
	fails 10 "vz.conf" vzctl start 101
	fails 21 "CT ID missing" vzctl start
	vz --version
}

@test "no configuration: 14, but not for status" {
	fails 14 "" vzctl start 101
	fails 14 "" vzctl exec 101 true
	fails 14 "" vzctl destroy 101
	cmd2 0 vzctl status 101
	[ "$output" = "CTID 101 deleted unmounted down" ]
	[ -z "$stderr" ]
}

@test "status: one line, also with --quiet; the first word can be changed" {
	make_ct 101 'ONBOOT="no"'
	cmd2 0 vzctl --quiet status 101
	[ "$output" = "CTID 101 exist unmounted down" ]
	cmd 0 env VZ_STATUS_WORD=VEID vzctl status 101
	[ "$output" = "VEID 101 exist unmounted down" ]
}

@test "options of commands: unknown is 20 for start and stop, 21 for set and create" {
	make_ct 101 'ONBOOT="no"'
	fails 20 "unrecognized option '--wiat' (did you mean --wait?)" vzctl start 101 --wiat
	fails 20 "unrecognized option '--fsat' (did you mean --fast?)" vzctl stop 101 --fsat
	fails 21 "unrecognized option '--onbot' (did you mean --onboot?)" vzctl set 101 --onbot yes --save
	fails 21 "unrecognized option '--ostemplat3'" vzctl create 102 --ostemplat3 x
	fails 20 "unexpected argument 'junk'" vzctl start 101 junk
	fails 20 "unexpected argument 'junk'" vzctl set 101 --onboot yes --save junk
	fails 21 "option '--hostname' requires an argument" vzctl set 101 --hostname
	fails 21 "option '--save' doesn't allow an argument" vzctl set 101 --save=yes
	fails 21 "ambiguous option '--s'" vzctl set 101 --s
}

@test "options are parsed before the configuration is looked for" {
	fails 20 "unrecognized option" vzctl start 101 --wiat
}

@test "set: rules about combinations" {
	make_ct 101 'ONBOOT="no"'
	fails 20 "nothing to set" vzctl set 101
	fails 131 "--name needs --save" vzctl set 101 --name web
	fails 20 "--ostemplate needs --save" vzctl set 101 --ostemplate x
	fails 20 "--force needs --save" vzctl set 101 --force --onboot yes
	fails 20 "--setmode restart needs --save" vzctl set 101 --setmode restart --onboot yes
	fails 21 "must be restart or ignore" vzctl set 101 --setmode later --onboot yes
	fails 20 "--reset_ub must be the only option" vzctl set 101 --reset_ub --save
	fails 20 "--nodemask needs --cpumask" vzctl set 101 --nodemask 0 --save
	fails 21 "--applyconfig_map x: must be name" vzctl set 101 --applyconfig_map x --save
	fails 21 "" vzctl set 101 --onboot maybe --save
	fails 31 "not running" vzctl set 101 --reset_ub
	vz set 101 --save
	[ "$output" = "No changes in CT configuration, not saving" ]
}

@test "set --save on a stopped container writes the file and says so on stdout" {
	requires root
	make_ct 101 '# a comment' 'ONBOOT="no"' 'UNKNOWN_KEY="kept"'
	cmd2 0 vzctl set 101 --onboot yes --hostname=web.example.net --save
	[[ $output == *"CT configuration saved to $VZ_CONF_DIR/conf/101.conf"* ]]
	[ -z "$stderr" ]
	grep -qx 'ONBOOT="yes"' "$VZ_CONF_DIR/conf/101.conf"
	grep -qx 'HOSTNAME="web.example.net"' "$VZ_CONF_DIR/conf/101.conf"
	grep -qx '# a comment' "$VZ_CONF_DIR/conf/101.conf"
	grep -qx 'UNKNOWN_KEY="kept"' "$VZ_CONF_DIR/conf/101.conf"
}

@test "set without --save on a stopped container: 31" {
	requires root
	make_ct 101 'ONBOOT="no"'
	vz 31 set 101 --hostname x
	[ "$(cat "$VZ_CONF_DIR/conf/101.conf")" = 'ONBOOT="no"' ]
}

@test "commands of a stopped container: statuses" {
	requires root
	make_ct 101 'ONBOOT="no"'
	cmd2 0 vzctl stop 101
	[ "$output" = "Unable to stop: container is not running" ]
	[ -z "$stderr" ]
	fails 31 "" vzctl exec 101 true
	fails 31 "" vzctl exec2 101 true
	fails 31 "" vzctl enter 101
	fails 40 "" vzctl umount 101
	fails 20 "no command given" vzctl exec 101
	fails 20 "no script given" vzctl runscript 101
	fails 11 "" vzctl runscript 101 "$BATS_TEST_TMPDIR/absent"
	fails 21 "Bad tty number" vzctl console 101 -1
	fails 21 "Bad tty number" vzctl console 101 x
	fails 20 "" vzctl console 101 1 2
}

@test "disabled container: 105" {
	requires root
	make_ct 101 'DISABLED="yes"' 'PHYSPAGES="0:65536"' 'SWAPPAGES="0:65536"'
	fails 105 "" vzctl start 101
}

@test "what this version lacks says so, with OpenVZ's exit status" {
	make_ct 101 'ONBOOT="no"'
	local cmd rc
	while read -r cmd rc; do
		fails "$rc" "not available in this version" vzctl "$cmd" 101
	done <<-END
		snapshot 156
		snapshot-delete 158
		snapshot-switch 159
		snapshot-mount 160
		snapshot-umount 161
		snapshot-list 167
		quotaon 60
		quotainit 61
		quotaoff 66
		convert 155
	END
	vz compact 101
}

@test "--quiet silences errors on the console, not in the log file" {
	make_ct 101 'ONBOOT="no"'
	vz 156 --quiet snapshot 101
	[ -z "$output" ]
	grep -Eq '^[0-9-]{10}T[0-9:]{8}[+-][0-9]{4} vzctl : CT 101 : taking snapshots is not available' \
		"$BATS_TEST_TMPDIR/vzctl.log"
}

@test "LOGGING=no leaves no log file" {
	make_ct 101 'ONBOOT="no"'
	sed -i 's/^LOGGING=.*/LOGGING="no"/' "$VZ_CONF_DIR/vz.conf"
	vz 156 snapshot 101
	[ ! -e "$BATS_TEST_TMPDIR/vzctl.log" ]
}

@test "closed standard streams are no danger" {
	make_ct 101 'ONBOOT="no"'
	vzctl snapshot 101 <&- >&- 2>&- || [ $? = 156 ]
	# the log file, the first file opened, did not become descriptor 2
	cmd 0 cat "$BATS_TEST_TMPDIR/vzctl.log"
	[ "${#lines[@]}" = 1 ]
}

@test "vzlist -L: all fields, each with its header" {
	cmd2 0 vzlist -L
	[ "${lines[0]}" = "ctid            CTID           " ]
	[ -z "$stderr" ]
	[ "${#lines[@]}" -gt 100 ]
	grep -qx 'kmemsize.m      KMEMSIZE.M     ' <<<"$output"
	grep -qx 'diskspace.h     DSPACE.H       ' <<<"$output"
	[ "$(awk '{print $1}' <<<"$output" | sort | uniq -d)" = "" ]
}

@test "vzlist: bad options, fields and IDs are 1" {
	fails 1 "Unknown field: hostnme (did you mean hostname?)" vzlist -o hostnme
	fails 1 "Unknown field: numproc.x" vzlist -o numproc.x
	fails 1 "Unknown field" vzlist -o ''
	fails 1 "Invalid sort field name: foo" vzlist -s foo
	fails 1 "numproc.m" vzlist -j -o numproc.m
	cmd2 1 vzlist --bad
	[[ $stderr == *Usage* ]]
	cmd 0 vzlist --help
	requires root
	fails 1 "CT ID nope is invalid." vzlist nope
}

@test "vzlist: not for users" {
	requires root
	chmod 755 "$BATS_TEST_TMPDIR" "$VZ_CONF_DIR"
	cmd2 1 setpriv --reuid=65534 --regid=65534 --clear-groups "$(command -v vzlist)"
	# a path that such a user may not search is no failure of vzlist
	[[ $stderr == "This program can only be run under root." || $stderr == *"ermission denied"* ]]
}

@test "vzlist: nothing found is 0 without, 1 with a CTID" {
	requires root
	fails 0 "Container(s) not found" vzlist
	fails 0 "Container(s) not found" vzlist -a
	fails 1 "Container(s) not found" vzlist 101
	cmd2 0 vzlist -j
	[ "$output" = "[]" ]
}

@test "vzlist: header, widths and padding to the byte" {
	requires root
	make_ct 101 'HOSTNAME="web.example.net"' 'IP_ADDRESS="192.0.2.1/24 2001:db8::1"' 'NAME="web"'
	make_ct 1001
	cmd2 0 vzlist -a
	[ "${lines[0]}" = "      CTID      NPROC STATUS    IP_ADDR         HOSTNAME" ]
	[ "${lines[1]}" = "       101          - stopped   192.0.2.1       web.example.net" ]
	[ "${lines[2]}" = "      1001          - stopped   -               -" ]
	cmd 0 vzlist -S -n -H
	[ "${lines[0]}" = "       web          - stopped   192.0.2.1       web.example.net" ]
	cmd 0 vzlist -1 -a
	[ "$output" = "$(printf '%10s\n%10s' 101 1001)" ]
	cmd 0 vzlist -H -o veid,ip 101
	[ "$output" = "       101 192.0.2.1 2001:db8::1" ]
	cmd 0 vzlist -a -H -o ctid -s -ctid
	[ "${lines[0]}" = "      1001" ]
	cmd 0 vzlist -a -H -o ctid -h 'web.*'
	[ "$output" = "       101" ]
}

@test "vzlist: cut to the width in all columns but the last, not with -t" {
	requires root
	make_ct 101 'HOSTNAME="a-host-name-that-is-longer-than-its-column.example.net"'
	cmd 0 vzlist -a -H -o hostname,ctid
	[ "$output" = "a-host-name-that-is-longer-than-        101" ]
	cmd 0 vzlist -a -H -t -o hostname,ctid
	[[ $output == "a-host-name-that-is-longer-than-its-column.example.net "*101 ]]
	cmd 0 vzlist -a -H -o ctid,hostname
	[[ $output == *longer-than-its-column.example.net ]]
}

@test "vzlist: a private area that is gone hides a stopped container" {
	requires root
	make_ct 101
	rm -r "$BATS_TEST_TMPDIR/private/101"
	fails 1 "Container(s) not found" vzlist 101
}

@test "vzlist: paths have the ID in them" {
	requires root
	make_ct 101
	cmd 0 vzlist -a -H -t -o private,root
	read -r -a v <<<"$output"
	[ "${v[*]}" = "$BATS_TEST_TMPDIR/private/101 $BATS_TEST_TMPDIR/root/101" ]
}

@test "vzlist: limits of a stopped container come from its configuration" {
	requires root
	make_ct 101 'PHYSPAGES="0:65536"' 'SWAPPAGES="0:unlimited"' 'NUMPROC="240"' 'DISKSPACE="1048576:2097152"'
	cmd 0 vzlist -a -H -o physpages,physpages.b,physpages.l,swappages.l,numproc.b,diskspace.s,diskspace.h,uptime
	read -r -a v <<<"$output"
	[ "${v[*]}" = "- 0 65536 9223372036854775807 240 1048576 2097152 -" ]
}

@test "vzlist -j: valid JSON with OpenVZ's keys and types" {
	requires root jq
	make_ct 101 'HOSTNAME="web"' 'IP_ADDRESS="192.0.2.1/24 2001:db8::1"' 'DESCRIPTION="a \"b\" c"' \
		'PHYSPAGES="0:65536"' 'FEATURES="nfs:on sit:off"' 'ONBOOT="yes"'
	cmd2 0 vzlist -a -j
	jq -e 'length == 1 and (.[0] | .ctid == 101 and .veid == 101 and .vpsid == 101 and
		.hostname == "web" and .ip == ["192.0.2.1", "2001:db8::1"] and .status == "stopped" and
		.onboot == true and .disabled == false and .vswap == true and .name == null and
		.laverage == null and .features == {"nfs": true, "sit": false} and .capability == null and
		.physpages == {"held": null, "maxheld": null, "barrier": 0, "limit": 65536, "failcnt": null})' <<<"$output"
	# every field of -L is there, and nothing else
	[ "$(jq -r '.[0] | keys_unsorted[]' <<<"$output")" = "$(vzlist -L | awk '$1 !~ /\./ { print $1 }')" ]
}

@test "vzlist: hostile text stays one line and valid JSON" {
	requires root jq
	make_ct 101 "DESCRIPTION=\"x$(printf '\033]0;evil\007\xff')y\""
	cmd 0 vzlist -a -H -o description
	[ "${#lines[@]}" = 1 ]
	[[ $output != *$'\e'* && $output != *$'\a'* ]]
	vzlist -a -j -o description | jq -e '.[0].description | startswith("x") and endswith("y")'
}

@test "JSON ends with its last bracket and one newline, whoever writes it" {
	local words text
	for words in "vzctl features -j" "vzctl gen json" "vzlist -a -j"; do
		# without a host's programs features exits with 5; $(...) takes newlines away
		# shellcheck disable=SC2086
		text=$($words 2>/dev/null || true; echo .)
		[[ $text == *[']}']$'\n.' ]] || {
			printf '%s ends with %q\n' "$words" "${text: -8}"
			return 1
		}
	done
}

@test "vzpid: usage, header, a process of the host" {
	cmd2 1 vzpid
	[[ $stderr == Usage* ]]
	cmd2 1 vzpid nonsense
	[[ $stderr == *"Invalid PID: nonsense"* ]]
	requires root
	cmd 0 vzpid 1
	[ "${lines[0]}" = $'Pid\tCTID\tName' ]
	[[ ${lines[1]} == $'1\t0\t'* ]]
	cmd 0 bash -c 'echo 1 | vzpid -p -'
	[ "${lines[0]}" = $'Pid\tCT/Pid\tCTID\tName' ]
	[[ ${lines[1]} == $'1\t1\t0\t'* ]]
}

@test "init script: status tells by output and exit status" {
	local script=$BATS_TEST_DIRNAME/../vzctl/boot/vz
	export VZ_RUNDIR=$BATS_TEST_TMPDIR/run VZ_NO_SYSTEMCTL=1
	cmd 3 "$script" status
	[ "$output" = "OpenVZ is stopped." ]
	mkdir -p "$VZ_RUNDIR"
	touch "$VZ_RUNDIR/boot"
	cmd 0 "$script" status
	[ "$output" = "OpenVZ is running..." ]
	cmd 1 "$script" dance
}
