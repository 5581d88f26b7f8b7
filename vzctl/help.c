// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Usage and help, made from the tables.  Two facts are contracts: the first
 * line of version and help is "vzctl version X.Y.Z", and one line of the usage
 * holds "vzctl set <ctid>" and "--force" (panels probe for them, and for
 * "--reset_ub").
 */
#include "cmd.h"

#include <string.h>

void help_version(FILE *f)
{
	/* clients compare the first line with 4.x; the second says what really runs */
	fprintf(f, "vzctl version " VZCTL_DIALECT "\nvz %s\n", vz_version());
}

static void synopsis(FILE *f, const struct cmd *cmd)
{
	const char *p = cmd->synopsis;

	while (*p) {
		size_t n = strcspn(p, "\n");

		fprintf(f, "  vzctl %.*s\n", (int)n, p);
		p += n + (p[n] == '\n');
	}
}

void help_usage(FILE *f)
{
	fputs("Usage: vzctl [flags] <command> <ctid|name> [options]\n\n", f);
	for (const struct cmd *const *cmd = cmds; *cmd; cmd++)
		if (!((*cmd)->flags & CMD_HIDDEN))
			synopsis(f, *cmd);
	fputs("\nFlags (before the command):\n", f);
	for (const struct cmd_opt *o = global_opts; o->name; o++)
		fprintf(f, "  --%-10s %s\n", o->name, o->help);
	fputs("\n'vzctl help <command>' explains a command and lists its options.\n", f);
}

static void option_line(FILE *f, char short_opt, const char *name, const char *arg,
			const char *help)
{
	char left[96];
	int n = 0;

	if (short_opt)
		n = snprintf(left, sizeof(left), "-%c, ", short_opt);
	(void)snprintf(left + n, sizeof(left) - (size_t)n, "--%s%s%s", name, arg ? " " : "",
		       arg ? arg : "");
	if (strlen(left) > 30)
		fprintf(f, "  %s\n%34s%s\n", left, "", help);
	else
		fprintf(f, "  %-30s  %s\n", left, help);
}

static bool is_own(const struct cmd *cmd, const char *name)
{
	for (const struct cmd_opt *o = cmd->opts; o && o->name; o++)
		if (strcmp(o->name, name) == 0)
			return true;
	return false;
}

static void params(FILE *f, const struct cmd *cmd, unsigned int flags)
{
	struct vz_param_info p = { .size = sizeof(p) };
	const char *section = "";

	for (size_t i = 0; vz_param_info(i, &p) >= 0; i++) {
		if (!p.opt || (p.flags & flags) != flags || is_own(cmd, p.opt))
			continue;
		if (p.section && strcmp(p.section, section) != 0)
			fprintf(f, "\n%s:\n", section = p.section);
		option_line(f, p.short_opt, p.opt,
			    p.flags & VZ_PARAM_NOARG ? NULL
			    : p.metavar		     ? p.metavar
						     : "value",
			    p.help ? p.help : "");
	}
}

void help_command(FILE *f, const struct cmd *cmd)
{
	fputs("Usage:\n", f);
	synopsis(f, cmd);
	fprintf(f, "\n%s.\n", cmd->help);
	if (cmd->opts)
		fputs("\nOptions:\n", f);
	for (const struct cmd_opt *o = cmd->opts; o && o->name; o++)
		option_line(f, o->letter, o->name, o->arg, o->help);
	if (cmd->flags & CMD_PARAMS)
		params(f, cmd, 0);
	else if (cmd->flags & CMD_CREATE_PARAMS)
		params(f, cmd, VZ_PARAM_CREATE);
}
