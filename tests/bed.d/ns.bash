# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# ns nodes: a userland in namespaces of its own on this machine's kernel. All mounts are made
# inside the node's mount namespace, so they end with the node's processes.

ns_pid() { proc_recorded "$(node_dir "$1")/pid" || die "node '$1' is not up"; }

ns_up() {
	local name=$1 userland=$2 dir cg disk num pid=''
	dir=$(node_dir "$name")
	cg=$(node_cg "$name")
	disk=$(node_disk "$name")
	num=$(node_num "$name")
	mkdir -p "$cg/init" "$disk"/{root,upper,work,vz,etc-vz,lib-vz,tmp}
	chmod 1777 "$disk/tmp"
	mkfifo "$dir/ready"
	# The cgroup namespace's root is the node's cgroup; its processes then move to the leaf
	# init/, because a cgroup with processes of its own cannot hand controllers to VEs.
	spawn "$cg" "$dir/log" unshare --mount --propagation private --pid --fork --kill-child=KILL \
		--net --uts --ipc --cgroup \
		bash "$BED_LIB/ns-init.bash" "$name" "$userland" "$disk" "$TOP" "$SHARE" "$dir/ready"
	exec 6<>"$dir/ready"
	if ! read -r -t 20 -u 6 pid; then
		cat "$dir/log" >&2
		die "node '$name' does not come up"
	fi
	exec 6>&-
	rm -f "$dir/ready"
	proc_record "$dir/pid" "$pid"
	ns_settle_cgroup "$cg"
	ns_link "$pid" "$num"
}

ns_settle_cgroup() {
	local pid
	until [ -z "$(cat "$1/cgroup.procs")" ]; do
		while read -r pid; do echo "$pid" >"$1/init/cgroup.procs" || true; done <"$1/cgroup.procs"
	done
	cg_hand_down "$1"
}

# A veth pair between the bridge and the node's eth0.
ns_link() {
	local pid=$1 num=$2
	in_net ip link delete "node$num" 2>/dev/null || true
	in_net ip link add "node$num" type veth peer name eth0 netns "$pid"
	in_net ip link set "node$num" master br0 up
	nsenter --target "$pid" --net sh -eu -s "$(net_addr "$num")" "$(net_addr6 "$num")" "$NET_GW" "$NET_GW6" \
		<"$BED_LIB/node-net.sh"
}

# Replaces the calling shell: the exit status is the command's, and the command does not
# outlive us. It gets a session of its own, as one whose leader is outside the node's pid
# namespace cannot be dumped (and shows as 0); an interactive shell gets its own terminal
# instead. It runs in the node's leaf cgroup, thus `bed down` ends it too.
ns_exec() {
	local name=$1 pid env session=(setsid)
	shift
	pid=$(ns_pid "$name")
	mapfile -t env <"$(node_dir "$name")/env"
	cg_enter "$(node_cg "$name")/init"
	[ -z "${BED_TTY:-}" ] || session=()
	exec nsenter --target "$pid" --mount --uts --ipc --net --pid --cgroup \
		"${session[@]}" setpriv --pdeathsig KILL env -i "${env[@]}" "TERM=${TERM:-dumb}" "$@"
}
