/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of vztmpl(8). */
#ifndef VZCTL_VZTMPL_H
#define VZCTL_VZTMPL_H

#include "cli.h"

struct vz;

/* Templates as a table or as JSON on stdout. */
int vztmpl_list(struct vz *vz, bool json, struct vz_error *e) _must_check_;

#endif
