/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Steps of a process on its way into a VE, shared by init and by those that enter later. */
#ifndef VE_CHILD_H
#define VE_CHILD_H

#include "base/error.h"

/* Resource limits as a kernel gives its first process; raising is best effort. As host root. */
int child_set_limits(struct vz_error *e) _must_check_;

#endif
