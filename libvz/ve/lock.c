/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * LOCKDIR/CTID.lck.  Between vz processes an OFD lock on the file decides: it
 * dies with its holder.  For OpenVZ's scripts, which lock by the file's mere
 * existence and its first line, a pid, the file is written on taking, removed on
 * releasing, and a live pid found in it that holds no OFD lock is respected.
 */
#include "ve/ve.h"

#include "base/num.h"
#include "base/str.h"
#include "os/os.h"

#include <poll.h>
#include <string.h>

#define RETRY_MS   50
#define MONITOR_MS 10000

static int lock_path(const struct ve *ve, char **ret)
{
	return str_fmt(ret, "%s/%u.lck", ve->host->lockdir, ve->id);
}

/* First line: pid, second: verb, third: starttime (ours only). */
struct holder {
	pid_t pid;
	uint64_t start;
	char verb[32];
};

static void holder_read(int fd, struct holder *h)
{
	char buf[160], *line, *save = NULL;
	ssize_t n = pread(fd, buf, sizeof(buf) - 1, 0);
	uint64_t v;

	*h = (struct holder){ 0 };
	if (n <= 0)
		return;
	buf[n] = '\0';
	line = strtok_r(buf, "\n", &save);
	if (line && num_parse_u64(line, &v) >= 0 && v < INT32_MAX)
		h->pid = (pid_t)v;
	line = strtok_r(NULL, "\n", &save);
	if (line)
		(void)snprintf(h->verb, sizeof(h->verb), "%s", line);
	line = strtok_r(NULL, "\n", &save);
	if (line && num_parse_u64(line, &v) >= 0)
		h->start = v;
}

/* Is the one the file names still there? Without a recorded start time the pid alone has to do. */
static bool holder_alive(const struct holder *h)
{
	uint64_t start;

	if (h->pid <= 0 || h->pid == getpid() || os_starttime(h->pid, &start) < 0)
		return false;
	return !h->start || h->start == start;
}

static int holder_write(int fd, const char *verb)
{
	char buf[96];
	uint64_t start = 0;
	int n;

	IGNORE(os_starttime(getpid(), &start));
	n = snprintf(buf, sizeof(buf), "%d\n%s\n%llu\n", getpid(), verb, (unsigned long long)start);
	if (ftruncate(fd, 0) < 0 || pwrite(fd, buf, (size_t)n, 0) != n)
		return -errno;
	return 0;
}

/* The file may have been removed by its last holder between our open and our lock. */
static bool still_there(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && lstat(path, &b) == 0 && a.st_ino == b.st_ino &&
	       a.st_dev == b.st_dev;
}

/* create: O_CREAT or 0. 0: *ret_fd is the lock; -EAGAIN: held, see *h */
static int try_lock(const char *path, int create, int *ret_fd, struct holder *h)
{
	_cleanup_close_ int fd = os_openat(AT_FDCWD, path, O_RDWR | create | O_NOFOLLOW, 0600, 0);
	int r = fd;

	if (r >= 0)
		r = os_ofd_lock(fd, 0);
	if (r == -EAGAIN)
		holder_read(fd, h);
	if (r < 0)
		return r;
	if (!still_there(fd, path))
		return -EAGAIN;
	holder_read(fd, h);
	if (holder_alive(h))
		return -EAGAIN;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int refuse(const struct ve *ve, const struct holder *h, struct vz_error *e)
{
	_cleanup_free_ char *text = NULL, *safe = NULL;
	char path[64];

	/* its monitor has the lock, too, and undoes what it had begun; or somebody just got it */
	if (!holder_alive(h))
		return vz_fail_exit(
			e, -EAGAIN, VZ_EXIT_LOCKED,
			"Container already locked (by what a %s that ended left to be done): wait for it",
			h->verb[0] ? h->verb : "command");
	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", h->pid);
	if (os_read_file_at(AT_FDCWD, path, 256, &text, NULL) < 0 || str_escape(&safe, text) < 0)
		safe = NULL;
	return vz_fail_exit(
		e, -EAGAIN, VZ_EXIT_LOCKED,
		"Container already locked (pid %d%s%s%s%s): wait for it or look at %s/%u.lck",
		h->pid, safe ? ", " : "", safe ? safe : "", h->verb[0] ? " " : "", h->verb,
		ve->host->lockdir, ve->id);
}

/*
 * A VE that halted or reboots on its own says so before its monitor is done with it; whoever
 * saw that and starts it is not to be refused for what takes a moment and nobody asked for.
 */
static bool held_by_monitor(const struct holder *h)
{
	return strcmp(h->verb, LOCK_HALT) == 0 || strcmp(h->verb, LOCK_REBOOT) == 0;
}

int ve_lock(const struct ve *ve, const char *verb, int timeout_ms, struct vz_error *e)
{
	_cleanup_free_ char *path = NULL;
	uint64_t begin = os_now_ms(), end = begin + (uint64_t)timeout_ms, now;
	struct holder h = { 0 };
	int r = lock_path(ve, &path), fd = -EBADF;

	if (r >= 0)
		r = os_mkdir_private(ve->host->lockdir);
	if (r < 0)
		return vz_fail_exit(e, r, VZ_EXIT_NO_LOCKDIR, "make LOCKDIR %s", ve->host->lockdir);
	for (unsigned int i = 0;; i++) {
		r = try_lock(path, O_CREAT, &fd, &h);
		now = os_now_ms();
		/* three quick tries without a timeout: a file being removed, a file being written */
		if (r != -EAGAIN ||
		    (now >= end && i >= 3 && !(held_by_monitor(&h) && now < begin + MONITOR_MS)))
			break;
		(void)poll(NULL, 0, i < 3 ? 1 : RETRY_MS);
	}
	if (r == -EAGAIN)
		return refuse(ve, &h, e);
	if (r >= 0)
		r = holder_write(fd, verb);
	if (r < 0) {
		(void)safe_close(fd);
		return vz_fail(e, r, "lock %s", path);
	}
	return fd;
}

void ve_unlock(const struct ve *ve, int *fd)
{
	_cleanup_free_ char *path = NULL;

	if (*fd < 0)
		return;
	if (lock_path(ve, &path) >= 0 && still_there(*fd, path))
		(void)unlink(path);
	*fd = safe_close(*fd);
}

void ve_lock_tidy(const struct ve *ve)
{
	_cleanup_free_ char *path = NULL;
	struct holder h = { 0 };
	int fd;

	if (lock_path(ve, &path) >= 0 && try_lock(path, 0, &fd, &h) >= 0)
		ve_unlock(ve, &fd);
}

int host_lock(const struct host_config *h, struct vz_error *e)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -EBADF;
	int r = str_fmt(&path, "%s/vz.lck", h->lockdir);

	if (r >= 0)
		r = os_mkdir_private(h->lockdir);
	if (r >= 0)
		r = fd = os_openat(AT_FDCWD, path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600, 0);
	if (r >= 0)
		r = os_ofd_lock(fd, 30000);
	return r < 0 ? vz_fail(e, r, "lock %s/vz.lck", h->lockdir) : TAKE_FD(fd);
}
