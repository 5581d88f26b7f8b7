/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Value types I: numbers, yes and no.  A type knows how to read
 * and write one value; what the value is for stands in its row of the table.
 * Every refusal says what would have been accepted.
 */
#include "base/num.h"
#include "base/str.h"
#include "conf/param.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

int type_refuse(const struct param_ctx *x, struct vz_error *e, enum vz_exit exit, int code,
		const char *fmt, ...)
{
	_cleanup_free_ char *safe = NULL;
	char why[300];
	va_list ap;

	if (str_escape(&safe, x->value) < 0)
		return vz_fail(e, -ENOMEM, "parse %s", x->opt ? x->opt : x->p->key);
	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return vz_fail_exit(e, code, exit, "%s%s: bad value \"%.80s\": %s", x->opt ? "--" : "",
			    x->opt ? x->opt : x->p->key, safe, why);
}

#define REFUSE(...) type_refuse(x, e, VZ_EXIT_VALUE, -EINVAL, __VA_ARGS__)

/* ---- plain numbers ---- */

static int range_u64(const struct param_ctx *x, uint64_t v, uint64_t max, struct vz_error *e)
{
	uint64_t lo = 0, hi = max;

	/* the table's own limits are checked by its test */
	if (x->p->min)
		IGNORE(num_parse_u64(x->p->min, &lo));
	if (x->p->max)
		IGNORE(num_parse_u64(x->p->max, &hi));
	if (v < lo || v > hi)
		return REFUSE("must be %" PRIu64 " to %" PRIu64, lo, hi);
	return 0;
}

static int parse_u32(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	uint64_t n;
	int r = num_parse_u64(s, &n);

	if (r < 0 && r != -ERANGE)
		return REFUSE("must be a whole number");
	r = range_u64(x, r < 0 ? UINT64_MAX : n, UINT32_MAX, e);
	if (r < 0)
		return r;
	*(uint32_t *)v = (uint32_t)n;
	return 0;
}

static int format_u32(const struct param *p, const void *v, char **ret)
{
	(void)p;
	return str_fmt(ret, "%" PRIu32, *(const uint32_t *)v);
}

const struct vz_type type_u32 = { "number", sizeof(uint32_t), .parse = parse_u32,
				  .format = format_u32 };

static int parse_percent(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	_cleanup_free_ char *copy = strdup(s);
	size_t n = strlen(s);

	if (!copy)
		return vz_fail(e, -ENOMEM, "parse %s", s);
	if (strcasecmp(s, "unlimited") == 0) {
		*(uint32_t *)v = 0;
		return 0;
	}
	if (n && tolower((unsigned char)s[n - 1]) == 'm')
		return REFUSE("MHz are not supported, give percent of one CPU (100 is one CPU)");
	if (n && s[n - 1] == '%')
		copy[n - 1] = '\0';
	return parse_u32(x, copy, v, e);
}

const struct vz_type type_percent = { "percent", sizeof(uint32_t), .parse = parse_percent,
				      .format = format_u32 };

static int parse_int(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	int lo = INT32_MIN, hi = INT32_MAX, n;

	if (x->p->min)
		IGNORE(num_parse_int(x->p->min, &lo));
	if (x->p->max)
		IGNORE(num_parse_int(x->p->max, &hi));
	if (num_parse_int(s, &n) < 0 || n < lo || n > hi)
		return REFUSE("must be a whole number from %d to %d", lo, hi);
	*(int *)v = n;
	return 0;
}

static int format_int(const struct param *p, const void *v, char **ret)
{
	(void)p;
	return str_fmt(ret, "%d", *(const int *)v);
}

const struct vz_type type_int = { "number", sizeof(int), .parse = parse_int, .format = format_int };

static int parse_i64(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	uint64_t n;
	int r = num_parse_u64(s, &n);

	if (r < 0)
		return REFUSE("must be a whole number, 0 or more");
	r = range_u64(x, n, INT64_MAX, e);
	if (r < 0)
		return r;
	*(int64_t *)v = (int64_t)n;
	return 0;
}

static int format_i64(const struct param *p, const void *v, char **ret)
{
	(void)p;
	return str_fmt(ret, "%" PRId64, *(const int64_t *)v);
}

const struct vz_type type_i64 = { "number", sizeof(int64_t), .parse = parse_i64,
				  .format = format_i64 };

/* digits[.digits]; strtod would follow the caller's locale.  Held to millionths, as it is written. */
static int parse_double(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	size_t whole = strspn(s, "0123456789");
	uint64_t micro = 0, unit = 1000000;
	const char *p = s;

	for (; p < s + whole && micro <= unit * unit; p++)
		micro = micro * 10 + (uint64_t)(*p - '0') * unit;
	if (whole && p == s + whole && *p == '.')
		for (p++; isdigit((unsigned char)*p); p++)
			micro += (uint64_t)(*p - '0') * (unit /= 10);
	if (!whole || *p || micro > 1000000000000)
		return REFUSE("must be a number such as 1.5, at most 1000000");
	*(double *)v = (double)micro / 1000000;
	return 0;
}

static int format_double(const struct param *p, const void *v, char **ret)
{
	double d = *(const double *)v;
	uint64_t micro = (uint64_t)(d * 1000000 + 0.5);
	int r = str_fmt(ret, "%" PRIu64 ".%06" PRIu64, micro / 1000000, micro % 1000000);

	(void)p;
	if (r < 0)
		return r;
	for (char *end = *ret + strlen(*ret) - 1; *end == '0' || *end == '.'; end--) {
		bool dot = *end == '.';

		*end = '\0';
		if (dot)
			break;
	}
	return 0;
}

const struct vz_type type_double = { "factor", sizeof(double), .parse = parse_double,
				     .format = format_double };

/* ---- yes and no ---- */

static int yesno(const char *s)
{
	static const struct {
		const char *word;
		int value;
	} words[] = { { "yes", 1 }, { "no", 0 }, { "on", 1 }, { "off", 0 } };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcasecmp(s, words[i].word) == 0)
			return words[i].value;
	return -EINVAL;
}

static const char *yesno_word(size_t k)
{
	static const char *const words[] = { "yes", "no" };

	return k < ARRAY_SIZE(words) ? words[k] : NULL;
}

static int parse_yesno(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	int r = yesno(s);

	if (r < 0)
		return REFUSE("must be yes or no");
	*(bool *)v = r;
	return 0;
}

static int format_yesno(const struct param *p, const void *v, char **ret)
{
	(void)p;
	return str_fmt(ret, "%s", *(const bool *)v ? "yes" : "no");
}

const struct vz_type type_yesno = { "yes|no", sizeof(bool), .word = yesno_word,
				    .parse = parse_yesno, .format = format_yesno };

static int parse_onboot(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	int r = yesno(s);

	if (r < 0)
		return REFUSE("must be yes or no");
	*(int *)v = r;
	return 0;
}

static int format_onboot(const struct param *p, const void *v, char **ret)
{
	(void)p;
	return str_fmt(ret, "%s", *(const int *)v > 0 ? "yes" : "no");
}

const struct vz_type type_onboot = { "yes|no", sizeof(int), .word = yesno_word,
				     .parse = parse_onboot, .format = format_onboot };
