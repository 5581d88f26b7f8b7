/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the files of mech/cg only. */
#ifndef MECH_CG_PRIV_H
#define MECH_CG_PRIV_H

#include "mech/cg/cg.h"
#include "os/os.h"

/* The controller of vz's kernel patches; never on beneath CTID, where all is the VE's anyway. */
#define CG_VE "ve"
/* Tell the kernel which VE this cgroup is. One without the patches, or with this number elsewhere, goes without. */
int cg_identify(int cgfd, uint32_t ctid, const char *name, const struct logger *l) _must_check_;
/* Have the kernel end init, and with it whatever could fork. */
void cg_end_init(int cgfd);

/* Enable those of the controllers in list (blank separated; NULL: all that are there, but ve) for fd's children.
 * What cannot be enabled is left out: whether that hurts is found by cg_missing(). */
int cg_enable(int fd, const char *list) _must_check_;
/* controller is not in cgfd, and params need it: the warning, or -EOPNOTSUPP with the cause named. */
int cg_missing(int cgfd, const char *controller, const char *params, bool warn,
	       const struct logger *l, struct vz_error *e) _must_check_;
/* counters.c: write what differs, all or nothing; a kernel that counts nothing has nothing to write. */
int cg_counters_apply(int cgfd, const struct cg_conf *c, const struct logger *l, struct vz_error *e)
	_must_check_;
/* All lines in force, and putting them back: a failure is warned of. */
int cg_counters_save(int cgfd, char **ret) _must_check_;
void cg_counters_put_back(int cgfd, const char *text, const struct logger *l);
/* Fail when a limit of c that is not the default has no file in cgfd. */
int cg_check_limits(int cgfd, const struct cg_conf *c, struct vz_error *e) _must_check_;

/* ---- treesave.c, treeload.c, tree.c, pids.c: the text of a VE's own cgroups ---- */
#define VE_DIR	       "ve"
#define RESTORE_DIR    "vz.restore"
#define TREE_MAGIC     "vz-cgroup 1"
#define TREE_MAX_DIRS  4097 /* cgroup.max.descendants of CTID, and CTID/ve */
#define TREE_MAX_DEPTH 48
#define TREE_MAX_TEXT  (1U << 20) /* a dump takes no larger file */
#define TREE_MAX_XATTR 4096
#define TREE_IDS       65536U	  /* of a VE with a user namespace */
#define TREE_HOST      UINT32_MAX /* "-": a directory of the host's making, or its owner */

/*
 * "dir UID GID PATH" (who made it, and so owns what no "own" line names), then its lines:
 *	ctl CONTROLLERS		cgroup.subtree_control
 *	type threaded
 *	own UID GID MODE FILE	"." is the directory itself
 *	xattr HEX HEX		name, value
 *	set FILE VALUE		once per line of the file
 *	task PID, thread TID	as they are numbered inside
 */
enum tree_kind {
	TREE_DIR,
	TREE_CTL,
	TREE_TYPE,
	TREE_OWN,
	TREE_XATTR,
	TREE_SET,
	TREE_TASK,
	TREE_THREAD,
	TREE_KINDS
};
extern const char *const tree_words[TREE_KINDS];

/* The kernel's default of a limit, NULL for files that are none. */
const char *tree_limit(const char *file);

struct tree_line {
	enum tree_kind kind;
	uint32_t uid, gid; /* DIR, OWN; relative to the base, or TREE_HOST */
	mode_t mode;	   /* OWN; XATTR: bytes of b */
	pid_t pid;	   /* TASK, THREAD */
	const char *a, *b; /* path or file or name; value */
};

struct cg_tree {
	char *text; /* cut into lines, which point into it */
	struct tree_line *v;
	size_t n, dirs;
	const char *init_dir; /* where pid 1 is */
	bool controllers;     /* in CTID/ve's own subtree_control */
	bool threads;
};

/* The line after t->v[i]'s directory; for (i = 0; i < t->n; i = tree_next(t, i)) walks the directories. */
size_t tree_next(const struct cg_tree *t, size_t i);

/* Processes or threads that a cgroup's file lists. -EXDEV with *ret_foreign: one is not of the VE
 * (NULL: such are left out). */
int tree_pids(int fd, const char *file, struct os_pids *p, pid_t *ret_foreign) _must_check_;

#endif
