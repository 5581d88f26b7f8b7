/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A restore is a start whose init is made by CRIU.  The monitor carries it out, as
 * the parent that the VE's init gets; CRIU works in a mount namespace that holds the sources
 * of the external mounts, and stops at its points for us to set up cgroups and network.
 * The stages' downs are the start's: a failed restore leaves what a failed start leaves.
 */
#include "ve/cpt.h"

#include "base/str.h"
#include "mech/cr/cr.h"
#include "mech/mnt/mnt.h"
#include "mech/net/net.h"
#include "os/os.h"
#include "ve/account.h"
#include "ve/saved.h"
#include "ve/start.h"

#include <string.h>

struct restore {
	struct cpt_op op;
	struct start_op *start;
	struct cr_dump dump;
	struct saved saved;
	char *criu;
	int nice;    /* our own, before */
	char *stand; /* the run directory: in CRIU's mount namespace, where the sources are */
	bool patched, undump;
};

/* ---- verify: nothing of the dump is looked at before ---- */

static int verify_up(void *p, struct vz_error *e)
{
	static const char *const known[] = { "console", "empty-netns", NULL };
	struct start_op *op = p;
	struct restore *rs = op->restore;
	const struct ve *ve = op->ve;
	struct cr_dump_want want = { .ctid = ve->id,
				     .uid_base = ve->conf.uid_base,
				     .gid_base = ve->conf.gid_base,
				     .keys = ve->host->keysdir,
				     .features = known };
	int r = cr_find_program(&rs->criu, &rs->patched, e);

	rs->nice = cr_hurry();
	if (r < 0)
		return r;
	r = cr_dump_open(&rs->dump, rs->op.path, &want, e);
	if (r < 0)
		return r;
	r = saved_read(&rs->dump, &rs->saved, e);
	if (r < 0)
		return r;
	op->uptime_ms = rs->saved.uptime_ms;
	op->log_first = rs->saved.log_next;
	op->net_index = net_ns_index(rs->saved.net);
	op->history = rs->saved.console;
	op->history_len = rs->saved.console_len;
	cpt_phase(&rs->op, "verify");
	return 0;
}

/* ---- CRIU's points ---- */

/* The root task has its namespaces but the cgroup's, and waits. */
static int setup_namespaces(struct restore *rs, pid_t pid, struct vz_error *e)
{
	struct start_op *op = rs->start;
	int r;

	cpt_phase(&rs->op, "namespaces");
	op->spawn.init = pid;
	op->spawn.pidfd = os_pidfd_open(pid);
	if (op->spawn.pidfd < 0)
		return vz_fail(e, op->spawn.pidfd, "open the container's first process");
	r = cg_enter(op->cg, pid, e);
	cpt_phase(&rs->op, "cgroup.enter");
	if (r >= 0)
		r = net_hold(op->ve->id, e);
	if (r >= 0)
		r = start_net_up(op, e);
	if (r >= 0)
		r = net_ns_replay(op->spawn.pidfd, ve_has_userns(op->ve), rs->saved.net,
				  op->ve->log, e);
	cpt_phase(&rs->op, "net");
	return r;
}

/* A CRIU without our patches leaves it in the host's: the VE would see, and as root own, the host's tree. */
static int check_cgroup_namespace(const struct restore *rs, struct vz_error *e)
{
	struct stat own, its;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/cgroup", rs->start->spawn.init);
	if (stat("/proc/self/ns/cgroup", &own) < 0 || stat(path, &its) < 0)
		return vz_fail(e, -errno, "look at the container's cgroup namespace");
	if (own.st_ino == its.st_ino)
		return vz_fail(e, -EOPNOTSUPP,
			       "%s makes no cgroup namespace: install vz-criu (make criu)",
			       rs->criu);
	return 0;
}

/* It has its cgroup namespace, and has forked nobody yet. */
static int post_setup_namespaces(struct restore *rs, struct vz_error *e)
{
	struct start_op *op = rs->start;
	const struct ve_config *c = &op->ve->conf;
	int r;

	cpt_phase(&rs->op, "mounts");
	r = check_cgroup_namespace(rs, e);
	if (r < 0)
		return r;
	r = cg_tree_build(rs->saved.tree, op->cg, c->uid_base, c->gid_base, op->spawn.init, e);
	cpt_phase(&rs->op, "cgroup");
	return r;
}

/* Another host's numbers may be larger than ours can be. */
static void go_on_counting(const struct restore *rs)
{
	struct vz_error own = { 0 };

	if (rs->saved.last_pid &&
	    cr_set_last_pid(rs->start->spawn.pidfd, rs->saved.last_pid, &own) < 0)
		log_warn(rs->start->ve->log, "%s", own.text);
}

static int place_tasks(struct restore *rs, struct vz_error *e)
{
	struct start_op *op = rs->start;
	_cleanup_pids_ struct os_pids pids = { 0 };
	int r = cg_tree_fill(rs->saved.tree, op->cg, op->ve->log, e);

	cpt_phase(&rs->op, "cgmove");
	if (r >= 0)
		r = cg_pids(op->cg, &pids, e);
	if (r < 0)
		return r;
	os_pids_sort(&pids);
	r = cr_tasks_restore(rs->saved.tasks, &pids, op->ve->log, e);
	if (r >= 0) {
		go_on_counting(rs);
		cr_tasks_reload(&pids);
	}
	cpt_phase(&rs->op, "threads");
	return r;
}

/*
 * They are stopped by CRIU; let go, they find themselves frozen, so that whoever dies from here on leaves a VE
 * that has not run: the dump stays what it is.
 */
static int keep_frozen(struct restore *rs, struct vz_error *e)
{
	struct cpt_journal j = { .what = rs->undump ? CPT_SUSPENDED : CPT_RESTORING,
				 .keep = rs->op.opts->cmd != VZ_CPT_FULL,
				 .pid = getpid() };
	int r = os_write_file_at(rs->start->cg_ve, "cgroup.freeze", "1");

	IGNORE(os_starttime(j.pid, &j.pid_start));
	(void)snprintf(j.path, sizeof(j.path), "%s", rs->op.path);
	return r < 0 ? vz_fail(e, r, "freeze the container's cgroup")
		     : journal_write(rs->start->ve, &j, e);
}

static int let_go(struct restore *rs, struct vz_error *e)
{
	struct start_op *op = rs->start;
	struct vz_error own = { 0 };
	int r = os_write_file_at(op->cg_ve, "cgroup.freeze", "0");

	if (r < 0)
		return vz_fail(e, r, "thaw the container's cgroup");
	cpt_phase(&rs->op, "thaw");
	fault_point("restore", "thawed");
	r = net_release(op->ve->id, &op->slow_fd, e);
	if (r < 0)
		return r;
	cpt_phase(&rs->op, "release");
	fault_point("restore", "released");
	/* it runs: what the dump says is not so any more */
	cr_dump_close(&rs->dump);
	if (cr_dump_retire(rs->op.path, &op->slow_dir, &own) < 0)
		log_warn(op->ve->log, "%s", own.text);
	journal_remove(op->ve);
	return 0;
}

/* All tasks are there and stopped; from here on the VE is found by others. */
static int pre_resume(struct restore *rs, struct vz_error *e)
{
	struct start_op *op = rs->start;
	int r;

	cpt_phase(&rs->op, "tasks");
	r = place_tasks(rs, e);
	if (r >= 0)
		r = start_record_init(op, e);
	if (r >= 0)
		r = account_write(op->ve, rs->saved.account, e);
	if (r >= 0)
		r = keep_frozen(rs, e);
	if (r >= 0)
		r = start_publish_up(op, e);
	cpt_phase(&rs->op, "state");
	return r;
}

static int notified(void *data, const char *point, pid_t pid, struct vz_error *e)
{
	struct restore *rs = data;

	fault_point("restore", point);
	if (rs->start->stages->cancelled(rs->start))
		return vz_fail(e, -ECANCELED, "interrupted");
	if (strcmp(point, "setup-namespaces") == 0)
		return setup_namespaces(rs, pid, e);
	if (strcmp(point, "post-setup-namespaces") == 0)
		return post_setup_namespaces(rs, e);
	if (strcmp(point, "pre-resume") == 0)
		return pre_resume(rs, e);
	return 0;
}

/* ---- the stage ---- */

static int make_sources(struct restore *rs, struct vz_error *e)
{
	struct start_op *op = rs->start;
	const struct ve *ve = op->ve;
	_cleanup_close_ int root = mnt_root_clone(ve->conf.root, e), dev = -EBADF;
	struct mnt_sources s = { .stand = rs->stand };
	int r = root;

	if (r >= 0)
		r = start_make_dev(op, &dev, e);
	if (r >= 0)
		r = mnt_dev_fill(dev, rs->saved.dev, ve->conf.uid_base, ve->conf.gid_base, e);
	if (r >= 0)
		r = mnt_console_make(ve->conf.uid_base, ve->conf.gid_base, &op->spawn.console, e);
	if (r < 0)
		return r;
	s.rootfd = root;
	s.devfd = dev;
	s.ptsfd = op->spawn.console.mount;
	s.pty = op->spawn.console.pty;
	return mnt_external_sources(&s, e);
}

/* What a failure may come from. */
static void tell_versions(const struct restore *rs, int r, struct vz_error *e)
{
	char now[32];

	if (rs->dump.info.criu[0] && cr_version(rs->criu, now, sizeof(now)) >= 0 &&
	    !str_eq(now, rs->dump.info.criu))
		(void)vz_wrap(e, r, "CRIU %s with a dump of CRIU %s", now, rs->dump.info.criu);
}

static int run_criu(struct restore *rs, int mntns, int cgroup, struct vz_error *e)
{
	static char *const enable_fs[] = { (char *)"ramfs", (char *)"hugetlbfs", NULL };
	struct start_op *op = rs->start;
	_cleanup_strv_ char **external = NULL;
	_cleanup_free_ char *root = NULL, *log = NULL;
	struct cr_stats stats;
	pid_t pid;
	int r = mnt_external_paths(rs->stand, &external);

	if (r >= 0)
		r = str_fmt(&root, "%s/root", rs->stand);
	if (r >= 0)
		r = str_fmt(&log, "%s/restore.log", rs->op.path);
	if (r < 0)
		return vz_fail(e, r, "name the sources of the container's mounts");
	struct cr_conf conf = { .program = rs->criu,
				.images = rs->dump.imgfd,
				.work = rs->dump.dirfd,
				.log = "restore.log",
				.log_shown = log,
				.verbose = rs->op.opts->verbose,
				.empty_netns = true,
				.external = external,
				.enable_fs = enable_fs,
				.notify = notified,
				.data = rs,
				.root = root,
				.mntns = mntns,
				.inherit_key = rs->saved.console_key,
				.inherit_fd = op->spawn.console.slave,
				.cgroup = cgroup };
	r = cr_restore(&conf, &pid, &stats, e);
	cpt_phase(&rs->op, "resume");
	cpt_time(&rs->op, "criu.forking", stats.forking_us);
	cpt_time(&rs->op, "criu.restore", stats.restore_us);
	if (r < 0)
		tell_versions(rs, r, e);
	if (r >= 0 && pid != op->spawn.init)
		r = vz_fail(e, -EPROTO, "CRIU restored process %d as init, not %d", pid,
			    op->spawn.init);
	return r;
}

/* Its own undoing, as for every up: what CRIU left of the tree dies with the cgroup and with init. */
static void undo_criu(struct start_op *op)
{
	if (op->spawn.init > 0 && op->spawn.pidfd >= 0)
		IGNORE(os_kill_reap(op->spawn.init, op->spawn.pidfd, NULL));
	op->spawn.init = 0;
	IGNORE(start_kill_down(op, NULL));
	IGNORE(start_net_down(op, NULL));
}

static int criu_up(void *p, struct vz_error *e)
{
	struct start_op *op = p;
	struct restore *rs = op->restore;
	_cleanup_close_ int mntns = -EBADF, cgroup = -EBADF;
	int r;

	cpt_phase(&rs->op, "mount");
	r = state_dir(op->ve, &rs->stand);
	if (r < 0)
		return vz_fail(e, r, "name the run directory");
	r = mntns = make_sources(rs, e);
	cpt_phase(&rs->op, "sources");
	/* whoever outlives us ends with the VE's cgroup */
	if (r >= 0)
		r = cgroup = cg_open_host(op->cg, e);
	if (r >= 0)
		r = run_criu(rs, mntns, cgroup, e);
	cr_unhurry(rs->nice);
	if (r >= 0)
		cg_close_host(op->cg);
	if (r >= 0 && !rs->undump)
		r = let_go(rs, e);
	cpt_phase(&rs->op, "remove");
	if (r < 0)
		undo_criu(op);
	return r < 0 ? r : 0;
}

/* clang-format off */
static const struct stage table[] = {
	{ "clean", start_clean_up, NULL },
	{ "verify", verify_up, NULL },
	{ "state", start_state_up, start_state_down },
	{ "mount", start_mount_up, start_mount_down },
	{ "cgroup", start_cgroup_up, start_cgroup_down },
	{ "net", NULL, start_net_down },
	{ "criu", criu_up, start_kill_down },
};
/* clang-format on */

static const struct stages restore_stages = { "restore", table, ARRAY_SIZE(table),
					      start_interrupted, start_undoing };

static void restore_done(struct restore *rs)
{
	cr_dump_close(&rs->dump);
	free(rs->criu);
	free(rs->stand);
	saved_done(&rs->saved);
	cpt_op_done(&rs->op);
}

static int undump(struct ve *ve, const struct vz_cpt *opts, int lock_fd, struct vz_error *e)
{
	struct restore rs = { .dump = { .dirfd = -EBADF, .imgfd = -EBADF } };
	struct start_op op;
	int r = cpt_op_init(&rs.op, ve, opts, e);

	if (r < 0)
		return r;
	start_op_init(&op, ve, opts->flags & VZ_SKIP_REMOUNT ? START_SKIP_REMOUNT : 0);
	op.stages = &restore_stages;
	op.restore = &rs;
	op.time = opts->time;
	op.time_data = opts->time_data;
	rs.start = &op;
	rs.undump = opts->cmd == VZ_CPT_UNDUMP;
	/* the monitor tells us, we tell the caller */
	rs.op.time = monitor_time;
	rs.op.time_data = &op;
	r = monitor_run(&op, lock_fd, e);
	restore_done(&rs);
	return r;
}

static int full(struct ve *ve, const struct vz_cpt *opts, int lock_fd, struct vz_error *e)
{
	int r = ve_config_check(&ve->conf, e);

	if (r < 0)
		return r;
	log_info(ve->log, "Restoring container ...");
	r = undump(ve, opts, lock_fd, e);
	if (r >= 0)
		log_info(ve->log, opts->cmd == VZ_CPT_UNDUMP ? "Container is restored and suspended"
							     : "Restoring completed successfully");
	return r;
}

int ve_restore(struct ve *ve, const struct vz_cpt *opts, int lock_fd, struct vz_error *e)
{
	int r = ve_need_conf(ve, e);

	if (r >= 0)
		r = cpt_recover(ve, e);
	if (r < 0)
		return r;
	if (opts->cmd == VZ_CPT_RESUME || opts->cmd == VZ_CPT_KILL) {
		if (ve_is_running(ve) && !cpt_is_suspended(ve))
			return vz_fail_exit(
				e, -EINVAL, VZ_EXIT_RESTORE,
				"Restoring failed: Container is running, not suspended");
		return ve_chkpnt(ve, opts, e);
	}
	if (ve_is_running(ve))
		return vz_fail_exit(e, -EBUSY, VZ_EXIT_RUNNING, "Container is already running");
	r = full(ve, opts, lock_fd, e);
	return e && e->exit ? r : vz_wrap_exit(e, r, VZ_EXIT_RESTORE, "Restoring failed");
}
