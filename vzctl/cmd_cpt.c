// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * chkpnt (suspend) and restore (resume), in OpenVZ's words: at most one
 * sub-command, and flags of its kernel's that are accepted and do nothing here, which
 * their help says.
 */
#include "cmd.h"

#include <vz/cpt.h>

#include <string.h>

/* Places in both tables; the sub-commands come last. */
enum { DUMPFILE, TIMES, JSON, SUB_FIRST = 10, SUBS = 4, SUB_CHECK = SUB_FIRST + SUBS };

/* clang-format off */
#define COMMON                                                                                 \
	{ .name = "dumpfile", .arg = "dir",                                                    \
	  .help = "directory of the dump (default: DUMPDIR/Dump.<ctid>)" },                    \
	{ .name = "times", .help = "print how long each phase took" },                         \
	{ .name = "json", .letter = 'j', .help = "the same as JSON, in microseconds" },        \
	{ .name = "skip_arpdetect", .alias = { "skip-arpdetect" },                             \
	  .help = "no effect: addresses are never looked for on the network; one that this "   \
		  "host routes already is refused" },                                          \
	{ .name = "flags", .arg = "caps",                                                      \
	  .help = "no effect: the processor of a target is not compared with this one" },      \
	{ .name = "context", .arg = "hex",                                                     \
	  .help = "no effect: a container that is suspended is named by its CTID" },           \
	{ .name = "create_context", .help = "no effect, as --context" },                       \
	{ .name = "join_context", .help = "no effect, as --context" },                         \
	{ .name = "skip-remount", .help = "restore: use the root as it is mounted",            \
	  .lib_flag = VZ_SKIP_REMOUNT },                                                       \
	{ .name = "skip-fsck", .help = "no effect: there is no image to check" }

static const struct cmd_opt chkpnt_opts[] = {
	COMMON,
	{ .name = "suspend", .help = "freeze only" },
	{ .name = "dump", .help = "write the dump of a suspended container, which stays so" },
	{ .name = "resume", .help = "let a suspended container run on" },
	{ .name = "kill", .help = "end a suspended container" },
	{ .name = "check", .help = "only tell what stands in the way of a checkpoint" },
	{ 0 },
};

static const struct cmd_opt restore_opts[] = {
	COMMON,
	{ .name = "undump", .help = "restore, but leave it suspended" },
	{ .name = "resume", .help = "let a suspended container run on" },
	{ .name = "kill", .help = "end a suspended container" },
	{ 0 },
};
/* clang-format on */

/* ---- times ---- */

struct times {
	size_t n;
	struct {
		char name[32];
		uint64_t us;
	} v[48];
};

static void take_time(void *data, const char *phase, uint64_t us)
{
	struct times *t = data;

	if (t->n >= ARRAY_SIZE(t->v))
		return;
	(void)snprintf(t->v[t->n].name, sizeof(t->v[t->n].name), "%s", phase);
	t->v[t->n++].us = us;
}

/* A name with a dot is part of the phase above or below it, as somebody else measured it. */
static uint64_t total(const struct times *t)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < t->n; i++)
		if (!strchr(t->v[i].name, '.'))
			sum += t->v[i].us;
	return sum;
}

static void json_us(struct json *j, const char *key, uint64_t us)
{
	char number[24];

	(void)snprintf(number, sizeof(number), "%llu", (unsigned long long)us);
	json_key(j, key);
	json_number(j, number);
}

static void print_json(const struct times *t)
{
	struct json j = { .f = stdout };

	json_open(&j, '{');
	for (size_t i = 0; i < t->n; i++)
		json_us(&j, t->v[i].name, t->v[i].us);
	json_us(&j, "total", total(t));
	json_close(&j, '}');
}

static void print_table(const struct times *t)
{
	for (size_t i = 0; i < t->n; i++)
		printf("%10.2f ms  %s\n", (double)t->v[i].us / 1000, t->v[i].name);
	printf("%10.2f ms  total\n", (double)total(t) / 1000);
}

/* ---- the commands ---- */

/* map: what each sub-command of the table means */
static int sub_command(const struct cli *c, const enum vz_cpt_cmd map[SUBS], enum vz_cpt_cmd *ret,
		       struct vz_error *e)
{
	unsigned int subs = c->o.given >> SUB_FIRST;

	*ret = VZ_CPT_FULL;
	if (subs & (subs - 1))
		return cli_fail(e, VZ_EXIT_SYNTAX,
				"Invalid syntax: only one sub command may be used");
	for (unsigned int i = 0; i < SUBS; i++)
		if (subs & 1U << i)
			*ret = map[i];
	if ((*ret == VZ_CPT_DUMP || *ret == VZ_CPT_UNDUMP) && !opts_has(&c->o, DUMPFILE))
		return cli_fail(e, VZ_EXIT_SYNTAX,
				"Error: dumpfile is not specified: --dumpfile <dir>");
	return 0;
}

static int run_cpt(struct cli *c, const enum vz_cpt_cmd map[SUBS],
		   int (*verb)(struct vz_ve *, const struct vz_cpt *, struct vz_error *),
		   struct vz_error *e)
{
	bool json = opts_has(&c->o, JSON), timed = json || opts_has(&c->o, TIMES);
	struct times times = { .n = 0 };
	struct vz_cpt o = { .size = sizeof(o),
			    .flags = c->lib_flags,
			    .dumpfile = c->o.value[DUMPFILE],
			    .verbose = c->verbose > 0,
			    .time = timed ? take_time : NULL,
			    .time_data = &times };
	int r = sub_command(c, map, &o.cmd, e);

	if (r >= 0)
		r = verb(c->ve, &o, e);
	if (timed && times.n)
		(json ? print_json : print_table)(&times);
	return r;
}

static int run_chkpnt(struct cli *c, struct vz_error *e)
{
	static const enum vz_cpt_cmd map[SUBS] = { VZ_CPT_SUSPEND, VZ_CPT_DUMP, VZ_CPT_RESUME,
						   VZ_CPT_KILL };

	/* with another one of them it is that one's error */
	if (c->o.given >> SUB_FIRST == 1U << SUBS)
		return cmd_check(c, opts_has(&c->o, JSON), e);
	return run_cpt(c, map, vz_ve_chkpnt, e);
}

static int run_restore(struct cli *c, struct vz_error *e)
{
	static const enum vz_cpt_cmd map[SUBS] = { VZ_CPT_UNDUMP, VZ_CPT_RESUME, VZ_CPT_KILL };

	return run_cpt(c, map, vz_ve_restore, e);
}

const struct cmd cmd_chkpnt = {
	.name = "chkpnt",
	.alias = "suspend",
	.synopsis =
		"chkpnt | suspend <ctid> [--dumpfile <dir>] [--times]\n"
		"chkpnt | suspend <ctid> --suspend | --dump | --resume | --kill [--dumpfile <dir>]\n"
		"chkpnt <ctid> --check [--json]",
	.help = "Checkpoint a running container: save its processes to disk and end them",
	.doc = "The container's processes, their memory, sockets and open connections are "
	       "written to the dump; then the processes end and the root is unmounted. "
	       "*restore* brings them back as they were. A checkpoint that fails leaves the container "
	       "running. In steps: *--suspend* freezes the container in memory, *--dump* writes "
	       "the dump of a frozen one (whose addresses this host gives up then), *--resume* lets it run on, *--kill* ends it. "
	       "*--check* looks, without stopping anything, for what a checkpoint would refuse (fatal: "
	       "status 16), silently lose, or stumble over just now (status 0), and names process, "
	       "unit and remedy; *--json* gives a list. Landlock rules in force cannot be seen from "
	       "outside and are lost. *--times* prints what each phase took, *--json* the same in microseconds.",
	.opts = chkpnt_opts,
	.flags = CMD_CTID | CMD_ENTERS,
	.bad_option = VZ_EXIT_SYNTAX,
	.run = run_chkpnt,
};

const struct cmd cmd_restore = {
	.name = "restore",
	.alias = "resume",
	.synopsis = "restore | resume <ctid> [--dumpfile <dir>] [--skip-remount] [--times]\n"
		    "restore | resume <ctid> --undump | --resume | --kill [--dumpfile <dir>]",
	.help = "Restore a checkpointed container",
	.doc = "Brings the processes of a dump back, with their connections, and removes the "
	       "dump. A restore that fails leaves the dump as it was and nothing running. In "
	       "steps: *--undump* restores but leaves the container frozen, *--resume* lets it "
	       "run on, *--kill* ends it; these keep the dump.",
	.opts = restore_opts,
	.flags = CMD_CTID | CMD_ENTERS,
	.bad_option = VZ_EXIT_SYNTAX,
	.run = run_restore,
};
