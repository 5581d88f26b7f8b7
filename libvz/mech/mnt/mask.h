/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What child.c and external.c share of covering files; nobody else includes this. */
#ifndef MNT_MASK_H
#define MNT_MASK_H

#include "mech/mnt/mnt.h"

struct mask {
	const char *path;
	bool privileged_only; /* in a user namespace the file's owner is out of reach already */
	bool readonly;	      /* stays visible, read-only */
};

/* The i-th row of the table, NULL behind the last. */
const struct mask *mask_at(size_t i);
/* A tiny detached tmpfs with an unreadable "file" and "dir" to cover with. */
int mask_source(struct vz_error *e) _must_check_;
/* Cover everything, once the VE's root is / . */
int mask_all(bool privileged, struct vz_error *e) _must_check_;

#endif
