# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A Debian 13 VE with services and clients that talk to it from outside. After "load lib/node", "load lib/cpt".

LOAD_SERVICES=$VZ_TESTLIB/load-services
LOAD_CACHE=${VZ_LOAD_CACHE:-/cache/templates}

# load_template CTID: offers the template debian-13-load; made once on this machine in VE CTID, through the archive that
# the bed reaches, and kept among the bed's templates by what goes into it.
load_template() {
	local id=$1 base file
	base=$(template_file debian-13)
	file=$LOAD_CACHE/debian-13-load-$(cat "$base" "$LOAD_SERVICES" | sha256sum | cut -c1-16).tar.zst
	if [ ! -e "$file" ]; then
		load_make "$id" "$file" || return
	fi
	cp --reflink=auto "$file" /vz/template/cache/debian-13-load.tar.zst
}
load_make() {
	local id=$1 tmp=$2.tmp.$$
	vzctl create "$id" --ostemplate debian-13 --ipadd "$(ve_ip 8)" &&
		vzctl start "$id" --wait &&
		timeout $((900 * ${VZ_SLOW:-1})) vzctl exec2 "$id" "cat >/root/services; sh /root/services '$BED_MIRROR' && rm /root/services" <"$LOAD_SERVICES" &&
		vzctl exec2 "$id" 'systemctl stop "postgresql@*" redis-server mariadb nginx; rm -f /etc/ssh/ssh_host_*; : >/etc/machine-id' &&
		vzctl exec2 "$id" 'tar -C / --one-file-system --numeric-owner -cf - .' </dev/null | zstd -q -T0 >"$tmp" &&
		mv "$tmp" "$2"
	local r=$?
	rm -f "$tmp"
	ve_destroy "$id"
	return $r
} 3>&-

CLIENTS=(type pg redis http)

# clients_start CTID ADDRESS: one connection each, progress in a file each; an SSH session counts as one. Each begins
# when the one before it has had an answer: a login beside the busy ones takes minutes in an emulated machine.
clients_start() {
	local id=$1 address=$2 dir=$BATS_TEST_TMPDIR w
	ssh-keygen -q -t ed25519 -N '' -f "$dir/key"
	vzctl exec2 "$id" 'mkdir -p /root/.ssh; cat >>/root/.ssh/authorized_keys' <"$dir/key.pub" 3>&-
	for w in "${CLIENTS[@]}"; do
		local words=("$address")
		[ "$w" != type ] || words=(ssh -tt -q -i "$dir/key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "root@$address")
		CPT_PROGRESS=$dir/$w.progress "$VZ_TEST_WORKLOADS/cpt_client" "$w" "${words[@]}" >"$dir/$w.out" 2>&1 3>&- </dev/null &
		echo $! >"$dir/$w.pid"
		client_goes_on "$w" 0
	done
}
# clients_go_on: each of them gets answers now
clients_go_on() {
	local w
	for w in "${CLIENTS[@]}"; do client_goes_on "$w" "$(client_progress "$w")"; done
}
client_goes_on() { # CLIENT HAD
	wait_until 90 client_beyond "$1" "$2" || assert_fail "client $1: $(cat "$BATS_TEST_TMPDIR/$1.out")"
}
client_progress() { stat -c %s "$BATS_TEST_TMPDIR/$1.progress" 2>/dev/null || echo 0; }
client_beyond() { [ "$(client_progress "$1")" -gt "$2" ]; }
# clients_end: they check all that was ever acknowledged and say how it was
clients_end() {
	local w pid
	for w in "${CLIENTS[@]}"; do
		pid=$(cat "$BATS_TEST_TMPDIR/$w.pid")
		kill "$pid" 2>/dev/null || true
	done
	for w in "${CLIENTS[@]}"; do
		pid=$(cat "$BATS_TEST_TMPDIR/$w.pid")
		wait_until 120 test ! -e "/proc/$pid" || true
		output=$(cat "$BATS_TEST_TMPDIR/$w.out")
		echo "client $w: $output"
		assert_match '^OK operations=[1-9]'
	done
}
clients_kill() {
	local f
	for f in "$BATS_TEST_TMPDIR"/*.pid; do
		[ ! -e "$f" ] || kill -9 "$(cat "$f")" 2>/dev/null || true
	done
}
