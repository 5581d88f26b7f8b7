/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making and destroying a VE.
 *
 * Create: the configuration is written first, the private area is built beside
 * its place and renamed into it last.  That rename is the commit: killed before, the
 * VE does not exist and create can be repeated; killed after, it exists whole.
 * CTID.creating beside the configuration says that it is the work of a create that
 * did not get there, and nobody's yet.
 * Destroy is the mirror: the private area is renamed away first, then the rest.
 */
#include "ve/ve.h"

#include "base/str.h"
#include "mech/tm/tm.h"
#include "os/os.h"

#include "build.h"

#include <string.h>

static int area_paths(const struct ve_config *c, char **ret_tmp, struct vz_error *e)
{
	int r = str_fmt(ret_tmp, "%s.tmp", c->private);

	return r < 0 ? vz_fail(e, r, "private area's path") : 0;
}

/* PRIVATE.tmp with fs/ and work/, ids as on disk: the VE's root is 0. */
static int build_area(const char *tmp, const struct ve_meta *m, struct vz_error *e)
{
	_cleanup_close_ int dir = -EBADF;
	int r = os_rm_rf_at(AT_FDCWD, tmp);

	if (r >= 0)
		r = os_mkdir_p(tmp, 0700);
	if (r < 0)
		return vz_fail_exit(e, r, VZ_EXIT_CREATE_PRIVATE, "make %s", tmp);
	dir = r = os_openat(AT_FDCWD, tmp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0);
	if (r >= 0 && (mkdirat(dir, "fs", 0755) < 0 || mkdirat(dir, "work", 0755) < 0 ||
		       mkdirat(dir, "dump", 0700) < 0 || fchmodat(dir, "fs", 0755, 0) < 0))
		r = -errno;
	if (r < 0)
		return vz_fail_exit(e, r, VZ_EXIT_CREATE_PRIVATE, "make directories in %s", tmp);
	return meta_write(tmp, m, e);
}

static int commit_area(const struct ve_config *c, const char *tmp, struct vz_error *e)
{
	if (rename(tmp, c->private) < 0)
		return vz_fail_exit(e, -errno,
				    errno == ENOTEMPTY || errno == EEXIST ? VZ_EXIT_PRIVATE_EXISTS
									  : VZ_EXIT_CREATE_PRIVATE,
				    "rename %s to %s", tmp, c->private);
	return os_fsync_dir(c->private);
}

static int set_text(struct ve_config *c, const struct host_config *h, const char *key,
		    const char *value, struct vz_error *e)
{
	return param_parse_file(c, h, param_by_key(key), value, FROM_CLI, e);
}

static int marker_path(const struct ve *ve, char **ret)
{
	return str_fmt(ret, "%s/%u.creating", ve->host->confdir, ve->id);
}

static int set_marker(const struct ve *ve, struct vz_error *e)
{
	_cleanup_free_ char *path = NULL;
	int r = marker_path(ve, &path);

	if (r >= 0)
		r = os_replace_file_volatile(path, "", 0, 0600);
	return r < 0 ? vz_fail_exit(e, r, VZ_EXIT_SAVE, "make %s", path ? path : "a marker") : 0;
}

static bool has_marker(const struct ve *ve)
{
	_cleanup_free_ char *path = NULL;

	return marker_path(ve, &path) >= 0 && os_exists(path);
}

static void clear_marker(const struct ve *ve)
{
	_cleanup_free_ char *path = NULL;

	if (marker_path(ve, &path) >= 0)
		(void)unlink(path);
}

/* Sample, ids and the options of create: the whole configuration, saved before anything else exists. */
static int make_config(struct ve *ve, const char *ostemplate, const char *config,
		       const struct vz_changes *ch, bool *ret_new, struct vz_error *e)
{
	_cleanup_free_ char *base_text = NULL;
	const char *sample = config ? config : ve->host->configfile;
	uint32_t base;
	int r = 0;

	*ret_new = !ve->have_conf;
	if (ve->have_conf && config)
		return vz_fail_exit(e, -EEXIST, VZ_EXIT_SAMPLE,
				    "%s/%u.conf exists already: --config would overwrite it",
				    ve->host->confdir, ve->id);
	if (ve->have_conf)
		log_warn(ve->log, "The configuration file of CT %u exists and is kept", ve->id);
	else
		r = set_marker(ve, e);
	if (*ret_new && r >= 0)
		r = ve_config_from_sample(ve->host, ve->id, sample, e);
	if (*ret_new && r < 0)
		return r;
	r = ve_reload(ve, e);
	if (r >= 0 && *ret_new)
		r = set_text(&ve->conf, ve->host, "ORIGIN_SAMPLE", sample, e);
	if (r >= 0)
		r = set_text(&ve->conf, ve->host, "OSTEMPLATE", ostemplate, e);
	if (r >= 0 && ch)
		r = changes_apply(ch, &ve->conf, ve->host, e);
	if (r < 0)
		return r;
	if (!param_is_set(&ve->conf, param_by_key("LOCAL_UID")) ||
	    ve->conf.origin[param_index(param_by_key("LOCAL_UID"))] < FROM_VE) {
		r = ve_config_alloc_ids(ve->host, &base, e);
		if (r >= 0)
			r = str_fmt(&base_text, "%u", base);
		if (r >= 0)
			r = set_text(&ve->conf, ve->host, "LOCAL_UID", base_text, e);
		if (r >= 0)
			r = set_text(&ve->conf, ve->host, "LOCAL_GID", base_text, e);
	}
	return r < 0 ? r : ve_save_conf(ve, &ve->conf, e);
}

static int check_new(const struct ve *ve, const char *ostemplate, struct vz_error *e)
{
	if (ve->id == 0)
		return vz_fail_exit(e, -EINVAL, VZ_EXIT_VALUE, "CT 0 is the host");
	if (!ostemplate || !*ostemplate)
		return vz_fail_exit(
			e, -EINVAL, VZ_EXIT_NO_OSTEMPLATE,
			"no OS template: use --ostemplate NAME or set DEF_OSTEMPLATE in %s",
			ve->host->path);
	if (!ve->conf.private)
		return vz_fail_exit(e, -EINVAL, VZ_EXIT_NO_PRIVATE_SET, "VE_PRIVATE is not set");
	if (os_exists(ve->conf.private))
		return vz_fail_exit(e, -EEXIST, VZ_EXIT_PRIVATE_EXISTS,
				    "Private area already exists in %s", ve->conf.private);
	return 0;
}

/* Names and ids are given out by one creator at a time. */
static int make_config_locked(struct ve *ve, const char *ostemplate, const char *config,
			      const struct vz_changes *ch, bool *ret_new, struct vz_error *e)
{
	_cleanup_close_ int lock = host_lock(ve->host, e);
	int r = lock;

	if (r >= 0)
		r = make_config(ve, ostemplate, config, ch, ret_new, e);
	fault_point("create", "name");
	if (r >= 0 && ve->conf.name)
		r = name_set(ve->host, ve->id, NULL, ve->conf.name, e);
	return r;
}

static void undo_config(const struct ve *ve)
{
	_cleanup_free_ char *path = NULL;

	if (ve->conf.name)
		IGNORE(name_set(ve->host, ve->id, ve->conf.name, "", NULL));
	if (ve_config_path(ve->host, ve->id, &path) >= 0)
		(void)unlink(path);
	clear_marker(ve);
}

/* A configuration that a killed create made goes before it is taken for the administrator's. */
static int forget_killed(struct ve *ve, struct vz_error *e)
{
	if (!has_marker(ve))
		return 0;
	undo_config(ve);
	return ve_reload(ve, e);
}

static int make_area(struct ve *ve, struct ve_meta *m, struct vz_error *e)
{
	_cleanup_free_ char *tmp = NULL;
	int r = area_paths(&ve->conf, &tmp, e);

	if (r >= 0)
		r = build_area(tmp, m, e);
	fault_point("create", "area");
	if (r >= 0)
		r = ve_make_root(ve, e);
	fault_point("create", "commit");
	if (r >= 0) {
		/* before the rename: a marker must never say that a whole VE is nobody's */
		clear_marker(ve);
		r = commit_area(&ve->conf, tmp, e);
	}
	if (r < 0 && tmp) {
		IGNORE(os_rm_rf_at(AT_FDCWD, tmp));
		(void)rmdir(ve->conf.root);
	}
	return r;
}

/* Its words to our log; on failure its last line, which is its error, to e. */
static int tool_said(const struct ve *ve, char *text, int wstatus, struct vz_error *e)
{
	_cleanup_strv_ char **lines = NULL;
	int status = status_code(wstatus);
	bool started = status != 126 && status != 127; /* os_exec()'s own */
	size_t n;

	if (strv_split(&lines, text, "\n") < 0)
		return vz_fail(e, -ENOMEM, "read what vztmpl said");
	n = strv_len(lines);
	for (size_t i = 0; i + (wstatus != 0) < n; i++)
		log_info(ve->log, "%s", lines[i]);
	if (wstatus == 0)
		return 0;
	(void)vz_fail_exit(e, -EBADMSG,
			   started && status < 128 ? (enum vz_exit)status : VZ_EXIT_TEMPLATE, "%s",
			   n	     ? lines[n - 1]
			   : started ? "vztmpl was killed"
				     : VZ_SBINDIR "/vztmpl cannot be run; install vz whole");
	if (e)
		e->code = 0; /* the line says why, its end included */
	return -EBADMSG;
}

/*
 * An archive that has to be imported first is vztmpl's to unpack: what knows archives
 * is a dozen libraries that no other command should have to load.
 */
static int import_template(const struct ve *ve, const char *archive, const char *name,
			   struct vz_error *e)
{
	char *argv[] = { (char *)VZ_SBINDIR "/vztmpl", (char *)"import", (char *)(uintptr_t)archive,
			 (char *)(uintptr_t)name, NULL };
	_cleanup_free_ char *dir = strdup(ve->host->path), *out = NULL;
	_cleanup_free_ char *conf = NULL;
	char *slash = dir ? strrchr(dir, '/') : NULL;
	struct os_exec_opts o = { .timeout_ms = -1 };
	int r;

	if (slash)
		*slash = '\0';
	r = str_fmt(&conf, "VZ_CONF_DIR=%s", slash ? dir : ".");
	if (r >= 0) {
		char *env[] = { conf, (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };

		o.env = env;
		log_info(ve->log, "Importing template %s", name);
		r = os_exec(argv, &o, &out);
	}
	if (r < 0)
		return vz_fail_exit(e, r, VZ_EXIT_TEMPLATE, "run %s import %s", argv[0], archive);
	return tool_said(ve, out, r, e);
}

static int find_template(const struct ve *ve, const char *name, char **ret_digest,
			 struct vz_error *e)
{
	_cleanup_free_ char *archive = NULL, *again = NULL;
	int r = tm_find(ve->host->template, name, &archive, ret_digest, e);

	if (r == 0) {
		r = import_template(ve, archive, name, e);
		if (r >= 0)
			r = tm_find(ve->host->template, name, &again, ret_digest, e);
		if (r == 0)
			r = vz_fail_exit(e, -ESTALE, VZ_EXIT_TEMPLATE,
					 "template %s changed while it was imported: try again",
					 name);
	}
	return r < 0 ? r : 0;
}

int ve_create(struct ve *ve, const char *ostemplate, const char *config,
	      const struct vz_changes *ch, struct vz_error *e)
{
	_cleanup_(meta_done) struct ve_meta m = { 0 };
	bool new_conf = false;
	int r = check_new(ve, ostemplate ? ostemplate : ve->host->def_ostemplate, e);

	if (r < 0)
		return r;
	if (!ostemplate)
		ostemplate = ve->host->def_ostemplate;
	log_info(ve->log, "Creating container private area (%s)", ostemplate);
	r = find_template(ve, ostemplate, &m.lower, e);
	if (r >= 0)
		r = str_set(&m.ostemplate, ostemplate);
	fault_point("create", "config");
	if (r >= 0)
		r = forget_killed(ve, e);
	if (r >= 0)
		r = make_config_locked(ve, ostemplate, config, ch, &new_conf, e);
	/* of somebody who had this number before: not to be found by this one's first start */
	if (r >= 0)
		ve_drop_dump(ve);
	if (r >= 0)
		r = make_area(ve, &m, e);
	fault_point("create", "done");
	if (r < 0) {
		if (new_conf)
			undo_config(ve);
		return r;
	}
	log_info(ve->log, "Container private area was created");
	return 0;
}
