// SPDX-License-Identifier: GPL-2.0-or-later
/* bed-agent on the machine: runs one command in the guest. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "agent.h"

struct call {
	uint32_t ahead; /* bytes of stdin sent and not acknowledged */
	bool in_eof;
	int status; /* -1: the command still runs */
};

static void write_all(int fd, const uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EAGAIN) {
			poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, -1);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			die("cannot pass output on: %s", strerror(errno));
		data += n;
		len -= (size_t)n;
	}
}

static void call_frame(void *ctx, struct link *l, uint8_t *frame, size_t len)
{
	struct call *c = ctx;
	uint32_t v = 0;

	if (!link_ours(l, frame))
		return;
	if (len >= HEAD + sizeof(v))
		memcpy(&v, frame + HEAD, sizeof(v));
	switch (frame[0]) {
	case STDOUT:
	case STDERR:
		write_all(frame[0] == STDOUT ? 1 : 2, frame + HEAD, len - HEAD);
		break;
	case ACK:
		c->ahead -= v;
		break;
	case EXITED:
		c->status = (int)v;
		break;
	default:
		break;
	}
}

static void call_stdin(struct call *c, struct link *l)
{
	uint8_t data[CHUNK];
	ssize_t n = read(0, data, sizeof(data));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		c->in_eof = true;
		link_send(l, EOFIN, NULL, 0);
		return;
	}
	link_send(l, STDIN, data, (size_t)n);
	c->ahead += (uint32_t)n;
}

static int call_loop(struct link *l)
{
	struct call c = { .status = -1 };

	while (c.status < 0) {
		bool take = !c.in_eof && c.ahead + CHUNK <= WINDOW;
		struct pollfd p[2] = {
			{ .fd = l->fd, .events = (short)(POLLIN | (l->out.len ? POLLOUT : 0)) },
			{ .fd = take ? 0 : -1, .events = POLLIN },
		};

		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents)
			call_stdin(&c, l);
		if ((p[0].revents & (POLLIN | POLLHUP)) && !link_fill(l, call_frame, &c))
			break;
		if (!link_flush(l))
			break;
	}
	return c.status;
}

/* The lock of a port is held for as long as we live. */
static int port_try(const char *dir, int n)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char lock[sizeof(sa.sun_path) + 8];
	int fd, sock;

	if (snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/port%d", dir, n) >=
	    (int)sizeof(sa.sun_path))
		die("%s: path too long for a socket", dir);
	if (access(sa.sun_path, F_OK))
		return -ENOENT;
	snprintf(lock, sizeof(lock), "%s.lock", sa.sun_path);
	fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		die("%s: %s", lock, strerror(errno));
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && sock >= 0) {
		if (connect(sock, (struct sockaddr *)&sa, sizeof(sa)) == 0)
			return sock;
		die("the node does not answer: %s", strerror(errno));
	}
	close(sock);
	close(fd);
	return -EBUSY;
}

static int port_take(const char *dir)
{
	for (;;) {
		for (int n = 1;; n++) {
			int fd = port_try(dir, n);

			if (fd >= 0)
				return fd;
			if (fd == -ENOENT && n == 1)
				die("the node does not run");
			if (fd == -ENOENT)
				break;
		}
		usleep(50000); /* all are busy */
	}
}

static struct termios saved;

static void tty_restore(void)
{
	tcsetattr(0, TCSADRAIN, &saved);
}

static void tty_raw(void)
{
	struct termios raw;

	if (tcgetattr(0, &saved))
		return;
	raw = saved;
	cfmakeraw(&raw);
	atexit(tty_restore);
	tcsetattr(0, TCSADRAIN, &raw);
}

/* Lines of the file as strings, then an empty one, then the arguments. */
static void send_exec(struct link *l, const char *envfile, char **argv)
{
	struct buf b = { 0 };
	char line[4096];
	const uint8_t end = END;
	FILE *f = fopen(envfile, "re");

	if (!f)
		die("%s: %s", envfile, strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (*line)
			buf_add(&b, line, strlen(line) + 1);
	}
	fclose(f);
	if (getenv("TERM"))
		buf_add(&b, line,
			(size_t)snprintf(line, sizeof(line), "TERM=%s", getenv("TERM")) + 1);
	buf_add(&b, "", 1);
	for (; *argv; argv++)
		buf_add(&b, *argv, strlen(*argv) + 1);
	buf_add(&l->out, &end, 1); /* whatever a caller before us left unfinished */
	link_send(l, EXEC, b.data, b.len);
	free(b.data);
}

int call(bool tty, const char *dir, const char *envfile, char **argv)
{
	struct link l = { 0 };
	int status;

	l.fd = port_take(dir);
	fcntl(l.fd, F_SETFL, O_NONBLOCK);
	if (getrandom(l.session, sizeof(l.session), 0) != sizeof(l.session))
		die("getrandom: %s", strerror(errno));
	send_exec(&l, envfile, argv);
	if (tty)
		tty_raw();
	status = call_loop(&l);
	if (status < 0)
		die("the node went down");
	return status;
}
