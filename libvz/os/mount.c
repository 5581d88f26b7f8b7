/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The descriptor-based mount interface, and what is left of the old one. */
#include "os/os.h"

#include <linux/mount.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/syscall.h>

int os_open_tree(int dirfd, const char *path, unsigned int flags)
{
	return RET_NERRNO(syscall(SYS_open_tree, dirfd, path, flags | OPEN_TREE_CLOEXEC));
}

int os_move_mount(int from_fd, const char *from, int to_fd, const char *to, unsigned int flags)
{
	if (!*from)
		flags |= MOVE_MOUNT_F_EMPTY_PATH;
	if (!*to)
		flags |= MOVE_MOUNT_T_EMPTY_PATH;
	return RET_NERRNO(syscall(SYS_move_mount, from_fd, from, to_fd, to, flags));
}

int os_mount_setattr(int fd, const char *path, unsigned int flags, const struct mount_attr *a)
{
	return RET_NERRNO(syscall(SYS_mount_setattr, fd, path, flags, a, sizeof(*a)));
}

int os_mount_attr(int fd, uint64_t set, uint64_t clear, int userns_fd, bool recursive)
{
	struct mount_attr a = { .attr_set = set, .attr_clr = clear };

	if (userns_fd >= 0) {
		a.attr_set |= MOUNT_ATTR_IDMAP;
		a.userns_fd = (uint64_t)userns_fd;
	}
	return os_mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &a);
}

int os_fsopen(const char *type)
{
	return RET_NERRNO(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC));
}

int os_fsconfig(int fsfd, const char *key, const char *value)
{
	return RET_NERRNO(syscall(SYS_fsconfig, fsfd,
				  value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, value, 0));
}

int os_fsmount(int fsfd, uint64_t attrs)
{
	int r = RET_NERRNO(syscall(SYS_fsconfig, fsfd, FSCONFIG_CMD_CREATE, NULL, NULL, 0));

	if (r < 0)
		return r;
	return RET_NERRNO(syscall(SYS_fsmount, fsfd, FSMOUNT_CLOEXEC, (unsigned int)attrs));
}

/* Messages read as "e text", "w text" or "i text"; the last error or warning wins. */
void os_fs_message(int fsfd, char *buf, size_t n)
{
	char line[512];
	ssize_t len;

	if (n)
		buf[0] = '\0';
	while ((len = read(fsfd, line, sizeof(line) - 1)) > 0) {
		line[len] = '\0';
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == 'e' || line[0] == 'w')
			(void)snprintf(buf, n, "%s", line[1] ? line + 2 : "");
	}
}

int os_umount(const char *path, int flags)
{
	if (syscall(SYS_umount2, path, flags) == 0 || errno == EINVAL || errno == ENOENT)
		return 0;
	return -errno;
}

int os_is_mountpoint(const char *path)
{
	struct statx sx;

	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &sx) < 0)
		return -errno;
	if (!(sx.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT))
		return -EOPNOTSUPP;
	return !!(sx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}
