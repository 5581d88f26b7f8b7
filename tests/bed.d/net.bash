# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The network of the bed: a bridge in a network namespace of its own, held by a sleeping
# process. The machine's namespace gets no link, no route and no rule.
#
#   node K      198.18.0.K/16     fd0b:ed::K/48       eth0, both kinds of node
#   VEs of K    198.18.K.0/24     fd0b:ed:0:K::/64    for tests to take; every node and the
#                                                     gateway route them to node K
#   gateway     198.18.0.254      fd0b:ed::fe         the bridge; serves the archives
#
# (198.18.0.0/15 is set aside for tests of network devices: RFC 2544.)

NET_GW=198.18.0.254
NET_GW6=fd0b:ed::fe
NET_PORT=3142 # archive; the next one: security archive
readonly NET_GW NET_GW6 NET_PORT

net_addr() { echo "198.18.0.$1"; }
net_addr6() { printf 'fd0b:ed::%x\n' "$1"; }
net_ves() { echo "198.18.$1.0/24"; }
net_ves6() { printf 'fd0b:ed:0:%x::/64\n' "$1"; }

net_holder() { proc_recorded "$STATE/net/holder"; }

# in_net CMD...: run CMD in the bed's network namespace (all else stays the machine's).
in_net() {
	local pid
	pid=$(net_holder) || die "the bed's network is not up"
	nsenter --net="/proc/$pid/ns/net" "$@"
}

# Call with the bed's lock held.
net_up() {
	local cg
	! net_holder >/dev/null || return 0
	cg=$(cg_root)/net
	cg_end "$cg"
	rm -rf "$STATE/net"
	mkdir -p "$STATE/net"
	cg_make "$cg"
	spawn "$cg" "$STATE/net/log" unshare --net bash "$BED_LIB/net-holder.bash" \
		"$STATE/net/ready" "$NET_GW/16" "$NET_GW6/48"
	proc_record "$STATE/net/holder.tmp" $!
	wait_until 10 test -e "$STATE/net/ready" || {
		cat "$STATE/net/log" >&2
		cg_end "$cg"
		die "the bed's network does not come up"
	}
	mirror_up "$cg"
	mv "$STATE/net/holder.tmp" "$STATE/net/holder"
}

# With the last node the network goes. Call with the bed's lock held.
net_down() {
	cg_end "$(cg_root)/net"
	rm -rf "$STATE/net"
}

# --- the archive, for nodes and VEs, which have no way out ------------------------------
# A listener on the bridge starts net-mirror.bash for each connection, and that one connects
# from the machine's own namespace: nothing else of the outside can be reached through it.

mirror_up() { # CGROUP
	local want uri port=$NET_PORT proxy pid
	read -r pid _ <"$STATE/net/holder.tmp"
	proxy=$(apt-config shell P Acquire::http::Proxy | sed "s/^P='\(.*\)'$/\1/")
	for want in main security; do
		if uri=$(archive_uri "$want"); then
			spawn "$1" "$STATE/net/mirror.log" \
				bash "$BED_LIB/net-mirror.bash" listen "$pid" "$port" "$uri" "$proxy"
			echo "http://$NET_GW:$port/$(cut -s -d/ -f4- <<<"$uri")" >"$STATE/net/mirror.$want"
		elif [ $want = main ]; then
			say "no Debian archive in this machine's apt sources: nodes go without (VZ_BED_MIRROR=URL)"
		fi
		port=$((port + 1))
	done
}

# Asking apt takes half a second, so the answer is kept for as long as the network is up.
mirror_url() {
	cat "$STATE/net/mirror.$1" 2>/dev/null
}

cmd_mirror() {
	case ${1:-} in
	'') mirror_url main || die "no archive is served; is a node up?" ;;
	--security) mirror_url security || die "no security archive is served; is a node up?" ;;
	*) die_usage "mirror: unknown argument '$1'" ;;
	esac
}
