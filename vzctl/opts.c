// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Options of a command: getopt tables made from the command's own list and the
 * parameter table, so that no option's name stands in two places.  getopt's
 * rules hold (unambiguous prefixes, --opt=value, operands anywhere); its
 * messages are ours, because they name the nearest valid option.
 */
#include "cmd.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

/* val of a long option: which table, and the row in it. */
#define VAL_OWN	  0x1000
#define VAL_PARAM 0x2000

#define MAX_LONG  512

struct table {
	struct option opt[MAX_LONG + 1];
	size_t n;
	char shorts[2 + 3 * 64];
};

static bool table_has(const struct table *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->opt[i].name, name) == 0)
			return true;
	return false;
}

static void table_add(struct table *t, const char *name, bool arg, int val)
{
	if (name && t->n < MAX_LONG && !table_has(t, name))
		t->opt[t->n++] = (struct option){ .name = name,
						  .has_arg = arg ? required_argument : no_argument,
						  .val = val };
}

static void table_letter(struct table *t, char letter, bool arg)
{
	size_t len = strlen(t->shorts);

	if (!letter || len + 3 > sizeof(t->shorts))
		return;
	t->shorts[len++] = letter;
	if (arg)
		t->shorts[len] = ':';
}

static void table_own(struct table *t, const struct cmd_opt *opts)
{
	for (int i = 0; opts && opts[i].name; i++) {
		table_letter(t, opts[i].letter, opts[i].arg);
		table_add(t, opts[i].name, opts[i].arg, VAL_OWN + i);
		for (size_t k = 0; k < ARRAY_SIZE(opts[i].alias); k++)
			table_add(t, opts[i].alias[k], opts[i].arg, VAL_OWN + i);
	}
}

/* Parameters that carry all of the flags. */
static void table_params(struct table *t, unsigned int flags)
{
	struct vz_param_info p = { .size = sizeof(p) };

	for (size_t i = 0; vz_param_info(i, &p) >= 0; i++) {
		bool arg = !(p.flags & VZ_PARAM_NOARG);
		const char *alias;

		if (!p.opt || (p.flags & flags) != flags)
			continue;
		table_add(t, p.opt, arg, VAL_PARAM + (int)i);
		for (size_t k = 0; (alias = vz_param_alias(i, k)); k++)
			table_add(t, alias, arg, VAL_PARAM + (int)i);
		table_letter(t, p.short_opt, arg);
	}
}

/* Why getopt stopped at word (getopt itself only says '?' and ':'). */
static int bad_option(const struct table *t, const char *word, int code, enum vz_exit exit,
		      struct vz_error *e)
{
	size_t len = strcspn(word, "=");
	_cleanup_free_ char *name = xstrndup(word, len);
	const char *bare = name + strspn(name, "-");
	struct nearest near = { .word = bare };
	int hits = 0;

	if (word[0] == '-' && word[1] != '-') {
		if (code == ':')
			return cli_fail(e, exit, "option requires an argument -- '%c'", optopt);
		return cli_fail(e, exit, "invalid option -- '%c'", optopt);
	}
	if (code == ':')
		return cli_fail(e, exit, "option '%s' requires an argument", name);
	for (size_t i = 0; i < t->n; i++) {
		if (strcmp(t->opt[i].name, bare) == 0)
			return cli_fail(e, exit, "option '%s' doesn't allow an argument", name);
		hits += strncmp(t->opt[i].name, bare, strlen(bare)) == 0;
		nearest_try(&near, t->opt[i].name);
	}
	(void)cli_fail(e, exit, "%s option '%s'", hits > 1 ? "ambiguous" : "unrecognized", name);
	return cli_hint(e, &near, "--");
}

/* getopt_long() with its state reset; *ret_word is the word being looked at. */
static int next_option(int argc, char **argv, const struct table *t, int *idx,
		       const char **ret_word)
{
	int c;

	*idx = -1;
	c = getopt_long(argc, argv, t->shorts, t->opt, idx);
	/* permuted operands stand behind: the word just consumed is the one before optind */
	*ret_word = argv[optind > 1 ? optind - 1 : 1];
	return c;
}

static int take_own(struct cli *c, const struct cmd_opt *opts, int i, const char *value)
{
	c->o.given |= 1U << i;
	c->o.value[i] = value;
	c->o.lib_flags |= opts[i].lib_flag;
	return 0;
}

/* An option that changes nothing must not look as if it had. */
static void warn_obsolete(const char *name)
{
	struct vz_param_info p = { .size = sizeof(p) };

	for (size_t i = 0; vz_param_info(i, &p) >= 0; i++)
		if (p.opt && strcmp(p.opt, name) == 0 && (p.flags & VZ_PARAM_OBSOLETE))
			log_say(VZ_LOG_WARN, "--%s is accepted without effect: %s", name, p.doc);
}

static int take_param(struct cli *c, const char *name, const char *value, struct vz_error *e)
{
	struct opts *o = &c->o;
	int r;

	warn_obsolete(name);

	if (o->nchanges < ARRAY_SIZE(o->params))
		o->params[o->nchanges] = name;
	o->nchanges++;
	r = vz_changes_add(o->changes, name, value, e);
	if (r < 0 && !e->exit)
		e->exit = VZ_EXIT_VALUE;
	return r;
}

/* Name of the parameter with this short option. */
static const char *short_param(int c)
{
	struct vz_param_info p = { .size = sizeof(p) };

	for (size_t i = 0; vz_param_info(i, &p) >= 0; i++)
		if (p.short_opt && p.short_opt == c)
			return p.opt;
	return NULL;
}

/* Row of the command's own option with this short form, or -1. */
static int short_own(const struct cmd_opt *opts, int c)
{
	for (int i = 0; opts && opts[i].name; i++)
		if (opts[i].letter == c)
			return i;
	return -1;
}

static int parse(struct cli *c, const struct table *t, int argc, char **argv, struct vz_error *e)
{
	const struct cmd *cmd = c->cmd;
	const char *word, *name;
	int opt, idx, own, r = 0;

	while (r >= 0 && (opt = next_option(argc, argv, t, &idx, &word)) >= 0) {
		if (opt == '?' || opt == ':')
			return bad_option(t, word, opt, cmd->bad_option, e);
		if (opt >= VAL_PARAM)
			r = take_param(c, t->opt[idx].name, optarg, e);
		else if (opt >= VAL_OWN)
			r = take_own(c, cmd->opts, opt - VAL_OWN, optarg);
		else if ((own = short_own(cmd->opts, opt)) >= 0)
			r = take_own(c, cmd->opts, own, optarg);
		else if ((name = short_param(opt)))
			r = take_param(c, name, optarg, e);
	}
	return r;
}

int opts_parse(struct cli *c, int argc, char **argv, struct vz_error *e)
{
	const struct cmd *cmd = c->cmd;
	struct table t = { .shorts = ":" };
	int r;

	c->argc = argc;
	c->argv = argv;
	if (cmd->flags & CMD_RAW)
		return 0;
	table_own(&t, cmd->opts);
	if (cmd->flags & (CMD_PARAMS | CMD_CREATE_PARAMS)) {
		table_params(&t, cmd->flags & CMD_CREATE_PARAMS ? VZ_PARAM_CREATE : 0);
		r = vz_changes_new(&c->o.changes);
		if (r < 0)
			return cli_fail(e, VZ_EXIT_NOMEM, "out of memory");
	}
	optind = 0; /* start over, also after an earlier scan */
	opterr = 0;
	r = parse(c, &t, argc + 1, argv - 1, e);
	if (r < 0)
		return r;
	c->argc = argc + 1 - optind;
	c->argv = argv - 1 + optind;
	if (c->argc > 0 && !(cmd->flags & CMD_OPERANDS))
		return cli_fail(e, VZ_EXIT_SYNTAX, "%s: unexpected argument '%s'", cmd->name,
				c->argv[0]);
	return 0;
}

bool opts_param(const struct opts *o, const char *name)
{
	for (size_t i = 0; i < o->nchanges && i < ARRAY_SIZE(o->params); i++)
		if (strcmp(o->params[i], name) == 0)
			return true;
	return false;
}

enum { G_QUIET, G_VERBOSE, G_SKIPLOCK, G_VERSION, G_HELP };

const struct cmd_opt global_opts[] = {
	[G_QUIET] = { .name = "quiet", .help = "no messages; direct results are still printed" },
	[G_VERBOSE] = { .name = "verbose", .help = "more messages; may be repeated" },
	[G_SKIPLOCK] = { .name = "skiplock",
			 .help = "do not take the container's lock",
			 .lib_flag = VZ_SKIPLOCK },
	[G_VERSION] = { .name = "version", .help = "print the version and exit" },
	[G_HELP] = { .name = "help", .help = "print the usage and exit" },
	{ 0 }
};

int opts_globals(struct cli *c, int argc, char **argv, bool *version, bool *help,
		 struct vz_error *e)
{
	struct table t = { .shorts = "+:" }; /* '+': stop at the command word */
	const char *word;
	int opt, idx;

	table_own(&t, global_opts);
	optind = 0;
	opterr = 0;
	while ((opt = next_option(argc, argv, &t, &idx, &word)) >= 0) {
		if (opt == '?' || opt == ':')
			return bad_option(&t, word, opt, VZ_EXIT_SYNTAX, e);
		c->lib_flags |= global_opts[opt - VAL_OWN].lib_flag;
		c->quiet |= opt == VAL_OWN + G_QUIET;
		c->verbose += opt == VAL_OWN + G_VERBOSE;
		*version |= opt == VAL_OWN + G_VERSION;
		*help |= opt == VAL_OWN + G_HELP;
	}
	return optind;
}
