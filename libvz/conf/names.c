/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of containers: symbolic links names/NAME to CTID.conf.  The link says
 * which number, the file's own NAME has to agree.  A word of digits is always
 * a number, never a name.
 */
#include "base/num.h"
#include "base/str.h"
#include "conf/config.h"
#include "os/os.h"

#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

int name_check(const char *name, struct vz_error *e)
{
	_cleanup_free_ char *safe = NULL;
	bool digits = true, ok = *name && strlen(name) <= NAME_MAX;

	for (const char *p = name; *p && ok; p++) {
		ok = isalnum((unsigned char)*p) || strchr(" -+_.", *p);
		digits = digits && isdigit((unsigned char)*p);
	}
	if (ok && !digits && name[0] != '.' && name[0] != '-')
		return 0;
	if (str_escape(&safe, name) < 0)
		return vz_fail(e, -ENOMEM, "check a name");
	if (ok && digits)
		return vz_fail_exit(
			e, -EINVAL, VZ_EXIT_NAME,
			"bad name \"%.80s\": a name of digits only would be taken for a CT ID",
			safe);
	return vz_fail_exit(
		e, -EINVAL, VZ_EXIT_NAME,
		"bad name \"%.80s\": allowed are letters, digits, blank and - + _ . (not - or . in front)",
		safe);
}

static int link_path(const struct host_config *h, const char *name, char **ret)
{
	return str_fmt(ret, "%s/%s", h->namesdir, name);
}

/* CTID that the link of this name points to */
static int link_read(const struct host_config *h, const char *name, uint32_t *ret)
{
	_cleanup_free_ char *path = NULL, *target = NULL;
	char *base, *dot;
	int r;

	if (strchr(name, '/') || name_check(name, NULL) < 0)
		return -ENOENT;
	r = link_path(h, name, &path);
	if (r >= 0)
		r = os_readlink(path, &target);
	if (r < 0)
		return r;
	base = strrchr(target, '/');
	base = base ? base + 1 : target;
	dot = strstr(base, ".conf");
	if (!dot || dot[5])
		return -EINVAL;
	*dot = '\0';
	return num_parse_ctid(base, ret);
}

/* NAME in the VE's own file; *ret NULL when it has none */
static int name_in_file(const struct host_config *h, uint32_t ctid, char **ret)
{
	_cleanup_conf_file_ struct conf_file *f = NULL;
	_cleanup_free_ char *path = NULL;
	int r = ve_config_path(h, ctid, &path);

	if (r >= 0)
		r = conf_file_read(&f, path, NULL, NULL);
	if (r < 0)
		return r;
	return str_set(ret, conf_file_get(f, "NAME"));
}

/* The name most like s, "" when none is near; buf is returned. */
static const char *suggest(const struct host_config *h, const char *s, char *buf, size_t n)
{
	_cleanup_closedir_ DIR *dir = opendir(h->namesdir);
	unsigned int best = 4;
	struct dirent *d;

	buf[0] = '\0';
	while (dir && (d = readdir(dir))) {
		unsigned int dist = str_distance(d->d_name, s);

		if (dist < best && dist < strlen(s) && name_check(d->d_name, NULL) >= 0) {
			best = dist;
			(void)snprintf(buf, n, "; did you mean %s?", d->d_name);
		}
	}
	return buf;
}

static int bad_ctid(const struct host_config *h, const char *arg, int r, struct vz_error *e)
{
	_cleanup_free_ char *safe = NULL;
	char near[NAME_MAX + 32];

	if (str_escape(&safe, arg) < 0)
		return vz_fail(e, -ENOMEM, "look up a name");
	return vz_fail_exit(e, r, VZ_EXIT_VALUE, "Bad CT ID %.80s%s", safe,
			    suggest(h, arg, near, sizeof(near)));
}

int name_lookup(const struct host_config *h, const char *name, uint32_t *ret_ctid,
		struct vz_error *e)
{
	_cleanup_free_ char *own = NULL;
	uint32_t ctid;
	int r = link_read(h, name, &ctid);

	if (r < 0)
		return bad_ctid(h, name, -ENOENT, e);
	r = name_in_file(h, ctid, &own);
	if (r < 0)
		return vz_fail_exit(e, r, VZ_EXIT_VALUE,
				    "Bad CT ID %s: it stands for CT %" PRIu32
				    ", which has no configuration file",
				    name, ctid);
	if (!str_eq(own, name))
		return vz_fail_exit(e, -EINVAL, VZ_EXIT_VALUE,
				    "Bad CT ID %s: it stands for CT %" PRIu32
				    ", whose NAME is \"%.80s\"",
				    name, ctid, own ? own : "");
	*ret_ctid = ctid;
	return 0;
}

int ctid_resolve(const struct host_config *h, const char *arg, uint32_t *ret, struct vz_error *e)
{
	if (!arg || !*arg)
		return vz_fail_exit(e, -EINVAL, VZ_EXIT_VALUE, "CT ID missing");
	if (!arg[strspn(arg, "0123456789")]) {
		if (num_parse_ctid(arg, ret) < 0)
			return vz_fail_exit(e, -ERANGE, VZ_EXIT_VALUE, "Bad CT ID %.80s", arg);
		return 0;
	}
	return name_lookup(h, arg, ret, e);
}

/* A link in use: the VE it points to has this name in its file. */
static bool taken_by_other(const struct host_config *h, uint32_t ctid, const char *name,
			   uint32_t *ret)
{
	_cleanup_free_ char *own = NULL;

	return link_read(h, name, ret) >= 0 && *ret != ctid && name_in_file(h, *ret, &own) >= 0 &&
	       str_eq(own, name);
}

/* symlink(2) cannot replace, so make a sibling and rename it. */
static int link_make(const struct host_config *h, uint32_t ctid, const char *name)
{
	_cleanup_free_ char *path = NULL, *tmp = NULL, *target = NULL;
	int r = link_path(h, name, &path);

	if (r >= 0)
		r = str_fmt(&tmp, "%s/.%" PRIu32 ".%d.tmp", h->namesdir, ctid, getpid());
	if (r >= 0)
		r = ve_config_path(h, ctid, &target);
	if (r >= 0)
		r = os_mkdir_p(h->namesdir, 0755);
	if (r < 0)
		return r;
	(void)unlink(tmp);
	r = RET_NERRNO(symlink(target, tmp));
	if (r >= 0)
		r = RET_NERRNO(rename(tmp, path));
	if (r < 0) {
		(void)unlink(tmp);
		return r;
	}
	return os_fsync_dir(path);
}

static int link_remove(const struct host_config *h, uint32_t ctid, const char *name)
{
	_cleanup_free_ char *path = NULL;
	uint32_t owner;
	int r;

	if (link_read(h, name, &owner) < 0 || owner != ctid)
		return 0;
	r = link_path(h, name, &path);
	if (r >= 0)
		r = RET_NERRNO(unlink(path));
	return r == -ENOENT ? 0 : r;
}

int name_set(const struct host_config *h, uint32_t ctid, const char *old, const char *name,
	     struct vz_error *e)
{
	uint32_t other;
	int r = 0;

	if (name && *name) {
		r = name_check(name, e);
		if (r < 0)
			return r;
		if (taken_by_other(h, ctid, name, &other))
			return vz_fail_exit(e, -EEXIST, VZ_EXIT_NAME,
					    "name %s is used by CT %" PRIu32 " already", name,
					    other);
		r = link_make(h, ctid, name);
		if (r < 0)
			return vz_fail_exit(e, r, VZ_EXIT_NAME, "assign name %s to CT %" PRIu32,
					    name, ctid);
	}
	if (old && *old && !str_eq(old, name)) {
		r = link_remove(h, ctid, old);
		if (r < 0)
			return vz_fail_exit(e, r, VZ_EXIT_NAME, "remove name %.80s of CT %" PRIu32,
					    old, ctid);
	}
	return 0;
}
