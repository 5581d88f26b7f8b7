# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# vm nodes: the userland as a QEMU machine with Debian's cloud kernel.
#
# The machine type is microvm with a PCI bus: it starts fastest, and the cloud kernel has the
# drivers for virtio over PCI built in. Commands go through virtio-serial ports (agent.c).

VM_KERNEL_PACKAGE=linux-image-cloud-amd64
VM_VERSION=1 # count up when the code below makes something else of the same files
VM_PORTS=16 # commands that may run at the same time
readonly VM_KERNEL_PACKAGE VM_VERSION VM_PORTS

# --- what is booted ----------------------------------------------------------------------

# A directory with vmlinuz, release and modules/. The package is the newest of the suite when
# it is first wanted; "version" tells which that was.
vm_kernel() {
	if [ -n "${VZ_BED_KERNEL:-}" ]; then
		vm_kernel_given "$VZ_BED_KERNEL"
		return
	fi
	cache_get vm_kernel_make "$CACHE/kernel/$SUITE-$VM_KERNEL_PACKAGE"
}

vm_kernel_patched() { "$TOP/kernel-patches/build" || die "the patched kernel does not build: no node was brought up"; }

vm_kernel_given() {
	local path hash
	path=$(readlink -e "$1") || die "VZ_BED_KERNEL: there is no $1"
	if [ -f "$path" ]; then
		hash=$(sha256sum <"$path")
		hash=$CACHE/kernel/given-${hash:0:16}
		mkdir -p "$hash"
		cp "$path" "$hash/vmlinuz"
		path=$hash
	fi
	printf '%s\n' "$path"
}

vm_kernel_make() {
	local path=$1 tmp=$CACHE/kernel/tmp real log
	say "fetching Debian's kernel ($VM_KERNEL_PACKAGE)"
	rm -rf "$tmp"
	mkdir -p "$tmp/out"
	log=$tmp/log
	archive_download "$tmp" "$VM_KERNEL_PACKAGE" 2>"$log" || vm_failed "$log"
	real=$(dpkg-deb -f "$tmp/$VM_KERNEL_PACKAGE"_*.deb Depends | cut -d' ' -f1)
	archive_download "$tmp" "$real" 2>"$log" || vm_failed "$log"
	dpkg-deb -x "$tmp/$real"_*.deb "$tmp/x"
	dpkg-deb -f "$tmp/$real"_*.deb Version >"$tmp/out/version"
	echo "${real#linux-image-}" >"$tmp/out/release"
	mv "$tmp"/x/boot/vmlinuz-* "$tmp/out/vmlinuz"
	mv "$tmp"/x/boot/config-* "$tmp/out/config"
	mv "$tmp"/x/usr/lib/modules/* "$tmp/out/modules" 2>/dev/null ||
		mv "$tmp"/x/lib/modules/* "$tmp/out/modules"
	mv -T "$tmp/out" "$path"
	rm -rf "$tmp"
}

vm_failed() {
	tail -n 15 "$1" >&2
	die "that failed; its log is $1"
}

# A directory with root.img, initrd and agent for this userland, kernel and code.
vm_image() {
	local userland=$1 kernel=$2 hash
	hash=$({
		echo "$VM_VERSION" "$userland"
		[ ! -d "$kernel/modules" ] || cat "$kernel/release" "$kernel/vmlinuz"
		cat "$BED_LIB"/{vm-image.bash,vm-init.sh,vm-initrd.sh,node-net.sh} "$BED_LIB"/agent*.[ch]
	} | sha256sum)
	cache_get vm_image_make "$CACHE/vm/${hash:0:16}" "$userland" "$kernel"
}

vm_image_make() {
	local path=$1 userland=$2 kernel=$3 tmp=$CACHE/vm/tmp
	say "making the disk of vm nodes"
	rm -rf "$tmp"
	mkdir -p "$tmp"
	unshare --mount --propagation private \
		bash "$BED_LIB/vm-image.bash" "$userland" "$kernel" "$tmp" >"$tmp/log" 2>&1 ||
		vm_failed "$tmp/log"
	mv -T "$tmp" "$path"
}

# --- KVM or not --------------------------------------------------------------------------

# /dev/kvm may be there and its guests hang nevertheless: believe only a guest that spoke.
# The answer holds until the machine is booted again.
vm_accel() {
	local kernel=$1 image=$2 file
	if [ -n "${VZ_BED_ACCEL:-}" ]; then
		echo "$VZ_BED_ACCEL"
		return
	fi
	file=$CACHE/vm/accel.$(cat /proc/sys/kernel/random/boot_id)
	[ -e "$file" ] || locked "$CACHE/vm/probe.lock" vm_probe "$file" "$kernel" "$image"
	cat "$file"
}

vm_probe() {
	local file=$1 kernel=$2 image=$3 answer=tcg
	[ ! -e "$file" ] || return 0
	rm -f "$CACHE"/vm/accel.*
	if [ -w /dev/kvm ] && vm_probe_boots "$kernel" "$image"; then answer=kvm; fi
	echo "$answer" >"$file.tmp"
	mv "$file.tmp" "$file"
}

vm_probe_boots() {
	local args
	say "trying whether KVM runs a guest (at most 15 s, once per boot of this machine)"
	mapfile -t args < <(vm_machine_args kvm)
	timeout -k 2 15 qemu-system-x86_64 "${args[@]}" -m 256M -kernel "$1/vmlinuz" -initrd "$2/initrd" \
		-append "console=ttyS0 panic=-1 bed.probe" -display none -nodefaults -no-reboot -serial stdio \
		</dev/null 2>/dev/null | grep 'bed: initrd runs' >/dev/null
}

# --- QEMU --------------------------------------------------------------------------------

# Under TCG a plain old model: newer ones make glibc choose code that is slow to emulate. And
# without cmpxchg16b: QEMU 7.2 damages the flags in it now and then, and the kernel's allocator,
# which uses it where it is there, panics.
vm_machine_args() {
	case $1 in
	kvm) printf '%s\n' -M microvm,pcie=on -accel kvm -cpu "${VZ_BED_CPU:-host}" ;;
	tcg) printf '%s\n' -M microvm,pcie=on -accel tcg,thread=multi,tb-size=256 -cpu "${VZ_BED_CPU:-Nehalem,-cx16}" ;;
	*) die "VZ_BED_ACCEL is kvm or tcg, not '$1'" ;;
	esac
}

# One CPU under TCG for a kernel that patches itself (static keys: a ping is enough): with two, QEMU 7.2
# lets one run code that the other has just replaced, and it dies of an int3 it knows nothing of.
vm_cpus() { # ACCEL KERNEL-DIR
	if [ "$1" = kvm ] || grep -qsx '# CONFIG_JUMP_LABEL is not set' "$2/config"; then echo 2; else echo 1; fi
}

# Under TCG more than half of the boots would hang while the kernel measures its clocks, so it
# is told; and on a busy machine it would come to distrust the TSC and count ticks instead.
vm_clock_args() {
	local khz
	[ "$1" = tcg ] || return 0
	khz=$(awk -F: '/^cpu MHz/ { printf "%d", $2 * 1000; exit }' /proc/cpuinfo)
	[ -z "$khz" ] || echo "tsc=reliable tsc_early_khz=$khz lpj=$((khz * 10))"
}

vm_virtiofsd() {
	local f
	for f in /usr/libexec/virtiofsd /usr/lib/qemu/virtiofsd; do
		[ ! -x "$f" ] || { echo "$f" && return; }
	done
	return 1
}

vm_up() {
	local name=$1 userland=$2 kernel image accel dir disk
	dir=$(node_dir "$name")
	disk=$(node_disk "$name")
	kernel=$(vm_kernel)
	image=$(vm_image "$userland" "$kernel")
	accel=$(vm_accel "$kernel" "$image")
	ln -s "$image/agent" "$dir/agent"
	echo "$accel" >"$dir/accel"
	printf '%s\n' "$kernel" "$image" >"$dir/boots"
	vm_disk "$disk/vz.img"
	vm_boot "$name"
}

# The machine as vm_up made it, from power on to its prompt.
vm_boot() {
	local name=$1 dir boots
	dir=$(node_dir "$name")
	mapfile -t boots <"$dir/boots"
	rm -f "$dir/share" "$dir"/port*
	vm_share "$name"
	vm_tap "$name"
	vm_start "$name" "${boots[@]}" "$(<"$dir/accel")"
	# The call waits in the port until the guest's agent takes it: that is the prompt.
	timeout 120 "$dir/agent" call "$dir" "$dir/env" true </dev/null 9>&- &
	if ! wait $! || ! vm_runs "$name"; then
		tail -n 20 "$dir/console" "$dir/log" >&2
		die "node '$name' does not come up"
	fi
}

# What was not on the disk yet is lost. The root file system is the image's again.
vm_reboot() {
	local pid
	if pid=$(proc_recorded "$(node_dir "$1")/pid"); then
		kill -KILL "$pid"
		wait_until 30 vm_ended "$1" || die "QEMU of node '$1' does not end"
	fi
	cg_end "$(node_cg "$1")"
	cg_make "$(node_cg "$1")"
	vm_boot "$1"
}

vm_ended() { ! vm_runs "$1"; }

vm_runs() { proc_recorded "$(node_dir "$1")/pid" >/dev/null; }

vm_disk() {
	truncate -s "${VZ_BED_DISK:-8G}" "$1"
	mke2fs -q -t ext4 -O quota,project -L bed-vz -E lazy_itable_init=1,lazy_journal_init=1 "$1"
}

vm_share() {
	local name=$1 dir
	dir=$(node_dir "$name")
	mkdir -p "$(node_disk "$name")/share"
	spawn "$(node_cg "$name")" "$dir/log" unshare --mount --propagation private \
		bash "$BED_LIB/vm-share.bash" "$(vm_virtiofsd)" "$dir/share" "$(node_disk "$name")/share" "$TOP" "$SHARE"
	wait_until 10 test -S "$dir/share" || die "virtiofsd does not start: $(cat "$dir/log")"
}

vm_tap() {
	local num
	num=$(node_num "$1")
	in_net ip link delete "node$num" 2>/dev/null || true
	in_net ip tuntap add "node$num" mode tap
	in_net ip link set "node$num" master br0 up
}

vm_start() {
	local name=$1 kernel=$2 image=$3 accel=$4 dir disk num n args=() append holder mem=${VZ_BED_MEM:-1536M}
	dir=$(node_dir "$name")
	disk=$(node_disk "$name")
	num=$(node_num "$name")
	holder=$(net_holder)
	append="console=ttyS0 quiet panic=-1 no_timer_check mitigations=off $(vm_clock_args "$accel")"
	append+=" bed.name=$name bed.net=$(net_addr "$num"),$(net_addr6 "$num"),$NET_GW,$NET_GW6"
	mapfile -t args < <(vm_machine_args "$accel")
	# shellcheck disable=SC2054 # the commas are QEMU's
	args+=(-nodefaults -display none -no-reboot -smp "${VZ_BED_CPUS:-$(vm_cpus "$accel" "$kernel")}" -m "$mem"
		-kernel "$kernel/vmlinuz" -initrd "$image/initrd" -append "$append"
		-serial "file:$dir/console"
		-object "memory-backend-memfd,id=mem,size=$mem,share=on" -numa node,memdev=mem
		-drive "if=none,id=root,file=$image/root.img,format=raw,snapshot=on" -device virtio-blk-pci,drive=root
		-drive "if=none,id=vz,file=$disk/vz.img,format=raw,cache=unsafe,discard=unmap" -device virtio-blk-pci,drive=vz
		-device virtio-rng-pci
		-netdev "tap,id=net,ifname=node$num,script=no,downscript=no"
		-device "virtio-net-pci,netdev=net,mac=52:54:00:be:d0:$(printf %02x "$num")"
		-chardev "socket,id=share,path=$dir/share" -device vhost-user-fs-pci,chardev=share,tag=bed
		-device "virtio-serial-pci,max_ports=$((VM_PORTS + 1))")
	for ((n = 1; n <= VM_PORTS; n++)); do
		args+=(-chardev "socket,id=port$n,path=$dir/port$n,server=on,wait=off"
			-device "virtserialport,chardev=port$n,name=bed.$n")
	done
	spawn "$(node_cg "$name")" "$dir/log" env "TMPDIR=$disk" \
		nsenter --net="/proc/$holder/ns/net" qemu-system-x86_64 "${args[@]}"
	proc_record "$dir/pid" $!
	wait_until 10 test -S "$dir/port$VM_PORTS" || die "QEMU does not start: $(tail -n 5 "$dir/log")"
}

vm_exec() {
	local dir tty=()
	dir=$(node_dir "$1")
	shift
	[ -z "${BED_TTY:-}" ] || tty=(-t)
	exec "$dir/agent" call "${tty[@]}" "$dir" "$dir/env" "$@"
}
