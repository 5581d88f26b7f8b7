#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Makes what a vm node boots: root.img and initrd. Runs in a mount namespace of its own, in
# which the userland with the kernel's modules over it is one tree.
# vm-image.bash USERLAND KERNEL OUT

set -eu
userland=$1 kernel=$2 out=$3
lib=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
release=$(cat "$kernel/release" 2>/dev/null || true) # a kernel without modules has none
tree=$out/tree

# modules the root file system cannot be mounted without; none if they are built in
root_modules() {
	[ -n "$release" ] || return 0
	chroot "$tree" modprobe -S "$release" --show-depends -a virtio_pci virtio_blk ext4 2>/dev/null |
		sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++'
}

make_tree() {
	mkdir -p "$tree" "$out/upper" "$out/work"
	mount -t overlay bed -o "lowerdir=$userland,upperdir=$out/upper,workdir=$out/work" "$tree"
	[ -z "$release" ] || add_modules
	mkdir -p "$tree/usr/lib/bed"
	gcc -O2 -static -D_GNU_SOURCE -o "$tree/usr/lib/bed/agent" "$lib"/agent*.c
	cp "$lib/vm-init.sh" "$lib/node-net.sh" "$tree/usr/lib/bed/"
	cp "$tree/usr/lib/bed/agent" "$out/agent"
}

# Unpacked, as unpacking a module takes the emulated machine longer than reading it.
add_modules() {
	mkdir -p "$tree/usr/lib/modules"
	cp -a "$kernel/modules" "$tree/usr/lib/modules/$release"
	find "$tree/usr/lib/modules" -name '*.ko.xz' -exec xz -d {} +
	find "$tree/usr/lib/modules" -name '*.ko.zst' -exec zstd -q -d --rm {} +
	chroot "$tree" depmod "$release"
}

make_initrd() {
	local dir=$out/initrd.d m
	mkdir -p "$dir"/{bin,dev,proc,root}
	cp "$tree/bin/busybox" "$dir/bin/busybox"
	for m in $(root_modules); do
		cp "$tree/$m" "$dir/"
		echo "${m##*/}" >>"$dir/modules"
	done
	cp "$lib/vm-initrd.sh" "$dir/init"
	chmod 755 "$dir/init"
	(cd "$dir" && find . | cpio --quiet -o -H newc) >"$out/initrd"
}

make_root() {
	truncate -s 4G "$out/root.img"
	mke2fs -q -t ext4 -L bed-root -E root_owner=0:0 -d "$tree" "$out/root.img"
}

make_tree
make_initrd
make_root
umount "$tree"
rm -rf "$tree" "$out/upper" "$out/work" "$out/initrd.d"
