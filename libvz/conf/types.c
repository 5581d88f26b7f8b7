/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Value types I: numbers, words, strings and paths.  A type knows how to read
 * and write one value; what the value is for stands in its row of the table.
 * Every refusal says what would have been accepted.
 */
#include "base/num.h"
#include "base/str.h"
#include "conf/param.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
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

const struct vz_type type_u32 = { "number", sizeof(uint32_t), .parse = parse_u32, .format = format_u32 };

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

const struct vz_type type_percent = { "percent", sizeof(uint32_t), .parse = parse_percent, .format = format_u32 };

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

const struct vz_type type_i64 = { "number", sizeof(int64_t), .parse = parse_i64, .format = format_i64 };

/* digits[.digits]; strtod would follow the caller's locale */
static int parse_double(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	double d = 0, scale = 1;
	const char *p = s;

	for (; isdigit((unsigned char)*p); p++)
		d = d * 10 + (*p - '0');
	if (p != s && *p == '.')
		for (p++; isdigit((unsigned char)*p); p++) {
			scale /= 10;
			d += (*p - '0') * scale;
		}
	if (p == s || *p || d > 1000000)
		return REFUSE("must be a number such as 1.5");
	*(double *)v = d;
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

const struct vz_type type_double = { "factor", sizeof(double), .parse = parse_double, .format = format_double };

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

const struct vz_type type_yesno = { "yes|no", sizeof(bool), .word = yesno_word, .parse = parse_yesno, .format = format_yesno };

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

const struct vz_type type_onboot = { "yes|no", sizeof(int), .word = yesno_word, .parse = parse_onboot, .format = format_onboot };

/* ---- strings ---- */

int text_copy(void *dst, const void *src)
{
	return str_set(dst, *(char *const *)src);
}

void text_done(void *v)
{
	free(*(char **)v);
	*(char **)v = NULL;
}

bool text_equal(const void *a, const void *b)
{
	return str_eq(*(char *const *)a, *(char *const *)b);
}

int text_format(const struct param *p, const void *v, char **ret)
{
	const char *s = *(char *const *)v;

	(void)p;
	return str_fmt(ret, "%s", s ? s : "");
}

static int store(const char *s, void *v, struct vz_error *e)
{
	int r = str_set(v, s);

	return r < 0 ? vz_fail(e, r, "store \"%.40s\"", s) : 0;
}

#define TEXT_TYPE(meta, parse_fn)                                              \
	{ meta, sizeof(char *), .text = true, .parse = (parse_fn),             \
	  .format = text_format, .equal = text_equal, .copy = text_copy, .done = text_done }

static int parse_string(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	(void)x;
	return store(s, v, e);
}

const struct vz_type type_string = TEXT_TYPE("text", parse_string);

/* Accepted and not kept: options of old scripts. */
static int parse_none(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	(void)x;
	(void)s;
	(void)v;
	(void)e;
	return 0;
}

const struct vz_type type_none = TEXT_TYPE("value", parse_none);

static int parse_word(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	_cleanup_free_ char *all = NULL;

	if (strv_has((char *const *)x->p->words, s))
		return store(s, v, e);
	if (strv_join(&all, (char *const *)x->p->words, ", ") < 0)
		return vz_fail(e, -ENOMEM, "parse %s", s);
	return REFUSE("must be one of %s", all);
}

const struct vz_type type_word = TEXT_TYPE("word", parse_word);

static int parse_name(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	if (*s && x->opt) {
		int r = name_check(s, e);

		if (r < 0)
			return r;
	}
	return store(s, v, e);
}

const struct vz_type type_name = TEXT_TYPE("name", parse_name);

static int parse_hostname(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	size_t n = strlen(s);

	for (const char *p = s; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-._", *p))
			return type_refuse(x, e, VZ_EXIT_HOSTNAME, -EINVAL,
					   "a host name has letters, digits, '-' and '.' only");
	if (n > 64 || *s == '-' || *s == '.')
		return type_refuse(x, e, VZ_EXIT_HOSTNAME, -EINVAL,
				   "must be 64 characters at most and begin with a letter or digit");
	return store(s, v, e);
}

const struct vz_type type_hostname = TEXT_TYPE("name", parse_hostname);

static int parse_path(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	if (*s != '/')
		return REFUSE("must be an absolute path");
	for (const char *p = s; (p = strstr(p, "/..")); p += 3)
		if (!p[3] || p[3] == '/')
			return REFUSE("must not contain \"..\"");
	if (strlen(s) > 1024)
		return REFUSE("is longer than 1024 bytes");
	return store(s, v, e);
}

/* $VEID and ${VEID} become the number; other $ stay as they are. */
static int resolve_path(uint32_t ctid, void *v, char **raw)
{
	_cleanup_free_ char *full = NULL;
	const char *s = *(char **)v;
	struct str out = { 0 };
	int r;

	while (*s) {
		size_t skip = str_has_prefix(s, "${VEID}") ? 7 : str_has_prefix(s, "$VEID") ? 5 : 0;

		if (skip)
			str_addf(&out, "%" PRIu32, ctid);
		else
			str_addn(&out, s, 1);
		s += skip ? skip : 1;
	}
	r = str_take(&out, &full);
	if (r < 0)
		return r;
	*raw = *(char **)v;
	*(char **)v = TAKE_PTR(full);
	return 0;
}

const struct vz_type type_path = { "path", sizeof(char *), .text = true, .parse = parse_path,
	.format = text_format, .equal = text_equal, .copy = text_copy, .done = text_done,
	.resolve = resolve_path };

/* CPU or node list: "0-3,5"; words: all, auto */
static int parse_mask(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	_cleanup_strv_ char **parts = NULL;
	unsigned int a, b;
	int end;

	if (x->p->words && strv_has((char *const *)x->p->words, s))
		return store(s, v, e);
	if (strv_split(&parts, s, ",") < 0)
		return vz_fail(e, -ENOMEM, "parse %s", s);
	if (!strv_len(parts))
		return REFUSE("must be a list such as 0-3,5");
	for (size_t i = 0; parts[i]; i++) {
		const char *q = parts[i];

		end = 0;
		if (strlen(q) < 12 && sscanf(q, "%5u-%5u%n", &a, &b, &end) == 2 && end && !q[end] && a <= b)
			continue;
		end = 0;
		if (strlen(q) < 6 && sscanf(q, "%5u%n", &a, &end) == 1 && end && !q[end])
			continue;
		return REFUSE("\"%.20s\" is neither a number nor a range such as 0-3", q);
	}
	return store(s, v, e);
}

const struct vz_type type_mask = TEXT_TYPE("list", parse_mask);

static int parse_auto_percent(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	_cleanup_free_ char *copy = strdup(s);
	size_t n = strlen(s);
	uint32_t pct;

	if (!copy)
		return vz_fail(e, -ENOMEM, "parse %s", s);
	if (strcmp(s, "auto") == 0)
		return store(s, v, e);
	if (n && s[n - 1] == '%')
		copy[n - 1] = '\0';
	if (num_parse_u32(copy, &pct) < 0 || pct > 100)
		return REFUSE("must be auto or a percentage from 0 to 100");
	return store(copy, v, e);
}

const struct vz_type type_auto_percent = TEXT_TYPE("auto|percent", parse_auto_percent);
