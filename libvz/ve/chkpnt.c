/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A checkpoint: hold the VE's packets, freeze it, save what CRIU does not, let CRIU
 * dump, seal the dump, and only then let CRIU kill.  Whatever fails before that leaves
 * the VE running as it was; the journal lets the next command see to it where we cannot.
 */
#include "ve/cpt.h"

#include "base/str.h"
#include "mech/cr/cr.h"
#include "mech/mnt/mnt.h"
#include "mech/net/net.h"
#include "os/os.h"
#include "ve/check.h"
#include "ve/saved.h"

#include <signal.h>
#include <string.h>

struct chkpnt {
	struct cpt_op op;
	struct ve_state state;
	struct cpt_journal journal;
	struct cr_dump_out out;
	char *criu, *freeze_cgroup, *net_settings, *tree;
	char *log;	  /* CRIU's, where it stays after a failure */
	char version[32]; /* of CRIU */
	struct saver saver;
	bool patched;
	bool killing; /* sealed: what CRIU does from here on cannot be undone */
};

/* ---- suspend and resume in memory ---- */

static int freeze(struct chkpnt *c, struct vz_error *e)
{
	const struct ve *ve = c->op.ve;
	int r;

	fault_point("chkpnt", "hold");
	r = net_hold(ve->id, e);
	cpt_phase(&c->op, "hold");
	fault_point("chkpnt", "freeze");
	if (r >= 0)
		r = cpt_freeze(ve, true, e);
	cpt_phase(&c->op, "freeze");
	return r;
}

static int thaw(const struct ve *ve, struct vz_error *e)
{
	int r = cpt_freeze(ve, false, e);

	if (r >= 0)
		r = net_release(ve->id, NULL, e);
	if (r >= 0)
		journal_remove(ve);
	return r;
}

/* ---- what CRIU does not save ---- */

/* The cgroups at once, as CRIU needs the parts thawed that the VE has frozen itself; the rest beside CRIU. */
static int save(struct chkpnt *c, struct vz_error *e)
{
	const struct save s = { .ve = c->op.ve,
				.state = &c->state,
				.out = &c->out,
				.net_settings = c->net_settings,
				.ret_tree = &c->tree };
	int r = saved_write_cgroups(&s, e);

	if (r >= 0)
		r = saved_freeze_parts(c->op.ve, c->tree, false, e);
	/* before CRIU locks the network with rules of its own there */
	if (r >= 0)
		r = saved_write_net(&s, e);
	return r < 0 ? r : saver_start(&c->saver, &s, e);
}

/* ---- CRIU ---- */

static int interrupted(struct vz_error *e)
{
	sigset_t set;

	(void)sigpending(&set);
	if (sigismember(&set, SIGINT) || sigismember(&set, SIGTERM) || sigismember(&set, SIGHUP))
		return vz_fail(e, -EINTR, "interrupted: the container runs on");
	return 0;
}

static int seal(struct chkpnt *c, struct vz_error *e)
{
	const struct ve *ve = c->op.ve;
	struct cr_dump_info info = { .ctid = ve->id,
				     .uid_base = ve->conf.uid_base,
				     .gid_base = ve->conf.gid_base,
				     .features = CPT_FEATURES };
	int r;

	memcpy(info.criu, c->version, sizeof(c->version));
	cpt_phase(&c->op, "criu");
	r = saver_end(&c->saver, e);
	cpt_phase(&c->op, "saved");
	if (r < 0)
		return r;
	fault_point("chkpnt", "seal");
	r = cr_dump_seal(&c->out, &info, ve->host->keysdir, e);
	cpt_time(&c->op, "seal.digest", c->out.digest_us);
	cpt_time(&c->op, "seal.sign", c->out.sign_us);
	cpt_time(&c->op, "seal.sync", c->out.sync_us);
	cpt_phase(&c->op, "seal");
	fault_point("chkpnt", "sealed");
	return r;
}

/* CRIU has got ready, and now begins. */
static int stop_and_save(struct chkpnt *c, struct vz_error *e)
{
	int r = 0;

	cpt_phase(&c->op, "ready");
	if (!c->journal.keep)
		r = freeze(c, e);
	fault_point("chkpnt", "save");
	r = r < 0 ? r : save(c, e);
	cpt_phase(&c->op, "save");
	return r;
}

static int notified(void *data, const char *point, pid_t pid, struct vz_error *e)
{
	struct chkpnt *c = data;
	int r = interrupted(e);

	if (r < 0)
		return r;
	if (strcmp(point, CR_POINT_STARTED) == 0) {
		cr_dump_follow(&c->out); /* in a hurry as CRIU is */
		c->journal.criu = pid;
		IGNORE(os_starttime(pid, &c->journal.criu_start));
		return journal_write(c->op.ve, &c->journal, e);
	}
	if (strcmp(point, "pre-dump") == 0)
		return stop_and_save(c, e);
	if (strcmp(point, "network-lock") == 0) {
		c->journal.infected = true;
		r = journal_write(c->op.ve, &c->journal, e);
		fault_point("chkpnt", "criu");
		return r;
	}
	if (strcmp(point, "post-dump") != 0)
		return 0;
	r = seal(c, e);
	if (r >= 0 && c->op.opts->cmd == VZ_CPT_FULL)
		c->killing = true;
	return r;
}

static int run_criu(struct chkpnt *c, struct vz_error *e)
{
	static char *const enable_fs[] = { (char *)"ramfs", (char *)"hugetlbfs", NULL };
	const struct ve *ve = c->op.ve;
	_cleanup_strv_ char **external = NULL;
	_cleanup_free_ char *tty = NULL;
	struct cr_stats stats;
	int r = mnt_external_keys(!ve_has_userns(ve), &external);

	if (r >= 0)
		r = str_fmt(&tty, "tty[%llx:%llx]", (unsigned long long)c->state.console_rdev,
			    (unsigned long long)c->state.console_dev);
	if (r >= 0)
		r = strv_add(&external, tty);
	if (r < 0)
		return vz_fail(e, r, "list the container's mounts");
	struct cr_conf conf = { .program = c->criu,
				.images = c->out.imgfd,
				.work = c->out.dirfd,
				.log = "dump.log",
				.log_shown = c->log,
				.verbose = c->op.opts->verbose,
				.orphan = true,
				.empty_netns = true,
				.external = external,
				.enable_fs = enable_fs,
				.notify = notified,
				.data = c,
				.pid = c->state.init,
				.freeze_cgroup = c->freeze_cgroup,
				.leave_running = c->op.opts->cmd != VZ_CPT_FULL,
				.mntns = -EBADF,
				.cgroup = -EBADF };
	r = cr_dump(&conf, &stats, e);
	cpt_phase(&c->op, "kill");
	cpt_time(&c->op, "criu.freezing", stats.freezing_us);
	cpt_time(&c->op, "criu.frozen", stats.frozen_us);
	cpt_time(&c->op, "criu.memdump", stats.memdump_us);
	cpt_time(&c->op, "criu.memwrite", stats.memwrite_us);
	return r;
}

/* ---- the story ---- */

static int begin(struct chkpnt *c, struct vz_error *e)
{
	struct ve *ve = c->op.ve;
	struct cpt_journal *j = &c->journal;
	char node[CR_NODE_ID_SIZE];
	int r = cr_find_program(&c->criu, &c->patched, e);

	/* what another one dumps nobody could restore: cgroups and network are ours, it knows no halves */
	if (r >= 0 && !c->patched)
		r = vz_fail(e, -EOPNOTSUPP,
			    "%s lacks vz's patches, and its dumps could not be restored: make criu",
			    c->criu);
	/* for whoever wonders later; not knowing it is no reason to fail */
	if (r >= 0)
		IGNORE(cr_version(c->criu, c->version, sizeof(c->version)));
	/* made at first need, which is not to be while the VE waits */
	if (r >= 0)
		r = cr_key_node(ve->host->keysdir, node, e);
	if (r >= 0)
		r = str_fmt(&c->freeze_cgroup, "%s/%u/ve", c->state.cgroot, ve->id);
	if (r >= 0)
		r = saved_net_settings(&c->state, &c->net_settings, e);
	if (r >= 0)
		r = str_fmt(&c->log, "%s.log", c->op.path);
	if (r >= 0)
		r = cr_dump_begin(&c->out, c->op.path, e);
	if (r < 0)
		return vz_wrap(e, r, "checkpoint");
	j->what = CPT_DUMPING;
	j->keep = c->op.opts->cmd == VZ_CPT_DUMP;
	j->pid = getpid();
	IGNORE(os_starttime(j->pid, &j->pid_start));
	(void)snprintf(j->path, sizeof(j->path), "%s", c->op.path);
	r = journal_write(ve, j, e);
	if (r < 0)
		IGNORE(cr_dump_discard(c->op.path, NULL));
	cpt_phase(&c->op, "begin");
	return r;
}

/* The partial dump goes, what CRIU said of it stays. */
static void discard(struct chkpnt *c)
{
	if (renameat(c->out.dirfd, "dump.log", AT_FDCWD, c->log) < 0)
		(void)unlink(c->log);
	IGNORE(cr_dump_discard(c->op.path, NULL));
}

/* The VE goes on as before; the first error is the one to tell. */
static void roll_back(struct chkpnt *c)
{
	struct ve *ve = c->op.ve;
	struct vz_error own = { 0 };
	int r;

	discard(c);
	if (c->tree)
		IGNORE(saved_freeze_parts(ve, c->tree, true, NULL));
	if (c->journal.keep) {
		c->journal.what = CPT_SUSPENDED;
		r = journal_write(ve, &c->journal, &own);
	} else {
		r = thaw(ve, &own);
	}
	if (r < 0)
		log_err(ve->log, "%s", own.text);
}

/* CRIU died over it, or had begun to kill: what is left is no container any more. */
static bool beyond_repair(const struct chkpnt *c, int r)
{
	return c->killing || (r == -ECONNRESET && c->journal.infected) || !ve_is_running(c->op.ve);
}

static int not_dumped(struct chkpnt *c, int r, struct vz_error *e)
{
	/* sealed, and init is dead: nothing has run since, so the dump is what the container was */
	if (c->killing && cpt_init_ends(c->op.ve)) {
		log_warn(c->op.ve->log, "%s; the dump is whole", e ? e->text : "CRIU died");
		vz_error_clear(e);
		return 0;
	}
	if (!beyond_repair(c, r)) {
		roll_back(c);
		return r;
	}
	discard(c);
	IGNORE(ve_cleanup(c->op.ve, true, NULL));
	return vz_wrap(e, r, "the container could not be saved and is stopped");
}

static int dump(struct chkpnt *c, struct vz_error *e)
{
	int r = ve_check_refuse(c->op.ve, e);

	cpt_phase(&c->op, "check");
	if (r >= 0)
		r = begin(c, e);
	if (r < 0)
		return r;
	r = run_criu(c, e);
	saver_done(&c->saver);
	return r < 0 ? not_dumped(c, r, e) : 0;
}

static int full(struct chkpnt *c, struct vz_error *e)
{
	struct ve *ve = c->op.ve;
	int r;

	log_info(ve->log, "Setting up checkpoint...");
	r = dump(c, e);
	if (r < 0)
		return r;
	fault_point("chkpnt", "publish");
	r = cr_dump_publish(c->op.path, e);
	if (r < 0)
		return r;
	cpt_phase(&c->op, "publish");
	fault_point("chkpnt", "cleanup");
	r = ve_cleanup(ve, true, e);
	cpt_phase(&c->op, "cleanup");
	if (r >= 0)
		log_info(ve->log, "Checkpointing completed successfully");
	return r;
}

static int suspend(struct chkpnt *c, struct vz_error *e)
{
	int r;

	c->journal.what = CPT_SUSPENDED;
	(void)snprintf(c->journal.path, sizeof(c->journal.path), "%s", c->op.path);
	r = journal_write(c->op.ve, &c->journal, e);
	if (r >= 0)
		r = freeze(c, e);
	if (r < 0)
		IGNORE(thaw(c->op.ve, NULL));
	return r;
}

static int dump_only(struct chkpnt *c, struct vz_error *e)
{
	int r = dump(c, e);

	if (r < 0)
		return r;
	r = cr_dump_publish(c->op.path, e);
	IGNORE(saved_freeze_parts(c->op.ve, c->tree, true, NULL));
	c->journal.what = CPT_SUSPENDED;
	c->journal.infected = false;
	r = RET_GATHER(r, journal_write(c->op.ve, &c->journal, r < 0 ? NULL : e));
	if (r >= 0)
		cpt_route(c->op.ve, false);
	return r;
}

static int kill_suspended(struct chkpnt *c, struct vz_error *e)
{
	return ve_cleanup(c->op.ve, true, e);
}

static int resume(struct chkpnt *c, struct vz_error *e)
{
	cpt_route(c->op.ve, true);
	return thaw(c->op.ve, e);
}

static const struct {
	bool suspended; /* what it must be before */
	int (*run)(struct chkpnt *c, struct vz_error *e);
	const char *done;
} verbs[] = {
	[VZ_CPT_FULL] = { false, full, NULL },
	[VZ_CPT_SUSPEND] = { false, suspend, "Container is suspended" },
	[VZ_CPT_DUMP] = { true, dump_only, "Container is dumped" },
	[VZ_CPT_RESUME] = { true, resume, "Container is resumed" },
	[VZ_CPT_KILL] = { true, kill_suspended, "Container is killed" },
};

static int prepare(struct chkpnt *c, struct vz_error *e)
{
	struct ve *ve = c->op.ve;
	_cleanup_close_ int init = -EBADF;
	int r = cpt_recover(ve, e);

	if (r < 0)
		return r;
	init = state_open_init(ve, &c->state);
	if (init < 0)
		return vz_fail_exit(e, -ESRCH, VZ_EXIT_NOT_RUNNING, "Container is not running");
	if (cpt_is_suspended(ve) == verbs[c->op.opts->cmd].suspended)
		return 0;
	return verbs[c->op.opts->cmd].suspended
		       ? vz_fail(e, -EINVAL,
				 "Container is not suspended: 'vzctl chkpnt %u --suspend' first",
				 ve->id)
		       : vz_fail(e, -EBUSY,
				 "Container is suspended in memory: 'vzctl chkpnt %u' with --dump, --resume or --kill",
				 ve->id);
}

/* A signal of the terminal's or a manager's is noticed at CRIU's questions, where things can be undone. */
static void block_signals(sigset_t *old)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	(void)pthread_sigmask(SIG_BLOCK, &set, old);
}

int ve_chkpnt(struct ve *ve, const struct vz_cpt *opts, struct vz_error *e)
{
	struct chkpnt c = { .out = { .dirfd = -EBADF, .imgfd = -EBADF },
			    .saver = { 0, -EBADF, -EBADF } };
	sigset_t old;
	int r = ve_need_conf(ve, e);

	if (r < 0)
		return r;
	block_signals(&old);
	r = cpt_op_init(&c.op, ve, opts, e);
	if (r >= 0)
		r = prepare(&c, e);
	if (r >= 0)
		r = verbs[opts->cmd].run(&c, e);
	if (r >= 0 && verbs[opts->cmd].done)
		log_info(ve->log, "%s", verbs[opts->cmd].done);
	cr_dump_out_done(&c.out);
	free(c.criu);
	free(c.freeze_cgroup);
	free(c.net_settings);
	free(c.tree);
	free(c.log);
	cpt_op_done(&c.op);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return e && e->exit ? r : vz_wrap_exit(e, r, VZ_EXIT_CHKPNT, "Checkpointing failed");
}
