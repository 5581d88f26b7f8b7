/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The shape of a VE's cgroups: where ROOT is, making and removing CTID,
 * CTID/ve and CTID/ve/vz.enter, and which controllers reach them.  Knows no
 * limit.  Tricky: CTID itself never holds a process, so every controller can
 * be on in its subtree_control; CTID/ve is left without any there, because the
 * VE's init starts in it and moves away before it enables them itself (and
 * because CRIU puts it back there).
 */
#include "mech/cg/cg.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "mech/cg/priv.h"
#include "os/cgfs.h"

#define V2_MOUNT  "/sys/fs/cgroup"
#define V2_HYBRID "/sys/fs/cgroup/unified"
#define CONTROLLERS \
	"cpu cpuset io memory pids " CG_VE /* with a use for us or wanted by systemd inside */
#define ENTER_DIR	     "vz.enter"
#define HOST_DIR	     "vz.host"
/* A VE may nest cgroups, but neither endlessly deep nor fill the host with them. */
#define MAX_DEPTH_TEXT	     "48" /* beneath CTID; < CGFS_MAX_DEPTH */
#define MAX_DESCENDANTS_TEXT "4096"

struct ctid_name {
	char s[16];
};

static struct ctid_name ctid_name(uint32_t ctid)
{
	struct ctid_name n;

	(void)snprintf(n.s, sizeof(n.s), "%u", ctid);
	return n;
}

static bool path_is_v2(const char *path)
{
	_cleanup_close_ int fd = cgfs_opendir(AT_FDCWD, path);

	return fd >= 0 && cgfs_is_v2(fd) > 0;
}

int cg_root_find(const char *conf, char **ret, struct vz_error *e)
{
	const char *mnt;
	int r;

	if (conf && *conf) {
		if (conf[0] != '/')
			return vz_fail_exit(e, -EINVAL, VZ_EXIT_BAD_CONF,
					    "CGROUP_ROOT=%s must be an absolute path", conf);
		r = str_fmt(ret, "%s", conf);
	} else {
		mnt = path_is_v2(V2_MOUNT) ? V2_MOUNT : path_is_v2(V2_HYBRID) ? V2_HYBRID : NULL;
		if (!mnt)
			return vz_fail_exit(e, -ENOENT, VZ_EXIT_KERNEL,
					    "no cgroup v2 hierarchy at %s or %s: mount one there "
					    "or name it as CGROUP_ROOT in vz.conf",
					    V2_MOUNT, V2_HYBRID);
		r = str_fmt(ret, "%s/vz", mnt);
	}
	return r < 0 ? vz_fail(e, r, "find the cgroup of all containers") : 0;
}

/* Open or make one directory on the way to ROOT; parent is < 0 outside of cgroup v2. */
static int root_step(int parent, const char *path, struct vz_error *e)
{
	_cleanup_close_ int fd = cgfs_opendir(AT_FDCWD, path);
	int r;

	if (fd == -ENOENT && parent >= 0) {
		fd = cgfs_mkdir(parent, strrchr(path, '/') + 1, NULL);
		if (fd < 0)
			return vz_fail(e, fd, "create cgroup %s", path);
	}
	if (fd < 0)
		return vz_fail(e, fd, "open cgroup %s", path);
	r = cgfs_is_v2(fd);
	if (r > 0)
		r = cg_enable(fd, CONTROLLERS);
	else if (r == 0 && parent >= 0)
		r = -EXDEV;
	return r < 0 ? vz_fail(e, r, "prepare cgroup %s", path) : TAKE_FD(fd);
}

/* Walk to ROOT, making what lacks beneath the v2 mount and enabling controllers on the way. */
static int open_root(const char *root, struct vz_error *e)
{
	_cleanup_close_ int parent = -EBADF;
	_cleanup_free_ char *path = strdup(root);

	if (!path)
		return vz_fail(e, -ENOMEM, "open cgroup %s", root);
	for (size_t end = 1; root[end - 1]; end++) {
		int fd;

		if ((root[end] && root[end] != '/') || root[end - 1] == '/')
			continue;
		path[end] = '\0';
		fd = root_step(parent, path, e);
		path[end] = root[end];
		if (fd < 0)
			return fd;
		(void)safe_close(parent);
		parent = fd;
		if (cgfs_is_v2(parent) <= 0)
			parent = safe_close(parent);
		if (!root[end])
			break;
	}
	if (parent < 0)
		return vz_fail_exit(e, -EINVAL, VZ_EXIT_KERNEL,
				    "%s is not in a cgroup v2 hierarchy", root);
	return TAKE_FD(parent);
}

/* What a dead predecessor left (frozen, nested cgroups with controllers on) must not meet the new init. */
static int make_ve(int cgfd, uid_t uid, gid_t gid)
{
	_cleanup_close_ int ve = -EBADF;
	int r = cgfs_populated(cgfd);

	if (r < 0)
		return r;
	if (r == 0) {
		r = cgfs_remove(cgfd, VE_DIR);
		if (r < 0)
			return r;
		r = os_write_file_at(cgfd, "cgroup.freeze", "0");
		if (r < 0)
			return r;
	}
	ve = cgfs_mkdir(cgfd, VE_DIR, NULL);
	return ve < 0 ? ve : cgfs_chown(ve, uid, gid);
}

static int fill_ctid(int cgfd, uint32_t ctid, const char *name, const struct logger *l)
{
	int r = os_write_file_at(cgfd, "cgroup.max.depth", MAX_DEPTH_TEXT);

	if (r >= 0)
		r = os_write_file_at(cgfd, "cgroup.max.descendants", MAX_DESCENDANTS_TEXT);
	/* before anybody is in it: what is made from now on belongs to the VE */
	if (r >= 0)
		r = cg_identify(cgfd, ctid, name, l);
	if (r >= 0)
		r = cg_enable(cgfd, NULL);
	return r;
}

int cg_make(const char *root, uint32_t ctid, const struct cg_conf *c, uid_t uid, gid_t gid,
	    const struct logger *l, struct vz_error *e)
{
	_cleanup_close_ int rootfd = open_root(root, e), cgfd = -EBADF;
	struct ctid_name name = ctid_name(ctid);
	bool made = false;
	int r;

	if (rootfd < 0)
		return rootfd;
	log_debug(l, "cgroup %s/%u: create", root, ctid);
	cgfd = cgfs_mkdir(rootfd, name.s, &made);
	if (cgfd < 0)
		return vz_fail(e, cgfd, "create cgroup %s/%u", root, ctid);
	r = fill_ctid(cgfd, ctid, c->name, l);
	if (r >= 0)
		r = make_ve(cgfd, uid, gid);
	if (r < 0)
		(void)vz_fail(e, r, "set up cgroup %s/%u", root, ctid);
	else if (!c->missing_warn)
		r = cg_check_limits(cgfd, c, e);
	if (r < 0 && made)
		(void)RET_GATHER(r, cgfs_remove(rootfd, name.s));
	return r < 0 ? r : 0;
}

int cg_open(const char *root, uint32_t ctid)
{
	_cleanup_close_ int rootfd = cgfs_opendir(AT_FDCWD, root);
	struct ctid_name name = ctid_name(ctid);

	return rootfd < 0 ? rootfd : cgfs_opendir(rootfd, name.s);
}

int cg_open_ve(int cgfd, struct vz_error *e)
{
	int fd = cgfs_opendir(cgfd, VE_DIR);

	return fd < 0 ? vz_fail(e, fd, "open cgroup '%s' of the container", VE_DIR) : fd;
}

int cg_open_enter(int cgfd, uid_t uid, gid_t gid, struct vz_error *e)
{
	_cleanup_close_ int ve = cg_open_ve(cgfd, e), fd = -EBADF;
	bool made = false;
	int r = 0;

	if (ve < 0)
		return ve;
	fd = cgfs_mkdir(ve, ENTER_DIR, &made);
	if (fd >= 0 && made)
		r = cgfs_chown(fd, uid, gid);
	if (fd < 0 || r < 0)
		return vz_fail(e, fd < 0 ? fd : r, "open cgroup '%s/%s' of the container", VE_DIR,
			       ENTER_DIR);
	return TAKE_FD(fd);
}

int cg_open_host(int cgfd, struct vz_error *e)
{
	int fd = cgfs_mkdir(cgfd, HOST_DIR, NULL);

	return fd < 0 ? vz_fail(e, fd, "make cgroup '%s' of the container", HOST_DIR) : fd;
}

void cg_close_host(int cgfd)
{
	(void)unlinkat(cgfd, HOST_DIR, AT_REMOVEDIR);
}

int cg_remove(const char *root, uint32_t ctid, struct vz_error *e)
{
	_cleanup_close_ int rootfd = cgfs_opendir(AT_FDCWD, root);
	struct ctid_name name = ctid_name(ctid);
	int r = rootfd < 0 ? rootfd : cgfs_remove(rootfd, name.s);

	if (r == -EBUSY)
		return vz_fail(e, r, "cgroup %s/%u still holds processes", root, ctid);
	return r < 0 && r != -ENOENT ? vz_fail(e, r, "remove cgroup %s/%u", root, ctid) : 0;
}
