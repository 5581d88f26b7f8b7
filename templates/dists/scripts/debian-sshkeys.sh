# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Debian makes ssh host keys when the package is installed, not when sshd starts: our unit makes
# them at the first start (a key made here would cost every create its time)
unit=/etc/systemd/system/vz-ssh-hostkeys.service
if [ -x /usr/sbin/sshd ] && [ -d /etc/systemd/system ] && [ ! -e "$unit" ]; then
	put_file "$unit" <<-END
		[Unit]
		Description=Make this container's own ssh host keys
		Before=ssh.service
		ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key

		[Service]
		Type=oneshot
		ExecStart=/usr/bin/ssh-keygen -A
	END
	mkdir -p /etc/systemd/system/ssh.service.wants
	ln -sf "$unit" /etc/systemd/system/ssh.service.wants/vz-ssh-hostkeys.service
fi
