/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files: opening beneath a directory, reading and writing whole files, atomic
 * replacement.
 */
#include "os/os.h"

#include <fnmatch.h>
#include <limits.h>
#include <linux/close_range.h>
#include <string.h>
#include <sys/random.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 0x10U
#endif

int os_openat(int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.mode = flags & (O_CREAT | __O_TMPFILE) ? mode : 0,
		.resolve = resolve,
	};

	for (unsigned int i = 0;; i++) {
		long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		/* a rename raced with a RESOLVE_IN_ROOT walk: the kernel asks for another try */
		if ((errno != EAGAIN && errno != EINTR) || i >= 128)
			return -errno;
	}
}

int os_read_file_at(int dirfd, const char *path, size_t max, char **ret, size_t *ret_len)
{
	_cleanup_close_ int fd = -EBADF;
	_cleanup_free_ char *buf = NULL;
	size_t len = 0, cap = 0;

	fd = os_openat(dirfd, path, O_RDONLY | O_NOCTTY, 0, 0);
	if (fd < 0)
		return fd;
	for (;;) {
		ssize_t n;

		if (len + 1 >= cap) {
			size_t want = cap ? cap * 2 : 4096;
			char *p = realloc(buf, want);

			if (!p)
				return -ENOMEM;
			buf = p;
			cap = want;
		}
		n = read(fd, buf + len, cap - len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
		if (len > max)
			return -EFBIG;
	}
	buf[len] = '\0';
	*ret = TAKE_PTR(buf);
	if (ret_len)
		*ret_len = len;
	return 0;
}

int os_write_file_at(int dirfd, const char *path, const char *text)
{
	_cleanup_close_ int fd = os_openat(dirfd, path, O_WRONLY | O_NOCTTY, 0, 0);
	size_t len = strlen(text);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = write(fd, text, len);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

ssize_t os_write_pipe(int fd, const void *data, size_t len)
{
	const struct timespec now = { 0 };
	sigset_t sigpipe, pending, mask;
	ssize_t n;

	sigemptyset(&sigpipe);
	sigaddset(&sigpipe, SIGPIPE);
	sigemptyset(&pending);
	(void)sigpending(&pending);
	(void)pthread_sigmask(SIG_BLOCK, &sigpipe, &mask);
	n = write(fd, data, len);
	n = n < 0 ? -errno : n;
	/* ours, unless one was waiting already: then the caller is to have it */
	if (n == -EPIPE && sigismember(&pending, SIGPIPE) == 0)
		(void)sigtimedwait(&sigpipe, NULL, &now);
	(void)pthread_sigmask(SIG_SETMASK, &mask, NULL);
	return n;
}

int os_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* "dir/.name.XXXXXXXX.tmp"; a fixed suffix lets leftovers of a killed writer be recognised. */
static int temp_name(const char *path, char **ret)
{
	const char *base = strrchr(path, '/');
	_cleanup_free_ char *tmp = NULL;
	uint32_t rnd;

	base = base ? base + 1 : path;
	if (getrandom(&rnd, sizeof(rnd), 0) != sizeof(rnd))
		return -EIO;
	if (asprintf(&tmp, "%.*s.%s.%08x.tmp", (int)(base - path), path, base, rnd) < 0)
		return -ENOMEM;
	*ret = TAKE_PTR(tmp);
	return 0;
}

int os_fsync_dir(const char *path)
{
	_cleanup_close_ int fd = -EBADF;
	_cleanup_free_ char *dir = strdup(path);
	char *slash;

	if (!dir)
		return -ENOMEM;
	slash = strrchr(dir, '/');
	if (slash && slash != dir)
		*slash = '\0';
	fd = os_openat(AT_FDCWD, slash ? (slash == dir ? "/" : dir) : ".", O_RDONLY | O_DIRECTORY,
		       0, 0);
	if (fd < 0)
		return fd;
	return RET_NERRNO(fsync(fd));
}

/* A file without a name in path's directory: killed while it is written, it leaves nothing. */
static int open_nameless(const char *path, mode_t mode)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");

	return dir ? os_openat(AT_FDCWD, dir, O_WRONLY | O_TMPFILE, mode, 0) : -ENOMEM;
}

static int give_name(int fd, const char *name)
{
	char self[32];

	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return RET_NERRNO(linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW));
}

enum how { REPLACE = 1, DURABLE = 2 };

static int put_in_place(const char *tmp, const char *path, unsigned int how)
{
	int r;

	if (how & REPLACE)
		return RET_NERRNO(rename(tmp, path));
	r = RET_NERRNO(link(tmp, path));
	(void)unlink(tmp);
	return r;
}

static int replace_file(const char *path, const void *data, size_t len, mode_t mode,
			unsigned int how)
{
	bool durable = how & DURABLE;
	_cleanup_free_ char *tmp = NULL;
	_cleanup_close_ int fd = -EBADF;
	bool nameless = false;
	int r = temp_name(path, &tmp);

	if (r < 0)
		return r;
	/* what lives on tmpfs goes with its directory: not worth another system call */
	if (durable)
		fd = open_nameless(path, mode);
	nameless = fd >= 0;
	if (fd < 0)
		fd = os_openat(AT_FDCWD, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode, 0);
	if (fd < 0)
		return fd;
	r = RET_NERRNO(fchmod(fd, mode));
	if (r >= 0)
		r = os_write_all(fd, data, len);
	if (r >= 0 && durable)
		r = RET_NERRNO(fsync(fd));
	if (r >= 0 && nameless)
		r = give_name(fd, tmp);
	if (r >= 0)
		r = put_in_place(tmp, path, how);
	if (r < 0) {
		(void)unlink(tmp);
		return r;
	}
	return durable ? os_fsync_dir(path) : 0;
}

int os_replace_file(const char *path, const void *data, size_t len, mode_t mode)
{
	return replace_file(path, data, len, mode, REPLACE | DURABLE);
}

int os_create_file(const char *path, const void *data, size_t len, mode_t mode)
{
	return replace_file(path, data, len, mode, DURABLE);
}

int os_replace_file_volatile(const char *path, const void *data, size_t len, mode_t mode)
{
	return replace_file(path, data, len, mode, REPLACE);
}

void os_drop_leftovers(const char *dir, const char *name)
{
	_cleanup_close_ int fd = os_openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0, 0);
	_cleanup_free_ char *pattern = NULL;
	const struct dirent *de;
	DIR *d = NULL;

	if (fd < 0 || asprintf(&pattern, ".%s.????????.tmp", name) < 0 || os_list_dir(fd, &d) < 0)
		return;
	while (os_next_entry(d, &de) > 0)
		if (fnmatch(pattern, de->d_name, 0) == 0)
			(void)unlinkat(fd, de->d_name, 0);
	(void)closedir(d);
}

int os_mkdir_p(const char *path, mode_t mode)
{
	_cleanup_free_ char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	for (char *p = copy + (copy[0] == '/'); *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		/* what stands above the wanted directory is for passing through only */
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	if (mkdir(copy, mode) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

int os_mkdir_private(const char *path)
{
	struct stat st;
	int r = os_mkdir_p(path, 0700);

	if (r >= 0)
		r = RET_NERRNO(lstat(path, &st));
	if (r < 0)
		return r;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	return st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH)) ? 0 : -EPERM;
}

bool os_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

int os_cloexec_from(int from)
{
	return RET_NERRNO(syscall(SYS_close_range, (unsigned int)from, ~0U, CLOSE_RANGE_CLOEXEC));
}

int os_memfd(const char *name, const void *data, size_t len, bool exec)
{
	_cleanup_close_ int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING |
							    (exec ? MFD_EXEC : MFD_NOEXEC_SEAL));
	int r;

	if (fd < 0)
		return -errno;
	r = os_write_all(fd, data, len);
	if (r < 0)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int by_value(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

int os_close_except(const int *keep, size_t n)
{
	unsigned int next = 0;
	int sorted[16];

	if (n > ARRAY_SIZE(sorted))
		return -EINVAL;
	memcpy(sorted, keep, n * sizeof(*keep));
	qsort(sorted, n, sizeof(*sorted), by_value);
	for (size_t i = 0; i < n; i++) {
		if (sorted[i] < 0 || (unsigned int)sorted[i] < next)
			continue;
		if ((unsigned int)sorted[i] > next &&
		    syscall(SYS_close_range, next, (unsigned int)sorted[i] - 1, 0) < 0)
			return -errno;
		next = (unsigned int)sorted[i] + 1;
	}
	return RET_NERRNO(syscall(SYS_close_range, next, ~0U, 0));
}

int os_keep_on_exec(int fd)
{
	return RET_NERRNO(fcntl(fd, F_SETFD, 0));
}

int os_list_dir(int dirfd, DIR **ret)
{
	int fd = os_openat(dirfd, ".", O_RDONLY | O_DIRECTORY, 0, 0), r;

	if (fd < 0)
		return fd;
	*ret = fdopendir(fd);
	if (*ret)
		return 0;
	r = -errno;
	(void)safe_close(fd);
	return r;
}

int os_next_entry(DIR *d, const struct dirent **ret)
{
	do {
		errno = 0;
		*ret = readdir(d);
		if (!*ret)
			return -errno;
	} while (strcmp((*ret)->d_name, ".") == 0 || strcmp((*ret)->d_name, "..") == 0);
	return 1;
}

int os_readlink(const char *path, char **ret)
{
	char buf[PATH_MAX];
	ssize_t n = readlink(path, buf, sizeof(buf) - 1);
	char *copy;

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	copy = strdup(buf);
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}
