/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Checkpoint and restore of process trees by CRIU, over the RPC of its service
 * worker.  Knows CRIU and nothing of VEs: what is the caller's (cgroups, network,
 * sources of mounts) is done in its notify function, at the points that CRIU stops at.
 */
#ifndef MECH_CR_H
#define MECH_CR_H

#include "base/error.h"
#include "mech/cr/check.h"
#include "mech/cr/dump.h"
#include "mech/cr/tasks.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The program: ours (with patches, in libexecdir), else the system's. -ENOENT: neither. */
int cr_find_program(char **ret, bool *ret_patched, struct vz_error *e) _must_check_;
/* "4.2.1"; -ENOEXEC: it does not run, or says nothing of it. */
int cr_version(const char *program, char *buf, size_t size) _must_check_;

/*
 * Called with CRIU's name of the point ("setup-namespaces", "pre-resume", ...) and the pid of the root task where
 * CRIU tells it (else 0). A failure ends the operation; its error becomes the operation's.
 */
#define CR_POINT_STARTED "started" /* ours: pid is CRIU's own */
typedef int cr_notify_fn(void *data, const char *point, pid_t pid, struct vz_error *e);

struct cr_conf {
	const char *program;
	int images, work;      /* directories: of the images; of the log and statistics */
	const char *log;       /* name in work */
	const char *log_shown; /* where people find it after a failure */
	bool verbose;	       /* a log that a developer wants to read; slow */
	bool orphan;	       /* CRIU outlives the caller, to roll back */
	bool empty_netns;      /* sockets only: the caller rebuilds links, addresses, rules */
	char *const *external, *const *enable_fs; /* strv */
	cr_notify_fn *notify;
	void *data;
	/* dump */
	pid_t pid;
	const char *freeze_cgroup; /* path; may be frozen already */
	bool leave_running;
	/* restore */
	const char *root;	 /* in mntns */
	int mntns;		 /* mount namespace CRIU works in, < 0: the caller's */
	const char *inherit_key; /* one descriptor that the tasks share with the caller; NULL: none */
	int inherit_fd;
	int cgroup; /* CRIU and its helpers live there, < 0: with the caller */
};

/* Microseconds and counts, as CRIU measured; 0 where it did not. */
struct cr_stats {
	uint64_t freezing_us, frozen_us, memdump_us, memwrite_us;
	uint64_t pages_scanned, pages_written;
	uint64_t forking_us, restore_us, pages_restored;
};

/*
 * Somebody's server stands still: the caller goes before others until cr_unhurry() of what this returned, on a host
 * whose processors are busy. cr_dump() and cr_restore() do so themselves.
 */
int cr_hurry(void);
void cr_unhurry(int before);
/* On failure the tasks run on, as far as CRIU could see to that. */
int cr_dump(const struct cr_conf *c, struct cr_stats *ret, struct vz_error *e) _must_check_;
/* The root task becomes a child of the caller. On failure what is left of the tree is the caller's to kill. */
int cr_restore(const struct cr_conf *c, pid_t *ret_init, struct cr_stats *ret, struct vz_error *e)
	_must_check_;

/* ---- words.c ---- */
/* A line of CRIU's in words for who runs servers; the line itself when nothing better is known. Caller frees. */
int cr_words(const char *line, char **ret) _must_check_;

#endif
