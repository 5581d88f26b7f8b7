/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What checkpoint and restore share: where a dump is, how long phases took, and the
 * journal RUNDIR/CTID/cpt, which tells the next command what one that died was at.
 */
#ifndef VE_CPT_H
#define VE_CPT_H

#include "ve/ve.h"

#include <vz/cpt.h>

/* What a dump must say in its features, and a restore knows. */
#define CPT_FEATURES "console empty-netns"

struct cpt_op {
	struct ve *ve;
	const struct vz_cpt *opts;
	char *path;	      /* of the dump */
	uint64_t last;	      /* microseconds: when the phase before ended */
	vz_cpt_time_fn *time; /* of opts, or the monitor's way to it */
	void *time_data;
};
/* path: what opts names, else DUMPDIR/Dump.CTID */
int cpt_op_init(struct cpt_op *op, struct ve *ve, const struct vz_cpt *opts, struct vz_error *e)
	_must_check_;
void cpt_op_done(struct cpt_op *op);
/* The phase named ends now. */
void cpt_phase(struct cpt_op *op, const char *name);
/* A phase that somebody else measured. */
void cpt_time(const struct cpt_op *op, const char *name, uint64_t us);

/* ---- journal.c ---- */
enum cpt_what {
	CPT_NONE,
	CPT_DUMPING,   /* a command is at work on the frozen VE */
	CPT_SUSPENDED, /* frozen on purpose, its packets held */
	CPT_RESTORING, /* complete, but not let go yet */
};
struct cpt_journal {
	enum cpt_what what;
	bool keep; /* dumping: frozen before on purpose, and to stay so; restoring: the dump is to stay */
	bool infected; /* CRIU may have put its code into tasks */
	pid_t pid, criu;
	uint64_t pid_start, criu_start;
	char path[512]; /* of the dump being made */
};
/* CPT_NONE where there is none. */
void journal_read(const struct ve *ve, struct cpt_journal *ret);
int journal_write(const struct ve *ve, const struct cpt_journal *j, struct vz_error *e)
	_must_check_;
void journal_remove(const struct ve *ve);
/*
 * Under the lock: undo, or complete, what a command that died left. A VE that cannot be saved is
 * taken down, with a word to the log.
 */
int cpt_recover(struct ve *ve, struct vz_error *e) _must_check_;
/* Frozen on purpose? */
bool cpt_is_suspended(const struct ve *ve);

int cpt_freeze(const struct ve *ve, bool frozen, struct vz_error *e) _must_check_;
/* Is its first process dead, or so within a second? It waits for its children, and they for who traces them. */
bool cpt_init_ends(const struct ve *ve);
/* A dump may be restored elsewhere: who stays frozen gives up its addresses here, until it runs on. */
void cpt_route(const struct ve *ve, bool on);

/* ---- the verbs; the caller holds the lock ---- */
int ve_chkpnt(struct ve *ve, const struct vz_cpt *opts, struct vz_error *e) _must_check_;
int ve_restore(struct ve *ve, const struct vz_cpt *opts, int lock_fd, struct vz_error *e)
	_must_check_;

#endif
