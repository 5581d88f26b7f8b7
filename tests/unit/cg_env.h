/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of mech/cg share: a cgroup root of their own beneath the machine's v2 hierarchy. */
#ifndef CG_ENV_H
#define CG_ENV_H

#include "mech/cg/cg.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/str.h"
#include "os/cgfs.h"
#include "os/os.h"
#include "test.h"

#define CTID 4711
#define BASE 100000

static const struct cg_conf unlimited = {
	.memory_max = CG_UNLIMITED,
	.swap_max = CG_UNLIMITED,
	.pids_max = CG_UNLIMITED,
	.cpu_units = 1000,
};

static char *root;
static struct vz_error err;
#define E (vz_error_clear(&err), &err)

/* false: skipped or failed, nothing to test */
static bool cg_env_new(void)
{
	_cleanup_free_ char *base = NULL;

	if (!test_is_root()) {
		skip("root: makes cgroups and processes in them");
		return false;
	}
	if (cg_root_find(NULL, &base, E) < 0 ||
	    str_fmt(&root, "%s-test.%d", base, (int)getpid()) < 0) {
		ok(false, "find the cgroup root: %s", err.text);
		return false;
	}
	return true;
}

static void cg_env_done(void)
{
	int r = cg_remove(root, CTID, E);

	ok(r == 0, "remove: %s", err.text);
	r = RET_NERRNO(rmdir(root));
	ok(r == 0, "nothing left in %s", root);
	free(root);
}

#endif
