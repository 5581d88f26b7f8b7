/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making the cgroups of a VE again from what treesave.c wrote.  Acts only beneath
 * the descriptor of CTID/ve.  Tricky: a file of a cgroup belongs to the fsuid of
 * whoever made the directory, or enabled the controller above it, so both are done
 * as that user and little is left to be chowned; and every write to cgroup.procs takes
 * a lock of the whole machine, whose first taker waits for a grace period, so all moves
 * come in one go.
 */
#include "mech/cg/cg.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/num.h"
#include "base/str.h"
#include "mech/cg/priv.h"
#include "os/cgfs.h"

#define FREEZE "cgroup.freeze"

struct build {
	const struct cg_tree *t;
	int ve;
	uid_t uid;
	gid_t gid;
	const char *what; /* was being done to ... */
	const char *path;
};

/* Make files as this user from here on; as_host() ends it. TREE_HOST: as ourselves. */
static int as_owner(const struct build *b, uint32_t uid, uint32_t gid)
{
	int r;

	if (uid == TREE_HOST)
		return 0;
	if (b->uid && (uid >= TREE_IDS || gid >= TREE_IDS))
		return -EBADMSG;
	r = os_setfsgid(b->gid + gid);
	return r < 0 ? r : os_setfsuid(b->uid + uid);
}

static void as_host(void)
{
	/* or nothing that follows would be done by whom it should */
	if (os_setfsuid(0) < 0 || os_setfsgid(0) < 0)
		abort();
}

/* mkdir of a path whose parent stands already. */
static int make_dir(const struct build *b, const struct tree_line *d)
{
	const char *slash = strrchr(d->a, '/');
	_cleanup_free_ char *parent = strndup(d->a, slash ? (size_t)(slash - d->a) : 0);
	_cleanup_close_ int fd = -EBADF;
	int r;

	if (!parent)
		return -ENOMEM;
	fd = cgfs_opendir(b->ve, *parent ? parent : ".");
	if (fd < 0)
		return fd;
	r = as_owner(b, d->uid, d->gid);
	if (r >= 0)
		r = RET_NERRNO(mkdirat(fd, slash ? slash + 1 : d->a, 0755));
	as_host();
	/* in a directory that was given away: own_files() does what is left */
	if (r == -EACCES)
		r = RET_NERRNO(mkdirat(fd, slash ? slash + 1 : d->a, 0755));
	return r == -EEXIST ? 0 : r;
}

/* "cpu memory" to "+cpu +memory"; what this kernel has not, the VE goes without. */
static int enable(const struct build *b, int fd, const struct tree_line *d, const char *list)
{
	const bool top = strcmp(d->a, ".") == 0;
	int r = as_owner(b, top ? 0 : d->uid, top ? 0 : d->gid);

	if (r >= 0)
		r = cg_enable(fd, list);
	as_host();
	/* what that user could not, in a directory that is not theirs yet */
	return r < 0 && r != -EACCES ? r : cg_enable(fd, list);
}

static int shape_dir(struct build *b, size_t i)
{
	const struct tree_line *d = &b->t->v[i];
	_cleanup_close_ int fd = -EBADF;
	int r = 0;

	b->path = d->a;
	b->what = "make";
	if (strcmp(d->a, ".") != 0)
		r = make_dir(b, d);
	fd = r < 0 ? r : cgfs_opendir(b->ve, d->a);
	if (fd < 0)
		return fd;
	for (size_t k = i + 1; r >= 0 && k < tree_next(b->t, i); k++) {
		const struct tree_line *l = &b->t->v[k];

		if (l->kind == TREE_TYPE) {
			b->what = "set the type of";
			r = os_write_file_at(fd, "cgroup.type", "threaded");
		} else if (l->kind == TREE_CTL) {
			b->what = "enable controllers in";
			r = enable(b, fd, d, l->a);
		} else if (l->kind == TREE_XATTR) {
			b->what = "set attributes of";
			r = RET_NERRNO(fsetxattr(fd, l->a, l->b, l->mode, 0));
		}
	}
	return r;
}

/* ---- owners ---- */

static const struct tree_line *find_owner(const struct cg_tree *t, size_t i, const char *file)
{
	for (size_t k = i + 1, end = tree_next(t, i); k < end; k++)
		if (t->v[k].kind == TREE_OWN && strcmp(t->v[k].a, file) == 0)
			return &t->v[k];
	return &t->v[i];
}

static int own_one(const struct build *b, int fd, const char *file, const struct tree_line *l)
{
	const uid_t uid = b->uid + l->uid;
	const gid_t gid = b->gid + l->gid;
	struct stat st;

	if (b->uid && (l->uid >= TREE_IDS || l->gid >= TREE_IDS))
		return -EBADMSG;
	if (fstatat(fd, file, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno; /* of a controller that is not here */
	if ((st.st_uid != uid || st.st_gid != gid) &&
	    fchownat(fd, file, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (l->kind == TREE_OWN && (st.st_mode & 07777) != l->mode &&
	    fchmodat(fd, file, l->mode, 0) < 0)
		return -errno;
	return 0;
}

/* Of the host's own directories only what the text names; of the VE's every file. */
static int own_files(const struct build *b, int fd, size_t i)
{
	const struct cg_tree *t = b->t;
	_cleanup_closedir_ DIR *d = NULL;
	const struct dirent *de;
	int r = 0;

	if (t->v[i].uid == TREE_HOST) {
		for (size_t k = i + 1, end = tree_next(t, i); r >= 0 && k < end; k++)
			if (t->v[k].kind == TREE_OWN)
				r = own_one(b, fd, t->v[k].a, &t->v[k]);
		return r;
	}
	r = os_list_dir(fd, &d);
	while (r >= 0 && (r = os_next_entry(d, &de)) > 0)
		if (de->d_type != DT_DIR)
			r = own_one(b, fd, de->d_name, find_owner(t, i, de->d_name));
	return r < 0 ? r : own_one(b, fd, ".", find_owner(t, i, "."));
}

static int own_dir(struct build *b, size_t i)
{
	_cleanup_close_ int fd = cgfs_opendir(b->ve, b->t->v[i].a);

	b->path = b->t->v[i].a;
	b->what = "set the owners of";
	return fd < 0 ? fd : own_files(b, fd, i);
}

/* ---- the two steps ---- */

static int move(int fd, const char *file, pid_t pid)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%d", pid);
	return os_write_file_at(fd, file, text);
}

int cg_enter(int cgfd, pid_t pid, struct vz_error *e)
{
	_cleanup_close_ int ve = cg_open_ve(cgfd, e);
	int r;

	if (ve < 0)
		return ve;
	r = move(ve, "cgroup.procs", pid);
	return r < 0 ? vz_fail(e, r, "move process %d into the container's cgroup", pid) : 0;
}

/* Processes are born where pid 1 stays until all are there. */
static bool has_restore_dir(const struct cg_tree *t)
{
	return t->controllers && strcmp(t->init_dir, ".") != 0;
}

static int step_aside(struct build *b, pid_t root)
{
	_cleanup_close_ int fd = cgfs_mkdir(b->ve, RESTORE_DIR, NULL);

	b->what = "move the first process into";
	b->path = RESTORE_DIR;
	return fd < 0 ? fd : move(fd, "cgroup.procs", root);
}

int cg_tree_build(const struct cg_tree *t, int cgfd, uid_t uid, gid_t gid, pid_t root,
		  struct vz_error *e)
{
	_cleanup_close_ int ve = cg_open_ve(cgfd, e);
	struct build b = { .t = t, .ve = ve, .uid = uid, .gid = gid, .what = "make" };
	int r = 0;

	if (ve < 0)
		return ve;
	if (has_restore_dir(t))
		r = step_aside(&b, root);
	for (size_t i = 0; r >= 0 && i < t->n; i = tree_next(t, i))
		r = shape_dir(&b, i);
	for (size_t i = 0; r >= 0 && i < t->n; i = tree_next(t, i))
		r = own_dir(&b, i);
	return r < 0 ? vz_fail(e, r, "%s cgroup '%s' of the container again", b.what, b.path) : 0;
}

static void set_limits(const struct cg_tree *t, int ve, bool freeze, const struct logger *l)
{
	for (size_t i = 0; i < t->n; i = tree_next(t, i)) {
		_cleanup_close_ int fd = -EBADF;

		for (size_t k = i + 1; k < tree_next(t, i); k++) {
			const struct tree_line *s = &t->v[k];
			int r;

			if (s->kind != TREE_SET || (strcmp(s->a, FREEZE) == 0) != freeze)
				continue;
			if (fd < 0)
				fd = cgfs_opendir(ve, t->v[i].a);
			r = fd < 0 ? fd : os_write_file_at(fd, s->a, s->b);
			if (r < 0)
				log_warn(l,
					 "cgroup '%s' of the container: %s cannot be set to %s "
					 "again (error %d)",
					 t->v[i].a, s->a, s->b, -r);
		}
	}
}

/* Whom the kernel does not know any more was killed between the two lists. */
static int move_all(const struct cg_tree *t, int ve, enum tree_kind kind,
		    const struct os_pids *pids, struct vz_error *e)
{
	const char *file = kind == TREE_TASK ? "cgroup.procs" : "cgroup.threads";

	for (size_t i = 0; i < t->n; i = tree_next(t, i)) {
		_cleanup_close_ int fd = -EBADF;

		/* they were born there */
		if (!has_restore_dir(t) && strcmp(t->v[i].a, ".") == 0)
			continue;
		for (size_t k = i + 1; k < tree_next(t, i); k++) {
			const struct tree_line *l = &t->v[k];
			const pid_t pid = l->kind == kind ? os_pids_find(pids, l->pid) : -1;
			int r;

			if (pid <= 0)
				continue;
			if (fd < 0)
				fd = cgfs_opendir(ve, t->v[i].a);
			r = fd < 0 ? fd : move(fd, file, pid);
			if (r < 0 && r != -ESRCH)
				return vz_fail(e, r,
					       "move process %d of the container to its cgroup "
					       "'%s'",
					       l->pid, t->v[i].a);
		}
	}
	return 0;
}

/* Those of all processes, by their number inside. */
static int list_threads(const struct os_pids *pids, struct os_pids *ret)
{
	for (size_t i = 0; i < pids->n; i++) {
		_cleanup_closedir_ DIR *d = NULL;
		const struct dirent *de;
		char path[64];

		(void)snprintf(path, sizeof(path), "/proc/%d/task", pids->v[i].pid);
		d = opendir(path);
		while (d && (de = readdir(d))) {
			int tid, inside, r;

			if (num_parse_int(de->d_name, &tid) < 0)
				continue;
			inside = os_pid_inside(tid);
			r = inside < 0 ? 0 : os_pids_add(ret, tid, inside);
			if (r < 0)
				return r;
		}
	}
	os_pids_sort(ret);
	return 0;
}

/* What the text did not name goes where pid 1 is, so that the place can go. */
static int leave_restore_dir(const struct cg_tree *t, int ve, const struct logger *l)
{
	_cleanup_close_ int from = cgfs_opendir(ve, RESTORE_DIR), to = -EBADF;
	_cleanup_pids_ struct os_pids rest = { 0 };
	int r;

	if (from < 0)
		return from == -ENOENT ? 0 : from;
	r = tree_pids(from, "cgroup.procs", &rest, NULL);
	if (r >= 0)
		r = to = cgfs_opendir(ve, t->init_dir);
	for (size_t i = 0; r >= 0 && i < rest.n; i++) {
		log_warn(l, "process %d of the container was in no cgroup of its dump",
			 rest.v[i].inside);
		r = move(to, "cgroup.procs", rest.v[i].pid);
	}
	return r < 0 ? r : cgfs_remove(ve, RESTORE_DIR);
}

int cg_tree_freeze(int cgfd, const char *text, bool frozen, struct vz_error *e)
{
	_cleanup_close_ int ve = cg_open_ve(cgfd, e);
	struct cg_tree *t = NULL;
	int r = ve < 0 ? ve : cg_tree_parse(text, &t, e);

	for (size_t i = 0; r >= 0 && i < t->n; i++) {
		const char *dir = t->v[i].kind == TREE_DIR ? t->v[i].a : NULL;

		for (size_t k = i + 1, end = tree_next(t, i); dir && r >= 0 && k < end; k++) {
			_cleanup_close_ int fd = -EBADF;

			if (t->v[k].kind != TREE_SET || strcmp(t->v[k].a, FREEZE) != 0)
				continue;
			fd = cgfs_opendir(ve, dir);
			r = fd < 0 ? fd : os_write_file_at(fd, FREEZE, frozen ? "1" : "0");
			if (r < 0)
				(void)vz_fail(e, r, "%s cgroup '%s' of the container",
					      frozen ? "freeze" : "thaw", dir);
		}
	}
	cg_tree_free(t);
	return r < 0 ? r : 0;
}

int cg_tree_fill(const struct cg_tree *t, int cgfd, const struct logger *l, struct vz_error *e)
{
	_cleanup_close_ int ve = cg_open_ve(cgfd, e);
	_cleanup_pids_ struct os_pids pids = { 0 }, threads = { 0 };
	int r;

	if (ve < 0)
		return ve;
	r = cg_pids(cgfd, &pids, e);
	if (r < 0)
		return r;
	os_pids_sort(&pids);
	set_limits(t, ve, false, l);
	r = move_all(t, ve, TREE_TASK, &pids, e);
	if (r >= 0 && t->threads) {
		r = list_threads(&pids, &threads);
		if (r < 0)
			return vz_fail(e, r, "list the container's threads");
		r = move_all(t, ve, TREE_THREAD, &threads, e);
	}
	if (r < 0)
		return r;
	r = leave_restore_dir(t, ve, l);
	if (r < 0)
		return vz_fail(e, r, "empty cgroup '%s' of the container", RESTORE_DIR);
	set_limits(t, ve, true, l);
	return 0;
}
