/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The number that a pid namespace gave last. The kernel gives them in turn, and tells and takes the last one in
 * ns_last_pid of whoever asks, so that a process of ours in the namespace has to do it.
 */
#include "mech/cr/tasks.h"

#include <errno.h>
#include <sched.h>
#include <sys/wait.h>

#include "os/os.h"

#define LAST_PID "/proc/sys/kernel/ns_last_pid"

/* A fork whose child is in the namespace of pidfd's process, which sees it there. */
static pid_t fork_beside(int pidfd)
{
	_cleanup_close_ int own = os_ns_own(CLONE_NEWPID);
	int r = own < 0 ? own : os_setns(pidfd, CLONE_NEWPID);
	pid_t pid;

	if (r < 0)
		return r;
	pid = os_fork(NULL);
	if (pid != 0)
		os_ns_back(own, CLONE_NEWPID);
	return pid;
}

int cr_last_pid(int pidfd, uint32_t *ret, struct vz_error *e)
{
	pid_t pid = fork_beside(pidfd);
	int r = pid;

	if (pid == 0)
		_exit(0);
	if (pid > 0) {
		r = os_pid_inside(pid);
		*ret = (uint32_t)r;
		r = RET_GATHER(r, os_reap(pid, NULL));
	}
	return r < 0 ? vz_fail(e, r, "learn the container's last process number") : 0;
}

int cr_set_last_pid(int pidfd, uint32_t last, struct vz_error *e)
{
	pid_t pid = fork_beside(pidfd);
	int status = 0, r = pid;
	char text[16];

	if (pid == 0) {
		(void)snprintf(text, sizeof(text), "%u", last);
		_exit(-os_write_file_at(AT_FDCWD, LAST_PID, text));
	}
	if (pid > 0)
		r = os_reap(pid, &status);
	if (r >= 0)
		r = WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
	return r < 0 ? vz_fail(e, r, "let new processes go on from number %u", last) : 0;
}
