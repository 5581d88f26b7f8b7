/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Life cycle of a VE: what the verbs share.  A struct ve stands for one VE
 * during one call; what is true of the VE is on disk, in /run/vz and in the
 * kernel, never only here, so any process can go on where another died.
 */
#ifndef VE_VE_H
#define VE_VE_H

#include "base/error.h"
#include "base/log.h"
#include "conf/conf.h"
#include "mech/cg/cg.h"
#include "mech/sec/sec.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct ve {
	const struct host_config *host;
	const struct logger *log;
	uint32_t id;
	bool have_conf; /* CTID.conf exists; else conf holds defaults and vz.conf */
	struct ve_config conf;
	/* its other end's closing interrupts what is waited for: scripts, the VE's first process; 0: none */
	int hangup_fd;
};

/* Load configuration. A missing CTID.conf is not an error here: see have_conf and ve_need_conf(). */
int ve_open(struct ve *ve, const struct host_config *h, const struct logger *l, uint32_t id,
	    struct vz_error *e) _must_check_;
void ve_done(struct ve *ve);
#define _cleanup_ve_ _cleanup_(ve_done)
/* Reads CTID.conf again, for whoever got the lock after waiting. */
int ve_reload(struct ve *ve, struct vz_error *e) _must_check_;
int ve_need_conf(const struct ve *ve, struct vz_error *e) _must_check_;
/* Write c to CTID.conf and its copy in the private area. */
int ve_save_conf(const struct ve *ve, const struct ve_config *c, struct vz_error *e) _must_check_;

/* ---- state.c: RUNDIR/CTID/state ---- */
struct ve_state {
	pid_t init, monitor;
	uint64_t init_start, monitor_start; /* starttime: pid and it name a process for ever */
	uint64_t started_ms;		    /* CLOCK_BOOTTIME of the start */
	char cgroot[200];		    /* directory that holds CTID's cgroup */
	uint64_t console_rdev,
		console_dev; /* of the pty behind /dev/console, as a checkpoint names it */
	uint64_t dev_dev;    /* of the tmpfs of /dev, to know it again */
	uint64_t log_first;  /* number of the first record of its kernel log, in this life */
	bool running;	     /* init was executed; else the start never got there */
};
/* -ENOENT: nothing recorded */
int state_read(const struct ve *ve, struct ve_state *ret) _must_check_;
int state_write(const struct ve *ve, const struct ve_state *s, struct vz_error *e) _must_check_;
int state_dir(const struct ve *ve, char **ret) _must_check_;
int state_remove(const struct ve *ve, struct vz_error *e) _must_check_;
/* A pidfd of the running init, -ESRCH when the VE does not run. state may be NULL. */
int state_open_init(const struct ve *ve, struct ve_state *ret) _must_check_;
bool ve_is_running(const struct ve *ve);
bool ve_is_mounted(const struct ve *ve);
/* bits of enum vz_state */
int ve_status(const struct ve *ve);

/* ---- lock.c ---- */
/* The verbs of a monitor that takes down or starts again what ended by itself. */
#define LOCK_HALT   "halt"
#define LOCK_REBOOT "reboot"
/* Take LOCKDIR/CTID.lck for verb, waiting timeout_ms, or 10 s for a monitor: a descriptor to ve_unlock(), or VZ_EXIT_LOCKED with the holder. */
int ve_lock(const struct ve *ve, const char *verb, int timeout_ms, struct vz_error *e) _must_check_;
void ve_unlock(const struct ve *ve, int *fd);
/* Remove the lock file that a killed destroy left behind of a VE that is no more; one that is held stays. */
void ve_lock_tidy(const struct ve *ve);
/* The lock that guards allocation of ids and names. */
int host_lock(const struct host_config *h, struct vz_error *e) _must_check_;

/* ---- stage.c ---- */
struct stage {
	const char *name;
	int (*up)(void *op, struct vz_error *e);   /* a failing up cleans up after itself */
	int (*down)(void *op, struct vz_error *e); /* idempotent; looks at the kernel, not at op */
};
struct stages {
	const char *
		verb; /* "start", names the fault points: VZ_FAULT=start:mount kills before that stage */
	const struct stage *table;
	size_t n;
	bool (*cancelled)(void *op); /* asked between stages; may be NULL */
	void (*undoing)(void *op);   /* said before the downs of a failed up; may be NULL */
};
int stages_up(const struct stages *s, void *op, struct vz_error *e) _must_check_;
int stages_down(const struct stages *s, void *op, struct vz_error *e) _must_check_;
/* Test hook: SIGKILL to ourselves when $VZ_FAULT is "verb:point". */
void fault_point(const char *verb, const char *point);

/* ---- mlog.c ---- */
/* A vz_log_fn for who is left alone with the VE (data): lines go to LOGFILE. */
void ve_log_line(void *data, int level, const char *line);

/* ---- hooks.c: action scripts on the host and in the VE ---- */
#define HOOK_TIMEOUT_MS (10 * 60 * 1000)
/* vps.ACTION and CTID.ACTION (up: global first, down: the VE's first); absent is fine; VZ_EXIT_ACTION_SCRIPT. */
int hooks_host(const struct ve *ve, const char *action, bool global_first, struct vz_error *e)
	_must_check_;
/* CTID.start / CTID.stop, run inside; -ETIMEDOUT, or -EBUSY when the VE lets no process in. */
int hooks_inside(const struct ve *ve, const char *action, int timeout_ms, struct vz_error *e)
	_must_check_;

/* ---- mount.c ---- */
struct ve_meta {     /* PRIVATE/meta */
	char *lower; /* "sha256-..." */
	char *ostemplate;
};
int meta_read(const char *private, struct ve_meta *ret, struct vz_error *e) _must_check_;
int meta_write(const char *private, const struct ve_meta *m, struct vz_error *e) _must_check_;
void meta_done(struct ve_meta *m);
/* The directory that the root is mounted on, in a parent that only the host's root passes. */
int ve_make_root(const struct ve *ve, struct vz_error *e) _must_check_;
int ve_mount_root(const struct ve *ve, struct vz_error *e)
	_must_check_; /* with scripts; mounted: no-op */
int ve_umount_root(const struct ve *ve, struct vz_error *e)
	_must_check_; /* with scripts; not mounted: no-op */

/* ---- enter.c: processes inside a running (or held) VE ---- */
struct enter_opts {
	char *const *argv; /* argv[0] is looked up in PATH inside; "bash" falls back to "sh" */
	char *const *env;  /* NULL: default */
	const char *cwd;   /* NULL: "/" */
	int fds[3];	   /* become 0, 1, 2; none may be the caller's own */
	bool pty;	   /* make a pty inside instead of fds; its master comes back */
};
struct entered {
	pid_t pid;
	int pidfd;
	int master;
};
/* The process is the caller's child: wait for it (os_reap). */
int ve_enter(const struct ve *ve, const struct enter_opts *o, struct entered *ret,
	     struct vz_error *e) _must_check_;
/* Feed a script to sh inside with these variables; combined output comes back (may be NULL). Wait status. */
int ve_script(const struct ve *ve, const char *script, char *const *env, int timeout_ms,
	      char **ret_out, struct vz_error *e) _must_check_;
/* Exit code of a wait status as a shell has it. */
int status_code(int wstatus);

/* ---- dist.c: edits inside the tree, by the VE's own root ---- */
enum dist_what { DIST_HOSTNAME = 1, DIST_DNS = 2, DIST_IP = 4, DIST_FIRST = 8, DIST_ALL = 15 };
/* Bring the distribution's files in line with conf; at start only when something changed since last time. */
int dist_apply(const struct ve *ve, unsigned int what, bool starting, struct vz_error *e)
	_must_check_;
int dist_password(const struct ve *ve, const char *user_password, struct vz_error *e) _must_check_;

/* ---- suspended.c: the dump at its default place ---- */
int ve_dump_path(const struct ve *ve, char **ret) _must_check_; /* DUMPDIR/Dump.CTID */
bool ve_is_suspended(const struct ve *ve);
/* Remove it, whole or not; what fails is a warning. */
void ve_drop_dump(const struct ve *ve);
/* -EBUSY with VZ_EXIT_RUNNING where the VE is suspended: what would change files under the dump. */
int ve_refuse_suspended(const struct ve *ve, const char *what, struct vz_error *e) _must_check_;

/* The start that users mean: 1 from the dump where there is one; where there is none or that fails 0, afresh. */
int ve_start_any(struct ve *ve, unsigned int flags, int lock_fd, struct vz_error *e) _must_check_;
/* A running VE that was frozen on purpose (chkpnt --suspend) runs on. */
int ve_wake(struct ve *ve, struct vz_error *e) _must_check_;

/* ---- the verbs; the caller holds the lock ---- */
enum { START_FORCE = 1, START_SKIP_REMOUNT = 2, START_WAIT = 4 };
/* lock_fd: closed by the monitor once the VE runs. run: instead of init, argv of a temporary VE (runscript). */
int ve_start(struct ve *ve, unsigned int flags, int lock_fd, struct vz_error *e) _must_check_;
/* What ve_start() refuses by the configuration alone. */
int ve_start_check(const struct ve *ve, unsigned int flags, struct vz_error *e) _must_check_;
/*
 * A VE with pid 1 held before exec, for work inside a stopped VE; ended by ve_cleanup(), and
 * taken down by its monitor when the last copy of *ret_held is closed without that.
 */
int ve_start_held(struct ve *ve, int *ret_held, struct vz_error *e) _must_check_;
enum { STOP_FAST = 1, STOP_SKIP_UMOUNT = 2 };
int ve_stop(struct ve *ve, unsigned int flags, struct vz_error *e) _must_check_;
/* Kill what is left and take everything down, whatever state it is in. */
int ve_cleanup(const struct ve *ve, bool umount, struct vz_error *e) _must_check_;
/* The same but for the mount and the record; the record says that the rest is still to be done. */
int ve_end_processes(const struct ve *ve, struct vz_error *e) _must_check_;
struct vz_changes;
int ve_create(struct ve *ve, const char *ostemplate, const char *config,
	      const struct vz_changes *ch, struct vz_error *e) _must_check_;
int ve_destroy(struct ve *ve, struct vz_error *e) _must_check_;
/* work(dir) in a process of its own that nobody waits for and that has none of our descriptors: trees take their time. */
void ve_aside(void (*work)(const char *dir), const char *dir);
/* given: bits of the apply groups the caller named (changes_groups), 0 for none in particular. */
int ve_set(struct ve *ve, const struct ve_config *new, unsigned int given, unsigned int vz_flags,
	   struct vz_error *e) _must_check_;

/* new = the VE's configuration with the sample's values over it, but for what names this VE. */
int ve_config_with_sample(const struct ve *ve, const char *sample, struct ve_config *new,
			  struct vz_error *e) _must_check_;

/* ---- apply.c ---- */
void ve_cg_conf(const struct ve_config *c, struct cg_conf *ret);
/* cgfd: the VE's cgroup */
void ve_sec_conf(const struct ve *ve, int cgfd, struct sec_conf *ret);
/* Its /dev/kmsg is not the host's: its processes have a user namespace, and the kernel knows it as a VE. */
bool ve_own_log(const struct ve *ve, int cgfd);
/* The running VE's pseudo terminals are counted by the kernel, which can change their limit. */
bool ve_counts_ptys(const struct ve *ve);
int ve_apply(struct ve *ve, const struct ve_config *old, const struct ve_config *new,
	     unsigned int groups, struct vz_error *e) _must_check_;

/* ---- cgroup of this VE ---- */
int ve_cg_root(const struct ve *ve, char **ret, struct vz_error *e) _must_check_;
int ve_cg_open(const struct ve *ve) _must_check_; /* dirfd or -ENOENT */

static inline bool ve_has_userns(const struct ve *ve)
{
	return ve->conf.uid_base != 0;
}

#endif
