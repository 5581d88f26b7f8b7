# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# HOSTNM into the kernel, /etc/hostname and one line of /etc/hosts.
[ -n "${HOSTNM:-}" ] || exit 0
case $HOSTNM in
*[!A-Za-z0-9._-]* | -* | .*) fail "bad host name" ;;
esac

hostname "$HOSTNM" 2>/dev/null || true
[ "$(content /etc/hostname)" = "$HOSTNM" ] || printf '%s\n' "$HOSTNM" | put_file /etc/hostname

address=127.0.1.1
for ip in ${IP_ADDR:-}; do
	address=${ip%%/*}
	break
done
short=${HOSTNM%%.*}
[ "$short" != "$HOSTNM" ] || short=
line="$address $HOSTNM${short:+ $short} # vz"
case "
$(content /etc/hosts)
" in
*"
$line
"*) ;;
*) {
	without_mark /etc/hosts
	printf '%s\n' "$line"
} | put_file /etc/hosts ;;
esac
