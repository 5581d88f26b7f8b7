/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of a running VE a checkpoint would refuse or lose. */
#ifndef VE_CHECK_H
#define VE_CHECK_H

#include "mech/cr/cr.h"
#include "ve/ve.h"

/* quick: only what costs one look per process and descriptor. VZ_EXIT_NOT_RUNNING. */
int ve_check(const struct ve *ve, bool quick, struct cr_findings *ret, struct vz_error *e)
	_must_check_;
/* Before a checkpoint: warns of what will be lost, -ECANCELED and the remedy for what makes it fail. */
int ve_check_refuse(const struct ve *ve, struct vz_error *e) _must_check_;

#endif
