# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Assertions that say what was there. $output and ${lines[@]} are those of the last vz or cmd.

assert_fail() {
	printf 'FAIL: %s\n' "$@"
	return 1
}

# assert_eq GOT WANT [WHAT]
assert_eq() { [ "$1" = "$2" ] || assert_fail "${3:-value} is '$1', expected '$2'"; }
# assert_num GOT OP WANT [WHAT]: integers; OP as of test(1) without the dash: lt le eq ne ge gt
assert_num() { test "$1" "-$2" "$3" || assert_fail "${4:-value} is $1, expected $2 $3"; }
# assert_output TEXT: the whole output
assert_output() { [ "$output" = "$1" ] || assert_fail "output differs, expected:" "$1"; }
# assert_line TEXT: one whole line of the output
assert_line() {
	local l
	for l in "${lines[@]}"; do [ "$l" != "$1" ] || return 0; done
	assert_fail "no line '$1' in the output"
}
# assert_match REGEX: somewhere in the output
assert_match() { [[ $output =~ $1 ]] || assert_fail "output does not match '$1'"; }
# refute_match REGEX
refute_match() { [[ ! $output =~ $1 ]] || assert_fail "output matches '$1', which it must not"; }
# assert_oneline: exactly one line, as every error of the tools is
assert_oneline() { [ "${#lines[@]}" -eq 1 ] || assert_fail "output has ${#lines[@]} lines, expected one"; }
assert_file() { [ -e "$1" ] || assert_fail "'$1' is not there"; }
refute_file() { ! { [ -e "$1" ] || [ -L "$1" ]; } || assert_fail "'$1' is there, which it must not"; }
# refute CMD...: the command fails. A plain "! cmd" is ignored by set -e and so by bats.
refute() { ! "$@" || assert_fail "'$*' succeeded, which it must not"; }
