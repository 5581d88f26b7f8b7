#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Configuration through the tools: what set writes, what vzcfgvalidate says, what gen prints.
# Nothing here needs a node.
bats_require_minimum_version 1.8.0

load lib/vz.bash
load lib/requires.bash

setup_file() {
	BUILD=$BATS_TEST_DIRNAME/../${O:-build}
	PATH=${VZ_BIN:-$BUILD/bin}:$PATH
	export PATH BUILD
}

setup() {
	export VZ_CONF_DIR=$BATS_TEST_TMPDIR/vz
	mkdir -p "$VZ_CONF_DIR"/{conf,names} "$BATS_TEST_TMPDIR/lock"
	printf '%s\n' LOGGING=no "LOCKDIR=$BATS_TEST_TMPDIR/lock" "RUNDIR=$BATS_TEST_TMPDIR/run" \
		>"$VZ_CONF_DIR/vz.conf"
	conf=$VZ_CONF_DIR/conf/101.conf
	printf '%s\n' '# mine' 'PHYSPAGES="0:64M"' 'SWAPPAGES="0:0"' 'X_SITE=kept # why' >"$conf"
}

has_line() {
	grep -qxF -- "$1" "$conf" || {
		echo "no line $1 in:"
		cat "$conf"
		return 1
	}
}

@test "set: writes what changed, in its own form, and keeps the rest" {
	requires root
	vz set 101 --ram 100M --capability net_admin:on --iolimit 10 --diskspace 1G:2G --save
	has_line '# mine'
	has_line 'X_SITE=kept # why'
	has_line 'SWAPPAGES="0:0"'
	has_line 'PHYSPAGES="0:25600"'
	has_line 'CAPABILITY="NET_ADMIN:on"'
	has_line 'IOLIMIT="10485760"'
	has_line 'DISKSPACE="1048576:2097152"'
	# shellcheck disable=SC1090
	cmd 0 sh -c ". '$conf'; echo \$X_SITE"
	[ "$output" = kept ]
}

@test "set: a text of any characters comes back, also through a shell" {
	requires root
	# shellcheck disable=SC2016
	text='a "b" $HOME `id` \ '"'c'"
	vz set 101 --description "$text" --save
	cmd 0 sh -c ". '$conf'; printf %s \"\$DESCRIPTION\""
	[ "$output" = "$text" ]
}

@test "set: one bad value changes nothing" {
	requires root
	cp "$conf" "$BATS_TEST_TMPDIR/before"
	vz 21 set 101 --cpus 2 --cpuunits 5 --save
	[[ $output == *'--cpuunits'*'8 to 500000'* ]]
	vz 21 set 101 --capability net_admn:on --save
	[[ $output == *'did you mean NET_ADMIN'* ]]
	vz 71 set 101 --cpus 2 --ipadd 10.0.0.256 --save
	vz 20 set 101 --nodemask 0 --save
	cmp "$conf" "$BATS_TEST_TMPDIR/before"
	echo '# empty' | tee "$conf" >"$BATS_TEST_TMPDIR/before"
	vz 28 set 101 --ram 64M --save
	[[ $output == *SWAPPAGES*--swap* ]]
	cmp "$conf" "$BATS_TEST_TMPDIR/before"
}

@test "set: an option without effect says so" {
	requires root
	vz set 101 --gw 10.0.0.1 --save
	[[ $output == *'--gw is accepted without effect'* ]]
}

@test "what is wrong in a file is said once, of vz.conf, too" {
	requires root
	printf '%s\n' LOCK_TIMEOUT=soon LOGGING=yes >>"$VZ_CONF_DIR/vz.conf"
	echo nonsense >>"$conf"
	vz set 101 --onboot yes --save
	[ "$(grep -c 'vz.conf: LOCK_TIMEOUT: bad value' <<<"$output")" = 1 ]
	[ "$(grep -c 'vz.conf: line 5: LOGGING: the key stood above already' <<<"$output")" = 1 ]
	[ "$(grep -c "101.conf: line 5: there is no '='" <<<"$output")" = 1 ]
	vz status 101
	[[ $output == 'CTID 101 '* ]]
}

@test "vzcfgvalidate: vz.conf need not hold limits" {
	cmd 0 vzcfgvalidate "$VZ_CONF_DIR/vz.conf"
	echo LOCK_TIMEOUT=soon >>"$VZ_CONF_DIR/vz.conf"
	cmd 2 vzcfgvalidate "$VZ_CONF_DIR/vz.conf"
	[[ $output == *'line 4: LOCK_TIMEOUT: bad value'* ]]
}

@test "vzcfgvalidate: every sample is right" {
	for f in "$BATS_TEST_DIRNAME"/../templates/conf/*.conf-sample; do
		cmd 0 vzcfgvalidate "$f"
		[ "$output" = 'Validation completed: success' ]
	done
}

@test "vzcfgvalidate: says line, reason and what is allowed; exits 0, 1, 2" {
	printf '%s\n' 'CPUUNITS=5' nonsense >>"$conf"
	cmd 2 vzcfgvalidate "$conf"
	[[ $output == *"line 5: CPUUNITS: bad value \"5\": must be 8 to 500000"* ]]
	[[ $output == *"line 6: there is no '='"* ]]
	cmd 2 vzcfgvalidate -v no "$conf"
	[ "$output" = 'Validation completed: failed' ]
	cmd 1 vzcfgvalidate "$conf.none"
	cmd 1 vzcfgvalidate
	cmd 1 vzcfgvalidate -v maybe "$conf"
}

@test "vzcfgvalidate -r: repairs and keeps the rest" {
	echo 'NUMPTY=8:9' >>"$conf"
	cmd 2 vzcfgvalidate "$conf"
	has_line 'NUMPTY=8:9'
	cmd 0 vzcfgvalidate -r "$conf"
	has_line 'NUMPTY="9:9"'
	has_line 'X_SITE=kept # why'
	cmd 0 vzcfgvalidate "$conf"
}

@test "vzcfgvalidate -i: asks for each value" {
	echo 'NUMPTY=8:9' >>"$conf"
	cmd 2 bash -c "echo n | vzcfgvalidate -i '$conf'"
	has_line 'NUMPTY=8:9'
	cmd 0 bash -c "echo y | vzcfgvalidate -i '$conf'"
	has_line 'NUMPTY="9:9"'
}

@test "gen: JSON is valid and complete" {
	cmd 0 bash -c 'vzctl gen json | python3 -c "
import json, sys
d = json.load(sys.stdin)
keys = {p[\"key\"] for p in d[\"parameters\"]}
assert {\"PHYSPAGES\", \"IP_ADDRESS\", \"LOCAL_UID\", \"LOCKDIR\"} <= keys
assert {c[\"name\"] for c in d[\"commands\"]} >= {\"create\", \"set\"}
assert {e[\"code\"] for e in d[\"exit_codes\"]} >= {0, 9, 14, 21, 31, 32}
"'
	cmd 20 vzctl gen nothing
}

@test "completion: bash offers commands, options, words" {
	[ -e "$BUILD/completion/vzctl.bash" ]
	complete_line() { # the words typed, the last one to be completed
		# shellcheck disable=SC2016
		cmd 0 bash -c 'source "$1"; shift; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
			_vzctl vzctl "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
			printf "%s\n" "${COMPREPLY[@]}"' bash "$BUILD/completion/vzctl.bash" "$@"
	}
	complete_line vzctl des
	[ "$output" = destroy ]
	complete_line vzctl set 101 --cpuu
	[ "$output" = --cpuunits ]
	complete_line vzctl set 101 --onboot ''
	[ "$output" = $'yes\nno' ]
	complete_line vzctl set 101 --netfilter state
	[ "$output" = $'stateless\nstateful' ]
	complete_line vzctl create 101 --config vs
	[ -z "$output" ]
	touch "$VZ_CONF_DIR/conf/ve-vsmall.conf-sample"
	complete_line vzctl create 101 --config vs
	[ "$output" = vsmall ]
}
