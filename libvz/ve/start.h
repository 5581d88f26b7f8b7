/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One start of a VE, as the monitor carries it out. */
#ifndef VE_START_H
#define VE_START_H

#include "ve/spawn.h"
#include "ve/ve.h"

struct start_op {
	struct ve *ve;
	unsigned int flags;
	bool keep_mount; /* downs leave the root mounted */
	bool keep_state; /* downs leave the record: there is more to take down */
	bool hold;	 /* pid 1 stays before its exec: work in a stopped VE */
	bool (*front_gone)(struct start_op *op); /* the command that asked for us died */
	int front;
	struct ve_state state;
	struct spawn spawn;
	int cg, cg_ve;
};

void start_op_init(struct start_op *op, struct ve *ve, unsigned int flags);
int start_run(struct start_op *op, struct vz_error *e) _must_check_;
void start_op_done(struct start_op *op);

#endif
