// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The store's directories and small files: names, digests, index and meta data.
 * It owns their formats (key=value lines) and knows nothing of archives.  What
 * it reads was written by us below a directory of mode 0700; it is checked all
 * the same, because a digest becomes part of a path.
 */
#include "mech/tm/store.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "base/str.h"
#include "os/os.h"

#define SMALL_FILE_MAX 4096
#define STAGING_PREFIX ".staging-"

int tm_name_check(const char *name, struct vz_error *e)
{
	size_t n = strlen(name);
	bool ok = n > 0 && n <= TM_NAME_MAX && isalnum((unsigned char)name[0]);

	for (const char *p = name; ok && *p; p++)
		ok = isalnum((unsigned char)*p) || strchr("._+-", *p);
	if (ok)
		return 0;
	return vz_fail_exit(e, -EINVAL, VZ_EXIT_VALUE,
			    "bad template name: letters, digits, '.', '_', '+', '-' (at most %d), "
			    "beginning with a letter or digit",
			    TM_NAME_MAX);
}

bool tm_digest_ok(const char *digest)
{
	return strlen(digest) == TM_DIGEST_SIZE - 1 && str_has_prefix(digest, "sha256-") &&
	       strspn(digest + 7, "0123456789abcdef") == SHA256_HEX - 1;
}

struct tm_stamp tm_stamp_of(const struct stat *st)
{
	return (struct tm_stamp){
		.size = (uint64_t)st->st_size,
		.ino = st->st_ino,
		.dev = st->st_dev,
		.mtime_ns =
			(uint64_t)st->st_mtim.tv_sec * 1000000000 + (uint64_t)st->st_mtim.tv_nsec,
	};
}

bool tm_stamp_eq(const struct tm_stamp *a, const struct tm_stamp *b)
{
	return a->size == b->size && a->ino == b->ino && a->dev == b->dev &&
	       a->mtime_ns == b->mtime_ns;
}

static int make_dir(const char *template_dir, const char *sub, mode_t mode, struct vz_error *e)
{
	_cleanup_free_ char *path = NULL;
	int r = str_fmt(&path, "%s/%s", template_dir, sub);

	if (r >= 0)
		r = os_mkdir_p(path, mode);
	return r < 0 ? vz_fail_exit(e, r, VZ_EXIT_MKDIR, "make directory %s/%s", template_dir, sub)
		     : 0;
}

int tm_store_prepare(const char *template_dir, struct vz_error *e)
{
	_cleanup_free_ char *store = NULL;
	struct stat st;
	int r;

	r = make_dir(template_dir, "cache", 0755, e);
	if (r < 0)
		return r;
	r = make_dir(template_dir, "store", 0700, e);
	if (r < 0)
		return r;
	r = str_fmt(&store, "%s/store", template_dir);
	if (r < 0)
		return vz_fail(e, r, "template store");
	if (lstat(store, &st) < 0)
		return vz_fail(e, -errno, "look at %s", store);
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
		return vz_fail_exit(e, -EPERM, VZ_EXIT_PERM,
				    "%s must be a directory of root's with mode 0700", store);
	return make_dir(template_dir, "store/index", 0700, e);
}

int tm_store_lock(const char *template_dir, const struct logger *l, struct vz_error *e)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -EBADF;
	int r = str_fmt(&path, "%s/store/.lock", template_dir);

	if (r < 0)
		return vz_fail(e, r, "template store lock");
	fd = os_openat(AT_FDCWD, path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600, 0);
	if (fd < 0)
		return vz_fail(e, fd, "open %s", path);
	r = os_ofd_lock(fd, 0);
	if (r == -EAGAIN) {
		log_info(l, "Waiting for another template operation to end");
		r = os_ofd_lock(fd, -1);
	}
	if (r < 0)
		return vz_fail_exit(e, r, VZ_EXIT_LOCKED, "lock %s", path);
	return TAKE_FD(fd);
}

/* Entries of TEMPLATE/sub that begin with prefix. */
static int entries(const char *template_dir, const char *sub, const char *prefix, char ***ret)
{
	_cleanup_closedir_ DIR *d = NULL;
	_cleanup_free_ char *path = NULL;
	_cleanup_strv_ char **v = NULL;
	struct dirent *de;
	int r = str_fmt(&path, "%s/%s", template_dir, sub);

	if (r < 0)
		return r;
	d = opendir(path);
	if (!d)
		return -errno;
	while ((de = readdir(d))) {
		if (!str_has_prefix(de->d_name, prefix) || str_eq(de->d_name, ".") ||
		    str_eq(de->d_name, ".."))
			continue;
		r = strv_add(&v, de->d_name);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(v);
	return 0;
}

void tm_store_sweep(const char *template_dir, const struct logger *l)
{
	static const char *const subs[] = { "store", "cache" };

	for (size_t i = 0; i < ARRAY_SIZE(subs); i++) {
		_cleanup_strv_ char **v = NULL;

		if (entries(template_dir, subs[i], STAGING_PREFIX, &v) < 0)
			continue;
		for (char **p = v; p && *p; p++) {
			_cleanup_free_ char *path = NULL;

			if (str_fmt(&path, "%s/%s/%s", template_dir, subs[i], *p) < 0)
				continue;
			if (os_rm_rf_at(AT_FDCWD, path) < 0)
				log_warn(l, "Cannot remove %s, left by an interrupted import",
					 path);
		}
	}
}

int tm_index_names(const char *template_dir, char ***ret)
{
	int r = entries(template_dir, "store/index", "", ret);

	if (r == -ENOENT) {
		*ret = NULL;
		return 0;
	}
	return r;
}

/* ---- key=value files ---- */

enum kv_type { KV_TEXT, KV_U64 };

struct kv {
	const char *key;
	enum kv_type type;
	void *p;
	size_t size; /* KV_TEXT */
};

static int kv_store(const struct kv *row, const char *value)
{
	switch (row->type) {
	case KV_TEXT:
		if (strlen(value) >= row->size)
			return -EBADMSG;
		memcpy(row->p, value, strlen(value) + 1);
		return 0;
	case KV_U64:
		return num_parse_u64(value, row->p);
	}
	return -EINVAL;
}

/* Every row must be there; lines of no row are left for versions to come. */
static int kv_read(const char *path, const struct kv *rows, size_t n)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_strv_ char **lines = NULL;
	uint32_t found = 0;
	int r = os_read_file_at(AT_FDCWD, path, SMALL_FILE_MAX, &text, NULL);

	if (r >= 0)
		r = strv_split(&lines, text, "\n");
	for (char **p = lines; r >= 0 && p && *p; p++) {
		char *eq = strchr(*p, '=');

		if (!eq)
			return -EBADMSG;
		*eq = '\0';
		for (size_t i = 0; i < n; i++) {
			if (!str_eq(rows[i].key, *p))
				continue;
			r = kv_store(&rows[i], eq + 1);
			found |= 1U << i;
		}
	}
	return r < 0 ? r : found == (1U << n) - 1 ? 0 : -EBADMSG;
}

static int kv_write(const char *path, const struct kv *rows, size_t n)
{
	_cleanup_str_ struct str s = { 0 };

	for (size_t i = 0; i < n; i++) {
		const struct kv *k = &rows[i];

		if (k->type == KV_TEXT)
			str_addf(&s, "%s=%s\n", k->key, (const char *)k->p);
		else
			str_addf(&s, "%s=%" PRIu64 "\n", k->key, *(const uint64_t *)k->p);
	}
	return s.failed ? -ENOMEM : os_replace_file(path, s.p, s.len, 0600);
}

#define INDEX_ROWS(i)                                                    \
	{                                                                \
		{ "digest", KV_TEXT, (i)->digest, sizeof((i)->digest) }, \
			{ "size", KV_U64, &(i)->stamp.size, 0 },         \
			{ "ino", KV_U64, &(i)->stamp.ino, 0 },           \
			{ "dev", KV_U64, &(i)->stamp.dev, 0 },           \
			{ "mtime_ns", KV_U64, &(i)->stamp.mtime_ns, 0 }, \
	}

#define META_ROWS(m)                                                         \
	{                                                                    \
		{ "name", KV_TEXT, (m)->name, sizeof((m)->name) },           \
			{ "tree", KV_TEXT, (m)->tree, sizeof((m)->tree) },   \
			{ "archive_bytes", KV_U64, &(m)->archive_bytes, 0 }, \
			{ "store_bytes", KV_U64, &(m)->store_bytes, 0 },     \
			{ "members", KV_U64, &(m)->members, 0 },             \
	}

int tm_index_read(const char *template_dir, const char *name, struct tm_index *ret)
{
	_cleanup_free_ char *path = NULL;
	struct tm_index i = { 0 };
	const struct kv rows[] = INDEX_ROWS(&i);
	int r = str_fmt(&path, "%s/store/index/%s", template_dir, name);

	if (r >= 0)
		r = kv_read(path, rows, ARRAY_SIZE(rows));
	if (r < 0)
		return r;
	if (!tm_digest_ok(i.digest))
		return -EBADMSG;
	*ret = i;
	return 0;
}

int tm_index_write(const char *template_dir, const char *name, const struct tm_index *i,
		   struct vz_error *e)
{
	_cleanup_free_ char *path = NULL;
	struct tm_index copy = *i;
	const struct kv rows[] = INDEX_ROWS(&copy);
	int r = str_fmt(&path, "%s/store/index/%s", template_dir, name);

	if (r >= 0)
		r = kv_write(path, rows, ARRAY_SIZE(rows));
	return r < 0 ? vz_fail(e, r, "write %s/store/index/%s", template_dir, name) : 0;
}

int tm_meta_read(const char *template_dir, const char *digest, struct tm_meta *ret)
{
	_cleanup_free_ char *path = NULL;
	struct tm_meta m = { 0 };
	const struct kv rows[] = META_ROWS(&m);
	int r = str_fmt(&path, "%s/store/%s/meta", template_dir, digest);

	if (r >= 0)
		r = kv_read(path, rows, ARRAY_SIZE(rows));
	if (r < 0)
		return r;
	if (!tm_digest_ok(m.tree) || tm_name_check(m.name, NULL) < 0)
		return -EBADMSG;
	if (!tm_digest_ok(m.tree) || tm_name_check(m.name, NULL) < 0)
		return -EBADMSG;
	*ret = m;
	return 0;
}

int tm_meta_write(const char *dir, const struct tm_meta *m, struct vz_error *e)
{
	_cleanup_free_ char *path = NULL;
	struct tm_meta copy = *m;
	const struct kv rows[] = META_ROWS(&copy);
	int r = str_fmt(&path, "%s/meta", dir);

	if (r >= 0)
		r = kv_write(path, rows, ARRAY_SIZE(rows));
	return r < 0 ? vz_fail(e, r, "write %s/meta", dir) : 0;
}
