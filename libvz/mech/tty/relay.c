/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Relays of exec (three pipes) and enter (a pty); one poll loop each, no threads. */
#include "mech/tty/tty.h"

#include "base/cleanup.h"
#include "os/os.h"

#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>

#define CHUNK	       16384
#define ESC_TIMEOUT_MS 1000
#define DRAIN_MAX      (1U << 20) /* fs.pipe-max-size */
#define EOF_AGAIN_MS   500

/* One direction: bytes read from src and not yet written to dst. A closed side is < 0. */
struct flow {
	int src, dst;
	bool own_src, own_dst; /* ours to close; the caller's 0, 1, 2 are not */
	size_t off, len;
	char buf[CHUNK];
};

static void flow_close_dst(struct flow *f)
{
	if (f->own_dst)
		(void)safe_close(f->dst);
	f->dst = -1;
	f->len = 0;
}

static void flow_close_src(struct flow *f)
{
	if (f->own_src)
		(void)safe_close(f->src);
	f->src = -1;
	if (!f->len)
		flow_close_dst(f);
}

static void flow_read(struct flow *f)
{
	ssize_t n = read(f->src, f->buf, sizeof(f->buf));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		flow_close_src(f);
		return;
	}
	f->off = 0;
	f->len = (size_t)n;
}

static void flow_write(struct flow *f)
{
	ssize_t n = os_write_pipe(f->dst, f->buf + f->off, f->len);

	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n < 0) {
		/* the reader went away: a pipe's writer is to learn that, a terminal is read on to nowhere */
		flow_close_dst(f);
		if (f->own_src || f->own_dst)
			flow_close_src(f);
		return;
	}
	f->off += (size_t)n;
	f->len -= (size_t)n;
	if (!f->len && f->src < 0)
		flow_close_dst(f);
}

static void flow_poll(const struct flow *f, struct pollfd *p)
{
	*p = (struct pollfd){ .fd = -1 };
	if (f->len)
		*p = (struct pollfd){ .fd = f->dst, .events = POLLOUT };
	else if (f->src >= 0)
		*p = (struct pollfd){ .fd = f->src, .events = POLLIN };
}

static void flow_step(struct flow *f, const struct pollfd *p)
{
	if (!p->revents)
		return;
	if (f->len)
		flow_write(f);
	else
		flow_read(f);
	if (f->len && f->dst < 0)
		f->len = 0;
}

/*
 * After the command's end: what lies in the pipe now, nothing that comes later. What it
 * left running may write for ever, so no more is read than a pipe or a pty can hold.
 */
static void flow_drain(struct flow *f)
{
	size_t left = DRAIN_MAX;

	while (f->len || (f->src >= 0 && left)) {
		bool reading = !f->len;
		struct pollfd p;

		flow_poll(f, &p);
		if (p.fd < 0)
			return;
		if (poll(&p, 1, reading ? 0 : -1) < 0 && errno == EINTR)
			continue;
		if (!p.revents || (reading && !(p.revents & POLLIN)))
			return;
		flow_step(f, &p);
		if (reading)
			left -= f->len < left ? f->len : left;
	}
}

/* Towards the VE nothing may block: it may want its output read before it reads on. */
static void never_block(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0)
		(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

/* What a terminal or a supervisor tells us is meant for the command, which is in a session of its own. */
static int signals_take(sigset_t *old)
{
	static const int forwarded[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP };
	struct sigaction sa;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++)
		/* ignored, as by nohup or '&': stays so */
		if (sigaction(forwarded[i], NULL, &sa) == 0 && sa.sa_handler != SIG_IGN)
			sigaddset(&set, forwarded[i]);
	if (pthread_sigmask(SIG_BLOCK, &set, old) != 0)
		return -EINVAL;
	return RET_NERRNO(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

static void signal_forward(int sigfd, int pidfd)
{
	struct signalfd_siginfo si;

	if (read(sigfd, &si, sizeof(si)) == (ssize_t)sizeof(si))
		IGNORE(os_pidfd_kill_group(pidfd, (int)si.ssi_signo));
}

static int relay_pipes(struct flow *f, int pidfd, int sigfd)
{
	for (;;) {
		struct pollfd p[5];

		for (size_t i = 0; i < 3; i++)
			flow_poll(&f[i], &p[i]);
		/* a command that closed its stdin wants no more of ours */
		p[3] = (struct pollfd){ .fd = pidfd, .events = POLLIN };
		p[4] = (struct pollfd){ .fd = sigfd, .events = POLLIN };
		if (poll(p, ARRAY_SIZE(p), -1) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (p[4].revents)
			signal_forward(sigfd, pidfd);
		for (size_t i = 0; i < 3; i++)
			flow_step(&f[i], &p[i]);
		if (p[3].revents)
			return 0;
	}
}

int tty_relay_pipes(int pidfd, int in, int out, int err, struct vz_error *e)
{
	_cleanup_free_ struct flow *f = calloc(3, sizeof(*f));
	_cleanup_close_ int sigfd = -EBADF;
	sigset_t old;
	int r;

	if (!f) {
		(void)safe_close(in);
		(void)safe_close(out);
		(void)safe_close(err);
		return vz_fail(e, -ENOMEM, "relay");
	}
	never_block(in);
	f[0].src = STDIN_FILENO, f[0].dst = in, f[0].own_dst = true;
	f[1].src = out, f[1].dst = STDOUT_FILENO, f[1].own_src = true;
	f[2].src = err, f[2].dst = STDERR_FILENO, f[2].own_src = true;
	(void)pthread_sigmask(SIG_SETMASK, NULL, &old);
	/* without the signals a command is still served */
	sigfd = signals_take(&old);
	r = relay_pipes(f, pidfd, sigfd);
	if (r < 0)
		r = vz_fail(e, r, "wait for the command");
	flow_drain(&f[1]);
	flow_drain(&f[2]);
	f[0].len = 0;
	for (size_t i = 0; i < 3; i++) {
		flow_close_src(&f[i]);
		flow_close_dst(&f[i]);
	}
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}

/* The caller's terminal: raw while we relay, as it was afterwards. */
struct raw {
	struct termios saved;
	bool active;
};

static void raw_on(struct raw *t)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &t->saved) < 0)
		return;
	raw = t->saved;
	cfmakeraw(&raw);
	t->active = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

static void raw_off(struct raw *t)
{
	if (t->active)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &t->saved);
}

static void copy_winsize(int master)
{
	struct winsize ws;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &ws) == 0)
		(void)ioctl(master, TIOCSWINSZ, &ws);
}

/* 'Esc .' at the start of a line: state 0 elsewhere, 1 at a line's start, 2 after Esc there. */
static bool saw_detach(int *state, const char *buf, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (*state == 2 && buf[i] == '.')
			return true;
		if (*state == 1 && buf[i] == '\033')
			*state = 2;
		else
			*state = buf[i] == '\r' || buf[i] == '\n';
	}
	return false;
}

struct pty_relay {
	struct flow *to, *from;
	int pidfd, winch, state;
	bool detach;
	bool eof; /* the caller has no more to type */
};

/*
 * The end of the caller's input is ^D, which ends a shell at its prompt. It is said again: what
 * comes while a shell is just switching its terminal to raw, or while a command reads, is lost.
 */
static void say_eof(struct pty_relay *p)
{
	p->eof = true;
	p->to->dst = p->from->src;
	p->to->buf[0] = '\004';
	p->to->off = 0;
	p->to->len = 1;
}

/* 1: ended, 2: detached, 0: go on */
static int pty_step(struct pty_relay *p)
{
	struct pollfd fds[4];
	int n;

	flow_poll(p->to, &fds[0]);
	flow_poll(p->from, &fds[1]);
	fds[2] = (struct pollfd){ .fd = p->winch, .events = POLLIN };
	fds[3] = (struct pollfd){ .fd = p->pidfd, .events = POLLIN };
	n = poll(fds, ARRAY_SIZE(fds), p->eof ? EOF_AGAIN_MS : -1);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (n == 0)
		say_eof(p);
	if (fds[2].revents) {
		struct signalfd_siginfo si;

		IGNORE(read(p->winch, &si, sizeof(si)));
		copy_winsize(p->from->src);
	}
	if (fds[0].revents) {
		bool reading = !p->to->len;

		flow_step(p->to, &fds[0]);
		if (reading && p->detach && saw_detach(&p->state, p->to->buf, p->to->len))
			return 2;
		/* a console is watched on */
		if (p->to->src < 0 && !p->eof && !p->detach)
			say_eof(p);
	}
	flow_step(p->from, &fds[1]);
	if (fds[3].revents || p->from->src < 0)
		return 1;
	return 0;
}

int tty_relay_pty(int pidfd, int master, const char *typed, bool detach, struct vz_error *e)
{
	_cleanup_free_ struct flow *f = calloc(2, sizeof(*f));
	_cleanup_close_ int winch = -EBADF;
	struct pty_relay p;
	struct raw term = { 0 };
	sigset_t set, old;
	int r;

	if (!f)
		return vz_fail(e, -ENOMEM, "relay");
	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	if (pthread_sigmask(SIG_BLOCK, &set, &old) != 0)
		return vz_fail(e, -EINVAL, "block SIGWINCH");
	winch = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	never_block(master);
	f[0].src = STDIN_FILENO, f[0].dst = master;
	f[1].src = master, f[1].dst = STDOUT_FILENO;
	if (typed) {
		f[0].len = strnlen(typed, CHUNK);
		memcpy(f[0].buf, typed, f[0].len);
	}
	p = (struct pty_relay){ .to = &f[0],
				.from = &f[1],
				.pidfd = pidfd,
				.winch = winch,
				.state = 1,
				.detach = detach };
	raw_on(&term);
	copy_winsize(master);
	do
		r = pty_step(&p);
	while (r == 0);
	if (r == 1)
		flow_drain(&f[1]);
	raw_off(&term);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r < 0)
		return vz_fail(e, r, "relay the terminal");
	return r == 2;
}
