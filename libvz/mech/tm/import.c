// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * An import: archive -> staging directory -> store, then the name's index.
 * Everything happens beside its final place and gets there by rename(2) after a
 * sync, so that a crash leaves staging rubbish (removed by the next import) and
 * never half a template.  It must not know how unpacking is confined.
 */
#include "mech/tm/store.h"

#include <sys/random.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "os/os.h"

#define DEFAULT_BYTES	(64ULL << 30)
#define DEFAULT_MEMBERS 4000000
#define DEFAULT_RATIO	200

struct import {
	const struct tm_import *im;
	int archive, copy;
	struct stat st;
	char *staging, *copy_path; /* gone or NULL once in their final place */
	struct tm_unpack u;
	struct tm_tree tree;
};

static struct tm_limits with_defaults(const struct tm_limits *lim)
{
	struct tm_limits l = *lim;

	l.max_bytes = l.max_bytes ? l.max_bytes : DEFAULT_BYTES;
	l.max_members = l.max_members ? l.max_members : DEFAULT_MEMBERS;
	l.max_ratio = l.max_ratio ? l.max_ratio : DEFAULT_RATIO;
	return l;
}

static int open_archive(struct import *i, struct vz_error *e)
{
	/* NONBLOCK: a pipe of that name must not hang us */
	i->archive = os_openat(AT_FDCWD, i->im->archive, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0, 0);
	if (i->archive == -ENOENT)
		return vz_fail_exit(e, -ENOENT, VZ_EXIT_TEMPLATE, "there is no archive %s",
				    i->im->archive);
	if (i->archive < 0)
		return vz_fail_exit(e, i->archive, VZ_EXIT_TEMPLATE, "open %s", i->im->archive);
	if (fstat(i->archive, &i->st) < 0)
		return vz_fail(e, -errno, "look at %s", i->im->archive);
	if (!S_ISREG(i->st.st_mode))
		return vz_fail_exit(e, -EINVAL, VZ_EXIT_TEMPLATE, "%s is not a regular file",
				    i->im->archive);
	return 0;
}

static int make_staging(struct import *i, struct vz_error *e)
{
	_cleanup_free_ char *fs = NULL;
	uint64_t id;
	int r;

	if (getrandom(&id, sizeof(id), 0) != sizeof(id))
		return vz_fail(e, -EIO, "get random bytes");
	r = str_fmt(&i->staging, "%s/store/.staging-%016llx", i->im->template_dir,
		    (unsigned long long)id);
	if (r >= 0)
		r = str_fmt(&fs, "%s/fs", i->staging);
	if (r < 0)
		return vz_fail(e, r, "import");
	if (mkdir(i->staging, 0700) < 0 || mkdir(fs, 0755) < 0)
		return vz_fail(e, -errno, "make %s", fs);
	/* whatever the caller's umask */
	if (chmod(fs, 0755) < 0)
		return vz_fail(e, -errno, "set the mode of %s", fs);
	if (i->im->in_cache)
		return 0;
	r = str_fmt(&i->copy_path, "%s/cache/.staging-%016llx", i->im->template_dir,
		    (unsigned long long)id);
	if (r < 0)
		return vz_fail(e, r, "import");
	i->copy =
		os_openat(AT_FDCWD, i->copy_path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0644, 0);
	return i->copy < 0 ? vz_fail(e, i->copy, "make %s", i->copy_path) : 0;
}

static int unpack(struct import *i, struct vz_error *e)
{
	_cleanup_free_ char *fs = NULL;
	int r = str_fmt(&fs, "%s/fs", i->staging);

	if (r < 0)
		return vz_fail(e, r, "import");
	i->u = (struct tm_unpack){ .archive = i->archive,
				   .copy = i->copy,
				   .dir = fs,
				   .archive_bytes = (uint64_t)i->st.st_size,
				   .lim = with_defaults(&i->im->lim),
				   .progress = i->im->progress,
				   .log = i->im->log };
	r = tm_unpack(&i->u, e);
	i->u.dir = NULL;
	if (r < 0)
		return r;
	return tm_tree_scan(i->staging, "manifest", NULL, 0, &i->tree, e);
}

/* Into the store under its digest; a tree that is there already serves as well. */
static int commit_tree(struct import *i, struct vz_error *e)
{
	_cleanup_free_ char *final = NULL, *store = NULL;
	_cleanup_close_ int fd = -EBADF;
	struct tm_meta m = { .archive_bytes = (uint64_t)i->st.st_size,
			     .store_bytes = i->tree.bytes,
			     .members = i->u.members };
	int r;

	(void)snprintf(m.name, sizeof(m.name), "%s", i->im->name);
	memcpy(m.tree, i->tree.digest, sizeof(m.tree));
	r = tm_meta_write(i->staging, &m, e);
	if (r < 0)
		return r;
	fd = os_openat(AT_FDCWD, i->staging, O_RDONLY | O_DIRECTORY, 0, 0);
	if (fd < 0 || syncfs(fd) < 0)
		return vz_fail(e, fd < 0 ? fd : -errno, "write %s to disk", i->staging);
	r = str_fmt(&store, "%s/store", i->im->template_dir);
	if (r >= 0)
		r = str_fmt(&final, "%s/%s", store, i->u.digest);
	if (r < 0)
		return vz_fail(e, r, "import");
	if (rename(i->staging, final) < 0) {
		if (errno != ENOTEMPTY && errno != EEXIST)
			return vz_fail(e, -errno, "move the tree to %s", final);
		return 0; /* the staging one is removed by the caller */
	}
	i->staging[0] = '\0';
	r = os_fsync_dir(store);
	return r < 0 ? vz_fail(e, r, "sync %s", store) : 0;
}

/* The copy becomes cache/NAME.tar*, named by what it is, not by what it was called. */
static int commit_archive(struct import *i, struct vz_error *e)
{
	_cleanup_free_ char *final = NULL, *cache = NULL;
	uint8_t head[8] = { 0 };
	int r;

	if (i->copy < 0)
		return 0;
	if (pread(i->copy, head, sizeof(head), 0) < 0 || fsync(i->copy) < 0 ||
	    fstat(i->copy, &i->st) < 0)
		return vz_fail(e, -errno, "write %s", i->copy_path);
	r = str_fmt(&cache, "%s/cache", i->im->template_dir);
	if (r >= 0)
		r = str_fmt(&final, "%s/%s%s", cache, i->im->name,
			    tm_archive_suffix(head, sizeof(head)));
	if (r < 0)
		return vz_fail(e, r, "import");
	if (rename(i->copy_path, final) < 0)
		return vz_fail(e, -errno, "move the archive to %s", final);
	i->copy_path[0] = '\0';
	r = tm_cache_drop(i->im->template_dir, i->im->name, final);
	if (r >= 0)
		r = os_fsync_dir(cache);
	return r < 0 ? vz_fail(e, r, "put the archive into %s", cache) : 0;
}

static void undo(struct import *i)
{
	if (i->staging && *i->staging && os_rm_rf_at(AT_FDCWD, i->staging) < 0)
		log_warn(i->im->log, "Cannot remove %s", i->staging);
	if (i->copy_path && *i->copy_path)
		(void)unlink(i->copy_path);
	free(i->staging);
	free(i->copy_path);
	(void)safe_close(i->archive);
	(void)safe_close(i->copy);
}

int tm_import_locked(const struct tm_import *im, char **ret_digest, struct vz_error *e)
{
	struct import i = { .im = im, .archive = -EBADF, .copy = -EBADF };
	struct tm_index x = { 0 };
	int r = open_archive(&i, e);

	if (r >= 0)
		r = make_staging(&i, e);
	if (r >= 0)
		r = unpack(&i, e);
	if (r >= 0)
		r = commit_tree(&i, e);
	if (r >= 0)
		r = commit_archive(&i, e);
	if (r >= 0) {
		memcpy(x.digest, i.u.digest, sizeof(x.digest));
		x.stamp = tm_stamp_of(&i.st);
		r = tm_index_write(im->template_dir, im->name, &x, e);
	}
	undo(&i);
	if (r < 0)
		return vz_wrap(e, r, "template %s", im->name);
	r = str_fmt(ret_digest, "%s", x.digest);
	return r < 0 ? vz_fail(e, r, "template %s", im->name) : 0;
}
