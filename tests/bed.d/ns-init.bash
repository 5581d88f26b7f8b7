#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# First process of an ns node. It starts in fresh namespaces with the machine's root still in
# place, makes the node's root, moves there and becomes a reaper of orphans.
# ns-init.bash NAME USERLAND DISK TOP SHARE READY

set -eu
name=$1 userland=$2 disk=$3 top=$4 share=$5 ready=$6
root=$disk/root
read -r host_pid _ </proc/self/stat # the machine's /proc: our pid as the machine sees it

mount_root() {
	mount -t overlay bed -o "lowerdir=$userland,upperdir=$disk/upper,workdir=$disk/work" "$root"
	# Where vz keeps VEs is no overlay: upper layers and id-mapped mounts want a real file system.
	mount --bind "$disk/vz" "$root/vz"
	mount --bind "$disk/etc-vz" "$root/etc/vz"
	mount --bind "$disk/lib-vz" "$root/var/lib/vz"
	mount --bind "$disk/tmp" "$root/var/tmp"
	mount --bind "$share" "$root/cache"
	mount --bind "$top" "$root/src"
	mount -o remount,bind,ro "$root/src"
}

# Nothing may be mounted over parts of /proc and /sys: VEs are only allowed to mount their own
# while these are seen whole.
mount_kernel() {
	mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
	mount -t sysfs -o nosuid,nodev,noexec sysfs "$root/sys"
	mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
	mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs "$root/run"
	mount -t tmpfs -o nosuid,nodev tmpfs "$root/tmp"
	mkdir -m 1777 "$root/run/lock"
}

mount_dev() {
	local dev=$root/dev n
	mount -t tmpfs -o nosuid,mode=755 dev "$dev"
	mkdir "$dev/pts" "$dev/net" "$dev/mapper"
	mkdir -m 1777 "$dev/shm" "$dev/mqueue"
	mount -t devpts -o nosuid,noexec,newinstance,ptmxmode=666,mode=620,gid=5 devpts "$dev/pts"
	mount -t tmpfs -o nosuid,nodev tmpfs "$dev/shm"
	mount -t mqueue -o nosuid,nodev,noexec mqueue "$dev/mqueue"
	ln -s pts/ptmx "$dev/ptmx"
	ln -s /proc/self/fd "$dev/fd"
	for n in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${n%:*}" "$dev/${n#*:}"; done
	for n in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0 net/tun:10:200 fuse:10:229; do
		mk_dev c 666 "$n"
	done
	for n in console:5:1 kmsg:1:11 loop-control:10:237 userfaultfd:10:"$(misc_minor userfaultfd)"; do
		mk_dev c 600 "$n"
	done
	for n in {0..31}; do mk_dev b 660 "loop$n:7:$n"; done
}

misc_minor() { awk -v d="$1" '$2 == d { print $1 }' /proc/misc; }

mk_dev() { # c|b MODE PATH:MAJOR:MINOR
	local path major minor
	IFS=: read -r path major minor <<<"$3"
	[ -z "$minor" ] || mknod -m "$2" "$root/dev/$path" "$1" "$major" "$minor"
}

mount_root
mount_kernel
mount_dev
echo "$name" >/proc/sys/kernel/hostname
echo "$name" >"$root/etc/hostname"
cp "${BASH_SOURCE[0]%/*}/reaper.bash" "$root/run/bed-init"

exec 7>"$ready"
cd "$root"
pivot_root . .
umount -l .
cd /
# The pipe tells `bed up` that all is done; it is closed before anything else starts.
echo "$host_pid" >&7
exec 7>&-
exec setsid /bin/bash /run/bed-init </dev/null >/run/bed-init.log 2>&1
