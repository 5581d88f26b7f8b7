/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a process puts off before it is the VE's init; with os/shed.h, which entering ones share. */
#include "ve/child.h"

#include "os/os.h"

#include <sys/resource.h>

/*
 * The limits a kernel gives its first process, not those of the shell somebody typed
 * vzctl in.  Raising is best effort: the host itself may not be allowed to.
 */
int child_set_limits(struct vz_error *e)
{
	static const struct {
		int what;
		rlim_t soft, hard;
	} limits[] = {
		{ RLIMIT_CPU, RLIM_INFINITY, RLIM_INFINITY },
		{ RLIMIT_FSIZE, RLIM_INFINITY, RLIM_INFINITY },
		{ RLIMIT_DATA, RLIM_INFINITY, RLIM_INFINITY },
		{ RLIMIT_STACK, 8 << 20, RLIM_INFINITY },
		{ RLIMIT_CORE, 0, RLIM_INFINITY },
		{ RLIMIT_RSS, RLIM_INFINITY, RLIM_INFINITY },
		{ RLIMIT_NPROC, RLIM_INFINITY, RLIM_INFINITY },
		{ RLIMIT_NOFILE, 1024, 524288 },
		{ RLIMIT_MEMLOCK, 8 << 20, 8 << 20 },
		{ RLIMIT_AS, RLIM_INFINITY, RLIM_INFINITY },
		{ RLIMIT_LOCKS, RLIM_INFINITY, RLIM_INFINITY },
		{ RLIMIT_MSGQUEUE, 819200, 819200 },
		{ RLIMIT_NICE, 0, 0 },
		{ RLIMIT_RTPRIO, 0, 0 },
		{ RLIMIT_RTTIME, RLIM_INFINITY, RLIM_INFINITY },
	};

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		struct rlimit want = { limits[i].soft, limits[i].hard }, have;

		if (setrlimit((__rlimit_resource_t)limits[i].what, &want) == 0)
			continue;
		if (errno != EPERM || getrlimit((__rlimit_resource_t)limits[i].what, &have) < 0)
			return vz_fail(e, -errno, "set resource limit %d", limits[i].what);
		want.rlim_max = have.rlim_max;
		if (want.rlim_cur > have.rlim_max)
			want.rlim_cur = have.rlim_max;
		(void)setrlimit((__rlimit_resource_t)limits[i].what, &want);
	}
	return 0;
}
