/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Errors: a fixed-size story owned by the caller.  Nothing here allocates, so
 * an error can be made on any path and sent through a socket as it is.
 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Names and values in a story are often somebody else's: it stays one line, and no terminal obeys it. */
static void tame(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p; p++) {
		if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) /* C1 controls in UTF-8 */
			*p++ = '?';
		else if (*p >= ' ' && *p != 0x7f)
			continue;
		*p = '?';
	}
}

_printf_(4, 0) static void fill(struct vz_error *e, int code, int exit, const char *fmt, va_list ap)
{
	e->code = code;
	e->exit = exit;
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	tame(e->text);
}

int vz_fail(struct vz_error *e, int code, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return code;
	va_start(ap, fmt);
	fill(e, code, 0, fmt, ap);
	va_end(ap);
	return code;
}

int vz_fail_exit(struct vz_error *e, int code, enum vz_exit exit, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return code;
	va_start(ap, fmt);
	fill(e, code, (int)exit, fmt, ap);
	va_end(ap);
	return code;
}

_printf_(4, 0) static void prepend(struct vz_error *e, int code, int exit, const char *fmt,
				   va_list ap)
{
	char old[sizeof(e->text)];
	int n;

	memcpy(old, e->text, sizeof(old));
	n = vsnprintf(e->text, sizeof(e->text), fmt, ap);
	if (n >= 0 && (size_t)n < sizeof(e->text))
		(void)snprintf(e->text + n, sizeof(e->text) - (size_t)n, "%s%s", old[0] ? ": " : "",
			       old);
	tame(e->text);
	if (!e->code)
		e->code = code;
	if (!e->exit)
		e->exit = exit;
}

int vz_wrap(struct vz_error *e, int code, const char *fmt, ...)
{
	va_list ap;

	if (!e || code >= 0)
		return code;
	va_start(ap, fmt);
	prepend(e, code, 0, fmt, ap);
	va_end(ap);
	return code;
}

int vz_wrap_exit(struct vz_error *e, int code, enum vz_exit exit, const char *fmt, ...)
{
	va_list ap;

	if (!e || code >= 0)
		return code;
	va_start(ap, fmt);
	prepend(e, code, (int)exit, fmt, ap);
	va_end(ap);
	return code;
}

void vz_error_clear(struct vz_error *e)
{
	if (!e)
		return;
	e->code = 0;
	e->exit = 0;
	e->text[0] = '\0';
}
