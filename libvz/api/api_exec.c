/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands inside a VE: exec, enter, runscript, console, passwords. */
#include "api/api.h"

#include "base/str.h"
#include "mech/tty/tty.h"
#include "os/os.h"

#include <string.h>

#define SCRIPT_MAX (16U << 20)

/* Three pipes: the VE's ends in theirs, the relay's in ours. */
static int make_pipes(int ours[3], int theirs[3], struct vz_error *e)
{
	for (int i = 0; i < 3; i++)
		ours[i] = theirs[i] = -EBADF;
	for (int i = 0; i < 3; i++) {
		int p[2];

		if (pipe2(p, O_CLOEXEC) < 0)
			return vz_fail(e, -errno, "make pipes");
		ours[i] = p[i == 0];
		theirs[i] = p[i != 0];
	}
	return 0;
}

static void close_three(int fds[3])
{
	for (int i = 0; i < 3; i++)
		fds[i] = safe_close(fds[i]);
}

/* Only the relay's own ends; its reads end when the command's writers are gone. */
static int run_relayed(const struct ve *ve, struct enter_opts *o, struct vz_error *e)
{
	int ours[3], theirs[3], status, r;
	struct entered p;

	r = make_pipes(ours, theirs, e);
	if (r >= 0) {
		memcpy(o->fds, theirs, sizeof(o->fds));
		r = ve_enter(ve, o, &p, e);
	}
	close_three(theirs);
	if (r < 0) {
		close_three(ours);
		return r;
	}
	r = tty_relay_pipes(p.pidfd, ours[0], ours[1], ours[2], e);
	(void)safe_close(p.pidfd);
	if (r < 0)
		return r;
	r = os_reap(p.pid, &status);
	return r < 0 ? vz_fail(e, r, "wait for the command") : status;
}

int vz_ve_exec(struct vz_ve *v, char *const argv[], char *const env[], struct vz_error *e)
{
	struct enter_opts o = { .argv = argv, .env = env };
	int r = ve_need_conf(&v->ve, e);

	if (r < 0)
		return r;
	if (!argv || !argv[0])
		return vz_fail_exit(e, -EINVAL, VZ_EXIT_SYNTAX, "no command given");
	return run_relayed(&v->ve, &o, e);
}

int vz_ve_enter(struct vz_ve *v, const char *command, struct vz_error *e)
{
	const char *term = getenv("TERM");
	_cleanup_free_ char *term_env = NULL, *typed = NULL;
	char *argv[] = { (char *)"bash", (char *)"-l", NULL };
	struct enter_opts o = { .argv = argv, .cwd = "/root", .pty = true };
	struct entered p;
	int r = ve_need_conf(&v->ve, e), status = 0;

	if (r >= 0)
		r = str_fmt(&term_env, "TERM=%s", term && *term ? term : "linux");
	if (r >= 0 && command)
		r = str_fmt(&typed, "%s\n", command);
	if (r >= 0) {
		char *env[] = {
			(char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			(char *)"HISTFILE=/dev/null",
			(char *)"USER=root",
			(char *)"LOGNAME=root",
			(char *)"HOME=/root",
			term_env,
			NULL
		};

		o.env = env;
		r = ve_enter(&v->ve, &o, &p, e);
	}
	if (r < 0)
		return r;
	log_info(v->ve.log, "entered into CT %u", v->ve.id);
	r = tty_relay_pty(p.pidfd, p.master, typed, false, e);
	(void)safe_close(p.master);
	/* the terminal is gone: what ignores the hang-up is not waited for */
	if (os_pidfd_wait(p.pidfd, 1000) == 0)
		IGNORE(os_kill_reap(p.pid, p.pidfd, &status));
	else
		IGNORE(os_reap(p.pid, &status));
	(void)safe_close(p.pidfd);
	log_info(v->ve.log, "exited from CT %u", v->ve.id);
	return r < 0 ? r : status;
}

static int feed(const struct ve *ve, const char *text, size_t len, struct vz_error *e)
{
	char *argv[] = { (char *)"bash", (char *)"-s", NULL };
	struct enter_opts o = { .argv = argv };
	_cleanup_close_ int script = -EBADF;
	int ours[3], theirs[3], status, r;
	struct entered p;

	/* the script's bytes come from memory of ours, not from the host's file */
	script = os_memfd("script", text, len, false);
	if (script < 0)
		return vz_fail(e, script, "hold the script");
	r = make_pipes(ours, theirs, e);
	if (r >= 0) {
		o.fds[0] = script;
		o.fds[1] = theirs[1];
		o.fds[2] = theirs[2];
		r = ve_enter(ve, &o, &p, e);
	}
	close_three(theirs);
	ours[0] = safe_close(ours[0]);
	if (r < 0) {
		close_three(ours);
		return r;
	}
	r = tty_relay_pipes(p.pidfd, -EBADF, ours[1], ours[2], e);
	(void)safe_close(p.pidfd);
	if (r < 0)
		return r;
	r = os_reap(p.pid, &status);
	return r < 0 ? vz_fail(e, r, "wait for the script") : status;
}

/* Do something in a VE that may be stopped: then only its root, namespaces and a held pid 1 exist meanwhile. */
static int inside(struct vz_ve *v, unsigned int flags,
		  int (*fn)(struct ve *ve, void *data, struct vz_error *e), void *data,
		  struct vz_error *e)
{
	_cleanup_close_ int held = -EBADF;
	struct vz_error later;
	int lock = -EBADF, r, q;
	bool mounted;

	r = ve_need_conf(&v->ve, e);
	if (r < 0)
		return r;
	if (ve_is_running(&v->ve))
		return fn(&v->ve, data, e);
	if (!(flags & VZ_SKIPLOCK)) {
		lock = ve_lock(&v->ve, "runscript", (int)v->vz->host.lock_timeout * 1000, e);
		if (lock < 0)
			return lock;
	}
	/* whoever had the lock may have started it, destroyed it, given it other ids */
	r = ve_reload(&v->ve, e);
	if (r >= 0)
		r = ve_need_conf(&v->ve, e);
	if (r < 0 || ve_is_running(&v->ve)) {
		ve_unlock(&v->ve, &lock);
		return r < 0 ? r : fn(&v->ve, data, e);
	}
	mounted = ve_is_mounted(&v->ve);
	r = ve_refuse_suspended(&v->ve, "a command among the files", e);
	if (r >= 0)
		r = ve_start_held(&v->ve, &held, e);
	if (r >= 0) {
		r = fn(&v->ve, data, e);
		q = ve_cleanup(&v->ve, !mounted, r < 0 ? &later : e);
		if (r >= 0 && q < 0)
			r = q;
	}
	ve_unlock(&v->ve, &lock);
	return r;
}

struct script {
	char *text;
	size_t len;
};

static int run_script(struct ve *ve, void *data, struct vz_error *e)
{
	struct script *s = data;

	return feed(ve, s->text, s->len, e);
}

int vz_ve_runscript(struct vz_ve *v, const char *file, unsigned int flags, struct vz_error *e)
{
	struct script s = { 0 };
	int r = os_read_file_at(AT_FDCWD, file, SCRIPT_MAX, &s.text, &s.len);

	if (r < 0)
		return vz_fail_exit(e, r, VZ_EXIT_NO_SCRIPT, "read script %s", file);
	r = inside(v, flags, run_script, &s, e);
	free(s.text);
	return r;
}

static int change_password(struct ve *ve, void *data, struct vz_error *e)
{
	return dist_password(ve, data, e);
}

int vz_ve_userpasswd(struct vz_ve *v, const char *user_password, unsigned int flags,
		     struct vz_error *e)
{
	return inside(v, flags, change_password, (void *)(uintptr_t)user_password, e);
}

int vz_ve_console(struct vz_ve *v, unsigned int tty, struct vz_error *e)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int sock = -EBADF;
	int r = ve_need_conf(&v->ve, e);

	if (r < 0)
		return r;
	if (tty != 1)
		return vz_fail_exit(e, -EINVAL, VZ_EXIT_VALUE,
				    "console %u: a container has console 1 only", tty);
	r = str_fmt(&path, "%s/%u/console", v->vz->host.rundir, v->ve.id);
	if (r < 0)
		return vz_fail(e, r, "console path");
	sock = tty_console_connect(path);
	if (sock < 0)
		return vz_fail_exit(
			e, sock, VZ_EXIT_NOT_RUNNING,
			"attach to the console of CT %u (is it running, and its monitor alive?)",
			v->ve.id);
	r = tty_relay_pty(-1, sock, NULL, true, e);
	return r < 0 ? r : 0;
}
