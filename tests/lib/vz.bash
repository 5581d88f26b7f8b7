# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Tools are never called bare: a call is logged, bounded in time, has bats' fd 3 closed (a daemon that holds
# it hangs bats) and fails the test unless the exit status is the expected one.

# vz [STATUS] ARG...: vzctl; STATUS defaults to 0. Output (both streams) in $output and ${lines[@]}.
vz() {
	local want=0
	if [[ $1 =~ ^[0-9]+$ ]]; then
		want=$1
		shift
	fi
	cmd "$want" vzctl "$@"
}

# cmd STATUS CMD...: any other tool, the same way; STATUS '*': any. VZ_TIMEOUT: seconds (default 60).
cmd() {
	local want=$1
	shift
	printf '# %s\n' "$(printf '%q ' "$@")"
	status=0
	output=$(timeout -k 5 "${VZ_TIMEOUT:-60}" "$@" 2>&1 3>&- </dev/null) || status=$?
	cmd_done "$want" "$1"
}

# cmd2 STATUS CMD...: the same, but $output is stdout only and stderr is in $stderr.
cmd2() {
	local want=$1
	shift
	printf '# %s\n' "$(printf '%q ' "$@")"
	status=0
	output=$(timeout -k 5 "${VZ_TIMEOUT:-60}" "$@" 2>"$BATS_TEST_TMPDIR/stderr" 3>&- </dev/null) || status=$?
	stderr=$(<"$BATS_TEST_TMPDIR/stderr")
	cmd_done "$want" "$1"
}

cmd_done() { # WANTED TOOL
	lines=()
	[ -z "$output" ] || mapfile -t lines <<<"$output"
	printf '%s\n' "$output"
	if [ "$status" -eq 124 ] && [ "$1" != 124 ]; then
		echo "FAIL: $2 did not end within ${VZ_TIMEOUT:-60} s"
		return 1
	fi
	[ "$1" = '*' ] || [ "$status" -eq "$1" ] && return
	echo "FAIL: $2 ended with status $status, expected $1"
	return 1
}

# in_ve CTID CMD...: run a command in a VE; its status must be 0
in_ve() {
	local id=$1
	shift
	vz exec2 "$id" "$@"
}
