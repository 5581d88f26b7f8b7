/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Value types VI: what is kept as the text it was written in, once that is
 * known to be right: words, names, paths and the like.
 */
#include "base/num.h"
#include "base/str.h"
#include "conf/param.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#define REFUSE(...) type_refuse(x, e, VZ_EXIT_VALUE, -EINVAL, __VA_ARGS__)

#define TEXT_TYPE(meta, parse_fn)                                                               \
	{                                                                                       \
		meta, sizeof(char *), .text = true, .parse = (parse_fn), .format = text_format, \
				      .equal = text_equal, .copy = text_copy, .done = text_done \
	}

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
		return type_refuse(
			x, e, VZ_EXIT_HOSTNAME, -EINVAL,
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

const struct vz_type type_path = { "path",
				   sizeof(char *),
				   .text = true,
				   .parse = parse_path,
				   .format = text_format,
				   .equal = text_equal,
				   .copy = text_copy,
				   .done = text_done,
				   .resolve = resolve_path };

/* "3" or "0-3" */
static bool is_range(const char *s)
{
	_cleanup_free_ char *first = strndup(s, strcspn(s, "-"));
	const char *dash = strchr(s, '-');
	uint32_t a, b;

	if (!first || num_parse_u32(first, &a) < 0)
		return false;
	return !dash || (num_parse_u32(dash + 1, &b) >= 0 && a <= b);
}

/* CPU or node list: "0-3,5"; words: all, auto */
static int parse_mask(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	_cleanup_strv_ char **parts = NULL;

	if (!x->p->words || !strv_has((char *const *)x->p->words, s)) {
		if (strv_split(&parts, s, ",") < 0)
			return vz_fail(e, -ENOMEM, "parse %s", s);
		if (!strv_len(parts))
			return REFUSE("must be a list such as 0-3,5");
	}
	for (size_t i = 0; parts && parts[i]; i++)
		if (!is_range(parts[i]))
			return REFUSE("\"%.20s\" is neither a number nor a range such as 0-3",
				      parts[i]);
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
