/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * System calls without a C library: negative errno, no thread-local storage, so
 * that code which includes nothing else of ours can be linked without libc.
 * raw(SYS_x, args...) takes up to six arguments of any scalar type.
 *
 * Only where starting libc is dear: on x86 it asks CPUID some thirty times, and
 * a virtual machine traps each (0.4 ms here).  Elsewhere it is libc's syscall().
 */
#ifndef OS_RAW_H
#define OS_RAW_H

#include <sys/syscall.h>

#if defined(__x86_64__) && !defined(__ILP32__)
#define RAW_NO_LIBC 1

static inline long raw_call(long nr, const long a[6])
{
	register long d __asm__("r10") = a[3];
	register long e __asm__("r8") = a[4];
	register long f __asm__("r9") = a[5];

	__asm__ volatile("syscall"
			 : "+a"(nr)
			 : "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(d), "r"(e), "r"(f)
			 : "rcx", "r11", "memory");
	return nr;
}
#else
#include <errno.h>
#include <unistd.h>

static inline long raw_call(long nr, const long a[6])
{
	long r = syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);

	return r < 0 ? -errno : r;
}
#endif

#define RAW_PICK(nr, a, b, c, d, e, f, ...)                                                  \
	raw_call(nr, (const long[6]){ (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), \
				      (long)(f) })
#define raw(...) RAW_PICK(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

#endif
