/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Value types III: lists.  Files hold them blank-separated; options accept
 * commas too.  Address lists and on/off lists are edited by their options,
 * resolver lists are replaced by the first option and grown by the next.
 */
#include "base/num.h"
#include "base/str.h"
#include "conf/param.h"
#include "mech/net/net.h"
#include "os/os.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#define REFUSE(...) type_refuse(x, e, VZ_EXIT_VALUE, -EINVAL, __VA_ARGS__)
#define LIST_SEPS   " \t\n,"

static int copy_list(void *dst, const void *src)
{
	char **copy = NULL;
	int r = strv_copy(&copy, *(char **const *)src);

	if (r < 0)
		return r;
	strv_free(*(char ***)dst);
	*(char ***)dst = copy;
	return 0;
}

static void done_list(void *v)
{
	strv_free(*(char ***)v);
	*(char ***)v = NULL;
}

static bool equal_list(const void *a, const void *b)
{
	return strv_eq(*(char **const *)a, *(char **const *)b);
}

static int format_list(const struct param *p, const void *v, char **ret)
{
	(void)p;
	return strv_join(ret, *(char **const *)v, " ");
}

/* Split s and hand every part to fn. */
typedef int part_fn(const struct param_ctx *x, const char *part, void *v, struct vz_error *e);

static int each_part(const struct param_ctx *x, const char *s, void *v, part_fn *fn,
		     struct vz_error *e)
{
	_cleanup_strv_ char **parts = NULL;
	int r = strv_split(&parts, s, LIST_SEPS);

	if (r < 0)
		return vz_fail(e, r, "parse %s", s);
	for (size_t i = 0; parts && parts[i] && r >= 0; i++)
		r = fn(x, parts[i], v, e);
	return r;
}

static int add(void *v, const char *s, struct vz_error *e)
{
	int r = strv_has(*(char ***)v, s) ? 0 : strv_add(v, s);

	return r < 0 ? vz_fail(e, r, "store %s", s) : 0;
}

#define LIST_TYPE(meta, merge_, parse_, resolve_)                                                  \
	{                                                                                          \
		meta, sizeof(char **), .merge = (merge_), .parse = (parse_),                       \
				       .format = format_list, .equal = equal_list,                 \
				       .copy = copy_list, .done = done_list, .resolve = (resolve_) \
	}

static int part_any(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	(void)x;
	return add(v, s, e);
}

static int parse_list(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	return each_part(x, s, v, part_any, e);
}

const struct vz_type type_list = LIST_TYPE("list", MERGE_REPEAT, parse_list, NULL);

/* ---- resolver ---- */

#define INHERIT "inherit"

static int part_nameserver(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	struct in6_addr buf;

	if (strcmp(s, INHERIT) != 0 && inet_pton(AF_INET, s, &buf) != 1 &&
	    inet_pton(AF_INET6, s, &buf) != 1)
		return type_refuse(x, e, VZ_EXIT_DNS, -EINVAL,
				   "\"%.60s\" is neither an address nor the word " INHERIT, s);
	return add(v, s, e);
}

static int parse_nameserver(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	return each_part(x, s, v, part_nameserver, e);
}

static int part_domain(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	for (const char *p = s; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-._", *p))
			return type_refuse(x, e, VZ_EXIT_SEARCHDOMAIN, -EINVAL,
					   "a domain has letters, digits, '-' and '.' only");
	return add(v, s, e);
}

static int parse_searchdomain(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	return each_part(x, s, v, part_domain, e);
}

/* The words after `keyword` in the host's resolv.conf; of `search` the last line counts. */
static int host_resolver(const char *keyword, bool last_wins, char ***ret)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_strv_ char **lines = NULL, **out = NULL;
	int r = os_read_file_at(AT_FDCWD, "/etc/resolv.conf", 64 << 10, &text, NULL);

	if (r == -ENOENT)
		return 0;
	if (r >= 0)
		r = strv_split(&lines, text, "\n");
	for (size_t i = 0; r >= 0 && lines && lines[i]; i++) {
		_cleanup_strv_ char **words = NULL;

		r = strv_split(&words, lines[i], " \t\r");
		if (r < 0 || !words || strcmp(words[0], keyword) != 0)
			continue;
		if (last_wins) {
			strv_free(out);
			out = NULL;
		}
		for (size_t k = 1; r >= 0 && words[k] && words[k][0] != '#'; k++)
			r = strv_add(&out, words[k]);
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(out);
	return 0;
}

static int resolve_inherit(void *v, char **raw, const char *keyword, bool last_wins)
{
	char **list = *(char ***)v, **host = NULL;
	int r;

	if (!strv_has(list, INHERIT))
		return 0;
	r = strv_join(raw, list, " ");
	if (r >= 0)
		r = host_resolver(keyword, last_wins, &host);
	if (r < 0)
		return r;
	strv_free(list);
	*(char ***)v = host;
	return 0;
}

static int resolve_nameserver(uint32_t ctid, void *v, char **raw)
{
	(void)ctid;
	return resolve_inherit(v, raw, "nameserver", false);
}

static int resolve_searchdomain(uint32_t ctid, void *v, char **raw)
{
	(void)ctid;
	return resolve_inherit(v, raw, "search", true);
}

const struct vz_type type_nameserver =
	LIST_TYPE("address", MERGE_REPEAT, parse_nameserver, resolve_nameserver);
const struct vz_type type_searchdomain =
	LIST_TYPE("domain", MERGE_REPEAT, parse_searchdomain, resolve_searchdomain);

/* ---- addresses ---- */

static bool same_host(const struct net_addr *a, const char *text)
{
	struct net_addr b;

	if (net_addr_parse(text, &b, NULL) < 0 || a->family != b.family)
		return false;
	return a->family == AF_INET ? a->v4.s_addr == b.v4.s_addr
				    : memcmp(&a->v6, &b.v6, sizeof(b.v6)) == 0;
}

static bool is_any(const struct net_addr *a)
{
	static const struct in6_addr any6 = IN6ADDR_ANY_INIT;

	return a->family == AF_INET ? a->v4.s_addr == 0 : memcmp(&a->v6, &any6, sizeof(any6)) == 0;
}

static int parse_addr(const struct param_ctx *x, const char *s, struct net_addr *a,
		      struct vz_error *e)
{
	if (net_addr_parse(s, a, NULL) < 0)
		return type_refuse(
			x, e, VZ_EXIT_IP, -EINVAL,
			"\"%.60s\" is not an address such as 10.0.0.1, 10.0.0.1/24 or 2001:db8::1/64",
			s);
	return 0;
}

/* An address that is there already is replaced where it stands: its mask may have changed. */
static int part_ip(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	_cleanup_free_ char *text = NULL;
	struct net_addr a;
	int r = parse_addr(x, s, &a, e);

	if (r < 0 || is_any(&a))
		return r;
	r = net_addr_format(&a, &text);
	if (r < 0)
		return vz_fail(e, r, "format %s", s);
	for (char **p = *(char ***)v; p && *p; p++) {
		if (same_host(&a, *p)) {
			free(*p);
			*p = TAKE_PTR(text);
			return 0;
		}
	}
	return add(v, text, e);
}

static int parse_ip(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	return each_part(x, s, v, part_ip, e);
}

static int part_ipdel(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	char **list = *(char ***)v;
	struct net_addr a;
	int r;

	if (strcmp(s, "all") == 0) {
		done_list(v);
		return 0;
	}
	r = parse_addr(x, s, &a, e);
	for (size_t i = 0; r >= 0 && list && list[i]; i++) {
		if (same_host(&a, list[i])) {
			/* strv_remove compares text and may free what it is given */
			_cleanup_free_ char *text = strdup(list[i]);

			if (!text)
				return vz_fail(e, -ENOMEM, "remove %s", s);
			(void)strv_remove(list, text);
			break;
		}
	}
	return r;
}

static int parse_ipdel(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	return each_part(x, s, v, part_ipdel, e);
}

const struct vz_type type_ip = LIST_TYPE("address[/mask]", MERGE_EDIT, parse_ip, NULL);
const struct vz_type type_ipdel = LIST_TYPE("address|all", MERGE_EDIT, parse_ipdel, NULL);

/* ---- devnodes: name:[rwq]|none ---- */

static int part_devnode(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	const char *colon = strrchr(s, ':');
	size_t n = colon ? (size_t)(colon - s) : 0;
	char **list = *(char ***)v;

	if (!n || s[0] == '/' || strstr(s, "..") || !colon[1] ||
	    (strcmp(colon + 1, "none") != 0 && colon[1 + strspn(colon + 1, "rwq")]))
		return REFUSE(
			"must be NAME:ACCESS with a name below /dev and access r, w, q or none");
	for (size_t i = 0; list && list[i]; i++) {
		if (strncmp(list[i], s, n + 1) == 0 && !strchr(list[i] + n + 1, ':')) {
			_cleanup_free_ char *old = strdup(list[i]);

			if (!old)
				return vz_fail(e, -ENOMEM, "store %s", s);
			(void)strv_remove(list, old);
			break;
		}
	}
	return strcmp(colon + 1, "none") == 0 ? 0 : add(v, s, e);
}

static int parse_devnodes(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	return each_part(x, s, v, part_devnode, e);
}

const struct vz_type type_devnodes = LIST_TYPE("name:rwq|none", MERGE_EDIT, parse_devnodes, NULL);
