#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A host run by systemd: VEs live in transient scopes of their own. The node's userland gets a systemd from the
# archive, which boots in namespaces of the node; vzctl runs beside it as on a machine. Last, for it adds packages.
# bats file_tags=slow
# shellcheck disable=SC2016 # what is in single quotes is expanded elsewhere
load lib/node

SD_CGROUP=/sys/fs/cgroup/sd-host

# Pid 1 of the systemd host: its own mounts, its part of the cgroup tree.
sd_boot='mount --make-rprivate / && mount -t proc proc /proc && umount -R /sys/fs/cgroup &&
	mount -t cgroup2 cgroup2 /sys/fs/cgroup && mount -t tmpfs -o mode=755 tmpfs /run &&
	container=lxc exec /lib/systemd/systemd --system'

setup_file() {
	node_setup_file
	in_node && [ -n "${BED_MIRROR:-}" ] || return 0
	rm -f /etc/apt/sources.list.d/*
	# shellcheck source=/dev/null
	echo "deb $BED_MIRROR $(. /etc/os-release && echo "$VERSION_CODENAME") main" >/etc/apt/sources.list
	apt-get -q update && apt-get -y -q --no-install-recommends install systemd dbus >"$BATS_FILE_TMPDIR/apt.log" 2>&1
	mkdir -p "$SD_CGROUP"
	(
		echo "$BASHPID" >"$SD_CGROUP/cgroup.procs"
		exec setsid unshare --mount --pid --uts --ipc --cgroup --fork --kill-child=KILL \
			sh -c "$sd_boot" </dev/null >"$BATS_FILE_TMPDIR/boot.log" 2>&1 3>&-
	) &
	echo $! >"$BATS_FILE_TMPDIR/unshare"
	wait_until 30 sd_pid >"$BATS_FILE_TMPDIR/pid" || return 0
	wait_until 60 sd_running || cat "$BATS_FILE_TMPDIR/boot.log"
}

teardown_file() {
	if [ -e "$BATS_FILE_TMPDIR/unshare" ]; then
		kill -KILL "$(cat "$BATS_FILE_TMPDIR/unshare")" 2>/dev/null || true
		wait_until 10 sd_gone || true
		find "$SD_CGROUP" -depth -type d -exec rmdir {} + 2>/dev/null || true
	fi
	node_teardown_file
}

# The systemd's pid as the node sees it: the child of our unshare.
sd_pid() { pgrep -P "$(cat "$BATS_FILE_TMPDIR/unshare")" -f 'systemd --system'; }
sd_gone() { ! grep -q 'populated 1' "$SD_CGROUP/cgroup.events"; }
sd() { timeout 60 nsenter -t "$(sd_pid | head -n 1)" -m -p -u -i -C "$@" 3>&-; }
sd_running() { case $(sd systemctl is-system-running 2>/dev/null) in running | degraded) ;; *) return 1 ;; esac; }

setup() {
	requires node mirror
	CT=$(file_ctid)
}

@test "a container's cgroup is a transient scope that systemd leaves alone" {
	sd vzctl create "$CT" --ostemplate tiny
	sd vzctl start "$CT"
	run -0 sd cat "/run/vz/$CT/state"
	assert_match "cgroot=/sys/fs/cgroup/vz.slice/vz-$CT.scope"
	run -0 sd systemctl show -p ActiveState -p Delegate -p Transient "vz-$CT.scope"
	assert_match 'ActiveState=active'
	assert_match 'Delegate=yes'
	run -0 sd systemctl daemon-reload
	run -0 sd vzctl exec2 "$CT" 'tail -n 1 /proc/self/cgroup'
	assert_match '0::/vz.enter'
	run -0 sd vzctl status "$CT"
	assert_match 'mounted running'
}

@test "reboot from inside keeps the scope, restart waits for the old one, stop ends it" {
	local i
	sd vzctl exec2 "$CT" 'reboot' || true
	sd_back() { [[ $(sd vzctl exec2 "$CT" 'cut -d. -f1 /proc/uptime' 2>/dev/null) =~ ^[0-3]$ ]]; }
	wait_until 20 sd_back
	for i in 1 2 3; do sd vzctl restart "$CT"; done
	sd vzctl stop "$CT"
	sd_no_scope() { [ -z "$(sd systemctl list-units --no-legend "vz-$CT.scope")" ]; }
	wait_until 10 sd_no_scope
	sd vzctl destroy "$CT"
}

@test "vz.service starts what wants to be started at boot" {
	sd vzctl create "$CT" --ostemplate tiny
	sd vzctl set "$CT" --onboot yes --save
	sd systemctl start vz.service
	run -0 sd vzctl status "$CT"
	assert_match 'mounted running'
	sd systemctl stop vz.service
	run -0 sd vzctl status "$CT"
	assert_match 'unmounted down'
	sd vzctl destroy "$CT"
}
