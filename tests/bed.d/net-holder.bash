#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Runs in a fresh network namespace: makes the bed's bridge, then sleeps to hold it.
# net-holder.bash READY ADDR4/LEN ADDR6/LEN

set -eu
ready=$1 addr=$2 addr6=$3

ip link set lo up
ip link add br0 type bridge stp_state 0 forward_delay 0
ip address add "$addr" dev br0
if [ -e /proc/net/if_inet6 ]; then ip address add "$addr6" dev br0 nodad; fi
ip link set br0 up
# forwarding only so that an address nobody has is answered with "unreachable" at once
echo 1 >/proc/sys/net/ipv4/ip_forward
: >"$ready"
exec sleep infinity
