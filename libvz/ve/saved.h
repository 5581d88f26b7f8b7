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
/* The VE is frozen. */
int saved_write(const struct save *s, struct vz_error *e) _must_check_;

/* Parts of the tree that the VE itself had frozen: CRIU needs them thawed while the whole is frozen. */
int saved_freeze_parts(const struct ve *ve, const char *tree, bool frozen, struct vz_error *e)
	_must_check_;

struct saved {
	char *console_key; /* what CRIU calls the console's descriptors */
	uint64_t uptime_ms;
	struct cg_tree *tree;
	char *tasks, *dev, *net, *account;
	char *console; /* what its console last said */
	size_t console_len;
};
int saved_read(const struct cr_dump *d, struct saved *s, struct vz_error *e) _must_check_;
void saved_done(struct saved *s);

#endif
