#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# venet0 as tenants and neighbours see it: who reaches whom, live changes, and that nobody sends as somebody else.
# shellcheck disable=SC2016 # what is in single quotes is expanded inside
load lib/node

setup_file() {
	node_setup_file
	in_node || return 0
	export A B
	A=$(file_ctid) B=$(file_ctid 1)
	ve_start "$A" --ipadd "$(ve_ip 21)" --ipadd "$(ve_ip6 21)" >&2
	ve_start "$B" --ipadd "$(ve_ip 22)" --ipadd "$(ve_ip6 22)" >&2
}

setup() { requires node template-tiny; }

# once the kernel's neighbours and multicast listeners have settled
reaches() { vzctl exec "$1" "ping -c 1 -W 2 $2 >/dev/null" 3>&-; } # CTID ADDRESS
host_reaches() { ping -c 1 -W 2 "$1" >/dev/null 2>&1 3>&-; }

@test "container, host, other container and the gateway's side reach each other, IPv4 and IPv6" {
	local to
	for to in "$(ve_ip 22)" "$(ve_ip6 22)" "$BED_ADDR" "$BED_ADDR6" "$BED_GATEWAY"; do
		echo "from $A to $to"
		wait_until 10 reaches "$A" "$to"
	done
	for to in "$(ve_ip 21)" "$(ve_ip6 21)" "$(ve_ip 22)" "$(ve_ip6 22)"; do
		echo "from the host to $to"
		wait_until 10 host_reaches "$to"
	done
}

@test "TCP between containers, and from the host" {
	vz exec2 "$B" '(while :; do echo hello from $(hostname) | nc -l -p 8080; done) </dev/null >/dev/null 2>&1 &'
	answers() { [[ $(vzctl exec "$A" "nc -w 3 $(ve_ip 22) 8080 </dev/null" 3>&-) == hello* ]]; }
	wait_until 15 answers
	host_answers() { [[ $(timeout 3 bash -c "cat </dev/tcp/$(ve_ip 22)/8080" 3>&-) == hello* ]]; }
	wait_until 15 host_answers
}

@test "a container reaches the bed's other node, and its answers come back: ping and TCP" {
	requires peer
	local peer
	peer=$(getent ahostsv4 "$VZ_TEST_PEER" | awk 'NR == 1 { print $1 }')
	wait_until 10 reaches "$A" "$peer"
	vz exec2 "$A" "echo across | nc -w 3 $peer 7"
	assert_output across
}

@test "addresses come and go while it runs; what is taken is refused" {
	local new
	new=$(ve_ip 23)
	refute host_reaches "$new"
	vz set "$A" --ipadd "$new"
	wait_until 10 host_reaches "$new"
	vz 78 set "$B" --ipadd "$new"
	assert_match "$new"
	vz set "$A" --ipdel "$new"
	refute host_reaches "$new"
	host_reaches "$(ve_ip 21)"
	vz 71 set "$A" --ipadd 10.0.0.256
}

@test "inside it looks like OpenVZ: venet0, 127.0.0.2, aliases, a default route without gateway" {
	in_ve "$A" 'ip addr show venet0; ip route; ip -6 route'
	assert_match '127\.0\.0\.2/32'
	assert_match "$(ve_ip 21)/32 .*venet0:0"
	assert_match 'default dev venet0'
}

@test "a container cannot send from an address that is not its own" {
	local before
	dropped() { nft list table inet vz | grep -o 'packets [0-9]*' | awk '{s += $2} END {print s + 0}'; }
	before=$(dropped)
	# the neighbour's address, put on our own interface by our own root
	in_ve "$A" "ip addr add $(ve_ip 22)/32 dev venet0; ping -c 3 -W 1 -I $(ve_ip 22) $BED_ADDR; true"
	assert_match '100% packet loss'
	assert_num "$(dropped)" gt "$before" "dropped packets"
	in_ve "$A" "ip addr del $(ve_ip 22)/32 dev venet0"
	wait_until 10 reaches "$A" "$(ve_ip 22)"
}
