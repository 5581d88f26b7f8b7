#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# /init of the initial ram disk of a vm node: the disk's driver, then on to the disk.

b=/bin/busybox
echo 'bed: initrd runs'
$b mount -t devtmpfs dev /dev
$b mount -t proc proc /proc
if $b grep -q bed.probe /proc/cmdline; then exec $b reboot -f; fi
$b umount /proc
if [ -e /modules ]; then
	while read -r m; do $b insmod "/$m"; done </modules
fi
until [ -b /dev/vda ]; do $b sleep 0.05; done
$b mount -t ext4 -o noatime /dev/vda /root || exec $b sh
$b umount /dev
exec $b switch_root /root /bin/busybox sh /usr/lib/bed/vm-init.sh
