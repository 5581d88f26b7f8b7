/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where libvz's messages go: a function the caller installed, else nowhere. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/error.h"

#include <vz/vz.h>

/* A logger is passed by pointer through every layer that speaks; NULL = silent. */
struct logger {
	vz_log_fn *fn; /* NULL: silent */
	void *data;
	int level; /* highest enum vz_log_level wanted */
};

void log_msg(const struct logger *l, int level, const char *fmt, ...) _printf_(3, 4);

#define log_err(l, ...)	  log_msg(l, VZ_LOG_ERR, __VA_ARGS__)
#define log_warn(l, ...)  log_msg(l, VZ_LOG_WARN, __VA_ARGS__)
#define log_info(l, ...)  log_msg(l, VZ_LOG_INFO, __VA_ARGS__)
#define log_debug(l, ...) log_msg(l, VZ_LOG_DEBUG, __VA_ARGS__)

#endif
