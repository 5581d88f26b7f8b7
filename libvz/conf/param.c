/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Work on rows of the table: look up, parse into a VE's configuration, format,
 * compare, copy.  One rule makes a failed parse harmless: values are parsed
 * into a scratch value that replaces the old one only when it is complete.
 */
#include "conf/param.h"

#include "base/str.h"

#include <string.h>

size_t param_count(void)
{
	return param_table_n;
}

const struct param *param_at(size_t i)
{
	return i < param_table_n ? &param_table[i] : NULL;
}

size_t param_index(const struct param *p)
{
	return (size_t)(p - param_table);
}

enum apply_group param_group(const struct param *p)
{
	return p->group;
}

const char *param_key(const struct param *p)
{
	return p->key;
}

unsigned int param_flags(const struct param *p)
{
	return p->flags & 0xffff;
}

const struct param *param_by_key(const char *key)
{
	for (size_t i = 0; i < param_table_n; i++) {
		const struct param *p = &param_table[i];

		if (p->key &&
		    (strcmp(p->key, key) == 0 || (p->key_alias && strcmp(p->key_alias, key) == 0)))
			return p;
	}
	return NULL;
}

const struct param *param_by_opt(const char *opt)
{
	for (size_t i = 0; i < param_table_n; i++) {
		const struct param *p = &param_table[i];

		if (p->opt && (strcmp(p->opt, opt) == 0 || strv_has((char *const *)p->alias, opt)))
			return p;
	}
	return NULL;
}

const char *param_word(const struct param *p, size_t k)
{
	if (p->type->word)
		return p->type->word(k);
	for (size_t i = 0; p->words && p->words[i]; i++)
		if (i == k)
			return p->words[i];
	return NULL;
}

/* The row that owns the value an option edits. */
static const struct param *owner(const struct param *p)
{
	return p->of ? param_by_key(p->of) : p;
}

/* The value's place in c, or NULL: it is kept as text of another type. */
static void *place(const struct ve_config *c, const struct param *p)
{
	if (p->off)
		return (char *)c + p->off;
	return p->type->text ? &c->text[param_index(p)] : NULL;
}

static int prepare(struct ve_config *c, struct vz_error *e)
{
	if (!c->origin)
		c->origin = calloc(param_table_n, sizeof(*c->origin));
	if (!c->text)
		c->text = calloc(param_table_n, sizeof(*c->text));
	return c->origin && c->text ? 0 : vz_fail(e, -ENOMEM, "allocate a configuration");
}

static void type_done(const struct vz_type *t, void *v)
{
	if (t->done)
		t->done(v);
}

static int type_copy(const struct vz_type *t, void *dst, const void *src)
{
	if (t->copy)
		return t->copy(dst, src);
	memcpy(dst, src, t->size);
	return 0;
}

void param_value_done(const struct param *p, union param_value *v)
{
	type_done(p->type, v);
	*v = (union param_value){ .room = { 0 } };
}

int param_value_parse(const struct param *p, const char *s, union param_value *v,
		      struct vz_error *e)
{
	struct param_ctx x = { .p = p, .value = s };
	int r;

	*v = (union param_value){ .room = { 0 } };
	r = p->type->parse(&x, s, v, e);
	if (r < 0)
		param_value_done(p, v);
	return r;
}

/* Put the scratch value in place of the old one, resolved. */
static int commit(struct ve_config *c, const struct param *own, const struct vz_type *t,
		  union param_value *v, struct vz_error *e)
{
	char **text = &c->text[param_index(own)];
	void *at = place(c, own);
	char *raw = NULL;
	int r = 0;

	if (own->type->resolve)
		r = own->type->resolve(c->ctid, v, &raw);
	else if (!at)
		r = t->format(own, v, &raw);
	if (r < 0)
		return vz_fail(e, r, "parse %s", own->key);
	if (own->off || !at) {
		free(*text);
		*text = raw;
	}
	if (!at)
		return 0;
	type_done(own->type, at);
	memcpy(at, v, t->size);
	*v = (union param_value){ .room = { 0 } };
	return 0;
}

static int parse_into(struct ve_config *c, const struct param_ctx *x, const char *s,
		      enum conf_origin from, struct vz_error *e)
{
	const struct param *own = owner(x->p);
	const struct vz_type *t = x->p->type;
	union param_value v = { .room = { 0 } };
	int r = prepare(c, e);
	uint8_t *origin;
	bool edit;

	if (r < 0)
		return r;
	origin = &c->origin[param_index(own)];
	edit = x->opt &&
	       (t->merge == MERGE_EDIT || (t->merge == MERGE_REPEAT && *origin == FROM_CLI));
	if (edit && place(c, own))
		r = type_copy(t, &v, place(c, own));
	r = r < 0 ? vz_fail(e, r, "parse %s", own->key) : t->parse(x, s, &v, e);
	if (r >= 0)
		r = commit(c, own, t, &v, e);
	type_done(t, &v);
	if (r >= 0)
		*origin = (uint8_t)from;
	return r;
}

int param_parse_opt(struct ve_config *c, const struct host_config *h, const struct param *p,
		    const char *opt, const char *value, struct vz_error *e)
{
	struct param_ctx x = { .p = p, .opt = opt, .value = value };

	(void)h;
	if (p->flags & P_IGNORED)
		return 0;
	return parse_into(c, &x, value, FROM_CLI, e);
}

int param_parse_file(struct ve_config *c, const struct host_config *h, const struct param *p,
		     const char *value, enum conf_origin from, struct vz_error *e)
{
	struct param_ctx x = { .p = p, .value = value };

	(void)h;
	return parse_into(c, &x, value, from, e);
}

bool param_is_set(const struct ve_config *c, const struct param *p)
{
	return c->origin && c->origin[param_index(owner(p))] > FROM_NOWHERE;
}

int param_format(const struct ve_config *c, const struct param *p, char **ret)
{
	const struct param *own = owner(p);
	const char *text;

	*ret = NULL;
	if (!param_is_set(c, p))
		return 0;
	text = c->text[param_index(own)];
	if (text || !place(c, own))
		return str_fmt(ret, "%s", text ? text : "");
	return own->type->format(own, place(c, own), ret);
}

static bool same(const struct ve_config *a, const struct ve_config *b, const struct param *p)
{
	const void *va, *vb;

	if (!a->text || !b->text)
		return a->text == b->text;
	va = place(a, p);
	vb = place(b, p);
	if (!va)
		return str_eq(a->text[param_index(p)], b->text[param_index(p)]);
	if (p->type->equal)
		return p->type->equal(va, vb);
	return memcmp(va, vb, p->type->size) == 0;
}

unsigned int ve_config_diff(const struct ve_config *a, const struct ve_config *b)
{
	unsigned int groups = 0;

	for (size_t i = 0; i < param_table_n; i++) {
		const struct param *p = &param_table[i];

		if (p->key && !p->of && (p->flags & VZ_PARAM_VE) && !same(a, b, p))
			groups |= 1U << p->group;
	}
	return groups;
}

void ve_config_init(struct ve_config *c)
{
	*c = (struct ve_config){ .onboot = -1, .bootorder = -1 };
}

void ve_config_done(struct ve_config *c)
{
	for (size_t i = 0; i < param_table_n; i++) {
		const struct param *p = &param_table[i];

		if (p->key && p->off && (p->flags & VZ_PARAM_VE))
			type_done(p->type, (char *)c + p->off);
		if (c->text)
			free(c->text[i]);
	}
	free(c->text);
	free(c->origin);
	free(c->bad);
	ve_config_init(c);
}

int ve_config_copy(struct ve_config *dst, const struct ve_config *src)
{
	int r;

	ve_config_init(dst);
	r = prepare(dst, NULL);
	dst->ctid = src->ctid;
	if (r >= 0)
		r = str_set(&dst->bad, src->bad);
	if (r >= 0 && src->origin)
		memcpy(dst->origin, src->origin, param_table_n);
	for (size_t i = 0; r >= 0 && i < param_table_n; i++) {
		const struct param *p = &param_table[i];

		if (p->key && p->off && (p->flags & VZ_PARAM_VE))
			r = type_copy(p->type, (char *)dst + p->off, (const char *)src + p->off);
		if (r >= 0 && src->text)
			r = str_set(&dst->text[i], src->text[i]);
	}
	if (r < 0)
		ve_config_done(dst);
	return r;
}
