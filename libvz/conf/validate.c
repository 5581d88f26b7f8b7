/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rules of vzcfgvalidate(8) as tables: what each line must be, what a
 * beancounter must be, and which must be large enough for which others.
 * Sums stick at "unlimited".  Knows one file only, not what vz.conf adds.
 */
#include "conf/validate.h"

#include "base/str.h"
#include "conf/config.h"
#include "conf/file.h"
#include "conf/param.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

enum { V_AVNUMPROC = UBC_COUNT, V_COUNT };
enum part { BAR, LIM, GAP }; /* GAP: limit - barrier */
static const char *const part_name[] = { "barrier", "limit", "limit minus barrier" };

struct item {
	const struct param *p;
	struct ubc v;
	unsigned int line; /* 0: not in the file */
};

struct check {
	struct conf_file *f;
	vz_problem_fn *fn;
	void *data;
	struct item v[V_COUNT];
	bool vswap, changed;
	bool host; /* vz.conf: no VE's limits need be there */
	int worst;
};

static uint64_t add(uint64_t a, uint64_t b)
{
	uint64_t s;

	return __builtin_add_overflow(a, b, &s) || s > UBC_UNLIMITED ? UBC_UNLIMITED : s;
}

static uint64_t times(uint64_t a, uint64_t b)
{
	uint64_t s;

	return __builtin_mul_overflow(a, b, &s) || s > UBC_UNLIMITED ? UBC_UNLIMITED : s;
}

/* Say a problem; 1 when the fix is in place. */
static int say(struct check *c, const struct vz_problem *p, struct vz_error *e)
{
	int want = c->fn(c->data, p);

	if (want && p->fix) {
		int r = conf_file_set(c->f, p->key, p->fix);

		if (r < 0)
			return vz_fail(e, r, "put %s in place", p->key);
		c->changed = true;
		return 1;
	}
	if (p->severity > c->worst)
		c->worst = p->severity;
	return 0;
}

/* The same for a beancounter whose right value is known. */
static int say_ubc(struct check *c, int severity, struct item *i, struct ubc right,
		   const char *text, struct vz_error *e)
{
	_cleanup_free_ char *fix = NULL;
	struct vz_problem p = { severity, i->line, i->p->key, text, NULL };
	int r = i->p->type->format(i->p, &right, &fix);

	if (r < 0)
		return vz_fail(e, r, "validate %s", i->p->key);
	p.fix = fix;
	r = say(c, &p, e);
	if (r > 0)
		i->v = right;
	return r;
}

/* ---- line by line ---- */

static int unknown_key(struct check *c, unsigned int line, const char *key, struct vz_error *e)
{
	char text[160] = "unknown key, it is kept and ignored";
	struct vz_problem p = { VZ_PROBLEM_RECOMMENDATION, line, key, text, NULL };
	unsigned int best = 3;

	for (size_t i = 0; i < param_table_n; i++) {
		unsigned int d = param_table[i].key ? str_distance(param_table[i].key, key) : best;

		if (d >= best)
			continue;
		best = d;
		(void)snprintf(text, sizeof(text), "unknown key, it is ignored; did you mean %s?",
			       param_table[i].key);
	}
	return say(c, &p, e);
}

static int check_value(struct check *c, unsigned int line, const char *key, const char *value,
		       struct vz_error *e)
{
	const struct param *p = param_by_key(key);
	struct vz_problem problem = { .severity = VZ_PROBLEM_ERROR, .line = line, .key = key };
	union param_value v;
	struct vz_error why = { 0 };
	char text[700];
	int r;

	if (!p)
		return unknown_key(c, line, key, e);
	r = param_value_parse(p, value, &v, &why);
	if (r == -ENOMEM)
		return vz_fail(e, r, "validate %s", key);
	if (r >= 0) {
		for (size_t i = 0; i < V_COUNT; i++) {
			if (c->v[i].p == p && !c->v[i].line) {
				c->v[i].v = v.ubc;
				c->v[i].line = line;
			}
		}
		param_value_done(p, &v);
		return 0;
	}
	/* the key stands beside the text already */
	(void)snprintf(text, sizeof(text), "%s%s%s",
		       str_has_prefix(why.text, p->key) ? why.text + strlen(p->key) + 2 : why.text,
		       p->example ? "; for example " : "", p->example ? p->example : "");
	problem.text = text;
	return say(c, &problem, e);
}

static int check_lines(struct check *c, struct vz_error *e)
{
	const char *key, *value, *text;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < conf_file_lines(c->f); i++) {
		unsigned int line = (unsigned int)i + 1;

		conf_file_line(c->f, i, &key, &value, &text);
		if (text) {
			/* a line with a key is a good one that comes too late */
			struct vz_problem p = { key ? VZ_PROBLEM_WARNING : VZ_PROBLEM_ERROR, line,
						key, text, NULL };

			r = say(c, &p, e);
		} else if (key) {
			r = check_value(c, line, key, value, e);
		}
	}
	return r;
}

/* ---- single beancounters ---- */

enum shape { ORDERED = 1, EQUAL = 2, NO_LIMIT = 4, NEEDED = 8 };

/* NO_LIMIT and NEEDED are rules of the old style only */
static const uint8_t shapes[V_COUNT] = {
	[UBC_KMEMSIZE] = NEEDED,
	[UBC_PRIVVMPAGES] = NEEDED,
	[UBC_DGRAMRCVBUF] = NEEDED,
	[UBC_TCPSNDBUF] = NEEDED,
	[UBC_TCPRCVBUF] = NEEDED,
	[UBC_OTHERSOCKBUF] = NEEDED,
	[UBC_NUMPROC] = EQUAL | NEEDED,
	[UBC_NUMTCPSOCK] = EQUAL | NEEDED,
	[UBC_NUMOTHERSOCK] = EQUAL | NEEDED,
	[UBC_SHMPAGES] = EQUAL,
	[UBC_NUMPTY] = EQUAL,
	[UBC_NUMSIGINFO] = EQUAL,
	[UBC_NUMFILE] = EQUAL,
	[UBC_NUMIPTENT] = EQUAL,
	[UBC_VMGUARPAGES] = NO_LIMIT | NEEDED,
	[UBC_OOMGUARPAGES] = NO_LIMIT | NEEDED,
};

static int check_missing(struct check *c, struct vz_error *e)
{
	static const char text[] =
		"is missing: set it, or PHYSPAGES and SWAPPAGES from which the rest follows";
	struct vz_problem p = { .severity = VZ_PROBLEM_ERROR, .text = text };
	int r = 0;

	if (c->vswap && !c->v[UBC_SWAPPAGES].line) {
		p.key = c->v[UBC_SWAPPAGES].p->key;
		p.text = "is missing although PHYSPAGES has a limit; 0:0 means no swap";
		return say(c, &p, e);
	}
	for (size_t i = 0; !c->vswap && !c->host && r >= 0 && i < V_COUNT; i++) {
		if (!(shapes[i] & NEEDED) || c->v[i].line)
			continue;
		p.key = c->v[i].p->key;
		r = say(c, &p, e);
	}
	return r;
}

static int check_shape(struct check *c, struct item *i, uint8_t shape, struct vz_error *e)
{
	struct ubc v = i->v;
	uint64_t max = v.barrier > v.limit ? v.barrier : v.limit;
	int r = 0;

	if (v.barrier > v.limit)
		return say_ubc(c, VZ_PROBLEM_ERROR, i, (struct ubc){ v.barrier, max },
			       "the barrier is above the limit", e);
	if ((shape & EQUAL) && v.barrier != v.limit)
		r = say_ubc(c, VZ_PROBLEM_ERROR, i, (struct ubc){ max, max },
			    "barrier and limit must be equal", e);
	if ((shape & NO_LIMIT) && !c->vswap && v.limit != UBC_UNLIMITED)
		r = say_ubc(c, VZ_PROBLEM_ERROR, i, (struct ubc){ v.barrier, UBC_UNLIMITED },
			    "the limit must be unlimited", e);
	return r;
}

static int check_shapes(struct check *c, struct vz_error *e)
{
	struct item *ram = &c->v[UBC_PHYSPAGES];
	int r = 0;

	for (size_t i = 0; r >= 0 && i < V_COUNT; i++)
		if (c->v[i].line)
			r = check_shape(c, &c->v[i], shapes[i], e);
	if (r >= 0 && ram->line && !c->vswap && ram->v.barrier != 0)
		r = say_ubc(
			c, VZ_PROBLEM_ERROR, ram, (struct ubc){ 0, UBC_UNLIMITED },
			"must be 0:unlimited in an old-style configuration, or 0:LIMIT with SWAPPAGES",
			e);
	return r;
}

/* ---- one against others ---- */

/* part of id >= least + sum of factor * term */
struct rule {
	int severity;
	int id;
	enum part part;
	uint64_t least;
	struct {
		uint64_t factor;
		int id;
		enum part part;
	} term[3];
};

#define KIB(n) ((uint64_t)((n)*1024))

static const struct rule rules[] = {
	{ VZ_PROBLEM_WARNING, UBC_DCACHESIZE, LIM, 0, { { 384, UBC_NUMFILE, BAR } } },
	{ VZ_PROBLEM_WARNING,
	  UBC_KMEMSIZE,
	  BAR,
	  0,
	  { { KIB(40), V_AVNUMPROC, BAR }, { 1, UBC_DCACHESIZE, LIM } } },
	{ VZ_PROBLEM_WARNING, UBC_PRIVVMPAGES, BAR, 0, { { 1, UBC_VMGUARPAGES, BAR } } },
	{ VZ_PROBLEM_WARNING, UBC_TCPSNDBUF, GAP, 0, { { KIB(2.5), UBC_NUMTCPSOCK, BAR } } },
	{ VZ_PROBLEM_WARNING, UBC_TCPSNDBUF, BAR, KIB(64), { { 0 } } },
	{ VZ_PROBLEM_WARNING, UBC_TCPRCVBUF, GAP, 0, { { KIB(2.5), UBC_NUMTCPSOCK, BAR } } },
	{ VZ_PROBLEM_WARNING, UBC_TCPRCVBUF, BAR, KIB(64), { { 0 } } },
	{ VZ_PROBLEM_WARNING, UBC_OTHERSOCKBUF, GAP, 0, { { KIB(2.5), UBC_NUMOTHERSOCK, BAR } } },
	{ VZ_PROBLEM_WARNING, UBC_DGRAMRCVBUF, BAR, KIB(32), { { 0 } } },
	{ VZ_PROBLEM_WARNING, UBC_OTHERSOCKBUF, BAR, KIB(32), { { 0 } } },
	{ VZ_PROBLEM_WARNING, UBC_NUMFILE, BAR, 0, { { 32, V_AVNUMPROC, BAR } } },
	{ VZ_PROBLEM_WARNING,
	  UBC_NUMFILE,
	  BAR,
	  0,
	  { { 1, UBC_NUMTCPSOCK, BAR }, { 1, UBC_NUMOTHERSOCK, BAR }, { 1, UBC_NUMPTY, BAR } } },
	{ VZ_PROBLEM_RECOMMENDATION, UBC_DGRAMRCVBUF, BAR, KIB(129), { { 0 } } },
	{ VZ_PROBLEM_RECOMMENDATION, UBC_OTHERSOCKBUF, BAR, KIB(129), { { 0 } } },
};

static uint64_t part_of(const struct ubc *v, enum part part)
{
	if (part == GAP)
		return v->limit >= UBC_UNLIMITED ? UBC_UNLIMITED
		       : v->limit < v->barrier	 ? 0
						 : v->limit - v->barrier;
	return part == BAR ? v->barrier : v->limit;
}

/* Raise the part to need; the distance between barrier and limit stays. */
static struct ubc raise(struct ubc v, enum part part, uint64_t need)
{
	uint64_t gap = part_of(&v, GAP);

	if (part == BAR)
		return (struct ubc){ need, add(need, gap) };
	if (part == GAP)
		return (struct ubc){ v.barrier, add(v.barrier, need) };
	return (struct ubc){ v.barrier, need };
}

/* What the rule asks for, and in words; false when a parameter of it is not in the file. */
static bool rule_need(const struct check *c, const struct rule *rule, uint64_t *need,
		      struct str *words)
{
	*need = rule->least;
	for (size_t i = 0; i < ARRAY_SIZE(rule->term) && rule->term[i].factor; i++) {
		const struct item *it = &c->v[rule->term[i].id];

		if (!it->line)
			return false;
		*need = add(*need,
			    times(rule->term[i].factor, part_of(&it->v, rule->term[i].part)));
		str_addf(words, "%s", i ? " + " : " = ");
		if (rule->term[i].factor > 1)
			str_addf(words, "%" PRIu64 " * ", rule->term[i].factor);
		str_addf(words, "%s %s", it->p->key, part_name[rule->term[i].part]);
	}
	return true;
}

static int check_rule(struct check *c, const struct rule *rule, struct vz_error *e)
{
	_cleanup_str_ struct str words = { 0 };
	struct item *it = &c->v[rule->id];
	char text[300], size[24] = "unlimited";
	uint64_t need, have;

	if (!it->line || !rule_need(c, rule, &need, &words))
		return 0;
	have = part_of(&it->v, rule->part);
	if (have >= need)
		return 0;
	if (need < UBC_UNLIMITED)
		(void)snprintf(size, sizeof(size), "%" PRIu64, need);
	(void)snprintf(text, sizeof(text), "the %s is %" PRIu64 ", should be at least %s%s",
		       part_name[rule->part], have, size, words.p ? words.p : "");
	return say_ubc(c, rule->severity, it, raise(it->v, rule->part, need), text, e);
}

/* Without AVNUMPROC half of the processes count as the average. */
static void fill_average(struct check *c)
{
	const struct item *n = &c->v[UBC_NUMPROC];
	struct item *avg = &c->v[V_AVNUMPROC];

	if (avg->line || !n->line)
		return;
	avg->line = n->line;
	avg->v = n->v;
	if (n->v.barrier < UBC_UNLIMITED)
		avg->v.barrier /= 2;
}

static int check_all(struct check *c, struct vz_error *e)
{
	int r = check_lines(c, e);

	if (r < 0)
		return r;
	c->vswap = c->v[UBC_PHYSPAGES].line && c->v[UBC_PHYSPAGES].v.limit < UBC_UNLIMITED;
	r = check_missing(c, e);
	if (r >= 0)
		r = check_shapes(c, e);
	fill_average(c);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(rules); i++)
		r = check_rule(c, &rules[i], e);
	return r;
}

int config_validate(const char *path, vz_problem_fn *fn, void *data, struct vz_error *e)
{
	_cleanup_conf_file_ struct conf_file *f = NULL;
	const char *name = strrchr(path, '/');
	struct check c = { .fn = fn,
			   .data = data,
			   .host = strcmp(name ? name + 1 : path, "vz.conf") == 0 };
	int r = conf_file_read(&f, path, NULL, e);

	if (r < 0)
		return r;
	c.f = f;
	for (enum ubc_id i = 0; i < UBC_COUNT; i++)
		c.v[i].p = ubc_param(i);
	c.v[V_AVNUMPROC].p = param_by_key("AVNUMPROC");
	r = check_all(&c, e);
	if (r >= 0 && c.changed)
		r = conf_file_save(f, path, e);
	return r < 0 ? r : c.worst;
}
