/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Running from a copy nobody can write: a process that enters a VE shows the
 * VE its /proc/PID/exe, and a VE may even execute it (#!/proc/self/exe).  Opened
 * for writing, that link would be the host's binary (the class of CVE-2019-5736).
 *
 * So the program is executed again from a detached overlay of its own directory
 * without an upper layer: the same pages of memory, a super block that cannot be
 * made writable, and no path in any mount namespace that leads to it.
 */
#include "os/os.h"

#include <linux/magic.h>
#include <linux/mount.h>
#include <string.h>
#include <limits.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#define SELF "/proc/self/exe"

/* Ours is an overlay, read-only, and the path the kernel names leads elsewhere or nowhere. */
static int self_sealed(const char *path)
{
	struct stat exe, named;
	struct statfs st;

	if (statfs(SELF, &st) < 0 || stat(SELF, &exe) < 0)
		return -errno;
	if ((unsigned long)st.f_type != OVERLAYFS_SUPER_MAGIC || !(st.f_flags & ST_RDONLY))
		return 0;
	return stat(path, &named) < 0 || named.st_dev != exe.st_dev;
}

/* An overlay without an upper wants two lower layers: the second is any directory off the path. */
static int sealed_dir(const char *dir)
{
	_cleanup_close_ int fs = os_fsopen("overlay");
	char lower[PATH_MAX + 16];
	int r = fs;

	/* ':' separates layers, '\\' escapes */
	if (strpbrk(dir, ":\\,"))
		return -EINVAL;
	(void)snprintf(lower, sizeof(lower), "%s:%s", dir,
		       strncmp(dir, "/run", 4) == 0 ? "/dev" : "/run");
	if (r >= 0)
		r = os_fsconfig(fs, "source", "vz-sealed");
	if (r >= 0)
		r = os_fsconfig(fs, "lowerdir", lower);
	if (r >= 0)
		r = os_fsmount(fs, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID);
	return r;
}

int os_seal_self(char *const argv[], char *const env[])
{
	_cleanup_close_ int dir = -EBADF, exe = -EBADF;
	_cleanup_free_ char *path = NULL;
	char *slash;
	int r = os_readlink(SELF, &path);

	if (r >= 0)
		r = self_sealed(path);
	if (r != 0)
		return r < 0 ? r : 0;
	slash = strrchr(path, '/');
	if (!slash)
		return -EINVAL;
	*slash = '\0';
	dir = sealed_dir(slash == path ? "/" : path);
	if (dir < 0)
		return dir;
	exe = os_openat(dir, slash + 1, O_PATH | O_NOFOLLOW, 0, RESOLVE_BENEATH);
	if (exe < 0)
		return exe;
	(void)execveat(exe, "", argv, env, AT_EMPTY_PATH);
	return -errno;
}
