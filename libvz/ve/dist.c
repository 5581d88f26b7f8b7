/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Edits inside a VE's tree: done by the distribution's scripts in the VE's own
 * shell as its own root, so a link planted in the tree leads nowhere but in it.
 * PRIVATE/applied remembers what was applied last; a start with nothing new runs
 * no script at all, and a tenant's own edits live until the configuration changes.
 */
#include "ve/ve.h"

#include "base/str.h"
#include "mech/tm/tm.h"
#include "os/os.h"

#include <string.h>
#include <sys/random.h>

#define SCRIPT_TIMEOUT_MS 120000
#define APPLIED_MAX	  65536

typedef int values_fn(const struct ve *ve, char ***env);

static int add_pair(char ***env, const char *key, const char *value)
{
	_cleanup_free_ char *pair = NULL;
	int r = str_fmt(&pair, "%s=%s", key, value ? value : "");

	return r < 0 ? r : strv_add(env, pair);
}

static int add_list(char ***env, const char *key, char *const *list)
{
	_cleanup_free_ char *text = NULL;
	int r = strv_join(&text, list, " ");

	return r < 0 ? r : add_pair(env, key, text);
}

static int hostname_values(const struct ve *ve, char ***env)
{
	int r = add_pair(env, "HOSTNM", ve->conf.hostname);

	if (r >= 0)
		r = add_list(env, "IP_ADDR", ve->conf.ip);
	return r;
}

static int dns_values(const struct ve *ve, char ***env)
{
	int r = add_list(env, "NAMESERVER", ve->conf.nameserver);

	if (r >= 0)
		r = add_list(env, "SEARCHDOMAIN", ve->conf.searchdomain);
	return r;
}

static int ip_values(const struct ve *ve, char ***env)
{
	int r = add_list(env, "IP_ADDR", ve->conf.ip);

	if (r >= 0)
		r = add_pair(env, "IPDELALL", "yes");
	if (r >= 0)
		r = add_pair(env, "IPV6", ve->host->ipv6 ? "yes" : "no");
	return r;
}

static int no_values(const struct ve *ve, char ***env)
{
	(void)ve;
	(void)env;
	return 0;
}

static bool has_hostname(const struct ve *ve)
{
	return ve->conf.hostname && *ve->conf.hostname;
}

static bool has_dns(const struct ve *ve)
{
	return strv_len(ve->conf.nameserver) || strv_len(ve->conf.searchdomain);
}

static bool always(const struct ve *ve)
{
	(void)ve;
	return true;
}

static const struct {
	enum dist_what what;
	const char *action;
	values_fn *values;
	bool (*wanted)(const struct ve *ve);
	enum vz_exit exit;
} actions[] = {
	{ DIST_FIRST, "POST_CREATE", no_values, always, VZ_EXIT_ACTION_SCRIPT },
	{ DIST_HOSTNAME, "SET_HOSTNAME", hostname_values, has_hostname, VZ_EXIT_HOSTNAME },
	{ DIST_DNS, "SET_DNS", dns_values, has_dns, VZ_EXIT_DNS },
	{ DIST_IP, "ADD_IP", ip_values, always, VZ_EXIT_IP_ADD },
};

static int base_env(const struct ve *ve, bool starting, char ***env)
{
	int r = strv_add(env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");

	if (r >= 0)
		r = add_pair(env, "VE_STATE", starting ? "starting" : "running");
	if (r >= 0)
		r = add_pair(env, "USERNS", ve_has_userns(ve) ? "yes" : "no");
	return r;
}

static int run_action(const struct ve *ve, const struct dist *d, size_t i, char *const *values,
		      bool starting, struct vz_error *e)
{
	_cleanup_free_ char *script = NULL, *out = NULL, *safe = NULL;
	_cleanup_strv_ char **env = NULL;
	int r = dist_script(d, actions[i].action, &script, e);

	if (r < 0 || !script)
		return r;
	r = base_env(ve, starting, &env);
	for (size_t k = 0; r >= 0 && values && values[k]; k++)
		r = strv_add(&env, values[k]);
	if (r < 0)
		return vz_fail(e, r, "prepare %s", actions[i].action);
	log_debug(ve->log, "run %s inside", actions[i].action);
	r = ve_script(ve, script, env, SCRIPT_TIMEOUT_MS, &out, e);
	if (r < 0)
		return vz_wrap_exit(e, r, actions[i].exit, "%s", actions[i].action);
	if (r == 0)
		return 0;
	out[strcspn(out, "\n")] = '\0';
	if (str_escape(&safe, out) < 0)
		safe = NULL;
	return vz_fail_exit(e, -ECANCELED, actions[i].exit,
			    "%s failed inside the container with %d: %s", actions[i].action,
			    status_code(r), safe ? safe : "");
}

/* The lines "ACTION values..." of the last time; an action is due when its line is not among them. */
static int applied_read(const struct ve *ve, char **ret)
{
	_cleanup_free_ char *path = NULL;
	int r = str_fmt(&path, "%s/applied", ve->conf.private);

	if (r >= 0)
		r = os_read_file_at(AT_FDCWD, path, APPLIED_MAX, ret, NULL);
	if (r == -ENOENT)
		r = (*ret = strdup("")) ? 0 : -ENOMEM;
	return r;
}

static int applied_write(const struct ve *ve, const char *text)
{
	_cleanup_free_ char *path = NULL;
	int r = str_fmt(&path, "%s/applied", ve->conf.private);

	return r < 0 ? r : os_replace_file(path, text, strlen(text), 0600);
}

static bool has_line(const char *text, const char *line)
{
	size_t n = strlen(line);

	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n')
		if (strncmp(p, line, n) == 0 && (p[n] == '\n' || !p[n]))
			return true;
	return false;
}

/* What was applied: lines that held before, and those that hold afterwards. */
struct applied {
	char *before;
	struct str now;
};

/* The actions due, one by one. */
static int run_due(const struct ve *ve, const struct dist *d, unsigned int what, bool starting,
		   struct applied *a, struct vz_error *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		_cleanup_strv_ char **values = NULL;
		_cleanup_free_ char *joined = NULL, *line = NULL;
		bool known;
		int r = actions[i].values(ve, &values);

		if (r >= 0)
			r = strv_join(&joined, values, "\t");
		if (r >= 0)
			r = str_fmt(&line, "%s\t%s", actions[i].action, joined);
		if (r < 0)
			return vz_fail(e, r, "prepare %s", actions[i].action);
		known = has_line(a->before, line);
		if (what & actions[i].what && actions[i].wanted(ve) && !(starting && known)) {
			r = run_action(ve, d, i, values, starting, e);
			if (r < 0)
				return r;
			known = true;
		}
		/* what was neither run now nor before stays due */
		if (known)
			str_addf(&a->now, "%s\n", line);
	}
	return 0;
}

static int apply_with(const struct ve *ve, const struct dist *d, unsigned int what, bool starting,
		      struct vz_error *e)
{
	struct applied a = { 0 };
	_cleanup_free_ char *now = NULL;
	int r = applied_read(ve, &a.before);
	_cleanup_free_ char *before = a.before;

	if (r < 0)
		return vz_fail(e, r, "read %s/applied", ve->conf.private);
	r = run_due(ve, d, what, starting, &a, e);
	if (r < 0) {
		str_done(&a.now);
		return r;
	}
	r = str_take(&a.now, &now);
	if (r < 0)
		return vz_fail(e, r, "remember what was applied");
	r = str_eq(now, before) ? 0 : applied_write(ve, now);
	return r < 0 ? vz_fail(e, r, "write %s/applied", ve->conf.private) : 0;
}

int dist_apply(const struct ve *ve, unsigned int what, bool starting, struct vz_error *e)
{
	struct dist *d = NULL;
	int r = dist_open(&d, ve->host->distdir, ve->conf.ostemplate, ve->log, e);

	if (r < 0)
		return r;
	r = apply_with(ve, d, what, starting, e);
	d = dist_free(d);
	return r;
}

int dist_password(const struct ve *ve, const char *user_password, struct vz_error *e)
{
	_cleanup_free_ char *script = NULL;
	_cleanup_strv_ char **env = NULL;
	struct dist *d = NULL;
	int r;

	if (!strchr(user_password, ':') || strchr(user_password, '\n') || user_password[0] == ':')
		return vz_fail_exit(e, -EINVAL, VZ_EXIT_VALUE, "--userpasswd wants user:password");
	r = dist_open(&d, ve->host->distdir, ve->conf.ostemplate, ve->log, e);
	if (r >= 0)
		r = dist_script(d, "SET_USERPASS", &script, e);
	d = dist_free(d);
	if (r < 0)
		return r;
	if (!script)
		return vz_fail_exit(e, -EOPNOTSUPP, VZ_EXIT_NO_DIST_SCRIPT,
				    "the distribution has no SET_USERPASS script");
	r = base_env(ve, false, &env);
	if (r >= 0)
		r = add_pair(&env, "USERPW", user_password);
	if (r < 0)
		return vz_fail(e, r, "prepare SET_USERPASS");
	r = ve_script(ve, script, env, SCRIPT_TIMEOUT_MS, NULL, e);
	if (r < 0)
		return vz_wrap_exit(e, r, VZ_EXIT_PASSWORD, "change the password");
	return r == 0 ? 0
		      : vz_fail_exit(
				e, -ECANCELED, VZ_EXIT_PASSWORD,
				"the password was not changed: chpasswd in the container failed with %d",
				status_code(r));
}
