# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Messages, paths, locks, and the two ways by which the bed finds its processes again.

CACHE=${VZ_CACHE:-/var/cache/vz}/bed
STATE=${VZ_BED_STATE:-/run/vz-bed}
# Beds with different state directories share caches but nothing that lives.
BED_ID=main
if [ "$STATE" != /run/vz-bed ]; then
	BED_ID=$(printf '%s' "$STATE" | sha256sum)
	BED_ID=${BED_ID:0:8}
fi
DISKS=$CACHE/disks/$BED_ID # node disks: on a real file system, which /run need not be
SHARE=$CACHE/share         # seen by all nodes as /cache
# shellcheck disable=SC2034 # used in other files
readonly CACHE STATE BED_ID DISKS SHARE

say() { printf 'bed: %s\n' "$*" >&2; }
die() {
	say "$*"
	exit 1
}
die_usage() {
	say "$*"
	exit 2
}

# locked FILE CMD...: run CMD in a subshell that holds the lock. Daemons close inherited
# descriptors (see daemonize), so a lock never outlives the command that took it.
locked() {
	local file=$1
	shift
	mkdir -p "${file%/*}"
	(
		flock -x 9
		"$@"
	) 9>"$file"
}

# Take the lock for as long as this shell lives.
hold() {
	mkdir -p "${1%/*}"
	exec 9>"$1"
	flock -x 9
}

bed_locked() { locked "$STATE/lock" "$@"; }
node_locked() { # NAME CMD...
	local name=$1
	shift
	locked "$STATE/locks/$name" "$@"
}

# Close everything but stdio: locks must be given back and bats waits for its fd 3.
close_fds() {
	local fd
	for fd in /proc/"$BASHPID"/fd/*; do
		fd=${fd##*/}
		if [ "$fd" -gt 2 ]; then eval "exec $fd>&-"; fi
	done 2>/dev/null
}

# Start time of a process (field 22 of stat, counted behind the command name, which may hold
# blanks): with the pid it names one process for ever, also when the pid is used again.
proc_start() {
	local stat=''
	{ read -r -d '' stat <"/proc/$1/stat"; } 2>/dev/null || [ -n "$stat" ] || return 1
	read -ra stat <<<"${stat##*) }"
	# a zombie is dead
	[ "${stat[0]}" != Z ] && printf '%s\n' "${stat[19]}"
}

proc_record() { printf '%s %s\n' "$2" "$(proc_start "$2")" >"$1"; } # FILE PID

# Prints the pid recorded in FILE if that very process lives.
proc_recorded() {
	local pid start
	read -r pid start 2>/dev/null <"$1" || return 1
	[ "$(proc_start "$pid")" = "$start" ] && printf '%s\n' "$pid"
}

# wait_until SECONDS CMD...: poll until CMD succeeds.
wait_until() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.02
	done
}

# cache_get MAKE PATH ARG...: prints PATH; if it is not there, MAKE PATH ARG... makes it, which
# only one caller does at a time. What nobody asked for in a month is removed on that occasion.
cache_get() {
	local make=$1 path=$2
	shift 2
	[ -d "$path" ] || locked "${path%/*}/lock" cache_make "$make" "$path" "$@"
	touch -c "$path"
	printf '%s\n' "$path"
}

cache_make() {
	local make=$1 path=$2
	[ ! -d "$path" ] || return 0 # another caller made it while we waited
	find "${path%/*}" -mindepth 1 -maxdepth 1 -type d -mtime +30 -exec rm -rf {} +
	shift
	"$make" "$@"
}

# --- cgroups ---------------------------------------------------------------------------
# Everything that the bed starts lives in vz-bed.ID/ beneath the machine's v2 hierarchy, so
# "what is left of node X" is a question to the kernel and not to files that a killed run
# had no time to write. The machine's own cgroups, mounts and controllers stay untouched.

cg_root() {
	local dir type
	while read -r _ dir type _; do
		[ "$type" != cgroup2 ] || { printf '%s/vz-bed.%s\n' "$dir" "$BED_ID" && return; }
	done </proc/self/mounts
	die "no cgroup v2 hierarchy is mounted on this machine"
}

# cg_make DIR: a cgroup within the bed's, which hands down every controller it got.
cg_make() {
	mkdir -p "$1"
	cg_hand_down "${1%/*}"
}

cg_hand_down() {
	local c
	for c in $(<"$1/cgroup.controllers"); do
		echo "+$c" >"$1/cgroup.subtree_control" 2>/dev/null || true
	done
}

cg_enter() { echo "$BASHPID" >"$1/cgroup.procs"; }

cg_empty() { ! grep -qs '^populated 1' "$1/cgroup.events"; }

# cg_end DIR: end all processes beneath DIR and remove it.
cg_end() {
	[ -d "$1" ] || return 0
	[ ! -e "$1/cgroup.freeze" ] || echo 0 >"$1/cgroup.freeze" 2>/dev/null || true
	echo 1 >"$1/cgroup.kill"
	wait_until 20 cg_empty "$1" || say "processes in $1 do not end: $(cg_pids "$1" | tr '\n' ' ')"
	find "$1" -depth -type d -exec rmdir {} + 2>/dev/null || true
	[ ! -d "$1" ] || wait_until 5 cg_removed "$1" || say "cannot remove $1"
}

cg_pids() { find "$1" -name cgroup.procs -exec cat {} + 2>/dev/null; }

cg_removed() {
	find "$1" -depth -type d -exec rmdir {} + 2>/dev/null || true
	[ ! -d "$1" ]
}

# spawn CGROUP LOG CMD...: a daemon in CGROUP, free of our terminal, descriptors and session.
spawn() {
	local cg=$1 log=$2
	shift 2
	(
		cg_enter "$cg"
		close_fds
		exec setsid "$@" </dev/null >>"$log" 2>&1
	) &
	disown
}
