# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the bed needs from the machine: one line per tool, "command package".

DEPS_NS='
flock util-linux
unshare util-linux
setpriv util-linux
ip iproute2
jq jq
make make
mmdebstrap mmdebstrap
gpgv gpgv
socat socat
curl curl
'
DEPS_VM='
qemu-system-x86_64 qemu-system-x86
mke2fs e2fsprogs
gcc gcc
busybox busybox-static
cpio cpio
dpkg-deb dpkg
zstd zstd
xz xz-utils
'
readonly DEPS_NS DEPS_VM

# deps_missing LIST: "command package" of what is not there
deps_missing() {
	local cmd pkg
	while read -r cmd pkg; do
		[ -n "$cmd" ] || continue
		command -v "$cmd" >/dev/null || PATH=$PATH:/usr/sbin:/sbin command -v "$cmd" >/dev/null ||
			printf '%s %s\n' "$cmd" "$pkg"
	done <<<"$1"
	if [[ $1 == *qemu* ]]; then
		# Debian 12 has it in a package that qemu brings along, and none of this name
		! command -v qemu-system-x86_64 >/dev/null || vm_virtiofsd >/dev/null || echo 'virtiofsd virtiofsd'
		compgen -G '/usr/lib/*/libc.a' >/dev/null || echo 'libc.a libc6-dev'
	fi
	keyring >/dev/null 2>&1 || echo 'debian-archive-keyring.gpg debian-archive-keyring'
}

deps_need() {
	local missing cmd pkg
	missing=$(deps_missing "$1")
	[ -n "$missing" ] || return 0
	while read -r cmd pkg; do
		say "$cmd is missing: apt-get install $pkg"
	done <<<"$missing"
	exit 1
}

need_root() { [ "$EUID" -eq 0 ] || die "nodes are made of namespaces: run as root"; }

cmd_deps() {
	local list=$DEPS_NS install=''
	while [ $# -gt 0 ]; do
		case $1 in
		--install) install=1 ;;
		--vm) list+=$DEPS_VM ;;
		*) die_usage "deps: unknown argument '$1'" ;;
		esac
		shift
	done
	if [ -z "$install" ]; then
		deps_need "$list"
		return
	fi
	deps_install "$list"
	# what shows only when the first are there
	deps_install "$list"
	deps_need "$list"
}

deps_install() { # LIST
	local pkgs
	pkgs=$(deps_missing "$1" | cut -d' ' -f2 | sort -u)
	[ -n "$pkgs" ] || return 0
	need_root
	# others may be installing just now: wait for the lock instead of failing
	apt-get -q -q -o DPkg::Lock::Timeout=600 update
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive apt-get -y -q --no-install-recommends \
		-o DPkg::Lock::Timeout=600 install $pkgs
}
