// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * OpenVZ's commands whose mechanism this version does not have.  They exist so
 * that scripts get the exit status they test for and people one honest line;
 * they parse no options, because what those mean belongs to the mechanism.
 */
#include "cmd.h"

struct later {
	const struct cmd *cmd;
	enum vz_exit exit;
	const char *what;
};

static const struct later later[] = {
	{ &cmd_snapshot, VZ_EXIT_SNAP_CREATE, "taking snapshots" },
	{ &cmd_snapshot_switch, VZ_EXIT_SNAP_SWITCH, "switching snapshots" },
	{ &cmd_snapshot_delete, VZ_EXIT_SNAP_DELETE, "deleting snapshots" },
	{ &cmd_snapshot_list, VZ_EXIT_SNAP_LIST, "listing snapshots" },
	{ &cmd_snapshot_mount, VZ_EXIT_SNAP_MOUNT, "mounting snapshots" },
	{ &cmd_snapshot_umount, VZ_EXIT_SNAP_UMOUNT, "unmounting snapshots" },
	{ &cmd_quotaon, VZ_EXIT_QUOTA_ON, "disk quota" },
	{ &cmd_quotaoff, VZ_EXIT_QUOTA_OFF, "disk quota" },
	{ &cmd_quotainit, VZ_EXIT_QUOTA_INIT, "disk quota" },
	{ &cmd_convert, VZ_EXIT_CONVERT, "converting to an image layout" },
	{ &cmd_register, VZ_EXIT_SYSTEM, "registering a private area" },
	{ &cmd_unregister, VZ_EXIT_SYSTEM, "unregistering a private area" },
};

static int run_later(struct cli *c, struct vz_error *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(later); i++)
		if (later[i].cmd == c->cmd)
			return cli_fail(e, later[i].exit, "%s is not available in this version",
					later[i].what);
	return cli_fail(e, VZ_EXIT_SYNTAX, "Bad command: %s", c->cmd->name);
}

/* OpenVZ: without an image there is nothing to do, and that is no error. */
static int run_compact(struct cli *c, struct vz_error *e)
{
	(void)e;
	log_say(VZ_LOG_INFO, "Container %u has no image: nothing to compact", c->ctid);
	return VZ_EXIT_OK;
}

#define LATER (CMD_CTID | CMD_RAW)

const struct cmd cmd_snapshot = {
	.name = "snapshot",
	.synopsis = "snapshot <ctid> [--id <uuid>] [--name <name>]",
	.help = "Take a snapshot (not available in this version)",
	.flags = LATER,
	.run = run_later,
};

const struct cmd cmd_snapshot_switch = {
	.name = "snapshot-switch",
	.synopsis = "snapshot-switch <ctid> --id <uuid>",
	.help = "Go back to a snapshot (not available in this version)",
	.flags = LATER,
	.run = run_later,
};

const struct cmd cmd_snapshot_delete = {
	.name = "snapshot-delete",
	.synopsis = "snapshot-delete <ctid> --id <uuid>",
	.help = "Delete a snapshot (not available in this version)",
	.flags = LATER,
	.run = run_later,
};

const struct cmd cmd_snapshot_list = {
	.name = "snapshot-list",
	.synopsis = "snapshot-list <ctid> [-H] [-o <field>[,<field>...]] [--id <uuid>]",
	.help = "List snapshots (not available in this version)",
	.flags = LATER | CMD_DIRECT,
	.run = run_later,
};

const struct cmd cmd_snapshot_mount = {
	.name = "snapshot-mount",
	.synopsis = "snapshot-mount <ctid> --id <uuid> --target <dir>",
	.help = "Mount a snapshot read-only (not available in this version)",
	.flags = LATER,
	.run = run_later,
};

const struct cmd cmd_snapshot_umount = {
	.name = "snapshot-umount",
	.synopsis = "snapshot-umount <ctid> --id <uuid>",
	.help = "Unmount a snapshot (not available in this version)",
	.flags = LATER,
	.run = run_later,
};

const struct cmd cmd_quotaon = {
	.name = "quotaon",
	.synopsis = "quotaon <ctid>",
	.help = "Turn disk quota on (not available in this version)",
	.flags = LATER,
	.run = run_later,
};

const struct cmd cmd_quotaoff = {
	.name = "quotaoff",
	.synopsis = "quotaoff <ctid>",
	.help = "Turn disk quota off (not available in this version)",
	.flags = LATER,
	.run = run_later,
};

const struct cmd cmd_quotainit = {
	.name = "quotainit",
	.synopsis = "quotainit <ctid>",
	.help = "Count disk usage afresh (not available in this version)",
	.flags = LATER,
	.run = run_later,
};

const struct cmd cmd_convert = {
	.name = "convert",
	.synopsis = "convert <ctid> [--layout ploop]",
	.help = "Convert to an image layout (not available in this version)",
	.flags = LATER,
	.run = run_later,
};

const struct cmd cmd_compact = {
	.name = "compact",
	.synopsis = "compact <ctid>",
	.help = "Shrink a container's image; without an image there is nothing to do",
	.flags = LATER,
	.run = run_compact,
};

const struct cmd cmd_register = {
	.name = "register",
	.synopsis = "register <path> <ctid>",
	.help = "Attach an existing private area (not available in this version)",
	.flags = CMD_RAW,
	.run = run_later,
};

const struct cmd cmd_unregister = {
	.name = "unregister",
	.synopsis = "unregister <ctid>",
	.help = "Detach a private area (not available in this version)",
	.flags = LATER,
	.run = run_later,
};
