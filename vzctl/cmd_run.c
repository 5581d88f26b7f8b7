// SPDX-License-Identifier: GPL-2.0-or-later
/* start, stop, restart, mount, umount and status: life cycle, one library call each. */
#include "cmd.h"

#include <stdlib.h>

#define START_OPTS                                                                                \
	{ .name = "wait",                                                                         \
	  .help = "return when the container's own start is complete",                            \
	  .lib_flag = VZ_WAIT },                                                                  \
		{ .name = "force", .help = "start although DISABLED=yes", .lib_flag = VZ_FORCE }, \
		{ .name = "skip-remount",                                                         \
		  .help = "use the root as it is mounted",                                        \
		  .lib_flag = VZ_SKIP_REMOUNT },                                                  \
		{ .name = "skip-fsck", .help = "accepted; there is no image to check" },          \
	{                                                                                         \
		.name = "skip_ve_setup", .help = "accepted, without effect"                       \
	}
#define STOP_OPTS                                                        \
	{ .name = "fast",                                                \
	  .help = "kill at once instead of asking init to halt",         \
	  .lib_flag = VZ_FAST },                                         \
	{                                                                \
		.name = "skip-umount", .help = "leave the root mounted", \
		.lib_flag = VZ_SKIP_UMOUNT                               \
	}

static const struct cmd_opt start_opts[] = { START_OPTS, { 0 } };
static const struct cmd_opt stop_opts[] = { STOP_OPTS, { 0 } };
static const struct cmd_opt restart_opts[] = { START_OPTS, STOP_OPTS, { 0 } };

const struct cmd cmd_start = {
	.name = "start",
	.synopsis = "start <ctid> [--wait] [--force] [--skip-remount]",
	.help = "Mount (if needed) and start a container",
	.doc = "Runs the container's init in its own namespaces and control group, with its "
	       "resources, addresses and action scripts. A suspended container "
	       "is restored; where that is not possible it is started afresh, with a warning, and "
	       "its dump is removed. Starting a running container is an error (32), starting one "
	       "with DISABLED=yes too (105) unless *--force* is given. A start that is interrupted "
	       "(SIGINT, SIGTERM, SIGHUP) ends at once, also when it waits for a script, which is "
	       "killed; what it has done is undone.",
	.opts = start_opts,
	.flags = CMD_CTID | CMD_ENTERS,
	.bad_option = VZ_EXIT_SYNTAX,
	.verb = vz_ve_start,
};

const struct cmd cmd_stop = {
	.name = "stop",
	.synopsis = "stop <ctid> [--fast] [--skip-umount]",
	.help = "Stop and unmount a container",
	.doc = "Asks init to halt, waits STOP_TIMEOUT seconds, then freezes and kills what is "
	       "left; *--fast* kills at once. Also clears up what an interrupted start left. "
	       "A container that does not run is no error; one that is suspended stays so. One that is "
	       "frozen (*chkpnt --suspend*) runs on for the time it needs to stop.",
	.opts = stop_opts,
	.flags = CMD_CTID,
	.bad_option = VZ_EXIT_SYNTAX,
	.fine = VZ_EXIT_NOT_RUNNING,
	.verb = vz_ve_stop,
};

const struct cmd cmd_restart = {
	.name = "restart",
	.synopsis = "restart <ctid> [--wait] [--force] [--fast]",
	.help = "Stop and start a container",
	.doc = "Takes the options of *start* and *stop*; a stopped container is just started, a "
	       "suspended one restored.",
	.opts = restart_opts,
	.flags = CMD_CTID | CMD_ENTERS,
	.bad_option = VZ_EXIT_SYNTAX,
	.verb = vz_ve_restart,
};

const struct cmd cmd_mount = {
	.name = "mount",
	.synopsis = "mount <ctid>",
	.help = "Mount a container's root at VE_ROOT",
	.flags = CMD_CTID,
	.bad_option = VZ_EXIT_SYNTAX,
	.fine = VZ_EXIT_MOUNTED,
	.verb = vz_ve_mount,
};

const struct cmd cmd_umount = {
	.name = "umount",
	.synopsis = "umount <ctid>",
	.help = "Unmount a stopped container's root",
	.flags = CMD_CTID,
	.bad_option = VZ_EXIT_SYNTAX,
	.verb = vz_ve_umount,
};

static int run_status(struct cli *c, struct vz_error *e)
{
	/* one client insists on the word that 3.0.x printed */
	const char *word = getenv("VZ_STATUS_WORD");
	int s = vz_ve_status(c->ve, e);

	if (s < 0)
		return s;
	printf("%s %u %s %s %s%s\n", word && *word ? word : "CTID", c->ctid,
	       s & VZ_EXIST ? "exist" : "deleted", s & VZ_MOUNTED ? "mounted" : "unmounted",
	       s & VZ_RUNNING ? "running" : "down", s & VZ_SUSPENDED ? " suspended" : "");
	return VZ_EXIT_OK;
}

const struct cmd cmd_status = {
	.name = "status",
	.synopsis = "status <ctid>",
	.help = "Print whether a container exists, is mounted and runs",
	.doc = "Prints one line and exits 0 whatever the state: CTID, the ID, *exist* or "
	       "*deleted*, *mounted* or *unmounted*, *running* or *down*, and *suspended* at "
	       "the end where a dump is stored. The environment variable VZ_STATUS_WORD "
	       "replaces the first word (old clients want VEID).",
	.flags = CMD_CTID | CMD_NO_CONF | CMD_DIRECT,
	.bad_option = VZ_EXIT_SYNTAX,
	.run = run_status,
};
