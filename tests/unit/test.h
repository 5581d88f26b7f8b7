/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unit tests speak TAP: ok(), ok_int(), ok_str() per check, skip() for what cannot run
 * here, return test_done() from main.  A test that needs root asks test_is_root(): it is
 * true only in a node of the test bed (make check-root), never on somebody's machine.
 */
#ifndef TEST_H
#define TEST_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int test_count, test_failed;

__attribute__((format(printf, 5, 6))) static inline int
test_result(int good, const char *file, int line, const char *what, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %d - ", good ? "" : "not ", ++test_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	if (!good) {
		test_failed++;
		printf("# %s:%d: %s\n", file, line, what);
	}
	(void)fflush(stdout);
	return good;
}

/* ok(condition, "name of the check %d", ...): all return whether it held */
#define ok(cond, ...) test_result(!!(cond), __FILE__, __LINE__, #cond, __VA_ARGS__)

/* Equal integers; a failure shows both. */
#define ok_int(got, want, ...) \
	test_int((long long)(got), (long long)(want), __FILE__, __LINE__, #got, __VA_ARGS__)
#define test_int(got, want, file, line, what, ...)                                     \
	({                                                                             \
		long long got_ = (got), want_ = (want);                                \
		int good_ = test_result(got_ == want_, file, line, what, __VA_ARGS__); \
                                                                                       \
		if (!good_)                                                            \
			printf("# got %lld, want %lld\n", got_, want_);                \
		good_;                                                                 \
	})

/* Equal strings; NULL equals NULL. */
#define ok_str(got, want, ...)                                                                    \
	({                                                                                        \
		const char *got_ = (got), *want_ = (want);                                        \
		int good_ = test_result(got_ && want_ ? strcmp(got_, want_) == 0 : got_ == want_, \
					__FILE__, __LINE__, #got, __VA_ARGS__);                   \
                                                                                                  \
		if (!good_)                                                                       \
			printf("# got  \"%s\"\n# want \"%s\"\n", got_ ? got_ : "(null)",          \
			       want_ ? want_ : "(null)");                                         \
		good_;                                                                            \
	})

/* skip("root: makes a cgroup"): a word of tests/skips.allowed, a colon, and why */
#define skip(...)                                      \
	do {                                           \
		printf("ok %d # SKIP ", ++test_count); \
		printf(__VA_ARGS__);                   \
		printf("\n");                          \
	} while (0)

static inline int test_is_root(void)
{
	return geteuid() == 0 && getenv("VZ_TEST_ROOT") != NULL;
}

static inline int test_done(void)
{
	printf("1..%d\n", test_count);
	return test_failed || test_count == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
