/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

void log_msg(const struct logger *l, int level, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	if (!l || !l->fn || level > l->level)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	l->fn(l->data, level, line);
}
