/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The file systems of a VE: its root (overlay over idmapped layers), its /dev,
 * and what its init's mount namespace is built of.  Host-side functions run as
 * host root; mnt_child_* run in the VE's own namespaces as its root.
 */
#ifndef MECH_MNT_H
#define MECH_MNT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MNT_IDS 65536U /* width of a VE's id range; on disk ids are 0..65535 */

struct mnt_root_conf {
	const char *lower;   /* read-only tree of the template */
	const char *private; /* holds fs/ (upper) and work/, on one file system */
	const char *target;  /* mount point for the host's view */
	uid_t uid_base;	     /* 0: privileged VE, no idmap */
	gid_t gid_base;
};

/* Mount the root at target: nodev, nosuid, noexec for the host's eyes. Already mounted: -EBUSY. */
int mnt_root_mount(const struct mnt_root_conf *c, struct vz_error *e) _must_check_;
/* Can a root be made of layers on dir's file system, for ids from uid on? Leaves its directories to the caller. */
int mnt_root_probe(const char *dir, uid_t uid, struct vz_error *e) _must_check_;
/* 1 mounted, 0 not */
int mnt_root_mounted(const char *target) _must_check_;
/* Unmount; lazily when busy (no process of the VE may be left). Absent is fine. */
int mnt_root_umount(const char *target, struct vz_error *e) _must_check_;
/* Detached clone of the mounted root for the VE itself: suid and exec allowed, nodev kept. */
int mnt_root_clone(const char *target, struct vz_error *e) _must_check_;

/* A detached tmpfs with the device nodes of a VE, owned by its root. */
int mnt_dev_make(uid_t uid_base, gid_t gid_base, struct vz_error *e) _must_check_;
struct mnt_node {
	const char *name; /* below /dev */
	unsigned int major, minor;
	mode_t mode; /* with S_IFCHR or S_IFBLK */
};
/* Make one more node below a /dev that no process of the VE can reach yet. */
int mnt_dev_node(int devfd, const struct mnt_node *n, uid_t uid, gid_t gid, struct vz_error *e)
	_must_check_;

/* ---- devsave.c: what a VE made in its /dev, over a checkpoint ---- */
/* As text, never NULL. devfd: the tmpfs of mnt_dev_make(), found in the VE. */
int mnt_dev_save(int devfd, uid_t uid_base, gid_t gid_base, char **ret, struct vz_error *e)
	_must_check_;
/* Into a new one; text is cut to pieces. -EBADMSG: not of mnt_dev_save()'s making */
int mnt_dev_fill(int devfd, char *text, uid_t uid_base, gid_t gid_base, struct vz_error *e)
	_must_check_;

struct mnt_child_conf {
	int rootfd;	    /* from mnt_root_clone */
	int devfd;	    /* from mnt_dev_make */
	bool privileged;    /* without user namespace more of /proc has to be covered */
	uint64_t shm_bytes; /* size of /dev/shm, UINT64_MAX = default */
	uint32_t ptys;	    /* max= of the VE's devpts, 0 = default */
	int ptsfd;	    /* the console's: mount and index, from mnt_console_make */
	unsigned int pty;
};
/* Build everything, pivot into it and drop the old root. */
int mnt_child_setup(const struct mnt_child_conf *c, struct vz_error *e) _must_check_;

/* ---- external.c: what a VE's mount namespace holds of the host's making ---- */

/* The pty behind /dev/console, alone in a devpts of the host's. */
struct mnt_console {
	int master, slave;
	int mount;	  /* the detached devpts */
	unsigned int pty; /* its name there */
};
/* The slave belongs to the VE's root. */
int mnt_console_make(uid_t uid_base, gid_t gid_base, struct mnt_console *ret, struct vz_error *e)
	_must_check_;
void mnt_console_done(struct mnt_console *c);

/* Each such mount as CRIU's "mnt[PLACE]:KEY" for a dump; the root, which has no key, is left out. */
int mnt_external_keys(bool privileged, char ***ret) _must_check_;
/* As "mnt[KEY]:PATH" for a restore, with the sources that mnt_external_sources() attaches at stand. */
int mnt_external_paths(const char *stand, char ***ret) _must_check_;
struct mnt_sources {
	const char *stand; /* a directory of the host which this namespace sees a tmpfs on */
	int rootfd, devfd; /* as for mnt_child_conf; stay the caller's */
	int ptsfd;
	unsigned int pty;
};
/* A private copy of the mount namespace with stand/root and the other sources attached: its descriptor. */
int mnt_external_sources(const struct mnt_sources *s, struct vz_error *e) _must_check_;

#endif
