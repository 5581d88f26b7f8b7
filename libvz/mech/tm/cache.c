// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Template names: which archive and which tree of the store a name stands for.
 * As OpenVZ has it, a tarball dropped into TEMPLATE/cache is a template; the
 * first use of it imports it.  The tricky fact: the common case (imported, not
 * changed) must cost a few stat(2)s and no lock, every `create` passes here.
 */
#include "mech/tm/store.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "os/os.h"

/* In the order OpenVZ searches them, ours last; the plain one has no magic. */
static const struct {
	const char *suffix;
	const char *magic;
	size_t n;
} kinds[] = {
	{ ".tar", "", 0 },
	{ ".tar.gz", "\x1f\x8b", 2 },
	{ ".tar.bz2", "BZh", 3 },
	{ ".tar.xz",
	  "\xfd"
	  "7zXZ",
	  5 },
	{ ".tar.zst", "\x28\xb5\x2f\xfd", 4 },
};

const char *tm_archive_suffix(const uint8_t *head, size_t n)
{
	for (size_t i = 1; i < ARRAY_SIZE(kinds); i++)
		if (n >= kinds[i].n && memcmp(head, kinds[i].magic, kinds[i].n) == 0)
			return kinds[i].suffix;
	return kinds[0].suffix;
}

int tm_cache_find(const char *template_dir, const char *name, char **ret, struct stat *st)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		_cleanup_free_ char *path = NULL;
		int r = str_fmt(&path, "%s/cache/%s%s", template_dir, name, kinds[i].suffix);

		if (r < 0)
			return r;
		if (stat(path, st) < 0) {
			if (errno == ENOENT)
				continue;
			return -errno;
		}
		if (!S_ISREG(st->st_mode))
			continue;
		*ret = TAKE_PTR(path);
		return 0;
	}
	return -ENOENT;
}

int tm_cache_drop(const char *template_dir, const char *name, const char *keep)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		_cleanup_free_ char *path = NULL;
		int r = str_fmt(&path, "%s/cache/%s%s", template_dir, name, kinds[i].suffix);

		if (r < 0)
			return r;
		if (!str_eq(path, keep) && unlink(path) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

int tm_lower(const char *template_dir, const char *digest, char **ret_path, struct vz_error *e)
{
	_cleanup_free_ char *path = NULL;
	struct stat st;
	int r;

	if (!tm_digest_ok(digest))
		return vz_fail_exit(e, -EINVAL, VZ_EXIT_BAD_CONF, "bad template digest");
	r = str_fmt(&path, "%s/store/%s/fs", template_dir, digest);
	if (r < 0)
		return vz_fail(e, r, "template %s", digest);
	if (lstat(path, &st) < 0)
		return vz_fail_exit(
			e, -errno, VZ_EXIT_TEMPLATE,
			"template tree %s is not in the store (import its archive again)", path);
	if (!S_ISDIR(st.st_mode))
		return vz_fail_exit(e, -ENOTDIR, VZ_EXIT_TEMPLATE, "%s is not a directory", path);
	*ret_path = TAKE_PTR(path);
	return 0;
}

static bool in_store(const char *template_dir, const char *digest)
{
	struct tm_meta m;

	return tm_meta_read(template_dir, digest, &m) >= 0;
}

/*
 * 1: *ret is the digest; 0: archive must be imported (its path in *archive);
 * -ENOENT: neither archive nor tree.
 */
static int look_up(const char *template_dir, const char *name, char **archive, struct tm_index *ret)
{
	_cleanup_free_ char *path = NULL;
	struct tm_index i;
	struct tm_stamp now;
	struct stat st;
	int found = tm_cache_find(template_dir, name, &path, &st);
	int indexed = tm_index_read(template_dir, name, &i);

	if (found < 0 && found != -ENOENT)
		return found;
	if (indexed >= 0 && in_store(template_dir, i.digest)) {
		if (found >= 0)
			now = tm_stamp_of(&st);
		if (found < 0 || tm_stamp_eq(&now, &i.stamp)) {
			*ret = i;
			return 1;
		}
	}
	if (found < 0)
		return found;
	*archive = TAKE_PTR(path);
	return 0;
}

int tm_not_found(const char *template_dir, const char *name, struct vz_error *e)
{
	const char *best = NULL;
	unsigned int d, least = 0;
	struct tm_info *v = NULL;
	size_t n = 0;
	int r;

	if (tm_list(template_dir, &v, &n, NULL) < 0)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		d = str_distance(name, v[i].name);
		if (!best || d < least) {
			best = v[i].name;
			least = d;
		}
	}
	r = best ? vz_fail_exit(e, -ENOENT, VZ_EXIT_TEMPLATE,
				"template %s not found in %s/cache (nearest: %s)", name,
				template_dir, best)
		 : vz_fail_exit(
			   e, -ENOENT, VZ_EXIT_TEMPLATE,
			   "template %s not found in %s/cache (make one with 'vztmpl build' or 'vztmpl import')",
			   name, template_dir);
	tm_list_free(v, n);
	return r;
}

int tm_find(const char *template_dir, const char *name, char **ret_archive, char **ret_digest,
	    struct vz_error *e)
{
	struct tm_index i;
	int r = tm_name_check(name, e);

	if (r < 0)
		return r;
	r = look_up(template_dir, name, ret_archive, &i);
	if (r == 1) {
		r = str_fmt(ret_digest, "%s", i.digest);
		return r < 0 ? vz_fail(e, r, "template %s", name) : 1;
	}
	if (r == -ENOENT)
		return tm_not_found(template_dir, name, e);
	return r < 0 ? vz_fail_exit(e, r, VZ_EXIT_TEMPLATE, "look for template %s in %s", name,
				    template_dir)
		     : 0;
}

int tm_resolve(const char *template_dir, const char *name, const struct tm_progress *p,
	       const struct logger *l, char **ret_digest, struct vz_error *e)
{
	_cleanup_free_ char *before = NULL, *archive = NULL;
	_cleanup_close_ int lock = -EBADF;
	int r = tm_find(template_dir, name, &before, ret_digest, e);

	if (r != 0)
		return r < 0 ? r : 0;
	r = tm_store_prepare(template_dir, e);
	lock = r < 0 ? r : tm_store_lock(template_dir, l, e);
	if (lock < 0)
		return lock;
	/* whoever held the lock may have done it */
	r = tm_find(template_dir, name, &archive, ret_digest, e);
	if (r != 0)
		return r < 0 ? r : 0;
	log_info(l, "Importing template %s", name);
	tm_store_sweep(template_dir, l);
	return tm_import_locked(&(struct tm_import){ .template_dir = template_dir,
						     .archive = archive,
						     .name = name,
						     .in_cache = true,
						     .progress = p,
						     .log = l },
				ret_digest, e);
}

int tm_import(const char *template_dir, const char *archive, const char *name,
	      const struct tm_how *how, char **ret_digest, struct vz_error *e)
{
	_cleanup_free_ char *there = NULL;
	_cleanup_close_ int lock = -EBADF;
	struct tm_import im = { .template_dir = template_dir,
				.archive = archive,
				.name = name,
				.lim = how->lim,
				.progress = how->progress,
				.log = how->log };
	struct stat a, b;
	int r = tm_name_check(name, e);

	if (r < 0)
		return r;
	r = tm_store_prepare(template_dir, e);
	if (r < 0)
		return r;
	lock = tm_store_lock(template_dir, how->log, e);
	if (lock < 0)
		return lock;
	tm_store_sweep(template_dir, how->log);
	im.in_cache = tm_cache_find(template_dir, name, &there, &b) >= 0 &&
		      stat(archive, &a) >= 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
	return tm_import_locked(&im, ret_digest, e);
}

/* ---- list ---- */

static int add_name(char ***names, const char *file)
{
	size_t n = strlen(file), s;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		_cleanup_free_ char *name = NULL;

		s = strlen(kinds[i].suffix);
		if (n <= s || !str_eq(file + n - s, kinds[i].suffix))
			continue;
		name = strndup(file, n - s);
		if (!name)
			return -ENOMEM;
		if (tm_name_check(name, NULL) < 0 || strv_has(*names, name))
			return 0;
		return strv_add(names, name);
	}
	return 0;
}

static int collect(const char *template_dir, char ***names)
{
	_cleanup_closedir_ DIR *d = NULL;
	_cleanup_free_ char *path = NULL;
	_cleanup_strv_ char **indexed = NULL;
	struct dirent *de;
	int r = str_fmt(&path, "%s/cache", template_dir);

	if (r < 0)
		return r;
	d = opendir(path);
	if (!d && errno != ENOENT)
		return -errno;
	while (d && r >= 0 && (de = readdir(d)))
		r = add_name(names, de->d_name);
	if (r >= 0)
		r = tm_index_names(template_dir, &indexed);
	for (char **p = indexed; r >= 0 && p && *p; p++)
		if (tm_name_check(*p, NULL) >= 0 && !strv_has(*names, *p))
			r = strv_add(names, *p);
	return r;
}

static int describe(const char *template_dir, const char *name, struct tm_info *i)
{
	struct tm_index x;
	struct tm_meta m;
	struct stat st;
	int r = str_set(&i->name, name);

	if (r < 0)
		return r;
	if (tm_cache_find(template_dir, name, &i->archive, &st) >= 0) {
		i->archive_bytes = (uint64_t)st.st_size;
		i->mtime = st.st_mtim.tv_sec;
	}
	if (tm_index_read(template_dir, name, &x) < 0 ||
	    tm_meta_read(template_dir, x.digest, &m) < 0)
		return 0;
	if (!i->archive)
		i->mtime = (int64_t)(x.stamp.mtime_ns / 1000000000);
	i->store_bytes = m.store_bytes;
	return str_set(&i->digest, x.digest);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct tm_info *)a)->name, ((const struct tm_info *)b)->name);
}

int tm_list(const char *template_dir, struct tm_info **ret, size_t *ret_n, struct vz_error *e)
{
	_cleanup_strv_ char **names = NULL;
	struct tm_info *v;
	size_t n;
	int r = collect(template_dir, &names);

	if (r < 0)
		return vz_fail(e, r, "list the templates in %s", template_dir);
	n = strv_len(names);
	v = calloc(n + 1, sizeof(*v));
	if (!v)
		return vz_fail(e, -ENOMEM, "list the templates");
	for (size_t i = 0; i < n && r >= 0; i++)
		r = describe(template_dir, names[i], &v[i]);
	if (r < 0) {
		tm_list_free(v, n);
		return vz_fail(e, r, "list the templates in %s", template_dir);
	}
	qsort(v, n, sizeof(*v), by_name);
	*ret = v;
	*ret_n = n;
	return 0;
}

void tm_list_free(struct tm_info *v, size_t n)
{
	for (size_t i = 0; v && i < n; i++) {
		free(v[i].name);
		free(v[i].archive);
		free(v[i].digest);
	}
	free(v);
}
