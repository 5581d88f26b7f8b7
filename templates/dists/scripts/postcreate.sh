# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# A VE of its own out of a template: what must differ from its siblings goes, to be made anew at
# the first start. Only what is there is touched: every change costs the VE a copy of the file.
rm -f /var/lib/systemd/random-seed /var/lib/systemd/credential.secret

# an empty machine-id: systemd chooses one at boot
if [ -s /etc/machine-id ]; then
	: | put_file /etc/machine-id 0444
	[ -L /var/lib/dbus/machine-id ] || rm -f /var/lib/dbus/machine-id
fi

for key in /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub; do
	[ ! -e "$key" ] || rm -f "$key"
done

# the network services that a tree may have: venet0 is the host's
if [ -d /etc/systemd/network ] && [ ! -e /etc/systemd/network/00-vz-venet0.network ]; then
	printf '[Match]\nName=venet0\n\n[Link]\nUnmanaged=yes\n' |
		put_file /etc/systemd/network/00-vz-venet0.network
fi
if [ -d /etc/NetworkManager/conf.d ] && [ ! -e /etc/NetworkManager/conf.d/00-vz.conf ]; then
	printf '[keyfile]\nunmanaged-devices=interface-name:venet0\n' |
		put_file /etc/NetworkManager/conf.d/00-vz.conf
fi
