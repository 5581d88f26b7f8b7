# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Nodes of either kind: up, down, exec, list. What differs is in ns.bash and vm.bash.
#
# $STATE/nodes/NAME/   kind  num  owner (the `bed up` at work)  up (written when all is done)
# A node without "up" whose owner is dead was interrupted; `up` and `down` clear it away.

node_dir() { echo "$STATE/nodes/$1"; }
node_disk() { echo "$DISKS/$1"; }
node_cg() { echo "$(cg_root)/node.$1"; }
node_kind() { echo "$(<"$STATE/nodes/$1/kind")"; }
node_num() { echo "$(<"$STATE/nodes/$1/num")"; }

node_names() {
	local d
	for d in "$STATE"/nodes/*/; do
		[ ! -d "$d" ] || basename "$d"
	done
}

node_valid() {
	[[ $1 =~ ^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$ ]] ||
		die_usage "'$1' is no node name: a letter, then letters, digits and -"
}

node_state() {
	local dir
	dir=$(node_dir "$1")
	if [ -e "$dir/up" ] && proc_recorded "$dir/pid" >/dev/null; then
		echo up
	elif [ ! -e "$dir/up" ] && proc_recorded "$dir/owner" >/dev/null; then
		echo starting
	else
		echo dead
	fi
}

node_need_up() {
	[ -d "$(node_dir "$1")" ] || die "no node '$1'; see 'bed list'"
	[ "$(node_state "$1")" = up ] || die "node '$1' is $(node_state "$1")"
}

# --- up ----------------------------------------------------------------------------------

cmd_up() {
	local kind=ns install=1 names=() name stage='' userland given=''
	while [ $# -gt 0 ]; do
		case $1 in
		--vm) kind=vm ;;
		--kernel)
			VZ_BED_KERNEL=${2:-}
			given=1
			[ $# -eq 1 ] || shift
			;;
		--no-install) install='' ;;
		-*) die_usage "up: unknown option '$1'" ;;
		*) names+=("$1") ;;
		esac
		shift
	done
	[ ${#names[@]} -gt 0 ] || die_usage "up: give the node a name"
	for name in "${names[@]}"; do node_valid "$name"; done
	[ -z "$given" ] || [ $kind = vm ] || die_usage "up: --kernel is for vm nodes (--vm): ns nodes run on this machine's"
	[ -z "$given" ] || [ -n "$VZ_BED_KERNEL" ] || die_usage "up: --kernel: which?"
	need_root
	deps_need "$DEPS_NS"
	[ $kind = ns ] || deps_need "$DEPS_VM"
	# once, and before anything is there that would have to go again
	[ $kind = ns ] || [ "${VZ_BED_KERNEL:-}" != patched ] || VZ_BED_KERNEL=$(vm_kernel_patched)

	if [ -n "$install" ] && ! install_possible; then
		say "no Makefile with a target 'install' in $TOP: nodes come up without vz"
		install=''
	fi
	if [ -n "$install" ]; then
		stage=$STATE/stage.$$
		# shellcheck disable=SC2064
		trap "rm -rf '$stage'" EXIT
		install_stage "$stage" || die "vz does not build: no node was brought up (--no-install brings one up)"
	fi
	userland=$(userland_get)
	up_workers "$kind" "$userland" "$stage" "${names[@]}"
}

# One worker per node. Signals go on to the workers, each of which takes its half-made node
# away; should we be killed, they go on, and `bed down` finds them as the nodes' owners.
up_workers() {
	local kind=$1 userland=$2 stage=$3 name pid rc=0
	shift 3
	WORKERS=()
	trap 'kill -TERM "${WORKERS[@]}" 2>/dev/null; wait; exit 143' INT TERM HUP
	for name; do
		{
			hold "$STATE/locks/$name"
			node_up "$name" "$kind" "$userland" "$stage"
		} </dev/null &
		WORKERS+=($!)
	done
	for pid in "${WORKERS[@]}"; do wait "$pid" || rc=1; done
	trap - INT TERM HUP
	return $rc
}

# Call with the node's lock held.
node_up() {
	local name=$1 kind=$2 userland=$3 stage=$4 dir
	dir=$(node_dir "$name")
	if [ -d "$dir" ]; then
		[ "$(node_state "$name")" != up ] || die "node '$name' is up already"
		node_clear "$name"
	fi
	# from here on a failure or a signal takes the half-made node away again
	# shellcheck disable=SC2064
	trap "trap - EXIT; node_clear '$name'" EXIT
	trap 'exit 143' TERM
	bed_locked node_register "$name" "$kind" "$BASHPID"
	rm -rf "$(node_disk "$name")"
	mkdir -p "$(node_disk "$name")" "$SHARE"
	cg_make "$(node_cg "$name")"
	node_env "$name" >"$dir/env"
	"${kind}_up" "$name" "$userland"
	[ -z "$stage" ] || install_node "$name" "$stage"
	date +%s >"$dir/up"
	trap - EXIT TERM
	bed_locked peers_update
}

# A number for the node, and the network it joins. Call with the bed's lock held. From here on
# `bed down` finds the node, hence a worker whose `bed up` was killed stops here at the latest.
node_register() {
	local name=$1 kind=$2 owner=$3 dir num=1
	dir=$STATE/new
	proc_start $$ >/dev/null || exit 1
	while grep -qsx "$num" "$STATE"/nodes/*/num; do num=$((num + 1)); done
	[ "$num" -lt 250 ] || die "too many nodes"
	rm -rf "$dir"
	mkdir -p "$dir" "$STATE/nodes"
	echo "$kind" >"$dir/kind"
	echo "$num" >"$dir/num"
	proc_record "$dir/owner" "$owner"
	mv -T "$dir" "$(node_dir "$name")"
	net_up
}

# --- peers -------------------------------------------------------------------------------
# Each node knows the others by name and routes their VEs' addresses to them.

peers_update() {
	local name script
	script=$(peers_script)
	for name in $(node_names); do
		[ "$(node_state "$name")" = up ] || continue
		node_exec "$name" sh -s <<<"$script" || say "node '$name' did not take its list of peers"
	done
	[ -z "$(net_holder)" ] || in_net sh -s gateway <<<"$script"
}

# A shell script that is the same for every node: routes to oneself are refused and skipped.
peers_script() {
	local name num
	cat <<-'SH'
		route() { [ "$me" = "$2" ] || ip "$1" route replace "$3" via "$2" 2>/dev/null; }
		me=$(ip -4 -o address show dev eth0 2>/dev/null | sed -n 's|.* inet \([0-9.]*\)/.*|\1|p' | head -n 1)
		[ "${1:-}" = gateway ] || cat >/etc/hosts <<'HOSTS'
		127.0.0.1 localhost
		::1 localhost ip6-localhost ip6-loopback
	SH
	echo "$NET_GW bed-gateway"
	for name in $(node_names); do
		num=$(node_num "$name")
		printf '%s %s\n' "$(net_addr "$num")" "$name" "$(net_addr6 "$num")" "$name"
	done
	echo HOSTS
	for name in $(node_names); do
		num=$(node_num "$name")
		echo "route -4 $(net_addr "$num") $(net_ves "$num")"
		echo "[ \"\$me\" = $(net_addr "$num") ] || route -6 $(net_addr6 "$num") $(net_ves6 "$num")"
	done
	echo true
}

# --- reboot ------------------------------------------------------------------------------

cmd_reboot() {
	local name
	[ $# -gt 0 ] || die_usage "reboot: which node?"
	need_root
	for name; do
		node_need_up "$name"
		[ "$(node_kind "$name")" = vm ] || die_usage "reboot: '$name' is no vm node: the kernel of ns nodes is this machine's"
	done
	for name; do node_locked "$name" vm_reboot "$name"; done
	bed_locked peers_update
	! install_possible || cmd_install "$@"
}

# --- down --------------------------------------------------------------------------------

cmd_down() {
	local name
	need_root
	if [ "${1:-}" = --all ]; then
		[ $# -eq 1 ] || die_usage "down: --all stands alone"
		down_all
		return
	fi
	[ $# -gt 0 ] || die_usage "down: which node, or --all?"
	for name; do
		node_valid "$name"
		[ -d "$(node_dir "$name")" ] || [ -d "$(node_cg "$name")" ] || die "no node '$name'; see 'bed list'"
		stop_owner "$name"
		node_locked "$name" node_down "$name"
	done
}

node_down() {
	node_clear "$1"
	bed_locked down_update
}

down_update() {
	if [ -z "$(node_names)" ]; then
		net_down
		rmdir "$(cg_root)" "$DISKS" 2>/dev/null || true
	else
		peers_update
	fi
}

# Everything of the bed, also what no state file tells of.
down_all() {
	local name
	until bed_locked down_rest; do
		for name in $(node_names); do
			stop_owner "$name"
			node_locked "$name" node_clear "$name"
		done
	done
}

# What is left when no node is; a `bed up` may have registered one since we looked last.
down_rest() {
	[ -z "$(node_names)" ] || return 1
	cg_end "$(cg_root)"
	loops_detach "$DISKS"
	rm -rf "$DISKS" "$STATE"
}

# A `bed up` still at work would go on making what we clear away, and holds the node's lock.
stop_owner() {
	local pid
	if [ "$(node_state "$1")" = starting ] && pid=$(proc_recorded "$(node_dir "$1")/owner"); then
		kill -TERM "$pid" 2>/dev/null || true
		wait_until 30 owner_gone "$1" || kill -KILL "$pid" 2>/dev/null || true
	fi
	cg_end "$(node_cg "$1")"
}

owner_gone() { ! proc_recorded "$(node_dir "$1")/owner" >/dev/null; }

# Remove a node in whatever state it is: first its processes, with which mounts, namespaces
# and links go, then its disk, then the record of it. Call with the node's lock held.
node_clear() {
	local name=$1 dir disk
	dir=$(node_dir "$name")
	disk=$(node_disk "$name")
	cg_end "$(node_cg "$name")"
	# a tap stays when its QEMU is gone
	if [ -e "$dir/num" ] && net_holder >/dev/null; then in_net ip link delete "node$(node_num "$name")" 2>/dev/null || true; fi
	loops_detach "$disk"
	rm -rf "$disk" "$dir"
}

# Loop devices belong to the machine: free those whose file lies beneath DIR.
loops_detach() {
	local dev file
	while read -r dev file; do
		[[ $file != "$1"/* ]] || losetup -d "$dev" || true
	done < <(losetup -n -O NAME,BACK-FILE 2>/dev/null)
}

# --- exec --------------------------------------------------------------------------------

# node_exec NAME CMD...: as a child, for the bed's own errands
node_exec() { ("$(node_kind "$1")_exec" "$@"); }

cmd_exec() {
	local name=${1:-}
	[ -n "$name" ] || die_usage "exec: which node?"
	shift
	[ "${1:-}" != -- ] || shift
	[ $# -gt 0 ] || die_usage "exec: which command?"
	need_root
	node_need_up "$name"
	"$(node_kind "$name")_exec" "$name" "$@"
}

cmd_shell() {
	local size shell
	[ $# -eq 1 ] || die_usage "shell: which node?"
	need_root
	node_need_up "$1"
	# the new terminal is to be as large as ours
	size=$(stty size 2>/dev/null) || size='24 80'
	shell="stty rows ${size% *} cols ${size#* }; exec bash -l"
	BED_TTY=1 "$(node_kind "$1")_exec" "$1" script -q -e -c "$shell" /dev/null
}

# The environment of commands in a node, one per line: nothing of the caller's comes through
# but TERM.
node_env() {
	local num
	num=$(node_num "$1")
	printf '%s\n' PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		HOME=/root USER=root LOGNAME=root SHELL=/bin/bash LANG=C.UTF-8 TMPDIR=/var/tmp \
		"BED_NODE=$1" "BED_KIND=$(node_kind "$1")" \
		"BED_ADDR=$(net_addr "$num")" "BED_ADDR6=$(net_addr6 "$num")" \
		"BED_VES=$(net_ves "$num")" "BED_VES6=$(net_ves6 "$num")" "BED_GATEWAY=$NET_GW" \
		"BED_MIRROR=$(mirror_url main 2>/dev/null || true)"
}

# --- list --------------------------------------------------------------------------------

node_json() {
	local num pid
	num=$(node_num "$1")
	pid=$(proc_recorded "$(node_dir "$1")/pid") || pid=0
	jq -n -c --arg name "$1" --arg kind "$(node_kind "$1")" --argjson num "$num" \
		--arg state "$(node_state "$1")" --argjson pid "$pid" \
		--arg addr "$(net_addr "$num")" --arg addr6 "$(net_addr6 "$num")" \
		--arg ves "$(net_ves "$num")" --arg ves6 "$(net_ves6 "$num")" \
		'{$name, $kind, $num, $state, pid: (if $pid == 0 then null else $pid end),
		  $addr, $addr6, $ves, $ves6}'
}

cmd_list() {
	local name
	case ${1:-} in
	--json)
		for name in $(node_names); do node_json "$name"; done | jq -s .
		;;
	'')
		printf '%-16s %-4s %-9s %-14s %s\n' NAME KIND STATE ADDRESS VES
		for name in $(node_names); do
			printf '%-16s %-4s %-9s %-14s %s\n' "$name" "$(node_kind "$name")" "$(node_state "$name")" \
				"$(net_addr "$(node_num "$name")")" "$(net_ves "$(node_num "$name")")"
		done
		;;
	*) die_usage "list: unknown argument '$1'" ;;
	esac
}
