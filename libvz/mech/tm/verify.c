// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Verification and removal of templates.  Verification makes the manifest anew
 * and compares it with the one import wrote; the digest of that one stands in
 * the meta data, so a changed manifest is seen as well.
 */
#include "mech/tm/store.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "os/os.h"

#define MANIFEST_MAX (1ULL << 30)
#define FRESH	     "manifest.new"

static int by_line(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_manifest(const char *dir, const char *file, char ***ret,
			 char digest[TM_DIGEST_SIZE], struct vz_error *e)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	_cleanup_free_ char **v = NULL;
	struct sha256 s;
	size_t len = 0, n = 0;
	int r = str_fmt(&path, "%s/%s", dir, file);

	if (r >= 0)
		r = os_read_file_at(AT_FDCWD, path, MANIFEST_MAX, &text, &len);
	if (r < 0)
		return vz_fail(e, r, "read %s/%s", dir, file);
	sha256_init(&s);
	sha256_add(&s, text, len);
	memcpy(digest, "sha256-", 7);
	sha256_done_hex(&s, digest + 7);
	for (const char *p = text; (p = strchr(p, '\n')); p++)
		n++;
	/* v[0] owns the text, v[1].. point into it */
	v = calloc(n + 2, sizeof(*v));
	if (!v)
		return vz_fail(e, -ENOMEM, "read %s", path);
	n = 1;
	for (char *p = text, *nl; (nl = strchr(p, '\n')); p = nl + 1) {
		*nl = '\0';
		v[n++] = p;
	}
	qsort(v + 1, n - 1, sizeof(*v), by_line);
	v[0] = TAKE_PTR(text);
	*ret = TAKE_PTR(v);
	return 0;
}

static void free_manifest(char ***v)
{
	if (*v)
		free((*v)[0]);
	free(*v);
}
#define _cleanup_manifest_ _cleanup_(free_manifest)

/* Lengths of the names that two lines begin with, compared as texts. */
static int cmp_names(const char *a, const char *b)
{
	size_t na = strcspn(a, " "), nb = strcspn(b, " ");
	int c = memcmp(a, b, na < nb ? na : nb);

	return c ? c : na < nb ? -1 : na > nb;
}

static unsigned int compare(char *const *old, char *const *new, const struct logger *l)
{
	unsigned int differences = 0;

	while (*old || *new) {
		int c = !*old ? 1 : !*new ? -1 : cmp_names(*old, *new);
		const char *at = c > 0 ? *new : *old;

		if (c != 0 || !str_eq(*old, *new)) {
			log_err(l, "%.*s: %s", (int)strcspn(at, " "), at,
				c < 0	? "missing"
				: c > 0 ? "not in the template as imported"
					: "changed");
			differences++;
		}
		old += c <= 0;
		new += c >= 0;
	}
	return differences;
}

static int verify_tree(const char *template_dir, const char *digest, const struct tm_progress *p,
		       const struct logger *l, struct vz_error *e)
{
	_cleanup_free_ char *dir = NULL, *fresh = NULL;
	_cleanup_manifest_ char **old = NULL, **new = NULL;
	char old_digest[TM_DIGEST_SIZE], new_digest[TM_DIGEST_SIZE];
	struct tm_tree tree;
	struct tm_meta m;
	unsigned int n;
	int r = tm_meta_read(template_dir, digest, &m);

	if (r < 0)
		return vz_fail(e, r, "read the meta data of %s", digest);
	r = str_fmt(&dir, "%s/store/%s", template_dir, digest);
	if (r >= 0)
		r = str_fmt(&fresh, "%s/" FRESH, dir);
	if (r < 0)
		return vz_fail(e, r, "verify");
	(void)unlink(fresh); /* of an interrupted verification */
	r = tm_tree_scan(dir, FRESH, p, m.store_bytes, &tree, e);
	if (r >= 0)
		r = read_manifest(dir, FRESH, &new, new_digest, e);
	(void)unlink(fresh);
	if (r >= 0)
		r = read_manifest(dir, "manifest", &old, old_digest, e);
	if (r < 0)
		return r;
	if (!str_eq(old_digest, m.tree))
		log_err(l, "The manifest in %s is not the one that import wrote", dir);
	if (str_eq(tree.digest, m.tree))
		return 0;
	n = compare(old + 1, new + 1, l);
	return vz_fail_exit(
		e, -EBADMSG, VZ_EXIT_TEMPLATE,
		"the tree differs from what was imported in %u files (import its archive again)",
		n);
}

int tm_verify(const char *template_dir, const char *name, const struct tm_progress *p,
	      const struct logger *l, struct vz_error *e)
{
	_cleanup_close_ int lock = -EBADF;
	_cleanup_free_ char *archive = NULL;
	struct tm_index i;
	struct stat st;
	int r = tm_name_check(name, e);

	if (r < 0)
		return r;
	r = tm_index_read(template_dir, name, &i);
	if (r < 0 && tm_cache_find(template_dir, name, &archive, &st) < 0)
		return tm_not_found(template_dir, name, e);
	if (r < 0)
		return vz_fail_exit(e, r, VZ_EXIT_TEMPLATE,
				    "template %s has not been imported into the store", name);
	lock = tm_store_lock(template_dir, l, e);
	if (lock < 0)
		return lock;
	r = verify_tree(template_dir, i.digest, p, l, e);
	return r < 0 ? vz_wrap(e, r, "template %s", name) : 0;
}

/* Do other names stand for the digest? */
static bool named(const char *template_dir, const char *digest)
{
	_cleanup_strv_ char **names = NULL;
	struct tm_index i;

	if (tm_index_names(template_dir, &names) < 0)
		return true;
	for (char **p = names; p && *p; p++)
		if (tm_index_read(template_dir, *p, &i) >= 0 && str_eq(i.digest, digest))
			return true;
	return false;
}

static int remove_tree(const char *template_dir, const char *digest, struct vz_error *e)
{
	_cleanup_free_ char *from = NULL, *to = NULL;
	int r = str_fmt(&from, "%s/store/%s", template_dir, digest);

	if (r >= 0)
		r = str_fmt(&to, "%s/store/.staging-%s", template_dir, digest);
	if (r < 0)
		return vz_fail(e, r, "remove %s", digest);
	/* first out of the way: half a tree must not be found under the digest */
	if (rename(from, to) < 0)
		return errno == ENOENT ? 0 : vz_fail(e, -errno, "remove %s", from);
	r = os_rm_rf_at(AT_FDCWD, to);
	return r < 0 ? vz_fail(e, r, "remove %s", to) : 0;
}

int tm_gc(const char *template_dir, bool (*in_use)(void *, const char *digest), void *data,
	  const struct logger *l, struct vz_error *e)
{
	_cleanup_close_ int lock = tm_store_lock(template_dir, l, e);
	_cleanup_closedir_ DIR *d = NULL;
	_cleanup_free_ char *path = NULL;
	struct dirent *de;
	int r = 0;

	if (lock < 0)
		return lock;
	tm_store_sweep(template_dir, l);
	r = str_fmt(&path, "%s/store", template_dir);
	d = r < 0 ? NULL : opendir(path);
	if (!d)
		return vz_fail(e, r < 0 ? r : -errno, "list the template store");
	while (r >= 0 && (de = readdir(d))) {
		if (!tm_digest_ok(de->d_name) || named(template_dir, de->d_name) ||
		    in_use(data, de->d_name))
			continue;
		log_info(l, "Removing unused template tree %s", de->d_name);
		r = remove_tree(template_dir, de->d_name, e);
	}
	return r;
}

int tm_remove(const char *template_dir, const char *name,
	      bool (*in_use)(void *, const char *digest), void *data, struct vz_error *e)
{
	_cleanup_close_ int lock = -EBADF;
	_cleanup_free_ char *archive = NULL, *index = NULL;
	struct tm_index i;
	struct stat st;
	bool has_tree;
	int r = tm_name_check(name, e);

	if (r < 0)
		return r;
	r = tm_store_prepare(template_dir, e);
	if (r < 0)
		return r;
	lock = tm_store_lock(template_dir, NULL, e);
	if (lock < 0)
		return lock;
	has_tree = tm_index_read(template_dir, name, &i) >= 0;
	if (!has_tree && tm_cache_find(template_dir, name, &archive, &st) < 0)
		return tm_not_found(template_dir, name, e);
	if (has_tree && in_use && in_use(data, i.digest))
		return vz_fail_exit(
			e, -EBUSY, VZ_EXIT_TEMPLATE,
			"template %s is in use: containers stand on it (vztmpl list shows how many)",
			name);
	r = str_fmt(&index, "%s/store/index/%s", template_dir, name);
	if (r >= 0)
		r = tm_cache_drop(template_dir, name, NULL);
	if (r >= 0 && unlink(index) < 0 && errno != ENOENT)
		r = -errno;
	if (r < 0)
		return vz_fail(e, r, "remove template %s", name);
	if (!has_tree || named(template_dir, i.digest))
		return 0;
	return remove_tree(template_dir, i.digest, e);
}
