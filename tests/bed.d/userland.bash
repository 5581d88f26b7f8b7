# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The userland of all nodes, and those that things are built in: made once from Debian's archive,
# kept under the hash of their recipe, never written to again. Another recipe is another
# directory, so beds of different branches of the tree live side by side.

USERLAND_PACKAGES=(
	# what vz links to and calls
	libcap2 libmnl0 libnftnl11 libseccomp2 libsodium23 libprotobuf-c1 libarchive13t64 libzstd1 criu crun
	iproute2 nftables kmod e2fsprogs acl attr xz-utils zstd openssh-client busybox-static
	# what tests look with
	bats jq strace curl socat procps psmisc util-linux libcap2-bin iputils-ping python3-minimal
)
# Things nobody reads in a test bed. perl's and python's own data stay whole.
USERLAND_EXCLUDE=(
	'/usr/share/man/*' '/usr/share/locale/*' '/usr/share/doc/*' '/usr/share/info/*'
)
USERLAND_VERSION=1 # count up when the code below makes something else of the same list
readonly USERLAND_PACKAGES USERLAND_EXCLUDE USERLAND_VERSION

userland_path() {
	local hash
	# shellcheck disable=SC2153 # of archive.bash
	hash=$(printf '%s\n' "$USERLAND_VERSION" "$SUITE" "${USERLAND_PACKAGES[@]}" "${USERLAND_EXCLUDE[@]}" | sha256sum)
	printf '%s/userland/%s-%s\n' "$CACHE" "$SUITE" "${hash:0:16}"
}

# Prints the userland's path; makes it if it is not there.
userland_get() {
	local path
	if [ -n "${VZ_BED_USERLAND:-}" ]; then # somebody made one of his own: tests/criu-zdtm
		echo "$VZ_BED_USERLAND"
		return
	fi
	path=$(userland_path)
	[ -d "$path" ] || deps_need "$DEPS_NS"
	cache_get userland_make "$path"
}

userland_make() {
	say "making the userland (once, half a minute)"
	userland_new "$1" userland_finish "$SUITE" "${USERLAND_PACKAGES[@]}"
}

# userland_build FINISH SUITE PACKAGE...: prints the path of a userland that has what some build
# needs; FINISH is a function that gets its path when it is new, or "true".
userland_build() {
	local hash path
	hash=$(printf '%s\n' "${@:2}" "${USERLAND_EXCLUDE[@]}" "$(declare -f "$1")" | sha256sum)
	path=$CACHE/userland/build-$2-${hash:0:16}
	[ -d "$path" ] || deps_need "$DEPS_NS"
	cache_get userland_build_make "$path" "$@"
}

userland_build_make() {
	say "making a userland to build in (once, a minute)"
	userland_new "$@"
}

# userland_new PATH FINISH SUITE PACKAGE...
userland_new() {
	local path=$1 finish=$2 tmp uri
	uri=$(archive_need)
	rm -rf "$CACHE"/userland/tmp.* # we hold the lock: these are from killed runs
	tmp=$CACHE/userland/tmp.$$
	mkdir -p "$tmp"
	say "Debian $3 from $uri"
	if ! userland_bootstrap "$tmp/root" "$uri" "${@:3}" >"$tmp/log" 2>&1; then
		tail -n 15 "$tmp/log" >&2
		die "mmdebstrap failed; its log is $tmp/log"
	fi
	"$finish" "$tmp/root"
	mv -T "$tmp/root" "$path"
	rm -rf "$tmp"
}

# userland_bootstrap ROOT URI SUITE PACKAGE...
# Own mount and pid namespaces: a killed run leaves neither mounts nor processes.
userland_bootstrap() {
	local root=$1 uri=$2 suite=$3 opts=() x
	shift 3
	for x in "${USERLAND_EXCLUDE[@]}"; do opts+=("--dpkgopt=path-exclude=$x"); done
	while read -r x; do opts+=("--aptopt=${x%;}"); done < <(archive_aptopts)
	unshare --mount --propagation private --pid --fork --mount-proc --kill-child=KILL \
		mmdebstrap --mode=root --variant=minbase --format=directory "${opts[@]}" \
		--include="$(IFS=,; echo "$*")" \
		"$suite" "$root" "deb [signed-by=$(keyring)] $uri $suite main"
}

# Mount points and files that every node wants, so that a node's own layer starts empty.
userland_finish() {
	local root=$1
	mkdir -p "$root"/{vz,src,cache,etc/vz,var/lib/vz,old}
	rmdir "$root/old"
	: >"$root/etc/resolv.conf"
	: >"$root/etc/machine-id"
	rm -f "$root"/var/lib/apt/lists/*_* "$root"/etc/hostname
}

cmd_userland() {
	[ $# -eq 0 ] || die_usage "userland takes no argument"
	need_root
	userland_get
}
