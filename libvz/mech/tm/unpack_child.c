// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The distrusted half of unpacking: libarchive on hostile bytes, in a process
 * that owns nothing.  Its root directory is the new tree and only that, through
 * a mount that maps ids 0..65535 on disk to a range of host ids nobody has; its
 * mount namespace belongs to the host, so that even its own root cannot mount;
 * no network, no other process, five capabilities over those ids, no exec, an
 * allow-list of system calls.  It must not know names, stores or digests.
 */
#include "mech/tm/policy.h"

#include <archive.h>
#include <linux/mount.h>
#include <linux/securebits.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "os/os.h"

#define NOTES_MAX   1000        /* what is said of them; all are counted */
#define CPU_SECONDS 3600
#define MEMORY_MAX  (1U << 30)  /* decoders' windows: xz -9 64 MiB, zstd 128 MiB */
#define RATIO_FLOOR (64U << 20) /* small archives may be as dense as they like */

struct job {
	const struct tm_confine *c;
	struct tm_policy policy;
	uint64_t in, out, notes;
	uint8_t buf[1 << 16];
};

static _Noreturn void speak(struct job *j, int type, int code, const char *what, const char *why)
{
	struct tm_unpack_msg m = { .type = type, .code = code, .members = j->policy.members, .notes = j->notes };

	(void)snprintf(m.text, sizeof(m.text), "%s%s%.300s", what, why && *why ? ": " : "", why ? why : "");
	_exit(os_send_fds(j->c->msg, &m, sizeof(m), NULL, 0) < 0 || type == TM_MSG_REFUSED);
}

static void note(struct job *j, const char *name, const char *did, const char *why)
{
	struct tm_unpack_msg m = { .type = TM_MSG_NOTE };

	if (j->notes++ >= NOTES_MAX)
		return;
	(void)snprintf(m.text, sizeof(m.text), "%.250s: %s%s", name ? name : "?", did, why);
	IGNORE(os_send_fds(j->c->msg, &m, sizeof(m), NULL, 0));
}

static _Noreturn void refused(struct job *j, struct archive_entry *ae, const char *why)
{
	const char *name = ae ? archive_entry_pathname(ae) : NULL;
	char what[300];

	(void)snprintf(what, sizeof(what), "refused%s%.250s", name ? ": " : "", name ? name : "");
	speak(j, TM_MSG_REFUSED, -EBADMSG, what, why);
}

/* libarchive's own word; a full disk is not the archive's fault. */
static _Noreturn void refused_by(struct job *j, struct archive *a, struct archive_entry *ae)
{
	int en = archive_errno(a);

	if (en == ENOSPC || en == EDQUOT)
		speak(j, TM_MSG_REFUSED, -ENOSPC, "no space left for the unpacked tree", NULL);
	refused(j, ae, archive_error_string(a) ? archive_error_string(a) : "malformed archive");
}

/* ---- confinement ---- */

/* Only these descriptors survive, and standard ones that lead nowhere. */
static int keep_only(const int *fds, size_t n)
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

	if (r >= 0)
		r = os_move_mount(c->tree, "", AT_FDCWD, c->dir, MOVE_MOUNT_F_EMPTY_PATH);
	if (r < 0)
		return r;
	if (chdir(c->dir) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
	    chdir("/") < 0)
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
	static const cap_value_t kept[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_SETFCAP };
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

/* ---- unpacking ---- */

static la_ssize_t next_bytes(struct archive *a, void *data, const void **buf)
{
	struct job *j = data;
	ssize_t n;

	do
		n = read(j->c->stream, j->buf, sizeof(j->buf));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		archive_set_error(a, errno, "read");
	else
		j->in += (uint64_t)n;
	*buf = j->buf;
	return n;
}

static void check_ratio(struct job *j)
{
	if (j->out > RATIO_FLOOR && j->out / j->policy.lim.max_ratio > j->in)
		refused(j, NULL, "unpacks to too many times its size (a decompression bomb?)");
}

static void copy_data(struct job *j, struct archive *in, struct archive *out, struct archive_entry *ae)
{
	const void *buf;
	size_t n;
	la_int64_t off;
	int r;

	for (;;) {
		r = archive_read_data_block(in, &buf, &n, &off);
		if (r == ARCHIVE_EOF)
			return;
		if (r < ARCHIVE_WARN)
			refused_by(j, in, ae);
		j->out += n;
		check_ratio(j);
		if (archive_write_data_block(out, buf, n, off) < ARCHIVE_WARN)
			refused_by(j, out, ae);
	}
}

static void one_member(struct job *j, struct archive *in, struct archive *out, struct archive_entry *ae)
{
	char why[TM_WHY_SIZE];
	enum tm_verdict v = tm_policy_judge(&j->policy, ae, why);
	int r;

	check_ratio(j);
	if (v == TM_REFUSE)
		refused(j, ae, why);
	if (v == TM_SKIP) {
		note(j, archive_entry_pathname(ae), "left out: ", why);
		return;
	}
	if (v == TM_DEFUSED)
		note(j, archive_entry_pathname(ae), "", why);
	r = archive_write_header(out, ae);
	if (r < ARCHIVE_WARN)
		refused_by(j, out, ae);
	if (r == ARCHIVE_WARN)
		note(j, archive_entry_pathname(ae), "", archive_error_string(out));
	if (archive_entry_size(ae) > 0)
		copy_data(j, in, out, ae);
	r = archive_write_finish_entry(out);
	if (r < ARCHIVE_WARN)
		refused_by(j, out, ae);
	if (r == ARCHIVE_WARN)
		note(j, archive_entry_pathname(ae), "", archive_error_string(out));
}

/* No program filters, no formats but tar. */
static struct archive *reader(struct job *j)
{
	struct archive *a = archive_read_new();

	if (!a || archive_read_support_format_tar(a) < ARCHIVE_WARN ||
	    archive_read_support_filter_gzip(a) != ARCHIVE_OK || archive_read_support_filter_bzip2(a) != ARCHIVE_OK ||
	    archive_read_support_filter_xz(a) != ARCHIVE_OK || archive_read_support_filter_zstd(a) != ARCHIVE_OK)
		speak(j, TM_MSG_REFUSED, -ENOSYS, "libarchive lacks a decoder for gzip, bzip2, xz or zstd", NULL);
	if (archive_read_open(a, j, NULL, next_bytes, NULL) != ARCHIVE_OK)
		refused_by(j, a, NULL);
	return a;
}

static _Noreturn void unpack(struct job *j)
{
	struct archive *in = reader(j), *out = archive_write_disk_new();
	struct archive_entry *ae;
	int r;

	if (!out || archive_write_disk_set_options(out, ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_PERM |
			ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_XATTR | ARCHIVE_EXTRACT_ACL |
			ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NODOTDOT |
			ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS) != ARCHIVE_OK)
		speak(j, TM_MSG_REFUSED, -ENOMEM, "out of memory", NULL);
	while ((r = archive_read_next_header(in, &ae)) != ARCHIVE_EOF) {
		if (r < ARCHIVE_WARN)
			refused_by(j, in, NULL);
		one_member(j, in, out, ae);
	}
	if (archive_write_close(out) < ARCHIVE_WARN)
		refused_by(j, out, NULL);
	if (!j->policy.members)
		refused(j, NULL, "the archive is empty");
	/* what follows the end of the archive counts for its digest only */
	while (read(j->c->stream, j->buf, sizeof(j->buf)) > 0)
		;
	speak(j, TM_MSG_DONE, 0, "", NULL);
}

static _Noreturn void confined(const struct tm_confine *c)
{
	struct job *j = calloc(1, sizeof(*j));
	const char *step = "enter the tree";
	int r;

	if (!j)
		_exit(1);
	j->c = c;
	j->policy.lim = c->lim;
	(void)umask(022);
	r = enter_tree(c);
	if (r >= 0 && (step = "limits", r = set_limits(&c->lim)) >= 0 &&
	    (step = "identity", r = change_identity(c)) >= 0) {
		step = "seccomp";
		r = filter();
	}
	if (r < 0)
		speak(j, TM_MSG_REFUSED, r, "confine the unpacking child", step);
	unpack(j);
}

_Noreturn void tm_unpack_child(const struct tm_confine *c)
{
	const int fds[] = { c->stream, c->msg, c->tree, c->userns };
	int status;
	pid_t pid;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || keep_only(fds, ARRAY_SIZE(fds)) < 0)
		_exit(1);
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID) < 0)
		_exit(1);
	pid = fork();
	if (pid < 0)
		_exit(1);
	if (pid == 0)
		confined(c);
	/* we only wait; our copies would keep the other side from seeing the child's end */
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		(void)close(fds[i]);
	if (os_reap(pid, &status) < 0)
		_exit(1);
	if (WIFSIGNALED(status)) {
		(void)signal(WTERMSIG(status), SIG_DFL);
		(void)raise(WTERMSIG(status));
	}
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}
