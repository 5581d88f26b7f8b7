#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# pid 1 of an ns node: reaps orphans (bash does so for every child while it waits) and ends
# on SIGTERM, upon which the kernel ends all other processes of the node.

trap 'exit 0' TERM
while :; do
	sleep infinity &
	wait $! || true
done
