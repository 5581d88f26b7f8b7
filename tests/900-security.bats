#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What a hostile root of a VE tries.  Above each test: the defence.  That the test fails without it is what
# `make mutants` shows (tests/mutants.list); "Kernel's:" marks the tests whose defence is a check of the kernel's,
# or a second lock, which cannot be taken out.
# shellcheck disable=SC2016 # what is in single quotes is expanded inside
load lib/node
load lib/tty

: "${VZ_TEST_WORKLOADS:=/src/build/tests/workload}"

# into CTID FILE PATH: a program of ours into a running VE
into() { vzctl exec2 "$1" "cat >$3; chmod 755 $3" <"$2" 3>&-; }

setup_file() {
	node_setup_file
	requires node template-tiny
	CT=$(file_ctid)
	vzctl create "$CT" --ostemplate tiny --hostname evil.example 3>&-
	vzctl start "$CT" 3>&-
	into "$CT" "$VZ_TEST_WORKLOADS/hostile" /bin/hostile
}

setup() {
	requires node template-tiny
	CT=$(file_ctid)
}

# a VE without a user namespace: nothing but the defence in question stands between its root and the host's
privileged() {
	ve_create "$(ctid)" --local_uid 0 --local_gid 0
	vz set "$(ctid)" --features privileged:on --save
}
private() { echo "/vz/private/${1:-$(ctid)}/fs"; }
host_mounts() { findmnt -rn -o TARGET,SOURCE,FSTYPE | sort; }

# --- T01: the host's program, executed or opened from inside ---

# os_seal_self.
@test "T01 a VE that makes the monitor's program execute as its init cannot write to it" {
	local sum report
	sum=$(sha256sum </usr/sbin/vzctl)
	privileged
	report=$(private)/exe_writer.report
	mkdir -p "$(private)/lib64" "$(private)/sbin"
	install "$VZ_TEST_WORKLOADS/exe_writer" "$(private)/lib64/ld-linux-x86-64.so.2"
	install "$VZ_TEST_WORKLOADS/exe_writer" "$(private)/exe_writer"
	printf '#!/proc/self/exe\n' >"$(private)/sbin/init"
	chmod 755 "$(private)/sbin/init"
	local i
	for i in 1 2 3; do
		rm -f "$report"
		timeout 60 vzctl start "$(ctid)" 3>&- || true
		wait_until 10 grep -qs later "$report"
		output=$(cat "$report")
		assert_match 'denied running EROFS'
		assert_match 'denied later EROFS'
		refute_match GOT
		wait_until 10 ve_is "$(ctid)" "exist unmounted down"
	done
	assert_eq "$(sha256sum </usr/sbin/vzctl)" "$sum"
}

# vz-entry, executed from memory, loads nothing: by construction. (vzctl in its place had exe_writer run.)
@test "T01 a VE that makes what enters execute inside gets no file of the host's" {
	local sum
	sum=$(sha256sum </usr/sbin/vzctl)
	privileged
	mkdir -p "$(private)/lib64" "$(private)/bin"
	install "$VZ_TEST_WORKLOADS/exe_writer" "$(private)/lib64/ld-linux-x86-64.so.2"
	vz start "$(ctid)"
	in_ve "$(ctid)" 'rm /bin/sh; printf "#!/proc/self/exe\n" >/bin/sh.new; chmod 755 /bin/sh.new; mv /bin/sh.new /bin/sh'
	local i
	for i in 1 2 3 4 5; do
		vz 8 exec "$(ctid)" true
		assert_eq "$output" ""
	done
	refute_file "$(private)/exe_writer.report"
	# a program of the VE's that is named like that sees itself
	vz exec3 "$(ctid)" /bin/busybox readlink /proc/self/exe
	assert_output /bin/busybox
	assert_eq "$(sha256sum </usr/sbin/vzctl)" "$sum"
	vz stop "$(ctid)" --fast
}

# The same, seen from the node.
@test "T01 the monitor runs from a read-only file system of its own" {
	local pid
	pid=$(sed -n 's/^monitor=//p' "/run/vz/$CT/state")
	refute test "$(stat -Lc %d "/proc/$pid/exe")" = "$(stat -c %d /usr/sbin/vzctl)"
	output=$(sh -c ": >>/proc/$pid/exe" 2>&1) && return 1
	assert_match 'Read-only file system'
}

# --- T02: what leaks along ---

# Calls its arguments with descriptors 3..20 open on host directories and one of them as working directory.
leaky() {
	printf '%s\n' 'for i in {3..20}; do eval "exec $i</etc"; done' 'cd /proc/self/fd/5' 'exec timeout 60 "$@"' \
		>"$BATS_TEST_TMPDIR/leaky"
	bash "$BATS_TEST_TMPDIR/leaky" "$@" 2>&1
}
# only_std LINES...: of "fd -> target", nothing but 0, 1, 2 and none of them a file of the host
only_std() {
	local n
	n=$(grep -cE ' (0|1|2) -> (pipe:|/dev/pts/|/dev/console|/dev/null|/memfd:|socket:)' <<<"$1") || true
	assert_eq "$n" "$(grep -c ' -> ' <<<"$1")" "standard descriptors among: $1"
}

# os_close_except and os_cloexec_from for init, close_range for vz-entry.
@test "T02 no descriptor and no directory of the caller's gets in" {
	ve_create "$(ctid)" --hostname leak.example
	mkdir -p "$(private)/bin"
	# the shell that distribution scripts are fed to
	# no pipe: the shell itself holds an end of it for a moment
	printf '#!/bin/busybox sh\n{ ls -l /proc/$$/fd; readlink /proc/$$/cwd; } >>/dist\nexec /bin/busybox sh "$@"\n' \
		>"$(private)/bin/sh"
	chmod 755 "$(private)/bin/sh"
	leaky vzctl start "$(ctid)" 3>&-
	# the shell keeps its output aside while the list goes elsewhere
	only_std "$(grep -vE ' -> (/dist|/bin/sh)$' "$(private)/dist" | sed 's/ 1[01] -> / 1 -> /')"
	assert_eq "$(tail -n 1 "$(private)/dist")" / "directory of a distribution's script"
	rm "$(private)/dist"
	in_ve "$(ctid)" 'ln -sf busybox /bin/sh.new; mv /bin/sh.new /bin/sh'
	output=$(leaky vzctl exec "$(ctid)" 'ls -l /proc/$$/fd; pwd -P; readlink /proc/$$/cwd')
	only_std "$output"
	assert_eq "$(grep -cx / <<<"$output")" 2 "lines /"
	output=$(vzctl exec "$(ctid)" 'ls -l /proc/1/fd; readlink /proc/1/cwd; readlink /proc/1/root' 3>&- | grep -v '/sbin/init$')
	only_std "$output"
	assert_eq "$(tail -n 2 <<<"$output" | tr '\n' ' ')" "/ / "
	printf 'ls -l /proc/$$/fd; pwd -P\n' >"$BATS_TEST_TMPDIR/script"
	output=$(leaky vzctl runscript "$(ctid)" "$BATS_TEST_TMPDIR/script")
	only_std "$output"
	assert_eq "$(tail -n 1 <<<"$output")" /
	output=$(echo 'ls -l /proc/$$/fd | grep -v "^total" ; pwd -P; exit' |
		with_tty 24x80 bash "$BATS_TEST_TMPDIR/leaky" vzctl enter "$(ctid)")
	refute_match '-> /etc'
	assert_match '/root'
}

# --- T03: looking into who enters ---

# PR_SET_DUMPABLE 0, said again after the change of ids.
@test "T03 a VE's root cannot attach to a process on its way in" {
	timeout 20 vzctl exec2 "$CT" /bin/hostile chase 5 >"$BATS_TEST_TMPDIR/chase" 3>&- &
	local pid=$! n=0
	wait_until 10 grep -q ready "$BATS_TEST_TMPDIR/chase"
	while [ "$n" -lt 200 ] && kill -0 "$pid" 2>/dev/null; do
		timeout 20 vzctl exec "$CT" true 3>&-
		n=$((n + 1))
	done
	wait "$pid"
	output=$(cat "$BATS_TEST_TMPDIR/chase")
	echo "$output"
	assert_num "$n" ge 3 "commands executed" # few on a loaded machine
	assert_match 'denied [1-9]'
	refute_match GOT
}

# --- T04: links where we mount ---

# target_dir's RESOLVE_* flags.
@test "T04 links in place of mount points: refused, and nothing is mounted on the host" {
	local p to before
	mkdir -p /vz/canary-t04
	ve_create "$(ctid)"
	before=$(host_mounts)
	for p in proc sys dev; do
		for to in /vz/canary-t04 ../../../../../vz/canary-t04 /tmp /proc/self/cwd; do
			rm -f "$(private)/${p:?}"
			ln -s "$to" "$(private)/$p"
			status=0
			output=$(timeout 30 vzctl start "$(ctid)" 2>&1 3>&-) || status=$?
			assert_num "$status" ne 0 "status of start with /$p -> $to"
			assert_match "/$p in the container is not a directory"
			ve_status "$(ctid)" "exist unmounted down"
			assert_eq "$(host_mounts)" "$before" "mounts"
			assert_eq "$(ls -A /vz/canary-t04)" "" "what is in the link's target"
		done
		rm "$(private)/${p:?}"
	done
	# these lie in file systems that we mounted ourselves just before: a link below is covered
	mkdir -p "$(private)/dev" "$(private)/sys/fs" "$(private)/proc"
	ln -s /vz/canary-t04 "$(private)/dev/pts"
	ln -s /vz/canary-t04 "$(private)/sys/fs/cgroup"
	ln -s /vz/canary-t04 "$(private)/proc/keys"
	vz start "$(ctid)"
	in_ve "$(ctid)" 'test ! -L /dev/pts && test ! -L /sys/fs/cgroup && test -c /dev/pts/ptmx'
	assert_eq "$(ls -A /vz/canary-t04)" ""
	rmdir /vz/canary-t04
}

# The same, by somebody who is faster than a check before the use.
@test "T04 a link swapped in for a mount point while starts run gets nothing mounted" {
	local before pid init said=0 ran=0
	mkdir -p /vz/canary-t04
	ve_create "$(ctid)"
	"$VZ_TEST_WORKLOADS/hostile" opaque "$(private)/proc"
	ln -s /vz/canary-t04 "$(private)/out"
	vz mount "$(ctid)"
	before=$(host_mounts)
	timeout 30 "$VZ_TEST_WORKLOADS/hostile" swap 12 "/vz/root/$(ctid)/proc" "/vz/root/$(ctid)/out" 3>&- &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		if output=$(timeout 30 vzctl start "$(ctid)" --skip-remount 2>&1 3>&-); then
			ran=$((ran + 1))
			init=$(sed -n 's/^init=//p' "/run/vz/$(ctid)/state")
			# by whatever name it goes at the moment
			assert_eq "$(grep -c ' - proc proc ' "/proc/$init/mountinfo")" 1 "proc file systems of the VE"
			vz stop "$(ctid)" --fast --skip-umount
		else
			said=$((said + 1))
			# wherever it met the link
			tail -n 1 <<<"$output"
			vz mount "$(ctid)"
		fi
		assert_eq "$(host_mounts)" "$before" "mounts"
		assert_eq "$(ls -A /vz/canary-t04)" "" "what is in the link's target"
	done
	wait "$pid"
	echo "started $ran times, refused $said times"
	assert_num "$ran" gt 0 starts
	assert_num "$said" gt 0 refusals
	vz umount "$(ctid)"
	rmdir /vz/canary-t04
}

# --- T05: a /proc of the VE's making ---

# Nothing of ours writes by a path in the VE's /proc.
@test "T05 with a false /proc the VE still gets what was asked for, or a failure" {
	ve_start "$(ctid)" --hostname before.example
	in_ve "$(ctid)" 'mount -t tmpfs t /proc; mkdir -p /proc/sys/kernel /proc/self/fd /proc/1; echo fake >/proc/sys/kernel/hostname; ln -s /etc/hosts /proc/self/exe'
	local name
	name=$(hostname)
	vz set "$(ctid)" --hostname after.example --save
	in_ve "$(ctid)" 'hostname; cat /proc/sys/kernel/hostname'
	assert_line after.example
	assert_line fake
	assert_eq "$(hostname)" "$name" "the node's host name"
	vz stop "$(ctid)" --fast
}

# --- T06: cgroups ---

# Kernel's: the owner of the limits' files, nsdelegate and the cgroup namespace.
@test "T06 a VE cannot change its own limits nor leave its cgroup" {
	vz exec "$CT" 'cd /sys/fs/cgroup; for f in memory.max pids.max cpu.max cgroup.freeze cgroup.kill hugetlb.2MB.max; do
		[ ! -e $f ] || { echo 1 >$f; } 2>/dev/null && [ -e $f ] && echo "GOT $f"; done
		echo $$ >../cgroup.procs; cat /proc/self/cgroup; mkdir /tmp/cg; 
		# v1 of a hybrid host may be looked at, not touched
		for c in memory devices cpu; do mount -t cgroup -o $c x /tmp/cg || continue
			for f in release_agent notify_on_release cgroup.procs memory.limit_in_bytes devices.allow cpu.shares; do
				[ -e /tmp/cg/$f ] && echo 1 >/tmp/cg/$f && echo "GOT $f"; done; umount /tmp/cg; done 2>/dev/null; true'
	refute_match GOT
	assert_match '0::/'
	refute_match '0::/[.][.]'
}

# --- T08: file handles ---

# seccomp's table; and the kernel's: CAP_DAC_READ_SEARCH in the initial namespace.
@test "T08 open_by_handle_at is not permitted" {
	local p
	for p in / /dev /proc /dev/shm; do
		vz exec3 "$CT" /bin/hostile handle "$p"
		assert_match "denied $p EPERM"
	done
}

# --- T09: device nodes ---

# The user namespace: mknod is not permitted.  (Kernel's; in a privileged VE it is the device program's job.)
@test "T09 a VE makes no device nodes; planted on its disk they are inert" {
	vz exec "$CT" 'mknod /tmp/mem c 1 1 && echo GOT; mknod /dev/loop0 b 7 0 && echo GOT; mknod /tmp/null c 1 3 && cat /tmp/null && echo GOT; true'
	refute_match GOT
	# nodev on the root
	ve_create "$(ctid)"
	mknod -m 666 "$(private)/null" c 1 3
	mknod -m 666 "$(private)/loop" b 7 0
	vz start "$(ctid)"
	vz exec "$(ctid)" 'cat /null && echo GOT null; cat /loop && echo GOT loop; echo x >/null && echo GOT null; true'
	refute_match GOT
	assert_match 'Permission denied'
}

# cg_devices.
@test "T09 a privileged VE makes nodes but opens none of the host's" {
	privileged
	vz start "$(ctid)"
	vz exec "$(ctid)" 'for n in c:1:1 c:1:2 c:1:4 c:1:11 c:10:237 c:10:232 b:7:0 b:8:0 b:254:0 c:4:0 c:10:1 c:246:0; do
		set -- $(echo $n | tr : " "); mknod /dev/n$2-$3 $1 $2 $3 || echo "no node $n"
		( : </dev/n$2-$3 ) 2>/tmp/e && echo GOT $n; grep -q "not permitted" /tmp/e || cat /tmp/e; done; true'
	refute_match GOT
	refute_match 'No such device'
}

# --- T10: up and out ---

# pivot_root and the detached old root. (Without its umount2 alone no VE starts: the chroot of a naive program
# is what the test is for.)
@test "T10 chroot games end at the VE's root, and no other root is in the namespace" {
	vz exec3 "$CT" /bin/hostile climb
	assert_output stays
	vz exec "$CT" 'test / -ef /.. && test / -ef /../../.. && echo same
		mkdir -p /a/b /c; mount --bind /a /c; cd /c/b; mv /a/b /moved
		# outside of the bind now: there is no way up, or it ends at /
		! cd ../../../../.. 2>/dev/null || test . -ef / || echo GOT out; true'
	assert_match '^same'
	refute_match GOT
	vz exec "$CT" 'umount /c; cat /proc/1/mountinfo'
	assert_eq "$(grep -c '^[0-9]* [0-9]* [0-9:]* / / ' <<<"$output")" 1 "mounts on /"
	refute_match ' /(vz|src|cache|etc/vz|run)[ /]'
	# under the topmost root there is nothing
	vz exec "$CT" /bin/hostile below
	assert_line nothing
}

# --- T11: mounts that travel ---

# The clone of the root is made private; pivot_root refuses to go on where it is not.
@test "T11 nothing a VE mounts appears on a host with shared mounts" {
	ve_create "$(ctid)"
	install -d -m 700 /vz/root
	mount --bind /vz/root /vz/root
	mount --make-rshared /vz/root
	local before
	before=$(host_mounts)
	vz start "$(ctid)"
	in_ve "$(ctid)" 'mount --make-rshared /; mount -t tmpfs canary /mnt; mount --bind /tmp /srv; head -n 1 /proc/self/mountinfo'
	assert_match 'shared:'
	assert_eq "$(host_mounts | grep -c canary)" 0 "mounts of the VE on the host"
	assert_eq "$(host_mounts | wc -l)" "$(($(wc -l <<<"$before") + 1))" "mounts of the host"
	# nor the other way round
	mkdir -p /vz/root/late
	mount -t tmpfs late /vz/root/late
	vz exec "$(ctid)" 'cat /proc/mounts'
	refute_match late
	umount /vz/root/late
	rmdir /vz/root/late
	vz stop "$(ctid)" --fast
	assert_eq "$(host_mounts)" "$before" "mounts after the stop"
	umount /vz/root
	vz destroy "$(ctid)"
}

# mnt_child_setup makes all private first: a user namespace would see to that, here there is none, and the VE's
# root would appear over the node's own.
@test "T11 a privileged VE's mounts stay inside on a host whose / is shared" {
	local before
	privileged
	mount --make-rshared /
	before=$(host_mounts)
	vz start "$(ctid)"
	in_ve "$(ctid)" 'mount --make-rshared /; mount -t tmpfs canary /mnt'
	assert_eq "$(host_mounts | grep -v "^/vz/root/$(ctid) ")" "$before" "mounts of the host"
	vz stop "$(ctid)" --fast
	assert_eq "$(host_mounts)" "$before" "mounts after the stop"
	mount --make-rprivate /
}

# --- T12: keyrings ---

# KEYCTL_JOIN_SESSION_KEYRING in shed_inheritance.
@test "T12 a command does not possess the caller's session keyring" {
	cmd 0 "$VZ_TEST_WORKLOADS/hostile" with-key "$VZ_TEST_WORKLOADS/hostile" find-key
	assert_match 'GOT key'
	cmd 0 "$VZ_TEST_WORKLOADS/hostile" with-key vzctl exec "$CT" /bin/hostile find-key
	assert_match '^denied -1 ENOKEY'
}

# --- T14: what /proc tells ---

# masks of child.c.
@test "T14 masked files tell nothing" {
	vz exec "$CT" 'for f in kcore keys key-users timer_list interrupts kallsyms kpagecount kpageflags; do
		n=$(head -c 64 /proc/$f 2>/dev/null | wc -c); [ "$n" = 0 ] || echo "GOT $f"; done
		find /sys/firmware /sys/kernel/debug /sys/power -mindepth 1 | grep . && echo GOT sys
		# where the kernel has a log for each VE that one is shown
		[ -c /dev/kmsg ] || { dmesg >/dev/null 2>&1 && echo GOT dmesg; }; dmesg 2>/dev/null | grep "Linux version" && echo GOT dmesg
		# the mask taken off, the files below belong to nobody that a VE can be
		umount /proc/timer_list /proc/kcore 2>/dev/null; head -c 9 /proc/timer_list /proc/kcore 2>/dev/null | grep -q . && echo GOT below; true'
	refute_match GOT
}

# --- T17: the caller's terminal ---

# setsid in inside() and pipes for stdio.
@test "T17 exec and runscript give the VE no way to the caller's terminal" {
	printf '/bin/hostile tiocsti pwned\n' >"$BATS_TEST_TMPDIR/script"
	local how
	for how in "exec $CT /bin/hostile tiocsti pwned" "runscript $CT $BATS_TEST_TMPDIR/script"; do
		# shellcheck disable=SC2086
		output=$(with_tty 24x80 vzctl $how </dev/null)
		echo "$output"
		assert_match 'denied /dev/tty ENXIO'
		refute_match 'typed|pwned'
	done
	output=$(with_tty 24x80 vzctl exec "$CT" 'tty; ls -l /proc/self/fd' </dev/null)
	assert_match 'not a tty'
	refute_match '/dev/pts'
}

# The pty of enter is the VE's own (make_pty).
@test "T17 what is typed into enter's terminal from inside stays inside" {
	output=$(with_tty 24x80 vzctl enter "$CT" <<-'SAY'
		tty; stat -Lc 'is on %d' /proc/self/fd/0; hostile tiocsti 'echo in-$((40+2))@$(hostname)'
		\r
		exit
	SAY
	)
	refute_match "is on $(stat -c %d /dev/pts)[^0-9]"
	assert_match '/dev/pts/'
	assert_match 'typed into /dev/tty'
	assert_match 'in-42@evil.example'
	assert_match 'TERMIOS same'
}

# What the terminal or a supervisor says reaches the command, though it is in another session.
@test "T17 signals to the caller are the command's" {
	status=0
	output=$(timeout --foreground -s TERM 2 vzctl exec2 "$CT" 'trap "echo told; exit 5" TERM; sleep 50 & wait' 3>&-) || status=$?
	assert_output told
	gone() { ! vzctl exec "$CT" 'ps | grep -q "sleep 5[0]"' 3>&-; }
	vz exec "$CT" 'pkill -x -f "sleep 50"; true'
	wait_until 5 gone
}

# --- T20: who one is inside ---

# join() and shed_caps of vz-entry.
@test "T20 a command has the VE root's ids, no groups, and the VE's capabilities only" {
	cmd 0 setpriv --groups 4,5 --inh-caps +net_raw,+sys_time --ambient-caps +net_raw --securebits +no_setuid_fixup \
		vzctl exec "$CT" 'grep -E "^(Uid|Gid|Groups|Cap|NoNew)" /proc/self/status; /bin/hostile bits'
	output=$(tr -s '\t ' ' ' <<<"$output" | sed 's/ *$//')
	mapfile -t lines <<<"$output"
	assert_line 'Uid: 0 0 0 0'
	assert_line 'Gid: 0 0 0 0'
	assert_line 'Groups:'
	assert_line 'CapInh: 0000000000000000'
	assert_line 'CapAmb: 0000000000000000'
	assert_line 'securebits 0'
	assert_line 'NoNewPrivs: 0'
	local c bnd
	bnd=$(sed -n 's/^CapBnd: //p' <<<"$output")
	for c in 16 17 25 32 33 34 35 36 38 39; do
		assert_eq $((0x$bnd >> c & 1)) 0 "capability $c in the bounding set"
	done
	assert_line "CapEff: $bnd"
	assert_line "CapPrm: $bnd"
	assert_eq "$(vzctl exec "$CT" 'grep ^Cap /proc/1/status' 3>&- | tr -s '\t ' ' ')" "$(grep ^Cap <<<"$output")" "init's sets"
}

# --- T21: setuid files ---

# ve_make_root's 0700 parent, nosuid and noexec of HOST_ATTRS.
@test "T21 setuid files of a VE are out of users' reach on the host" {
	in_ve "$CT" 'cp /bin/busybox /suid; chmod 6755 /suid; mkdir -p /open; chmod 777 /open'
	local p opts
	for p in "/vz/root/$CT/suid" "/vz/root/$CT/open" "$(private "$CT")/suid" "/vz/private/$CT/meta" /vz/template/store/index \
		"/run/vz/$CT/state" "/run/vz/$CT/console"; do
		test -e "$p"
		refute setpriv --reuid 65534 --regid 65534 --clear-groups test -e "$p"
	done
	for p in nosuid nodev noexec; do
		opts=$(findmnt -n -o OPTIONS "/vz/root/$CT")
		[[ ,$opts, == *",$p,"* ]] || assert_fail "$p is not among $opts"
	done
	refute "/vz/root/$CT/suid" true
}

# --- T22: our own files ---

# os_mkdir_private, O_NOFOLLOW.
@test "T22 locks and state lie in root's own directories; a link in their place is refused" {
	local d
	for d in /vz/lock "/run/vz/$CT" "/vz/private/$CT" /vz/template/store /vz/root; do
		assert_eq "$(stat -c '%u %a' "$d")" "0 700" "$d"
	done
	ve_create "$(ctid)"
	ln -s "$BATS_TEST_TMPDIR/target" "/vz/lock/$(ctid).lck"
	status=0
	output=$(timeout 20 vzctl start "$(ctid)" 2>&1 3>&-) || status=$?
	assert_num "$status" ne 0
	refute_file "$BATS_TEST_TMPDIR/target"
	rm "/vz/lock/$(ctid).lck"
	mkdir "$BATS_TEST_TMPDIR/dir"
	ln -s "$BATS_TEST_TMPDIR/dir" "/run/vz/$(ctid)"
	status=0
	output=$(timeout 20 vzctl start "$(ctid)" 2>&1 3>&-) || status=$?
	assert_num "$status" ne 0
	assert_eq "$(ls -A "$BATS_TEST_TMPDIR/dir")" ""
	rm -f "/run/vz/$(ctid)"
	chmod 777 /vz/lock
	status=0
	output=$(timeout 20 vzctl start "$(ctid)" 2>&1 3>&-) || status=$?
	chmod 700 /vz/lock
	assert_num "$status" ne 0
	vz start "$(ctid)"
}

# --- T23: files that look like ours ---

# Metadata lies beside fs/, never in it.
@test "T23 what a VE writes into its own tree decides nothing" {
	ve_start "$(ctid)"
	local before
	before=$(vzlist -aH -o ctid,private,root,ostemplate "$(ctid)" 3>&-; cat "/etc/vz/conf/$(ctid).conf" "/vz/private/$(ctid)/meta")
	in_ve "$(ctid)" "mkdir -p /root.hdd /fs /dump /.ve.layout; echo '<Image><File>/vz/private/$CT</File></Image>' >/root.hdd/DiskDescriptor.xml
		for f in /meta /ve.conf /fs/meta /fs/ve.conf /applied /.vza /ve.conf.dist; do
			printf 'LAYOUT=\"9\"\nLOWER=\"../../private/$CT/fs\"\nVE_PRIVATE=\"/vz/private/$CT\"\nVE_ROOT=\"/\"\nLOCAL_UID=\"0\"\nOSTEMPLATE=\"x\"\n' >\$f
		done"
	vz restart "$(ctid)"
	assert_eq "$(vzlist -aH -o ctid,private,root,ostemplate "$(ctid)" 3>&-; cat "/etc/vz/conf/$(ctid).conf" "/vz/private/$(ctid)/meta")" "$before"
	in_ve "$(ctid)" 'cat /proc/self/uid_map; test ! -e /bin/hostile'
	refute_match '^ *0 +0 '
	vz set "$(ctid)" --userpasswd root:other
	refute grep -q '^root:\$' "$(private "$CT")/etc/shadow"
}

# --- T24: edits that are led astray ---

# sums of what the edits would hit on the node
host_files() { cat /etc/hosts /etc/hostname /etc/resolv.conf /etc/shadow /etc/passwd "$BATS_TEST_TMPDIR/victim" | sha256sum; }

# Edits are made by the VE's shell in the VE, and content() in the scripts reads plain files only.
@test "T24 edits in the tree follow no link to the host and do not hang" {
	echo victim >"$BATS_TEST_TMPDIR/victim"
	local what sum i=0 f
	sum=$(host_files)
	ve_start "$(ctid)"
	for what in "ln -s ../../../../../../..$BATS_TEST_TMPDIR/victim" "ln -s $BATS_TEST_TMPDIR/victim" 'ln -s /proc/1/root/../etc/hosts' \
		'ln -s /no/where' mkfifo 'ln -s /dev/zero' mkdir; do
		for f in resolv.conf hosts hostname shadow; do
			i=$((i + 1))
			in_ve "$(ctid)" "cd /etc; cp -a $f /tmp/saved || : >/tmp/saved; rm -rf $f; $what $f"
			SECONDS=0
			timeout 30 vzctl set "$(ctid)" --hostname "h$i.example" --nameserver "198.51.100.$i" --save >/dev/null 2>&1 3>&- || true
			timeout 30 vzctl set "$(ctid)" --userpasswd root:pw >/dev/null 2>&1 3>&- || true
			assert_num "$SECONDS" lt 15 "seconds with $what $f"
			assert_eq "$(host_files)" "$sum" "files of the node after $what $f"
			in_ve "$(ctid)" "cd /etc; rm -rf $f; mv /tmp/saved $f"
		done
	done
	# the next start's edits, with the tree as it lies on disk
	vz stop "$(ctid)" --fast
	rm -f "$(private)/etc/hosts" "$(private)/etc/resolv.conf"
	ln -s "$BATS_TEST_TMPDIR/victim" "$(private)/etc/hosts"
	mkfifo "$(private)/etc/resolv.conf"
	vz set "$(ctid)" --hostname last.example --nameserver 198.51.100.99 --save
	VZ_TIMEOUT=30 vz start "$(ctid)"
	assert_eq "$(host_files)" "$sum" "files of the node after a start"
	vz exec "$(ctid)" cat /etc/resolv.conf
	assert_match 198.51.100.99
}

# The same, by a process of the VE that is faster than a check before the use.
@test "T24 edits while the VE swaps /etc for a link reach nothing of the host" {
	local sum canary=/vz/canary-t24 pid n=0
	mkdir -p "$canary"
	cp /etc/hosts /etc/hostname /etc/resolv.conf /etc/shadow /etc/passwd "$canary"
	canary_sum() { (cd "$canary" && ls -lA --time-style=+ && cat ./*) | sha256sum; }
	echo victim >"$BATS_TEST_TMPDIR/victim"
	sum="$(host_files) $(canary_sum)"
	ve_start "$(ctid)"
	into "$(ctid)" "$VZ_TEST_WORKLOADS/hostile" /bin/hostile
	# of the upper layer only: what the template has cannot be renamed
	in_ve "$(ctid)" "cp -a /etc /etc.new; rm -rf /etc; mv /etc.new /etc; ln -s $canary /out"
	timeout 30 vzctl exec2 "$(ctid)" /bin/hostile swap 10 /etc /out >"$BATS_TEST_TMPDIR/swap" 3>&- &
	pid=$!
	wait_until 10 grep -q ready "$BATS_TEST_TMPDIR/swap"
	while kill -0 "$pid" 2>/dev/null; do
		n=$((n + 1))
		SECONDS=0
		timeout 30 vzctl set "$(ctid)" --hostname "h$n.example" --nameserver "198.51.100.$n" --save >/dev/null 2>&1 3>&- || true
		timeout 30 vzctl set "$(ctid)" --userpasswd root:pw >/dev/null 2>&1 3>&- || true
		assert_num "$SECONDS" lt 15 "seconds of two edits"
		assert_eq "$(host_files) $(canary_sum)" "$sum" "files of the node after edit $n"
	done
	wait "$pid"
	cat "$BATS_TEST_TMPDIR/swap"
	assert_num "$n" ge 3 "edits"
	in_ve "$(ctid)" 'test -d /etc && test -L /out'
	rm -r "$canary"
}
