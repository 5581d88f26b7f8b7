// SPDX-License-Identifier: GPL-2.0-or-later
/* bed-agent in the guest: pid 1, and one process for each port. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

enum { PORTS_MAX = 32, GRACE_MS = 50, GRACES = 6 };

struct session {
	struct link link;
	struct buf in; /* stdin the command has not taken yet */
	bool in_eof;
	pid_t pid; /* 0: no command runs */
	int pidfd, fd[3];
};

static void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void session_end(struct session *s)
{
	if (s->pid > 0) {
		kill(s->pid, SIGKILL);
		waitpid(s->pid, NULL, 0);
	}
	s->pid = 0;
	fd_close(&s->pidfd);
	for (int i = 0; i < 3; i++)
		fd_close(&s->fd[i]);
	s->in.len = 0;
	s->in_eof = false;
}

static void child_exec(char **env, char **argv, int stdio[3])
{
	sigset_t none;
	int fd;

	for (int i = 0; i < 3; i++)
		dup2(stdio[i], i);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGIO, SIG_DFL);
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, "0", 1) < 0)
		perror("oom_score_adj");
	environ = env;
	execvp(argv[0], argv);
	fprintf(stderr, "bed: %s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* Strings of an EXEC payload as one array: environment, NULL, arguments, NULL. */
static char **split_strings(char *p, char *end, char ***argv)
{
	char **v = calloc((size_t)(end - p) + 3, sizeof(*v));
	size_t n = 0;

	if (!v)
		die("out of memory");
	for (; p < end && *p; p += strlen(p) + 1)
		v[n++] = p;
	*argv = &v[++n];
	for (p++; p < end; p += strlen(p) + 1)
		v[n++] = p;
	return v;
}

static void session_start(struct session *s, const uint8_t *frame, size_t len)
{
	int p[3][2], theirs[3];
	char **env, **argv, *text;

	session_end(s);
	memcpy(s->link.session, frame + 1, sizeof(s->link.session));
	text = calloc(1, len);
	if (!text)
		die("out of memory");
	memcpy(text, frame + HEAD, len - HEAD);
	env = split_strings(text, text + len - HEAD, &argv);
	for (int i = 0; i < 3; i++) {
		if (pipe2(p[i], O_CLOEXEC))
			die("pipe: %s", strerror(errno));
		theirs[i] = p[i][i ? 1 : 0];
		s->fd[i] = p[i][i ? 0 : 1];
		fcntl(s->fd[i], F_SETFL, O_NONBLOCK);
	}
	s->pid = fork();
	if (s->pid == 0)
		child_exec(env, argv, theirs);
	for (int i = 0; i < 3; i++)
		close(theirs[i]);
	if (s->pid > 0)
		s->pidfd = (int)syscall(SYS_pidfd_open, s->pid, 0);
	else
		link_send_u32(&s->link, EXITED, 126);
	free(text);
	free(env);
}

static void session_frame(void *ctx, struct link *l, uint8_t *frame, size_t len)
{
	struct session *s = ctx;

	if (frame[0] == EXEC)
		session_start(s, frame, len);
	if (!link_ours(l, frame))
		return;
	if (frame[0] == STDIN)
		buf_add(&s->in, frame + HEAD, len - HEAD);
	else if (frame[0] == EOFIN)
		s->in_eof = true;
}

/* Hands stdin to the command and tells the caller, who then sends more. */
static void session_feed(struct session *s)
{
	ssize_t n = s->in.len ? write(s->fd[0], s->in.data, s->in.len) : 0;

	if (n < 0 && errno != EAGAIN) { /* nobody reads: take it and throw it away */
		n = (ssize_t)s->in.len;
		fd_close(&s->fd[0]);
	}
	if (n > 0) {
		buf_drop(&s->in, (size_t)n);
		link_send_u32(&s->link, ACK, (uint32_t)n);
	}
	if (s->in_eof && s->in.len == 0)
		fd_close(&s->fd[0]);
}

/* Passes output on; false: there is none now. */
static bool session_output(struct session *s, int i)
{
	uint8_t data[CHUNK];
	ssize_t n = s->fd[i] < 0 ? -1 : read(s->fd[i], data, sizeof(data));

	if (n > 0)
		link_send(&s->link, i == 1 ? STDOUT : STDERR, data, (size_t)n);
	else if (n == 0)
		fd_close(&s->fd[i]);
	return n > 0;
}

static void session_exited(struct session *s)
{
	int status = 0;

	waitpid(s->pid, &status, 0);
	s->pid = 0;
	/* What is in the pipes, and no more: something in the background may write for ever. */
	for (int i = 0; i < 65536 / CHUNK + 1; i++) {
		session_output(s, 1);
		session_output(s, 2);
	}
	link_send_u32(&s->link, EXITED,
		      WIFEXITED(status) ? (uint32_t)WEXITSTATUS(status)
					: 128u + (uint32_t)WTERMSIG(status));
	session_end(s);
}

static void session_poll(struct session *s, bool hung_up, const sigset_t *mask)
{
	bool full = s->link.out.len > WINDOW;
	const struct timespec idle = { .tv_sec = 1 }, grace = { .tv_nsec = GRACE_MS * 1000000L };
	struct pollfd p[5] = {
		{ .fd = hung_up ? -1 : s->link.fd,
		  .events = (short)(POLLIN | (s->link.out.len ? POLLOUT : 0)) },
		{ .fd = s->in.len || s->in_eof ? s->fd[0] : -1, .events = POLLOUT },
		{ .fd = full ? -1 : s->fd[1], .events = POLLIN },
		{ .fd = full ? -1 : s->fd[2], .events = POLLIN },
		{ .fd = full ? -1 : s->pidfd, .events = POLLIN },
	};

	/* A port nobody is connected to would wake us without end; SIGIO tells of a change. */
	if (ppoll(p, 5, !hung_up ? NULL : s->pid ? &grace : &idle, mask) < 0)
		return;
	if (p[1].revents)
		session_feed(s);
	if (p[2].revents)
		session_output(s, 1);
	if (p[3].revents)
		session_output(s, 2);
	if (p[4].revents)
		session_exited(s);
	if (p[0].revents & POLLIN)
		link_fill(&s->link, session_frame, s);
	link_flush(&s->link);
}

static void on_sigio(int sig)
{
	(void)sig;
}

/*
 * The caller is gone, and so shall be the command. "Somebody closed, somebody opened" reaches
 * us on another way than data: a hang-up seen now may be that of the caller before this one,
 * whose successor's command runs already. Then it does not last.
 */
static void session_hung_up(struct session *s, int *count)
{
	if (++*count < GRACES && s->pid)
		return;
	s->link.out.len = s->link.in.len = 0;
	if (s->pid)
		link_send_u32(&s->link, EXITED, 125); /* should somebody be there after all */
	session_end(s);
}

static void serve_port(const char *path)
{
	int hang_ups = 0;
	struct session s = { .pidfd = -1, .fd = { -1, -1, -1 } };
	sigset_t block, open_mask;

	signal(SIGIO, on_sigio);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&block);
	sigaddset(&block, SIGIO);
	sigprocmask(SIG_BLOCK, &block, &open_mask);
	s.link.fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (s.link.fd < 0)
		die("%s: %s", path, strerror(errno));
	fcntl(s.link.fd, F_SETOWN, getpid());
	fcntl(s.link.fd, F_SETFL, O_NONBLOCK | O_ASYNC);
	for (;;) {
		struct pollfd p = { .fd = s.link.fd };
		bool hung_up = poll(&p, 1, 0) > 0 && (p.revents & POLLHUP);

		if (hung_up)
			session_hung_up(&s, &hang_ups);
		else
			hang_ups = 0;
		session_poll(&s, hung_up, &open_mask);
	}
}

static pid_t fork_port(const char *dev)
{
	char path[300];
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	snprintf(path, sizeof(path), "/dev/%s", dev);
	serve_port(path);
	_exit(1);
}

/* Names of the ports made for us (others may serve other ends), as devices are called. */
static size_t ports_find(char port[PORTS_MAX][64])
{
	DIR *d = opendir("/sys/class/virtio-ports");
	struct dirent *e;
	size_t n = 0;

	while (d && (e = readdir(d)) && n < PORTS_MAX) {
		char path[300], name[8] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", e->d_name);
		f = fopen(path, "re");
		if (f && fgets(name, sizeof(name), f) && !strncmp(name, "bed.", 4))
			snprintf(port[n++], sizeof(*port), "%.63s", e->d_name);
		if (f)
			fclose(f);
	}
	if (d)
		closedir(d);
	return n;
}

/* pid 1: reap whatever is orphaned, and start a port's process again should it end. */
_Noreturn void serve(void)
{
	char port[PORTS_MAX][64];
	pid_t pids[PORTS_MAX], pid;
	size_t n = ports_find(port);
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, "-1000", 5) < 0)
		perror("oom_score_adj");
	if (n == 0)
		die("no virtio-serial port for the bed");
	for (size_t i = 0; i < n; i++)
		pids[i] = fork_port(port[i]);
	for (;;) {
		pid = wait(NULL);
		for (size_t i = 0; i < n; i++)
			if (pid > 0 && pids[i] == pid)
				pids[i] = fork_port(port[i]);
	}
}
