# SPDX-License-Identifier: GPL-2.0-or-later
#
# What each patch of criu-patches/ is for: a container of one static program (tests/workload/criu_mini.c) in which
# nothing but that case can go wrong is dumped and restored, and looks for itself whether its state is still there.
# VZ_TEST_CRIU=PATH runs the same with another CRIU: all of them fail with an unpatched one.

load lib/node
: "${VZ_TEST_WORKLOADS:=/src/build/tests/workload}"
: "${VZ_TEST_CRIU:=/usr/libexec/vz/vz-criu}"

setup() {
	requires vz-criu
	root=$BATS_TEST_TMPDIR/root images=$BATS_TEST_TMPDIR/img
	mkdir -p "$root/proc" "$images"
	cp "$VZ_TEST_WORKLOADS/criu_mini" "$root/mini"
	cp "$VZ_TEST_WORKLOADS/criu_mini" "$root/helper"
	options=(--network-lock skip)
	privileges=()
}

teardown() {
	[ -z "${init:-}" ] || kill -9 "$init" 2>/dev/null || true
	[ -z "${holder:-}" ] || kill -9 "$holder" 2>/dev/null || true
	if [ -n "${mounted:-}" ]; then umount "$root"; fi
	if [ -n "${cgroup:-}" ]; then
		wait_until 5 empty "$cgroup"
		rmdir "$cgroup"
	fi
	node_teardown
}
empty() { ! grep -q 'populated 1' "$1/cgroup.events"; }

# with OPTION...: for dump and restore
with() { options+=("$@"); }
gone() { ! kill -0 "$1"; }
# there FILE: the container has written it
there() { [ -s "$root/$1" ]; }

# begin CASE [PROGRAM ARG...]: PROGRAM, if any, executes what follows
begin() {
	init=$("${@:2}" "$VZ_TEST_WORKLOADS/criu_mini" "$root" "$1" 3>&-)
	wait_until 10 there state
	assert_eq "$(<"$root/state")" ready "state of the container"
	verify
}

verify() {
	rm -f "$root/result"
	kill -USR1 "$init"
	wait_until 30 there result
	assert_eq "$(<"$root/result")" ok "what the container found"
}

# Quoted as it fails: the first error is the cause.
criu_do() { # dump|restore ARG...
	if ! timeout 60 "${privileges[@]}" "$VZ_TEST_CRIU" "$@" -D "$images" -v4 -o "$1.log" "${options[@]}" </dev/null >/dev/null 3>&-; then
		grep Error "$images/$1.log" | grep -v RLIMIT_NOFILE
		return 1
	fi
}

dump_and_restore() {
	criu_do dump -t "$init"
	restore "$@"
}

restore() {
	wait_until 10 gone "$init"
	mount --bind "$root" "$root"
	mounted=y
	criu_do restore --root "$root" --restore-detached --pidfile "$images/pid" "$@"
	init=$(<"$images/pid")
	verify
}

# Once more: what was restored is as good as what was made.
twice() {
	dump_and_restore
	umount "$root"
	rm -r "$images"
	mkdir "$images"
	dump_and_restore
}

@test "criu: slave mounts with disjoint roots keep their master" {
	begin slaves
	twice
}

@test "criu: an executable of which somebody has an O_PATH descriptor" {
	begin opath
	twice
}

@test "criu: a task whose first executable mapping is shared" {
	begin shared
	twice
}

@test "criu: UTS namespaces below the root's" {
	begin uts
	twice
}

@test "criu: a cgroup namespace where the caller restores cgroups" {
	cgroup=$(cgroup_root)/mini-$$
	mkdir "$cgroup"
	cat >"$BATS_TEST_TMPDIR/hook" <<-HOOK
		#!/bin/sh
		[ "\$CRTOOLS_SCRIPT_ACTION" != setup-namespaces ] || echo "\$CRTOOLS_INIT_PID" >$cgroup/cgroup.procs
	HOOK
	chmod +x "$BATS_TEST_TMPDIR/hook"
	with --manage-cgroups=ignore
	# shellcheck disable=SC2016 # expanded there
	begin cgns sh -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' "$cgroup"
	dump_and_restore --action-script "$BATS_TEST_TMPDIR/hook"
}

@test "criu: a network namespace below one that the caller restores" {
	begin net
	with --empty-ns net
	twice
}

@test "criu: connections are asked for where some are tracked only" {
	begin net
	with --empty-ns net
	dump_and_restore
	assert_eq "$(grep -c "No tracked connections" "$images/dump.log")" 2 "namespaces without any"
}

@test "criu: TCP connections are asked for where there are some only" {
	begin net
	with --empty-ns net
	dump_and_restore
	assert_num "$(grep -c "No TCP connections" "$images/dump.log")" ge 4 "tables of two namespaces"
}

# tamper FILE: with its build-id, which is as long afterwards
tamper() {
	local at
	at=$(LC_ALL=C grep -aboP '\x14\0\0\0\x03\0\0\0GNU\0' "$1" | head -n 1 | cut -d: -f1)
	assert_num "$at" gt 0 "its build-id"
	printf 'another' | dd of="$1" bs=1 seek=$((at + 12)) conv=notrunc status=none
}

@test "criu: the build-id of an executable is read where linkers put it, and compared" {
	begin opath
	criu_do dump -t "$init"
	grep "Build-id of file with fd .* is on its first page" "$images/dump.log"
	tamper "$root/mini"
	wait_until 10 gone "$init"
	mount --bind "$root" "$root"
	mounted=y
	refute criu_do restore --root "$root" --restore-detached --pidfile "$images/pid"
	grep "has bad build-ID" "$images/restore.log"
}

@test "criu: memory that was denied to become executable stays so" {
	begin mdwe
	twice
}

@test "criu: session keyrings, what is in them, and who shares them" {
	begin keys
	twice
}

@test "criu: triggers of pressure files, and how the kernel watches for them" {
	requires kpatch
	begin psi
	twice
}

@test "criu: an epoll whose targets a task with a lower pid does not have" {
	begin epoll
	twice
}

@test "criu: open files on a mount that is in no namespace any more, but on another mount too" {
	begin gone
	twice
}

@test "criu: messages that wait in a socket, whose reader is told when they were sent and by whom" {
	begin sender
	twice
}

@test "criu: a session keyring of the outside that happens to have the name of one is left alone" {
	begin keys
	criu_do dump -t "$init"
	"$VZ_TEST_WORKLOADS/criu_mini" hold named "$BATS_TEST_TMPDIR/held" 3>&- &
	holder=$!
	wait_until 5 grep -q held "$BATS_TEST_TMPDIR/held"
	verify() { :; } # it has another name now
	restore
	kill -USR1 "$holder"
	wait_until 5 grep -q keys "$BATS_TEST_TMPDIR/held"
	assert_eq "$(<"$BATS_TEST_TMPDIR/held")" "keys 0"
	grep "There is another keyring named" "$images/restore.log"
}

@test "criu: a half-closed connection goes on in the other direction" {
	begin half
	# unlocked, the first that is restored would be told that there is no other
	options=(--network-lock nftables --tcp-established)
	twice
}

@test "criu: a task of another user, without CAP_SYS_RESOURCE" {
	privileges=(setpriv --bounding-set -sys_resource --inh-caps -sys_resource)
	begin user
	twice
}

@test "criu: extended attributes and ACLs in tmpfs" {
	begin xattr
	twice
}

@test "criu: contents of tmpfs without tar" {
	privileges=(env PATH=/nowhere)
	begin tmpfs
	twice
}

tmpfs_image() { compgen -G "$images/tmpfs-dev-*.tar.gz.img"; }

@test "criu: contents of ramfs as an older criu has left them, compressed to less than a block" {
	begin ramfs
	criu_do dump -t "$init"
	gzip <"$(tmpfs_image)" >"$images/small"
	assert_num "$(stat -c %s "$images/small")" lt 512 size
	mv "$images/small" "$(tmpfs_image)"
	restore
}

# append WHAT...: entries of a directory, after all others of the archive in the image
append() { tar --format=ustar -C "$BATS_TEST_TMPDIR/more" -rf "$(tmpfs_image)" "$@"; }

@test "criu: an archive for a tmpfs does not lead out of it" {
	local more=$BATS_TEST_TMPDIR/more outside=$BATS_TEST_TMPDIR/outside
	begin tmpfs
	criu_do dump -t "$init"
	mkdir -m 700 "$outside" "$more"
	ln -s "$outside" "$more/way"
	append ./way
	rm "$more/way"
	mkdir -m 777 "$more/way"
	append ./way
	verify() { :; } # tar(1) had to do it, which knows no nanoseconds of ours
	restore
	assert_eq "$(stat -c %a "$outside")" 700 mode
}

@test "criu: an archive for a tmpfs with a size below nothing is refused" {
	local more=$BATS_TEST_TMPDIR/more file at sum start
	begin tmpfs
	criu_do dump -t "$init"
	mkdir "$more"
	: >"$more/last-one"
	append ./last-one
	file=$(tmpfs_image)
	at=$(grep -abo -m 1 ./last-one "$file" | cut -d: -f1)
	printf -- '-0000001000' | dd of="$file" bs=1 seek=$((at + 124)) conv=notrunc status=none
	printf '        ' | dd of="$file" bs=1 seek=$((at + 148)) conv=notrunc status=none
	sum=$(od -An -v -tu1 -w1 -j "$at" -N 512 "$file" | awk '{ n += $1 } END { print n }')
	printf '%06o' "$sum" | dd of="$file" bs=1 seek=$((at + 148)) conv=notrunc status=none
	wait_until 10 gone "$init"
	mount --bind "$root" "$root"
	mounted=y
	start=$SECONDS
	refute criu_do restore --root "$root" --restore-detached --pidfile "$images/pid"
	assert_num $((SECONDS - start)) lt 30 "seconds until then"
}

@test "criu: contents of ramfs" {
	begin ramfs
	twice
}

@test "criu: an external mount with a deleted source" {
	echo outside >"$root.ext"
	: >"$root/ext"
	begin ext
	rm "$root.ext"
	with --external 'mnt[/ext]:ext'
	criu_do dump -t "$init"
	echo outside again >"$root.ext"
	options=(--network-lock skip)
	restore --external "mnt[ext]:$root.ext"
	assert_file "$root.ext"
}

@test "criu: an external tty without a master" {
	begin tty
	with --external "$(<"$root/tty")"
	criu_do dump -t "$init"
	options=(--network-lock skip)
	privileges=(python3 -c 'import os, sys
master, slave = os.openpty()
os.dup2(slave, 9)
os.execvp(sys.argv[1], sys.argv[1:])')
	restore --inherit-fd "fd[9]:$(<"$root/tty")"
}
