/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Accounting of a VE, one reading function. */
#ifndef VE_USAGE_H
#define VE_USAGE_H

#include "ve/ve.h"

#include <vz/ve.h>

/* VZ_EXIT_NOT_RUNNING; unknown values are UINT64_MAX, loads -1. */
int ve_usage(const struct ve *ve, struct vz_ve_usage *u, struct vz_error *e) _must_check_;
/* CTID of a host process (0: the host's own) and its pid inside. -ESRCH */
int ve_of_pid(const struct host_config *h, int pid, uint32_t *ret_ctid, int *ret_vpid,
	      struct vz_error *e) _must_check_;

#endif
