/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a forked process to a VE's init.  Monitor and child speak over one
 * SOCK_SEQPACKET pair in messages of one fixed shape:
 *
 *   child: USERNS  ->  monitor writes the id maps       -> GO
 *   child: TIMENS  ->  monitor writes the time offsets  -> GO
 *   child: INIT (its pidfd rides along); the starter ends, init goes on
 *   init:  READY                    -> GO when network and scripts are done
 *   init:  executes; the socket closes.  FAIL at any point carries the error.
 *
 * End of file before the exec is failure on both sides.
 */
#ifndef VE_SPAWN_H
#define VE_SPAWN_H

#include "mech/mnt/mnt.h"
#include "ve/ve.h"

struct spawn {
	const struct ve *ve;
	int rootfd, devfd, cgroup; /* ours to use, the caller's to close */
	bool move; /* into the cgroup by cgroup.procs, where being born there did not work */
	struct sock_fprog filter;
	struct sec_conf sec;
	const char *hostname;
	uint64_t shm_bytes;
	uint32_t ptys;
	/* results */
	pid_t init;
	int pidfd, sock;
	struct mnt_console console; /* its mount is the child's to attach */
};

/* Clone and bring init to READY. On failure nothing is left of it. */
int spawn_init(struct spawn *s, struct vz_error *e) _must_check_;
/* Let it execute; 0 when it did. */
int spawn_go(struct spawn *s, struct vz_error *e) _must_check_;
/* Release descriptors; kills an init that was never let go. */
void spawn_done(struct spawn *s);

#endif
