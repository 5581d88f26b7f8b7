/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Running a helper program: argv only, never a shell; bounded in time; its
 * output captured when wanted.  One poll loop feeds stdin and drains output,
 * so neither side can block the other.
 */
#include "os/os.h"

#include "base/str.h"

#include <poll.h>
#include <string.h>
#include <sys/wait.h>

#define OUTPUT_MAX (1U << 20) /* what a helper says beyond this is dropped */

static char *const default_env[] = {
	(char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	(char *)"LC_ALL=C.UTF-8",
	NULL,
};

static _Noreturn void child(char *const argv[], const struct os_exec_opts *o, int in, int out)
{
	sigset_t none;

	/* what can be interrupted ends as a whole */
	if (o->hangup_fd > 0)
		(void)setpgid(0, 0);
	if (dup2(in, STDIN_FILENO) < 0 ||
	    (out >= 0 && (dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)))
		_exit(126);
	if (os_cloexec_from(3) < 0)
		_exit(126);
	for (int s = 1; s < NSIG; s++)
		(void)signal(s, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)execvpe(argv[0], argv, o->env ? o->env : default_env);
	_exit(errno == ENOENT ? 127 : 126);
}

struct pump {
	int in, out, pidfd;
	const char *data;
	size_t len;
	struct str text;
};

static void feed(struct pump *p)
{
	ssize_t n = os_write_pipe(p->in, p->data, p->len);

	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n > 0) {
		p->data += n;
		p->len -= (size_t)n;
	}
	if (n < 0 || !p->len)
		p->in = safe_close(p->in);
}

static void drain(struct pump *p)
{
	char buf[4096];
	ssize_t n = read(p->out, buf, sizeof(buf));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		p->out = safe_close(p->out);
	else if (p->text.len < OUTPUT_MAX)
		str_addn(&p->text, buf, (size_t)n);
}

/* Until the child ended and its output is read; a grandchild holding the pipe is not waited for. */
static int pump(struct pump *p, int timeout_ms, int hangup_fd)
{
	uint64_t end = os_now_ms() + (uint64_t)(timeout_ms < 0 ? 0 : timeout_ms);

	for (;;) {
		struct pollfd fds[] = {
			{ .fd = p->pidfd, .events = POLLIN },
			{ .fd = p->out, .events = POLLIN },
			{ .fd = p->in, .events = POLLOUT },
			{ .fd = os_hangup_poll(hangup_fd) },
		};
		uint64_t now = os_now_ms();
		int left = timeout_ms < 0 ? -1 : now < end ? (int)(end - now) : 0;
		int n = left ? poll(fds, ARRAY_SIZE(fds), left) : 0;

		if (n < 0 && errno != EINTR)
			return -errno;
		/* also when there is always something to read */
		if (n == 0)
			return -ETIMEDOUT;
		if (n < 0)
			continue;
		if (fds[3].revents)
			return -ECANCELED;
		if (fds[2].revents)
			feed(p);
		if (fds[1].revents)
			drain(p);
		if (fds[0].revents && (!fds[1].revents || p->text.len >= OUTPUT_MAX))
			return 0;
	}
}

int os_exec(char *const argv[], const struct os_exec_opts *opts, char **ret_out)
{
	static const struct os_exec_opts none = { .timeout_ms = -1 };
	const struct os_exec_opts *o = opts ? opts : &none;
	_cleanup_close_ int in_r = -EBADF, in_w = -EBADF, out_r = -EBADF, out_w = -EBADF,
			    pidfd = -EBADF;
	_cleanup_(str_done) struct str text = { 0 };
	struct pump p;
	int pipefd[2], status, r;
	pid_t pid;

	if (o->in) {
		if (pipe2(pipefd, O_CLOEXEC | O_NONBLOCK) < 0)
			return -errno;
		in_r = pipefd[0];
		in_w = pipefd[1];
		if (fcntl(in_r, F_SETFL, 0) < 0)
			return -errno;
	} else {
		in_r = os_openat(AT_FDCWD, "/dev/null", O_RDONLY, 0, 0);
		if (in_r < 0)
			return in_r;
	}
	if (ret_out) {
		if (pipe2(pipefd, O_CLOEXEC) < 0)
			return -errno;
		out_r = pipefd[0];
		out_w = pipefd[1];
	}
	pid = os_fork(&pidfd);
	if (pid < 0)
		return pid;
	if (pid == 0)
		child(argv, o, in_r, out_w);
	in_r = safe_close(in_r);
	out_w = safe_close(out_w);
	p = (struct pump){ .in = TAKE_FD(in_w),
			   .out = TAKE_FD(out_r),
			   .pidfd = pidfd,
			   .data = o->in,
			   .len = o->in_len };
	r = pump(&p, o->timeout_ms, o->hangup_fd);
	(void)safe_close(p.in);
	(void)safe_close(p.out);
	text = p.text;
	if (r < 0) {
		if (o->hangup_fd > 0)
			IGNORE(os_pidfd_kill_group(pidfd, SIGKILL));
		IGNORE(os_pidfd_kill(pidfd, SIGKILL));
	}
	r = RET_GATHER(r, os_reap(pid, &status));
	if (r < 0)
		return r;
	if (ret_out) {
		r = str_take(&text, ret_out);
		if (r < 0)
			return r;
	}
	return status;
}
