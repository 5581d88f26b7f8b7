/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CRIU's errors in the language of who runs servers: a table from a part of the
 * line to what it means and what to do.  The first row that matches wins.
 */
#include "mech/cr/cr.h"

#include "base/str.h"

#include <string.h>

static const struct words {
	const char *has, *also; /* also may be NULL */
	const char *say;
} table[] = {
	{ "io_uring", NULL, "a process uses io_uring, which cannot be checkpointed" },
	{ "anon_inode:bpf", NULL,
	  "a process holds a BPF program or map, which cannot be checkpointed" },
	{ "Can't dump nested user namespace", NULL,
	  "a process made a user namespace of its own (a sandbox, a browser, rootless containers?)" },
	{ "Can't dump nested", "namespace",
	  "a process made a namespace of a kind that cannot be checkpointed" },
	{ "userfaultfd", NULL, "a process uses userfaultfd, which cannot be checkpointed" },
	{ "secretmem", NULL, "a process uses memfd_secret, which cannot be checkpointed" },
	{ "perf_event", NULL, "a process uses perf events, which cannot be checkpointed" },
	{ "Can't dump ghost file", NULL, "a process holds a deleted file of more than 1 GiB open" },
	{ "Can't dump that handle", NULL,
	  "a process watches files (inotify) on a file system that cannot find them again" },
	{ "doesn't have a proper root mount", NULL,
	  "a file system is mounted of which only a part can be seen" },
	{ "unsupported id", "FS mnt",
	  "a file system of a kind that cannot be checkpointed is mounted" },
	{ "ptrace", "traced", "a process is being debugged (gdb, strace): end that first" },
	{ "In-flight connection", NULL, "a connection is waiting to be accepted: try again" },
	{ "Unknown socket collected", NULL,
	  "a process uses a kind of socket that cannot be checkpointed" },
};

int cr_words(const char *line, char **ret)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strstr(line, table[i].has) && (!table[i].also || strstr(line, table[i].also)))
			return str_fmt(ret, "%s [CRIU: %s]", table[i].say, line);
	return str_fmt(ret, "CRIU: %s", line);
}
