/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A target is one function; libFuzzer calls it, or replay.c with every file of a corpus. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold for every input, said before the crash. */
#define HOLDS(cond)                                                                             \
	do {                                                                                    \
		if (!(cond)) {                                                                  \
			(void)fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, \
				      #cond);                                                   \
			abort();                                                                \
		}                                                                               \
	} while (0)

/* The input as a string: up to its first zero byte; free()d by the caller. */
static inline char *fuzz_string(const uint8_t *data, size_t size)
{
	char *s = strndup(size ? (const char *)data : "", size);

	HOLDS(s);
	return s;
}

#endif
