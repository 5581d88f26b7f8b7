/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The case "epoll" of criu_mini.c, which includes this. */
#ifndef CRIU_MINI_EPOLL_H
#define CRIU_MINI_EPOLL_H

#include "criu_mini.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

/* ---- an epoll shared with a child of a lower pid, which has a plain file in place of its target ---- */

#define EPOLL	   77
#define EPOLL_DATA 0x1234567890abcdef

static pid_t epoll_pid; /* who made it */
static int epoll_pipe[2];

static bool next_pid(const char *last)
{
	int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, last, strlen(last)) > 0 && close(fd) == 0;
}

static bool epoll_heir(void)
{
	return close(*epoll_pipe) == 0 && open("/null", O_RDWR) == *epoll_pipe;
}

static bool epoll_owner(void)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = EPOLL_DATA };
	int fd = epoll_create1(0);

	return fd >= 0 && dup2(fd, EPOLL) == EPOLL && close(fd) == 0 &&
	       epoll_ctl(EPOLL, EPOLL_CTL_ADD, *epoll_pipe, &ev) == 0 && next_pid("19") &&
	       stay(epoll_heir) == 20;
}

/* Init has the lowest pid of all, so it is another one's. */
static const char *epoll_make(void)
{
	NEED(pipe(epoll_pipe) == 0);
	NEED(next_pid("49") && (epoll_pid = stay(epoll_owner)) == 50);
	return NULL;
}

static const char *epoll_verify(void)
{
	struct epoll_event ev;
	int pidfd, fd;
	char c;

	NEED((pidfd = (int)syscall(SYS_pidfd_open, epoll_pid, 0)) >= 0);
	NEED((fd = (int)syscall(SYS_pidfd_getfd, pidfd, EPOLL, 0)) >= 0);
	NEED(epoll_wait(fd, &ev, 1, 0) == 0);
	NEED(write(epoll_pipe[1], "x", 1) == 1 && epoll_wait(fd, &ev, 1, 0) == 1);
	NEED(ev.events == EPOLLIN && ev.data.u64 == EPOLL_DATA);
	NEED(read(*epoll_pipe, &c, 1) == 1 && epoll_wait(fd, &ev, 1, 0) == 0);
	close(fd);
	close(pidfd);
	return NULL;
}

#endif
