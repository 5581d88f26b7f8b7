/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Processes: raw clone3, pidfds, credentials of one thread.  glibc's set*id()
 * broadcast to every thread of the process and its fork() runs atfork handlers;
 * a library in somebody's daemon can use neither, hence the raw calls.
 */
#include "os/os.h"

#include <grp.h>
#include <linux/sched.h>
#include <poll.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/num.h"

#ifndef PIDFD_SIGNAL_PROCESS_GROUP
#define PIDFD_SIGNAL_PROCESS_GROUP (1U << 2) /* linux/pidfd.h of 6.9 */
#endif

#define KILL_WAIT_MS 2000

pid_t os_clone(uint64_t flags, int cgroup_fd, int *ret_pidfd)
{
	int pidfd = -EBADF;
	struct clone_args args = {
		.flags = flags | (ret_pidfd ? CLONE_PIDFD : 0) |
			 (cgroup_fd >= 0 ? CLONE_INTO_CGROUP : 0),
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD,
		.cgroup = cgroup_fd >= 0 ? (uint64_t)cgroup_fd : 0,
	};
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid < 0)
		return -errno;
	if (pid > 0 && ret_pidfd)
		*ret_pidfd = pidfd;
	return (pid_t)pid;
}

int os_pidfd_open(pid_t pid)
{
	return RET_NERRNO(syscall(SYS_pidfd_open, pid, 0));
}

int os_pidfd_kill(int pidfd, int sig)
{
	return RET_NERRNO(syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0));
}

int os_pidfd_kill_group(int pidfd, int sig)
{
	return RET_NERRNO(
		syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, PIDFD_SIGNAL_PROCESS_GROUP));
}

uint64_t os_now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

int os_pidfd_wait(int pidfd, int timeout_ms)
{
	uint64_t end = timeout_ms < 0 ? 0 : os_now_ms() + (uint64_t)timeout_ms;

	for (;;) {
		struct pollfd p = { .fd = pidfd, .events = POLLIN };
		int left = timeout_ms;
		int n;

		if (timeout_ms >= 0) {
			uint64_t now = os_now_ms();

			left = now < end ? (int)(end - now) : 0;
		}
		n = poll(&p, 1, left);
		if (n >= 0)
			return n > 0;
		if (errno != EINTR)
			return -errno;
	}
}

int os_reap(pid_t pid, int *status)
{
	int st;

	while (waitpid(pid, &st, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (status)
		*status = st;
	return 0;
}

int os_kill_reap(pid_t pid, int pidfd, int *status)
{
	int r;

	IGNORE(os_pidfd_kill(pidfd, SIGKILL));
	r = os_pidfd_wait(pidfd, KILL_WAIT_MS);
	if (r == 0)
		return -ETIMEDOUT;
	return r < 0 ? r : os_reap(pid, status);
}

int os_starttime(pid_t pid, uint64_t *ret)
{
	char path[64];
	_cleanup_free_ char *text = NULL;
	char *p;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	r = os_read_file_at(AT_FDCWD, path, 4096, &text, NULL);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	/* the command name may hold anything; what follows the last ')' is field 3 on */
	p = strrchr(text, ')');
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	if (!p)
		return -EBADMSG;
	*ret = strtoull(p + 1, NULL, 10);
	return 0;
}

int os_pid_inside(pid_t pid)
{
	char path[64];
	_cleanup_free_ char *text = NULL;
	int r, n;
	char *p;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	r = os_read_file_at(AT_FDCWD, path, 65536, &text, NULL);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	/* "NSpid:\t812\t3": ours, then one namespace deeper; a newline in a name stands as \n */
	p = strstr(text, "\nNSpid:\t");
	if (!p)
		return -EBADMSG;
	p += strlen("\nNSpid:\t");
	p += strcspn(p, "\t\n");
	if (*p != '\t')
		return -EXDEV;
	p++;
	p[strcspn(p, "\t\n")] = '\0';
	return num_parse_int(p, &n) < 0 || n <= 0 ? -EBADMSG : n;
}

void os_pids_done(struct os_pids *p)
{
	free(p->v);
	*p = (struct os_pids){ 0 };
}

int os_pids_add(struct os_pids *p, pid_t pid, pid_t inside)
{
	/* room doubles at powers of two */
	if (!(p->n & (p->n - 1))) {
		struct os_pid *v = realloc(p->v, (p->n ? 2 * p->n : 1) * sizeof(*v));

		if (!v)
			return -ENOMEM;
		p->v = v;
	}
	p->v[p->n++] = (struct os_pid){ .pid = pid, .inside = inside };
	return 0;
}

static int by_inside(const void *a, const void *b)
{
	const pid_t x = ((const struct os_pid *)a)->inside, y = ((const struct os_pid *)b)->inside;

	return (x > y) - (x < y);
}

void os_pids_sort(struct os_pids *p)
{
	if (p->n)
		qsort(p->v, p->n, sizeof(*p->v), by_inside);
}

pid_t os_pids_find(const struct os_pids *p, pid_t inside)
{
	const struct os_pid key = { .inside = inside }, *found = NULL;

	if (p->n)
		found = bsearch(&key, p->v, p->n, sizeof(key), by_inside);
	return found ? found->pid : -ESRCH;
}

int os_setresuid(uid_t r, uid_t e, uid_t s)
{
	return RET_NERRNO(syscall(SYS_setresuid, r, e, s));
}

int os_setresgid(gid_t r, gid_t e, gid_t s)
{
	return RET_NERRNO(syscall(SYS_setresgid, r, e, s));
}

int os_setgroups0(void)
{
	return RET_NERRNO(syscall(SYS_setgroups, 0, NULL));
}

/* setfsuid(2) has no error return: ask again whether it took. */
int os_setfsuid(uid_t uid)
{
	(void)setfsuid(uid);
	return (uid_t)setfsuid((uid_t)-1) == uid ? 0 : -EPERM;
}

int os_setfsgid(gid_t gid)
{
	(void)setfsgid(gid);
	return (gid_t)setfsgid((gid_t)-1) == gid ? 0 : -EPERM;
}
