// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Clients of services in a VE that is suspended and restored under them, each on one connection that has to last:
 *   cpt_client pg HOST       bookings whose sum never changes, and a row for each, PostgreSQL's protocol
 *   cpt_client redis HOST    every acknowledged SET is there at the end
 *   cpt_client http HOST     GET /add.php?n=N with keep-alive; the last one counts them all
 *   cpt_client type CMD...   types "echo tick-N" to a terminal and waits for the answer
 * Runs until SIGTERM, appends a dot to the file $CPT_PROGRESS for each operation, then checks everything and says
 * "OK operations=N longest_ms=N", or "FAIL why" at once.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MS 120000
#define ACCOUNTS  20
#define START	  1000

static volatile sig_atomic_t stop;
static int in = -1, out = -1; /* the connection */
static long done, longest;
static int progress = -1;
static char buf[65536];
static size_t have;

static _Noreturn void fail(const char *fmt, ...)
{
	va_list ap;

	printf("FAIL after %ld operations: ", done);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("%s%s\n", errno ? ": " : "", errno ? strerror(errno) : "");
	exit(1);
}

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void dial(const char *host, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	if (inet_pton(AF_INET, host, &a.sin_addr) != 1)
		fail("bad address %s", host);
	in = out = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(in, (void *)&a, sizeof(a)) < 0)
		fail("connect to %s port %d", host, port);
}

static void say(const void *data, size_t n)
{
	const char *p = data;

	while (n) {
		ssize_t w = write(out, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			fail("write");
		p += w;
		n -= (size_t)w;
	}
}

/* More of the answer into buf. */
static void hear(void)
{
	const char *slow = getenv("VZ_SLOW");
	long end = now_ms() + ANSWER_MS * (slow ? atol(slow) : 1);

	for (;;) {
		struct pollfd p = { .fd = in, .events = POLLIN };
		long left = end - now_ms();
		int r = left > 0 ? poll(&p, 1, (int)left) : 0;
		ssize_t n;

		errno = r < 0 ? errno : 0;
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			fail("no answer");
		n = read(in, buf + have, sizeof(buf) - 1 - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			fail("the connection ended");
		have += (size_t)n;
		buf[have] = '\0';
		return;
	}
}

static void forget(size_t n)
{
	memmove(buf, buf + n, have - n);
	have -= n;
	buf[have] = '\0';
}

static void count(long since)
{
	long took = now_ms() - since;

	if (took > longest)
		longest = took;
	done++;
	if (progress >= 0)
		(void)!write(progress, ".", 1);
}

/* ---- PostgreSQL, protocol 3.0, simple queries ---- */

static uint32_t be32(const char *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return ntohl(v);
}

/* The whole answer up to ReadyForQuery; the first column of the last row. */
static long pg_answer(void)
{
	long value = -1;

	for (;;) {
		while (have < 5 || have < 1 + be32(buf + 1))
			hear();
		char type = buf[0];
		uint32_t len = be32(buf + 1);

		if (type == 'E')
			fail("PostgreSQL: %s", buf + 6);
		if (type == 'R' && be32(buf + 5) != 0)
			fail("PostgreSQL wants a password");
		if (type == 'D' && be32(buf + 7) < 20) {
			char text[24] = "";

			memcpy(text, buf + 11, be32(buf + 7));
			value = atol(text);
		}
		forget(1 + len);
		if (type == 'Z')
			return value;
	}
}

static long pg_query(const char *sql)
{
	uint32_t len = htonl((uint32_t)strlen(sql) + 5);

	say("Q", 1);
	say(&len, 4);
	say(sql, strlen(sql) + 1);
	return pg_answer();
}

static void pg(const char *host)
{
	static const char hello[] = "\0\0\0\x24\0\3\0\0user\0postgres\0database\0cpt\0";
	char sql[512];
	long rows;

	dial(host, 5432);
	say(hello, sizeof(hello));
	pg_answer();
	snprintf(
		sql, sizeof(sql),
		"DROP TABLE IF EXISTS account, booking; CREATE TABLE account AS SELECT i AS id, %d AS sum "
		"FROM generate_series(0, %d) i; CREATE TABLE booking (n bigint)",
		START, ACCOUNTS - 1);
	pg_query(sql);
	while (!stop) {
		long since = now_ms();

		snprintf(
			sql, sizeof(sql),
			"BEGIN; UPDATE account SET sum = sum - %ld WHERE id = %ld; UPDATE account SET sum = sum + %ld "
			"WHERE id = %ld; INSERT INTO booking VALUES (%ld); COMMIT",
			done % 7, done % ACCOUNTS, done % 7, (done + 3) % ACCOUNTS, done);
		pg_query(sql);
		count(since);
		if (done % 16 == 0 && pg_query("SELECT sum(sum) FROM account") != ACCOUNTS * START)
			fail("the sum of all accounts changed");
	}
	if (pg_query("SELECT sum(sum) FROM account") != ACCOUNTS * START)
		fail("the sum of all accounts changed");
	rows = pg_query("SELECT count(DISTINCT n) FROM booking");
	errno = 0;
	if (rows != done)
		fail("%ld of %ld bookings are there", rows, done);
}

/* ---- Redis ---- */

static void redis_line(char *ret, size_t n)
{
	char *end;

	while (!(end = strstr(buf, "\r\n")))
		hear();
	snprintf(ret, n, "%.*s", (int)(end - buf), buf);
	forget((size_t)(end + 2 - buf));
}

static void redis_get(long n)
{
	char line[128], want[32];

	snprintf(line, sizeof(line), "GET cpt:%ld\r\n", n);
	say(line, strlen(line));
	redis_line(line, sizeof(line));
	errno = 0;
	if (line[0] != '$' || line[1] == '-')
		fail("the acknowledged write %ld is lost (%s)", n, line);
	redis_line(line, sizeof(line));
	snprintf(want, sizeof(want), "v%ld", n * 3);
	if (strcmp(line, want) != 0)
		fail("write %ld reads as %s", n, line);
}

static void redis(const char *host)
{
	char line[128];

	dial(host, 6379);
	say("FLUSHALL\r\n", 10);
	redis_line(line, sizeof(line));
	while (!stop) {
		long since = now_ms();

		snprintf(line, sizeof(line), "SET cpt:%ld v%ld\r\n", done, done * 3);
		say(line, strlen(line));
		redis_line(line, sizeof(line));
		errno = 0;
		if (strcmp(line, "+OK") != 0)
			fail("SET: %s", line);
		count(since);
		if (done % 16 == 0)
			redis_get(rand() % done);
	}
	for (long i = 0; i < done; i++)
		redis_get(i);
}

/* ---- HTTP ---- */

static void http_get(const char *host, const char *path, char *body, size_t n)
{
	char ask[256], *end, *length;
	size_t len;

	snprintf(ask, sizeof(ask), "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: keep-alive\r\n\r\n",
		 path, host);
	say(ask, strlen(ask));
	while (!(end = strstr(buf, "\r\n\r\n")))
		hear();
	end += 4;
	errno = 0;
	if (strncmp(buf, "HTTP/1.1 200", 12) != 0)
		fail("HTTP: %.60s", buf);
	length = strstr(buf, "Content-Length: ");
	if (!length || length > end)
		fail("HTTP: no length");
	len = strtoul(length + 16, NULL, 10);
	while (have < (size_t)(end - buf) + len)
		hear();
	snprintf(body, n, "%.*s", (int)len, end);
	forget((size_t)(end - buf) + len);
}

static void http(const char *host)
{
	char path[64], body[64], want[64];

	dial(host, 80);
	http_get(host, "/add.php?n=reset", body, sizeof(body));
	while (!stop) {
		long since = now_ms();

		snprintf(path, sizeof(path), "/add.php?n=%ld", done);
		snprintf(want, sizeof(want), "ok %ld", done);
		http_get(host, path, body, sizeof(body));
		if (strcmp(body, want) != 0)
			fail("'%s' in place of '%s'", body, want);
		count(since);
	}
	http_get(host, "/add.php?n=count", body, sizeof(body));
	errno = 0;
	if (atol(body) != done)
		fail("%s of %ld rows are there", body, done);
}

/* ---- somebody who types ---- */

static void type(char **argv)
{
	int to[2], from[2];
	char line[64], want[64];

	if (pipe(to) < 0 || pipe(from) < 0)
		fail("pipe");
	if (fork() == 0) {
		dup2(to[0], 0);
		dup2(from[1], 1);
		for (int fd = 3; fd < 20; fd++)
			close(fd);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	out = to[1];
	in = from[0];
	while (!stop) {
		const struct timespec pause = { .tv_nsec = 50 * 1000000 };
		long since = now_ms();

		/* what the terminal echoes is not what the shell answers */
		snprintf(line, sizeof(line), "echo tick-$((%ld+0))\n", done);
		snprintf(want, sizeof(want), "tick-%ld\r", done);
		say(line, strlen(line));
		while (!strstr(buf, want)) {
			if (have > sizeof(buf) / 2)
				forget(have - 1024);
			hear();
		}
		forget(have);
		count(since);
		nanosleep(&pause, NULL);
	}
	say("exit\n", 5);
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_term };
	const char *path = getenv("CPT_PROGRESS");

	if (argc < 3)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGTERM, &sa, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (path)
		progress = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (strcmp(argv[1], "pg") == 0)
		pg(argv[2]);
	else if (strcmp(argv[1], "redis") == 0)
		redis(argv[2]);
	else if (strcmp(argv[1], "http") == 0)
		http(argv[2]);
	else
		type(argv + 2);
	printf("OK operations=%ld longest_ms=%ld\n", done, longest);
	return 0;
}
