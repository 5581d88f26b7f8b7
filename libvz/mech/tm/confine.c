// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The world of the unpacking child: its root directory is the new tree and only
 * that, through a mount that maps ids 0..65535 on disk to a range of host ids
 * nobody has; its mount namespace belongs to the host, so that even its own root
 * cannot mount; no network, no other process, five capabilities over those ids,
 * no exec, an allow-list of system calls.  It knows nothing of archives.
 */
#include "mech/tm/store.h"

#include <linux/mount.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "os/os.h"

#define CPU_SECONDS 3600
#define MEMORY_MAX  (1U << 30) /* decoders' windows: xz -9 64 MiB, zstd 128 MiB */

int tm_keep_only(const int *fds, size_t n)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	bool keep[1024] = { false };

	if (null < 0)
		return -errno;
	for (int i = 0; i < 3; i++)
		if (dup2(null, i) < 0)
			return -errno;
	for (size_t i = 0; i < n; i++) {
		if (fds[i] < 3 || fds[i] >= (int)ARRAY_SIZE(keep))
			return -EMFILE;
		keep[fds[i]] = true;
	}
	for (int i = 3; i < (int)ARRAY_SIZE(keep); i++)
		if (!keep[i])
			(void)close(i);
	return RET_NERRNO(syscall(SYS_close_range, ARRAY_SIZE(keep), ~0U, 0));
}

/* As host root in our own mount namespace: the tree becomes all there is. */
static int enter_tree(const struct tm_confine *c)
{
	struct mount_attr a = { .propagation = MS_PRIVATE };
	int r = os_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &a);

	/* cloned of a shared mount, as systemd makes them, it is a peer of the host's still */
	if (r >= 0)
		r = os_mount_setattr(c->tree, "", AT_EMPTY_PATH, &a);
	if (r >= 0)
		r = os_move_mount(c->tree, "", AT_FDCWD, c->dir, MOVE_MOUNT_F_EMPTY_PATH);
	if (r < 0)
		return r;
	if (chdir(c->dir) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

static int set_limits(const struct tm_limits *lim)
{
	const struct {
		int what;
		rlim_t value;
	} rows[] = {
		{ RLIMIT_FSIZE, lim->max_bytes },
		{ RLIMIT_NOFILE, 64 + TM_DEPTH_MAX },
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_CPU, CPU_SECONDS },
		{ RLIMIT_AS, MEMORY_MAX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct rlimit l;

		if (getrlimit((__rlimit_resource_t)rows[i].what, &l) < 0)
			return -errno;
		if (l.rlim_max > rows[i].value)
			l.rlim_max = rows[i].value;
		l.rlim_cur = l.rlim_max;
		if (setrlimit((__rlimit_resource_t)rows[i].what, &l) < 0)
			return -errno;
	}
	return 0;
}

static int keep_caps(void)
{
	static const cap_value_t kept[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID,
					    CAP_SETFCAP };
	cap_t caps;
	int r;

	for (cap_value_t c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
		if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0)
			return -errno;
	caps = cap_init();
	if (!caps)
		return -ENOMEM;
	r = RET_NERRNO(cap_set_flag(caps, CAP_PERMITTED, ARRAY_SIZE(kept), kept, CAP_SET));
	if (r >= 0)
		r = RET_NERRNO(cap_set_flag(caps, CAP_EFFECTIVE, ARRAY_SIZE(kept), kept, CAP_SET));
	if (r >= 0)
		r = RET_NERRNO(cap_set_proc(caps));
	(void)cap_free(caps);
	return r;
}

/* From host root to nobody's root: uid 0 of a user namespace whose ids own nothing on the host. */
static int change_identity(const struct tm_confine *c)
{
	int r = os_setns(c->userns, CLONE_NEWUSER);

	if (r >= 0)
		r = os_setgroups0();
	if (r >= 0)
		r = os_setresgid(0, 0, 0);
	if (r >= 0)
		r = os_setresuid(0, 0, 0);
	if (r >= 0)
		r = keep_caps();
	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	/* last: a change of credentials clears it */
	return RET_NERRNO(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
}

/* What libarchive, its decoders and the C library's allocator use; anything else does not exist. */
/* clang-format off */
static const int allowed[] = {
	SCMP_SYS(access), SCMP_SYS(brk), SCMP_SYS(chdir), SCMP_SYS(chmod), SCMP_SYS(chown),
	SCMP_SYS(clock_gettime), SCMP_SYS(close), SCMP_SYS(dup), SCMP_SYS(exit), SCMP_SYS(exit_group),
	SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(fchdir), SCMP_SYS(fchmod), SCMP_SYS(fchmodat),
	SCMP_SYS(fchown), SCMP_SYS(fchownat), SCMP_SYS(fcntl), SCMP_SYS(fgetxattr),
	SCMP_SYS(fsetxattr), SCMP_SYS(fstat), SCMP_SYS(fstatfs), SCMP_SYS(ftruncate), SCMP_SYS(futex),
	SCMP_SYS(getcwd), SCMP_SYS(getegid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getpid),
	SCMP_SYS(getrandom), SCMP_SYS(gettid), SCMP_SYS(gettimeofday), SCMP_SYS(getuid), SCMP_SYS(getxattr),
	SCMP_SYS(lchown), SCMP_SYS(lgetxattr), SCMP_SYS(link), SCMP_SYS(linkat), SCMP_SYS(listxattr),
	SCMP_SYS(llistxattr), SCMP_SYS(lseek), SCMP_SYS(lsetxattr), SCMP_SYS(lstat), SCMP_SYS(madvise),
	SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(mmap), SCMP_SYS(mremap), SCMP_SYS(munmap),
	SCMP_SYS(newfstatat), SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(prlimit64), SCMP_SYS(pwrite64),
	SCMP_SYS(read), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(rename), SCMP_SYS(renameat),
	SCMP_SYS(rmdir), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sched_yield), SCMP_SYS(sendmsg), SCMP_SYS(setxattr), SCMP_SYS(stat), SCMP_SYS(statfs),
	SCMP_SYS(statx), SCMP_SYS(symlink), SCMP_SYS(symlinkat), SCMP_SYS(sysinfo), SCMP_SYS(time),
	SCMP_SYS(umask), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(utimensat), SCMP_SYS(write),
	SCMP_SYS(writev),
};
/* clang-format on */

static int filter(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int r = ctx ? 0 : -ENOMEM;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(allowed); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
	/* of special files only pipes: even the harmless char 0:0 would be a whiteout */
	if (r >= 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mknod), 1,
				     SCMP_A1(SCMP_CMP_MASKED_EQ, S_IFMT, S_IFIFO));
	if (r >= 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mknodat), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, S_IFMT, S_IFIFO));
	/* the allocator gives memory back and asks for it; none of it ever runs */
	if (r >= 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, 4, 0));
	if (r >= 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}

int tm_confine(const struct tm_confine *c, const char **ret_step)
{
	int r = enter_tree(c);

	*ret_step = "enter the tree";
	if (r >= 0) {
		*ret_step = "limits";
		r = set_limits(&c->lim);
	}
	if (r >= 0) {
		*ret_step = "identity";
		r = change_identity(c);
	}
	if (r >= 0) {
		*ret_step = "seccomp";
		r = filter();
	}
	return r;
}
