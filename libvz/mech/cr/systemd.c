/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Managers of systemd >= 257 know a process by the inode number of its pidfd, which they remember, and which nobody
 * can give to a restored process (the kernel counts them). They would take no word of their services any more: a
 * watchdog kills journald and logind minutes later, a reload never ends. Told to reload their configuration, they
 * write down what they know and read it again, but for these numbers.
 */
#include "mech/cr/tasks.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "base/str.h"
#include "os/os.h"

#define LIBRARY	    "/libsystemd-core-"
#define FIRST	    257
#define MAX_MAPPING (4U << 20)
#define MAX_STATUS  (64U << 10)
#define MASK_DIGITS 16
#define HEX	    "0123456789abcdef"
#define ODD	    "13579bdf"

static int read_of(pid_t pid, const char *name, size_t max, char **ret)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return os_read_file_at(AT_FDCWD, path, max, ret, NULL);
}

/* One that has not come so far as to take its signals from a descriptor would die of it, and remembers nothing yet. */
static bool waits_for_signals(pid_t pid)
{
	static const char key[] = "\nSigBlk:\t";
	_cleanup_free_ char *status = NULL;
	const char *at;

	if (read_of(pid, "status", MAX_STATUS, &status) < 0)
		return false;
	at = strstr(status, key);
	at = at ? at + strlen(key) : "";
	/* SIGHUP is the lowest bit */
	return strspn(at, HEX) == MASK_DIGITS && strchr(ODD, at[MASK_DIGITS - 1]);
}

/* What a tenant calls itself decides on a signal to itself only. */
static bool remembers(pid_t pid)
{
	_cleanup_free_ char *comm = NULL, *maps = NULL;
	char *at, number[8];
	uint32_t version;

	if (read_of(pid, "comm", 64, &comm) < 0 || strcmp(comm, "systemd\n") != 0 ||
	    !waits_for_signals(pid) || read_of(pid, "maps", MAX_MAPPING, &maps) < 0)
		return false;
	at = strstr(maps, LIBRARY);
	if (!at)
		return false;
	at += strlen(LIBRARY);
	(void)snprintf(number, sizeof(number), "%.*s", (int)strspn(at, "0123456789"), at);
	return num_parse_u32(number, &version) >= 0 && version >= FIRST;
}

void cr_tasks_reload(const struct os_pids *pids)
{
	for (size_t i = 0; i < pids->n; i++) {
		_cleanup_close_ int fd = -EBADF;

		if (!remembers(pids->v[i].pid))
			continue;
		fd = os_pidfd_open(pids->v[i].pid);
		if (fd >= 0)
			IGNORE(os_pidfd_kill(fd, SIGHUP));
	}
}
