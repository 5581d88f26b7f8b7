/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A VE's root: overlayfs, lower = template, upper = private area, each behind
 * one idmapped mount so that ids on disk are the VE's own.
 *
 * The tricky fact: overlayfs works on its layers with the mounter's ids.  Host
 * root has no id in an idmapped layer and cannot create there (EOVERFLOW, the
 * overlay silently becomes read-only), so the mounter wears the VE's base ids as
 * fsuid and fsgid, with its capabilities put back.  And Linux 6.12 takes only
 * layers mounted in the caller's own mount namespace, so a child builds the
 * overlay in a private one and hands the detached mount over.
 */
#include "mech/mnt/mnt.h"

#include "os/os.h"

#include <limits.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <poll.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/statvfs.h>

#define IN_USE_MS	10000
#define IN_USE_RETRY_MS 10

/* Where the layers stand inside the builder's private namespace. */
#define BASE		"/tmp"
#define LOWER_DIR	BASE "/lower"
#define UPPER_DIR	BASE "/upper"
#define HOST_ATTRS	(MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)

int mnt_root_mounted(const char *target)
{
	int r = os_is_mountpoint(target);

	return r == -ENOENT ? 0 : r;
}

/* Clone path's mount with the id map; the clone is not visible anywhere yet. */
static int layer_open(const char *path, int userns, bool rdonly, struct vz_error *e)
{
	_cleanup_close_ int fd = os_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE);
	int r;

	if (fd < 0)
		return vz_fail(e, fd, "clone the mount of %s", path);
	r = os_mount_attr(fd, rdonly ? MOUNT_ATTR_RDONLY : 0, 0, userns, false);
	if (r < 0)
		return vz_fail(
			e, r,
			"idmap %s (its file system must support idmapped mounts: ext4, XFS, btrfs, tmpfs)",
			path);
	return TAKE_FD(fd);
}

static int layer_attach(int fd, const char *dir, struct vz_error *e)
{
	int r = RET_NERRNO(mkdir(dir, 0755));

	if (r >= 0)
		r = os_move_mount(fd, "", AT_FDCWD, dir, 0);
	return r < 0 ? vz_fail(e, r, "attach a layer at %s", dir) : 0;
}

/* fsuid and fsgid of the VE; setfsuid drops the file capabilities, so raise them again. */
static int wear_ids(uid_t uid, gid_t gid, struct vz_error *e)
{
	cap_t caps = cap_get_proc();
	int r;

	if (!caps)
		return vz_fail(e, -ENOMEM, "read own capabilities");
	r = os_setfsgid(gid);
	if (r >= 0)
		r = os_setfsuid(uid);
	if (r >= 0 && cap_set_proc(caps) < 0)
		r = -errno;
	(void)cap_free(caps);
	return r < 0 ? vz_fail(e, r, "take on the file ids %u:%u", uid, gid) : 0;
}

static int overlay_try(struct vz_error *e)
{
	/* index and nfs_export: file handles on the overlay decode, which dumping inotify needs */
	static const struct {
		const char *key, *value;
	} opts[] = {
		{ "source", "vz" },
		{ "lowerdir", LOWER_DIR },
		{ "upperdir", UPPER_DIR "/fs" },
		{ "workdir", UPPER_DIR "/work" },
		{ "index", "on" },
		{ "nfs_export", "on" },
		{ "metacopy", "off" },
	};
	_cleanup_close_ int fs = os_fsopen("overlay");
	char why[160];
	int mfd, r;

	if (fs < 0)
		return vz_fail_exit(e, fs, VZ_EXIT_KERNEL, "open overlayfs (is the module there?)");
	for (size_t i = 0; i < ARRAY_SIZE(opts); i++) {
		r = os_fsconfig(fs, opts[i].key, opts[i].value);
		if (r < 0) {
			os_fs_message(fs, why, sizeof(why));
			return vz_fail(e, r, "overlay option %s=%s%s%s", opts[i].key, opts[i].value,
				       why[0] ? ": " : "", why);
		}
	}
	mfd = os_fsmount(fs, HOST_ATTRS);
	if (mfd < 0) {
		os_fs_message(fs, why, sizeof(why));
		return vz_fail(e, mfd, "mount the overlay%s%s", why[0] ? ": " : "", why);
	}
	return mfd;
}

/*
 * An overlay that was just unmounted lives on while anybody's copy of the mount table has it, and so long
 * its upper layer is in use: who starts another VE, or restores one, has such a copy for a moment.
 */
static int overlay_mount(struct vz_error *e)
{
	for (unsigned int waited = 0;; waited += IN_USE_RETRY_MS) {
		int r = overlay_try(e);

		if (r != -EBUSY || waited >= IN_USE_MS)
			return r;
		vz_error_clear(e);
		(void)poll(NULL, 0, IN_USE_RETRY_MS);
	}
}

/* An overlay whose work directory cannot be used mounts all the same, read-only: refuse that. */
static int check_writable(int mfd, struct vz_error *e)
{
	struct statvfs st;

	if (fstatvfs(mfd, &st) < 0)
		return vz_fail(e, -errno, "look at the new overlay");
	if (st.f_flag & ST_RDONLY)
		return vz_fail(e, -EROFS,
			       "the overlay came up read-only: its work directory cannot be used");
	return 0;
}

/* A private mount namespace with an empty tmpfs at BASE. */
static int scratch_ns(struct vz_error *e)
{
	struct mount_attr private = { .propagation = OS_MS_PRIVATE };
	_cleanup_close_ int fs = -EBADF, scratch = -EBADF;
	int r;

	r = os_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &private);
	if (r < 0)
		return vz_fail(e, r, "make the mount namespace private");
	fs = os_fsopen("tmpfs");
	scratch = fs < 0 ? fs : os_fsmount(fs, 0);
	if (scratch < 0)
		return vz_fail(e, scratch, "mount a scratch tmpfs");
	r = os_move_mount(scratch, "", AT_FDCWD, BASE, 0);
	return r < 0 ? vz_fail(e, r, "attach the scratch tmpfs at %s", BASE) : 0;
}

/* The builder: host root in a mount namespace of its own, thrown away with the process. */
static int build(const struct mnt_root_conf *c, int userns, struct vz_error *e)
{
	_cleanup_close_ int lower = -EBADF, upper = -EBADF, mfd = -EBADF;
	int r = os_unshare(CLONE_NEWNS);

	if (r < 0)
		return vz_fail(e, r, "make a mount namespace");
	/* the layers first: they may lie below BASE */
	lower = layer_open(c->lower, userns, true, e);
	upper = lower < 0 ? lower : layer_open(c->private, userns, false, e);
	if (upper < 0)
		return upper;
	r = scratch_ns(e);
	if (r >= 0)
		r = layer_attach(lower, LOWER_DIR, e);
	if (r >= 0)
		r = layer_attach(upper, UPPER_DIR, e);
	if (r >= 0 && c->uid_base)
		r = wear_ids(c->uid_base, c->gid_base, e);
	if (r < 0)
		return r;
	mfd = overlay_mount(e);
	if (mfd < 0)
		return mfd;
	r = check_writable(mfd, e);
	return r < 0 ? r : TAKE_FD(mfd);
}

/* Run build() in a child and take the detached mount it sends. */
static int build_in_child(const struct mnt_root_conf *c, int userns, struct vz_error *e)
{
	_cleanup_close_ int ours = -EBADF, theirs = -EBADF, mfd = -EBADF;
	struct vz_error report = { 0 };
	int pair[2], r;
	pid_t pid;

	r = os_seqpacket_pair(pair);
	if (r < 0)
		return vz_fail(e, r, "make a socket pair");
	ours = pair[0];
	theirs = pair[1];
	pid = os_fork(NULL);
	if (pid < 0)
		return vz_fail(e, pid, "fork");
	if (pid == 0) {
		int fd = build(c, userns, &report);

		IGNORE(os_send_fds(theirs, &report, sizeof(report), &fd, fd >= 0));
		_exit(0);
	}
	theirs = safe_close(theirs);
	r = os_recv_fds(ours, &report, sizeof(report), &mfd, 1);
	IGNORE(os_reap(pid, NULL));
	if (r < 0)
		return vz_fail(e, r, "the overlay's builder died");
	if (mfd < 0) {
		if (e)
			*e = report;
		return report.code < 0 ? report.code : -EIO;
	}
	return TAKE_FD(mfd);
}

int mnt_root_mount(const struct mnt_root_conf *c, struct vz_error *e)
{
	_cleanup_close_ int userns = -EBADF, mfd = -EBADF;
	int r = mnt_root_mounted(c->target);

	if (r != 0)
		return vz_fail_exit(e, r < 0 ? r : -EBUSY, VZ_EXIT_MOUNT,
				    "%s is a mount point already", c->target);
	if (c->uid_base) {
		userns = os_userns_fd(c->uid_base, c->gid_base, MNT_IDS);
		if (userns < 0)
			return vz_fail_exit(e, userns, VZ_EXIT_MOUNT,
					    "make a user namespace for ids %u+%u", c->uid_base,
					    MNT_IDS);
	}
	mfd = build_in_child(c, userns, e);
	if (mfd < 0)
		return vz_wrap_exit(e, mfd, VZ_EXIT_MOUNT, "mount %s", c->target);
	r = os_move_mount(mfd, "", AT_FDCWD, c->target, 0);
	return r < 0 ? vz_fail_exit(e, r, VZ_EXIT_MOUNT, "attach the root at %s", c->target) : 0;
}

int mnt_root_probe(const char *dir, uid_t uid, struct vz_error *e)
{
	static const char *const dirs[] = { "lower", "private/fs", "private/work" };
	char path[3][PATH_MAX];
	_cleanup_close_ int userns = os_userns_fd(uid, uid, MNT_IDS), mfd = -EBADF;
	const struct mnt_root_conf c = {
		.lower = path[0], .private = path[1], .uid_base = uid, .gid_base = uid
	};
	int r = userns < 0 ? userns : 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(dirs); i++) {
		(void)snprintf(path[2], sizeof(path[2]), "%s/%s", dir, dirs[i]);
		r = os_mkdir_p(path[2], 0700);
		if (r >= 0)
			r = RET_NERRNO(chown(path[2], 0, 0));
	}
	if (r < 0)
		return vz_fail(e, r, "make layers in %s", dir);
	(void)snprintf(path[0], sizeof(path[0]), "%s/lower", dir);
	(void)snprintf(path[1], sizeof(path[1]), "%s/private", dir);
	mfd = build_in_child(&c, userns, e);
	return mfd < 0 ? mfd : 0;
}

int mnt_root_umount(const char *target, struct vz_error *e)
{
	int r;

	/* what an interrupted start stacked comes off too; 16 is far more than can be */
	for (unsigned int i = 0; i < 16; i++) {
		r = mnt_root_mounted(target);
		if (r == 0)
			return 0;
		if (r > 0)
			r = os_umount(target, OS_UMOUNT_NOFOLLOW);
		if (r == -EBUSY)
			r = os_umount(target, OS_UMOUNT_NOFOLLOW | OS_MNT_DETACH);
		if (r < 0)
			break;
	}
	return vz_fail_exit(e, r < 0 ? r : -EBUSY, VZ_EXIT_UMOUNT, "unmount %s", target);
}

int mnt_root_clone(const char *target, struct vz_error *e)
{
	_cleanup_close_ int fd = os_open_tree(AT_FDCWD, target, OPEN_TREE_CLONE);
	struct mount_attr private = { .propagation = OS_MS_PRIVATE };
	int r;

	if (fd < 0)
		return vz_fail(e, fd, "clone the root mounted at %s", target);
	/* a host whose mounts are shared, as systemd's are: else what the VE mounts appears there */
	r = os_mount_setattr(fd, "", AT_EMPTY_PATH, &private);
	if (r < 0)
		return vz_fail(e, r, "detach the VE's view of %s from the host's", target);
	/* nodev stays: device nodes that came with a template or were planted on disk are inert */
	r = os_mount_attr(fd, 0, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, -1, false);
	if (r < 0)
		return vz_fail(e, r, "allow programs on the VE's view of %s", target);
	return TAKE_FD(fd);
}
