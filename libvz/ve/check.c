/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The check of mech/cr for one VE: its cgroup, its init, its ids, and the CRIU that is installed. */
#include "ve/check.h"

#include "build.h"
#include "os/os.h"

int ve_check(const struct ve *ve, bool quick, struct cr_findings *ret, struct vz_error *e)
{
	_cleanup_close_ int init = -EBADF, cg = -EBADF, sub = -EBADF;
	struct cr_target t = { .ghost_limit = CR_GHOST_LIMIT,
			       .uid_base = ve->conf.uid_base,
			       .uid_count = VE_IDS,
			       .patched = os_exists(VZ_LIBEXECDIR "/vz-criu"),
			       .quick = quick };
	struct ve_state s;
	int r;

	init = state_open_init(ve, &s);
	if (init < 0)
		return vz_fail_exit(e, -ESRCH, VZ_EXIT_NOT_RUNNING, "Container is not running");
	cg = ve_cg_open(ve);
	if (cg < 0)
		return vz_fail(e, cg, "open the container's cgroup");
	sub = cg_open_ve(cg, e);
	if (sub < 0)
		return sub;
	t.cgfd = sub;
	t.init = s.init;
	r = cr_check(&t, ret, e);
	/* its number may have been another's by then */
	if (r >= 0 && os_pidfd_wait(init, 0) != 0) {
		cr_findings_done(ret);
		r = vz_fail_exit(e, -ESRCH, VZ_EXIT_NOT_RUNNING, "Container is not running");
	}
	return r;
}

static int refuse(const struct ve *ve, const struct cr_findings *all, struct vz_error *e)
{
	_cleanup_free_ char *first = NULL;
	size_t fatal = 0;

	for (size_t i = 0; i < all->n; i++) {
		_cleanup_free_ char *text = NULL;
		int r = cr_finding_text(&all->v[i], &text);

		if (r < 0)
			return vz_fail(e, r, "tell what cannot be checkpointed");
		if (all->v[i].severity == CR_LOST)
			log_warn(ve->log, "%s", text);
		else if (all->v[i].severity == CR_FATAL && ++fatal == 1)
			first = TAKE_PTR(text);
	}
	if (!fatal)
		return 0;
	return fatal == 1
		       ? vz_fail_exit(e, -ECANCELED, VZ_EXIT_CHKPNT, "Checkpointing failed: %s",
				      first)
		       : vz_fail_exit(
				 e, -ECANCELED, VZ_EXIT_CHKPNT,
				 "Checkpointing failed: %s (and %zu more: 'vzctl chkpnt %u --check')",
				 first, fatal - 1, ve->id);
}

int ve_check_refuse(const struct ve *ve, struct vz_error *e)
{
	struct cr_findings all = { 0 };
	int r = ve_check(ve, true, &all, e);

	if (r >= 0)
		r = refuse(ve, &all, e);
	cr_findings_done(&all);
	return r;
}
