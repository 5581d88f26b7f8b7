# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Addresses and routes of a node, whose eth0 is there already. Runs in the node's network
# namespace: sh -eu -s ADDR ADDR6 GATEWAY GATEWAY6

ip link set lo up
ip address add "$1/16" dev eth0
if [ -e /proc/net/if_inet6 ]; then
	echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad
	ip address add "$2/48" dev eth0 nodad
fi
ip link set eth0 up
ip route add default via "$3"
echo 1 >/proc/sys/net/ipv4/ip_forward
if [ -e /proc/net/if_inet6 ]; then
	ip -6 route add default via "$4"
	echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
fi
