/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Birth and growth of an error's story; the text never holds strerror(). */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <vz/error.h>

#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _must_check_   __attribute__((warn_unused_result))

/* Fill *e (may be NULL) with code and text; returns code (a negative errno). */
int vz_fail(struct vz_error *e, int code, const char *fmt, ...) _printf_(3, 4);

/* The same with the exit class. */
int vz_fail_exit(struct vz_error *e, int code, enum vz_exit exit, const char *fmt, ...)
	_printf_(4, 5);

/* Put "context: " before the story; sets the exit class where none was set. Returns code, and does
 * nothing when that is no error. */
int vz_wrap(struct vz_error *e, int code, const char *fmt, ...) _printf_(3, 4);
int vz_wrap_exit(struct vz_error *e, int code, enum vz_exit exit, const char *fmt, ...)
	_printf_(4, 5);

void vz_error_clear(struct vz_error *e);

/* Say that a result is not wanted; gcc lets no cast silence warn_unused_result. */
#define IGNORE(call) ((void)!(call))

/* First failure wins: r = RET_GATHER(r, f()). */
#define RET_GATHER(r, f)                \
	({                              \
		int _r = (r), _f = (f); \
		_r < 0 ? _r : _f;       \
	})

/* -1/errno convention to negative errno. */
#define RET_NERRNO(call)                      \
	({                                    \
		__typeof__(call) _c = (call); \
		(int)(_c < 0 ? -errno : _c);  \
	})

#endif
