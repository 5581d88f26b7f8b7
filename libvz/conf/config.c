/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A VE's effective configuration: built-in defaults, then vz.conf, then
 * CTID.conf, each value with where it came from; and back into the file.
 * A value that cannot be used is reported and skipped, so that a VE with a
 * spoilt file can still be seen and stopped; c->bad lets start refuse.
 */
#include "conf/config.h"

#include "base/str.h"
#include "conf/file.h"
#include "conf/param.h"
#include "os/os.h"

#include <inttypes.h>
#include <string.h>

enum { STOP_TIMEOUT_DEFAULT = 120 };

int ve_config_path(const struct host_config *h, uint32_t ctid, char **ret)
{
	return str_fmt(ret, "%s/%" PRIu32 ".conf", h->confdir, ctid);
}

static int load_defaults(struct ve_config *c, const struct host_config *h, struct vz_error *e)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < param_table_n; i++) {
		const struct param *p = &param_table[i];

		if (p->key && p->def && (p->flags & VZ_PARAM_VE))
			r = param_parse_file(c, h, p, p->def, FROM_DEFAULT, e);
	}
	return r;
}

/* Lines of a file into c; what cannot be used is said, and the first of them noted. */
static int load_file(struct ve_config *c, const struct host_config *h, const struct conf_file *f,
		     enum conf_origin from, const char *path, const struct logger *l,
		     struct vz_error *e)
{
	const char *key, *value, *problem;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < conf_file_lines(f); i++) {
		struct vz_error why = { 0 };
		const struct param *p;

		conf_file_line(f, i, &key, &value, &problem);
		p = key && !problem ? param_by_key(key) : NULL;
		if (!p || !(p->flags & VZ_PARAM_VE) ||
		    (from == FROM_HOST && (p->flags & P_NOINHERIT)))
			continue;
		r = param_parse_file(c, h, p, value, from, &why);
		if (r >= 0 || r == -ENOMEM)
			continue;
		r = 0;
		log_warn(l, "%s: line %zu: %s; the value is ignored", path, i + 1, why.text);
		if (!c->bad)
			r = str_fmt(&c->bad, "%s: line %zu: %s", path, i + 1, why.text);
	}
	return r < 0 ? vz_fail(e, r, "read %s", path) : 0;
}

static int finish(struct ve_config *c, const struct logger *l, struct vz_error *e)
{
	if (!c->stop_timeout)
		c->stop_timeout = STOP_TIMEOUT_DEFAULT;
	return ubc_fill(c, l, e);
}

int ve_config_merge_file(struct ve_config *c, const struct host_config *h, uint32_t ctid,
			 const char *path, const struct logger *l, struct vz_error *e)
{
	_cleanup_conf_file_ struct conf_file *f = NULL;
	int r = conf_file_read(&f, path, l, e);

	if (r < 0)
		return r;
	c->ctid = ctid;
	r = load_file(c, h, f, FROM_VE, path, l, e);
	return r < 0 ? r : finish(c, l, e);
}

int ve_config_load(struct ve_config *c, const struct host_config *h, uint32_t ctid,
		   const struct logger *l, struct vz_error *e)
{
	_cleanup_conf_file_ struct conf_file *f = NULL;
	_cleanup_free_ char *path = NULL;
	int r = ve_config_path(h, ctid, &path), found;

	ve_config_init(c);
	c->ctid = ctid;
	if (r < 0)
		return vz_fail(e, r, "read the configuration of CT %" PRIu32, ctid);
	r = load_defaults(c, h, e);
	if (r >= 0 && h->file)
		r = load_file(c, h, h->file, FROM_HOST, h->path, NULL,
			      e); /* host_config_load has spoken */
	if (r < 0)
		return r;
	found = conf_file_read(&f, path, l, e);
	if (found >= 0)
		r = load_file(c, h, f, FROM_VE, path, l, e);
	if (r >= 0)
		r = finish(c, l, e);
	if (r < 0)
		return r;
	if (found == -ENOENT)
		return vz_fail_exit(e, found, VZ_EXIT_NO_CONF,
				    "CT %" PRIu32 " has no configuration file %s", ctid, path);
	return found < 0 ? vz_wrap_exit(e, found, VZ_EXIT_NO_CONF, "CT %" PRIu32, ctid) : 0;
}

int ve_config_touch(struct ve_config *c, const char *key)
{
	const struct param *p = param_by_key(key);

	if (!p || !c->origin)
		return -EINVAL;
	c->origin[param_index(p)] = FROM_CLI;
	return 0;
}

static int open_or_new(struct conf_file **ret, const char *path, struct vz_error *e)
{
	int r = conf_file_read(ret, path, NULL, e);

	if (r != -ENOENT)
		return r;
	vz_error_clear(e);
	return conf_file_parse(ret, "", 0, path, NULL, e);
}

int ve_config_save(const struct ve_config *c, const struct host_config *h, uint32_t ctid,
		   struct vz_error *e)
{
	_cleanup_conf_file_ struct conf_file *f = NULL;
	_cleanup_free_ char *path = NULL;
	int r = ve_config_path(h, ctid, &path);

	r = r < 0 ? vz_fail(e, r, "save the configuration") : open_or_new(&f, path, e);
	for (size_t i = 0; r >= 0 && i < param_table_n; i++) {
		const struct param *p = &param_table[i];
		_cleanup_free_ char *value = NULL;

		if (!p->key || !c->origin || c->origin[i] != FROM_CLI)
			continue;
		r = param_format(c, p, &value);
		if (r >= 0)
			r = conf_file_set(f, p->key, value ? value : "");
		if (r >= 0 && p->key_alias)
			r = conf_file_set(f, p->key_alias, NULL);
		if (r < 0)
			return vz_fail_exit(e, r, VZ_EXIT_SAVE, "save %s in %s", p->key, path);
	}
	if (r < 0)
		return vz_wrap_exit(e, r, VZ_EXIT_SAVE, "CT %" PRIu32, ctid);
	return conf_file_save(f, path, e);
}

int ve_config_from_sample(const struct host_config *h, uint32_t ctid, const char *sample,
			  struct vz_error *e)
{
	_cleanup_conf_file_ struct conf_file *f = NULL;
	_cleanup_free_ char *from = NULL, *to = NULL;
	int r;

	if (!*sample || strchr(sample, '/'))
		return vz_fail_exit(e, -EINVAL, VZ_EXIT_SAMPLE,
				    "bad name of a sample configuration: \"%.60s\"", sample);
	r = str_fmt(&from, "%s/ve-%s.conf-sample", h->confdir, sample);
	if (r >= 0)
		r = ve_config_path(h, ctid, &to);
	if (r < 0)
		return vz_fail(e, r, "copy sample %s", sample);
	r = conf_file_read(&f, from, NULL, e);
	if (r < 0)
		return vz_wrap_exit(e, r, VZ_EXIT_SAMPLE, "sample configuration %s", sample);
	r = conf_file_set(f, "ORIGIN_SAMPLE", sample);
	if (r < 0)
		return vz_fail(e, r, "copy %s", from);
	r = conf_file_save(f, to, NULL);
	return r < 0 ? vz_fail_exit(e, r, VZ_EXIT_SAMPLE, "copy sample %s to %s", sample, to) : 0;
}

/* Ids of the host's own users must not become a container's by an oversight. */
static int check_ids(const struct ve_config *c, struct vz_error *e)
{
	if ((c->uid_base >= VE_IDS && c->gid_base >= VE_IDS) ||
	    (c->features.on >> FEAT_PRIVILEGED & 1))
		return 0;
	return vz_fail_exit(
		e, -EINVAL, VZ_EXIT_BAD_CONF,
		"LOCAL_UID=%" PRIu32 " LOCAL_GID=%" PRIu32
		" would give the container the host's own ids; set both to a free range from %u on "
		"(--local_uid, --local_gid), or accept it with --features privileged:on",
		c->uid_base, c->gid_base, VE_IDS);
}

int ve_config_check(const struct ve_config *c, struct vz_error *e)
{
	int r;

	if (c->bad)
		return vz_fail_exit(e, -EINVAL, VZ_EXIT_BAD_CONF,
				    "the configuration cannot be used: %s", c->bad);
	if (!c->root || !*c->root)
		return vz_fail_exit(e, -EINVAL, VZ_EXIT_NO_ROOT, "VE_ROOT is not set");
	if (!c->private || !*c->private)
		return vz_fail_exit(e, -EINVAL, VZ_EXIT_NO_PRIVATE_SET, "VE_PRIVATE is not set");
	r = ubc_check(c, e);
	return r < 0 ? r : check_ids(c, e);
}
