/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cgroup v2 as files: everything is opened beneath a directory descriptor, so
 * a VE which rearranges its own subtree meanwhile can make us fail but not act
 * elsewhere.  Knows nothing of limits or VEs.  Tricky: cgroup.events tells a
 * change by POLLPRI only relative to the last read of that very descriptor, so
 * it has to be read before each poll.
 */
#include "os/cgfs.h"

#include "base/num.h"

#include <linux/magic.h>
#include <poll.h>
#include <string.h>
#include <sys/vfs.h>

#define FILE_MAX      (4U << 20)
#define BENEATH	      (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV)
/* How long a cgroup without live processes may refuse to go: zombie leaders, a last task exiting. */
#define REMOVE_TRIES  20
#define REMOVE_NAP_MS 5

int cgfs_opendir(int dirfd, const char *path)
{
	return os_openat(dirfd, path, O_RDONLY | O_DIRECTORY, 0, dirfd == AT_FDCWD ? 0 : BENEATH);
}

int cgfs_mkdir(int dirfd, const char *name, bool *ret_made)
{
	int r = RET_NERRNO(mkdirat(dirfd, name, 0755));

	if (r < 0 && r != -EEXIST)
		return r;
	if (ret_made)
		*ret_made = r == 0;
	return cgfs_opendir(dirfd, name);
}

int cgfs_is_v2(int fd)
{
	struct statfs sfs;

	if (fstatfs(fd, &sfs) < 0)
		return -errno;
	return sfs.f_type == CGROUP2_SUPER_MAGIC;
}

int cgfs_read(int dirfd, const char *file, char **ret)
{
	size_t len = 0;
	int r = os_read_file_at(dirfd, file, FILE_MAX, ret, &len);

	if (r < 0)
		return r;
	if (len && (*ret)[len - 1] == '\n')
		(*ret)[len - 1] = '\0';
	return 0;
}

int cgfs_read_u64(int dirfd, const char *file, uint64_t *ret)
{
	_cleanup_free_ char *text = NULL;
	int r = cgfs_read(dirfd, file, &text);

	if (r < 0)
		return r;
	if (strcmp(text, "max") == 0) {
		*ret = UINT64_MAX;
		return 0;
	}
	return num_parse_u64(text, ret);
}

const char *cgfs_line(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *p = text; *p;) {
		size_t line = strcspn(p, "\n");

		if (strncmp(p, key, len) == 0 && p[len] == ' ')
			return p;
		p += line + (p[line] == '\n');
	}
	return NULL;
}

int cgfs_key(const char *text, const char *key, uint64_t *ret)
{
	const char *line = cgfs_line(text, key), *value = line ? line + strlen(key) + 1 : "";
	size_t n = strcspn(value, "\n");
	char num[22] = "";

	if (!line || n >= sizeof(num) - 1)
		return -ENOENT;
	memcpy(num, value, n);
	return num_parse_u64(num, ret);
}

bool cgfs_has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; *p;) {
		size_t n = strcspn(p, " \n");

		if (n == len && strncmp(p, word, len) == 0)
			return true;
		p += n + (p[n] != '\0');
	}
	return false;
}

static int read_event(int fd, const char *key, uint64_t *ret)
{
	char buf[256];
	ssize_t n = pread(fd, buf, sizeof(buf) - 1, 0);

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return cgfs_key(buf, key, ret);
}

int cgfs_wait_event(int dirfd, const char *key, uint64_t value, int timeout_ms)
{
	_cleanup_close_ int fd = os_openat(dirfd, "cgroup.events", O_RDONLY, 0, BENEATH);
	uint64_t end = timeout_ms < 0 ? UINT64_MAX : os_now_ms() + (uint64_t)timeout_ms;

	if (fd < 0)
		return fd;
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLPRI };
		uint64_t got, now;
		int r = read_event(fd, key, &got);

		if (r < 0 || got == value)
			return r < 0 ? r : 0;
		now = os_now_ms();
		if (now >= end)
			return -ETIMEDOUT;
		if (poll(&p, 1, timeout_ms < 0 ? -1 : (int)(end - now)) < 0 && errno != EINTR)
			return -errno;
	}
}

int cgfs_populated(int dirfd)
{
	_cleanup_close_ int fd = os_openat(dirfd, "cgroup.events", O_RDONLY, 0, BENEATH);
	uint64_t v = 0;
	int r = fd < 0 ? fd : read_event(fd, "populated", &v);

	return r < 0 ? r : v != 0;
}

/* Call fn for each child directory; stops at its first failure. */
static int each_child(int dirfd,
		      int (*fn)(int dirfd, const char *name, unsigned int depth, void *arg),
		      unsigned int depth, void *arg)
{
	_cleanup_closedir_ DIR *d = NULL;
	const struct dirent *de;
	int r = os_list_dir(dirfd, &d);

	while (r >= 0 && (r = os_next_entry(d, &de)) > 0)
		if (de->d_type == DT_DIR)
			r = fn(dirfd, de->d_name, depth, arg);
	return r;
}

/*
 * The kernel frees a cgroup a moment after cgroup.events says empty (a dead thread
 * group leader is not reaped yet), and tells nobody when: hence short naps.
 */
static int remove_dir(int dirfd, const char *name, int fd)
{
	for (int i = 0;; i++) {
		int r = RET_NERRNO(unlinkat(dirfd, name, AT_REMOVEDIR));

		if (r == 0 || r == -ENOENT)
			return 0;
		if (r != -EBUSY || i >= REMOVE_TRIES || cgfs_populated(fd) != 0)
			return r;
		(void)poll(NULL, 0, REMOVE_NAP_MS);
	}
}

static int remove_tree(int dirfd, const char *name, unsigned int depth, void *arg)
{
	_cleanup_close_ int fd = cgfs_opendir(dirfd, name);
	int r;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (depth > CGFS_MAX_DEPTH)
		return -ELOOP;
	r = each_child(fd, remove_tree, depth + 1, arg);
	return r < 0 && r != -ENOENT ? r : remove_dir(dirfd, name, fd);
}

int cgfs_remove(int dirfd, const char *name)
{
	return remove_tree(dirfd, name, 0, NULL);
}

static int count_threads(int dirfd, const char *name, unsigned int depth, void *arg)
{
	_cleanup_close_ int fd = cgfs_opendir(dirfd, name);
	_cleanup_free_ char *text = NULL;
	uint64_t *sum = arg;
	int r;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (depth > CGFS_MAX_DEPTH)
		return -ELOOP;
	r = os_read_file_at(fd, "cgroup.threads", FILE_MAX, &text, NULL);
	if (r < 0)
		return r == -ENODEV ? 0 : r; /* removed meanwhile */
	for (const char *p = text; (p = strchr(p, '\n')); p++)
		(*sum)++;
	return each_child(fd, count_threads, depth + 1, arg);
}

int cgfs_count_threads(int dirfd, uint64_t *ret)
{
	uint64_t sum = 0;
	int r = count_threads(dirfd, ".", 0, &sum);

	if (r >= 0)
		*ret = sum;
	return r < 0 ? r : 0;
}

static int chown_one(int dirfd, const char *file, uid_t uid, gid_t gid)
{
	int r = RET_NERRNO(fchownat(dirfd, file, uid, gid, AT_SYMLINK_NOFOLLOW));

	return r == -ENOENT ? 0 : r; /* a controller's file, and the controller is not here */
}

int cgfs_chown(int dirfd, uid_t uid, gid_t gid)
{
	_cleanup_free_ char *list = NULL;
	int r = os_read_file_at(AT_FDCWD, "/sys/kernel/cgroup/delegate", 4096, &list, NULL);

	/* /sys may be hidden or older than 4.15: what systemd itself needs is known */
	if (r < 0)
		list = strdup("cgroup.procs\ncgroup.threads\ncgroup.subtree_control\n");
	if (!list)
		return -ENOMEM;
	r = RET_NERRNO(fchown(dirfd, uid, gid));
	for (char *p = list, *next; r >= 0 && *p; p = next) {
		size_t n = strcspn(p, "\n");

		next = p + n + (p[n] == '\n');
		p[n] = '\0';
		if (n)
			r = chown_one(dirfd, p, uid, gid);
	}
	return r < 0 ? r : 0;
}
