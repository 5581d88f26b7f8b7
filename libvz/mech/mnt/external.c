/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mounts of a VE that are of the host's making (root, /dev, the console, what
 * covers files of proc and sysfs), as a checkpoint has to know them: by key when it is
 * written, by a path to bind from when it is read.  The paths exist only in a mount namespace of
 * their own, which CRIU runs in and which vanishes with it.
 */
#include "mech/mnt/mnt.h"

#include "base/str.h"
#include "mech/mnt/mask.h"
#include "os/os.h"

#include <linux/mount.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

void mnt_console_done(struct mnt_console *c)
{
	c->master = safe_close(c->master);
	c->slave = safe_close(c->slave);
	c->mount = safe_close(c->mount);
}

/* The slave comes from TIOCGPTPEER, never by path, so it is the peer of the master in hand. */
static int open_pair(struct mnt_console *c, uid_t uid, gid_t gid)
{
	int unlock = 0;

	c->master = os_openat(c->mount, "ptmx", O_RDWR | O_NOCTTY, 0, 0);
	if (c->master < 0)
		return c->master;
	if (ioctl(c->master, TIOCSPTLCK, &unlock) < 0 || ioctl(c->master, TIOCGPTN, &c->pty) < 0)
		return -errno;
	c->slave = ioctl(c->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (c->slave < 0 || fchown(c->slave, uid, gid + 5) < 0 || fchmod(c->slave, 0600) < 0)
		return -errno;
	return 0;
}

int mnt_console_make(uid_t uid, gid_t gid, struct mnt_console *ret, struct vz_error *e)
{
	struct mnt_console c = { -EBADF, -EBADF, -EBADF, 0 };
	_cleanup_close_ int fs = os_fsopen("devpts");
	int r = fs;

	if (r >= 0)
		r = os_fsconfig(fs, "ptmxmode", "0600");
	if (r >= 0)
		r = c.mount = os_fsmount(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	if (r >= 0)
		r = open_pair(&c, uid, gid);
	if (r < 0) {
		mnt_console_done(&c);
		return vz_fail(e, r, "make the console's pty");
	}
	*ret = c;
	return 0;
}

int mnt_external_keys(bool privileged, char ***ret)
{
	_cleanup_strv_ char **v = NULL;
	const struct mask *m;
	int r = strv_add(&v, "mnt[/dev]:dev");

	if (r >= 0)
		r = strv_add(&v, "mnt[/dev/console]:console");
	for (size_t i = 0; r >= 0 && (m = mask_at(i)); i++) {
		_cleanup_free_ char *key = NULL;

		if (m->readonly || (m->privileged_only && !privileged))
			continue; /* of the VE's own proc and sysfs, which CRIU knows to bind */
		/* a key of its own for each: CRIU takes mounts of one key for copies of each other */
		r = str_fmt(&key, "mnt[/%s]:mask%zu", m->path, i);
		if (r >= 0)
			r = strv_add(&v, key);
	}
	if (r >= 0)
		*ret = TAKE_PTR(v);
	return r;
}

static bool is_dir(const char *path)
{
	struct stat st;
	char host[64];

	(void)snprintf(host, sizeof(host), "/%s", path);
	return stat(host, &st) == 0 && S_ISDIR(st.st_mode);
}

int mnt_external_paths(const char *stand, char ***ret)
{
	static const char *const own[] = { "dev", "console" };
	_cleanup_strv_ char **v = NULL;
	const struct mask *m;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(own); i++) {
		_cleanup_free_ char *text = NULL;

		r = str_fmt(&text, "mnt[%s]:%s/%s", own[i], stand, own[i]);
		if (r >= 0)
			r = strv_add(&v, text);
	}
	for (size_t i = 0; r >= 0 && (m = mask_at(i)); i++) {
		_cleanup_free_ char *text = NULL;

		r = str_fmt(&text, "mnt[mask%zu]:%s/mask/%s", i, stand,
			    is_dir(m->path) ? "dir" : "file");
		if (r >= 0)
			r = strv_add(&v, text);
	}
	if (r >= 0)
		*ret = TAKE_PTR(v);
	return r;
}

static int attach(int fd, int stand, const char *name, bool dir, struct vz_error *e)
{
	int r;

	if (dir) {
		r = RET_NERRNO(mkdirat(stand, name, 0755));
	} else {
		r = os_openat(stand, name, O_WRONLY | O_CREAT | O_EXCL, 0644, 0);
		if (r >= 0)
			r = safe_close(r) < 0 ? 0 : 0;
	}
	if (r >= 0)
		r = os_move_mount(fd, "", stand, name, 0);
	return r < 0 ? vz_fail(e, r, "attach the source of the container's %s", name) : 0;
}

static int attach_console(const struct mnt_sources *s, int stand, struct vz_error *e)
{
	_cleanup_close_ int mnt = -EBADF;
	char path[24];
	int r = attach(s->ptsfd, stand, "pts", true, e);

	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "pts/%u", s->pty);
	mnt = os_open_tree(stand, path, OPEN_TREE_CLONE);
	return mnt < 0 ? vz_fail(e, mnt, "clone the console's pty")
		       : attach(mnt, stand, "console", false, e);
}

/* In a process of its own, host root in a mount namespace of its own. */
static int build(const struct mnt_sources *s, struct vz_error *e)
{
	struct mount_attr private = { .propagation = OS_MS_PRIVATE };
	_cleanup_close_ int fs = -EBADF, tmp = -EBADF, stand = -EBADF, mask = -EBADF;
	int r = os_unshare(CLONE_NEWNS);

	if (r >= 0)
		r = os_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &private);
	if (r >= 0)
		r = fs = os_fsopen("tmpfs");
	if (r >= 0)
		r = os_fsconfig(fs, "mode", "0755");
	if (r >= 0)
		r = tmp = os_fsmount(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (r >= 0)
		r = os_move_mount(tmp, "", AT_FDCWD, s->stand, 0);
	if (r >= 0)
		r = stand = os_openat(AT_FDCWD, s->stand, O_RDONLY | O_DIRECTORY, 0, 0);
	if (r < 0)
		return vz_fail(e, r, "make a mount namespace to restore from");
	mask = r = mask_source(e);
	if (r >= 0)
		r = attach(mask, stand, "mask", true, e);
	if (r >= 0)
		r = attach(s->rootfd, stand, "root", true, e);
	if (r >= 0)
		r = attach(s->devfd, stand, "dev", true, e);
	return r < 0 ? r : attach_console(s, stand, e);
}

int mnt_external_sources(const struct mnt_sources *s, struct vz_error *e)
{
	_cleanup_close_ int ours = -EBADF, theirs = -EBADF, pidfd = -EBADF;
	struct vz_error told = { 0 };
	int pair[2], fd = -EBADF, r = os_seqpacket_pair(pair);
	char path[64];
	pid_t pid;

	if (r < 0)
		return vz_fail(e, r, "make a socket pair");
	ours = pair[0];
	theirs = pair[1];
	pid = os_fork(&pidfd);
	if (pid < 0)
		return vz_fail(e, pid, "fork");
	if (pid == 0) {
		ours = safe_close(ours);
		(void)build(s, &told);
		IGNORE(os_send_fds(theirs, &told, sizeof(told), NULL, 0));
		/* until the parent has its descriptor, or is gone */
		IGNORE(os_recv_fds(theirs, &told, sizeof(told), NULL, 0));
		_exit(0);
	}
	theirs = safe_close(theirs);
	r = os_recv_fds(ours, &told, sizeof(told), NULL, 0);
	if (r < 0)
		(void)vz_fail(e, r, "make a mount namespace to restore from");
	else if (told.code < 0 && e)
		*e = told;
	r = r < 0 ? r : told.code;
	if (r >= 0) {
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
		r = fd = os_openat(AT_FDCWD, path, O_RDONLY, 0, 0);
		if (r < 0)
			(void)vz_fail(e, r, "open %s", path);
	}
	ours = safe_close(ours);
	IGNORE(os_kill_reap(pid, pidfd, NULL));
	return r < 0 ? r : fd;
}
