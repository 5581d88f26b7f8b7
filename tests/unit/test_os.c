/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System calls in our shape where that is more than a change of sign. */
#include "os/os.h"

#include "test.h"

#include <errno.h>
#include <signal.h>

static int pipe_without_reader(void)
{
	int p[2];

	if (pipe(p) < 0)
		exit(1);
	(void)close(p[0]);
	return p[1];
}

static int has_sigpipe_pending(void)
{
	sigset_t set;

	sigemptyset(&set);
	(void)sigpending(&set);
	return sigismember(&set, SIGPIPE);
}

static void test_write_pipe(void)
{
	int fd = pipe_without_reader(), p[2];
	sigset_t set;
	char buf[8];

	(void)signal(SIGPIPE, SIG_DFL);
	ok_int(os_write_pipe(fd, "x", 1), -EPIPE, "a pipe without reader is an error, not the end");
	sigemptyset(&set);
	(void)pthread_sigmask(SIG_SETMASK, NULL, &set);
	ok_int(sigismember(&set, SIGPIPE), 0, "the signal is let through again");
	sigaddset(&set, SIGPIPE);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	ok_int(os_write_pipe(fd, "x", 1), -EPIPE, "the same where it is blocked");
	ok_int(has_sigpipe_pending(), 0, "nothing of ours is left pending");
	(void)raise(SIGPIPE);
	ok_int(os_write_pipe(fd, "x", 1), -EPIPE, "the same where one is pending");
	ok_int(has_sigpipe_pending(), 1, "which stays the caller's");
	(void)close(fd);
	if (pipe(p) < 0)
		exit(1);
	ok_int(os_write_pipe(p[1], "abc", 3), 3, "a reader gets it");
	ok_int(read(p[0], buf, sizeof(buf)), 3, "all of it");
	(void)close(p[0]);
	(void)close(p[1]);
}

static void test_memfd(void)
{
	int fd = os_memfd("test", "#!/bin/true\n", 12, true);

	ok(fd >= 0, "a program in memory");
	ok(write(fd, "x", 1) < 0 && errno == EPERM, "cannot be written");
	ok(ftruncate(fd, 0) < 0 && errno == EPERM, "nor cut");
	(void)close(fd);
}

int main(void)
{
	test_write_pipe();
	test_memfd();
	return test_done();
}
