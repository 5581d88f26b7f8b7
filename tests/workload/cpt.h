/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Workloads for checkpoints, in the shape of CRIU's zdtm: each feature is a process that makes some state, says
 * that it is ready, waits for SIGUSR1, looks whether the state is still there and says so.  One program has a table
 * of features:
 *   PROG list               their names
 *   PROG start DIR [NAME...]   a process for each (all), in the background: "ready NAME", "skip NAME why"
 *   PROG verify DIR [NAME...]  "PASS NAME", "FAIL NAME why", "GONE NAME"; any number of times
 * DIR holds NAME.pid, NAME.state and NAME.result.
 */
#ifndef WORKLOAD_CPT_H
#define WORKLOAD_CPT_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

#define READY_S	 20
#define RESULT_S 30

/* NULL: fine. "skip: why": cannot be made here. Else what went wrong. */
typedef const char *step(void);
struct feature {
	const char *name;
	step *make, *verify;
};

static const char *dir; /* where this feature may put files, absolute */
static const char *me;	/* the feature's name */

/* What went wrong, with errno where that says something. */
__attribute__((format(printf, 1, 2), unused)) static const char *why(const char *fmt, ...)
{
	static char text[256];
	int saved = errno;
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	n = strlen(text);
	if (saved)
		snprintf(text + n, sizeof(text) - n, " (%s)", strerrorname_np(saved));
	return text;
}

#define CHECK(cond)                                            \
	do {                                                   \
		errno = 0;                                     \
		if (!(cond))                                   \
			return why("%d: %s", __LINE__, #cond); \
	} while (0)
/* What some kernels or VEs do not have. */
#define NEED(cond)                                     \
	do {                                           \
		errno = 0;                             \
		if (!(cond))                           \
			return why("skip: %s", #cond); \
	} while (0)
#define STEP(call)                          \
	do {                                \
		const char *step_ = (call); \
                                            \
		if (step_)                  \
			return step_;       \
	} while (0)

/* DIR/NAME-WORD */
__attribute__((unused)) static char *file(const char *word)
{
	char *path;

	if (asprintf(&path, "%s/%s-%s", dir, me, word) < 0)
		abort();
	return path; /* never freed: processes of a test */
}

static void put(const char *what, const char *text)
{
	char path[512], tmp[520];
	int fd;

	snprintf(path, sizeof(path), "%s/%s.%s", dir, me, what);
	snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, text, strlen(text)) < 0 || rename(tmp, path) < 0)
		_exit(3);
	close(fd);
}

static bool get(const char *name, const char *what, char *buf, size_t n)
{
	char path[512];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "%s/%s.%s", dir, name, what);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, buf, n - 1);
	close(fd);
	if (len < 0)
		return false;
	buf[len] = '\0';
	return true;
}

static void nap(void)
{
	const struct timespec ts = { .tv_nsec = 20 * 1000000 };

	nanosleep(&ts, NULL);
}

static _Noreturn void live(const struct feature *f)
{
	const char *said;
	char pid[16];
	sigset_t usr1;

	me = f->name;
	setsid();
	for (int fd = 0; fd < 3; fd++) {
		close(fd);
		if (open("/dev/null", O_RDWR) != fd)
			_exit(3);
	}
	syscall(SYS_close_range, 3, ~0U, 0);
	prctl(PR_SET_NAME, me);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	snprintf(pid, sizeof(pid), "%d", getpid());
	put("pid", pid);
	said = f->make();
	put("state", said ? said : "ready");
	if (said)
		_exit(1);
	for (;;) {
		siginfo_t si;

		if (sigwaitinfo(&usr1, &si) != SIGUSR1)
			continue;
		said = f->verify ? f->verify() : NULL;
		put("result", said ? said : "PASS");
	}
}

static bool wanted(const char *name, int n, char **names)
{
	for (int i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return n == 0;
}

/* 0: fine or skipped */
static int tell_state(const char *name)
{
	char text[300];

	for (int i = 0; i < READY_S * 50; i++, nap()) {
		if (!get(name, "state", text, sizeof(text)))
			continue;
		if (strcmp(text, "ready") == 0)
			return printf("ready %s\n", name), 0;
		if (strncmp(text, "skip: ", 6) == 0)
			return printf("skip %s %s\n", name, text + 6), 0;
		return printf("FAIL %s %s\n", name, text), 1;
	}
	return printf("FAIL %s not ready\n", name), 1;
}

static int start(const struct feature *all, int n, char **names)
{
	int bad = 0;

	mkdir(dir, 0755);
	for (const struct feature *f = all; f->name; f++)
		if (wanted(f->name, n, names)) {
			pid_t pid = fork();

			if (pid == 0) {
				if (fork())
					_exit(0);
				live(f);
			}
			waitpid(pid, NULL, 0);
		}
	for (const struct feature *f = all; f->name; f++)
		if (wanted(f->name, n, names))
			bad |= tell_state(f->name);
	return bad;
}

static int verify_one(const char *name)
{
	char text[300], path[512];
	pid_t pid;

	if (!get(name, "state", text, sizeof(text)) || strcmp(text, "ready") != 0)
		return 0;
	snprintf(path, sizeof(path), "%s/%s.result", dir, name);
	unlink(path);
	pid = get(name, "pid", text, sizeof(text)) ? atoi(text) : 0;
	if (pid <= 1 || kill(pid, SIGUSR1) < 0)
		return printf("GONE %s\n", name), 1;
	for (int i = 0; i < RESULT_S * 50; i++, nap()) {
		if (!get(name, "result", text, sizeof(text)))
			continue;
		if (strcmp(text, "PASS") == 0)
			return printf("PASS %s\n", name), 0;
		return printf("FAIL %s %s\n", name, text), 1;
	}
	return printf("FAIL %s says nothing\n", name), 1;
}

static int cpt_main(const struct feature *all, int argc, char **argv)
{
	int bad = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && strcmp(argv[1], "list") == 0) {
		for (const struct feature *f = all; f->name; f++)
			puts(f->name);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "hold") == 0)
		for (;;)
			pause();
	if (argc < 3)
		return 2;
	dir = argv[2];
	if (strcmp(argv[1], "start") == 0)
		return start(all, argc - 3, argv + 3);
	for (const struct feature *f = all; f->name; f++)
		if (wanted(f->name, argc - 3, argv + 3))
			bad |= verify_one(f->name);
	return bad;
}

#endif
