// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vzctl gen bash|zsh: the words of completion; the scripts around them are
 * vzctl/completion/.  Everything printed is a constant of the tables without
 * single quotes, which keeps quoting simple; quoted() checks that.
 */
#include "gen.h"

#include <string.h>

/* The text between '...' of a shell; a quote in it becomes a blank. */
static void quoted(FILE *f, const char *s, const char *escape)
{
	for (; *s; s++) {
		if (strchr(escape, *s))
			fputc('\\', f);
		fputc(*s == '\'' || *s == '\n' ? ' ' : *s, f);
	}
}

static bool is_onoff(const struct vz_param_info *p)
{
	return p->metavar && strstr(p->metavar, ":on|off");
}

/* All values an option's value can be chosen from, blank-separated. */
static void values(FILE *f, size_t i, const struct vz_param_info *p)
{
	const char *w;

	for (size_t k = 0; (w = vz_param_word(i, k)); k++) {
		if (is_onoff(p))
			fprintf(f, "%s%s:on %s:off", k ? " " : "", w, w);
		else
			fprintf(f, "%s%s", k ? " " : "", w);
	}
}

static bool shown(const struct cmd *cmd)
{
	return !(cmd->flags & CMD_HIDDEN);
}

static void bash_options(FILE *f, const struct cmd *cmd)
{
	struct vz_param_info p;

	fprintf(f, "\t%s%s%s) echo '", cmd->name, cmd->alias ? "|" : "",
		cmd->alias ? cmd->alias : "");
	for (const struct cmd_opt *o = cmd->opts; o && o->name; o++)
		fprintf(f, "--%s ", o->name);
	for (size_t i = 0; gen_param(i, &p); i++)
		if (gen_takes(cmd, &p))
			fprintf(f, "--%s ", p.opt);
	fputs("' ;;\n", f);
}

static bool is_param(const char *opt)
{
	struct vz_param_info p;

	for (size_t i = 0; gen_param(i, &p); i++)
		if (p.opt && strcmp(p.opt, opt) == 0)
			return true;
	return false;
}

/* A command in front of this one has an option of the same name. */
static bool is_earlier(const struct cmd *const *cmd, const char *opt)
{
	for (const struct cmd *const *c = cmds; c < cmd; c++)
		for (const struct cmd_opt *o = (*c)->opts; o && o->name; o++)
			if (o->arg && strcmp(o->name, opt) == 0)
				return true;
	return false;
}

/* Options that take a value, so that the word after them is not completed as an option. */
static void bash_values(FILE *f)
{
	struct vz_param_info p;

	fputs("_vzctl_values() { case $1 in\n", f);
	for (size_t i = 0; gen_param(i, &p); i++) {
		if (!p.opt || !p.metavar)
			continue;
		fprintf(f, "\t--%s) echo '", p.opt);
		values(f, i, &p);
		fputs("' ;;\n", f);
	}
	for (const struct cmd *const *c = cmds; *c; c++)
		for (const struct cmd_opt *o = (*c)->opts; o && o->name; o++)
			if (o->arg && !is_param(o->name) && !is_earlier(c, o->name))
				fprintf(f, "\t--%s) echo '%s' ;;\n", o->name,
					strchr(o->arg, '|') ? o->arg : "");
	fputs("\t*) return 1 ;;\nesac; }\n", f);
}

void gen_bash(FILE *f)
{
	fputs("_vzctl_commands='", f);
	for (const struct cmd *const *c = cmds; *c; c++)
		if (shown(*c))
			fprintf(f, "%s ", (*c)->name);
	fputs("'\n_vzctl_flags='", f);
	for (const struct cmd_opt *o = global_opts; o->name; o++)
		fprintf(f, "--%s ", o->name);
	fputs("'\n_vzctl_options() { case $1 in\n", f);
	for (const struct cmd *const *c = cmds; *c; c++)
		if (shown(*c))
			bash_options(f, *c);
	fputs("esac; }\n", f);
	bash_values(f);
}

/* An entry of _arguments: '--opt[help]:metavar:(words)' */
static void zsh_option(FILE *f, const char *name, const char *arg, const char *help)
{
	fprintf(f, "\t'*--%s[", name);
	quoted(f, help, "[]:");
	fputc(']', f);
	if (!arg)
		return;
	fputc(':', f);
	quoted(f, arg, ":");
	fputc(':', f);
}

static void zsh_command(FILE *f, const struct cmd *cmd)
{
	struct vz_param_info p;

	fprintf(f, "%s%s%s) _vzctl_options=(\n", cmd->name, cmd->alias ? "|" : "",
		cmd->alias ? cmd->alias : "");
	for (const struct cmd_opt *o = cmd->opts; o && o->name; o++) {
		zsh_option(f, o->name, o->arg, o->help);
		fputs("'\n", f);
	}
	for (size_t i = 0; gen_param(i, &p); i++) {
		if (!gen_takes(cmd, &p))
			continue;
		zsh_option(f, p.opt, p.metavar, p.help);
		if (p.metavar && vz_param_word(i, 0) && !is_onoff(&p)) {
			fputc('(', f);
			values(f, i, &p);
			fputc(')', f);
		}
		fputs("'\n", f);
	}
	fputs(") ;;\n", f);
}

void gen_zsh(FILE *f)
{
	fputs("_vzctl_commands=(\n", f);
	for (const struct cmd *const *c = cmds; *c; c++) {
		if (!shown(*c))
			continue;
		fprintf(f, "\t'%s:", (*c)->name);
		quoted(f, (*c)->help, ":");
		fputs("'\n", f);
	}
	fputs(")\n_vzctl_flags=(\n", f);
	for (const struct cmd_opt *o = global_opts; o->name; o++) {
		zsh_option(f, o->name, o->arg, o->help);
		fputs("'\n", f);
	}
	fputs(")\n_vzctl_set_options() { case $1 in\n", f);
	for (const struct cmd *const *c = cmds; *c; c++)
		if (shown(*c))
			zsh_command(f, *c);
	fputs("*) _vzctl_options=() ;;\nesac; }\n", f);
}
