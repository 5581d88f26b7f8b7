/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of vztmpl(8). */
#ifndef VZCTL_VZTMPL_H
#define VZCTL_VZTMPL_H

#include "cli.h"

struct vz;

/* Templates as a table or as JSON on stdout. */
int vztmpl_list(struct vz *vz, bool json, struct vz_error *e) _must_check_;

/* Letters, digits, "._+-"; nothing that a path or an option could be. */
bool vztmpl_good_name(const char *name);
/* Run the recipe's build; the archive is the caller's to unlink, its name to free. */
int vztmpl_build(struct vz *vz, const char *recipes, const char *name, const char *suite,
		 char **ret_archive, struct vz_error *e) _must_check_;

#endif
