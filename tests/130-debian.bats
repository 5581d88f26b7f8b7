#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Real distributions with their own init: they boot to "running", answer on the network, install packages,
# and shut down and reboot from inside.
# bats file_tags=slow
# shellcheck disable=SC2016 # what is in single quotes is expanded inside
load lib/node

TEMPLATE=debian-13

setup_file() {
	node_setup_file
	in_node && [ -n "$(template_file "$TEMPLATE")" ] || return 0
	vzctl create "$(file_ctid)" --ostemplate "$TEMPLATE" --hostname deb.example --ipadd "$(ve_ip 3)" 3>&-
	vzctl create "$(file_ctid 1)" --ostemplate "$TEMPLATE" --hostname peer.example --ipadd "$(ve_ip 4)" 3>&-
	vzctl start "$(file_ctid)" --wait 3>&-
	vzctl start "$(file_ctid 1)" --wait 3>&-
}

setup() {
	requires node "template-$TEMPLATE"
	CT=$(file_ctid)
}

# running CTID: systemd is through with its boot and nothing failed
running() { [ "$(vzctl exec "$1" systemctl is-system-running 2>/dev/null 3>&-)" = running ]; }
booted() { # CTID
	wait_until 60 running "$1" || {
		vzctl exec "$1" 'systemctl is-system-running; systemctl --failed --no-legend; systemctl list-jobs' 3>&- || true
		return 1
	}
}
# answers ADDRESS: with an SSH banner, as a command of bash that host and VE have
ssh_banner='exec 5<>/dev/tcp/ADDR/22 && IFS= read -t 5 -r line <&5 && echo "$line"'

@test "Debian 13 boots to running, nothing failed" {
	booted "$CT"
	vz exec "$CT" 'systemctl --failed --no-legend'
	assert_output ""
	vz exec "$CT" hostname
	assert_output deb.example
	vz exec "$CT" systemd-detect-virt --container
	refute_match none
}

@test "its sshd answers the host and another VE" {
	cmd 0 timeout 10 bash -c "${ssh_banner/ADDR/$(ve_ip 3)}"
	assert_match '^SSH-2'
	vz exec "$(file_ctid 1)" "${ssh_banner/ADDR/$(ve_ip 3)}"
	assert_match '^SSH-2'
}

@test "root logs in over ssh with the password that was set, and not before" {
	local ask=$BATS_TEST_TMPDIR/ask ssh=(setsid -w ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o
		NumberOfPasswordPrompts=1 -o LogLevel=ERROR "root@$(ve_ip 3)" hostname)
	printf '%s\n' '#!/bin/sh' 'echo geheim' >"$ask"
	chmod +x "$ask"
	export SSH_ASKPASS=$ask SSH_ASKPASS_REQUIRE=force DISPLAY=:0
	cmd 255 timeout 30 "${ssh[@]}"
	vz set "$CT" --userpasswd root:geheim
	cmd 0 timeout 30 "${ssh[@]}"
	assert_output deb.example
}

@test "a package is installed inside" {
	requires mirror
	local codename
	codename=$(vzctl exec "$CT" '. /etc/os-release; echo $VERSION_CODENAME' 3>&-)
	VZ_TIMEOUT=300
	vz exec "$CT" "rm -f /etc/apt/sources.list.d/*; echo 'deb $BED_MIRROR $codename main' >/etc/apt/sources.list
		apt-get -qq -o Acquire::Check-Valid-Until=false update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install ed && ed --version"
	assert_match 'GNU ed'
}

@test "reboot from inside: it comes back, running" {
	local init
	init=$(sed -n 's/^init=//p' "/run/vz/$CT/state")
	vz exec "$CT" 'echo x >/run/gone; systemctl reboot'
	rebooted() { ve_is "$CT" "exist mounted running" && refute grep -qx "init=$init" "/run/vz/$CT/state"; }
	wait_until 90 rebooted
	booted "$CT"
	vz exec "$CT" test ! -e /run/gone
}

@test "shutdown from inside, then stop from outside, both orderly" {
	vz exec "$CT" 'shutdown -h now' || true
	wait_until 90 ve_is "$CT" "exist unmounted down"
	vz start "$CT" --wait
	booted "$CT"
	vz stop "$CT"
	refute_match Killing
	ve_status "$CT" "exist unmounted down"
}

@test "Debian 12 boots to running" {
	requires template-debian-12
	VE_TEMPLATE=debian-12 ve_create "$(ctid)"
	vz start "$(ctid)" --wait
	booted "$(ctid)"
	vz stop "$(ctid)"
	refute_match Killing
}
