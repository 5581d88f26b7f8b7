/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Our own files of a dump: written at a checkpoint, read at a restore. */
#ifndef VE_SAVED_H
#define VE_SAVED_H

#include "mech/cr/cr.h"
#include "ve/ve.h"

struct save {
	const struct ve *ve;
	const struct ve_state *state;
	const struct cr_dump_out *out;
	const char *net_settings; /* from saved_net_settings() */
	char **ret_tree;	  /* the text of its cgroups */
};
/* What takes too long for a frozen VE: its network namespace's settings; the caller frees. */
int saved_net_settings(const struct ve_state *st, char **ret, struct vz_error *e) _must_check_;
/* The VE is frozen: its cgroups and what goes by process; *ret_tree is the caller's to free. */
int saved_write_cgroups(const struct save *s, struct vz_error *e) _must_check_;
/* Its network namespace, where CRIU must not be at work: its lock is a table of rules there. */
int saved_write_net(const struct save *s, struct vz_error *e) _must_check_;

/* saver.c: a process that saves the rest while CRIU is at work; either reads what stands still. */
struct saver {
	pid_t pid;
	int pidfd, sock;
};
int saver_start(struct saver *s, const struct save *what, struct vz_error *e) _must_check_;
/* Wait for it: how it went. */
int saver_end(struct saver *s, struct vz_error *e) _must_check_;
/* Whatever it is at, it ends. */
void saver_done(struct saver *s);
int saved_write(const struct save *s, struct vz_error *e) _must_check_;

/* Parts of the tree that the VE itself had frozen: CRIU needs them thawed while the whole is frozen. */
int saved_freeze_parts(const struct ve *ve, const char *tree, bool frozen, struct vz_error *e)
	_must_check_;

struct saved {
	char *console_key; /* what CRIU calls the console's descriptors */
	uint64_t uptime_ms;
	uint32_t last_pid; /* 0: not known */
	uint64_t log_next; /* number of the next record of its kernel log */
	struct cg_tree *tree;
	char *tasks, *dev, *net, *account;
	char *console; /* what its console last said */
	size_t console_len;
};
int saved_read(const struct cr_dump *d, struct saved *s, struct vz_error *e) _must_check_;
void saved_done(struct saved *s);

#endif
