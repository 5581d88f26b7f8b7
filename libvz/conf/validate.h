/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Is a configuration file right?  Every problem of it, with what would be right. */
#ifndef CONF_VALIDATE_H
#define CONF_VALIDATE_H

#include "conf/conf.h"

#include <vz/param.h>

/* See vz_config_validate() in <vz/param.h>. */
int config_validate(const char *path, vz_problem_fn *fn, void *data, struct vz_error *e)
	_must_check_;

#endif
