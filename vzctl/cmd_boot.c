// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * boot and shutdown: what the init script of OpenVZ did, for vz.service and
 * /etc/init.d/vz.  One child per VE, VE_PARALLEL at a time, each with a context
 * of its own; a child that fails costs nobody else anything.  Which VEs ran at
 * shutdown is remembered by marker files, so that those without ONBOOT come
 * back too.
 */
#include "cmd.h"

#include <vz/cpt.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MARKER_DIR   "/var/lib/vzctl/vzreboot"
#define STOP_PASSES  3
#define MAX_PARALLEL 256

struct job {
	uint32_t ctid;
	int64_t order; /* BOOTORDER, -1: unset, which is last */
	bool running;  /* before we did anything */
	pid_t pid;     /* of the child at work, 0: none */
	int result;
};

struct jobs {
	struct job *v;
	size_t n;
};

static char *marker_path(uint32_t ctid)
{
	return xfmt(MARKER_DIR "/%u", ctid);
}

/* vz_ve_get() with the default where the key is unset; the caller frees. */
static char *value_of(struct vz_ve *ve, const char *key, const char *def)
{
	char *v = NULL;

	if (vz_ve_get(ve, key, &v, NULL) < 0 || !v || !*v) {
		free(v);
		return xstrdup(def);
	}
	return v;
}

/* Whether this VE is to be started at boot. */
static bool wanted_at_boot(struct vz_ve *ve)
{
	_cleanup_free_ char *onboot = value_of(ve, "ONBOOT", "");
	_cleanup_free_ char *disabled = value_of(ve, "DISABLED", "no");
	_cleanup_free_ char *marker = marker_path(vz_ve_id(ve));
	int s = vz_ve_status(ve, NULL);

	if (s < 0 || !(s & VZ_EXIST) || (s & VZ_RUNNING))
		return false;
	if (strcmp(disabled, "yes") == 0 || strcmp(onboot, "no") == 0)
		return false;
	return strcmp(onboot, "yes") == 0 || access(marker, F_OK) == 0;
}

static bool is_running(struct vz_ve *ve)
{
	int s = vz_ve_status(ve, NULL);

	return s >= 0 && (s & VZ_RUNNING);
}

static bool wanted_at_shutdown(struct vz_ve *ve)
{
	int s = vz_ve_status(ve, NULL);

	return s >= 0 && (s & (VZ_RUNNING | VZ_MOUNTED));
}

static int by_order(const void *a, const void *b)
{
	const struct job *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? 1 : -1;
	return x->ctid < y->ctid ? -1 : x->ctid > y->ctid;
}

static int collect(struct vz *vz, bool (*wanted)(struct vz_ve *), struct jobs *ret,
		   struct vz_error *e)
{
	uint32_t *ids = NULL;
	size_t n = 0;
	int r = vz_list(vz, &ids, &n, e);

	if (r < 0)
		return r;
	*ret = (struct jobs){ .v = xcalloc(n, sizeof(struct job)) };
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *id = xfmt("%u", ids[i]);
		_cleanup_free_ char *order = NULL;
		uint64_t number;
		struct vz_ve *ve;

		if (vz_ve_open(vz, id, &ve, NULL) < 0)
			continue;
		order = value_of(ve, "BOOTORDER", "");
		if (wanted(ve))
			ret->v[ret->n++] =
				(struct job){ .ctid = ids[i],
					      .order = cli_number(order, INT64_MAX, &number)
							       ? (int64_t)number
							       : -1,
					      .running = is_running(ve) };
		vz_ve_free(ve);
	}
	free(ids);
	qsort(ret->v, ret->n, sizeof(*ret->v), by_order);
	return 0;
}

/* In the child: the work on one VE; ends the process. */
static void child(struct cli *c, uint32_t ctid,
		  int (*work)(struct vz_ve *, unsigned int, struct vz_error *), unsigned int flags)
{
	_cleanup_free_ char *id = xfmt("%u", ctid);
	struct cli own = { .cmd = c->cmd, .verbose = c->verbose, .quiet = c->quiet, .ctid = ctid };
	struct vz_error e = { 0 };
	int r = vz_new(&own.vz, NULL, &e);

	log_name_ve(ctid);
	if (r >= 0) {
		log_start(&own);
		r = vz_ve_open(own.vz, id, &own.ve, &e);
	}
	if (r >= 0)
		r = work(own.ve, flags, &e);
	if (r < 0) {
		_cleanup_free_ char *text = cli_error_text(&e, r);

		log_say(VZ_LOG_ERR, "%s", text);
	}
	fflush(NULL);
	_exit(r < 0 ? cli_error_exit(&e) : VZ_EXIT_OK);
}

static void reap_one(struct jobs *jobs, size_t *running)
{
	int status;
	pid_t pid = waitpid(-1, &status, 0);

	for (size_t i = 0; pid > 0 && i < jobs->n; i++) {
		if (jobs->v[i].pid != pid)
			continue;
		jobs->v[i].pid = 0;
		jobs->v[i].result = WIFEXITED(status) ? WEXITSTATUS(status) : VZ_EXIT_SYSTEM;
		(*running)--;
	}
	if (pid < 0 && errno != EINTR)
		*running = 0;
}

static size_t parallel(struct vz *vz)
{
	const char *v = vz_host_param(vz, "VE_PARALLEL");
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t n;

	if (v && cli_number(v, MAX_PARALLEL, &n) && n)
		return n;
	return cpus < 1 ? 1 : cpus > MAX_PARALLEL ? MAX_PARALLEL : (size_t)cpus;
}

/* Results are in the jobs; the first failure's class is returned. */
static int work_all(struct cli *c, struct jobs *jobs,
		    int (*work)(struct vz_ve *, unsigned int, struct vz_error *),
		    unsigned int flags)
{
	size_t running = 0, limit = parallel(c->vz);

	for (size_t i = 0; i < jobs->n; i++) {
		struct job *j = &jobs->v[i];

		while (running >= limit)
			reap_one(jobs, &running);
		fflush(NULL);
		j->pid = fork();
		if (j->pid == 0)
			child(c, j->ctid, work, flags);
		if (j->pid < 0) {
			j->pid = 0;
			j->result = VZ_EXIT_SYSTEM;
		} else {
			running++;
		}
	}
	while (running)
		reap_one(jobs, &running);
	for (size_t i = 0; i < jobs->n; i++)
		if (jobs->v[i].result)
			return jobs->v[i].result;
	return VZ_EXIT_OK;
}

static char *running_file(struct vz *vz)
{
	const char *dir = vz_host_param(vz, "RUNDIR");

	return xfmt("%s/boot", dir ? dir : "/run/vz");
}

/* The file that /etc/init.d/vz status and vz.service look at. */
static int mark_running(struct vz *vz, struct vz_error *e)
{
	_cleanup_free_ char *path = running_file(vz);
	char *slash = strrchr(path, '/');
	int fd;

	*slash = '\0';
	(void)!mkdir(path, 0755);
	*slash = '/';
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0) {
		int r = -errno;

		(void)cli_fail(e, VZ_EXIT_SYSTEM, "create %s", path);
		return e->code = r;
	}
	(void)close(fd);
	return 0;
}

static bool switched_off(struct vz *vz)
{
	const char *v = vz_host_param(vz, "VIRTUOZZO");

	return v && strcmp(v, "no") == 0;
}

static int run_boot(struct cli *c, struct vz_error *e)
{
	struct jobs jobs;
	int r;

	if (switched_off(c->vz)) {
		log_say(VZ_LOG_INFO, "VIRTUOZZO=no in vz.conf: nothing is started");
		return VZ_EXIT_OK;
	}
	r = mark_running(c->vz, e);
	if (r < 0)
		return r;
	r = collect(c->vz, wanted_at_boot, &jobs, e);
	if (r < 0)
		return r;
	r = work_all(c, &jobs, vz_ve_start, 0);
	for (size_t i = 0; i < jobs.n; i++) {
		_cleanup_free_ char *marker = marker_path(jobs.v[i].ctid);

		(void)unlink(marker);
	}
	free(jobs.v);
	return r;
}

static void set_markers(const struct jobs *jobs)
{
	(void)!mkdir("/var/lib/vzctl", 0755);
	(void)!mkdir(MARKER_DIR, 0755);
	for (size_t i = 0; i < jobs->n; i++) {
		_cleanup_free_ char *path = marker_path(jobs->v[i].ctid);
		int fd;

		if (!jobs->v[i].running)
			continue;
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
		if (fd < 0)
			log_say(VZ_LOG_WARN, "CT %u will not be started at boot: create %s: %s",
				jobs->v[i].ctid, path, strerror(errno));
		else
			(void)close(fd);
	}
}

/* Stopping unmounts too; a VE that is only mounted needs just that. */
static int stop_or_umount(struct vz_ve *ve, unsigned int flags, struct vz_error *e)
{
	return is_running(ve) ? vz_ve_stop(ve, flags, e) : vz_ve_umount(ve, 0, e);
}

/* The first pass with VE_STOP_MODE=suspend; what cannot be suspended is stopped by the next. */
static int suspend_or_umount(struct vz_ve *ve, unsigned int flags, struct vz_error *e)
{
	const struct vz_cpt opts = { .size = sizeof(opts) };

	return is_running(ve) ? vz_ve_chkpnt(ve, &opts, e) : stop_or_umount(ve, flags, e);
}

static bool suspends(struct vz *vz)
{
	const char *mode = vz_host_param(vz, "VE_STOP_MODE");

	return mode && strcmp(mode, "suspend") == 0;
}

static int run_shutdown(struct cli *c, struct vz_error *e)
{
	_cleanup_free_ char *file = running_file(c->vz);
	struct jobs jobs;
	int r = VZ_EXIT_OK;

	/* later passes meet what refused before, and what was started meanwhile */
	for (int pass = 1; pass <= STOP_PASSES; pass++) {
		r = collect(c->vz, wanted_at_shutdown, &jobs, e);
		if (r < 0)
			return r;
		if (pass == 1)
			set_markers(&jobs);
		if (jobs.n)
			r = work_all(c, &jobs,
				     pass == 1 && suspends(c->vz) ? suspend_or_umount
								  : stop_or_umount,
				     pass == STOP_PASSES ? VZ_FAST : 0);
		free(jobs.v);
		if (!jobs.n)
			break;
	}
	(void)unlink(file);
	return r;
}

const struct cmd cmd_boot = {
	.name = "boot",
	.synopsis = "boot",
	.help = "Start the containers that are to run after the host's boot",
	.doc = "What vz.service runs: starts containers with ONBOOT=yes, and those that ran at "
	       "the last *shutdown* unless they have ONBOOT=no, in descending order of "
	       "BOOTORDER, VE_PARALLEL (default: number of CPUs) at a time. Exits with the "
	       "status of the first container that failed.",
	.flags = CMD_ENTERS,
	.bad_option = VZ_EXIT_SYNTAX,
	.run = run_boot,
};

const struct cmd cmd_shutdown = {
	.name = "shutdown",
	.synopsis = "shutdown",
	.help = "Stop or suspend all containers and remember which ran",
	.doc = "What vz.service runs when it is stopped; up to three passes, the last with "
	       "*--fast*. With VE_STOP_MODE=suspend the first pass suspends, and what cannot "
	       "be suspended is stopped; *boot* restores.",
	.bad_option = VZ_EXIT_SYNTAX,
	.run = run_shutdown,
};
