// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vzctl gen: what manual pages, completion and other programs need to know of
 * the tables.  `gen scdoc PART` is included by man/NAME.scd; nothing here knows
 * a parameter or a command by name.
 */
#include "gen.h"

#include <string.h>

bool gen_takes(const struct cmd *cmd, const struct vz_param_info *p)
{
	if (!p->opt || !(cmd->flags & (CMD_PARAMS | CMD_CREATE_PARAMS)))
		return false;
	if ((cmd->flags & CMD_CREATE_PARAMS) && !(p->flags & VZ_PARAM_CREATE))
		return false;
	for (const struct cmd_opt *o = cmd->opts; o && o->name; o++)
		if (strcmp(o->name, p->opt) == 0)
			return false;
	return true;
}

/* ---- scdoc ---- */

/* A literal: everything scdoc would take for markup is escaped. */
static void literal(FILE *f, const char *s)
{
	for (; *s; s++) {
		if (strchr("_*\\#~[]|<>.", *s))
			fputc('\\', f);
		fputc(*s, f);
	}
}

/* Prose has scdoc's own bold marks; a backslash in it is meant as one. */
static void prose(FILE *f, const char *s)
{
	for (; *s; s++) {
		if (*s == '\\' || *s == '_')
			fputc('\\', f);
		fputc(*s, f);
	}
}

static void fact(FILE *f, const char *name, const char *value)
{
	if (!value)
		return;
	fprintf(f, "%s: ", name);
	literal(f, value);
	fputs(". ", f);
}

static void words(FILE *f, size_t i, const struct vz_param_info *p)
{
	const char *w;

	/* yes and no stand in the metavar already */
	if (!vz_param_word(i, 0) ||
	    (p->metavar && strchr(p->metavar, '|') && !strchr(p->metavar, ':')))
		return;
	fputs(p->metavar && strchr(p->metavar, ':') ? "Names: " : "One of: ", f);
	for (size_t k = 0; (w = vz_param_word(i, k)); k++) {
		fputs(k ? ", " : "", f);
		literal(f, w);
	}
	fputs(". ", f);
}

static void facts(FILE *f, size_t i, const struct vz_param_info *p)
{
	fact(f, "Unit", p->unit);
	if (p->min && p->max) {
		fputs("Range: ", f);
		literal(f, p->min);
		fputs(" to ", f);
		literal(f, p->max);
		fputs(". ", f);
	}
	words(f, i, p);
	fact(f, "Default", p->def);
	if (p->flags & VZ_PARAM_LIVE)
		fputs("Changes a running container at once. ", f);
	if (p->flags & VZ_PARAM_MULTI)
		fputs("The option may be repeated. ", f);
	fputc('\n', f);
}

static void section(FILE *f, const struct vz_param_info *p, const char **last)
{
	if (*last && strcmp(*last, p->section) == 0)
		return;
	*last = p->section;
	fprintf(f, "\n## %s\n\n", p->section);
}

/* The keys of one file. */
static void scdoc_keys(FILE *f, unsigned int which)
{
	struct vz_param_info p;
	const char *last = NULL;

	for (size_t i = 0; gen_param(i, &p); i++) {
		if (!p.key || !(p.flags & which))
			continue;
		section(f, &p, &last);
		fputc('*', f);
		literal(f, p.key);
		fputs("*=\"", f);
		literal(f, p.metavar ? p.metavar : "value");
		fputs("\"\n\t", f);
		prose(f, p.help);
		fputs(". ", f);
		prose(f, p.doc);
		fputs("\n\n\t", f);
		facts(f, i, &p);
		if (p.example) {
			fputs("\tExample: ", f);
			literal(f, p.key);
			fputs("=\"", f);
			literal(f, p.example);
			fputs("\"\n", f);
		}
		fputc('\n', f);
	}
}

static void scdoc_option(FILE *f, char short_opt, const char *name, const char *arg)
{
	if (short_opt)
		fprintf(f, "*-%c*, ", short_opt);
	fputs("*--", f);
	literal(f, name);
	fputc('*', f);
	if (arg) {
		fputs(" <", f);
		literal(f, arg);
		fputc('>', f);
	}
}

/* Parameters as options of a command. */
static void scdoc_params(FILE *f, const struct cmd *cmd)
{
	struct vz_param_info p;
	const char *last = NULL, *alias;

	for (size_t i = 0; gen_param(i, &p); i++) {
		if (!gen_takes(cmd, &p))
			continue;
		section(f, &p, &last);
		scdoc_option(f, p.short_opt, p.opt, p.metavar);
		for (size_t k = 0; (alias = vz_param_alias(i, k)); k++) {
			fputs(", ", f);
			scdoc_option(f, 0, alias, p.metavar);
		}
		fputs("\n\t", f);
		prose(f, p.help);
		fputs(". ", f);
		prose(f, p.doc);
		if (p.key) {
			fputs(" Stored as ", f);
			literal(f, p.key);
			fputc('.', f);
		}
		if (p.flags & VZ_PARAM_CREATE)
			fputs(" Also an option of *create*.", f);
		fputs("\n\n", f);
	}
}

static void scdoc_own_options(FILE *f, const struct cmd_opt *o)
{
	for (; o && o->name; o++) {
		fputc('\t', f);
		scdoc_option(f, o->letter, o->name, o->arg);
		for (size_t k = 0; k < ARRAY_SIZE(o->alias) && o->alias[k]; k++) {
			fputs(", ", f);
			scdoc_option(f, 0, o->alias[k], o->arg);
		}
		fputs("\n\t\t", f);
		prose(f, o->help);
		fputs("\n\n", f);
	}
}

static void scdoc_synopsis(FILE *f, const char *s)
{
	while (*s) {
		size_t n = strcspn(s, "\n");
		_cleanup_free_ char *form = xstrndup(s, n);

		fputs("*vzctl* ", f);
		literal(f, form);
		s += n + (s[n] == '\n');
		fputs(*s ? "++\n" : "\n", f);
	}
}

static void scdoc_commands(FILE *f)
{
	for (const struct cmd *const *c = cmds; *c; c++) {
		if ((*c)->flags & CMD_HIDDEN)
			continue;
		scdoc_synopsis(f, (*c)->synopsis);
		fputc('\t', f);
		prose(f, (*c)->help);
		fputs(". ", f);
		if ((*c)->doc)
			prose(f, (*c)->doc);
		fputs("\n\n", f);
		scdoc_own_options(f, (*c)->opts);
	}
}

static void scdoc_exit(FILE *f)
{
	static const struct {
		int number;
		const char *text;
	} exits[] = {
#define X(name, number, text) { number, text },
		VZ_EXIT_CLASSES(X)
#undef X
	};

	for (size_t i = 0; i < ARRAY_SIZE(exits); i++) {
		fprintf(f, "*%d*\n\t", exits[i].number);
		prose(f, exits[i].text);
		fputs("\n\n", f);
	}
}

static void part_options(FILE *f)
{
	scdoc_params(f, &cmd_set);
}
static void part_ve(FILE *f)
{
	scdoc_keys(f, VZ_PARAM_VE);
}
static void part_host(FILE *f)
{
	scdoc_keys(f, VZ_PARAM_HOST);
}
static void part_flags(FILE *f)
{
	scdoc_own_options(f, global_opts);
}

struct part {
	const char *kind, *name;
	void (*print)(FILE *f);
};

static const struct part parts[] = {
	{ "scdoc", "commands", scdoc_commands },
	{ "scdoc", "flags", part_flags },
	{ "scdoc", "options", part_options },
	{ "scdoc", "ctid.conf", part_ve },
	{ "scdoc", "vz.conf", part_host },
	{ "scdoc", "exit", scdoc_exit },
	{ "bash", NULL, gen_bash },
	{ "zsh", NULL, gen_zsh },
	{ "json", NULL, gen_json },
};

int gen_main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;

	for (size_t i = 0; i < ARRAY_SIZE(parts) && argc > 0; i++) {
		const struct part *p = &parts[i];

		if (strcmp(p->kind, argv[0]) != 0 || !p->name != !name ||
		    (name && strcmp(p->name, name) != 0))
			continue;
		p->print(stdout);
		if (fflush(stdout) == 0 && !ferror(stdout))
			return VZ_EXIT_OK;
		fputs("vzctl gen: cannot write the output\n", stderr);
		return VZ_EXIT_SYSTEM;
	}
	fputs("Usage: vzctl gen ...\n", stderr);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		fprintf(stderr, "  vzctl gen %s %s\n", parts[i].kind,
			parts[i].name ? parts[i].name : "");
	return VZ_EXIT_SYNTAX;
}
