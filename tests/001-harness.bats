#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The harness itself: what it has to catch, it catches.
load lib/node

# fails CMD...: the command fails; its words are in $output
fails() {
	if output=$("$@" 2>&1); then
		echo "passes, but must not: $*"
		return 1
	fi
}

@test "a wrong exit status fails the test and is told" {
	cmd 0 true
	cmd 3 sh -c 'exit 3'
	fails cmd 0 sh -c 'exit 3'
	assert_match 'ended with status 3, expected 0'
	fails cmd 1 true
	assert_match 'ended with status 0, expected 1'
}

@test "a hanging tool ends" {
	VZ_TIMEOUT=1
	fails cmd 0 sleep 60
	assert_match 'did not end within 1 s'
}

@test "a daemon left behind does not hold the harness's descriptor" {
	cmd 0 sh -c 'test ! -e /proc/self/fd/3'
}

@test "streams are joined, or apart" {
	cmd 0 sh -c 'echo out; echo err >&2'
	assert_output "$(printf 'out\nerr')"
	cmd2 0 sh -c 'echo out; echo err >&2'
	assert_output out
	assert_eq "$stderr" err
	cmd 0 true
	assert_eq "${#lines[@]}" 0 "lines of an empty output"
}

@test "assertions fail when they should" {
	output=$(printf 'CT 1\nb') lines=("CT 1" b)
	assert_line b
	fails assert_line CT
	assert_eq x x
	fails assert_eq x y
	assert_num 3 lt 4
	fails assert_num 4 lt 3
	output='CT 1'
	assert_match '^CT [0-9]$'
	fails assert_match '^CT$'
	fails refute_match 'CT'
	fails assert_output CT
	lines=(a b)
	fails assert_oneline
	fails assert_file "$BATS_TEST_TMPDIR/none"
	fails refute_file "$BATS_TEST_TMPDIR"
	fails refute true
	refute false
}

@test "an unknown word of requires is a failure, not a skip" {
	fails requires no-such-word
	assert_match "unknown word 'no-such-word'"
}

@test "waiting ends with success as soon as the condition holds, and with failure" {
	wait_until 5 true
	VZ_SLOW=1
	fails wait_until 1 false
	assert_match 'not within 1 s: false'
}

tally() { # STAGE: TAP on stdin
	: >"$BATS_TEST_TMPDIR/result"
	awk -v stage="$1" -v result="$BATS_TEST_TMPDIR/result" -v allowed="$BATS_TEST_TMPDIR/allowed" \
		-f "$BATS_TEST_DIRNAME/tally.awk"
}

@test "the count of a run is red when tests are missing, skipped too often or all skipped" {
	echo 'ns criu 1 why' >"$BATS_TEST_TMPDIR/allowed"
	tally ns < <(printf '1..2\nok 1 a\nok 2 b # skip criu: x\nexit 0\n')
	assert_eq "$(cat "$BATS_TEST_TMPDIR/result")" "ns 1 0 1"
	fails tally ns < <(printf '1..3\nok 1 a\nok 2 b\nexit 0\n')
	assert_match '2 of 3 tests ran'
	fails tally ns < <(printf '1..3\nok 1 a\nok 2 b # skip criu: x\nok 3 c # skip criu: x\nexit 0\n')
	assert_match "2 tests skipped for 'criu', 1 allowed"
	fails tally vm < <(printf '1..2\nok 1 a\nok 2 b # skip criu: x\nexit 0\n')
	assert_match "0 allowed"
	fails tally ns < <(printf '1..1\nok 1 a # skip criu: x\nexit 0\n')
	assert_match 'every test was skipped'
	fails tally ns < <(printf '1..0\nexit 0\n')
	assert_match 'no test in it'
	fails tally ns < <(printf 'bats: command not found\nexit 127\n')
	assert_match 'no plan'
	fails tally ns < <(printf '1..1\nok 1 a\nexit 1\n')
	assert_match 'ended with status 1'
	fails tally ns < <(printf '1..1\nnot ok 1 a\n# why\nexit 1\n')
	assert_match '# why'
	assert_eq "$(cat "$BATS_TEST_TMPDIR/result")" "ns 0 1 0"
}

@test "a unit test program that dies, hangs or stops early is a failure" {
	local p=$BATS_TEST_TMPDIR/prog
	unit() {
		printf '#!/bin/sh\n%s\n' "$1" >"$p"
		chmod +x "$p"
		UNIT_TIMEOUT=1 "$BATS_TEST_DIRNAME/run-unit" "$p"
	}
	output=$(unit 'echo "ok 1 - a"; echo 1..1')
	refute_match 'not ok'
	output=$(unit 'echo "ok 1 - a"; echo 1..1; kill -SEGV $$')
	assert_match 'not ok 2 - prog: status 139 after 1 of 1 tests'
	output=$(unit 'echo "ok 1 - a"; sleep 30')
	assert_match 'not ok 2 - prog: status 124'
	output=$(unit 'echo "ok 1 - a"; echo 1..2')
	assert_match 'after 1 of 2 tests'
}

@test "who takes a whole bed down works on one of its own, not on that of its caller" {
	local f programs
	cmd 0 grep -l -d skip -E 'down.{1,4}--all' "$BATS_TEST_DIRNAME"/*
	programs=("${lines[@]}")
	for f in run mutants criu-zdtm demo bench; do
		[[ " ${programs[*]} " == *"/$f "* ]] || assert_fail "$f is not among those"
	done
	for f in "${programs[@]}"; do
		[[ ${f##*/} == bed || $f == *.@(bats|md) ]] || cmd 1 grep -n 'VZ_BED_STATE:-' "$f"
	done
}

@test "what is to be taken out of the tree for 'make mutants' is still there" {
	cmd 0 "$BATS_TEST_DIRNAME/mutants" --stale
}
