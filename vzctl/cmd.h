/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands of vzctl(8): one const struct cmd each, collected in cmds[].
 * Help, the option parser, the manual's synopsis and shell completion derive
 * from these structs; options that are parameters come from vz_param_info().
 */
#ifndef VZCTL_CMD_H
#define VZCTL_CMD_H

#include <vz/ve.h>
#include <vz/vz.h>

#include "cli.h"

/* The dialect of vzctl(8) that clients test for; vz's own version stands beside it. */
#define VZCTL_DIALECT "4.11.1"

#define CMD_MAX_OPTS  16

struct cli;

/* A long option of a command that is not a parameter of the configuration. */
struct cmd_opt {
	const char *name;
	const char *alias[2]; /* other spellings, NULL where unused */
	const char *arg;      /* name of its value; NULL: takes none */
	const char *help;
	unsigned int lib_flag; /* enum vz_flags handed to the library */
	char letter;	       /* its short form, or 0 */
};

enum cmd_flags {
	CMD_CTID = 1 << 0,	    /* needs a CTID or name */
	CMD_NO_CONF = 1 << 1,	    /* works without the VE's configuration file */
	CMD_CT0 = 1 << 2,	    /* allowed for the host itself */
	CMD_ENTERS = 1 << 3,	    /* may become a VE's init: runs from a sealed copy */
	CMD_OPERANDS = 1 << 4,	    /* words may follow the options */
	CMD_RAW = 1 << 5,	    /* everything after the CTID is not ours to parse */
	CMD_PARAMS = 1 << 6,	    /* takes the parameters of a VE as options */
	CMD_CREATE_PARAMS = 1 << 7, /* ... those with VZ_PARAM_CREATE */
	CMD_DIRECT = 1 << 8, /* stdout is the result: chatter only with --verbose, to stderr */
	CMD_HIDDEN = 1 << 9, /* not in help and completion */
	CMD_NO_VZ = 1 << 10, /* needs no vz.conf */
	CMD_NO_LOGFILE = 1 << 11,
};

struct cmd {
	const char *name, *alias;
	const char *synopsis;	    /* without "vzctl "; a line break separates forms */
	const char *help;	    /* one line */
	const char *doc;	    /* prose for the manual, or NULL */
	const struct cmd_opt *opts; /* ends with .name == NULL; NULL: none */
	unsigned int flags;	    /* enum cmd_flags */
	enum vz_exit bad_option;    /* status of a bad option */
	enum vz_exit fine;	    /* a library error of this class is a message and success */
	const char *fail_line;	    /* stderr after the error, when the command itself failed */
	/* Either a library call without other arguments, ... */
	int (*verb)(struct vz_ve *ve, unsigned int flags, struct vz_error *e);
	/* ... or a function: an exit status, or a negative errno with the story in e. */
	int (*run)(struct cli *c, struct vz_error *e);
};

/* All commands, NULL-terminated, in the order of the manual. */
extern const struct cmd *const cmds[];
/* Flags before the command. */
extern const struct cmd_opt global_opts[];

/* What the options were; bits and values have the index of the command's table. */
struct opts {
	unsigned int given;
	const char *value[CMD_MAX_OPTS];
	unsigned int lib_flags;
	struct vz_changes *changes; /* parameters, in order */
	size_t nchanges;
	const char *params[64]; /* the first names of them, for rules about combinations */
};

/* One run of vzctl. */
struct cli {
	const struct cmd *cmd;
	int verbose;
	bool quiet;
	unsigned int lib_flags; /* VZ_SKIPLOCK of the command line and those of opts */
	struct opts o;
	int argc; /* operands */
	char **argv;
	struct vz *vz;
	struct vz_ve *ve;
	uint32_t ctid;
};

/* ---- cmds.c ---- */
/* NULL: no such command. */
const struct cmd *cmd_find(const char *word);
/* The nearest command's name or NULL. */
const char *cmd_nearest(const char *word);

/* ---- opts.c ---- */
/*
 * Parse argv[0..argc-1] (argv[0] is the first word after the CTID) by the
 * command's tables; c->o, c->argc and c->argv are set.
 */
int opts_parse(struct cli *c, int argc, char **argv, struct vz_error *e) _must_check_;
static inline bool opts_has(const struct opts *o, unsigned int i)
{
	return o->given & (1U << i);
}
/* Whether parameter option name was given. */
bool opts_param(const struct opts *o, const char *name);
/* The global flags: index of the command word, or a negative errno. */
int opts_globals(struct cli *c, int argc, char **argv, bool *version, bool *help,
		 struct vz_error *e) _must_check_;

/* ---- help.c ---- */
void help_version(FILE *f);
void help_usage(FILE *f);
void help_command(FILE *f, const struct cmd *cmd);

/* ---- log.c ---- */
/* Direct messages of c->vz to the console and the log file. */
void log_start(struct cli *c);
/* "CT 101: " goes before console lines from now on (several VEs at once). */
void log_name_ve(uint32_t ctid);
/* A message of the tool itself, as if the library had said it. */
void log_say(int level, const char *fmt, ...) _printf_(2, 3);

/* ---- gen.c: manual, completion and JSON from the tables ---- */
int gen_main(int argc, char **argv);

/* ---- cmd_check.c ---- */
/* chkpnt --check: VZ_EXIT_CHKPNT where something would make a checkpoint fail. */
int cmd_check(struct cli *c, bool json, struct vz_error *e);

/* ---- the commands ---- */
extern const struct cmd cmd_create, cmd_destroy;
extern const struct cmd cmd_start, cmd_stop, cmd_restart, cmd_mount, cmd_umount, cmd_status;
extern const struct cmd cmd_set;
extern const struct cmd cmd_exec, cmd_exec2, cmd_exec3, cmd_enter, cmd_runscript, cmd_console;
extern const struct cmd cmd_chkpnt, cmd_restore, cmd_snapshot, cmd_snapshot_switch,
	cmd_snapshot_delete, cmd_snapshot_list, cmd_snapshot_mount, cmd_snapshot_umount,
	cmd_quotaon, cmd_quotaoff, cmd_quotainit, cmd_convert, cmd_compact, cmd_register,
	cmd_unregister;
extern const struct cmd cmd_boot, cmd_shutdown, cmd_features;
extern const struct cmd cmd_help, cmd_gen;

#endif
