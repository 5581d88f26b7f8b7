// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a hostile root of a VE does that a shell cannot: the programs behind
 * tests/900-security.bats.  Static, so that it runs in the smallest VE.  Every
 * verb prints what it got; "denied" lines carry the errno, "GOT" means that
 * something which must not work did.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static const char *err(void)
{
	return strerrorname_np(errno);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* ---- T03: look into a process while it is on its way in ---- */

struct chase {
	dev_t own;
	unsigned long denied, late;
};

/* Still the host's program? Then the way in was open to us. */
static int foreign(const struct chase *c, pid_t pid)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	return stat(path, &st) == 0 && st.st_dev != c->own;
}

static void try_mem(const struct chase *c, pid_t pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	if (foreign(c, pid))
		printf("GOT memory of %d\n", pid);
	close(fd);
}

static void try_attach(struct chase *c, pid_t pid)
{
	int st;

	if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0) {
		if (errno == EPERM) {
			c->denied++;
			try_mem(c, pid);
		}
		return;
	}
	if (ptrace(PTRACE_INTERRUPT, pid, 0, 0) == 0 && waitpid(pid, &st, __WALL) == pid) {
		if (foreign(c, pid))
			printf("GOT attached to %d\n", pid);
		else
			c->late++;
	}
	ptrace(PTRACE_DETACH, pid, 0, 0);
}

/* pids are given out one after the other: the newest one's successors are who comes next */
static int chase(double seconds)
{
	double end = now() + seconds;
	pid_t next = getpid() + 1;
	struct chase c = { 0 };
	struct stat st;

	if (stat("/proc/self/exe", &st) < 0)
		return 1;
	c.own = st.st_dev;
	puts("ready");
	fflush(stdout);
	while (now() < end)
		for (pid_t p = next; p < next + 6; p++) {
			try_attach(&c, p);
			if (p > next && kill(p, 0) == 0)
				next = p;
		}
	printf("denied %lu late %lu\n", c.denied, c.late);
	return 0;
}

/* ---- T08 ---- */

static int handle(const char *path)
{
	union {
		struct file_handle h;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} u = { .h = { .handle_bytes = MAX_HANDLE_SZ } };
	int mount_id, at = open(path, O_RDONLY | O_DIRECTORY), fd;

	if (name_to_handle_at(AT_FDCWD, path, &u.h, &mount_id, 0) < 0) {
		/* no handle of this one: the number of an ext4's root */
		const unsigned int ino[2] = { 2, 0 };

		u.h.handle_bytes = sizeof(ino);
		u.h.handle_type = 1;
		memcpy(u.h.f_handle, ino, sizeof(ino));
	}
	fd = open_by_handle_at(at, &u.h, O_RDONLY);
	printf(fd >= 0 ? "GOT %s by handle\n" : "denied %s %s\n", path, fd >= 0 ? "" : err());
	return 0;
}

/* ---- T12 ---- */

#define CANARY "vz-canary"

static long keyctl(int op, long a, const void *b, const void *c, long d)
{
	return syscall(SYS_keyctl, op, a, b, c, d);
}

/* A session keyring with a key of ours, then the command. */
static int with_key(char **argv)
{
	if (keyctl(1 /* JOIN_SESSION */, 0, NULL, NULL, 0) < 0 ||
	    syscall(SYS_add_key, "user", CANARY, "secret", 6, -3 /* session */) < 0)
		return 1;
	execvp(argv[0], argv);
	return 1;
}

static int find_key(void)
{
	long id = keyctl(10 /* SEARCH */, -3 /* session */, "user", CANARY, 0);

	printf(id >= 0 ? "GOT key %ld%s\n" : "denied %ld %s\n", id, id >= 0 ? "" : err());
	return 0;
}

/* ---- T17 ---- */

static void type(int fd, const char *name, const char *text)
{
	for (; *text; text++)
		if (ioctl(fd, TIOCSTI, text) < 0) {
			printf("denied %s %s\n", name, err());
			return;
		}
	printf("typed into %s\n", name);
}

static int tiocsti(const char *text)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY);

	if (fd >= 0)
		type(fd, "/dev/tty", text);
	else
		printf("denied /dev/tty %s\n", err());
	for (fd = 0; fd < 64; fd++)
		if (isatty(fd))
			type(fd, "a descriptor", text);
	return 0;
}

/* ---- T20: what /proc/self/status does not tell ---- */

static int bits(void)
{
	printf("securebits %d\nambient %d\ndumpable %d\nnnp %d\n", prctl(PR_GET_SECUREBITS),
	       prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 0, 0, 0), prctl(PR_GET_DUMPABLE),
	       prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	return 0;
}

/* ---- T10: a chroot inside a chroot, renamed out of, and up the tree from there ---- */

static int climb(void)
{
	struct stat root, at;
	int fd;

	if (stat("/", &root) < 0 || (mkdir("/jail", 0755) < 0 && errno != EEXIST) ||
	    (mkdir("/jail/in", 0755) < 0 && errno != EEXIST))
		return 1;
	fd = open("/", O_RDONLY | O_DIRECTORY);
	if (chroot("/jail/in") < 0 || fchdir(fd) < 0)
		return 1;
	/* the classic: cwd is outside of the root now, and .. leads on */
	for (int i = 0; i < 256; i++)
		if (chdir("..") < 0)
			return 1;
	if (stat(".", &at) < 0)
		return 1;
	printf(at.st_dev == root.st_dev && at.st_ino == root.st_ino ? "stays\n" : "GOT out\n");
	return 0;
}

/* What lies below the root of the mount namespace: its topmost mount off, and in again. */
static int below(void)
{
	struct stat root, at;
	int fd;

	if (stat("/", &root) < 0 || unshare(CLONE_NEWNS) < 0)
		return 1;
	fd = open("/proc/self/ns/mnt", O_RDONLY);
	if (fd < 0)
		return 1;
	if (umount2("/", MNT_DETACH) < 0)
		printf("denied %s\n", err());
	if (setns(fd, CLONE_NEWNS) < 0 || stat("/", &at) < 0)
		return 1;
	puts(at.st_dev == root.st_dev && at.st_ino == root.st_ino ? "nothing" : "GOT another root");
	return 0;
}

/* ---- T04, T24: a directory and a link trade places, over and over ---- */

/* argv: pairs of paths.  What is not there at the moment is tried again. */
static int swap(double seconds, char **argv)
{
	double end = now() + seconds;
	unsigned long n = 0;

	puts("ready");
	fflush(stdout);
	while (now() < end)
		for (char **p = argv; p[0] && p[1]; p += 2)
			/* back again, so that all is in its place at the end */
			for (int i = 0; i < 2; i++) {
				if (renameat2(AT_FDCWD, p[0], AT_FDCWD, p[1], RENAME_EXCHANGE) == 0)
					n++;
				usleep((useconds_t)(rand() % 3000));
			}
	printf("swapped %lu\n", n);
	return 0;
}

/* A directory of an overlay's upper layer that hides the one below, and so can be renamed. */
static int opaque(const char *path)
{
	if ((mkdir(path, 0755) < 0 && errno != EEXIST) ||
	    setxattr(path, "trusted.overlay.opaque", "y", 1, 0) < 0) {
		printf("%s: %s\n", path, err());
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (!strcmp(verb, "chase") && argc == 3)
		return chase(atof(argv[2]));
	if (!strcmp(verb, "handle") && argc == 3)
		return handle(argv[2]);
	if (!strcmp(verb, "with-key") && argc > 2)
		return with_key(argv + 2);
	if (!strcmp(verb, "find-key"))
		return find_key();
	if (!strcmp(verb, "tiocsti") && argc == 3)
		return tiocsti(argv[2]);
	if (!strcmp(verb, "bits"))
		return bits();
	if (!strcmp(verb, "climb"))
		return climb();
	if (!strcmp(verb, "below"))
		return below();
	if (!strcmp(verb, "swap") && argc > 4)
		return swap(atof(argv[2]), argv + 3);
	if (!strcmp(verb, "opaque") && argc == 3)
		return opaque(argv[2]);
	fprintf(stderr, "unknown verb '%s'\n", verb);
	return 2;
}
