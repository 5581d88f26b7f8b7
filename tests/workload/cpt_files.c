// SPDX-License-Identifier: GPL-2.0-or-later
/* Files over a checkpoint: what is watched, deleted, locked, copied up, mounted, queued or only referred to. */
#include "cpt.h"
#include "pressure.h"

#include <linux/aio_abi.h>
#include <linux/sched.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/xattr.h>

/* A file that comes with the tiny template, hence of the overlay's lower layer. */
#define LOWER	   "/etc/passwd"
#define LOWER_RO   "/etc/group"
#define LOWER_GONE "/etc/profile"
#define TEXT	   "over the checkpoint"

static int fd, fd2;
static char buf[4096];

static int create(const char *path, const char *text)
{
	int f = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);

	return f >= 0 && write(f, text, strlen(text)) == (ssize_t)strlen(text) ? f : -1;
}

static bool holds(int f, const char *text)
{
	ssize_t n = pread(f, buf, sizeof(buf), 0);

	return n == (ssize_t)strlen(text) && memcmp(buf, text, n) == 0;
}

/* ---- watches ---- */

static const char *inotify_make(void)
{
	CHECK(mkdir(file("dir"), 0755) == 0);
	fd = inotify_init1(IN_NONBLOCK);
	CHECK(fd >= 0 && inotify_add_watch(fd, file("dir"), IN_CREATE) >= 0);
	CHECK(inotify_add_watch(fd, LOWER_RO, IN_OPEN) >= 0);
	return NULL;
}

static const char *inotify_verify(void)
{
	char path[600];
	int f;

	(void)!read(fd, buf, sizeof(buf));
	snprintf(path, sizeof(path), "%s/%ld", file("dir"), (long)time(NULL));
	unlink(path);
	f = creat(path, 0644);
	CHECK(f >= 0);
	close(f);
	CHECK(read(fd, buf, sizeof(buf)) > 0);
	CHECK(strcmp(((struct inotify_event *)buf)->name, strrchr(path, '/') + 1) == 0);
	f = open(LOWER_RO, O_RDONLY);
	close(f);
	CHECK(read(fd, buf, sizeof(buf)) > 0);
	return NULL;
}

static const char *fanotify_make(void)
{
	close(create(file("f"), TEXT));
	fd = fanotify_init(FAN_CLASS_NOTIF | FAN_NONBLOCK, O_RDONLY);
	NEED(fd >= 0);
	CHECK(fanotify_mark(fd, FAN_MARK_ADD, FAN_MODIFY, AT_FDCWD, file("f")) == 0);
	return NULL;
}

static const char *fanotify_verify(void)
{
	const struct fanotify_event_metadata *m = (void *)buf;
	int f = open(file("f"), O_WRONLY | O_APPEND);

	CHECK(f >= 0 && write(f, "x", 1) == 1 && close(f) == 0);
	CHECK(read(fd, buf, sizeof(buf)) >= (ssize_t)sizeof(*m) && m->mask & FAN_MODIFY);
	close(m->fd);
	return NULL;
}

/* ---- deleted things ---- */

static const char *deleted_make(void)
{
	fd = create(file("gone"), TEXT);
	CHECK(fd >= 0 && unlink(file("gone")) == 0 && lseek(fd, 5, SEEK_SET) == 5);
	return NULL;
}

static const char *deleted_verify(void)
{
	struct stat st;

	CHECK(fstat(fd, &st) == 0 && st.st_nlink == 0 && holds(fd, TEXT));
	CHECK(lseek(fd, 0, SEEK_CUR) == 5);
	return NULL;
}

/* Deleted under one name, alive under another: CRIU's link-remap. */
static const char *linked_make(void)
{
	fd = create(file("a"), TEXT);
	CHECK(fd >= 0 && link(file("a"), file("b")) == 0 && unlink(file("a")) == 0);
	return NULL;
}

static const char *linked_verify(void)
{
	struct stat st, b;

	CHECK(fstat(fd, &st) == 0 && stat(file("b"), &b) == 0 && st.st_ino == b.st_ino &&
	      holds(fd, TEXT));
	CHECK(access(file("a"), F_OK) < 0);
	return NULL;
}

/* Of the template's layer: reading it, then deleting it, leaves a whiteout. */
static const char *lower_make(void)
{
	CHECK((fd = open(LOWER_GONE, O_RDONLY)) >= 0 && unlink(LOWER_GONE) == 0);
	return NULL;
}

static const char *lower_verify(void)
{
	struct stat st;

	CHECK(fstat(fd, &st) == 0 && lseek(fd, 0, SEEK_SET) == 0 &&
	      read(fd, buf, sizeof(buf)) == st.st_size);
	return NULL;
}

static const char *copyup_make(void)
{
	fd = open(LOWER, O_RDONLY);
	CHECK(fd >= 0 && mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) != MAP_FAILED);
	fd2 = open(LOWER, O_RDWR | O_APPEND);
	CHECK(fd2 >= 0 && write(fd2, "#cpt\n", 5) == 5);
	return NULL;
}

static const char *copyup_verify(void)
{
	CHECK(pread(fd, buf, 4, 0) == 4 && memcmp(buf, "root", 4) == 0);
	CHECK(pread(fd2, buf, sizeof(buf), 0) > 0 && strstr(buf, "#cpt\n"));
	CHECK(write(fd2, "#more\n", 6) == 6);
	return NULL;
}

static const char *cwd_make(void)
{
	CHECK(mkdir(file("here"), 0755) == 0 && chdir(file("here")) == 0 &&
	      rmdir(file("here")) == 0);
	return NULL;
}

static const char *cwd_verify(void)
{
	CHECK(syscall(SYS_getcwd, buf, sizeof(buf)) < 0);
	CHECK(open("x", O_CREAT | O_RDWR, 0600) < 0);
	return NULL;
}

static pid_t child;

/* The program of a running process, deleted. */
static const char *exe_make(void)
{
	int from = open("/proc/self/exe", O_RDONLY),
	    to = open(file("prog"), O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	struct stat st;
	char link[300] = "", path[64];

	CHECK(from >= 0 && to >= 0 && fstat(from, &st) == 0);
	for (off_t at = 0; at < st.st_size;)
		if (syscall(SYS_sendfile, to, from, &at, st.st_size - at) <= 0)
			return why("copy");
	close(to);
	close(from);
	child = fork();
	if (child == 0) {
		execl(file("prog"), "prog", "hold", NULL);
		_exit(1);
	}
	snprintf(path, sizeof(path), "/proc/%d/exe", child);
	for (int i = 0; i < 250 && !strstr(link, "-prog"); i++, nap())
		CHECK(readlink(path, link, sizeof(link) - 1) > 0);
	CHECK(unlink(file("prog")) == 0);
	return NULL;
}

static const char *exe_verify(void)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", child);
	n = readlink(path, buf, sizeof(buf) - 1);
	CHECK(n > 0);
	buf[n] = '\0';
	CHECK(strstr(buf, "(deleted)") && kill(child, 0) == 0);
	return NULL;
}

/* ---- locks ---- */

/* Whether somebody else would get this lock. */
static bool free_for_others(int cmd, bool flock_too)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct flock l = { .l_type = F_WRLCK };
		int f = open(file("lock"), O_RDWR);

		_exit(flock_too ? flock(f, LOCK_EX | LOCK_NB) == 0 : fcntl(f, cmd, &l) == 0);
	}
	return waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 1;
}

static const char *flock_make(void)
{
	fd = create(file("lock"), TEXT);
	CHECK(flock(fd, LOCK_EX) == 0 && !free_for_others(0, true));
	return NULL;
}

static const char *flock_verify(void)
{
	CHECK(!free_for_others(0, true));
	return NULL;
}

static const char *posix_make(void)
{
	struct flock l = { .l_type = F_WRLCK };

	fd = create(file("lock"), TEXT);
	CHECK(fcntl(fd, F_SETLK, &l) == 0);
	return NULL;
}

static const char *ofd_make(void)
{
	struct flock l = { .l_type = F_WRLCK };

	fd = create(file("lock"), TEXT);
	CHECK(fcntl(fd, F_OFD_SETLK, &l) == 0);
	return NULL;
}

static const char *record_verify(void)
{
	CHECK(!free_for_others(F_SETLK, false));
	return NULL;
}

static const char *lease_make(void)
{
	close(create(file("f"), TEXT));
	fd = open(file("f"), O_RDONLY);
	signal(SIGIO, SIG_IGN);
	NEED(fcntl(fd, F_SETLEASE, F_RDLCK) == 0);
	return NULL;
}

static const char *lease_verify(void)
{
	CHECK(fcntl(fd, F_GETLEASE) == F_RDLCK);
	return NULL;
}

/* ---- other descriptors ---- */

static const char *opath_make(void)
{
	fd = open("/etc", O_PATH | O_DIRECTORY);
	CHECK(fd >= 0 && symlink("nowhere", file("l")) == 0);
	fd2 = open(file("l"), O_PATH | O_NOFOLLOW);
	CHECK(fd2 >= 0);
	return NULL;
}

static const char *opath_verify(void)
{
	struct stat st;

	CHECK(fstatat(fd, "group", &st, 0) == 0 && read(fd, buf, 1) < 0);
	CHECK(fstat(fd2, &st) == 0 && S_ISLNK(st.st_mode));
	return NULL;
}

static const char *fifo_make(void)
{
	CHECK(mkfifo(file("p"), 0600) == 0);
	fd = open(file("p"), O_RDWR);
	CHECK(fd >= 0 && write(fd, TEXT, strlen(TEXT)) > 0);
	return NULL;
}

static const char *fifo_verify(void)
{
	CHECK(read(fd, buf, sizeof(buf)) == (ssize_t)strlen(TEXT) &&
	      memcmp(buf, TEXT, strlen(TEXT)) == 0);
	CHECK(write(fd, TEXT, strlen(TEXT)) > 0);
	return NULL;
}

static int pipes[2];

static const char *pipe_make(void)
{
	CHECK(pipe2(pipes, O_NONBLOCK) == 0 && fcntl(pipes[0], F_SETPIPE_SZ, 1 << 18) == 1 << 18);
	memset(buf, 'x', sizeof(buf));
	for (int i = 0; i < 40; i++)
		CHECK(write(pipes[1], buf, sizeof(buf)) == sizeof(buf));
	return NULL;
}

static const char *pipe_verify(void)
{
	CHECK(fcntl(pipes[0], F_GETPIPE_SZ) == 1 << 18);
	for (int i = 0; i < 40; i++)
		CHECK(read(pipes[0], buf, sizeof(buf)) == sizeof(buf) && buf[17] == 'x');
	CHECK(read(pipes[0], buf, 1) < 0 && errno == EAGAIN);
	memset(buf, 'x', sizeof(buf));
	for (int i = 0; i < 40; i++)
		CHECK(write(pipes[1], buf, sizeof(buf)) == sizeof(buf));
	return NULL;
}

/* A descriptor of each: readiness of three kinds comes through one epoll. */
static int ep, ev, tfd, sfd;

static const char *events_make(void)
{
	struct itimerspec its = { .it_value.tv_sec = 1, .it_interval.tv_sec = 1 };
	struct epoll_event e = { .events = EPOLLIN };
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, SIGUSR2);
	sigprocmask(SIG_BLOCK, &s, NULL);
	ep = epoll_create1(0);
	ev = eventfd(41, 0);
	tfd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	sfd = signalfd(-1, &s, SFD_NONBLOCK);
	CHECK(ep >= 0 && ev >= 0 && sfd >= 0 && timerfd_settime(tfd, 0, &its, NULL) == 0);
	for (int i = 0; i < 3; i++) {
		e.data.u64 = 1000 + (uint64_t)i;
		CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, i == 0 ? ev : i == 1 ? tfd : sfd, &e) == 0);
	}
	kill(getpid(), SIGUSR2);
	return NULL;
}

static const char *events_verify(void)
{
	uint64_t v = 1, seen = 0;
	struct epoll_event e[4];

	for (int i = 0; i < 200 && seen != 7; i++, nap()) {
		int n = epoll_wait(ep, e, 4, 2000);

		for (int k = 0; k < n; k++)
			seen |= 1U << (e[k].data.u64 - 1000);
	}
	errno = 0;
	if (seen != 7)
		return why("readiness %llx of 7", (unsigned long long)seen);
	CHECK(read(ev, &v, sizeof(v)) == 8 && v == 41 && write(ev, &v, 8) == 8);
	CHECK(read(tfd, &v, sizeof(v)) == 8 && v >= 1);
	CHECK(read(sfd, buf, sizeof(buf)) > 0);
	kill(getpid(), SIGUSR2);
	return NULL;
}

/* The same epoll is in a child with a lower pid, as after a restore, which has plain files instead of the three. */
static const char *heir_make(void)
{
	pid_t lower = getpid();
	struct clone_args args = { .exit_signal = SIGCHLD,
				   .set_tid = (uintptr_t)&lower,
				   .set_tid_size = 1 };
	const int *const targets[] = { &ev, &tfd, &sfd };
	long pid;

	STEP(events_make());
	CHECK(pipe(pipes) == 0);
	do {
		lower--;
		pid = syscall(SYS_clone3, &args, sizeof(args));
	} while (pid < 0 && errno == EEXIST && lower > 2);
	CHECK(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (int i = 0; i < 3; i++)
			if (close(*targets[i]) < 0 || open("/dev/null", O_RDWR) != *targets[i])
				_exit(1);
		if (write(pipes[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(pipes[1]);
	CHECK(read(pipes[0], buf, 1) == 1);
	return NULL;
}

/* The pressure of the whole VE, with privilege and without, and of a cgroup in which this process is. */
#define GROUP "/sys/fs/cgroup/cpt-pressure"

static struct pressure psi[3];
static int npsi = 2;

static const char *pressure_make(void)
{
	STEP(pressure_watch(&psi[0], "/proc/pressure/cpu", true));
	STEP(pressure_watch(&psi[1], "/proc/pressure/cpu", false));
	if (access("/sys/fs/cgroup/cgroup.procs", W_OK) < 0)
		return NULL;
	CHECK(mkdir(GROUP, 0755) == 0 && (fd = open(GROUP "/cgroup.procs", O_WRONLY)) >= 0);
	CHECK(write(fd, "0", 1) == 1 && close(fd) == 0);
	npsi = 3;
	return pressure_watch(&psi[2], GROUP "/cpu.pressure", true);
}

static const char *pressure_verify(void)
{
	for (int i = 0; i < npsi; i++)
		STEP(pressure_kept(&psi[i]));
	return pressure_rises(psi, npsi);
}

static const char *ns_fd_make(void)
{
	CHECK((fd = open("/proc/self/ns/net", O_RDONLY)) >= 0 &&
	      (fd2 = open("/proc/self/ns/mnt", O_RDONLY)) >= 0);
	return NULL;
}

static const char *ns_fd_verify(void)
{
	struct stat a, b;

	CHECK(fstat(fd, &a) == 0 && stat("/proc/self/ns/net", &b) == 0 && a.st_ino == b.st_ino);
	CHECK(fstat(fd2, &a) == 0 && stat("/proc/self/ns/mnt", &b) == 0 && a.st_ino == b.st_ino);
	return NULL;
}

/* Of processes: one that lives, one that is dead, and the dead one's directory in /proc. */
static const char *pidfd_make(void)
{
	pid_t dead = fork();
	char path[64];

	if (dead == 0)
		for (;;)
			pause();
	snprintf(path, sizeof(path), "/proc/%d", dead);
	CHECK((fd2 = open(path, O_RDONLY | O_DIRECTORY)) >= 0);
	pipes[0] = (int)syscall(SYS_pidfd_open, dead, 0);
	CHECK(pipes[0] >= 0 && kill(dead, SIGKILL) == 0 && waitpid(dead, NULL, 0) == dead);
	child = fork();
	if (child == 0)
		for (;;)
			pause();
	fd = (int)syscall(SYS_pidfd_open, child, 0);
	CHECK(fd >= 0);
	return NULL;
}

static const char *pidfd_verify(void)
{
	CHECK(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) == 0);
	CHECK(syscall(SYS_pidfd_send_signal, pipes[0], 0, NULL, 0) < 0 && errno == ESRCH);
	CHECK(openat(fd2, "status", O_RDONLY) < 0);
	return NULL;
}

/* libaio's ring stays where the program has it. */
static aio_context_t ring;

static const char *aio_make(void)
{
	CHECK(syscall(SYS_io_setup, 8, &ring) == 0);
	CHECK((fd = create(file("f"), TEXT)) >= 0);
	return NULL;
}

static const char *aio_verify(void)
{
	struct iocb cb = { .aio_lio_opcode = IOCB_CMD_PREAD,
			   .aio_fildes = (uint32_t)fd,
			   .aio_buf = (uintptr_t)buf,
			   .aio_nbytes = strlen(TEXT) };
	struct iocb *list[] = { &cb };
	struct io_event e;

	memset(buf, 0, sizeof(buf));
	CHECK(syscall(SYS_io_submit, ring, 1, list) == 1 &&
	      syscall(SYS_io_getevents, ring, 1, 1, &e, NULL) == 1);
	CHECK(e.res == (int64_t)strlen(TEXT) && memcmp(buf, TEXT, strlen(TEXT)) == 0);
	return NULL;
}

/* ---- mounts of a mount namespace of its own ---- */

static const char *tmpfs_make(void)
{
	NEED(unshare(CLONE_NEWNS) == 0);
	CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	      mkdir(file("m"), 0755) == 0);
	CHECK(mount("cpt", file("m"), "tmpfs", 0, "size=1m,mode=700") == 0 &&
	      chdir(file("m")) == 0);
	CHECK((fd = create("f", TEXT)) >= 0 && mkfifo("p", 0600) == 0 && symlink("f", "l") == 0);
	CHECK(chown("f", 12, 34) == 0 && fsetxattr(fd, "trusted.cpt", "v", 1, 0) >= -1);
	CHECK(mkdir("ro", 0755) == 0 && mount("/etc", "ro", NULL, MS_BIND, NULL) == 0);
	CHECK(mount(NULL, "ro", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NODEV | MS_NOSUID,
		    NULL) == 0);
	return NULL;
}

static const char *tmpfs_verify(void)
{
	struct stat st;

	CHECK(stat("f", &st) == 0 && st.st_uid == 12 && st.st_gid == 34 && holds(fd, TEXT));
	CHECK(lstat("l", &st) == 0 && S_ISLNK(st.st_mode) && stat("p", &st) == 0 &&
	      S_ISFIFO(st.st_mode));
	CHECK(creat("ro/x", 0600) < 0 && errno == EROFS);
	CHECK(access(file("m"), X_OK) == 0 && stat("ro/group", &st) == 0);
	return NULL;
}

static const char *xattr_make(void)
{
	STEP(tmpfs_make());
	NEED(fsetxattr(fd, "user.cpt", "value", 5, 0) == 0);
	return NULL;
}

static const char *xattr_verify(void)
{
	CHECK(fgetxattr(fd, "user.cpt", buf, sizeof(buf)) == 5 && memcmp(buf, "value", 5) == 0);
	return tmpfs_verify();
}

static const char *shm_make(void)
{
	CHECK((fd = create("/dev/shm/cpt-file", TEXT)) >= 0);
	return NULL;
}

static const char *shm_verify(void)
{
	struct stat a, b;

	CHECK(fstat(fd, &a) == 0 && stat("/dev/shm/cpt-file", &b) == 0 && a.st_ino == b.st_ino &&
	      holds(fd, TEXT));
	return NULL;
}

static const struct feature features[] = {
	{ "inotify", inotify_make, inotify_verify },
	{ "fanotify", fanotify_make, fanotify_verify },
	{ "deleted", deleted_make, deleted_verify },
	{ "deleted-link", linked_make, linked_verify },
	{ "deleted-lower", lower_make, lower_verify },
	{ "copy-up", copyup_make, copyup_verify },
	{ "deleted-cwd", cwd_make, cwd_verify },
	{ "deleted-exe", exe_make, exe_verify },
	{ "flock", flock_make, flock_verify },
	{ "posix-lock", posix_make, record_verify },
	{ "ofd-lock", ofd_make, record_verify },
	{ "lease", lease_make, lease_verify },
	{ "o-path", opath_make, opath_verify },
	{ "fifo", fifo_make, fifo_verify },
	{ "pipe", pipe_make, pipe_verify },
	{ "events", events_make, events_verify },
	{ "events-heir", heir_make, events_verify },
	{ "pressure", pressure_make, pressure_verify },
	{ "ns-fd", ns_fd_make, ns_fd_verify },
	{ "pidfd", pidfd_make, pidfd_verify },
	{ "aio", aio_make, aio_verify },
	{ "mount-ns", tmpfs_make, tmpfs_verify },
	{ "tmpfs-xattr", xattr_make, xattr_verify },
	{ "dev-shm", shm_make, shm_verify },
	{ NULL, NULL, NULL },
};

int main(int argc, char **argv)
{
	return cpt_main(features, argc, argv);
}
