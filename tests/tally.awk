# SPDX-License-Identifier: GPL-2.0-or-later
# Reads one stage's TAP (several plans may follow each other), shows what matters, and appends
# "stage passed failed skipped" to RESULT. Variables: stage, result, allowed (skips.allowed), all (show passes).
# The stage's exit status arrives as a last line "exit N".
function fail(text) { failed++; print "not ok " text }
BEGIN {
	while ((getline row < allowed) > 0)
		if (split(row, f) >= 3 && f[1] == stage) most[f[2]] = f[3]
}
/^exit [0-9]+$/ { status = $2; next }
/^1\.\.[0-9]+/ { planned += substr($1, 4); plans++; next }
/^(not )?ok / { ran++ }
/^ok .*# [Ss][Kk][Ii][Pp]/ {
	skipped++
	why = $0
	sub(/.*# [Ss][Kk][Ii][Pp] */, "", why)
	word = why
	sub(/:.*/, "", word)
	count[word]++
	if (all || count[word] == 1) print
	bad = 0
	next
}
/^ok / { passed++; bad = 0; if (all) print; next }
/^not ok / { failed++; bad = 1; print; next }
/^#/ { if (bad || all) print; next }
/^Bail out!/ { fail(stage ": " $0); next }
{ print "  " $0 }
END {
	if (!plans) fail(stage ": no plan: it did not get as far as its first test")
	else if (planned != ran) fail(stage ": " ran " of " planned " tests ran")
	for (word in count)
		if (count[word] > most[word] + 0)
			fail(stage ": " count[word] " tests skipped for '" word "', " most[word] + 0 " allowed by tests/skips.allowed")
	if (ran && skipped == ran) fail(stage ": every test was skipped")
	if (plans && !ran) fail(stage ": no test in it")
	if (status && !failed) fail(stage ": ended with status " status)
	printf "%s %d %d %d\n", stage, passed, failed, skipped >> result
	exit failed > 0
}
