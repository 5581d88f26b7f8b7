/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What stands behind the opaque handles of the public headers. */
#ifndef API_API_H
#define API_API_H

#include "base/log.h"
#include "conf/conf.h"
#include "ve/ve.h"

#include <vz/ve.h>

struct vz {
	struct host_config host;
	struct logger log;
	char **early; /* what is wrong in vz.conf, until there is a log to say it to */
};

struct vz_ve {
	struct vz *vz;
	struct ve ve;
};

/* Take the VE's lock for one call and read its configuration again; *lock to ve_unlock(). */
int api_lock(struct vz_ve *v, const char *verb, unsigned int flags, int *lock, struct vz_error *e)
	_must_check_;

#endif
