/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Value types II: sizes and barrier:limit pairs.  Pairs are always written
 * with both parts, since readers of these files drop collapsed ones.  A plain
 * number is in the row's own unit; a suffix makes it bytes.
 */
#include "base/num.h"
#include "base/str.h"
#include "conf/param.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define REFUSE(...) type_refuse(x, e, VZ_EXIT_VALUE, -EINVAL, __VA_ARGS__)

static uint64_t page_size(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

/*
 * One number in units of unit bytes; 0: bare items, which take no suffix.
 * Values past the largest are unlimited in files, as they always were there
 * (LONG_MAX typed out), and an error on the command line.
 */
static int parse_size(const struct param_ctx *x, const char *s, uint64_t unit, uint64_t *ret,
		      struct vz_error *e)
{
	uint64_t v;
	int r;

	if (!s[strspn(s, "0123456789")])
		r = num_parse_u64(s,
				  &v); /* no detour over bytes: LONG_MAX pages is a valid value */
	else if (!unit && strcasecmp(s, "unlimited") != 0)
		r = -EINVAL;
	else
		r = num_parse_size(s, unit, page_size(), &v);
	if (r >= 0 && s[strspn(s, "0123456789")] && unit > 1 && v < UBC_UNLIMITED)
		v = v / unit + (v % unit != 0);
	if ((r >= 0 && v > UBC_UNLIMITED) || r == -ERANGE) {
		if (x->opt)
			return REFUSE("the number is too large, the largest is \"unlimited\"");
		v = UBC_UNLIMITED;
		r = 0;
	}
	if (r < 0)
		return REFUSE("\"%.30s\" is not a number%s; \"unlimited\" is accepted too", s,
			      unit ? " with an optional suffix T, G, M, K, P (pages) or B" : "");
	*ret = v;
	return 0;
}

static int parse_pair(const struct param_ctx *x, const char *s, uint64_t unit, uint64_t ret[2],
		      struct vz_error *e)
{
	const char *colon = strchr(s, ':');
	_cleanup_free_ char *first = colon ? strndup(s, (size_t)(colon - s)) : strdup(s);
	uint64_t a, b;
	int r;

	if (!first)
		return vz_fail(e, -ENOMEM, "parse %s", s);
	r = parse_size(x, first, unit, &a, e);
	if (r < 0)
		return r;
	b = a;
	if (colon) {
		r = parse_size(x, colon + 1, unit, &b, e);
		if (r < 0)
			return r;
	}
	ret[0] = a;
	ret[1] = b;
	return 0;
}

static void add_size(struct str *out, uint64_t v)
{
	if (v >= UBC_UNLIMITED)
		str_add(out, "unlimited");
	else
		str_addf(out, "%" PRIu64, v);
}

static int format_pair(uint64_t a, uint64_t b, char **ret)
{
	struct str out = { 0 };

	add_size(&out, a);
	str_add(&out, ":");
	add_size(&out, b);
	return str_take(&out, ret);
}

/* ---- beancounters ---- */

static int parse_ubc(const struct param_ctx *x, const char *s, uint64_t unit, void *v,
		     struct vz_error *e)
{
	uint64_t n[2];
	int r = parse_pair(x, s, unit, n, e);

	if (r < 0)
		return r;
	*(struct ubc *)v = (struct ubc){ n[0], n[1] };
	return 0;
}

static int parse_ubc_bytes(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	return parse_ubc(x, s, 1, v, e);
}

static int parse_ubc_pages(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	return parse_ubc(x, s, page_size(), v, e);
}

static int parse_ubc_items(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	return parse_ubc(x, s, 0, v, e);
}

static int format_ubc(const struct param *p, const void *v, char **ret)
{
	const struct ubc *u = v;

	(void)p;
	return format_pair(u->barrier, u->limit, ret);
}

#define UBC_TYPE(meta, fn)                                                    \
	{                                                                     \
		meta, sizeof(struct ubc), .parse = (fn), .format = format_ubc \
	}

const struct vz_type type_ubc_bytes = UBC_TYPE("bar[:lim]", parse_ubc_bytes);
const struct vz_type type_ubc_pages = UBC_TYPE("bar[:lim]", parse_ubc_pages);
const struct vz_type type_ubc_items = UBC_TYPE("bar[:lim]", parse_ubc_items);

/* --ram, --swap: bytes, stored as 0:pages rounded up */
static int parse_ram(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	uint64_t bytes, page = page_size();
	int r = parse_size(x, s, 1, &bytes, e);

	if (r < 0)
		return r;
	if (bytes < UBC_UNLIMITED)
		bytes = bytes / page + (bytes % page != 0);
	*(struct ubc *)v = (struct ubc){ 0, bytes };
	return 0;
}

const struct vz_type type_ram = UBC_TYPE("bytes", parse_ram);

/* ---- disk ---- */

static int parse_soft_hard(const struct param_ctx *x, const char *s, uint64_t unit, void *v,
			   struct vz_error *e)
{
	uint64_t n[2];
	int r = parse_pair(x, s, unit, n, e);

	if (r < 0)
		return r;
	if (n[0] > n[1])
		return REFUSE("the soft limit is above the hard limit");
	*(struct pair_u64 *)v = (struct pair_u64){ n[0], n[1] };
	return 0;
}

static int parse_space(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	return parse_soft_hard(x, s, 1024, v, e);
}

static int parse_inodes(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	return parse_soft_hard(x, s, 1, v, e);
}

static int format_soft_hard(const struct param *p, const void *v, char **ret)
{
	const struct pair_u64 *n = v;

	(void)p;
	return format_pair(n->soft, n->hard, ret);
}

const struct vz_type type_space = { "soft[:hard]", sizeof(struct pair_u64), .parse = parse_space,
				    .format = format_soft_hard };
const struct vz_type type_inodes = { "soft[:hard]", sizeof(struct pair_u64), .parse = parse_inodes,
				     .format = format_soft_hard };

/* ---- I/O rates: 0 = unlimited ---- */

/* The option counts in MB/s and the file in bytes/s: OpenVZ's users and files have both. */
static int parse_iolimit(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	uint64_t n;
	int r = parse_size(x, s, 1, &n, e);

	if (r < 0)
		return r;
	if (n >= UBC_UNLIMITED)
		n = 0;
	if (x->opt && !s[strspn(s, "0123456789")] && __builtin_mul_overflow(n, 1U << 20, &n))
		n = UBC_UNLIMITED;
	else if (x->opt && s[strspn(s, "0123456789")] == '.' && s[strlen(s) - 1] <= '9')
		return REFUSE("give a whole number of MB/s, or one with a suffix, e.g. 1.5M");
	if (n > INT32_MAX)
		return REFUSE("must be at most %d bytes/s, or 0 for no limit", INT32_MAX);
	*(uint64_t *)v = n;
	return 0;
}

static int format_iolimit(const struct param *p, const void *v, char **ret)
{
	(void)p;
	return str_fmt(ret, "%" PRIu64, *(const uint64_t *)v);
}

const struct vz_type type_iolimit = { "rate", sizeof(uint64_t), .parse = parse_iolimit,
				      .format = format_iolimit };

static int parse_iops(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	uint64_t n;
	int r = parse_size(x, s, 0, &n, e);

	if (r < 0)
		return r;
	if (n >= UBC_UNLIMITED)
		n = 0;
	if (n > INT32_MAX)
		return REFUSE("must be at most %d, or 0 for no limit", INT32_MAX);
	*(uint32_t *)v = (uint32_t)n;
	return 0;
}

static int format_iops(const struct param *p, const void *v, char **ret)
{
	(void)p;
	return str_fmt(ret, "%" PRIu32, *(const uint32_t *)v);
}

const struct vz_type type_iops = { "operations", sizeof(uint32_t), .parse = parse_iops,
				   .format = format_iops };
