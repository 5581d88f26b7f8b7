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
			       .nested_uts = os_exists(VZ_LIBEXECDIR "/vz-criu"),
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
