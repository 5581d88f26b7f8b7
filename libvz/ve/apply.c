/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Configuration to mechanisms: what each mechanism is told, and which function
 * brings a changed parameter group to a running VE.
 */
#include "ve/ve.h"

#include "base/str.h"
#include "mech/net/net.h"
#include "os/os.h"

#include <string.h>
#include <sys/param.h>

static uint64_t pages_to_bytes(uint64_t pages)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return pages >= UBC_UNLIMITED / page ? CG_UNLIMITED : pages * page;
}

/* A beancounter's limit; one that was never set does not limit. */
static uint64_t ubc_limit(const struct ve_config *c, enum ubc_id id)
{
	uint64_t v = c->ubc[id].limit;

	return v && v < UBC_UNLIMITED ? v : UBC_UNLIMITED;
}

/* Which of them the kernel's counters are. */
static void ve_counters(const struct ve_config *c, struct cg_pair *ret)
{
	static const enum ubc_id ids[CG_COUNTERS] = {
		[CG_NUMFILE] = UBC_NUMFILE,   [CG_NUMFLOCK] = UBC_NUMFLOCK,
		[CG_NUMPTY] = UBC_NUMPTY,     [CG_NUMIPTENT] = UBC_NUMIPTENT,
		[CG_NUMNETIF] = UBC_NUMNETIF,
	};

	for (enum cg_counter i = 0; i < CG_COUNTERS; i++) {
		const struct ubc *u = &c->ubc[ids[i]];

		ret[i].barrier = u->barrier < UBC_UNLIMITED ? u->barrier : CG_UNLIMITED;
		ret[i].limit = u->limit < UBC_UNLIMITED ? u->limit : CG_UNLIMITED;
	}
}

static bool ubc_given(const struct ve_config *c, const char *key)
{
	const struct param *p = param_by_key(key);

	return p && param_is_set(c, p);
}

void ve_cg_conf(const struct ve_config *c, struct cg_conf *ret)
{
	uint64_t swap = c->ubc[UBC_SWAPPAGES].limit;
	uint64_t guarantee = c->ubc[UBC_VMGUARPAGES].barrier;

	*ret = (struct cg_conf){
		.name = c->name,
		.memory_max = pages_to_bytes(ubc_limit(c, UBC_PHYSPAGES)),
		.swap_max = ubc_given(c, "SWAPPAGES") ? pages_to_bytes(swap) : CG_UNLIMITED,
		.pids_max = ubc_limit(c, UBC_NUMPROC),
		.cpu_units = c->cpuunits,
		.cpu_percent = c->cpulimit,
		.cpus = c->cpus,
		.cpumask = c->cpumask,
		.nodemask = c->nodemask,
	};
	if (ret->pids_max == UBC_UNLIMITED)
		ret->pids_max = CG_UNLIMITED;
	ve_counters(c, ret->counters);
	if (ubc_given(c, "VMGUARPAGES") && guarantee < UBC_UNLIMITED)
		ret->memory_low = MIN(pages_to_bytes(guarantee), ret->memory_max);
}

bool ve_own_log(const struct ve *ve, int cgfd)
{
	return ve->conf.uid_base && cg_has_log(cgfd);
}

void ve_sec_conf(const struct ve *ve, int cgfd, struct sec_conf *ret)
{
	const struct ve_config *c = &ve->conf;

	*ret = (struct sec_conf){
		.userns = c->uid_base != 0,
		.cap_on = c->capability.on,
		.cap_off = c->capability.off,
		.own_log = ve_own_log(ve, cgfd),
		.nesting = c->features.on >> FEAT_NESTING & 1,
		.nomigrate = c->features.on >> FEAT_NOMIGRATE & 1,
	};
}

bool ve_counts_ptys(const struct ve *ve)
{
	_cleanup_close_ int fd = ve_cg_open(ve);

	return fd >= 0 && cg_counts(fd, CG_NUMPTY);
}

static int apply_cg(struct ve *ve, const struct ve_config *c, unsigned int what, struct vz_error *e)
{
	_cleanup_close_ int fd = ve_cg_open(ve);
	struct cg_conf cc;

	if (fd < 0)
		return vz_fail(e, fd, "open the container's cgroup");
	ve_cg_conf(c, &cc);
	cc.missing_warn = ve->host->cgroup_missing_warn;
	return cg_apply(fd, &cc, what, ve->log, e);
}

static int apply_mem(struct ve *ve, const struct ve_config *c, struct vz_error *e)
{
	return vz_wrap_exit(e, apply_cg(ve, c, CG_MEM, e), VZ_EXIT_SET_UBC, "set memory limits");
}

static int apply_cpu(struct ve *ve, const struct ve_config *c, struct vz_error *e)
{
	return vz_wrap_exit(e, apply_cg(ve, c, CG_CPU, e), VZ_EXIT_SET_CPU, "set CPU limits");
}

static int apply_pids(struct ve *ve, const struct ve_config *c, struct vz_error *e)
{
	return vz_wrap_exit(e, apply_cg(ve, c, CG_PIDS, e), VZ_EXIT_SET_UBC, "set NUMPROC");
}

static int apply_name(struct ve *ve, const struct ve_config *c, struct vz_error *e)
{
	_cleanup_close_ int fd = ve_cg_open(ve);

	if (fd < 0)
		return vz_fail(e, fd, "open the container's cgroup");
	return vz_wrap_exit(e, cg_rename(fd, c->name, e), VZ_EXIT_NAME, "set the name");
}

static int apply_net(struct ve *ve, const struct ve_config *c, struct vz_error *e)
{
	_cleanup_close_ int netns = -EBADF, init = -EBADF;
	struct net_conf nc = { .ip = c->ip, .ipv6 = ve->host->ipv6 };
	struct ve_state s;
	char path[64];
	int r;

	init = state_open_init(ve, &s);
	if (init < 0)
		return vz_fail_exit(e, -ESRCH, VZ_EXIT_NOT_RUNNING, "Container is not running");
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", s.init);
	netns = os_openat(AT_FDCWD, path, O_RDONLY, 0, 0);
	if (netns < 0)
		return vz_fail(e, netns, "open the container's network namespace");
	/* init is there still, so that was its namespace and not a later process's */
	if (os_pidfd_wait(init, 0) != 0)
		return vz_fail_exit(e, -ESRCH, VZ_EXIT_NOT_RUNNING, "Container is not running");
	r = net_sync(ve->id, netns, &nc, ve->log, e);
	return r < 0 ? vz_wrap_exit(e, r, VZ_EXIT_IP_ADD, "set addresses") : 0;
}

/* dist_apply reads ve->conf; hand it the configuration meant */
static int apply_dist(struct ve *ve, const struct ve_config *c, struct vz_error *e)
{
	struct ve with = *ve;

	with.conf = *c;
	return dist_apply(&with, DIST_HOSTNAME | DIST_DNS, false, e);
}

static int apply_ubc(struct ve *ve, const struct ve_config *c, struct vz_error *e)
{
	return vz_wrap_exit(e, apply_cg(ve, c, CG_COUNT, e), VZ_EXIT_SET_UBC, "set beancounters");
}

static int apply_later(struct ve *ve, const struct ve_config *c, struct vz_error *e)
{
	(void)c;
	(void)e;
	log_warn(
		ve->log,
		"Some of the parameters are stored only: their mechanism is not part of this version");
	return 0;
}

static int apply_restart(struct ve *ve, const struct ve_config *c, struct vz_error *e)
{
	(void)c;
	(void)e;
	log_warn(ve->log, "Some of the parameters take effect when the container is restarted");
	return 0;
}

static int apply_pty(struct ve *ve, const struct ve_config *c, struct vz_error *e)
{
	const struct ubc *old = &ve->conf.ubc[UBC_NUMPTY], *new = &c->ubc[UBC_NUMPTY];

	if (ve_counts_ptys(ve))
		return apply_ubc(ve, c, e);
	return old->limit == new->limit ? 0 : apply_restart(ve, c, e);
}

/* In order of application; a group without a row changes nothing in a running VE. */
static const struct {
	enum apply_group group;
	int (*fn)(struct ve *ve, const struct ve_config *c, struct vz_error *e);
	bool undo; /* put back by applying the old configuration; cgroup files by what they held */
} groups[] = {
	{ APPLY_MEM, apply_mem, false },     { APPLY_CPU, apply_cpu, false },
	{ APPLY_PIDS, apply_pids, false },   { APPLY_UBC, apply_ubc, false },
	{ APPLY_PTY, apply_pty, false },     { APPLY_NET, apply_net, true },
	{ APPLY_DIST, apply_dist, true },    { APPLY_NAME, apply_name, true },
	{ APPLY_LATER, apply_later, false }, { APPLY_RESTART, apply_restart, false },
};

/* Put back what groups 0..n-1 of mask changed. */
static void undo_groups(struct ve *ve, const struct ve_config *old, unsigned int mask, size_t n)
{
	while (n-- > 0)
		if (mask & 1U << groups[n].group && groups[n].undo)
			IGNORE(groups[n].fn(ve, old, NULL));
}

int ve_apply(struct ve *ve, const struct ve_config *old, const struct ve_config *new,
	     unsigned int mask, struct vz_error *e)
{
	_cleanup_close_ int cg = ve_cg_open(ve);
	struct cg_saved limits = { 0 };
	int r = 0;

	if (cg >= 0)
		cg_save(cg, &limits);
	for (size_t i = 0; i < ARRAY_SIZE(groups) && r >= 0; i++) {
		if (!(mask & 1U << groups[i].group))
			continue;
		r = groups[i].fn(ve, new, e);
		if (r >= 0)
			continue;
		undo_groups(ve, old, mask, i);
		/* to what was in force, which need not be what the file says */
		if (cg >= 0)
			cg_restore(cg, &limits, ve->log);
	}
	cg_saved_done(&limits);
	return r < 0 ? r : 0;
}
