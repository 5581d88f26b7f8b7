/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A script of the host's fed to the VE's own shell: it runs as the VE's root
 * in the VE's namespaces, so nothing it touches can lead out of the tree.
 */
#include "ve/ve.h"

#include "base/str.h"
#include "os/os.h"

#include <poll.h>
#include <string.h>

#define OUTPUT_MAX (64U << 10)

struct script_io {
	int in, out;
	const char *text;
	size_t left;
	struct str said;
};

static void step(struct script_io *io, const struct pollfd *p)
{
	char buf[4096];
	ssize_t n;

	if (p[0].revents) {
		n = os_write_pipe(io->in, io->text, io->left);
		if (n > 0) {
			io->text += n;
			io->left -= (size_t)n;
		}
		if ((n < 0 && n != -EAGAIN && n != -EINTR) || !io->left)
			io->in = safe_close(io->in);
	}
	if (p[1].revents) {
		n = read(io->out, buf, sizeof(buf));
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			io->out = safe_close(io->out);
		else if (n > 0 && io->said.len < OUTPUT_MAX)
			str_addn(&io->said, buf, (size_t)n);
	}
}

/* Until the shell ended and its output is read: 0, or -ETIMEDOUT, -ECANCELED. */
static int converse(struct script_io *io, int pidfd, int hangup_fd, int timeout_ms)
{
	uint64_t end = os_now_ms() + (uint64_t)timeout_ms;

	for (;;) {
		struct pollfd p[] = { { .fd = io->in, .events = POLLOUT },
				      { .fd = io->out, .events = POLLIN },
				      { .fd = pidfd, .events = POLLIN },
				      { .fd = os_hangup_poll(hangup_fd) } };
		uint64_t now = os_now_ms();
		int n = now < end ? poll(p, ARRAY_SIZE(p), (int)(end - now)) : 0;

		/* also when there is always something to read */
		if (n == 0)
			return -ETIMEDOUT;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n < 0)
			continue;
		if (p[3].revents)
			return -ECANCELED;
		step(io, p);
		/* what the shell left running may say more for ever */
		if (p[2].revents && (!p[1].revents || io->said.len >= OUTPUT_MAX))
			return 0;
	}
}

static int pipes(int in[2], int out[2])
{
	if (pipe2(in, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(out, O_CLOEXEC) < 0) {
		int r = -errno;

		(void)safe_close(in[0]);
		(void)safe_close(in[1]);
		return r;
	}
	(void)fcntl(in[1], F_SETFL, O_NONBLOCK);
	return 0;
}

int ve_script(const struct ve *ve, const char *script, char *const *env, int timeout_ms,
	      char **ret_out, struct vz_error *e)
{
	char *argv[] = { (char *)"sh", (char *)"-s", NULL };
	struct enter_opts o = { .argv = argv, .env = env };
	struct script_io io = {
		.in = -EBADF, .out = -EBADF, .text = script, .left = strlen(script)
	};
	struct entered p;
	int in[2], out[2], r, status;

	r = pipes(in, out);
	if (r < 0)
		return vz_fail(e, r, "make pipes");
	o.fds[0] = in[0];
	o.fds[1] = o.fds[2] = out[1];
	r = ve_enter(ve, &o, &p, e);
	(void)safe_close(in[0]);
	(void)safe_close(out[1]);
	io.in = in[1];
	io.out = out[0];
	if (r >= 0) {
		r = converse(&io, p.pidfd, ve->hangup_fd, timeout_ms);
		if (r == -ECANCELED)
			r = vz_fail(e, r, "interrupted");
		else if (r < 0)
			r = vz_fail_exit(e, r, VZ_EXIT_EXEC_TIMEOUT,
					 "a script in the container did not end within %d s",
					 timeout_ms / 1000);
		r = RET_GATHER(r, r < 0 ? os_kill_reap(p.pid, p.pidfd, &status)
					: os_reap(p.pid, &status));
		(void)safe_close(p.pidfd);
	}
	(void)safe_close(io.in);
	(void)safe_close(io.out);
	if (r >= 0 && ret_out && str_take(&io.said, ret_out) < 0)
		r = vz_fail(e, -ENOMEM, "keep the script's output");
	str_done(&io.said);
	return r < 0 ? r : status;
}
