/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * /dev of a VE: one tmpfs made by the host, because only a super block of the
 * initial user namespace honours device nodes.  The nodes belong to the VE's
 * root; what they may open is the cgroup's device program's decision.
 */
#include "mech/mnt/mnt.h"

#include "os/os.h"

#include <linux/mount.h>
#include <string.h>
#include <sys/sysmacros.h>

static const struct mnt_node nodes[] = {
	{ "null", 1, 3, S_IFCHR | 0666 },    { "zero", 1, 5, S_IFCHR | 0666 },
	{ "full", 1, 7, S_IFCHR | 0666 },    { "random", 1, 8, S_IFCHR | 0666 },
	{ "urandom", 1, 9, S_IFCHR | 0666 }, { "tty", 5, 0, S_IFCHR | 0666 },
	{ "fuse", 10, 229, S_IFCHR | 0666 }, { "net/tun", 10, 200, S_IFCHR | 0666 },
};

static const struct {
	const char *name;
	mode_t mode;
} dirs[] = { { "pts", 0755 }, { "shm", 01777 }, { "mqueue", 01777 }, { "net", 0755 } };

static const struct {
	const char *name, *target;
} links[] = {
	{ "ptmx", "pts/ptmx" },		 { "fd", "/proc/self/fd" },
	{ "stdin", "/proc/self/fd/0" },	 { "stdout", "/proc/self/fd/1" },
	{ "stderr", "/proc/self/fd/2" }, { "core", "/proc/kcore" },
};

/* The mode is set apart from creation: the caller's umask is not ours to change. */
static int own(int devfd, const char *name, mode_t mode, uid_t uid, gid_t gid)
{
	if (fchmodat(devfd, name, mode, 0) < 0 ||
	    fchownat(devfd, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

int mnt_dev_node(int devfd, const struct mnt_node *n, uid_t uid, gid_t gid, struct vz_error *e)
{
	int r = RET_NERRNO(
		mknodat(devfd, n->name, n->mode & (S_IFMT | 0600), makedev(n->major, n->minor)));

	if (r >= 0)
		r = own(devfd, n->name, n->mode & 07777, uid, gid);
	return r < 0 ? vz_fail_exit(e, r, VZ_EXIT_DEVICES, "make /dev/%s (%u:%u)", n->name,
				    n->major, n->minor)
		     : 0;
}

static int populate(int fd, uid_t uid, gid_t gid, struct vz_error *e)
{
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		r = RET_NERRNO(mkdirat(fd, dirs[i].name, 0700));
		if (r >= 0)
			r = own(fd, dirs[i].name, dirs[i].mode, uid, gid);
		if (r < 0)
			return vz_fail(e, r, "make /dev/%s", dirs[i].name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		r = mnt_dev_node(fd, &nodes[i], uid, gid, e);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		r = RET_NERRNO(symlinkat(links[i].target, fd, links[i].name));
		if (r >= 0)
			r = RET_NERRNO(fchownat(fd, links[i].name, uid, gid, AT_SYMLINK_NOFOLLOW));
		if (r < 0)
			return vz_fail(e, r, "make the link /dev/%s", links[i].name);
	}
	/* a file for the console pty to be mounted on */
	r = os_openat(fd, "console", O_WRONLY | O_CREAT | O_EXCL, 0600, 0);
	if (r < 0)
		return vz_fail(e, r, "make /dev/console");
	(void)safe_close(r);
	r = own(fd, "console", 0600, uid, gid);
	return r < 0 ? vz_fail(e, r, "own /dev/console") : 0;
}

int mnt_dev_make(uid_t uid, gid_t gid, struct vz_error *e)
{
	/* small: a VE's programs have no business in /dev, and what they put there is memory */
	static const char *const opts[][2] = {
		{ "source", "dev" }, { "mode", "0755" }, { "size", "1m" }, { "nr_inodes", "1024" }
	};
	_cleanup_close_ int fs = os_fsopen("tmpfs"), fd = -EBADF;
	int r = fs;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(opts); i++)
		r = os_fsconfig(fs, opts[i][0], opts[i][1]);
	if (r >= 0)
		r = fd = os_fsmount(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	if (r < 0)
		return vz_fail(e, r, "mount a tmpfs for /dev");
	r = RET_NERRNO(fchownat(fd, "", uid, gid, AT_EMPTY_PATH));
	if (r < 0)
		return vz_fail(e, r, "own /dev");
	r = populate(fd, uid, gid, e);
	return r < 0 ? r : TAKE_FD(fd);
}
