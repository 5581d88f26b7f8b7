#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A forward of HTTP requests to one Debian archive.
#
# net-mirror.bash listen PID PORT URI PROXY   listen in the network namespace of process PID
# net-mirror.bash serve                       one connection: client on stdio
#
# Requests are rewritten on their way (answers are not): archives are virtual hosts, so Host
# must be theirs, and a machine behind a proxy must ask it with the whole URL. Clients may use
# this as their mirror or as their apt proxy alike.

set -eu

listen() {
	local holder=$1 port=$2
	export MIRROR_URI=$3 MIRROR_PROXY=$4
	exec 5</proc/self/ns/net # the way back out, for serve
	exec nsenter --net="/proc/$holder/ns/net" \
		socat -t 60 -T 600 "TCP-LISTEN:$port,fork,reuseaddr,max-children=64" \
		"EXEC:bash $0 serve,pipes"
}

serve() {
	local scheme=${MIRROR_URI%%://*} rest=${MIRROR_URI#*://} authority host port path=/
	authority=${rest%%/*}
	host=${authority%:*}
	port=${authority##*:}
	[ "$port" != "$authority" ] || { [ "$scheme" = https ] && port=443 || port=80; }

	local to="TCP:$host:$port"
	if [ "$scheme" = https ]; then
		to="OPENSSL:$host:$port,snihost=$host"
	elif [ -n "$MIRROR_PROXY" ] && [ "$MIRROR_PROXY" != DIRECT ]; then
		to="TCP:$(sed -E 's|^https?://||; s|/.*||' <<<"$MIRROR_PROXY")"
		path=http://$authority/
	fi
	sed -u -E \
		-e "s|^([A-Z]+) (http://[^/ ]*)?/([^ ]* HTTP/)|\1 $path\3|" \
		-e "s|^[Hh]ost:.*|Host: $authority\r|" |
		nsenter --net=/proc/self/fd/5 socat -t 60 -T 600 - "$to"
}

"$@"
