/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checkpoint and restore as the public header has it: arguments, locks, then ve/. */
#include "api/api.h"

#include "ve/cpt.h"

#include <string.h>

/* The caller's struct, as long as ours or shorter (an older header). */
static int take_opts(const struct vz_cpt *opts, struct vz_cpt *ret, struct vz_error *e)
{
	if (opts->size < sizeof(opts->size) + sizeof(opts->cmd) || opts->size > sizeof(*ret))
		return vz_fail(e, -EINVAL, "checkpoint options of %zu bytes", opts->size);
	*ret = (struct vz_cpt){ 0 };
	memcpy(ret, opts, opts->size);
	return 0;
}

int vz_ve_chkpnt(struct vz_ve *v, const struct vz_cpt *opts, struct vz_error *e)
{
	struct vz_cpt o;
	int lock, r = take_opts(opts, &o, e);

	if (r >= 0 && (o.cmd == VZ_CPT_UNDUMP || o.cmd > VZ_CPT_KILL))
		r = vz_fail(e, -EINVAL, "checkpoint command %d", o.cmd);
	if (r >= 0)
		r = api_lock(v, "chkpnt", o.flags, &lock, e);
	if (r < 0)
		return r;
	r = ve_chkpnt(&v->ve, &o, e);
	ve_unlock(&v->ve, &lock);
	return r;
}

int vz_ve_restore(struct vz_ve *v, const struct vz_cpt *opts, struct vz_error *e)
{
	struct vz_cpt o;
	int lock, r = take_opts(opts, &o, e);

	if (r >= 0 && (o.cmd == VZ_CPT_SUSPEND || o.cmd == VZ_CPT_DUMP || o.cmd > VZ_CPT_KILL))
		r = vz_fail(e, -EINVAL, "restore command %d", o.cmd);
	if (r >= 0)
		r = api_lock(v, "restore", o.flags, &lock, e);
	if (r < 0)
		return r;
	r = ve_restore(&v->ve, &o, lock, e);
	ve_unlock(&v->ve, &lock);
	return r;
}
