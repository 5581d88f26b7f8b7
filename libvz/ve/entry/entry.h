/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What ve/enter.c and the program vz-entry say to each other, over one
 * SOCK_SEQPACKET pair; both are of one build, so there are no versions.
 *
 *   enter.c:  entry_request, with descriptors in the order of entry_fds()
 *   outside:  entry_msg with pid, and its pidfd
 *   inside:   entry_msg with the pty's master, where one was asked for
 *   either:   entry_msg with a code: failed at that step.  End of file after the
 *             pid: executed.
 *
 * vz-entry gets its socket as descriptor 0, the command's argv and environment
 * as its own.
 */
#ifndef VE_ENTRY_H
#define VE_ENTRY_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

enum entry_step {
	ENTRY_RUN, /* told by enter.c's child where vz-entry could not be executed */
	ENTRY_REQUEST,
	ENTRY_CGROUP,
	ENTRY_JOIN,
	ENTRY_ROOT,
	ENTRY_FORK,
	ENTRY_SESSION,
	ENTRY_PTY,
	ENTRY_STDIO,
	ENTRY_CWD,
	ENTRY_FILTER,
	ENTRY_CAPS,
	ENTRY_EXEC,
	ENTRY_STEPS
};

enum {
	ENTRY_WITH_USERNS = 1,
	ENTRY_WITH_PTY = 2, /* one made inside becomes 0, 1, 2; else three descriptors ride along */
	ENTRY_WITH_MOVE = 4, /* a cgroup rides along, to move into */
};

/* The descriptors' numbers on arrival: 0, 1, 2 (unless ENTRY_WITH_PTY), then these. */
static inline int entry_init_fd(unsigned int flags)
{
	return flags & ENTRY_WITH_PTY ? 0 : 3;
}
static inline int entry_cgroup_fd(unsigned int flags)
{
	return entry_init_fd(flags) + 1;
}
#define ENTRY_FDS 5

struct entry_request {
	uint64_t caps;	/* bit = CAP_* */
	uint32_t flags; /* ENTRY_WITH_* */
	uint32_t filter_len;
	char cwd[256];				 /* "/" where that cannot be entered */
	struct sock_filter filter[BPF_MAXINSNS]; /* sent as far as it goes */
};
#define ENTRY_REQUEST_LEN(n) \
	(offsetof(struct entry_request, filter) + (n) * sizeof(struct sock_filter))

struct entry_msg {
	int32_t step; /* enum entry_step */
	int32_t code; /* negative errno: it failed there */
	int32_t pid;  /* > 0: of the process inside, as the host counts */
};

#endif
