# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Commands on a terminal of their own, with script(1) in between.

# with_tty ROWSxCOLS CMD...: each line of stdin is typed once the output was quiet for a moment; backslash
# escapes in it are bytes, and a line with one is not ended. "@size ROWSxCOLS" changes the window's size instead,
# "@leave" kills CMD. Prints what CMD said, then "STATUS n" and whether it left the terminal's settings
# as they were: "TERMIOS same".
with_tty() {
	local dir size=$1 pid line status=0
	dir=$(mktemp -d "$BATS_TEST_TMPDIR/tty.XXXX")
	shift
	printf '%s\n' "stty rows ${size%x*} cols ${size#*x}; tty >$dir/tty; stty -g >$dir/before" \
		"TERM=linux $(printf '%q ' "$@") & echo \$! >$dir/pid; fg >/dev/null; echo STATUS \$?; stty -g >$dir/after" >"$dir/cmd"
	mkfifo "$dir/keys"
	timeout 60 script -qfec "bash -m $dir/cmd" "$dir/out" <>"$dir/keys" >/dev/null 2>&1 3>&- &
	pid=$!
	tty_quiet "$dir/out"
	while IFS= read -r line; do
		case $line in
		@size*) stty -F "$(cat "$dir/tty")" rows "${line:6:2}" cols "${line#*x}" ;;
		@leave) kill "$(cat "$dir/pid")" ;;
		*\\*) printf '%b' "$line" >"$dir/keys" ;;
		*) printf '%s\r' "$line" >"$dir/keys" ;;
		esac
		tty_quiet "$dir/out"
	done
	wait "$pid" || status=$?
	tr -d '\r' <"$dir/out"
	[ "$status" -ne 124 ] || echo "FAIL: $* did not end"
	cmp -s "$dir/before" "$dir/after" && echo "TERMIOS same"
}

# until FILE has not grown for 0.4 s
tty_quiet() {
	local last=-1 now i
	for ((i = 0; i < 50 * ${VZ_SLOW:-1}; i++)); do
		sleep 0.4
		now=$(stat -c %s "$1" 2>/dev/null || echo 0)
		[ "$now" -ne "$last" ] || [ "$now" -eq 0 ] || return 0
		last=$now
	done
}
