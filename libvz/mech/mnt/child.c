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

#include "os/os.h"

#include <linux/magic.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <termios.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

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

/* What host information is left in proc and sysfs is covered by an empty file or directory. */
static const struct mask {
	const char *path;
	bool privileged_only; /* in a user namespace the file's owner is out of reach already */
	bool readonly;	      /* stays visible, read-only */
} masks[] = {
	{ "proc/kcore", false, false },
	{ "proc/keys", false, false },
	{ "proc/key-users", false, false },
	{ "proc/timer_list", false, false },
	{ "proc/latency_stats", false, false },
	{ "proc/sched_debug", false, false },
	{ "proc/interrupts", false, false },
	{ "proc/scsi", false, false },
	{ "proc/acpi", false, false },
	{ "proc/kpagecount", false, false },
	{ "proc/kpageflags", false, false },
	{ "proc/kpagecgroup", false, false },
	{ "proc/kallsyms", false, false },
	{ "proc/sysrq-trigger", true, false },
	{ "proc/kmsg", true, false },
	{ "proc/sys/kernel/core_pattern", true, true },
	{ "proc/sys/kernel/modprobe", true, true },
	{ "proc/sys/kernel/hotplug", true, true },
	{ "proc/sys/fs", true, true },
	{ "proc/sys/vm", true, true },
	{ "proc/irq", true, true },
	{ "proc/bus", true, true },
	{ "sys/firmware", false, false },
	{ "sys/kernel/debug", false, false },
	{ "sys/kernel/tracing", false, false },
	{ "sys/kernel/security", false, false },
	{ "sys/kernel/slab", false, false },
	{ "sys/power", false, false },
	{ "sys/module", false, true },
};

/* A tiny read-only tmpfs with an unreadable file and directory, never attached itself. */
static int mask_source(struct vz_error *e)
{
	_cleanup_close_ int fs = os_fsopen("tmpfs"), fd = -EBADF;
	int r = fs, f;

	if (r >= 0)
		r = os_fsconfig(fs, "source", "none");
	if (r >= 0)
		r = os_fsconfig(fs, "nr_inodes", "4");
	if (r >= 0)
		r = fd = os_fsmount(fs, STRICT);
	if (r < 0)
		return vz_fail(e, r, "mount a tmpfs to mask files with");
	f = os_openat(fd, "file", O_WRONLY | O_CREAT | O_EXCL, 0, 0);
	if (f < 0 || mkdirat(fd, "dir", 0) < 0)
		return vz_fail(e, f < 0 ? f : -errno, "make the masks");
	(void)safe_close(f);
	return TAKE_FD(fd);
}

static int mask_one(int rootfd, int src, const struct mask *m, struct vz_error *e)
{
	_cleanup_close_ int at = os_openat(rootfd, m->path, O_PATH, 0, NO_LINKS), cover = -EBADF;
	struct stat st;
	int r;

	if (at == -ENOENT)
		return 0;
	if (at < 0)
		return vz_fail(e, at, "open /%s to mask it", m->path);
	if (fstat(at, &st) < 0)
		return vz_fail(e, -errno, "stat /%s", m->path);
	if (m->readonly)
		cover = os_open_tree(at, "", AT_EMPTY_PATH | OPEN_TREE_CLONE);
	else
		cover = os_open_tree(src, S_ISDIR(st.st_mode) ? "dir" : "file", OPEN_TREE_CLONE);
	r = cover < 0 ? cover : os_mount_attr(cover, MOUNT_ATTR_RDONLY | STRICT, 0, -1, false);
	if (r >= 0)
		r = os_move_mount(cover, "", at, "", 0);
	return r < 0 ? vz_fail(e, r, "mask /%s", m->path) : 0;
}

/*
 * Once the VE's root is / . Linux clones mounts only where they are attached (before 6.15 also our own
 * detached ones), so the source stands on a directory of our own making meanwhile.
 */
static int mask_all(bool privileged, struct vz_error *e)
{
	static const char stand[] = "/dev/mqueue";
	_cleanup_close_ int root = os_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, 0);
	_cleanup_close_ int src = root < 0 ? root : mask_source(e);
	int r = src;

	if (root < 0)
		return vz_fail(e, root, "open the container's root");
	if (r >= 0) {
		r = os_move_mount(src, "", AT_FDCWD, stand, 0);
		if (r < 0)
			return vz_fail(e, r, "attach the masks at %s", stand);
	}
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(masks); i++)
		if (privileged || !masks[i].privileged_only)
			r = mask_one(root, src, &masks[i], e);
	if (r < 0)
		return r;
	r = os_umount(stand, OS_UMOUNT_NOFOLLOW | OS_MNT_DETACH);
	return r < 0 ? vz_fail(e, r, "detach the masks from %s", stand) : 0;
}

/*
 * The console: a pty of the VE's own devpts, its slave mounted over /dev/console.
 * The slave comes from TIOCGPTPEER, never by path, so it is the peer of the master in hand.
 */
static int make_console(int devfd, int ptsfd, int console[2], struct vz_error *e)
{
	_cleanup_close_ int master = -EBADF, slave = -EBADF, at = -EBADF, mnt = -EBADF;
	int r, unlock = 0;

	master = os_openat(ptsfd, "ptmx", O_RDWR | O_NOCTTY, 0, NO_LINKS);
	if (master < 0)
		return vz_fail(e, master, "allocate the console's pty");
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return vz_fail(e, -errno, "unlock the console's pty");
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return vz_fail(e, -errno, "open the console's pty");
	if (fchmod(slave, 0600) < 0)
		return vz_fail(e, -errno, "set the mode of the console's pty");
	at = os_openat(devfd, "console", O_PATH, 0, NO_LINKS);
	mnt = at < 0 ? at : os_open_tree(slave, "", AT_EMPTY_PATH | OPEN_TREE_CLONE);
	r = mnt < 0 ? mnt : os_move_mount(mnt, "", at, "", 0);
	if (r < 0)
		return vz_fail(e, r, "mount the console's pty at /dev/console");
	console[0] = TAKE_FD(master);
	console[1] = TAKE_FD(slave);
	return 0;
}

static int setup_dev(const struct mnt_child_conf *c, int console[2], struct vz_error *e)
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
	return make_console(c->devfd, ptsfd, console, e);
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

int mnt_child_setup(const struct mnt_child_conf *c, int console[2], struct vz_error *e)
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
		r = setup_dev(c, console, e);
	if (r >= 0)
		r = pivot(c->rootfd, e);
	if (r >= 0)
		r = mask_all(c->privileged, e);
	return r;
}
