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
#include <time.h>

#define FREEZE_MS 10000

struct chkpnt {
	struct cpt_op op;
	struct ve_state state;
	struct cpt_journal journal;
	struct cr_dump_out out;
	char *criu, *freeze_cgroup, *net_settings, *tree;
	char version[32]; /* of CRIU */
	bool patched;
	bool killing; /* sealed: what CRIU does from here on cannot be undone */
};

static uint64_t now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

int cpt_op_init(struct cpt_op *op, struct ve *ve, const struct vz_cpt *opts, struct vz_error *e)
{
	int r;

	*op = (struct cpt_op){ .ve = ve,
			       .opts = opts,
			       .last = now_us(),
			       .time = opts->time,
			       .time_data = opts->time_data };
	if (opts->dumpfile)
		r = str_set(&op->path, opts->dumpfile);
	else
		r = str_fmt(&op->path, "%s/Dump.%u", ve->host->dumpdir, ve->id);
	return r < 0 ? vz_fail(e, r, "name the dump") : 0;
}

void cpt_op_done(struct cpt_op *op)
{
	free(op->path);
	op->path = NULL;
}

void cpt_time(const struct cpt_op *op, const char *name, uint64_t us)
{
	if (op->time)
		op->time(op->time_data, name, us);
}

void cpt_phase(struct cpt_op *op, const char *name)
{
	uint64_t now = now_us();

	cpt_time(op, name, now - op->last);
	op->last = now;
}

int cpt_freeze(const struct ve *ve, bool frozen, struct vz_error *e)
{
	_cleanup_close_ int cg = ve_cg_open(ve);
	_cleanup_close_ int inner = cg < 0 ? cg : cg_open_ve(cg, e);

	if (cg < 0)
		return vz_fail(e, cg, "open the container's cgroup");
	return inner < 0 ? inner : cg_freeze(inner, frozen, FREEZE_MS, e);
}

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

static int save(struct chkpnt *c, struct vz_error *e)
{
	const struct save s = { .ve = c->op.ve,
				.state = &c->state,
				.out = &c->out,
				.net_settings = c->net_settings,
				.ret_tree = &c->tree };
	int r = saved_write(&s, e);

	return r < 0 ? r : saved_freeze_parts(c->op.ve, c->tree, false, e);
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
	fault_point("chkpnt", "seal");
	r = cr_dump_seal(&c->out, &info, ve->host->keysdir, e);
	cpt_time(&c->op, "seal.digest", c->out.digest_us);
	cpt_time(&c->op, "seal.sign", c->out.sign_us);
	cpt_time(&c->op, "seal.sync", c->out.sync_us);
	cpt_phase(&c->op, "seal");
	fault_point("chkpnt", "sealed");
	return r;
}

static int notified(void *data, const char *point, pid_t pid, struct vz_error *e)
{
	struct chkpnt *c = data;
	int r = interrupted(e);

	if (r < 0)
		return r;
	if (strcmp(point, CR_POINT_STARTED) == 0) {
		c->journal.criu = pid;
		IGNORE(os_starttime(pid, &c->journal.criu_start));
		return journal_write(c->op.ve, &c->journal, e);
	}
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
				.mntns = -EBADF };
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
		r = cr_dump_begin(&c->out, c->op.path, e);
	if (r < 0)
		return vz_wrap(e, r, "checkpoint");
	j->what = CPT_DUMPING;
	j->keep = c->op.opts->cmd == VZ_CPT_DUMP;
	j->pid = getpid();
	IGNORE(os_starttime(j->pid, &j->pid_start));
	(void)snprintf(j->path, sizeof(j->path), "%s", c->op.path);
	r = journal_write(ve, j, e);
	cpt_phase(&c->op, "begin");
	return r;
}

/* The VE goes on as before; the first error is the one to tell. */
static void roll_back(struct chkpnt *c, struct vz_error *e)
{
	struct ve *ve = c->op.ve;
	struct vz_error own = { 0 };
	int r;

	IGNORE(cr_dump_discard(c->op.path, NULL));
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
	(void)e;
}

/* CRIU died over it, or had begun to kill: what is left is no container any more. */
static bool beyond_repair(const struct chkpnt *c, int r)
{
	return c->killing || (r == -ECONNRESET && c->journal.infected) || !ve_is_running(c->op.ve);
}

static int dump(struct chkpnt *c, struct vz_error *e)
{
	struct ve *ve = c->op.ve;
	int r = ve_check_refuse(ve, e);

	cpt_phase(&c->op, "check");
	if (r >= 0)
		r = begin(c, e);
	if (r < 0)
		return r;
	if (!c->journal.keep)
		r = freeze(c, e);
	fault_point("chkpnt", "save");
	if (r >= 0)
		r = save(c, e);
	cpt_phase(&c->op, "save");
	if (r >= 0)
		r = run_criu(c, e);
	if (r >= 0)
		return 0;
	if (!beyond_repair(c, r)) {
		roll_back(c, e);
		return r;
	}
	if (!c->killing)
		IGNORE(cr_dump_discard(c->op.path, NULL));
	IGNORE(ve_cleanup(ve, true, NULL));
	return vz_wrap(e, r, "the container could not be saved and is stopped");
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
	return RET_GATHER(r, journal_write(c->op.ve, &c->journal, r < 0 ? NULL : e));
}

static int kill_suspended(struct chkpnt *c, struct vz_error *e)
{
	return ve_cleanup(c->op.ve, true, e);
}

static int resume(struct chkpnt *c, struct vz_error *e)
{
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
	struct chkpnt c = { .out = { .dirfd = -EBADF, .imgfd = -EBADF } };
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
	cpt_op_done(&c.op);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return e && e->exit ? r : vz_wrap_exit(e, r, VZ_EXIT_CHKPNT, "Checkpointing failed");
}
