/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Accounting of a VE, one reading function. */
#ifndef VE_USAGE_H
#define VE_USAGE_H

#include "ve/ve.h"

#include <vz/ve.h>

/* Rows of the kernel's beancounters: enum vz_ubc without its prefix, and the kernel's name. */
/* clang-format off */
#define USAGE_ROWS(X) \
	X(KMEMSIZE, "kmemsize") \
	X(LOCKEDPAGES, "lockedpages") \
	X(PRIVVMPAGES, "privvmpages") \
	X(SHMPAGES, "shmpages") \
	X(NUMPROC, "numproc") \
	X(PHYSPAGES, "physpages") \
	X(VMGUARPAGES, "vmguarpages") \
	X(OOMGUARPAGES, "oomguarpages") \
	X(NUMTCPSOCK, "numtcpsock") \
	X(NUMFLOCK, "numflock") \
	X(NUMPTY, "numpty") \
	X(NUMSIGINFO, "numsiginfo") \
	X(TCPSNDBUF, "tcpsndbuf") \
	X(TCPRCVBUF, "tcprcvbuf") \
	X(OTHERSOCKBUF, "othersockbuf") \
	X(DGRAMRCVBUF, "dgramrcvbuf") \
	X(NUMOTHERSOCK, "numothersock") \
	X(DCACHESIZE, "dcachesize") \
	X(NUMFILE, "numfile") \
	X(NUMIPTENT, "numiptent")
/* clang-format on */

/* VZ_EXIT_NOT_RUNNING; unknown values are UINT64_MAX, loads -1. */
int ve_usage(const struct ve *ve, struct vz_ve_usage *u, struct vz_error *e) _must_check_;
/* CTID of a host process (0: the host's own) and its pid inside. -ESRCH */
int ve_of_pid(const struct host_config *h, int pid, uint32_t *ret_ctid, int *ret_vpid,
	      struct vz_error *e) _must_check_;

#endif
