/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one nftables table for all VEs, private to mech/net. */
#ifndef MECH_NET_FILTER_H
#define MECH_NET_FILTER_H

#include "base/error.h"

#define FILTER_TABLE "vz"   /* of family inet */
#define FILTER_HELD  "held" /* its set of device names, which hold.c fills */

/* Have the table stand; cheap when it does. */
int filter_up(struct vz_error *e) _must_check_;
/* Remove it; absent is fine. */
int filter_down(struct vz_error *e) _must_check_;

#endif
