// SPDX-License-Identifier: GPL-2.0-or-later
/* The list of commands, in the order of the manual; each stands in its family's file. */
#include "cmd.h"

#include <string.h>

/* clang-format off */
const struct cmd *const cmds[] = {
	&cmd_create, &cmd_destroy,
	&cmd_start, &cmd_stop, &cmd_restart, &cmd_mount, &cmd_umount, &cmd_status,
	&cmd_set,
	&cmd_exec, &cmd_exec2, &cmd_exec3, &cmd_enter, &cmd_runscript, &cmd_console,
	&cmd_chkpnt, &cmd_restore,
	&cmd_snapshot, &cmd_snapshot_switch, &cmd_snapshot_delete, &cmd_snapshot_list,
	&cmd_snapshot_mount, &cmd_snapshot_umount,
	&cmd_quotaon, &cmd_quotaoff, &cmd_quotainit, &cmd_convert, &cmd_compact,
	&cmd_register, &cmd_unregister,
	&cmd_boot, &cmd_shutdown, &cmd_features,
	&cmd_help, &cmd_gen,
	NULL
};
/* clang-format on */

const struct cmd *cmd_find(const char *word)
{
	for (const struct cmd *const *c = cmds; *c; c++)
		if (strcmp((*c)->name, word) == 0 ||
		    ((*c)->alias && strcmp((*c)->alias, word) == 0))
			return *c;
	return NULL;
}

const char *cmd_nearest(const char *word)
{
	struct nearest near = { .word = word };

	for (const struct cmd *const *c = cmds; *c; c++) {
		if ((*c)->flags & CMD_HIDDEN)
			continue;
		nearest_try(&near, (*c)->name);
		if ((*c)->alias)
			nearest_try(&near, (*c)->alias);
	}
	return near.best;
}
