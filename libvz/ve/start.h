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
	bool interrupted;	     /* ... while it waited for us */
	const struct stages *stages; /* NULL: those of a start */
	uint64_t uptime_ms;	     /* of an earlier life that this start goes on with */
	uint64_t log_first;	     /* number of its next kernel message */
	struct restore *restore;     /* restore.c's */
	const char *history;	     /* what the console said in that life */
	size_t history_len;
	void (*time)(void *data, const char *phase, uint64_t us); /* in the front: told of phases */
	void *time_data;
	struct ve_state state;
	struct spawn spawn;
	int net_index; /* that venet0 shall have; 0: whichever */
	int cg, cg_ve;
	int slow_fd;	/* to close when nobody waits, see net_release() */
	char *slow_dir; /* to remove then, see cr_dump_retire() */
};

void start_op_init(struct start_op *op, struct ve *ve, unsigned int flags);
int start_run(struct start_op *op, struct vz_error *e) _must_check_;
void start_op_done(struct start_op *op);

/* The stages that a restore shares; see struct stage. */
int start_clean_up(void *op, struct vz_error *e) _must_check_;
int start_state_up(void *op, struct vz_error *e) _must_check_;
int start_state_down(void *op, struct vz_error *e) _must_check_;
int start_mount_up(void *op, struct vz_error *e) _must_check_;
int start_mount_down(void *op, struct vz_error *e) _must_check_;
int start_cgroup_up(void *op, struct vz_error *e) _must_check_;
int start_cgroup_down(void *op, struct vz_error *e) _must_check_;
int start_kill_down(void *op, struct vz_error *e) _must_check_;
int start_net_up(void *op, struct vz_error *e) _must_check_;
int start_net_down(void *op, struct vz_error *e) _must_check_;
int start_publish_up(void *op, struct vz_error *e) _must_check_;
bool start_interrupted(void *op);
void start_undoing(void *op);
/* The /dev of a new life, remembered in the state; *ret is the caller's to close, also after a failure. */
int start_make_dev(struct start_op *op, int *ret, struct vz_error *e) _must_check_;
/* spawn.init and spawn.console into the state */
int start_record_init(struct start_op *op, struct vz_error *e) _must_check_;

/* monitor.c: fork the monitor, which carries op out, and relay its words until it says how it went. */
int monitor_run(struct start_op *op, int lock_fd, struct vz_error *e) _must_check_;
/* In the monitor, data being op: tell the front how long a phase took. */
void monitor_time(void *data, const char *phase, uint64_t us);

#endif
