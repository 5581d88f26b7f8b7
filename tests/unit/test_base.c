// SPDX-License-Identifier: GPL-2.0-or-later
/* Numbers and strings of base/: strict where others are lenient. */
#include "base/num.h"
#include "base/str.h"

#include "test.h"

#include <errno.h>
#include <inttypes.h>

static void test_u64(void)
{
	static const struct {
		const char *s;
		int r;
		uint64_t v;
	} cases[] = {
		{ "0", 0, 0 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 },
		{ "1a", -EINVAL, 0 },
		{ "007", 0, 7 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t v = 0;

		ok_int(num_parse_u64(cases[i].s, &v), cases[i].r, "u64 \"%s\"", cases[i].s);
		ok(v == cases[i].v, "its value is %" PRIu64, v);
	}
}

static void test_others(void)
{
	uint32_t u = 5;
	int n = 5;

	ok_int(num_parse_u32("4294967295", &u), 0, "u32: largest");
	ok_int(num_parse_u32("4294967296", &u), -ERANGE, "u32: too large");
	ok(u == UINT32_MAX, "the result is untouched by a failure");
	ok(num_parse_int("-2147483647", &n) == 0 && n == -2147483647, "int: negative");
	ok_int(num_parse_int("--1", &n), -EINVAL, "int: one sign");
	ok_int(num_parse_int("-", &n), -EINVAL, "int: a sign alone");
	ok_int(num_parse_ctid("2147483644", &u), 0, "ctid: largest");
	ok_int(num_parse_ctid("2147483645", &u), -ERANGE, "ctid: too large");
}

static void test_size(void)
{
	static const struct {
		const char *s;
		uint64_t unit;
		int r;
		uint64_t v;
	} cases[] = {
		{ "10", 1, 0, 10 },
		{ "10", 1024, 0, 10240 },
		{ "1K", 1, 0, 1024 },
		{ "1k", 4096, 0, 1024 },
		{ "1.5M", 1, 0, 1572864 },
		{ "2.2G", 1, 0, 2362232012ULL },
		{ "1T", 1, 0, 1ULL << 40 },
		{ "3P", 1, 0, 3 * 4096 },
		{ "7B", 1024, 0, 7 },
		{ "unlimited", 1, 0, INT64_MAX },
		{ "UNLIMITED", 1, 0, INT64_MAX },
		{ "", 1, -EINVAL, 0 },
		{ "K", 1, -EINVAL, 0 },
		{ "1KB", 1, -EINVAL, 0 },
		{ "1.", 1, -EINVAL, 0 },
		{ ".5", 1, -EINVAL, 0 },
		{ "-1", 1, -EINVAL, 0 },
		{ "1 K", 1, -EINVAL, 0 },
		{ "9223372036854775807", 1, 0, INT64_MAX },
		{ "9223372036854775808", 1, -ERANGE, 0 },
		{ "99999999T", 1, -ERANGE, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t v = 0;

		ok_int(num_parse_size(cases[i].s, cases[i].unit, 4096, &v), cases[i].r,
		       "size \"%s\"", cases[i].s);
		ok(v == cases[i].v, "its value is %" PRIu64, v);
	}
}

static void check_escape(const char *in, const char *want)
{
	char *out = NULL;

	ok_int(str_escape(&out, in), 0, "escape");
	ok_str(out, want, "safe for a terminal");
	free(out);
}

static void test_str(void)
{
	struct str s = { 0 };
	char *text = NULL;

	str_add(&s, "a");
	str_addf(&s, "%d", 42);
	str_addn(&s, "xyz", 2);
	ok_int(str_take(&s, &text), 0, "take");
	ok_str(text, "a42xy", "a growing string");
	free(text);
	ok_int(str_take(&s, &text), 0, "an empty one");
	ok_str(text, "", "is an empty text, not NULL");
	free(text);
	check_escape("plain \xc3\xa4", "plain \xc3\xa4");
	check_escape("\x1b[31m\n\x7f", "\\x1b[31m\\x0a\\x7f");
	check_escape("\xff\xc3", "\\xff\\xc3");
	check_escape("\xe2\x80\xae", "\\xe2\\x80\\xae");
	check_escape("\xc0\xaf", "\\xc0\\xaf");
	ok_int(str_distance("debian", "debain"), 2, "distance");
	ok_int(str_distance("", "abc"), 3, "distance from nothing");
	ok_int(str_distance("net_admn", "NET_ADMIN"), 1, "distance, whatever the case");
	ok(str_eq(NULL, NULL) && !str_eq(NULL, ""), "NULL equals NULL only");
}

static void test_strv(void)
{
	char **v = NULL, **copy = NULL, *text = NULL;

	ok_int(strv_split(&v, ", a,,b ,c", " ,"), 0, "split");
	ok_int(strv_len(v), 3, "no empty parts");
	ok(strv_has(v, "b") && !strv_has(v, ""), "has");
	ok_int(strv_copy(&copy, v), 0, "copy");
	ok(strv_eq(v, copy), "equal");
	ok(strv_remove(copy, "b") && !strv_remove(copy, "b") && !strv_eq(v, copy), "remove");
	ok_int(strv_join(&text, copy, "+"), 0, "join");
	ok_str(text, "a+c", "joined");
	ok(strv_len(NULL) == 0 && strv_eq(NULL, NULL), "NULL is empty");
	free(text);
	strv_free(v);
	strv_free(copy);
}

int main(void)
{
	test_u64();
	test_others();
	test_size();
	test_str();
	test_strv();
	return test_done();
}
