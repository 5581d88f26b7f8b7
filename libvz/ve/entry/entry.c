/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vz-entry: the program that goes into a running VE.  It lies in libvz as bytes and is
 * executed from sealed memory by ve/enter.c, so what a VE can see as /proc/PID/exe is no
 * file of the host's, and none of the caller's memory comes along.  It links nothing
 * and starts in a tenth of a millisecond.
 *
 * Two processes: outside() joins every namespace while it is still visible on the host
 * only; inside() is born in there (a pid namespace is entered by birth), as the caller's
 * child (CLONE_PARENT), is not dumpable, and becomes the command.
 */
#include "os/raw.h"
#include "os/shed.h"
#include "ve/entry/entry.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/statfs.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

#define PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define SOCK 16 /* ours, out of the way of what arrives */
#define ALL_NS                                                                     \
	(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | \
	 CLONE_NEWCGROUP | CLONE_NEWTIME)

static struct entry_request request;

static _Noreturn void leave(int status)
{
	for (;;)
		(void)raw(SYS_exit_group, status);
}

/* One message, with a descriptor where fd >= 0. */
static long say(const struct entry_msg *m, int fd)
{
	union {
		struct cmsghdr head;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)m, .iov_len = sizeof(*m) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = fd < 0 ? NULL : &control,
			      .msg_controllen = fd < 0 ? 0 : sizeof(control) };

	control.head.cmsg_len = CMSG_LEN(sizeof(fd));
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	__builtin_memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	return raw(SYS_sendmsg, SOCK, &msg, MSG_NOSIGNAL);
}

static _Noreturn void fail(enum entry_step step, long code)
{
	const struct entry_msg m = { .step = (int32_t)step, .code = (int32_t)code };

	(void)say(&m, -1);
	leave(1);
}

static void need(enum entry_step step, long r)
{
	if (r < 0)
		fail(step, r);
}

/* A change of ids sets it to fs.suid_dumpable, which an administrator may have at 1. */
static void hide(enum entry_step step)
{
	need(step, raw(SYS_prctl, PR_SET_DUMPABLE, 0));
}

/* Nothing but the socket stays open; what comes over it takes the numbers from 0 up. */
static void take_request(void)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int) * ENTRY_FDS)];
	} control;
	struct iovec iov = { .iov_base = &request, .iov_len = sizeof(request) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	long n;

	n = raw(SYS_dup3, 0, SOCK, O_CLOEXEC);
	if (n < 0)
		leave(1);
	need(ENTRY_REQUEST, raw(SYS_close_range, 0, SOCK - 1, 0));
	need(ENTRY_REQUEST, raw(SYS_close_range, SOCK + 1, ~0U, 0));
	n = raw(SYS_recvmsg, SOCK, &msg, 0);
	need(ENTRY_REQUEST, n);
	if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC) || (size_t)n < ENTRY_REQUEST_LEN(0) ||
	    request.filter_len > BPF_MAXINSNS || (size_t)n != ENTRY_REQUEST_LEN(request.filter_len))
		fail(ENTRY_REQUEST, -EBADMSG);
}

/* Outside still: host root, in the VE's cgroup or about to go there. */
static void join(void)
{
	const int init = entry_init_fd(request.flags);

	if (request.flags & ENTRY_WITH_MOVE) {
		long fd = raw(SYS_openat, entry_cgroup_fd(request.flags), "cgroup.procs",
			      O_WRONLY | O_CLOEXEC);

		need(ENTRY_CGROUP, fd);
		need(ENTRY_CGROUP, raw(SYS_write, fd, "0", 1));
	}
	need(ENTRY_JOIN, raw(SYS_setns, init,
			     ALL_NS | (request.flags & ENTRY_WITH_USERNS ? CLONE_NEWUSER : 0)));
	/* the VE's root from here on */
	need(ENTRY_ROOT, raw(SYS_setgroups, 0, 0));
	need(ENTRY_ROOT, raw(SYS_setresgid, 0, 0, 0));
	need(ENTRY_ROOT, raw(SYS_setresuid, 0, 0, 0));
	hide(ENTRY_ROOT);
}

/* A pty of the VE's own for 0, 1, 2. /dev/pts is the tenant's: it has to be a devpts to be believed. */
static void make_pty(void)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
				.resolve = RESOLVE_NO_MAGICLINKS };
	const struct entry_msg m = { 0 };
	struct statfs st;
	int unlock = 0;
	long dir, master, slave;

	dir = raw(SYS_openat2, AT_FDCWD, "/dev/pts", &how, sizeof(how));
	need(ENTRY_PTY, dir);
	need(ENTRY_PTY, raw(SYS_fstatfs, dir, &st));
	if (st.f_type != DEVPTS_SUPER_MAGIC)
		fail(ENTRY_PTY, -EXDEV);
	how.flags = O_RDWR | O_NOCTTY | O_CLOEXEC;
	how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
	master = raw(SYS_openat2, dir, "ptmx", &how, sizeof(how));
	need(ENTRY_PTY, master);
	need(ENTRY_PTY, raw(SYS_ioctl, master, TIOCSPTLCK, &unlock));
	slave = raw(SYS_ioctl, master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	need(ENTRY_PTY, slave);
	need(ENTRY_PTY, say(&m, (int)master));
	/* they arrived in no other numbers: 0 was init's pidfd, which has done its work */
	(void)raw(SYS_close_range, 0, 2, 0);
	for (int fd = 0; fd < 3; fd++)
		need(ENTRY_STDIO, raw(SYS_fcntl, slave, F_DUPFD, fd));
	(void)raw(SYS_ioctl, 0, TIOCSCTTY, 0);
}

/* execvp along PATH; a file without a format is a script of sh's, as execvp(3) has it. Returns on failure. */
static long exec_file(const char *path, char **argv, char **env)
{
	long r = raw(SYS_execve, path, argv, env);

	if (r == -ENOEXEC) {
		/* the count of arguments stands before the first: room for one more */
		argv[0] = (char *)(uintptr_t)path;
		argv[-1] = (char *)(uintptr_t) "/bin/sh";
		r = raw(SYS_execve, "/bin/sh", argv - 1, env);
	}
	return r;
}

static long exec_along_path(const char *name, char **argv, char **env)
{
	char path[4096];
	bool denied = false;
	size_t len = 0;
	long r;

	for (; name[len]; len++)
		if (name[len] == '/')
			return exec_file(name, argv, env);
	if (len == 0 || len > 255)
		return len ? -ENAMETOOLONG : -ENOENT;
	for (const char *dir = PATH; *dir;) {
		size_t n = 0;

		for (; *dir && *dir != ':'; dir++)
			path[n++] = *dir;
		dir += *dir == ':';
		path[n++] = '/';
		for (size_t i = 0; i <= len; i++)
			path[n++] = name[i];
		r = exec_file(path, argv, env);
		denied |= r == -EACCES;
		if (r != -ENOENT && r != -EACCES && r != -ENOTDIR)
			return r;
	}
	return denied ? -EACCES : -ENOENT;
}

static bool is_bash(const char *s)
{
	return s[0] == 'b' && s[1] == 'a' && s[2] == 's' && s[3] == 'h' && !s[4];
}

/* Inside, as the VE's root: what happens here the VE may see. */
static _Noreturn void inside(char **argv, char **env)
{
	const struct sock_fprog prog = { .len = (unsigned short)request.filter_len,
					 .filter = request.filter };
	long r;

	/* out of the caller's session: /dev/tty in the VE would be the host's terminal, open to TIOCSTI */
	need(ENTRY_SESSION, raw(SYS_setsid));
	if (request.flags & ENTRY_WITH_PTY)
		make_pty();
	/*
	 * Closed, not left to the exec: until then every path is the VE's to make, and
	 * /proc/self/fd/N/.. of the cgroup's directory would be the host's tree.
	 */
	need(ENTRY_STDIO, raw(SYS_close_range, 3, SOCK - 1, 0));
	need(ENTRY_STDIO, raw(SYS_close_range, SOCK + 1, ~0U, 0));
	if (raw(SYS_chdir, request.cwd) < 0)
		need(ENTRY_CWD, raw(SYS_chdir, "/"));
	/* the filter before the capabilities: CAPABILITY may take CAP_SYS_ADMIN away */
	need(ENTRY_FILTER, raw(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog));
	need(ENTRY_CAPS, shed_caps(request.caps));
	r = exec_along_path(argv[0], argv, env);
	if (r == -ENOENT && is_bash(argv[0])) {
		argv[0] = (char *)(uintptr_t) "sh"; /* busybox goes by its name */
		r = exec_along_path(argv[0], argv, env);
	}
	fail(ENTRY_EXEC, r);
}

static _Noreturn void outside(char **argv, char **env)
{
	int pidfd = -1;
	struct clone_args args = { .flags = CLONE_PARENT | CLONE_PIDFD,
				   .pidfd = (uint64_t)(uintptr_t)&pidfd };
	struct entry_msg m = { 0 };
	long pid;

	take_request();
	hide(ENTRY_REQUEST);
	shed_inheritance();
	join();
	pid = raw(SYS_clone3, &args, sizeof(args));
	need(ENTRY_FORK, pid);
	if (pid == 0)
		inside(argv, env);
	m.pid = (int32_t)pid;
	leave(say(&m, pidfd) < 0);
}

#ifdef RAW_NO_LIBC
void *memset(void *to, int c, size_t n);
void *memcpy(void *restrict to, const void *restrict from, size_t n);

/* Compilers call these for initialisers and copies, libc or not. */
void *memset(void *to, int c, size_t n)
{
	void *p = to;

	__asm__ volatile("rep stosb" : "+D"(p), "+c"(n) : "a"(c) : "memory");
	return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	void *p = to;

	__asm__ volatile("rep movsb" : "+D"(p), "+S"(from), "+c"(n) : : "memory");
	return to;
}

/* What the kernel starts: the stack holds argc, argv, NULL, environment, NULL. */
__asm__(".text\n.globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n"
	"\tand $-16, %rsp\n\tcall entry\n");
__attribute__((used)) _Noreturn void entry(long *stack);
_Noreturn void entry(long *stack)
{
	char **argv = (char **)(stack + 1);

	outside(argv, argv + *stack + 1);
}
#else
int main(int argc, char **argv, char **env)
{
	(void)argc;
	outside(argv, env);
}
#endif
