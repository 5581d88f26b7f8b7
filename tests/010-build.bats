#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What the makefile promises to packagers: staged installation, its exact reverse, a usable library.
load lib/node

setup_file() {
	export STAGE=$BATS_FILE_TMPDIR/stage
	cd "$BATS_TEST_DIRNAME/.." || return 1
	O=$BATS_FILE_TMPDIR/build && export O
	make -s -j2 O="$O" DESTDIR="$STAGE" prefix=/usr install >"$BATS_FILE_TMPDIR/log" 2>&1 || {
		cat "$BATS_FILE_TMPDIR/log"
		return 1
	}
}
setup() { cd "$BATS_TEST_DIRNAME/.." || return 1; }

@test "install puts tools, library, headers, configuration and data where they belong" {
	local f
	for f in usr/sbin/vzctl usr/sbin/vzlist usr/lib/libvz.so.1 usr/lib/libvz.a usr/lib/pkgconfig/vz.pc \
		usr/include/vz/ve.h etc/vz/vz.conf etc/vz/conf/ve-basic.conf-sample usr/share/vz/templates/tiny/recipe; do
		assert_file "$STAGE/$f"
	done
	assert_eq "$(readlink "$STAGE/usr/lib/libvz.so")" libvz.so.1
}

@test "nothing outside DESTDIR's prefix and sysconfdir, nothing of the build machine's paths" {
	cmd 0 find "$STAGE" -mindepth 1 -maxdepth 1 ! -name usr ! -name etc
	assert_output ''
	cmd 1 grep -rlF "$STAGE" "$STAGE"
}

@test "a program builds against the installed library by pkg-config and runs" {
	printf '#include <vz/vz.h>\n#include <stdio.h>\nint main(void) { puts(vz_version()); return 0; }\n' >"$BATS_TEST_TMPDIR/p.c"
	export PKG_CONFIG_PATH=$STAGE/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$STAGE \
		PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
	local flags version
	read -ra flags < <(pkg-config --cflags --libs vz)
	cmd 0 cc -std=c99 -pedantic -Wall -Wextra -Werror -o "$BATS_TEST_TMPDIR/p" "$BATS_TEST_TMPDIR/p.c" "${flags[@]}"
	# a library built with a sanitizer (SAN=) wants its runtime first
	cmd 0 env LD_LIBRARY_PATH="$STAGE/usr/lib" LD_PRELOAD="${SAN:+$(cc -print-file-name=libasan.so)}" "$BATS_TEST_TMPDIR/p"
	version=$(sed -n 's/^VERSION := //p' Makefile)
	assert_output "$version"
	assert_eq "$(sed -n 's/^Version: //p' "$STAGE/usr/lib/pkgconfig/vz.pc")" "$version"
}

@test "a second install keeps edited configuration" {
	echo '# mine' >>"$STAGE/etc/vz/vz.conf"
	cmd 0 make -s O="$O" DESTDIR="$STAGE" prefix=/usr install
	cmd 0 tail -n 1 "$STAGE/etc/vz/vz.conf"
	assert_output '# mine'
}

@test "uninstall removes what install put, but not edited configuration nor what is not ours" {
	touch "$STAGE/etc/vz/conf/101.conf" "$STAGE/usr/sbin/other"
	cmd 0 make -s O="$O" DESTDIR="$STAGE" prefix=/usr uninstall
	cmd 0 bash -c "cd '$STAGE' && find . -type f -o -type l | sort"
	assert_output "$(printf '%s\n' ./etc/vz/conf/101.conf ./etc/vz/vz.conf ./usr/sbin/other)"
	cmd 0 find "$STAGE/usr" -path '*/vz*' -type d
	assert_output ''
}

@test "another prefix rebuilds only what knows of paths" {
	cmd 0 make O="$O" prefix=/opt/vz all
	local n
	n=$(grep -c '^  CC ' <<<"$output" || true)
	assert_num "$n" le 6 "objects compiled again"
}

@test "tools load no library they do not use, and none that is slow to load" {
	local lib
	for lib in $(readelf -d "$O/bin/vzlist" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p'); do
		case $lib in
		libc.so.* | libcap.so.* | libmnl.so.* | libnftnl.so.* | libseccomp.so.* | ld-linux*) ;;
		# sanitizers add their own, and keep what is unused
		*) [ -n "${SAN:-}" ] || assert_fail "vzlist loads $lib" ;;
		esac
	done
}

@test "the ABI is the committed one" {
	cmd 0 tests/build/abi "$O" check
}
