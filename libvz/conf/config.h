/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the files of conf/ that make a configuration. */
#ifndef CONF_CONFIG_H
#define CONF_CONFIG_H

#include "conf/conf.h"

/*
 * Beancounters nobody set: derived from RAM where PHYSPAGES has a limit, else
 * unlimited.  Called after every change; l may be NULL.
 */
int ubc_fill(struct ve_config *c, const struct logger *l, struct vz_error *e) _must_check_;
/* A limited PHYSPAGES needs SWAPPAGES; without one the old set must be complete (28). */
int ubc_check(const struct ve_config *c, struct vz_error *e) _must_check_;
/* Row of a beancounter. */
const struct param *ubc_param(enum ubc_id id);
/* RAM is limited, the rest follows from it. */
bool ubc_is_vswap(const struct ve_config *c);

#endif
