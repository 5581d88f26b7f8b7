#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# vztmpl on a node, and templates under VEs; the kinds of hostile archives are rows of unit/test_tm_hostile.c.
# shellcheck disable=SC2016 # what is in single quotes is expanded by another shell
load lib/node

setup() {
	requires root node
	T=/vz/template NAME=$(safename)
}
teardown() {
	node_teardown
	for t in $(vztmpl list | awk -v n="$(safename)" 'index($1, n) == 1 { print $1 }'); do vztmpl remove "$t"; done
	rm -rf "$T/cache/$NAME"*
}

# A small tree with a shell, as NAME.tar or piped through a compressor.
make_tree() {
	mkdir -p "$BATS_TEST_TMPDIR/tree"/{bin,sbin,etc,dev,proc,sys,run,tmp}
	cp /bin/busybox "$BATS_TEST_TMPDIR/tree/bin/"
	ln -sf busybox "$BATS_TEST_TMPDIR/tree/bin/sh"
	echo "${1:-one}" >"$BATS_TEST_TMPDIR/tree/etc/version"
}
pack() { tar -C "$BATS_TEST_TMPDIR/tree" -cf - .; }
digest() { vztmpl list --json | awk -v n="$1" -F'"' '$2 == "name" { hit = $4 == n } $2 == "digest" && hit { print $4 }'; }

@test "import takes every compression, list tells what it costs" {
	make_tree
	pack >"$BATS_TEST_TMPDIR/a.tar"
	local z
	for z in gzip xz zstd; do
		$z -c "$BATS_TEST_TMPDIR/a.tar" >"$BATS_TEST_TMPDIR/$z"
		cmd 0 vztmpl import "$BATS_TEST_TMPDIR/$z" "$NAME-$z"
		cmd 0 vztmpl verify "$NAME-$z"
	done
	assert_file "$T/cache/$NAME-gzip.tar.gz"
	assert_file "$T/cache/$NAME-xz.tar.xz"
	assert_file "$T/cache/$NAME-zstd.tar.zst"
	cmd 0 vztmpl list
	assert_match "$NAME-xz +[0-9.]+ +[0-9.]+ +0 sha256-"
	[ -n "$(digest "$NAME-xz")" ]
}

@test "a tarball dropped into the cache is a template" {
	make_tree
	pack >"$T/cache/$NAME.tar"
	vz create "$(ctid)" --ostemplate "$NAME"
	assert_match "Creating container private area \($NAME\)"
	[ "$(digest "$NAME")" ]
	cmd 91 vztmpl remove "$NAME"
	assert_match 'in use'
	vz destroy "$(ctid)"
	cmd 0 vztmpl remove "$NAME"
	[ ! -e "$T/cache/$NAME.tar" ]
}

@test "an unknown template has class 91 and a hint" {
	make_tree
	pack >"$T/cache/$NAME.tar"
	vz 91 create "$(ctid)" --ostemplate "${NAME}x"
	assert_match "nearest: $NAME"
	cmd 20 vztmpl lits
	assert_match 'did you mean list'
	cmd 91 vztmpl verify "${NAME}x"
	assert_match "nearest: $NAME"
	cmd 91 vztmpl remove "${NAME}x"
	assert_match "nearest: $NAME"
	cmd 91 vztmpl import /nonexistent.tar "$NAME"
	assert_match 'no archive'
}

@test "a new version leaves the old tree to those who stand on it" {
	make_tree one
	pack >"$BATS_TEST_TMPDIR/a.tar"
	cmd 0 vztmpl import "$BATS_TEST_TMPDIR/a.tar" "$NAME"
	local old
	old=$(digest "$NAME")
	vz create "$(ctid)" --ostemplate "$NAME"
	make_tree two
	pack >"$BATS_TEST_TMPDIR/a.tar"
	cmd 0 vztmpl import "$BATS_TEST_TMPDIR/a.tar" "$NAME"
	assert_eq "$(cat "$T/store/$old/fs/etc/version")" one
	vz destroy "$(ctid)"
	make_tree three
	pack >"$BATS_TEST_TMPDIR/a.tar"
	cmd 0 vztmpl import "$BATS_TEST_TMPDIR/a.tar" "$NAME"
	[ ! -e "$T/store/$old" ]
}

@test "an archive in the cache and no vztmpl to take it in: told as what it is" {
	make_tree
	pack >"$T/cache/$NAME.tar"
	cmd 91 unshare -m sh -c 'mount --bind /dev/null "$(command -v vztmpl)" && vzctl create "$@"' sh "$(ctid)" --ostemplate "$NAME"
	assert_match 'vztmpl cannot be run'
	ve_is "$(ctid)" "deleted unmounted down"
}

@test "progress is for terminals only" {
	make_tree
	pack >"$BATS_TEST_TMPDIR/a.tar"
	cmd 0 vztmpl import "$BATS_TEST_TMPDIR/a.tar" "$NAME"
	refute_match $'\r|MB'
	cmd 0 script -qec "vztmpl import '$BATS_TEST_TMPDIR/a.tar' '$NAME'" /dev/null
	assert_match 'Importing: [0-9.]+ of [0-9.]+ MB'
	cmd 0 vztmpl import --quiet "$BATS_TEST_TMPDIR/a.tar" "$NAME"
	assert_eq "$output" ""
}

@test "a hostile archive is refused by name and leaves nothing" {
	make_tree
	local before
	before=$(find "$T" | sort)
	tar -C "$BATS_TEST_TMPDIR/tree" -P --transform 's,^etc/version,../../../../canary,' -cf "$BATS_TEST_TMPDIR/evil.tar" etc/version
	cmd 48 vztmpl import "$BATS_TEST_TMPDIR/evil.tar" "$NAME"
	assert_match "refused.*canary.*'\.\.'"
	assert_eq "$(find "$T" | sort)" "$before"
	# dropped into the cache, too
	cp "$BATS_TEST_TMPDIR/evil.tar" "$T/cache/$NAME.tar"
	vz 48 create "$(ctid)" --ostemplate "$NAME"
	[ ! -e "/vz/private/$(ctid)" ]
}

@test "a decompression bomb is refused long before it fills the disk" {
	make_tree
	local before
	before=$(find "$T" | sort)
	truncate -s 300M "$BATS_TEST_TMPDIR/tree/zeros"
	pack | zstd -q >"$BATS_TEST_TMPDIR/bomb.tar.zst"
	cmd 48 timeout 60 vztmpl import "$BATS_TEST_TMPDIR/bomb.tar.zst" "$NAME"
	assert_match "too many times its size"
	assert_eq "$(find "$T" | sort)" "$before"
}

@test "edits follow no link of the VE's" {
	requires template-tiny
	local id
	id=$(ctid)
	echo untouched >/vz/canary
	vz create "$id" --ostemplate tiny
	vz start "$id"
	in_ve "$id" 'ln -sf /proc/1/root/vz/canary /etc/resolv.conf; ln -sf /vz/canary /etc/hostname; rm /etc/hosts; mkfifo /etc/hosts'
	vz set "$id" --nameserver 10.9.9.9 --hostname evil.example --save
	vz restart "$id"
	in_ve "$id" 'cat /etc/resolv.conf /etc/hostname'
	assert_match 'nameserver 10.9.9.9'
	assert_match 'evil.example'
	assert_eq "$(cat /vz/canary)" untouched
	rm /vz/canary
}

@test "every VE has a machine id and host keys of its own" {
	requires template-debian-13
	local k id
	for k in 0 1; do
		vz create "$(ctid $k)" --ostemplate debian-13
		vz start "$(ctid $k)"
	done
	for k in 0 1; do
		id=$(ctid $k)
		wait_until 60 ve_up "$id"
		vz exec "$id" 'cat /etc/machine-id; sha256sum </etc/ssh/ssh_host_ed25519_key'
		printf '%s\n' "${lines[@]}" >"$BATS_TEST_TMPDIR/$k"
	done
	refute grep -qxFf "$BATS_TEST_TMPDIR/0" "$BATS_TEST_TMPDIR/1"
}
ve_up() { vzctl exec "$1" systemctl is-system-running | grep -qx running; }
