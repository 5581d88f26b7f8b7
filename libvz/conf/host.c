/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vz.conf: the host's configuration.  All other paths of vz are found from it:
 * conf/, names/, dists/ and keys/ stand beside the file, the rest is named in it.
 * A bad value is reported and the built-in default stands in for it.
 */
#include "conf/param.h"

#include "base/str.h"
#include "conf/file.h"

#include <string.h>

#define VZ_CONF_DIR "/etc/vz"

static const char *default_of(const struct param *p)
{
	return p->hdef ? p->hdef : p->def;
}

const char *host_config_get(const struct host_config *h, const char *key)
{
	const struct param *p = param_by_key(key);
	const char *v = h->file ? conf_file_get(h->file, key) : NULL;

	if (v || !p || !(p->flags & VZ_PARAM_HOST))
		return v;
	return default_of(p);
}

static int load_row(struct host_config *h, const struct param *p, const struct logger *l,
		    struct vz_error *e)
{
	const char *v = conf_file_get(h->file, p->key);
	union param_value value = { .room = { 0 } };
	struct vz_error why = { 0 };
	int r = -ENOENT;

	if (v) {
		r = param_value_parse(p, v, &value, &why);
		if (r < 0)
			log_warn(l, "%s: %s; the default %s is used", h->path, why.text,
				 default_of(p) ? default_of(p) : "(none)");
	}
	if (r < 0 && default_of(p))
		r = param_value_parse(p, default_of(p), &value, e);
	else if (r < 0)
		return 0;
	if (r >= 0)
		memcpy((char *)h + p->hoff, &value, p->type->size);
	return r;
}

/* Directories beside the file. */
static int load_dirs(struct host_config *h)
{
	const char *slash = strrchr(h->path, '/');
	int n = slash ? (int)(slash - h->path) : 1;
	const char *dir = slash ? h->path : ".";
	int r = str_fmt(&h->confdir, "%.*s/conf", n, dir);

	if (r >= 0)
		r = str_fmt(&h->namesdir, "%.*s/names", n, dir);
	if (r >= 0)
		r = str_fmt(&h->distdir, "%.*s/dists", n, dir);
	if (r >= 0)
		r = str_fmt(&h->keysdir, "%.*s/keys", n, dir);
	return r;
}

static int find_path(const char *path, char **ret)
{
	const char *dir = secure_getenv("VZ_CONF_DIR");

	if (path)
		return str_set(ret, path);
	return str_fmt(ret, "%s/vz.conf", dir && *dir ? dir : VZ_CONF_DIR);
}

/* Containers' defaults are parsed per container, but said to be wrong once, here. */
static void report_value(const struct host_config *h, const struct param *p, size_t line,
			 const char *s, const struct logger *l)
{
	struct vz_error why = { 0 };
	union param_value v;

	if (p->hoff || param_value_parse(p, s, &v, &why) >= 0) {
		if (!p->hoff)
			param_value_done(p, &v);
		return;
	}
	log_warn(l, "%s: line %zu: %s; the value is ignored", h->path, line, why.text);
}

static void report_lines(const struct host_config *h, const struct logger *l)
{
	const char *key, *value, *problem;

	for (size_t i = 0; i < conf_file_lines(h->file); i++) {
		const struct param *p;

		conf_file_line(h->file, i, &key, &value, &problem);
		p = key ? param_by_key(key) : NULL;
		if (key && !p)
			log_debug(l, "%s: line %zu: unknown key %s is ignored", h->path, i + 1,
				  key);
		else if (p && (p->flags & P_NOINHERIT) && !(p->flags & VZ_PARAM_HOST))
			log_warn(l, "%s: line %zu: %s counts in CTID.conf only", h->path, i + 1,
				 key);
		else if (p)
			report_value(h, p, i + 1, value, l);
	}
}

int host_config_load(struct host_config *h, const char *path, const struct logger *l,
		     struct vz_error *e)
{
	int r;

	*h = (struct host_config){ 0 };
	r = find_path(path, &h->path);
	if (r >= 0)
		r = load_dirs(h);
	if (r < 0)
		return vz_fail(e, r, "read the host configuration");
	r = conf_file_read(&h->file, h->path, l, e);
	for (size_t i = 0; r >= 0 && i < param_table_n; i++)
		if (param_table[i].key && param_table[i].hoff)
			r = load_row(h, &param_table[i], l, e);
	if (r < 0) {
		r = vz_wrap_exit(e, r, VZ_EXIT_VZCONF, "host configuration");
		host_config_done(h);
		return r;
	}
	if (strcmp(host_config_get(h, "LOGGING"), "no") == 0)
		IGNORE(str_set(&h->logfile, NULL));
	h->cgroup_missing_warn = strcmp(host_config_get(h, "CGROUP_MISSING"), "warn") == 0;
	report_lines(h, l);
	return 0;
}

void host_config_done(struct host_config *h)
{
	char **owned[] = { &h->path, &h->confdir, &h->namesdir, &h->distdir, &h->keysdir };

	for (size_t i = 0; i < param_table_n; i++) {
		const struct param *p = &param_table[i];

		if (p->key && p->hoff && p->type->done)
			p->type->done((char *)h + p->hoff);
	}
	for (size_t i = 0; i < ARRAY_SIZE(owned); i++)
		free(*owned[i]);
	conf_file_free(h->file);
	*h = (struct host_config){ 0 };
}
