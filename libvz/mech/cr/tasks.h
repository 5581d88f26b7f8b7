/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What CRIU does not restore of a thread: CPU affinity, I/O priority, timer slack, core dump filter.
 * A thread that has the defaults is not written; a restored one has those of the process that
 * forked CRIU, which therefore calls cr_tasks_defaults() between fork and exec.
 */
#ifndef MECH_CR_TASKS_H
#define MECH_CR_TASKS_H

#include "base/error.h"
#include "base/log.h"

struct os_pids;

/*
 * All threads of these processes as text.  cpus: the CPUs that a process is free to use when it asked for nothing,
 * as cpuset.cpus.effective has them ("0-3"); NULL or "": those that are online.
 */
int cr_tasks_save(const struct os_pids *pids, const char *cpus, char **ret_text, struct vz_error *e)
	_must_check_;
/*
 * Give it back, before they run; pids: sorted.  A CPU that is not here any more is left out, a thread that is gone
 * too; what the kernel refuses is a warning.  -EBADMSG: no such text
 */
int cr_tasks_restore(const char *text, const struct os_pids *pids, const struct logger *l,
		     struct vz_error *e) _must_check_;
/* The calling thread's own to the kernel's defaults. */
void cr_tasks_defaults(void);

/* systemd.c: managers among restored processes learn the new identities of the others, once they run. */
void cr_tasks_reload(const struct os_pids *pids);

/*
 * ---- pidns.c ----
 * The number that a new process gets in the pid namespace of pidfd's process, its init, and that the next ones follow.
 * To ask takes one.
 */
int cr_last_pid(int pidfd, uint32_t *ret, struct vz_error *e) _must_check_;
/* A restored namespace would begin at its lowest free number, and children would be older than their parents. */
int cr_set_last_pid(int pidfd, uint32_t last, struct vz_error *e) _must_check_;

#endif
