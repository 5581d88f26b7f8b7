# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the kernel tools share: where things are, the series, the patched tree, a build of it.
# Everything big lives in $VZ_CACHE/kernel; the tree here is only read.

KP=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
TOP=${KP%/*}
LINE=6.12 # the kernel line that the series is for
WORK=${VZ_CACHE:-/var/cache/vz}/kernel
PACKAGE=linux-source-$LINE
SUITES=${VZ_KERNEL_SUITES:-trixie}
JOBS=${VZ_KERNEL_JOBS:-$(nproc)}
# format-patch's words: export(import(x)) is x, byte by byte
EXPORT=(--zero-commit --no-signature --full-index --no-numbered --diff-algorithm=myers
	--no-stat --no-renames --filename-max-length=80)
# shellcheck disable=SC2034 # used in other files
readonly KP TOP LINE WORK PACKAGE SUITES JOBS EXPORT

say() { printf 'kernel: %s\n' "$*" >&2; }
die() {
	say "$*"
	exit 1
}

# Objects depend on content only: neither time, user, host nor directory is in them, so ccache
# knows them again in any tree that has its build directory directly beneath it.
export CCACHE_DIR=${CCACHE_DIR:-${VZ_CACHE:-/var/cache/vz}/ccache} CCACHE_MAXSIZE=8G CCACHE_NOHASHDIR=1 \
	CCACHE_SLOPPINESS=time_macros \
	KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 1970' KBUILD_BUILD_USER=vz KBUILD_BUILD_HOST=vz \
	KBUILD_BUILD_VERSION=1 LOCALVERSION='' GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null

# --- the series ---

series() { sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$KP/$LINE/series"; }

# Paths that the series, or its patches given, touches.
series_paths() {
	local p
	for p in "$@"; do
		sed -n -e 's|^+++ b/||p' -e 's|^--- a/||p' "$KP/$LINE/$p"
	done | sort -u
}

# --- source ---

# The package's file; the newest of the suite when first wanted, or with VZ_KERNEL_UPDATE=1.
source_deb() {
	local deb
	deb=$(find "$WORK/source" -name "${PACKAGE}_*.deb" 2>/dev/null | sort -V | tail -n 1)
	if [ -z "$deb" ] || [ -n "${VZ_KERNEL_UPDATE:-}" ]; then
		say "fetching $PACKAGE of $SUITES"
		deb=$("$TOP/tests/build/fetch-source" --deb "$PACKAGE" "$SUITES" "$WORK/source") ||
			die "$PACKAGE cannot be fetched"
	fi
	printf '%s\n' "$deb"
}

source_version() { dpkg-deb -f "$(source_deb)" Version; }

# The unpacked tree of the source: $WORK/tree-VERSION.
tree_dir() {
	local deb tree tmp
	deb=$(source_deb)
	tree=$WORK/tree-$(dpkg-deb -f "$deb" Version)
	if [ ! -d "$tree" ]; then
		say "unpacking ${deb##*/}"
		tmp=$WORK/unpack
		rm -rf "$tmp"
		mkdir -p "$tmp"
		dpkg-deb --fsys-tarfile "$deb" | tar -C "$tmp" -x --wildcards --strip-components=3 '*.tar.xz'
		tar -C "$tmp" -xf "$tmp/$PACKAGE.tar.xz"
		mv -T "$tmp/$PACKAGE" "$tree"
		rm -rf "$tmp"
	fi
	printf '%s\n' "$tree"
}

tree_git() { git -C "$tree" -c user.name=vz -c user.email=vz@localhost -c gc.auto=0 -c core.fileMode=false "$@"; }

# tree_base PATCH...: the tree as Debian has it. git knows only the files that the patches touch:
# adding all 86000 would take longer than a build.
tree_base() {
	local path new=()
	if [ ! -d "$tree/.git" ]; then
		tree_git init -q
		tree_git commit -q --allow-empty -m empty
		tree_git tag base
	fi
	rm -rf "$tree/.git/rebase-apply"
	tree_git checkout -q -f --detach base
	while read -r path; do
		[ ! -f "$tree/$path" ] || tree_git ls-files --error-unmatch -- "$path" >/dev/null 2>&1 || new+=("$path")
	done < <(series_paths "$@")
	if [ ${#new[@]} -gt 0 ]; then
		tree_git add -f -- "${new[@]}"
		tree_git commit -q -m "$PACKAGE $(source_version)"
		tree_git tag -f base >/dev/null
	fi
}

# tree_apply PATCH...: the tree with these. git am takes no fuzz. A file that is as it was keeps its time, so that
# make builds what really changed.
tree_apply() {
	local paths was time hash path
	mapfile -t paths < <(tree_git ls-files 2>/dev/null)
	was=$(cd "$tree" && for path in "${paths[@]}"; do
		[ ! -f "$path" ] || printf '%s %s\n' "$(stat -c %Y "$path")" "$(sha256sum "$path")"
	done)
	tree_base "$@"
	[ $# -eq 0 ] || (cd "$KP/$LINE" && tree_git am -q --committer-date-is-author-date "${@/#/$PWD/}") ||
		die "the series does not apply to $PACKAGE $(source_version); its state is in $tree"
	while read -r time hash path; do
		[ ! -f "$tree/$path" ] || [ "$(sha256sum <"$tree/$path")" != "$hash  -" ] ||
			touch -d "@$time" "$tree/$path"
	done <<<"$was"
}

# --- configuration and build ---

# make's words of whoever calls us are about another makefile
kmake() { env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL nice -n 5 make -s -C "$tree" CC='ccache gcc' HOSTCC='ccache gcc' "-j$JOBS" "$@"; }

# configure O FRAGMENT...: what is not wanted is off, and what is wanted must come of it.
configure() {
	local o=$1
	shift
	mkdir -p "$tree/$o"
	cat "$@" >"$tree/$o/wanted"
	kmake "O=$o" KCONFIG_ALLCONFIG="$tree/$o/wanted" allnoconfig >&2
	config_compare "$tree/$o/wanted" "$tree/$o/.config" >&2 ||
		die "wanted and resulting configuration differ: see above"
}

# config_compare WANTED RESULT: says what of WANTED did not come of it. The last of two lines counts.
config_compare() {
	awk '
		function symbol(line) { sub(/^# /, "", line); sub(/[= ].*/, "", line); return line }
		!/^(# )?CONFIG_[A-Z0-9_a-z]+(=| is not set)/ { next }
		FNR == NR { want[symbol($0)] = /^#/ || /=n$/ ? "n" : substr($0, index($0, "=") + 1); next }
		{ have[symbol($0)] = /^#/ ? "n" : substr($0, index($0, "=") + 1) }
		END {
			for (s in want)
				if (want[s] != (s in have ? have[s] : "n")) {
					printf "%s: wanted %s, is %s\n", s, want[s], s in have ? have[s] : "n"
					bad = 1
				}
			exit bad
		}' "$1" "$2"
}

# config_known FILE...: the lines of FILEs, but for options of the series that the tree does not have (yet).
config_known() {
	local line known
	known=$(grep -rhoE --include='Kconfig*' '^(menu)?config (VE|BC)[A-Z0-9_]*' "$tree"/{init,kernel,mm,fs,net} |
		sed 's/.* /CONFIG_/')
	cat "$@" | while read -r line; do
		case $line in
		CONFIG_VE* | CONFIG_BC*) ! grep -qx "${line%%=*}" <<<"$known" || echo "$line" ;;
		*) echo "$line" ;;
		esac
	done
}

# fragments NAME: the files of a configuration: NAME is FRAGMENT[+FRAGMENT...] of configs/
fragments() {
	local f
	for f in ${1//+/ }; do
		[ -f "$KP/configs/$f.config" ] || die "there is no configs/$f.config"
		printf '%s\n' "$KP/configs/$f.config"
	done
}
