/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stopping what runs in a VE's cgroups: freezer, kill, and waiting for either.
 * No pid is ever looked at, so none can be recycled under our hands.
 * Tricky: cgroup.kill needs no freezing first: the kernel kills what is forked
 * meanwhile as well, and frozen tasks die of it.  Kernels without the fix of
 * 6.14 (and its backports) can lose one racing fork, so the kill is repeated.
 */
#include "mech/cg/cg.h"

#include "mech/cg/priv.h"
#include "os/cgfs.h"

#define KILL_AGAIN_MS 200

int cg_populated(int cgfd)
{
	return cgfs_populated(cgfd);
}

int cg_wait_empty(int cgfd, int timeout_ms)
{
	return cgfs_wait_event(cgfd, "populated", 0, timeout_ms);
}

int cg_freeze(int cgfd, bool frozen, int timeout_ms, struct vz_error *e)
{
	const char *verb = frozen ? "freeze" : "thaw";
	int r = os_write_file_at(cgfd, "cgroup.freeze", frozen ? "1" : "0");

	if (r < 0)
		return vz_fail(e, r, "%s the container's cgroup", verb);
	r = cgfs_wait_event(cgfd, "frozen", frozen, timeout_ms);
	if (r >= 0)
		return 0;
	/* half frozen is the worst state to leave a VE in */
	if (frozen && os_write_file_at(cgfd, "cgroup.freeze", "0") < 0)
		return vz_fail(e, r, "%s the container's cgroup, which stays frozen", verb);
	if (r == -ETIMEDOUT)
		return vz_fail(e, r,
			       "%s the container's cgroup within %d ms: a process in it waits "
			       "uninterruptibly (look for state D in ps)",
			       verb, timeout_ms);
	return vz_fail(e, r, "%s the container's cgroup", verb);
}

int cg_kill(int cgfd, int timeout_ms, struct vz_error *e)
{
	uint64_t end = os_now_ms() + (uint64_t)(timeout_ms < 0 ? 0 : timeout_ms);
	int r;

	cg_end_init(cgfd);
	do {
		uint64_t now = os_now_ms(), left = end > now ? end - now : 0;

		r = os_write_file_at(cgfd, "cgroup.kill", "1");
		if (r < 0)
			return vz_fail(e, r, "kill the processes of the container");
		r = cg_wait_empty(cgfd, left < KILL_AGAIN_MS ? (int)left : KILL_AGAIN_MS);
	} while (r == -ETIMEDOUT && os_now_ms() < end);
	if (r == -ETIMEDOUT)
		return vz_fail_exit(
			e, r, VZ_EXIT_STOP,
			"processes of the container survived SIGKILL for %d ms: they wait "
			"uninterruptibly (dead NFS or FUSE? look for state D in ps)",
			timeout_ms);
	/* a suspended VE was frozen; whoever enters the cgroup next must not be */
	if (r >= 0)
		r = os_write_file_at(cgfd, "cgroup.freeze", "0");
	return r < 0 ? vz_fail(e, r, "kill the processes of the container") : 0;
}
