#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A whole Debian 13 with PostgreSQL, MariaDB, Redis, nginx, PHP and an SSH session is suspended and restored under
# its clients: none of them sees an error, nothing acknowledged is lost, and the services are as before.
# VZ_LOAD_ROUNDS: how often (3, and once in a vm node, where the kernel enforces limits; 20 for the long run).
# bats file_tags=slow
# shellcheck disable=SC2016 # what is in single quotes is expanded inside
load lib/node
load lib/cpt
load lib/load

ROUNDS=${VZ_LOAD_ROUNDS:-3}
VM_ROUNDS=${VZ_LOAD_ROUNDS:-1}

setup_file() {
	node_setup_file
	in_node && [ -n "$(template_file debian-13)" ] && [ -n "${BED_MIRROR:-}" ] || return 0
	load_template "$(file_ctid 1)" || return
	vzctl create "$(file_ctid)" --ostemplate debian-13-load --hostname load.example --ipadd "$(ve_ip 8)" 3>&-
	vzctl start "$(file_ctid)" --wait 3>&-
}

setup() {
	requires node template-debian-13 mirror vz-criu
	CT=$(file_ctid)
}

teardown() {
	clients_kill
	node_teardown
}

teardown_file() {
	node_teardown_file
	rm -rf /vz/template/cache/debian-13-load.tar.zst
	! in_node || vztmpl rm debian-13-load >/dev/null 2>&1 || true
}

SERVICES='postgresql@17-main redis-server mariadb nginx php8.4-fpm ssh systemd-logind systemd-journald'

nothing_failed() {
	vz exec "${1:-$CT}" 'systemctl --failed --no-legend; systemctl is-system-running'
	assert_output running
}
# Whoever polls a descriptor that has lost its meaning runs all the time.
sleeps() { # HOST-PID
	local i
	for i in 1 2 3 4 5 6; do
		[[ $(sed 's/.*) //' "/proc/$1/stat") == S* ]] || return 1
	done
}

# rounds N [CMD...]: N times away and back under all clients; CMD is run after each
rounds() {
	local i n=$1
	shift
	nothing_failed
	vz chkpnt "$CT" --check
	clients_start "$CT" "$(ve_ip 8)"
	for ((i = 1; i <= n; i++)); do
		echo "round $i"
		suspend_restore "$CT"
		clients_go_on
		"$@"
	done
	clients_end
	nothing_failed
}

@test "load: $ROUNDS times away and back under PostgreSQL, MariaDB, Redis, nginx, PHP and SSH" {
	rounds "$ROUNDS" true
}

# An upgrade of systemd does so: what a session has of logind is on a mount that ended with its namespace.
@test "load: away and back with a session that is older than logind" {
	clients_start "$CT" "$(ve_ip 8)"
	vz exec "$CT" 'systemctl restart systemd-logind'
	vz chkpnt "$CT" --check
	suspend_restore "$CT"
	clients_go_on
	clients_end
	nothing_failed
}

saving() { vzctl exec2 "$CT" 'redis-cli info persistence' 3>&- | grep -q "^rdb_bgsave_in_progress:$1"; }

# A process that has a file open which only its own user can reach, and a child that shares its parent's epoll but not
# what it watches: found out by chance, once in twenty rounds.
@test "load: away and back while Redis saves in the background" {
	vz exec "$CT" 'redis-cli eval "for i = 1, 1000 do redis.call(\"set\", \"k\" .. i, i) end" 0; n=$(redis-cli dbsize | tr -dc 0-9); redis-cli config set rdb-key-save-delay $((30000000 / n)); redis-cli bgsave'
	saving 1
	suspend_restore "$CT"
	saving 1
	wait_until 90 saving 0
	vz exec "$CT" 'redis-cli config set rdb-key-save-delay 0; redis-cli info persistence'
	assert_match 'rdb_last_bgsave_status:ok'
	nothing_failed
}

# The kernel's own files, in the cgroup that the VE has now.
limits() {
	local cg file
	cg=$(sed -n 's/^cgroot=//p' "/run/vz/$CT/state")/$CT
	for file in memory.max memory.swap.max pids.max cpu.weight; do echo "$file $(cat "$cg/$file")"; done
}
same_limits() { assert_eq "$(limits)" "$LIMITS" "limits after the restore"; }

# bats test_tags=vm
@test "load: away and back under the same clients, within limits that the kernel enforces" {
	local service
	vz set "$CT" --ram 900M --swap 200M --numproc 900 --cpuunits 3000 --save
	LIMITS=$(limits)
	assert_eq "${LIMITS//$'\n'/ }" "memory.max $((900 << 20)) memory.swap.max $((200 << 20)) pids.max 900 cpu.weight 300"
	rounds "$VM_ROUNDS" same_limits
	for service in $SERVICES; do
		vz exec "$CT" "systemctl is-active $service"
		assert_output active
	done
}

@test "load: what was restored lives on: services restart, nothing spins, the log goes on" {
	nothing_failed
	local init service
	init=$(sed -n 's/^init=//p' "/run/vz/$CT/state")
	wait_until 20 sleeps "$init"
	for service in $SERVICES; do vz exec "$CT" "systemctl restart $service && systemctl is-active $service"; done
	nothing_failed
	vz exec "$CT" 'logger written afterwards; journalctl --sync; journalctl -q -n 50 | grep -c "written afterwards"'
	assert_output 1
	vz stop "$CT"
	refute_match Killing
	vz start "$CT" --wait
	nothing_failed
}

# idle TEMPLATE OPTION...: of create
idle() {
	requires "template-$1"
	VE_TEMPLATE=$1 ve_create "$(ctid)" --ipadd "$(ve_ip 9)" "${@:2}"
	[ $# -eq 1 ] || vz set "$(ctid)" --features privileged:on --save
	vz start "$(ctid)" --wait
	nothing_failed "$(ctid)"
	vz chkpnt "$(ctid)" --check
	suspend_restore "$(ctid)"
	nothing_failed "$(ctid)"
	suspend_restore "$(ctid)"
	vz exec "$(ctid)" 'systemctl restart ssh cron && systemctl is-active ssh cron'
	nothing_failed "$(ctid)"
}

@test "load: an idle Debian 12" {
	idle debian-12
}

@test "load: an idle Debian 13 without a user namespace" {
	idle debian-13 --local_uid 0 --local_gid 0
}
