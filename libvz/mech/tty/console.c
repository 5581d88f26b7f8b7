/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The console of a VE: its monitor reads the pty for ever, so that the VE never
 * blocks on it for long, keeps the last bytes, and serves clients on a unix socket.
 * All descriptors are non-blocking; a client that does not read loses bytes, not us.
 * The monitor's CPU time is the host's, so what a VE may have read per second is
 * bounded: a VE that floods its console waits in its own writes.
 */
#include "mech/tty/tty.h"

#include "base/cleanup.h"
#include "os/os.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define HISTORY	     8192
#define CLIENTS	     4
/* 256 KiB a second: far more than a boot says or anybody reads */
#define WINDOW_MS    125
#define WINDOW_BYTES (32 << 10)
#define READ_COSTS   512 /* at least: bytes one by one cost us more */

struct tty_console {
	int master, slave, listener; /* the slave is kept open: the master never hangs up */
	int client[CLIENTS];
	size_t pos, len; /* ring: the next byte goes to pos */
	size_t budget;	 /* bytes still to be read before window_end */
	uint64_t window_end;
	char history[HISTORY];
};

int tty_console_new(struct tty_console **ret, int master, int slave, int listener)
{
	struct tty_console *c = malloc(sizeof(*c));

	if (!c)
		return -ENOMEM;
	*c = (struct tty_console){ .master = master, .slave = slave, .listener = listener };
	for (size_t i = 0; i < CLIENTS; i++)
		c->client[i] = -1;
	if (fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK) < 0) {
		free(c);
		return -errno;
	}
	*ret = c;
	return 0;
}

struct tty_console *tty_console_free(struct tty_console *c)
{
	if (!c)
		return NULL;
	for (size_t i = 0; i < CLIENTS; i++)
		(void)safe_close(c->client[i]);
	(void)safe_close(c->listener);
	(void)safe_close(c->slave);
	(void)safe_close(c->master);
	free(c);
	return NULL;
}

void tty_console_remember(struct tty_console *c, const char *buf, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		c->history[c->pos] = buf[i];
		c->pos = (c->pos + 1) % HISTORY;
	}
	c->len = c->len + n > HISTORY ? HISTORY : c->len + n;
}

static void client_drop(struct tty_console *c, size_t i)
{
	c->client[i] = safe_close(c->client[i]);
}

static void client_send(struct tty_console *c, size_t i, const char *buf, size_t n)
{
	if (n && send(c->client[i], buf, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN)
		client_drop(c, i);
}

static void from_master(struct tty_console *c)
{
	char buf[4096];
	ssize_t n = read(c->master, buf, sizeof(buf));
	size_t cost;

	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			c->master = safe_close(c->master);
		return;
	}
	cost = n < READ_COSTS ? READ_COSTS : (size_t)n;
	c->budget -= cost < c->budget ? cost : c->budget;
	tty_console_remember(c, buf, (size_t)n);
	for (size_t i = 0; i < CLIENTS; i++)
		if (c->client[i] >= 0)
			client_send(c, i, buf, (size_t)n);
}

static void from_client(struct tty_console *c, size_t i)
{
	char buf[1024];
	ssize_t n = recv(c->client[i], buf, sizeof(buf), MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		client_drop(c, i);
	else if (n > 0 && c->master >= 0)
		IGNORE(write(c->master, buf, (size_t)n));
}

static void accept_client(struct tty_console *c)
{
	int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	size_t start = (c->pos + HISTORY - c->len) % HISTORY, first;

	if (fd < 0)
		return;
	for (size_t i = 0; i < CLIENTS; i++) {
		if (c->client[i] >= 0)
			continue;
		c->client[i] = fd;
		first = c->len < HISTORY - start ? c->len : HISTORY - start;
		client_send(c, i, c->history + start, first);
		if (c->client[i] >= 0)
			client_send(c, i, c->history, c->len - first);
		return;
	}
	(void)safe_close(fd);
}

/* How long to leave the VE's output alone: -1 when it may be read. */
static int rest_ms(struct tty_console *c)
{
	uint64_t now;

	if (c->budget)
		return -1;
	now = os_now_ms();
	if (now < c->window_end)
		return (int)(c->window_end - now);
	c->budget = WINDOW_BYTES;
	c->window_end = now + WINDOW_MS;
	return -1;
}

int tty_console_run(struct tty_console *c, int pidfd)
{
	for (;;) {
		int rest = rest_ms(c);
		struct pollfd p[3 + CLIENTS] = {
			{ .fd = pidfd, .events = POLLIN },
			{ .fd = c->listener, .events = POLLIN },
			{ .fd = rest < 0 ? c->master : -1, .events = POLLIN },
		};

		for (size_t i = 0; i < CLIENTS; i++)
			p[3 + i] = (struct pollfd){ .fd = c->client[i], .events = POLLIN };
		if (poll(p, ARRAY_SIZE(p), rest) < 0 && errno != EINTR)
			return -errno;
		if (p[0].revents)
			return 1;
		if (p[1].revents)
			accept_client(c);
		if (p[2].revents)
			from_master(c);
		for (size_t i = 0; i < CLIENTS; i++)
			if (p[3 + i].revents)
				from_client(c, i);
	}
}

static int address(const char *path, struct sockaddr_un *sa)
{
	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(sa->sun_path))
		return -ENAMETOOLONG;
	memcpy(sa->sun_path, path, strlen(path));
	return 0;
}

int tty_console_listen(const char *path)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un sa;
	int r = address(path, &sa);

	if (r < 0)
		return r;
	if (fd < 0)
		return -errno;
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	/* the directory is 0700; the mode of the socket is belt and braces */
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || chmod(path, 0600) < 0 ||
	    listen(fd, 4) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int tty_console_connect(const char *path)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un sa;
	int r = address(path, &sa);

	if (r < 0)
		return r;
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	return TAKE_FD(fd);
}
