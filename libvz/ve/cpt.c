/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What checkpoint and restore share: names, times, the freezer, routes. */
#include "ve/cpt.h"

#include "base/str.h"
#include "mech/net/net.h"
#include "os/os.h"

#include <time.h>

#define FREEZE_MS    10000
#define INIT_ENDS_MS 1000

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

bool cpt_init_ends(const struct ve *ve)
{
	_cleanup_close_ int init = state_open_init(ve, NULL);

	return init == -ESRCH || (init >= 0 && os_pidfd_wait(init, INIT_ENDS_MS) > 0);
}

void cpt_route(const struct ve *ve, bool on)
{
	const struct net_conf nc = { .ip = ve->conf.ip, .ipv6 = ve->host->ipv6 };
	struct vz_error e = { 0 };

	if (net_routes(ve->id, on ? &nc : NULL, ve->log, &e) < 0)
		log_warn(ve->log, "the container's addresses on the host: %s", e.text);
}
