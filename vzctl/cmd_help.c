// SPDX-License-Identifier: GPL-2.0-or-later
/* help, and gen, which prints manual, completion and JSON from the tables. */
#include "cmd.h"

static int run_help(struct cli *c, struct vz_error *e)
{
	struct nearest near;
	const struct cmd *cmd;

	if (c->argc == 0) {
		help_version(stdout);
		help_usage(stdout);
		return VZ_EXIT_OK;
	}
	cmd = cmd_find(c->argv[0]);
	if (cmd) {
		help_command(stdout, cmd);
		return VZ_EXIT_OK;
	}
	near = (struct nearest){ .word = c->argv[0], .best = cmd_nearest(c->argv[0]) };
	(void)cli_fail(e, VZ_EXIT_SYNTAX, "Bad command: %s", c->argv[0]);
	return cli_hint(e, &near, "vzctl help ");
}

const struct cmd cmd_help = {
	.name = "help",
	.synopsis = "help [<command>]",
	.help = "Explain a command and list its options",
	.flags = CMD_NO_VZ | CMD_RAW | CMD_DIRECT,
	.bad_option = VZ_EXIT_SYNTAX,
	.run = run_help,
};

static int run_gen(struct cli *c, struct vz_error *e)
{
	(void)e;
	return gen_main(c->argc, c->argv);
}

const struct cmd cmd_gen = {
	.name = "gen",
	.synopsis = "gen <what>",
	.help = "Print manual pages, completion or JSON made from the tables",
	.flags = CMD_NO_VZ | CMD_RAW | CMD_HIDDEN | CMD_DIRECT,
	.bad_option = VZ_EXIT_SYNTAX,
	.run = run_gen,
};
