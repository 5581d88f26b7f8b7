/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TAP in thirty lines: ok() per check, skip() for what cannot run here, return test_done() from main. */
#ifndef TEST_H
#define TEST_H

#include <stdio.h>
#include <stdlib.h>

static int test_count, test_failed;

#define ok(cond, ...)                                                          \
	do {                                                                   \
		int ok_ = !!(cond);                                            \
									       \
		printf("%sok %d - ", ok_ ? "" : "not ", ++test_count);         \
		printf(__VA_ARGS__);                                           \
		printf("\n");                                                  \
		if (!ok_) {                                                    \
			test_failed++;                                         \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond);    \
		}                                                              \
		fflush(stdout);                                                \
	} while (0)

#define skip(...)                                                              \
	do {                                                                   \
		printf("ok %d - # SKIP ", ++test_count);                       \
		printf(__VA_ARGS__);                                           \
		printf("\n");                                                  \
	} while (0)

static inline int test_done(void)
{
	printf("1..%d\n", test_count);
	return test_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
