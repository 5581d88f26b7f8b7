/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What of a set of processes a checkpoint would refuse or silently lose, found
 * while they run, without stopping or entering any of them.  Reads the host's
 * /proc, asks the kernel by netlink in the processes' network namespaces, and
 * never calls into a file system that a process of theirs may serve (FUSE).
 *
 * Not to be seen from outside, hence not found: Landlock domains.
 */
#ifndef MECH_CR_CHECK_H
#define MECH_CR_CHECK_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum cr_severity {
	CR_TRANSIENT = 1, /* gone in a moment: try again */
	CR_LOST,	  /* the dump is made without it */
	CR_FATAL,	  /* no dump, or none that can be restored */
};

/* A sentence in parts: SUBJECT what, which CONSEQUENCE: remedy. */
struct cr_finding {
	const char *probe; /* the row's name: "io_uring" */
	enum cr_severity severity;
	pid_t pid, vpid; /* on the host and inside; 0: of the container as a whole */
	char *process;	 /* its name, NULL without a pid; escaped, as all that comes from inside */
	char *unit;	 /* "nginx.service", "session-3.scope", or NULL */
	char *what;	 /* "uses io_uring" */
	const char *consequence, *remedy;
};

#define CR_MAX_FINDINGS 256
/* Of a deleted file, what a dump takes along: the limit is CRIU's way to notice mistakes, not a need. */
#define CR_GHOST_LIMIT	((uint64_t)1 << 30)

struct cr_findings {
	struct cr_finding *v;
	size_t n;
	enum cr_severity worst; /* of all, those beyond CR_MAX_FINDINGS included; 0: none */
};

struct cr_target {
	int cgfd; /* directory of the cgroup they live in; -EBADF: see pids */
	const pid_t *pids;
	size_t npids;
	pid_t init;	      /* whose namespaces and root are the container's own */
	uint64_t ghost_limit; /* bytes of a deleted file that a dump takes along */
	uid_t uid_base;	      /* of its user namespace; 0: it has none */
	uint32_t uid_count;
	/* The CRIU in use is ours: UTS namespaces of services, ramfs, session keyrings and pressure triggers go along. */
	bool patched;
	bool quick; /* only what takes one look per process and descriptor */
};

/* Look; -ESRCH when init is gone. What ends meanwhile is left out. */
int cr_check(const struct cr_target *t, struct cr_findings *ret, struct vz_error *e) _must_check_;
void cr_findings_done(struct cr_findings *f);
/* "nginx (pid 812, nginx.service) uses io_uring, which cannot be checkpointed: do this" */
int cr_finding_text(const struct cr_finding *f, char **ret) _must_check_;

#endif
