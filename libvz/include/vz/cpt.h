/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checkpoint and restore of virtual environments. Since: 0.1 */
#ifndef VZ_CPT_H
#define VZ_CPT_H

#include <vz/ve.h>

#ifdef __cplusplus
extern "C" {
#endif

enum vz_cpt_cmd {
	VZ_CPT_FULL = 0,    /* checkpoint: suspend, dump, kill; restore: undump, resume */
	VZ_CPT_SUSPEND = 1, /* checkpoint: freeze only */
	VZ_CPT_DUMP = 2,    /* checkpoint: write the dump of a frozen VE, which stays frozen */
	VZ_CPT_UNDUMP = 3,  /* restore: without letting it run */
	VZ_CPT_RESUME = 4,  /* let a frozen VE run on */
	VZ_CPT_KILL = 5,    /* end a frozen VE */
};

/* A phase of the work and the microseconds it took. */
typedef void vz_cpt_time_fn(void *data, const char *phase, uint64_t us);

struct vz_cpt {
	size_t size; /* of this struct, set by the caller */
	enum vz_cpt_cmd cmd;
	unsigned int flags;   /* VZ_SKIPLOCK, VZ_SKIP_REMOUNT */
	const char *dumpfile; /* directory of the dump; NULL: DUMPDIR/Dump.CTID */
	int verbose;	      /* CRIU's log with all details */
	vz_cpt_time_fn *time; /* NULL: not wanted */
	void *time_data;
};

/* Checkpoint a running VE. VZ_EXIT_NOT_RUNNING; VZ_EXIT_CHKPNT: it runs on as before. */
VZ_API int vz_ve_chkpnt(struct vz_ve *ve, const struct vz_cpt *opts, struct vz_error *e);
/* Restore one. VZ_EXIT_RUNNING; VZ_EXIT_RESTORE: the dump is as it was, and nothing runs. */
VZ_API int vz_ve_restore(struct vz_ve *ve, const struct vz_cpt *opts, struct vz_error *e);

#ifdef __cplusplus
}
#endif
#endif
