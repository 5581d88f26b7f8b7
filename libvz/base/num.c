/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Strict number parsing; see num.h. */
#include "base/num.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int num_parse_u64(const char *s, uint64_t *ret)
{
	unsigned long long v;
	char *end;

	if (!isdigit((unsigned char)s[0]))
		return -EINVAL;
	errno = 0;
	v = strtoull(s, &end, 10);
	if (*end)
		return -EINVAL;
	if (errno == ERANGE)
		return -ERANGE;
	*ret = v;
	return 0;
}

int num_parse_u32(const char *s, uint32_t *ret)
{
	uint64_t v;
	int r = num_parse_u64(s, &v);

	if (r < 0)
		return r;
	if (v > UINT32_MAX)
		return -ERANGE;
	*ret = (uint32_t)v;
	return 0;
}

int num_parse_int(const char *s, int *ret)
{
	int sign = s[0] == '-' ? -1 : 1;
	uint64_t v;
	int r = num_parse_u64(s + (sign < 0), &v);

	if (r < 0)
		return r;
	if (v > INT32_MAX)
		return -ERANGE;
	*ret = sign * (int)v;
	return 0;
}

int num_parse_ctid(const char *s, uint32_t *ret)
{
	uint32_t v;
	int r = num_parse_u32(s, &v);

	if (r < 0)
		return r;
	if (v > 2147483644U)
		return -ERANGE;
	*ret = v;
	return 0;
}

static int suffix_factor(const char *s, uint64_t unit, uint64_t page_size, uint64_t *ret)
{
	static const struct {
		char c;
		unsigned int shift;
	} suffix[] = { { 'b', 0 }, { 'k', 10 }, { 'm', 20 }, { 'g', 30 }, { 't', 40 } };

	if (!s[0]) {
		*ret = unit;
		return 0;
	}
	if (s[1])
		return -EINVAL;
	if (tolower((unsigned char)s[0]) == 'p') {
		*ret = page_size;
		return 0;
	}
	for (size_t i = 0; i < sizeof(suffix) / sizeof(suffix[0]); i++) {
		if (tolower((unsigned char)s[0]) == suffix[i].c) {
			*ret = 1ULL << suffix[i].shift;
			return 0;
		}
	}
	return -EINVAL;
}

int num_parse_size(const char *s, uint64_t unit, uint64_t page_size, uint64_t *ret_bytes)
{
	uint64_t whole = 0, frac = 0, scale = 1, factor;
	int r;

	if (strcasecmp(s, "unlimited") == 0) {
		*ret_bytes = INT64_MAX;
		return 0;
	}
	if (!isdigit((unsigned char)s[0]))
		return -EINVAL;
	for (; isdigit((unsigned char)*s); s++) {
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, (uint64_t)(*s - '0'), &whole))
			return -ERANGE;
	}
	if (*s == '.') {
		if (!isdigit((unsigned char)*++s))
			return -EINVAL;
		for (; isdigit((unsigned char)*s); s++) {
			if (scale < 1000000) {
				frac = frac * 10 + (uint64_t)(*s - '0');
				scale *= 10;
			}
		}
	}
	r = suffix_factor(s, unit, page_size, &factor);
	if (r < 0)
		return r;
	if (__builtin_mul_overflow(whole, factor, &whole) ||
	    __builtin_mul_overflow(frac, factor, &frac) ||
	    __builtin_add_overflow(whole, frac / scale, &whole) || whole > INT64_MAX)
		return -ERANGE;
	*ret_bytes = whole;
	return 0;
}
