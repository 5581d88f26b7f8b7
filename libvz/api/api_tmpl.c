// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Public functions for templates: mech/tm with the host's TEMPLATE directory,
 * and the one thing mech/tm cannot know: which VEs stand on a tree.
 */
#include "api/api.h"

#include <string.h>

#include <vz/ve.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "mech/tm/tm.h"
#include "ve/ve.h"

/* Digests that VEs stand on, one entry per VE. */
struct users {
	struct vz *vz;
	char **lower;
	bool unknown; /* a VE's answer could not be had: everything counts as used */
};

static int add_user(struct users *u, uint32_t ctid)
{
	struct vz_error e = { 0 };
	struct ve_config c;
	struct ve_meta m = { 0 };
	int r;

	ve_config_init(&c);
	r = ve_config_load(&c, &u->vz->host, ctid, &u->vz->log, &e);
	if (r >= 0 && c.private)
		r = meta_read(c.private, &m, &e);
	/* configured but without a private area: stands on nothing */
	if (r == -ENOENT)
		r = 0;
	if (r >= 0 && m.lower)
		r = strv_add(&u->lower, m.lower);
	meta_done(&m);
	ve_config_done(&c);
	return r;
}

static void find_users(struct users *u)
{
	struct vz_error e = { 0 };
	uint32_t *ids = NULL;
	size_t n = 0;

	if (ve_config_list(&u->vz->host, &ids, &n, &e) < 0)
		u->unknown = true;
	for (size_t i = 0; i < n; i++)
		if (add_user(u, ids[i]) < 0)
			u->unknown = true;
	free(ids);
}

static bool in_use(void *data, const char *digest)
{
	const struct users *u = data;

	return u->unknown || strv_has(u->lower, digest);
}

static uint32_t count(const struct users *u, const char *digest)
{
	uint32_t n = 0;

	for (char **p = u->lower; digest && p && *p; p++)
		n += str_eq(*p, digest);
	return n;
}

int vz_template_list(struct vz *vz, struct vz_template **ret, size_t *ret_n, struct vz_error *e)
{
	struct users u = { .vz = vz };
	struct tm_info *info = NULL;
	struct vz_template *v;
	size_t n = 0;
	int r = tm_list(vz->host.template, &info, &n, e);

	if (r < 0)
		return r;
	v = calloc(n + 1, sizeof(*v));
	if (!v) {
		tm_list_free(info, n);
		return vz_fail(e, -ENOMEM, "list the templates");
	}
	find_users(&u);
	for (size_t i = 0; i < n; i++) {
		v[i] = (struct vz_template){
			.name = TAKE_PTR(info[i].name),
			.archive = TAKE_PTR(info[i].archive),
			.digest = TAKE_PTR(info[i].digest),
			.archive_bytes = info[i].archive_bytes,
			.store_bytes = info[i].store_bytes,
			.mtime = info[i].mtime,
		};
		v[i].users = count(&u, v[i].digest);
	}
	tm_list_free(info, n);
	strv_free(u.lower);
	*ret = v;
	*ret_n = n;
	return 0;
}

void vz_template_list_free(struct vz_template *v, size_t n)
{
	for (size_t i = 0; v && i < n; i++) {
		free(v[i].name);
		free(v[i].archive);
		free(v[i].digest);
	}
	free(v);
}

int vz_template_import(struct vz *vz, const char *archive, const char *name, uint64_t max_bytes,
		       vz_progress_fn *fn, void *data, struct vz_error *e)
{
	const struct tm_progress p = { .fn = fn, .data = data };
	const struct tm_how how = { .lim.max_bytes = max_bytes, .progress = &p, .log = &vz->log };
	struct users u = { .vz = vz };
	_cleanup_free_ char *digest = NULL;
	int r = tm_import(vz->host.template, archive, name, &how, &digest, e);

	if (r < 0)
		return r;
	/* what the name stood for before goes when nobody stands on it; the import is done either way */
	find_users(&u);
	if (tm_gc(vz->host.template, in_use, &u, &vz->log, NULL) < 0)
		log_warn(&vz->log, "Unused template trees could not be removed");
	strv_free(u.lower);
	return 0;
}

int vz_template_verify(struct vz *vz, const char *name, vz_progress_fn *fn, void *data,
		       struct vz_error *e)
{
	const struct tm_progress p = { .fn = fn, .data = data };

	return tm_verify(vz->host.template, name, &p, &vz->log, e);
}

int vz_template_remove(struct vz *vz, const char *name, struct vz_error *e)
{
	struct users u = { .vz = vz };
	int r;

	find_users(&u);
	r = tm_remove(vz->host.template, name, in_use, &u, e);
	strv_free(u.lower);
	return r;
}
