# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# USERPW is user:password. The password goes through pipes and builtins only, never an argv.
user=${USERPW%%:*}
case ${USERPW:-} in
*:*) ;;
*) fail "user:password expected" ;;
esac
case $user in
'' | -* | *[!A-Za-z0-9._-]*) fail "bad user name" ;;
esac

for file in /etc/passwd /etc/shadow; do
	[ -f "$file" ] || fail "$file is no plain file"
done

known() {
	while IFS=: read -r name _; do
		[ "$name" != "$user" ] || return 0
	done </etc/passwd
	return 1
}

[ -f /etc/passwd ] || fail "/etc/passwd is no file"
if ! known; then
	if has useradd; then
		useradd -m "$user" || fail "cannot add user $user"
	else
		adduser -D "$user" || fail "cannot add user $user"
	fi
fi
if has chpasswd; then
	printf '%s\n' "$USERPW" | chpasswd
	exit
fi

# busybox without chpasswd
[ -f /etc/shadow ] || fail "/etc/shadow is no file"
hash=$(printf '%s\n' "${USERPW#*:}" | mkpasswd -m sha512 -P 0) || fail "cannot hash the password"
# shellcheck disable=SC2094 # put_file writes beside it and renames
while IFS=: read -r name old rest; do
	[ "$name" != "$user" ] || old=$hash
	printf '%s:%s:%s\n' "$name" "$old" "$rest"
done </etc/shadow | put_file /etc/shadow 0600
