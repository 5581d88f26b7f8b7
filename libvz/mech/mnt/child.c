/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mount namespace of a VE, built by its own root in its own namespaces.
 *
 * The tree below rootfd is hostile: a template or tenant may have put links, files or
 * mounts wherever we mount.  Every target is opened beneath rootfd without
 * following a single symbolic link, and mounts go descriptor onto descriptor, so
 * no path is ever resolved twice.  What we mount on was made, or is verified, by us.
 */
#include "mech/mnt/mnt.h"

#include "mech/mnt/mask.h"
#include "os/os.h"

#include <linux/magic.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#define NO_LINKS (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)

/* O_PATH of a directory beneath dirfd; made when missing; a link or another kind is refused. */
static int target_dir(int dirfd, const char *path, struct vz_error *e)
{
	int fd = os_openat(dirfd, path, O_PATH | O_DIRECTORY, 0, NO_LINKS);

	if (fd == -ENOENT && mkdirat(dirfd, path, 0755) == 0)
		fd = os_openat(dirfd, path, O_PATH | O_DIRECTORY, 0, NO_LINKS);
	if (fd == -ELOOP || fd == -ENOTDIR)
		return vz_fail_exit(
			e, fd, VZ_EXIT_BROKEN,
			"/%s in the container is not a directory: remove it and start again", path);
	return fd < 0 ? vz_fail(e, fd, "open /%s in the container", path) : fd;
}

struct api_fs {
	const char *type, *target;
	uint64_t attrs;
	const char *opts[6][2];
};

#define STRICT (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

/* A new file system of the VE's own namespaces at its target; returns the mount's descriptor. */
static int mount_api(int rootfd, const struct api_fs *a, struct vz_error *e)
{
	_cleanup_close_ int fs = os_fsopen(a->type), mfd = -EBADF, dir = -EBADF;
	int r = fs;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(a->opts) && a->opts[i][0]; i++)
		r = os_fsconfig(fs, a->opts[i][0], a->opts[i][1]);
	if (r >= 0)
		r = mfd = os_fsmount(fs, a->attrs);
	if (r < 0)
		return vz_fail(e, r, "mount %s for /%s", a->type, a->target);
	dir = target_dir(rootfd, a->target, e);
	if (dir < 0)
		return dir;
	r = os_move_mount(mfd, "", dir, "", 0);
	return r < 0 ? vz_fail(e, r, "attach %s at /%s", a->type, a->target) : TAKE_FD(mfd);
}

/*
 * The console's devpts is the monitor's, not the VE's, so that a restore can make it before the VE's own
 * stands.  Only its one slave is shown, over /dev/console. Linux clones mounts only where they are attached,
 * hence the moment on a directory of our own making.
 */
static int attach_console(const struct mnt_child_conf *c, struct vz_error *e)
{
	static const char stand[] = "/dev/mqueue";
	_cleanup_close_ int at = -EBADF, mnt = -EBADF;
	char path[48];
	int r = os_move_mount(c->ptsfd, "", AT_FDCWD, stand, 0);

	if (r < 0)
		return vz_fail(e, r, "attach the console's devpts at %s", stand);
	(void)snprintf(path, sizeof(path), "%s/%u", stand, c->pty);
	r = mnt = os_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE);
	if (r >= 0)
		r = at = os_openat(AT_FDCWD, "/dev/console", O_PATH, 0, RESOLVE_NO_SYMLINKS);
	if (r >= 0)
		r = os_move_mount(mnt, "", at, "", 0);
	r = RET_GATHER(r, os_umount(stand, OS_UMOUNT_NOFOLLOW | OS_MNT_DETACH));
	return r < 0 ? vz_fail(e, r, "mount the console's pty at /dev/console") : 0;
}

static int setup_dev(const struct mnt_child_conf *c, struct vz_error *e)
{
	char max[16], size[24];
	struct api_fs pts = { "devpts",
			      "dev/pts",
			      MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
			      { { "ptmxmode", "0666" }, { "mode", "0620" }, { "gid", "5" } } };
	struct api_fs shm = {
		"tmpfs", "dev/shm", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, { { "mode", "1777" } }
	};
	_cleanup_close_ int dir = target_dir(c->rootfd, "dev", e), ptsfd = -EBADF, shmfd = -EBADF;
	int r;

	if (dir < 0)
		return dir;
	r = os_move_mount(c->devfd, "", dir, "", 0);
	if (r < 0)
		return vz_fail(e, r, "attach /dev");
	if (c->ptys) {
		(void)snprintf(max, sizeof(max), "%u", c->ptys);
		pts.opts[3][0] = "max";
		pts.opts[3][1] = max;
	}
	if (c->shm_bytes != UINT64_MAX) {
		(void)snprintf(size, sizeof(size), "%llu", (unsigned long long)c->shm_bytes);
		shm.opts[1][0] = "size";
		shm.opts[1][1] = size;
	}
	ptsfd = mount_api(c->rootfd, &pts, e);
	if (ptsfd < 0)
		return ptsfd;
	shmfd = mount_api(c->rootfd, &shm, e);
	if (shmfd < 0)
		return shmfd;
	return 0;
}

/* rootfd becomes /, the host's tree disappears. The old root never has a name inside. */
static int pivot(int rootfd, struct vz_error *e)
{
	int r = RET_NERRNO(fchdir(rootfd));

	if (r >= 0)
		r = RET_NERRNO(syscall(SYS_pivot_root, ".", "."));
	if (r >= 0)
		r = RET_NERRNO(syscall(SYS_umount2, ".", OS_MNT_DETACH));
	if (r >= 0)
		r = RET_NERRNO(chdir("/"));
	return r < 0 ? vz_fail(e, r, "pivot into the container's root") : 0;
}

static int setup_api(int rootfd, struct vz_error *e)
{
	static const struct api_fs fs[] = {
		{ "proc", "proc", STRICT, { { "source", "proc" } } },
		{ "sysfs", "sys", STRICT | MOUNT_ATTR_RDONLY, { { "source", "sysfs" } } },
		{ "cgroup2", "sys/fs/cgroup", STRICT, { { "source", "cgroup2" } } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(fs); i++) {
		int fd = mount_api(rootfd, &fs[i], e);

		if (fd < 0)
			return fd;
		(void)safe_close(fd);
	}
	return 0;
}

int mnt_child_setup(const struct mnt_child_conf *c, struct vz_error *e)
{
	struct mount_attr private = { .propagation = OS_MS_PRIVATE };
	int r;

	/* nothing we or the VE mount reaches the host, nothing of the host's comes in later */
	r = os_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &private);
	if (r < 0)
		return vz_fail(e, r, "make the mount namespace private");
	r = os_move_mount(c->rootfd, "", AT_FDCWD, "/", 0);
	if (r < 0)
		return vz_fail(e, r, "attach the container's root");
	/* proc and sysfs need the host's still in sight: the kernel compares what they reveal */
	r = setup_api(c->rootfd, e);
	if (r >= 0)
		r = setup_dev(c, e);
	if (r >= 0)
		r = pivot(c->rootfd, e);
	if (r >= 0)
		r = attach_console(c, e);
	if (r >= 0)
		r = mask_all(c->privileged, e);
	return r;
}
