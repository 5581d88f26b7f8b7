# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Workloads in VEs over checkpoints (tests/workload/cpt*.c). After "load lib/node".

: "${VZ_TEST_WORKLOADS:=/src/build/tests/workload}"

# into CTID FILE PATH: a program of ours into a running VE
into() { vzctl exec2 "$1" "cat >$3; chmod 755 $3" <"$2" 3>&-; }

# cpt_start CTID PROGRAM...: a process for each of their features; what they said is added to $said
cpt_start() {
	local id=$1 p
	shift
	for p; do
		into "$id" "$VZ_TEST_WORKLOADS/cpt_$p" "/bin/cpt_$p"
		in_ve "$id" "cpt_$p" start /cpt
		said+=$output$'\n'
	done
}
# cpt_skipped MAY...: no other features were skipped than these, which not every VE or kernel has
cpt_skipped() {
	local word name why
	while read -r word name why; do
		[ "$word" != skip ] || [[ " $* " == *" $name "* ]] || assert_fail "$name could not be made: $why"
	done <<<"$said"
}
# cpt_verify CTID PROGRAM...: all that was made is as it was
cpt_verify() {
	local id=$1 p all='' bad
	shift
	for p; do
		VZ_TIMEOUT=$((120 * ${VZ_SLOW:-1})) cmd2 '*' vzctl exec2 "$id" "cpt_$p" verify /cpt
		all+=$output$'\n'
	done
	bad=$(grep -E '^(FAIL|GONE)' <<<"$all") || true
	[ -z "$bad" ] || assert_fail "$bad"
	assert_eq "$(grep -c ^PASS <<<"$all")" "$(grep -c ^ready <<<"$said")" "features that passed"
}

# suspend_restore CTID: there and back; nothing of the VE is left in between
suspend_restore() {
	local id=$1 init
	init=$(sed -n 's/^init=//p' "/run/vz/$id/state")
	VZ_TIMEOUT=$((120 * ${VZ_SLOW:-1})) vz chkpnt "$id"
	ve_status "$id" "exist unmounted down suspended"
	refute_file "/proc/$init"
	VZ_TIMEOUT=$((120 * ${VZ_SLOW:-1})) vz restore "$id"
	ve_status "$id" "exist mounted running"
}
