/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Action scripts of the administrator (cli-compatible with OpenVZ): on the host
 * vps.ACTION and CTID.ACTION, inside CTID.start and CTID.stop.  They must be
 * executable files; absence is fine; failure is VZ_EXIT_ACTION_SCRIPT.
 */
#include "ve/ve.h"

#include "base/str.h"
#include "os/os.h"

#include <limits.h>
#include <string.h>
#include <sys/wait.h>

#define SCRIPT_MAX (1U << 20)

static int script_env(const struct ve *ve, char ***ret)
{
	_cleanup_strv_ char **env = NULL;
	_cleanup_free_ char *conf = NULL, *veid = NULL, *file = NULL;
	int r = ve_config_path(ve->host, ve->id, &conf);

	if (r >= 0)
		r = str_fmt(&veid, "VEID=%u", ve->id);
	if (r >= 0)
		r = str_fmt(&file, "VE_CONFFILE=%s", conf);
	if (r >= 0)
		r = strv_add(&env,
			     "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	if (r >= 0)
		r = strv_add(&env, "HOME=/");
	if (r >= 0)
		r = strv_add(&env, "TERM=linux");
	if (r >= 0)
		r = strv_add(&env, veid);
	if (r >= 0)
		r = strv_add(&env, file);
	if (r >= 0)
		*ret = TAKE_PTR(env);
	return r;
}

/* A script said no: the last line of what it printed is the reason to show. */
static int refused(const char *path, const char *where, char *out, int wstatus, struct vz_error *e)
{
	_cleanup_free_ char *safe = NULL;
	size_t n = strlen(out);
	const char *nl;

	while (n && (out[n - 1] == '\n' || out[n - 1] == '\r'))
		out[--n] = '\0';
	nl = strrchr(out, '\n');
	if (str_escape(&safe, nl ? nl + 1 : out) < 0)
		safe = NULL;
	return vz_fail_exit(e, -ECANCELED, VZ_EXIT_ACTION_SCRIPT,
			    "action script %s failed%s with %d: %s", path, where,
			    status_code(wstatus), safe ? safe : "");
}

static int run_host(const struct ve *ve, const char *path, struct vz_error *e)
{
	_cleanup_strv_ char **env = NULL;
	_cleanup_free_ char *out = NULL;
	char *argv[] = { (char *)(uintptr_t)path, NULL };
	struct os_exec_opts o = { .timeout_ms = HOOK_TIMEOUT_MS, .hangup_fd = ve->hangup_fd };
	int r;

	if (access(path, X_OK) < 0)
		return 0;
	r = script_env(ve, &env);
	if (r < 0)
		return vz_fail(e, r, "prepare %s", path);
	o.env = env;
	log_debug(ve->log, "run %s", path);
	r = os_exec(argv, &o, &out);
	if (r < 0)
		return vz_fail_exit(e, r, VZ_EXIT_ACTION_SCRIPT, "run action script %s", path);
	return r == 0 ? 0 : refused(path, "", out, r, e);
}

int hooks_host(const struct ve *ve, const char *action, bool global_first, struct vz_error *e)
{
	_cleanup_free_ char *global = NULL, *own = NULL;
	int r = str_fmt(&global, "%s/vps.%s", ve->host->confdir, action);

	if (r >= 0)
		r = str_fmt(&own, "%s/%u.%s", ve->host->confdir, ve->id, action);
	if (r < 0)
		return vz_fail(e, r, "action script %s", action);
	r = run_host(ve, global_first ? global : own, e);
	if (r >= 0)
		r = run_host(ve, global_first ? own : global, e);
	return r;
}

int hooks_inside(const struct ve *ve, const char *action, int timeout_ms, struct vz_error *e)
{
	_cleanup_free_ char *path = NULL, *text = NULL, *out = NULL;
	_cleanup_strv_ char **env = NULL;
	int r = str_fmt(&path, "%s/%u.%s", ve->host->confdir, ve->id, action);

	if (r < 0)
		return vz_fail(e, r, "action script %s", action);
	if (access(path, X_OK) < 0)
		return 0;
	r = os_read_file_at(AT_FDCWD, path, SCRIPT_MAX, &text, NULL);
	if (r >= 0)
		r = script_env(ve, &env);
	if (r < 0)
		return vz_fail_exit(e, r, VZ_EXIT_ACTION_SCRIPT, "read action script %s", path);
	r = ve_script(ve, text, env, timeout_ms, &out, e);
	if (r < 0)
		return vz_wrap_exit(e, r, VZ_EXIT_ACTION_SCRIPT, "action script %s", path);
	return r == 0 ? 0 : refused(path, " inside", out, r, e);
}
