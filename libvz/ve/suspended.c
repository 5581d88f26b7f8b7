/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A suspended VE: one that does not run and whose dump stands at its default
 * place.  Such a dump counts only as long as nothing has touched the VE's disk
 * since: memory of yesterday on files of today destroys both.  Hence whatever
 * makes the VE run, or ends one that ran, removes it.
 */
#include "ve/cpt.h"

#include "base/str.h"
#include "mech/cr/cr.h"
#include "os/os.h"

#include <vz/ve.h>

int ve_dump_path(const struct ve *ve, char **ret)
{
	return str_fmt(ret, "%s/Dump.%u", ve->host->dumpdir, ve->id);
}

bool ve_is_suspended(const struct ve *ve)
{
	return ve_status(ve) & VZ_SUSPENDED;
}

void ve_drop_dump(const struct ve *ve)
{
	_cleanup_free_ char *path = NULL;
	struct vz_error e = { 0 };
	int r = ve_dump_path(ve, &path);

	if (r >= 0)
		r = cr_dump_remove(path, true, &e);
	if (r < 0)
		log_warn(ve->log, "The stored dump of container %u stays: %s", ve->id, e.text);
}

int ve_refuse_suspended(const struct ve *ve, const char *what, struct vz_error *e)
{
	if (!ve_is_suspended(ve))
		return 0;
	return vz_fail_exit(e, -EBUSY, VZ_EXIT_RUNNING,
			    "%s would spoil the dump of a suspended container ('vzctl resume %u' "
			    "first, or remove %s/Dump.%u)",
			    what, ve->id, ve->host->dumpdir, ve->id);
}

/* Restoring is tried first; without it the VE has lost what it did, but its files are whole. */
int ve_start_any(struct ve *ve, unsigned int flags, int lock_fd, struct vz_error *e)
{
	struct vz_cpt opts = { .size = sizeof(opts),
			       .flags = flags & START_SKIP_REMOUNT ? VZ_SKIP_REMOUNT : 0 };
	struct vz_error why = { 0 };
	int r;

	if (ve_is_suspended(ve) && (!ve->conf.disabled || flags & START_FORCE)) {
		r = ve_restore(ve, &opts, lock_fd, &why);
		if (r >= 0)
			return 1;
		log_warn(ve->log, "%s; the container is started afresh", why.text);
	}
	r = ve_start(ve, flags, lock_fd, e);
	if (r < 0)
		return r;
	ve_drop_dump(ve);
	return 0;
}

int ve_wake(struct ve *ve, struct vz_error *e)
{
	const struct vz_cpt opts = { .size = sizeof(opts), .cmd = VZ_CPT_RESUME };

	return cpt_is_suspended(ve) ? ve_chkpnt(ve, &opts, e) : 0;
}
