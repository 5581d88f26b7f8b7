// SPDX-License-Identifier: LGPL-2.1-or-later
/* Making a dump directory, and moving it into its place; opening one is verify.c. */
#include "mech/cr/manifest.h"

#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>

#include "base/str.h"
#include "os/os.h"

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE (1 << 1)
#endif

static int tmp_of(const char *path, char **ret)
{
	return str_fmt(ret, "%s.tmp", path);
}

/* What was moved out of the way to be removed; nobody else names a directory so. */
static int gone_of(const char *path, char **ret)
{
	return str_fmt(ret, "%s.vz-removed", path);
}

static bool has(const char *dir, const char *name)
{
	_cleanup_free_ char *path = NULL;

	return str_fmt(&path, "%s/%s", dir, name) >= 0 && os_exists(path);
}

static bool is_empty(const char *path)
{
	_cleanup_closedir_ DIR *d = opendir(path);
	unsigned int n = 0;

	while (d && n < 3 && readdir(d))
		n++;
	return d && n < 3;
}

/*
 * 1: a dump; 0: nothing there; -EEXIST: something that we did not make and do not remove.
 * An unfinished one has no manifest, but its own name.
 */
static int look(const char *path, bool unfinished)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISDIR(st.st_mode))
		return -EEXIST;
	if (has(path, CR_IMG) && (unfinished || has(path, CR_MANIFEST)))
		return 1;
	return is_empty(path) ? 1 : -EEXIST;
}

static int not_ours(struct vz_error *e, int r, const char *path)
{
	return r == -EEXIST
		       ? vz_fail(e, r,
				 "%s is there already and is no dump (remove it, or name another place)",
				 path)
		       : vz_fail(e, r, "look at %s", path);
}

int cr_dump_discard(const char *path, struct vz_error *e)
{
	_cleanup_free_ char *tmp = NULL, *gone = NULL;
	int r = tmp_of(path, &tmp);

	if (r >= 0)
		r = gone_of(path, &gone);
	if (r < 0)
		return vz_fail(e, r, "remove %s.tmp", path);
	IGNORE(os_rm_rf_at(AT_FDCWD, gone)); /* of a killed monitor; it is in nobody's way */
	r = look(tmp, true);
	if (r < 0)
		return not_ours(e, r, tmp);
	r = os_rm_rf_at(AT_FDCWD, tmp);
	return r < 0 ? vz_fail(e, r, "remove the unfinished dump %s", tmp) : 0;
}

/* Half a dump must not be found in a dump's place: first it goes away as a whole. */
static int move_away(const char *path, const char *gone)
{
	int r = RET_NERRNO(rename(path, gone));

	if (r == -ENOTEMPTY || r == -EEXIST) {
		r = os_rm_rf_at(AT_FDCWD, gone);
		if (r >= 0)
			r = RET_NERRNO(rename(path, gone));
	}
	return r == -ENOENT ? 0 : r;
}

static int retire(const char *path, bool whatever, char **ret, struct vz_error *e)
{
	_cleanup_free_ char *gone = NULL;
	int r = look(path, false);

	if (r < 0 && !(whatever && r == -EEXIST))
		return not_ours(e, r, path);
	r = gone_of(path, &gone);
	if (r >= 0)
		r = move_away(path, gone);
	if (r < 0)
		return vz_fail(e, r, "remove the dump %s", path);
	*ret = TAKE_PTR(gone);
	return 0;
}

int cr_dump_retire(const char *path, char **ret, struct vz_error *e)
{
	return retire(path, false, ret, e);
}

int cr_dump_remove(const char *path, bool whatever, struct vz_error *e)
{
	_cleanup_free_ char *gone = NULL;
	int r = retire(path, whatever, &gone, e);

	if (r < 0)
		return r;
	r = os_rm_rf_at(AT_FDCWD, gone);
	return r < 0 ? vz_fail(e, r, "remove the dump %s, now %s", path, gone)
		     : cr_dump_discard(path, e);
}

static int make_parent(const char *path, struct vz_error *e)
{
	_cleanup_free_ char *dir = strdup(path);
	char *slash;
	int r;

	if (!dir)
		return vz_fail(e, -ENOMEM, "dump to %s", path);
	slash = strrchr(dir, '/');
	if (!slash || slash == dir || !slash[1])
		return vz_fail(e, -EINVAL, "%s cannot be a dump's place (give an absolute path)",
			       path);
	*slash = '\0';
	r = os_mkdir_p(dir, 0700);
	if (r < 0)
		return vz_fail(e, r, "make directory %s", dir);
	return cr_dump_check_chain(dir, e);
}

int cr_dump_begin(struct cr_dump_out *d, const char *path, struct vz_error *e)
{
	_cleanup_cr_dump_out_ struct cr_dump_out new = { .dirfd = -EBADF, .imgfd = -EBADF };
	int r = make_parent(path, e);

	if (r < 0)
		return r;
	r = look(path, false);
	if (r < 0)
		return not_ours(e, r, path);
	r = cr_dump_discard(path, e);
	if (r < 0)
		return r;
	r = str_set(&new.path, path);
	if (r >= 0)
		r = tmp_of(path, &new.tmp);
	if (r >= 0)
		r = RET_NERRNO(mkdir(new.tmp, 0700));
	if (r >= 0)
		r = new.dirfd =
			os_openat(AT_FDCWD, new.tmp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0);
	if (r >= 0)
		/* a restored VE's root passes by descriptor; the directory around is closed to all */
		r = RET_NERRNO(mkdirat(new.dirfd, CR_IMG, 0711));
	if (r >= 0)
		r = new.imgfd =
			os_openat(new.dirfd, CR_IMG, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0);
	/* the umask took bits away, but a parent's default access list may have given some */
	if (r >= 0)
		r = RET_NERRNO(fchmod(new.dirfd, 0700));
	if (r >= 0)
		r = RET_NERRNO(fchmod(new.imgfd, 0711));
	if (r < 0)
		return vz_fail(e, r, "make directory %s.tmp", path);
	*d = new;
	new = (struct cr_dump_out){ .dirfd = -EBADF, .imgfd = -EBADF };
	return 0;
}

void cr_dump_follow(struct cr_dump_out *d)
{
	if (!d->follow && cr_sodium(NULL) >= 0)
		d->follow = cr_follow_start(d->imgfd);
}

void cr_dump_out_done(struct cr_dump_out *d)
{
	cr_follow_done(d->follow);
	d->follow = NULL;
	d->dirfd = safe_close(d->dirfd);
	d->imgfd = safe_close(d->imgfd);
	free(d->path);
	free(d->tmp);
	d->path = d->tmp = NULL;
}

static int put_file(int dirfd, const char *name, const void *data, size_t len, enum cr_sync sync)
{
	_cleanup_close_ int fd = os_openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW,
					   0600, RESOLVE_BENEATH);
	int r = fd < 0 ? fd : os_write_all(fd, data, len);

	return r < 0 ? r : cr_sync_file(fd, sync);
}

int cr_dump_put(const struct cr_dump_out *d, const char *name, const void *data, size_t len,
		struct vz_error *e)
{
	int r = !cr_name_ok(name) || strpbrk(name, "/.") ? -EINVAL
		: len > CR_DUMP_TEXT_MAX		 ? -EFBIG
							 : 0;

	if (r >= 0)
		r = put_file(d->dirfd, name, data, len, CR_SYNC_NONE);
	return r < 0 ? vz_fail(e, r, "write %s/%s", d->tmp, name) : 0;
}

/* Every file of a directory becomes a row of the manifest. */
static int list_dir(struct cr_manifest *m, int fd, const char *sub, struct vz_error *e)
{
	_cleanup_closedir_ DIR *d = NULL;
	const struct dirent *de;
	int more = os_list_dir(fd, &d), r;

	while (more >= 0 && (more = os_next_entry(d, &de)) > 0) {
		if (!sub && (strcmp(de->d_name, CR_IMG) == 0 || cr_is_loose(de->d_name)))
			continue;
		r = cr_manifest_add(m, sub, de->d_name);
		if (r < 0)
			return vz_fail(e, r, "list %s%s%s", sub ? sub : "", sub ? "/" : "",
				       de->d_name);
	}
	return more < 0 ? vz_fail(e, more, "list the dump") : 0;
}

/*
 * File systems with one journal for all: what was done to files before is in a
 * transaction that an fsync of a later one commits as well. One wait for the
 * disk then, and not one for each of hundreds of small images. (An ext4 without
 * a journal promises nothing to anybody: a power cut may cost the dump there,
 * which shows when it is verified.)
 */
static bool one_journal(int fd)
{
	struct statfs st;

	return fstatfs(fd, &st) == 0 && (st.f_type == EXT4_SUPER_MAGIC ||
					 st.f_type == XFS_SUPER_MAGIC || st.f_type == TMPFS_MAGIC);
}

static int write_manifest(struct cr_dump_out *d, struct cr_manifest *m, const char *keys,
			  enum cr_sync sync, struct vz_error *e)
{
	_cleanup_free_ char *text = NULL, *sig = NULL;
	char id[CR_NODE_ID_SIZE];
	uint64_t at = cr_now_us();
	size_t len = 0;
	int r = cr_key_node(keys, m->info.node, e);

	if (r < 0)
		return r;
	r = cr_manifest_format(m, &text, &len);
	if (r < 0)
		return vz_fail(e, r, "write the manifest of %zu files", m->n);
	r = cr_key_sign(keys, text, len, &sig, id, e);
	if (r < 0)
		return r;
	d->sign_us = cr_now_us() - at;
	r = put_file(d->dirfd, CR_MANIFEST, text, len, sync);
	/* last: its presence says that the dump is whole */
	if (r >= 0)
		r = put_file(d->dirfd, CR_MANIFEST_SIG, sig, strlen(sig), CR_SYNC_FULL);
	return r < 0 ? vz_fail(e, r, "write the manifest") : 0;
}

/* Digests, manifest, and all of it on the disk. */
static int seal(struct cr_dump_out *d, struct cr_manifest *m, const char *keys, struct vz_error *e)
{
	bool ordered = one_journal(d->dirfd);
	struct cr_digest_opts o = { .dirfd = d->dirfd,
				    .sync = ordered ? CR_SYNC_DATA : CR_SYNC_FULL,
				    .follow = d->follow };
	uint64_t at;
	int r;

	cr_follow_stop(d->follow);
	r = cr_digest(m, &o, e);
	if (r < 0)
		return r;
	at = cr_now_us();
	r = write_manifest(d, m, keys, o.sync, e);
	if (r >= 0 && !ordered) {
		r = RET_NERRNO(fsync(d->imgfd));
		if (r >= 0)
			r = RET_NERRNO(fsync(d->dirfd));
		if (r < 0)
			return vz_fail(e, r, "bring the directory to the disk");
	}
	d->digest_us = o.digest_us;
	d->sync_us = o.sync_us + cr_now_us() - at - d->sign_us;
	return r;
}

int cr_dump_seal(struct cr_dump_out *d, const struct cr_dump_info *info, const char *keys,
		 struct vz_error *e)
{
	_cleanup_cr_manifest_ struct cr_manifest m = { .info = *info };
	int r = cr_sodium(e);

	if (r < 0)
		return r;
	m.info.created = (uint64_t)time(NULL);
	r = list_dir(&m, d->imgfd, CR_IMG, e);
	if (r >= 0)
		r = list_dir(&m, d->dirfd, NULL, e);
	cr_manifest_sort(&m);
	if (r >= 0)
		r = seal(d, &m, keys, e);
	if (r < 0)
		return vz_wrap(e, r, "seal %s", d->tmp);
	d->files = m.n;
	d->bytes = 0;
	for (size_t i = 0; i < m.n; i++)
		d->bytes += m.files[i].size;
	return 0;
}

bool cr_dump_is_sealed(const char *path)
{
	_cleanup_free_ char *sig = NULL;

	return str_fmt(&sig, "%s.tmp/" CR_MANIFEST_SIG, path) >= 0 && os_exists(sig);
}

int cr_dump_publish(const char *path, struct vz_error *e)
{
	_cleanup_free_ char *tmp = NULL, *gone = NULL;
	int r = tmp_of(path, &tmp);

	if (r >= 0)
		r = gone_of(path, &gone);
	if (r < 0)
		return vz_fail(e, r, "rename %s.tmp", path);
	r = look(path, false);
	if (r < 0)
		return not_ours(e, r, path);
	/* never exchanged: killed afterwards, whoever comes next would take the older one for the one to publish */
	r = move_away(path, gone);
	if (r >= 0)
		r = RET_NERRNO(rename(tmp, path));
	if (r >= 0)
		r = os_fsync_dir(path);
	if (r < 0)
		return vz_fail(e, r, "rename %s to %s", tmp, path);
	IGNORE(os_rm_rf_at(AT_FDCWD, gone)); /* the older one; the next begin tries again */
	return 0;
}
