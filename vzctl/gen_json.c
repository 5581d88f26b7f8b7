// SPDX-License-Identifier: GPL-2.0-or-later
/* vzctl gen json: parameters, commands and exit codes for other programs. */
#include "gen.h"

static void text(struct json *j, const char *key, const char *value)
{
	json_key(j, key);
	json_string(j, value);
}

static void flag(struct json *j, const char *key, bool value)
{
	json_key(j, key);
	json_bool(j, value);
}

/* An array of what get(i, 0), get(i, 1) ... give. */
static void list(struct json *j, const char *key, size_t i, const char *(*get)(size_t i, size_t k))
{
	const char *s;

	json_key(j, key);
	json_open(j, '[');
	for (size_t k = 0; (s = get(i, k)); k++)
		json_string(j, s);
	json_close(j, ']');
}

static void param(struct json *j, size_t i, const struct vz_param_info *p)
{
	char short_opt[2] = { p->short_opt, '\0' };

	json_open(j, '{');
	text(j, "key", p->key);
	text(j, "option", p->opt);
	text(j, "short", p->short_opt ? short_opt : NULL);
	list(j, "aliases", i, vz_param_alias);
	list(j, "words", i, vz_param_word);
	text(j, "value", p->metavar);
	text(j, "unit", p->unit);
	text(j, "min", p->min);
	text(j, "max", p->max);
	text(j, "default", p->def);
	text(j, "example", p->example);
	text(j, "section", p->section);
	text(j, "help", p->help);
	text(j, "doc", p->doc);
	flag(j, "ctid_conf", p->flags & VZ_PARAM_VE);
	flag(j, "vz_conf", p->flags & VZ_PARAM_HOST);
	flag(j, "create", p->flags & VZ_PARAM_CREATE);
	flag(j, "live", p->flags & VZ_PARAM_LIVE);
	flag(j, "obsolete", p->flags & VZ_PARAM_OBSOLETE);
	flag(j, "repeatable", p->flags & VZ_PARAM_MULTI);
	json_close(j, '}');
}

static void options(struct json *j, const struct cmd_opt *o)
{
	json_open(j, '[');
	for (; o && o->name; o++) {
		json_open(j, '{');
		text(j, "option", o->name);
		text(j, "value", o->arg);
		text(j, "help", o->help);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void exits(struct json *j)
{
	char digits[16];

#define X(name, number, words)                                \
	(void)snprintf(digits, sizeof(digits), "%d", number); \
	json_open(j, '{');                                    \
	json_key(j, "code");                                  \
	json_number(j, digits);                               \
	text(j, "meaning", words);                            \
	json_close(j, '}');
	VZ_EXIT_CLASSES(X)
#undef X
}

void gen_json(FILE *f)
{
	struct json j = { .f = f };
	struct vz_param_info p;

	json_open(&j, '{');
	text(&j, "version", vz_version());
	json_key(&j, "parameters");
	json_open(&j, '[');
	for (size_t i = 0; gen_param(i, &p); i++)
		param(&j, i, &p);
	json_close(&j, ']');
	json_key(&j, "flags");
	options(&j, global_opts);
	json_key(&j, "commands");
	json_open(&j, '[');
	for (const struct cmd *const *c = cmds; *c; c++) {
		json_open(&j, '{');
		text(&j, "name", (*c)->name);
		text(&j, "alias", (*c)->alias);
		text(&j, "synopsis", (*c)->synopsis);
		text(&j, "help", (*c)->help);
		json_key(&j, "options");
		options(&j, (*c)->opts);
		flag(&j, "takes_parameters", (*c)->flags & (CMD_PARAMS | CMD_CREATE_PARAMS));
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_key(&j, "exit_codes");
	json_open(&j, '[');
	exits(&j);
	json_close(&j, ']');
	json_close(&j, '}');
}
