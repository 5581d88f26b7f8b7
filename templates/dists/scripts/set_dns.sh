# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# NAMESERVER and SEARCHDOMAIN (blank-separated) into /etc/resolv.conf, replacing a link to some
# service's own file.
[ -n "${NAMESERVER:-}${SEARCHDOMAIN:-}" ] || exit 0

text=$(
	[ -z "${SEARCHDOMAIN:-}" ] || printf 'search %s\n' "$SEARCHDOMAIN"
	for ns in ${NAMESERVER:-}; do
		printf 'nameserver %s\n' "$ns"
	done
)
if [ ! -L /etc/resolv.conf ] && [ "$(content /etc/resolv.conf)" = "$text" ]; then
	exit 0
fi
printf '%s\n' "$text" | put_file /etc/resolv.conf
