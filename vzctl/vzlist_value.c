// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a column holds for a VE, as text, number and JSON.  Only what the asked
 * columns need is read: the configuration by key, the usage once per running
 * VE.  Counters that this kernel does not keep stay unknown ("-", null)
 * instead of looking like a measured zero.
 */
#include "vzlist.h"

#include <string.h>
#include <unistd.h>

#define UNKNOWN	  UINT64_MAX
#define UNLIMITED "9223372036854775807"

static char *conf_get(struct ve *v, const char *key)
{
	char *text = NULL;

	if (vz_ve_get(v->ve, key, &text, NULL) < 0)
		return NULL;
	if (text && !*text) {
		free(text);
		return NULL;
	}
	return text;
}

static const struct vz_ve_usage *usage(struct ve *v)
{
	if (v->asked)
		return &v->usage;
	v->asked = true;
	memset(&v->usage, 0xff, sizeof(v->usage)); /* every counter unknown */
	for (size_t i = 0; i < ARRAY_SIZE(v->usage.loadavg); i++)
		v->usage.loadavg[i] = -1;
	v->usage.size = sizeof(v->usage);
	if (v->state & VZ_RUNNING) {
		struct vz_ve_usage u = v->usage;

		if (vz_ve_usage(v->ve, &u, NULL) >= 0)
			v->usage = u;
	}
	return &v->usage;
}

/* The counter at a column's offset (stored +1, 0: none). */
static uint64_t counter(struct ve *v, size_t at)
{
	return at ? *(const uint64_t *)((const char *)usage(v) + at - 1) : UNKNOWN;
}

static char *number(uint64_t n)
{
	return n == UNKNOWN ? NULL : xfmt("%llu", (unsigned long long)n);
}

/* The half of "a:b" before (second: behind) the colon; "a" stands for both. */
static char *half(const char *pair, bool second)
{
	const char *colon = strchr(pair, ':');
	const char *s = second && colon ? colon + 1 : pair;
	_cleanup_free_ char *part = xstrndup(s, strcspn(s, ":"));

	return xstrdup(strcmp(part, "unlimited") == 0 ? UNLIMITED : part);
}

char *get_id(struct ve *v, const struct column *c, char sub)
{
	(void)c;
	(void)sub;
	return xfmt("%u", v->id);
}

char *get_smart_name(struct ve *v, const struct column *c, char sub)
{
	char *name = conf_get(v, "NAME");

	return name ? name : get_id(v, c, sub);
}

/* IP_ADDRESS without prefix lengths: what clients connect to. */
char *get_ip(struct ve *v, const struct column *c, char sub)
{
	char *text = conf_get(v, c->key), *to = text;
	bool skip = false;

	(void)sub;
	for (const char *from = text; from && *from; from++) {
		skip = *from == '/' || (skip && *from != ' ' && *from != ',');
		if (!skip)
			*to++ = *from;
	}
	if (text)
		*to = '\0';
	return text;
}

/* $VEID and ${VEID} stand in the file; people want the path. */
char *get_path(struct ve *v, const struct column *c, char sub)
{
	static const char *const forms[] = { "${VEID}", "$VEID" };
	_cleanup_free_ char *text = conf_get(v, c->key);
	const char *at = NULL;

	(void)sub;
	for (size_t i = 0; text && i < ARRAY_SIZE(forms); i++) {
		at = strstr(text, forms[i]);
		if (at)
			return xfmt("%.*s%u%s", (int)(at - text), text, v->id,
				    at + strlen(forms[i]));
	}
	return text ? xstrdup(text) : NULL;
}

char *get_status(struct ve *v, const struct column *c, char sub)
{
	(void)c;
	(void)sub;
	return xstrdup(v->state & VZ_RUNNING	 ? "running"
		       : v->state & VZ_SUSPENDED ? "suspended"
		       : v->state & VZ_MOUNTED	 ? "mounted"
						 : "stopped");
}

/* As a kernel with vz's patches counts and bounds it. */
static char *kernel_row(struct ve *v, const struct column *c, char sub)
{
	const struct vz_ubc_row *row = c->row ? &usage(v)->ubc[c->row - 1] : NULL;

	if (!row)
		return NULL;
	switch (sub) {
	case 'm':
		return number(row->maxheld);
	case 'b':
		return number(row->barrier);
	case 'l':
		return number(row->limit);
	case 'f':
		return number(row->failcnt);
	default:
		return number(row->held);
	}
}

/* What is in force says the kernel, if it does; what shall be, the configuration. */
static char *ubc_bound(struct ve *v, const struct column *c, char sub)
{
	_cleanup_free_ char *conf = NULL;
	char *bound = kernel_row(v, c, sub);

	if (bound)
		return bound;
	conf = conf_get(v, c->key);
	return conf ? half(conf, sub == 'l') : NULL;
}

char *get_ubc(struct ve *v, const struct column *c, char sub)
{
	size_t at = sub == 'm' ? c->maxheld : sub == 'f' ? c->failcnt : c->held;
	uint64_t n, more = 0;

	if (sub == 'b' || sub == 'l')
		return ubc_bound(v, c, sub);
	n = counter(v, at);
	if (!sub && c->held2)
		more = counter(v, c->held2);
	if (n == UNKNOWN || more == UNKNOWN)
		return kernel_row(v, c, sub);
	n += more;
	return number(c->pages && sub != 'f' ? n / (uint64_t)sysconf(_SC_PAGESIZE) : n);
}

char *get_disk(struct ve *v, const struct column *c, char sub)
{
	_cleanup_free_ char *conf = NULL;
	uint64_t n;

	if (sub) {
		conf = conf_get(v, c->key);
		return conf ? half(conf, sub == 'h') : NULL;
	}
	n = counter(v, c->held);
	if (n != UNKNOWN && strcmp(c->name, "diskspace") == 0)
		n = (n + 1023) / 1024;
	return number(n);
}

char *get_laverage(struct ve *v, const struct column *c, char sub)
{
	const double *l = usage(v)->loadavg;

	(void)c;
	(void)sub;
	if (!(l[0] >= 0 && l[1] >= 0 && l[2] >= 0))
		return NULL;
	return xfmt("%.2f/%.2f/%.2f", l[0], l[1], l[2]);
}

char *get_uptime(struct ve *v, const struct column *c, char sub)
{
	unsigned long long s = usage(v)->uptime_ms / 1000;

	(void)c;
	(void)sub;
	if (usage(v)->uptime_ms == UNKNOWN)
		return NULL;
	return xfmt("%03llud%02lluh:%02llum:%02llus", s / 86400, s / 3600 % 24, s / 60 % 60,
		    s % 60);
}

char *get_vswap(struct ve *v, const struct column *c, char sub)
{
	_cleanup_free_ char *conf = conf_get(v, c->key);
	_cleanup_free_ char *limit = conf ? half(conf, true) : NULL;

	(void)sub;
	return xstrdup(limit && strcmp(limit, UNLIMITED) != 0 ? "yes" : "no");
}

/* Clients know simfs and ploop; a directory layout of ours is the first to them. */
char *get_layout(struct ve *v, const struct column *c, char sub)
{
	_cleanup_free_ char *conf = conf_get(v, c->key);

	(void)sub;
	return conf && *conf ? xstrndup(conf, strcspn(conf, ":")) : xstrdup("simfs");
}

char *value_text(struct ve *v, const struct field *f)
{
	char *text = f->col->get ? f->col->get(v, f->col, f->sub) : conf_get(v, f->col->key);

	if (text && f->col->kind == COL_NUM && strcmp(text, "unlimited") == 0) {
		free(text);
		text = xstrdup("0"); /* IOLIMIT, IOPSLIMIT: the columns say 0 for none */
	}
	return text || !f->col->def ? text : xstrdup(f->col->def);
}

bool value_number(struct ve *v, const struct field *f, double *ret)
{
	_cleanup_free_ char *text = NULL;
	char *end;

	switch (f->col->kind) {
	case COL_UPTIME:
		*ret = (double)usage(v)->uptime_ms / 1000;
		return usage(v)->uptime_ms != UNKNOWN;
	case COL_NUM:
	case COL_UBC:
	case COL_PAIR:
	case COL_LOAD:
		text = value_text(v, f);
		if (!text)
			return false;
		*ret = strtod(text, &end);
		return end != text;
	default:
		return false;
	}
}

/* {"nfs": true, ...} from "nfs:on sit:off" (blanks or commas between). */
static void json_onoff(struct json *j, char *text)
{
	char *w;

	if (!text) {
		json_null(j);
		return;
	}
	json_open(j, '{');
	while ((w = cli_word(&text, " ,"))) {
		char *colon = strchr(w, ':');

		if (!colon)
			continue;
		*colon = '\0';
		for (char *p = w; *p; p++)
			if (*p >= 'A' && *p <= 'Z')
				*p = (char)(*p - 'A' + 'a');
		json_key(j, w);
		json_bool(j, strcmp(colon + 1, "on") == 0);
	}
	json_close(j, '}');
}

static void json_list(struct json *j, char *text, const char *seps, bool numbers)
{
	char *w;

	if (!text && numbers) {
		json_null(j);
		return;
	}
	json_open(j, '[');
	while ((w = cli_word(&text, seps))) {
		if (numbers)
			json_number(j, w);
		else
			json_string(j, w);
	}
	json_close(j, ']');
}

/* The sub-fields of a column as one object, null where nothing is known. */
static void json_parts(struct json *j, struct ve *v, const struct column *c)
{
	static const char *const ubc[] = { "held", "maxheld", "barrier", "limit", "failcnt" };
	static const char *const pair[] = { "usage", "softlimit", "hardlimit" };
	const char *const *keys = c->kind == COL_UBC ? ubc : pair;
	const char *subs = column_subs(c);
	char *part[ARRAY_SIZE(ubc)];
	size_t n = strlen(subs) + 1;
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		struct field f = { c, i ? subs[i - 1] : 0 };

		part[i] = value_text(v, &f);
		any |= part[i] != NULL;
	}
	if (!any) {
		json_null(j);
		return;
	}
	json_open(j, '{');
	for (size_t i = 0; i < n; i++) {
		json_key(j, keys[i]);
		json_number(j, part[i]);
		free(part[i]);
	}
	json_close(j, '}');
}

static void json_uptime(struct json *j, struct ve *v)
{
	uint64_t ms = usage(v)->uptime_ms;
	_cleanup_free_ char *text = ms == UNKNOWN ? NULL : xfmt("%.3f", (double)ms / 1000);

	json_number(j, text);
}

void value_json(struct json *j, struct ve *v, const struct column *c)
{
	struct field f = { .col = c };
	_cleanup_free_ char *text = NULL;

	if (c->kind == COL_UBC || c->kind == COL_PAIR) {
		json_parts(j, v, c);
		return;
	}
	if (c->kind == COL_UPTIME) {
		json_uptime(j, v);
		return;
	}
	text = value_text(v, &f);
	if (c->kind == COL_NUM)
		json_number(j, text);
	else if (c->kind == COL_LIST)
		json_list(j, text, " ,", false);
	else if (c->kind == COL_LOAD)
		json_list(j, text, "/", true);
	else if (c->kind == COL_ONOFF)
		json_onoff(j, text);
	else if (c->kind == COL_BOOL && text)
		json_bool(j, strcmp(text, "yes") == 0);
	else
		json_string(j, text);
}
