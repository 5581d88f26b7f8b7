// SPDX-License-Identifier: GPL-2.0-or-later
/* The parameter table tests itself: a row that breaks a rule of style fails here. */
#include "base/str.h"
#include "conf/param.h"

#include "test.h"

#include <ctype.h>
#include <string.h>

/* Hundreds of rows: only failures are worth a line. */
#define check(cond, ...) ((void)((cond) || ok(0, __VA_ARGS__)))

static const struct param *row(size_t i)
{
	return &param_table[i];
}

static const char *title(const struct param *p)
{
	return p->key ? p->key : p->opt;
}

static void test_unique(void)
{
	for (size_t i = 0; i < param_table_n; i++) {
		check(row(i)->key || row(i)->opt, "row %zu has a name", i);
		for (size_t k = i + 1; k < param_table_n; k++) {
			if (row(i)->key)
				check(!str_eq(row(i)->key, row(k)->key), "key %s once",
				      row(i)->key);
			if (row(i)->opt)
				check(!str_eq(row(i)->opt, row(k)->opt), "option %s once",
				      row(i)->opt);
			if (row(i)->short_opt)
				check(row(i)->short_opt != row(k)->short_opt,
				      "short option %c once", row(i)->short_opt);
		}
		for (const char *const *a = row(i)->alias; a && *a; a++)
			check(param_by_opt(*a) == row(i), "alias %s leads to its own row", *a);
		if (row(i)->key_alias)
			check(param_by_key(row(i)->key_alias) == row(i), "alias %s",
			      row(i)->key_alias);
	}
}

static void test_names(void)
{
	for (size_t i = 0; i < param_table_n; i++) {
		const struct param *p = row(i);
		char up[64] = "";

		if (!p->key || !p->opt)
			continue;
		for (size_t k = 0; p->opt[k] && k + 1 < sizeof(up); k++)
			up[k] = p->opt[k] == '-' ? '_' : (char)toupper((unsigned char)p->opt[k]);
		check((strcmp(up, p->key) != 0) == !!(p->flags & P_RENAMED),
		      "key %s is --%s in capitals, or the row says P_RENAMED", p->key, p->opt);
	}
}

/* parse(format(parse(s))) == parse(s) */
static void round_trip(const struct param *p, const char *what, const char *s)
{
	union param_value a, b;
	struct vz_error e = { 0 };
	char *text = NULL;
	int r = param_value_parse(p, s, &a, &e);

	check(r >= 0, "%s: %s \"%s\" parses (%s)", title(p), what, s, e.text);
	if (r < 0)
		return;
	check(p->type->format(p, &a, &text) >= 0, "%s formats", title(p));
	r = param_value_parse(p, text, &b, &e);
	check(r >= 0, "%s: \"%s\" parses again (%s)", title(p), text, e.text);
	if (r >= 0) {
		check(p->type->equal ? p->type->equal(&a, &b) : memcmp(&a, &b, p->type->size) == 0,
		      "%s: %s \"%s\" is the same after a round trip", title(p), what, s);
		param_value_done(p, &b);
	}
	free(text);
	param_value_done(p, &a);
}

static void test_values(void)
{
	for (size_t i = 0; i < param_table_n; i++) {
		const struct param *p = row(i);

		if (p->key && p->example)
			round_trip(p, "example", p->example);
		if (p->key && p->def)
			round_trip(p, "default", p->def);
		if (p->key && p->hdef)
			round_trip(p, "vz.conf default", p->hdef);
		for (const char *const *w = p->words; p->key && w && *w; w++)
			round_trip(p, "word", *w);
	}
}

static void test_prose(void)
{
	const char *section = "";

	for (size_t i = 0; i < param_table_n; i++) {
		const struct param *p = row(i);

		check(p->help && *p->help && p->help[strlen(p->help) - 1] != '.',
		      "%s has a help line", title(p));
		check(p->doc && *p->doc && p->doc[strlen(p->doc) - 1] == '.', "%s has prose",
		      title(p));
		check(p->section && *p->section, "%s has a section", title(p));
		check(!p->key || p->example, "%s has an example", title(p));
		check(p->group < APPLY_GROUPS, "%s has a valid group", title(p));
		check(p->type && p->type->metavar && p->type->size <= sizeof(union param_value),
		      "%s has a type", title(p));
		check(p->flags & (VZ_PARAM_VE | VZ_PARAM_HOST | VZ_PARAM_OBSOLETE),
		      "%s belongs somewhere", title(p));
		check(!p->of || param_by_key(p->of), "%s: its key exists", title(p));
		check(!!(p->flags & VZ_PARAM_HOST) || !p->hoff,
		      "%s: host member only for host keys", title(p));
		check(!p->off || (p->flags & VZ_PARAM_VE), "%s: VE member only for VE keys",
		      title(p));
		if (strcmp(p->section, section) != 0)
			for (size_t k = 0; k < i; k++)
				check(i && strcmp(row(k)->section, p->section) != 0,
				      "section \"%s\" stands together", p->section);
		section = p->section;
	}
}

static void test_all(const char *what, void (*fn)(void))
{
	int before = test_failed;

	fn();
	ok_int(test_failed - before, 0, "%s", what);
}

int main(void)
{
	test_all("names of keys and options are unique", test_unique);
	test_all("keys are options in capitals", test_names);
	test_all("examples, defaults and words survive parse and format", test_values);
	test_all("every row is documented and belongs somewhere", test_prose);
	return test_done();
}
