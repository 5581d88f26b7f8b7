// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Distribution data: which script does SET_DNS and its like for a template.
 * The host only reads these files (they are the administrator's) and puts a text
 * together; it runs in the VE, by the VE's own shell, as the VE's root, so that
 * nothing the VE's tree holds can lead an edit astray.
 */
#include "mech/tm/tm.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "os/os.h"

#define CONF_MAX   65536
#define SCRIPT_MAX (1U << 20)
#define FALLBACK   "default"

struct dist {
	char *dir;    /* .../dists */
	char *name;   /* which .conf was taken */
	char **lines; /* KEY=script... */
};

struct dist *dist_free(struct dist *d)
{
	if (!d)
		return NULL;
	free(d->dir);
	free(d->name);
	strv_free(d->lines);
	free(d);
	return NULL;
}

static void dist_freep(struct dist **d)
{
	dist_free(*d);
}

/* dir/name.conf as lines; -ENOENT */
static int load(struct dist *d, const char *name)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	int r = str_fmt(&path, "%s/%s.conf", d->dir, name);

	if (r >= 0)
		r = os_read_file_at(AT_FDCWD, path, CONF_MAX, &text, NULL);
	if (r >= 0)
		r = strv_split(&d->lines, text, "\n");
	return r < 0 ? r : str_set(&d->name, name);
}

/* debian-12-x86_64-minimal, debian-12-x86_64, debian-12, debian: the first that has a file. */
static int load_nearest(struct dist *d, const char *ostemplate)
{
	const char *base = ostemplate ? strrchr(ostemplate, '/') : NULL;
	_cleanup_free_ char *name = NULL;
	int r = str_fmt(&name, "%s", base ? base + 1 : ostemplate ? ostemplate : "");

	while (r >= 0 && *name && *name != '.') {
		char *dash;

		r = load(d, name);
		if (r != -ENOENT)
			return r;
		dash = strrchr(name, '-');
		if (!dash)
			return -ENOENT;
		*dash = '\0';
		r = 0;
	}
	return r < 0 ? r : -ENOENT;
}

int dist_open(struct dist **ret, const char *distdir, const char *ostemplate,
	      const struct logger *l, struct vz_error *e)
{
	_cleanup_(dist_freep) struct dist *d = calloc(1, sizeof(*d));
	int r;

	if (!d || str_set(&d->dir, distdir) < 0)
		return vz_fail(e, -ENOMEM, "distribution data");
	r = load_nearest(d, ostemplate);
	if (r == -ENOENT) {
		r = load(d, FALLBACK);
		if (r >= 0)
			log_warn(l, "No distribution data for template %s in %s, using %s.conf",
				 ostemplate && *ostemplate ? ostemplate : "(none)", distdir,
				 FALLBACK);
	}
	if (r < 0)
		return vz_fail_exit(e, r, VZ_EXIT_NO_DIST,
				    "no distribution data for template %s in %s, nor %s.conf there",
				    ostemplate && *ostemplate ? ostemplate : "(none)", distdir,
				    FALLBACK);
	*ret = TAKE_PTR(d);
	return 0;
}

/* The files named for an action; NULL: none. */
static int find_scripts(const struct dist *d, const char *action, char ***ret)
{
	size_t n = strlen(action);
	int r;

	*ret = NULL;
	for (char **p = d->lines; p && *p; p++) {
		const char *v = *p + strspn(*p, " \t");

		if (strncmp(v, action, n) != 0 || v[n] != '=')
			continue;
		r = strv_split(ret, v + n + 1, " \t\"'\r");
		if (r < 0)
			return r;
		break;
	}
	for (char **p = *ret; p && *p; p++)
		if (strchr(*p, '/') || **p == '.')
			return -EINVAL;
	return 0;
}

static int append_file(struct str *s, const struct dist *d, const char *file, struct vz_error *e)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	size_t len = 0;
	int r = str_fmt(&path, "%s/scripts/%s", d->dir, file);

	if (r < 0)
		return vz_fail(e, r, "distribution script %s", file);
	r = os_read_file_at(AT_FDCWD, path, SCRIPT_MAX, &text, &len);
	if (r < 0)
		return vz_fail_exit(e, r, VZ_EXIT_NO_DIST_SCRIPT, "read distribution script %s",
				    path);
	str_addn(s, text, len);
	str_add(s, "\n");
	return 0;
}

int dist_script(const struct dist *d, const char *action, char **ret, struct vz_error *e)
{
	_cleanup_strv_ char **files = NULL;
	_cleanup_str_ struct str s = { 0 };
	int r = find_scripts(d, action, &files);

	if (r < 0)
		return vz_fail_exit(e, r, VZ_EXIT_NO_DIST_SCRIPT,
				    "%s/%s.conf: %s must name files in scripts/", d->dir, d->name,
				    action);
	if (!strv_len(files)) {
		*ret = NULL;
		return 0;
	}
	r = append_file(&s, d, "functions", e);
	for (char **p = files; r >= 0 && *p; p++)
		r = append_file(&s, d, *p, e);
	if (r < 0)
		return r;
	r = str_take(&s, ret);
	return r < 0 ? vz_fail(e, r, "distribution script %s", action) : 0;
}
