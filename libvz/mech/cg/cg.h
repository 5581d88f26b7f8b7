/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cgroup v2 subtree of a VE:
 *   ROOT/CTID        limits; the VE never reaches it
 *   ROOT/CTID/ve     delegated to the VE (owned by its base id), the root of its cgroup namespace
 *   ROOT/CTID/ve/vz.enter  where exec and enter put their processes
 * A kernel with vz's patches has the controller ve: ROOT/CTID is what it calls a VE.
 * Knows nothing of VEs beyond the number; paths come from the caller.
 */
#ifndef MECH_CG_H
#define MECH_CG_H

#include "base/error.h"
#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CG_UNLIMITED UINT64_MAX

/* What a kernel with vz's patches counts beyond memory and processes. */
enum cg_counter { CG_NUMFILE, CG_NUMFLOCK, CG_NUMPTY, CG_NUMIPTENT, CG_NUMNETIF, CG_COUNTERS };
struct cg_pair {
	uint64_t barrier, limit; /* CG_UNLIMITED, or 0: not set */
};

struct cg_conf {
	const char
		*name; /* the container's, or NULL: for people who look at the kernel's own lists */
	uint64_t memory_max, swap_max, memory_low; /* bytes; CG_UNLIMITED; low: 0 = none */
	uint64_t pids_max;			   /* CG_UNLIMITED */
	uint32_t cpu_units;		/* 8..500000; cpu.weight = clamp(units/10, 1, 10000) */
	uint32_t cpu_percent;		/* 100 per CPU; 0 = none */
	uint32_t cpus;			/* 0 = all; a cap of cpus*100 percent */
	const char *cpumask, *nodemask; /* NULL or "" = all */
	struct cg_pair counters[CG_COUNTERS];
	bool missing_warn; /* a limit without its controller: warn, do not fail */
};

struct cg_dev_rule {
	char type;	/* 'b', 'c' */
	int64_t major;	/* -1: any */
	int64_t minor;	/* -1: any */
	uint8_t access; /* CG_DEV_* */
};
enum { CG_DEV_READ = 1, CG_DEV_WRITE = 2, CG_DEV_MKNOD = 4 };

enum cg_what { CG_MEM = 1, CG_CPU = 2, CG_PIDS = 4, CG_COUNT = 8, CG_ALL = 15 };

/* Where VEs' cgroups stand: conf (vz.conf CGROUP_ROOT) or found: the v2 mount (statfs magic; on a
 * hybrid machine .../unified) + "/vz". *ret is a path; nothing is created. */
int cg_root_find(const char *conf, char **ret, struct vz_error *e) _must_check_;

/* Make ROOT/CTID and ROOT/CTID/ve (idempotent), enable the controllers that conf's finite limits need
 * (+ cpu, memory, pids, io, cpuset where there), chown the delegated files to base. A controller that is
 * needed but not there: -EOPNOTSUPP naming it and CGROUP_MISSING=warn; with missing_warn it is left to
 * cg_apply, which warns. What a dead VE left in CTID/ve is removed; a populated one is left alone. */
int cg_make(const char *root, uint32_t ctid, const struct cg_conf *c, uid_t uid, gid_t gid,
	    const struct logger *l, struct vz_error *e) _must_check_;
/* dirfd of ROOT/CTID, -ENOENT when there is none */
int cg_open(const char *root, uint32_t ctid) _must_check_;
/* dirfd of CTID/ve for CLONE_INTO_CGROUP of init */
int cg_open_ve(int cgfd, struct vz_error *e) _must_check_;
/* dirfd of CTID/ve/vz.enter, made on demand (owned uid:gid) */
int cg_open_enter(int cgfd, uid_t uid, gid_t gid, struct vz_error *e) _must_check_;
/* dirfd of CTID/vz.host, made on demand: what works for the VE on the host's side and is to end with it. */
int cg_open_host(int cgfd, struct vz_error *e) _must_check_;
/* Remove that again; processes in it, or none at all, are no error. */
void cg_close_host(int cgfd);
/* ident.c: what a kernel with vz's patches is told; where it has them not, nothing is done and that is success.
 * cg_make() gave ROOT/CTID its number. init, the first process of a VE with a user namespace, runs from now on;
 * its kernel log begins with number log_first where the kernel can. */
int cg_started(int cgfd, int init_pidfd, uint64_t log_first, struct vz_error *e) _must_check_;
/* Another name, or NULL. */
int cg_rename(int cgfd, const char *name, struct vz_error *e) _must_check_;
/* The VE has a kernel log of its own: what its processes open as /dev/kmsg is not the host's. Those, that is,
 * whose user namespace is the VE's. */
bool cg_has_log(int cgfd);
/* The number of the next record in that log. -ENODATA: nothing in it; -ENOENT: no such log */
int cg_log_next(int cgfd, uint64_t *ret) _must_check_;
/* Write the limits named by what; on failure those written are put back. */
int cg_apply(int cgfd, const struct cg_conf *c, unsigned int what, const struct logger *l,
	     struct vz_error *e) _must_check_;
/* The limits in force, for cg_restore() when a change of several things fails. Unreadable ones are left out. */
#define CG_LIMITS 8
struct cg_saved {
	char *text[CG_LIMITS], *counters;
};
void cg_save(int cgfd, struct cg_saved *ret);
void cg_restore(int cgfd, const struct cg_saved *s, const struct logger *l);
void cg_saved_done(struct cg_saved *s);
/* Does this kernel count these of the VE, and refuse more than the limit? */
bool cg_counts(int cgfd, enum cg_counter i);
/* Rows of the VE's beancounters by their names, all UINT64_MAX where this kernel has none; in the units of
 * /proc/user_beancounters, and unlimited is its 9223372036854775807. */
struct cg_row {
	uint64_t held, maxheld, barrier, limit, failcnt;
};
int cg_rows(int cgfd, const char *const *rows, size_t n, struct cg_row *ret) _must_check_;
/* Device access: what every VE has (null, zero, full, random, tty, pts, fuse, tun; mknod of anything) and
 * these rules, as a BPF program on CTID which replaces the previous one in one step. */
int cg_devices(int cgfd, const struct cg_dev_rule *rules, size_t n, struct vz_error *e)
	_must_check_;
/* 1 populated, 0 empty, negative errno */
int cg_populated(int cgfd) _must_check_;
int cg_freeze(int cgfd, bool frozen, int timeout_ms, struct vz_error *e) _must_check_;
/* Kill all and wait until empty, -ETIMEDOUT after timeout_ms; frozen ones die as well. Then cg_remove() or
 * cg_make(): kernels since 6.12 (seen on 6.12.107 and 6.18) kill at birth what CLONE_INTO_CGROUP puts into a
 * cgroup that was killed once, because they compare its kill count with that of the parent's cgroup. */
int cg_kill(int cgfd, int timeout_ms, struct vz_error *e) _must_check_;
/* Wait until nothing is left in it: 0, -ETIMEDOUT */
int cg_wait_empty(int cgfd, int timeout_ms) _must_check_;
/* Remove the subtree bottom-up; absent is fine; -EBUSY when processes are left. */
int cg_remove(const char *root, uint32_t ctid, struct vz_error *e) _must_check_;

/* probe.c: 1 when this kernel shows the processes of a VE what is the VE's, 0, or a negative errno; tried in a
 * cgroup made beneath dir for it. */
int cg_probe_views(const char *dir) _must_check_;
/* Does a VE's cgroup have this file? */
int cg_probe_file(const char *dir, const char *file) _must_check_;

struct cg_stat {
	uint64_t memory, memory_peak, swap, kernel, slab_reclaimable, sock,
		shmem; /* bytes; UINT64_MAX unknown */
	uint64_t pids, pids_peak, pids_failed, oom_kills;
	uint64_t cpu_user_us, cpu_system_us;
};
/* One reading of everything; what the kernel does not have is UINT64_MAX. pids falls back to counting. */
int cg_stat(int cgfd, struct cg_stat *ret) _must_check_;
/* Register ROOT/CTID with systemd (transient scope vz-CTID.scope, Delegate=yes, holding pid) when the host
 * is run by systemd; 1 done, 0 when the host is not. *ret_root = the directory to use as ROOT afterwards (NULL:
 * unchanged). pid sits in its leaf "monitor" then; the scope ends with the last process beneath it. */
int cg_systemd_scope(uint32_t ctid, pid_t pid, char **ret_root, struct vz_error *e) _must_check_;

/* ---- tree*.c, pids.c: the cgroups that a VE made for itself, over a checkpoint ---- */

struct os_pids;
struct cg_tree;
/*
 * The tree from CTID/ve down as text: directories, who owns what, controllers, limits that are not the
 * kernel's defaults, user.* attributes, and which process (by its pid inside) is where.  uid, gid: the VE's
 * base ids, which the text does not hold.  All processes are added to *pids.
 * Meant for a frozen tree.  -E2BIG: more than a VE may have; -EBUSY: a process of the host's is in it.
 */
int cg_tree_save(int cgfd, uid_t uid, gid_t gid, char **ret_text, struct os_pids *pids,
		 struct vz_error *e) _must_check_;
/*
 * What the VE itself had frozen within its tree, let go (while CTID/ve as a whole stays frozen), or frozen again:
 * CRIU has every process of the tree run code of its own.
 */
int cg_tree_freeze(int cgfd, const char *text, bool frozen, struct vz_error *e) _must_check_;
/* Read such a text; whatever it says, only what is beneath CTID/ve will ever be touched. -EBADMSG */
int cg_tree_parse(const char *text, struct cg_tree **ret, struct vz_error *e) _must_check_;
struct cg_tree *cg_tree_free(struct cg_tree *t);
/*
 * First step, on what cg_make() made: the directories with their types, controllers and owners.  root is the
 * first process, alone in CTID/ve, which then is where what it forks may be born: still there, or in CTID/ve/vz.restore
 * where the former tree has controllers on in CTID/ve.
 */
int cg_tree_build(const struct cg_tree *t, int cgfd, uid_t uid, gid_t gid, pid_t root,
		  struct vz_error *e) _must_check_;
/*
 * Second step: limits, then every process to its place (what the tree does not know goes where pid 1 is),
 * then what was frozen.  What the VE's own limits say and this kernel refuses is a warning.
 */
int cg_tree_fill(const struct cg_tree *t, int cgfd, const struct logger *l, struct vz_error *e)
	_must_check_;
/* Move one process into CTID/ve itself. */
int cg_enter(int cgfd, pid_t pid, struct vz_error *e) _must_check_;
/* All processes of CTID/ve and beneath; the host's are left out. */
int cg_pids(int cgfd, struct os_pids *ret, struct vz_error *e) _must_check_;

#endif
