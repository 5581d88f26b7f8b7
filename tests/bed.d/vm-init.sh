# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# First program from the disk of a vm node, run by busybox's shell (static, so starting it is
# cheap where a fork costs tens of milliseconds). Makes the system's mounts, then becomes the
# agent, which is pid 1 from then on. From the kernel's command line:
#   bed.name=NAME bed.net=ADDR,ADDR6,GATEWAY,GATEWAY6

export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
b=busybox

mount_kernel() {
	$b mount -t proc -o nosuid,nodev,noexec proc /proc
	$b mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
	$b mount -t devtmpfs -o nosuid,mode=755 dev /dev
	$b mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs /run
	$b mount -t tmpfs -o nosuid,nodev tmpfs /tmp
	$b mkdir -p /dev/pts /dev/shm /dev/mqueue /run/lock
	$b mount -t devpts -o nosuid,noexec,ptmxmode=666,mode=620,gid=5 devpts /dev/pts
	$b mount -t tmpfs -o nosuid,nodev tmpfs /dev/shm
	$b mount -t mqueue -o nosuid,nodev,noexec mqueue /dev/mqueue
	$b ln -sf /proc/self/fd /dev/fd
	$b ln -sf pts/ptmx /dev/ptmx
	$b chmod 1777 /dev/shm /dev/mqueue /run/lock
}

# Every controller, and the node's own processes in a leaf, as in an ns node.
mount_cgroup() {
	local c
	$b mount -t cgroup2 -o nosuid,nodev,noexec,nsdelegate,memory_recursiveprot cgroup2 /sys/fs/cgroup
	for c in $($b cat /sys/fs/cgroup/cgroup.controllers); do
		echo "+$c" >/sys/fs/cgroup/cgroup.subtree_control
	done
	$b mkdir /sys/fs/cgroup/init
	echo 1 >/sys/fs/cgroup/init/cgroup.procs
}

mount_disks() {
	local d
	$b mount -t ext4 -o noatime,prjquota /dev/vdb /vz
	# what outlives the machine's end; the root file system does not
	for d in etc/vz var/lib/vz var/lib/vzctl; do
		$b mkdir -p "/vz/.node/$d" "/$d"
		$b mount --bind "/vz/.node/$d" "/$d"
	done
	if $b mount -t virtiofs bed /media; then
		$b mount --bind /media/cache /cache
		$b mount --bind /media/src /src
		$b mount -o remount,bind,ro /src
		$b umount -l /media
	fi
}

argument() { # NAME: its value on the kernel's command line
	local w
	for w in $($b cat /proc/cmdline); do
		[ "${w%%=*}" != "$1" ] || echo "${w#*=}"
	done
}

network() {
	until [ -e /sys/class/net/eth0 ]; do $b sleep 0.05; done
	# busybox's shell would take its own `ip`, which knows less
	# shellcheck disable=SC2046 # four words are wanted
	/bin/sh -eu /usr/lib/bed/node-net.sh $(argument bed.net | $b tr , ' ')
}

mount_kernel
mount_cgroup
# The rest is loaded by the kernel when it is asked for; for these nobody asks.
$b modprobe -a virtio_rng virtio_net tun loop 2>/dev/null
mount_disks
argument bed.name >/proc/sys/kernel/hostname
argument bed.name >/etc/hostname
network
echo "bed: up after $($b cut -d' ' -f1 /proc/uptime) s"
exec /usr/lib/bed/agent serve </dev/null
