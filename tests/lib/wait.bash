# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Waiting is for a condition, within a bound, and its end is checked. Tests do not sleep.

# wait_until SECONDS CMD...: until CMD succeeds; 1 and a word when it does not in time. Under emulation
# (vm nodes without KVM) everything takes longer: VZ_SLOW multiplies.
wait_until() {
	local seconds=$(($1 * ${VZ_SLOW:-1}))
	local end=$((SECONDS + seconds))
	shift
	until "$@" >/dev/null 2>&1 3>&-; do
		if [ "$SECONDS" -ge "$end" ]; then
			echo "FAIL: not within $seconds s: $*"
			return 1
		fi
		sleep 0.05
	done
}
