/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a VE had used before the checkpoint that it was restored from: RUNDIR/CTID/account, which
 * ve_usage() adds to what the kernel has counted since.
 */
#ifndef VE_ACCOUNT_H
#define VE_ACCOUNT_H

#include "ve/ve.h"

#include <vz/ve.h>

/* Add it to a reading; a VE that was never restored has none. */
void account_merge(const struct ve *ve, struct vz_ve_usage *u);
/* A reading as text for a dump; the caller frees. */
int account_format(const struct vz_ve_usage *u, char **ret) _must_check_;
/* Take such a text over for a restored VE. -EBADMSG */
int account_write(const struct ve *ve, const char *text, struct vz_error *e) _must_check_;

#endif
