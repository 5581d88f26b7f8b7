// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commands inside a running container: exec, exec2, exec3, enter, runscript,
 * console.  exec and exec2 hand one string to the container's shell, so that
 * patterns and pipes work on the inside; the library falls back from bash to
 * sh there.
 */
#include "cmd.h"

#include <string.h>
#include <sys/wait.h>

#define MAX_TTY 63

/* The words with single blanks between; an empty one becomes ''. */
static char *join(int argc, char **argv)
{
	size_t len = 1;
	char *out, *p;

	for (int i = 0; i < argc; i++)
		len += strlen(argv[i]) + 3;
	p = out = xcalloc(len, 1);
	for (int i = 0; i < argc; i++) {
		const char *word = *argv[i] ? argv[i] : "''";

		if (i)
			*p++ = ' ';
		len = strlen(word);
		memcpy(p, word, len);
		p += len;
	}
	return out;
}

/* Exit status for a wait status; lossy: any failure of the command is 8. */
static int exec_status(int status, bool lossy)
{
	if (WIFEXITED(status))
		return lossy && WEXITSTATUS(status) ? VZ_EXIT_EXEC : WEXITSTATUS(status);
	fprintf(stderr, "Got signal %d\n", WTERMSIG(status));
	return lossy ? VZ_EXIT_EXEC : VZ_EXIT_SYSTEM;
}

static int need_command(struct cli *c, struct vz_error *e)
{
	if (c->argc > 0)
		return 0;
	return cli_fail(e, VZ_EXIT_SYNTAX, "%s: no command given; '-' reads a script from stdin",
			c->cmd->name);
}

static int run_exec(struct cli *c, struct vz_error *e)
{
	bool lossy = c->cmd == &cmd_exec;
	_cleanup_free_ char *line = NULL;
	char *argv[4] = { "bash", "-c", NULL, NULL };
	int r = need_command(c, e);

	if (r < 0)
		return r;
	if (c->argc == 1 && strcmp(c->argv[0], "-") == 0)
		argv[1] = "-s";
	else
		argv[2] = line = join(c->argc, c->argv);
	r = vz_ve_exec(c->ve, argv, NULL, e);
	return r < 0 ? r : exec_status(r, lossy);
}

static int run_exec3(struct cli *c, struct vz_error *e)
{
	int r = need_command(c, e);

	if (r < 0)
		return r;
	r = vz_ve_exec(c->ve, c->argv, NULL, e);
	return r < 0 ? r : exec_status(r, false);
}

#define EXEC_FLAGS (CMD_CTID | CMD_RAW | CMD_DIRECT)

const struct cmd cmd_exec = {
	.name = "exec",
	.synopsis = "exec <ctid> <command> [arg ...]",
	.help = "Run a command in a running container; any failure of it is status 8",
	.doc = "The words are joined with blanks and given to the container's shell, which "
	       "expands patterns and runs pipes inside. The command *-* reads a script from "
	       "standard input. Standard input, output and error are the caller's.",
	.flags = EXEC_FLAGS,
	.bad_option = VZ_EXIT_SYNTAX,
	.run = run_exec,
};

const struct cmd cmd_exec2 = {
	.name = "exec2",
	.synopsis = "exec2 <ctid> <command> [arg ...]",
	.help = "Run a command in a running container and exit with its status",
	.doc = "As *exec*; death by a signal gives status 3 and a line on standard error.",
	.flags = EXEC_FLAGS,
	.bad_option = VZ_EXIT_SYNTAX,
	.run = run_exec,
};

const struct cmd cmd_exec3 = {
	.name = "exec3",
	.synopsis = "exec3 <ctid> <program> [arg ...]",
	.help = "Run a program in a running container without a shell, and exit with its status",
	.flags = EXEC_FLAGS,
	.bad_option = VZ_EXIT_SYNTAX,
	.run = run_exec3,
};

/* [--exec command [arg ...]] */
static int run_enter(struct cli *c, struct vz_error *e)
{
	_cleanup_free_ char *line = NULL;
	int r;

	if (c->argc > 0 && strcmp(c->argv[0], "--exec") == 0) {
		if (c->argc < 2)
			return cli_fail(e, VZ_EXIT_SYNTAX, "option '--exec' requires an argument");
		line = join(c->argc - 1, c->argv + 1);
	} else if (c->argc > 0) {
		return cli_fail(e, VZ_EXIT_SYNTAX,
				"enter: unexpected argument '%s' (did you mean --exec?)",
				c->argv[0]);
	}
	r = vz_ve_enter(c->ve, line, e);
	return r < 0 ? r : exec_status(r, false);
}

const struct cmd cmd_enter = {
	.name = "enter",
	.synopsis = "enter <ctid> [--exec <command> [arg ...]]",
	.help = "Open a login shell in a running container",
	.doc = "The shell runs on a terminal of the container's own. *--exec* types a command "
	       "into it first; the shell stays.",
	.flags = CMD_CTID | CMD_RAW | CMD_NO_LOGFILE,
	.bad_option = VZ_EXIT_SYNTAX,
	.run = run_enter,
};

static int run_runscript(struct cli *c, struct vz_error *e)
{
	int r;

	if (c->argc != 1)
		return cli_fail(e, VZ_EXIT_SYNTAX, "runscript: %s",
				c->argc ? "one file only" : "no script given");
	r = vz_ve_runscript(c->ve, c->argv[0], c->lib_flags, e);
	return r < 0 ? r : exec_status(r, false);
}

const struct cmd cmd_runscript = {
	.name = "runscript",
	.synopsis = "runscript <ctid> <script>",
	.help = "Run a script file of the host inside a container",
	.doc = "A stopped container's root is mounted and its namespaces are made for the "
	       "script alone; nothing else of it is started.",
	.flags = CMD_CTID | CMD_ENTERS | CMD_OPERANDS,
	.bad_option = VZ_EXIT_SYNTAX,
	.run = run_runscript,
};

static int run_console(struct cli *c, struct vz_error *e)
{
	uint64_t tty = 1;

	if (c->argc > 1)
		return cli_fail(e, VZ_EXIT_SYNTAX, "console: unexpected argument '%s'", c->argv[1]);
	if (c->argc == 1 && !cli_number(c->argv[0], MAX_TTY, &tty))
		return cli_fail(e, VZ_EXIT_VALUE, "Bad tty number %s: must be 0 to %d", c->argv[0],
				MAX_TTY);
	return vz_ve_console(c->ve, (unsigned int)tty, e);
}

const struct cmd cmd_console = {
	.name = "console",
	.synopsis = "console <ctid> [<tty>]",
	.help = "Attach to a container's console",
	.doc = "Works on a stopped container too, to watch it start. *Esc .* at the start of "
	       "a line detaches.",
	.flags = CMD_CTID | CMD_RAW | CMD_NO_LOGFILE,
	.bad_option = VZ_EXIT_SYNTAX,
	.run = run_console,
};
