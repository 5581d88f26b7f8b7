/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the files of mech/cg only. */
#ifndef MECH_CG_PRIV_H
#define MECH_CG_PRIV_H

#include "mech/cg/cg.h"

/* Enable those of the controllers in list (blank separated; NULL: all that are there) for fd's children.
 * What cannot be enabled is left out: whether that hurts is found by cg_missing(). */
int cg_enable(int fd, const char *list) _must_check_;
/* controller is not in cgfd, and params need it: the warning, or -EOPNOTSUPP with the cause named. */
int cg_missing(int cgfd, const char *controller, const char *params, bool warn,
	       const struct logger *l, struct vz_error *e) _must_check_;
/* Fail when a limit of c that is not the default has no file in cgfd. */
int cg_check_limits(int cgfd, const struct cg_conf *c, struct vz_error *e) _must_check_;

#endif
