/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Virtual environments: life cycle, configuration, commands inside.
 * Every call that changes a VE takes its lock (VZ_EXIT_LOCKED names the holder)
 * unless VZ_SKIPLOCK is given.  Since: 0.1
 */
#ifndef VZ_VE_H
#define VZ_VE_H

#include <vz/param.h>
#include <vz/vz.h>

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vz_ve;

enum vz_flags {
	VZ_SKIPLOCK = 1 << 0,
	VZ_FORCE = 1 << 1,	  /* start: although DISABLED; set: without kernel support */
	VZ_WAIT = 1 << 2,	  /* start: until the default target is reached */
	VZ_FAST = 1 << 3,	  /* stop: kill at once */
	VZ_SKIP_UMOUNT = 1 << 4,  /* stop */
	VZ_SKIP_REMOUNT = 1 << 5, /* start */
	VZ_SAVE = 1 << 6,	  /* set */
	VZ_RESTART = 1 << 7,	  /* set --setmode restart */
	VZ_IGNORE = 1 << 8,	  /* set --setmode ignore */
	/* set, though nothing changed: the beancounters (--reset_ub); with VZ_SAVE the name's link */
	VZ_REAPPLY = 1 << 9,
};

enum vz_state {
	VZ_EXIST = 1 << 0, /* private area and configuration are there */
	VZ_MOUNTED = 1 << 1,
	VZ_RUNNING = 1 << 2,
	VZ_SUSPENDED = 1 << 3,
};

/* CTID or name. VZ_EXIT_VALUE. The VE need not exist. */
VZ_API int vz_ve_open(struct vz *vz, const char *ctid_or_name, struct vz_ve **ret,
		      struct vz_error *e);
/* Release the handle, not the VE; NULL is fine. Returns NULL. */
VZ_API struct vz_ve *vz_ve_free(struct vz_ve *ve);
/* The CTID. */
VZ_API uint32_t vz_ve_id(const struct vz_ve *ve);

/* 0 or -ENOENT with VZ_EXIT_NO_CONF where the VE has no configuration file. */
VZ_API int vz_ve_has_config(struct vz_ve *ve, struct vz_error *e);

/* Bits of enum vz_state, never fails for lack of a VE. */
VZ_API int vz_ve_status(struct vz_ve *ve, struct vz_error *e);

/* Make the VE; options of create are in changes. config: sample name or NULL. */
VZ_API int vz_ve_create(struct vz_ve *ve, const char *ostemplate, const char *config,
			const struct vz_changes *changes, unsigned int flags, struct vz_error *e);
/* Delete the private area and put the configuration aside as CTID.conf.destroyed.
 * -EBUSY with VZ_EXIT_RUNNING or VZ_EXIT_MOUNTED while the VE is either. */
VZ_API int vz_ve_destroy(struct vz_ve *ve, unsigned int flags, struct vz_error *e);
/* Mount the root at VE_ROOT; mounted already is success, with a message. */
VZ_API int vz_ve_mount(struct vz_ve *ve, unsigned int flags, struct vz_error *e);
/* Unmount it; VZ_EXIT_NOT_MOUNTED, or VZ_EXIT_RUNNING. */
VZ_API int vz_ve_umount(struct vz_ve *ve, unsigned int flags, struct vz_error *e);
/* Start the VE, mounting it first; flags: VZ_WAIT, VZ_FORCE, VZ_SKIP_REMOUNT. Returns when init runs.
 * VZ_EXIT_RUNNING, VZ_EXIT_DISABLED. What failed leaves nothing behind. */
VZ_API int vz_ve_start(struct vz_ve *ve, unsigned int flags, struct vz_error *e);
/* Stop it and unmount; orderly within STOP_TIMEOUT, then by force; flags: VZ_FAST, VZ_SKIP_UMOUNT.
 * Also clears away what a manager that died left. Not running is success, with a message. */
VZ_API int vz_ve_stop(struct vz_ve *ve, unsigned int flags, struct vz_error *e);
/* Stop, when it runs, and start; the flags of both. */
VZ_API int vz_ve_restart(struct vz_ve *ve, unsigned int flags, struct vz_error *e);

/* One transaction: check all, apply each group once to the running VE, undo on failure, then save. */
VZ_API int vz_ve_set(struct vz_ve *ve, const struct vz_changes *changes, unsigned int flags,
		     struct vz_error *e);
/* Effective configuration value by key as a file would have it; *ret NULL where unset; caller frees. */
VZ_API int vz_ve_get(struct vz_ve *ve, const char *key, char **ret, struct vz_error *e);
/* user:password, chpasswd inside; starts a stopped VE's root for it. Never stored. */
VZ_API int vz_ve_userpasswd(struct vz_ve *ve, const char *user_password, unsigned int flags,
			    struct vz_error *e);
/* Load the named sample over the configuration (set --applyconfig). */
VZ_API int vz_ve_applyconfig(struct vz_ve *ve, const char *sample, unsigned int flags,
			     struct vz_error *e);

/*
 * Run argv (NULL-terminated) inside as VE root on the caller's own stdin, stdout and stderr.
 * env: NULL for the default. Returns the wait status (see waitpid(2)) or a negative errno.
 */
VZ_API int vz_ve_exec(struct vz_ve *ve, char *const argv[], char *const env[], struct vz_error *e);
/* Login shell on a pty of the VE's own; relays until it ends; command: typed first, or NULL. */
VZ_API int vz_ve_enter(struct vz_ve *ve, const char *command, struct vz_error *e);
/* Feed the file to a shell inside, mounting and running a stopped VE for it. Wait status. */
VZ_API int vz_ve_runscript(struct vz_ve *ve, const char *file, unsigned int flags,
			   struct vz_error *e);
/* Attach to the console; 'Esc .' at the start of a line detaches. */
VZ_API int vz_ve_console(struct vz_ve *ve, unsigned int tty, struct vz_error *e);

/* What a checkpoint of a running VE would refuse or lose. */
enum vz_finding_severity {
	VZ_FINDING_TRANSIENT = 1, /* gone in a moment: try again */
	VZ_FINDING_LOST,	  /* the dump is made without it */
	VZ_FINDING_FATAL,	  /* no dump, or none that can be restored */
};
struct vz_finding {
	int severity;	      /* enum vz_finding_severity */
	int pid, vpid;	      /* on the host and inside; 0: of the VE as a whole */
	char *probe;	      /* what was looked for: "io_uring" */
	char *process, *unit; /* "nginx", "nginx.service"; NULL where there is none */
	char *what, *remedy;  /* "uses io_uring", and what to do about it */
	char *text;	      /* the whole line */
};
/* Look without stopping or entering it. Highest severity found, 0: nothing. -ESRCH with VZ_EXIT_NOT_RUNNING. */
VZ_API int vz_ve_check(struct vz_ve *ve, struct vz_finding **ret, size_t *ret_n,
		       struct vz_error *e);
/* Release what vz_ve_check gave; NULL is fine. */
VZ_API void vz_findings_free(struct vz_finding *v, size_t n);

/* Rows of /proc/user_beancounters, in its order but for the dummies. */
enum vz_ubc {
	VZ_UBC_KMEMSIZE,
	VZ_UBC_LOCKEDPAGES,
	VZ_UBC_PRIVVMPAGES,
	VZ_UBC_SHMPAGES,
	VZ_UBC_NUMPROC,
	VZ_UBC_PHYSPAGES,
	VZ_UBC_VMGUARPAGES,
	VZ_UBC_OOMGUARPAGES,
	VZ_UBC_NUMTCPSOCK,
	VZ_UBC_NUMFLOCK,
	VZ_UBC_NUMPTY,
	VZ_UBC_NUMSIGINFO,
	VZ_UBC_TCPSNDBUF,
	VZ_UBC_TCPRCVBUF,
	VZ_UBC_OTHERSOCKBUF,
	VZ_UBC_DGRAMRCVBUF,
	VZ_UBC_NUMOTHERSOCK,
	VZ_UBC_DCACHESIZE,
	VZ_UBC_NUMFILE,
	VZ_UBC_NUMIPTENT,
	VZ_UBC_ROWS
};
/* One of them as a kernel with vz's patches counts and bounds it, in the row's unit; 9223372036854775807 is
 * unlimited. */
struct vz_ubc_row {
	uint64_t held, maxheld, barrier, limit, failcnt;
};

/* Usage of a VE, one reading. UINT64_MAX = unknown. */
struct vz_ve_usage {
	size_t size;
	uint64_t procs, procs_max;
	uint64_t memory_bytes, memory_peak_bytes, swap_bytes, kernel_bytes, shmem_bytes, sock_bytes,
		reclaimable_bytes;
	uint64_t cpu_user_us, cpu_system_us;
	uint64_t uptime_ms;
	uint64_t disk_bytes, disk_inodes; /* UINT64_MAX: no quota */
	uint64_t oom_kills, procs_failed;
	double loadavg[3]; /* negative: unknown */
	uint64_t net_in_bytes, net_in_packets, net_out_bytes, net_out_packets; /* of venet0 */
	struct vz_ubc_row ubc[VZ_UBC_ROWS]; /* by enum vz_ubc; unknown where the kernel counts none */
};
/* Counters go on over a checkpoint. Read it; ret->size set by the caller. -ESRCH with VZ_EXIT_NOT_RUNNING. */
VZ_API int vz_ve_usage(struct vz_ve *ve, struct vz_ve_usage *ret, struct vz_error *e);

/* Host pid of the VE's init, or -ESRCH. */
VZ_API int vz_ve_init_pid(struct vz_ve *ve, struct vz_error *e);
/* CTID that a host process belongs to (0: host), its pid inside in *ret_vpid (may be NULL). */
VZ_API int vz_pid_to_ctid(struct vz *vz, int pid, uint32_t *ret_ctid, int *ret_vpid,
			  struct vz_error *e);

/* All VEs with a configuration, ascending; caller frees *ret. */
VZ_API int vz_list(struct vz *vz, uint32_t **ret, size_t *ret_n, struct vz_error *e);

/* Templates (TEMPLATE of vz.conf). progress may be NULL; called from the calling thread. */
typedef void vz_progress_fn(void *data, uint64_t done_bytes, uint64_t total_bytes);
struct vz_template {
	char *name, *archive, *digest; /* archive, digest: NULL where absent */
	uint64_t archive_bytes, store_bytes;
	int64_t mtime;
	uint32_t users; /* VEs that stand on it */
};
/* All templates by name; caller frees with vz_template_list_free. */
VZ_API int vz_template_list(struct vz *vz, struct vz_template **ret, size_t *ret_n,
			    struct vz_error *e);
/* Release what vz_template_list gave; NULL is fine. */
VZ_API void vz_template_list_free(struct vz_template *v, size_t n);
/* Bring an archive into the cache and the store as name; an archive that tries to leave its tree or grows
 * beyond max_bytes (0: the default) is refused and nothing stays. VZ_EXIT_TEMPLATE, VZ_EXIT_NO_SPACE. */
VZ_API int vz_template_import(struct vz *vz, const char *archive, const char *name,
			      uint64_t max_bytes, vz_progress_fn *fn, void *data,
			      struct vz_error *e);
/* Compare the store's tree with what the import recorded; differences go to the log. -EBADMSG. */
VZ_API int vz_template_verify(struct vz *vz, const char *name, vz_progress_fn *fn, void *data,
			      struct vz_error *e);
/* Remove archive and store tree; -EBUSY while a VE stands on it. */
VZ_API int vz_template_remove(struct vz *vz, const char *name, struct vz_error *e);

#ifdef __cplusplus
}
#endif
#endif
