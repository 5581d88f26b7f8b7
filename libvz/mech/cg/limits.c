/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Limits of a VE: the table of what is written into ROOT/CTID, applying it
 * live and taking it back.  Knows files and values, not where they come from.
 * Tricky: writing memory.max below what is used reclaims and then OOM-kills
 * inside the VE, within the write; the write returns when the VE fits, or when
 * nothing is left to kill, and is interrupted by a signal.
 */
#include "mech/cg/cg.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "mech/cg/priv.h"
#include "os/cgfs.h"

#define CPU_PERIOD_US  100000
#define WEIGHT_DEFAULT "100"

struct text {
	char s[48];
};

typedef const char *limit_text(const struct cg_conf *c, struct text *buf);

static const char *number(struct text *t, uint64_t v)
{
	if (v == CG_UNLIMITED)
		return "max";
	(void)snprintf(t->s, sizeof(t->s), "%llu", (unsigned long long)v);
	return t->s;
}

static const char *memory_max(const struct cg_conf *c, struct text *t)
{
	return number(t, c->memory_max);
}

static const char *swap_max(const struct cg_conf *c, struct text *t)
{
	return number(t, c->swap_max);
}

static const char *memory_low(const struct cg_conf *c, struct text *t)
{
	return number(t, c->memory_low);
}

static const char *pids_max(const struct cg_conf *c, struct text *t)
{
	return number(t, c->pids_max);
}

static const char *cpu_weight(const struct cg_conf *c, struct text *t)
{
	uint64_t w = c->cpu_units / 10;

	if (!c->cpu_units)
		return WEIGHT_DEFAULT;
	return number(t, w < 1 ? 1 : w > 10000 ? 10000 : w);
}

/* CPULIMIT and CPUS are one bandwidth: the smaller of them. */
static const char *cpu_max(const struct cg_conf *c, struct text *t)
{
	uint64_t percent = c->cpu_percent, cpus = (uint64_t)c->cpus * 100;

	if (cpus && (!percent || cpus < percent))
		percent = cpus;
	if (!percent)
		return "max 100000";
	(void)snprintf(t->s, sizeof(t->s), "%llu %d",
		       (unsigned long long)(percent * (CPU_PERIOD_US / 100)), CPU_PERIOD_US);
	return t->s;
}

static const char *cpuset_cpus(const struct cg_conf *c, struct text *t)
{
	(void)t;
	return c->cpumask ? c->cpumask : "";
}

static const char *cpuset_mems(const struct cg_conf *c, struct text *t)
{
	(void)t;
	return c->nodemask ? c->nodemask : "";
}

struct limit {
	unsigned int what;
	const char *controller, *param, *file;
	const char *none; /* the value that needs no controller */
	limit_text *text;
	enum vz_exit exit;
};

/* clang-format off */
static const struct limit limits[] = {
	{ CG_MEM,  "memory", "PHYSPAGES",   "memory.max",      "max",        memory_max,  VZ_EXIT_SET_UBC },
	{ CG_MEM,  "memory", "SWAPPAGES",   "memory.swap.max", "max",        swap_max,    VZ_EXIT_SET_UBC },
	{ CG_MEM,  "memory", "VMGUARPAGES", "memory.low",      "0",          memory_low,  VZ_EXIT_SET_UBC },
	{ CG_PIDS, "pids",   "NUMPROC",     "pids.max",        "max",        pids_max,    VZ_EXIT_SET_UBC },
	{ CG_CPU,  "cpu",    "CPUUNITS",    "cpu.weight",      WEIGHT_DEFAULT, cpu_weight, VZ_EXIT_SET_CPU },
	{ CG_CPU,  "cpu",    "CPULIMIT/CPUS", "cpu.max",       "max 100000", cpu_max,     VZ_EXIT_SET_CPU },
	{ CG_CPU,  "cpuset", "CPUMASK",     "cpuset.cpus",     "",           cpuset_cpus, VZ_EXIT_SET_CPU },
	{ CG_CPU,  "cpuset", "NODEMASK",    "cpuset.mems",     "",           cpuset_mems, VZ_EXIT_SET_CPU },
};
/* clang-format on */

/* A kernel without swap has no memory.swap.max beside memory.max, and nothing to limit. */
static bool is_met_without(int cgfd, const struct limit *m)
{
	return strcmp(m->file, "memory.swap.max") == 0 &&
	       faccessat(cgfd, "memory.max", F_OK, 0) == 0;
}

static int add_missing(struct str *params, const struct limit *m)
{
	str_addf(params, "%s%s", params->len ? ", " : "", m->param);
	return params->failed ? -ENOMEM : 0;
}

/* One message for each controller, with all the parameters it takes away. */
static int report_missing(int cgfd, const bool *missing, bool warn, const struct logger *l,
			  struct vz_error *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		_cleanup_str_ struct str params = { 0 };
		bool first = missing[i];
		int r = 0;

		for (size_t j = 0; j < ARRAY_SIZE(limits) && r >= 0; j++) {
			if (!missing[j] || strcmp(limits[j].controller, limits[i].controller) != 0)
				continue;
			first = first && j >= i;
			r = add_missing(&params, &limits[j]);
		}
		if (r < 0)
			return vz_fail(e, r, "check limits");
		if (first && params.len)
			r = cg_missing(cgfd, limits[i].controller, params.p, warn, l, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_missing(int cgfd, const struct limit *m, const struct cg_conf *c)
{
	struct text t;

	return strcmp(m->text(c, &t), m->none) != 0 && faccessat(cgfd, m->file, F_OK, 0) < 0 &&
	       !is_met_without(cgfd, m);
}

static int find_missing(int cgfd, const struct cg_conf *c, unsigned int what, bool *missing)
{
	int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		missing[i] = (limits[i].what & what) && is_missing(cgfd, &limits[i], c);
		n += missing[i];
	}
	return n;
}

int cg_check_limits(int cgfd, const struct cg_conf *c, struct vz_error *e)
{
	bool missing[ARRAY_SIZE(limits)];

	return find_missing(cgfd, c, CG_ALL, missing)
		       ? report_missing(cgfd, missing, false, NULL, e)
		       : 0;
}

/* 1 written (the previous value in *ret_old), 0 nothing to do */
static int write_limit(int cgfd, const struct limit *m, const struct cg_conf *c, char **ret_old,
		       struct vz_error *e)
{
	_cleanup_free_ char *old = NULL;
	struct text t;
	const char *text = m->text(c, &t);
	int r = cgfs_read(cgfd, m->file, &old);

	if (r == -ENOENT || (r >= 0 && strcmp(old, text) == 0))
		return 0;
	/* a write of no bytes would not reach the kernel: an empty list is a newline */
	if (r >= 0)
		r = os_write_file_at(cgfd, m->file, *text ? text : "\n");
	if (r < 0)
		return vz_fail_exit(e, r, m->exit,
				    "set %s: write '%s' to %s of the container's cgroup", m->param,
				    text, m->file);
	*ret_old = TAKE_PTR(old);
	return 1;
}

_Static_assert(ARRAY_SIZE(limits) == CG_LIMITS, "one saved value per limit");

void cg_save(int cgfd, struct cg_saved *ret)
{
	*ret = (struct cg_saved){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		if (cgfs_read(cgfd, limits[i].file, &ret->text[i]) < 0)
			ret->text[i] = NULL;
	if (cg_counters_save(cgfd, &ret->counters) < 0)
		ret->counters = NULL;
}

void cg_saved_done(struct cg_saved *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->text); i++)
		free(TAKE_PTR(s->text[i]));
	free(TAKE_PTR(s->counters));
}

static void put_back(int cgfd, char *const *old, const struct logger *l)
{
	for (size_t i = ARRAY_SIZE(limits); i-- > 0;) {
		const char *text = old[i];

		if (text && os_write_file_at(cgfd, limits[i].file, *text ? text : "\n") < 0)
			log_warn(l, "%s could not be set back to %s", limits[i].param, text);
	}
}

void cg_restore(int cgfd, const struct cg_saved *s, const struct logger *l)
{
	put_back(cgfd, s->text, l);
	if (s->counters)
		cg_counters_put_back(cgfd, s->counters, l);
}

int cg_apply(int cgfd, const struct cg_conf *c, unsigned int what, const struct logger *l,
	     struct vz_error *e)
{
	char *old[ARRAY_SIZE(limits)] = { NULL };
	bool missing[ARRAY_SIZE(limits)];
	int r = 0;

	if (find_missing(cgfd, c, what, missing))
		r = report_missing(cgfd, missing, c->missing_warn, l, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(limits) && r >= 0; i++)
		if ((limits[i].what & what) && !missing[i])
			r = write_limit(cgfd, &limits[i], c, &old[i], e);
	if (r >= 0 && what & CG_COUNT)
		r = cg_counters_apply(cgfd, c, l, e);
	if (r < 0)
		put_back(cgfd, old, l);
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		if (old[i])
			log_debug(l, "cgroup: %s was %s", limits[i].file, old[i]);
		free(old[i]);
	}
	return r < 0 ? r : 0;
}
