/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Parameters and configuration files: the one header of conf/ that higher
 * ranks include.  A parameter is one row of the table in param_table.c; files,
 * options, columns, JSON, manual pages and completion derive from the row.
 * conf/ knows no mechanism's actions and applies nothing.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UBC_UNLIMITED ((uint64_t)INT64_MAX)

/* order of /proc/user_beancounters, without the dummies; then what has no row there */
enum ubc_id {
	UBC_KMEMSIZE,
	UBC_LOCKEDPAGES,
	UBC_PRIVVMPAGES,
	UBC_SHMPAGES,
	UBC_NUMPROC,
	UBC_PHYSPAGES,
	UBC_VMGUARPAGES,
	UBC_OOMGUARPAGES,
	UBC_NUMTCPSOCK,
	UBC_NUMFLOCK,
	UBC_NUMPTY,
	UBC_NUMSIGINFO,
	UBC_TCPSNDBUF,
	UBC_TCPRCVBUF,
	UBC_OTHERSOCKBUF,
	UBC_DGRAMRCVBUF,
	UBC_NUMOTHERSOCK,
	UBC_DCACHESIZE,
	UBC_NUMFILE,
	UBC_NUMIPTENT,
	UBC_SWAPPAGES,
	UBC_NUMNETIF,
	UBC_COUNT
};

/* Where a value came from; higher wins. */
enum conf_origin { FROM_NOWHERE, FROM_DEFAULT, FROM_HOST, FROM_VE, FROM_CLI };

/* What has to be done to a running VE when a parameter changed; ve/apply.c has the functions. */
enum apply_group {
	APPLY_NONE,    /* bookkeeping only */
	APPLY_UBC,     /* beancounters other than memory */
	APPLY_MEM,     /* memory.* */
	APPLY_CPU,     /* cpu.*, cpuset.* */
	APPLY_PIDS,    /* pids.max */
	APPLY_PTY,     /* beancounter of the kernel, or a restart */
	APPLY_NET,     /* venet addresses */
	APPLY_DIST,    /* hostname, resolver: edits inside the VE */
	APPLY_DEV,     /* device access */
	APPLY_NAME,    /* the name's symbolic link */
	APPLY_LATER,   /* accepted and stored; its mechanism is not there yet: a warning says so */
	APPLY_RESTART, /* only a restart applies it */
	APPLY_GROUPS
};

struct ubc {
	uint64_t barrier, limit;
};

/* DISKSPACE (KiB), DISKINODES (items) */
struct pair_u64 {
	uint64_t soft, hard;
};

/* name:on/off lists as bit masks */
struct onoff {
	uint64_t on, off;
};

/* DEVICES, one rule */
struct dev_rule {
	char type; /* 'b' or 'c' */
	uint32_t major;
	int64_t minor;	/* -1: all */
	uint8_t access; /* 4 r, 2 w, 1 q(uota); 0 = none */
};

/* The effective configuration of one VE.  Zeroed = nothing set. */
struct ve_config {
	uint8_t *origin; /* enum conf_origin per row of the table (param_count() bytes) */
	uint32_t ctid;	 /* what $VEID in paths stands for */
	char *bad;	 /* the first value of the files that could not be used, as a message */

	struct ubc ubc[UBC_COUNT];
	uint32_t cpuunits; /* 8..500000, default 1000 */
	uint32_t cpulimit; /* percent of one CPU, 0 = none */
	uint32_t cpus;	   /* 0 = all */
	char *cpumask, *nodemask;

	char *root, *private; /* $VEID already expanded */
	char *ostemplate, *origin_sample, *layout;
	char *name, *description, *hostname;
	char **ip;			   /* "10.0.0.1", "10.0.0.1/24", "2001:db8::1/64" */
	char **nameserver, **searchdomain; /* "inherit" already resolved to the host's */
	int onboot;			   /* -1 unset, 0, 1 */
	int64_t bootorder;		   /* -1 unset */
	bool disabled;
	uint32_t stop_timeout; /* seconds, never 0 once loaded (default 120) */
	uint32_t uid_base,
		gid_base; /* first host id of the VE's user namespace; 0 = privileged VE */

	struct onoff capability; /* bit = CAP_* number */
	struct onoff features;	 /* bit = enum feature_bit */
	char *netfilter;	 /* disabled|stateless|stateful|full or NULL */
	struct dev_rule *devices;
	size_t ndevices;
	char **devnodes; /* "name:rw" */
	struct pair_u64 diskspace, diskinodes;
	double vm_overcommit;
	uint32_t ioprio;
	uint64_t iolimit; /* bytes/s */
	uint32_t iopslimit;
	/* param_count() slots: the value of rows without a member above, and the file form of
	 * values that are kept resolved ($VEID, inherit) */
	char **text;
};

enum feature_bit {
	FEAT_SYSFS,
	FEAT_NFS,
	FEAT_SIT,
	FEAT_IPIP,
	FEAT_PPP,
	FEAT_IPGRE,
	FEAT_BRIDGE,
	FEAT_NFSD,
	FEAT_TIME,
	FEAT_FUSE,
	FEAT_NESTING,	 /* bpf, keyctl, nested user namespaces with more kernel surface */
	FEAT_NOMIGRATE,	 /* io_uring, userfaultfd, ...: trades checkpointing for them */
	FEAT_PRIVILEGED, /* no user namespace: VE root is host root in a box */
	FEAT_COUNT
};

/* vz.conf, effective.  All strings non-NULL where a default exists. */
struct host_config {
	char *path;	/* the file read */
	char *confdir;	/* .../conf, CTID.conf and samples */
	char *namesdir; /* .../names */
	char *distdir;	/* .../dists */
	char *keysdir;	/* .../keys: this node's, and those of nodes whose dumps are believed */
	char *lockdir, *dumpdir, *template, *ve_root, *ve_private; /* ve_*: with $VEID unexpanded */
	char *rundir;						   /* /run/vz (RUNDIR) */
	char *configfile, *def_ostemplate, *layout;
	char *logfile; /* NULL when LOGGING=no */
	int log_level, verbose;
	uint32_t stop_timeout, lock_timeout; /* seconds */
	uint32_t local_uid, local_gid;	     /* first id of the pool VEs' ranges are taken from */
	bool ipv6, disk_quota, skip_arpdetect;
	bool cgroup_missing_warn; /* CGROUP_MISSING=warn */
	char *cgroup_root;	  /* CGROUP_ROOT, NULL = automatic */
	struct conf_file *file;	  /* everything as written, for param lookups */
};

/* ---- files (file.c): comment- and order-preserving, atomic ---- */
struct conf_file;
/* -ENOENT etc.; malformed lines are kept and reported to the logger with their number. */
int conf_file_read(struct conf_file **ret, const char *path, const struct logger *l,
		   struct vz_error *e) _must_check_;
int conf_file_parse(struct conf_file **ret, const char *text, size_t len, const char *path,
		    const struct logger *l, struct vz_error *e) _must_check_;
struct conf_file *conf_file_free(struct conf_file *f);
static inline void conf_file_freep(struct conf_file **f)
{
	conf_file_free(*f);
}
#define _cleanup_conf_file_ _cleanup_(conf_file_freep)
const char *conf_file_get(const struct conf_file *f,
			  const char *key); /* unescaped; NULL = absent */
int conf_file_set(struct conf_file *f, const char *key, const char *value)
	_must_check_; /* NULL removes */
int conf_file_save(const struct conf_file *f, const char *path, struct vz_error *e) _must_check_;

/* ---- host and VE configuration (config.c) ---- */
/* path NULL: $VZ_CONF_DIR/vz.conf or /etc/vz/vz.conf. Exit class VZ_EXIT_VZCONF. */
int host_config_load(struct host_config *h, const char *path, const struct logger *l,
		     struct vz_error *e) _must_check_;
void host_config_done(struct host_config *h);
/* Effective value of a key of vz.conf as text, NULL where there is none; borrowed. */
const char *host_config_get(const struct host_config *h, const char *key);

void ve_config_init(struct ve_config *c);
void ve_config_done(struct ve_config *c);
#define _cleanup_ve_config_ _cleanup_(ve_config_done)
int ve_config_copy(struct ve_config *dst, const struct ve_config *src) _must_check_;

/* <confdir>/CTID.conf */
int ve_config_path(const struct host_config *h, uint32_t ctid, char **ret) _must_check_;
/* Merge defaults, vz.conf, CTID.conf.  No CTID.conf: -ENOENT, exit class VZ_EXIT_NO_CONF, c holds
 * defaults + vz.conf all the same (create, status and set go on with it). */
int ve_config_load(struct ve_config *c, const struct host_config *h, uint32_t ctid,
		   const struct logger *l, struct vz_error *e) _must_check_;
/* A sample ve-NAME.conf-sample or any file merged over c as FROM_VE. */
int ve_config_merge_file(struct ve_config *c, const struct host_config *h, uint32_t ctid,
			 const char *path, const struct logger *l, struct vz_error *e) _must_check_;
/* Write every row whose origin is FROM_CLI (or marked by ve_config_touch) into CTID.conf, keep the rest byte for byte. */
int ve_config_save(const struct ve_config *c, const struct host_config *h, uint32_t ctid,
		   struct vz_error *e) _must_check_;
/* Mark a row whose member was assigned directly (uid_base), so that ve_config_save writes it. */
int ve_config_touch(struct ve_config *c, const char *key) _must_check_;
/* What start needs: VE_ROOT (22), VE_PRIVATE (23), all beancounters (28), no unusable
 * value and ids of its own unless FEAT_PRIVILEGED (85). */
int ve_config_check(const struct ve_config *c, struct vz_error *e) _must_check_;
/* Copy the sample to CTID.conf atomically (exit class VZ_EXIT_SAMPLE). */
int ve_config_from_sample(const struct host_config *h, uint32_t ctid, const char *sample,
			  struct vz_error *e) _must_check_;

#define VE_IDS 65536U /* ids a VE's range holds */
/* Pick the lowest free id range for a new VE, looking at all CTID.conf; caller holds the id lock. */
int ve_config_alloc_ids(const struct host_config *h, uint32_t *ret_base, struct vz_error *e)
	_must_check_;
/* All CTIDs that have a configuration, ascending; caller frees. 0 (the host) is left out. */
int ve_config_list(const struct host_config *h, uint32_t **ret, size_t *ret_n, struct vz_error *e)
	_must_check_;

/* ---- names (names.c) ---- */
int name_lookup(const struct host_config *h, const char *name, uint32_t *ret_ctid,
		struct vz_error *e) _must_check_; /* VZ_EXIT_VALUE */
int name_check(const char *name, struct vz_error *e) _must_check_;
int name_set(const struct host_config *h, uint32_t ctid, const char *old, const char *name,
	     struct vz_error *e) _must_check_; /* VZ_EXIT_NAME */
/* CTID or name from the command line ("CT ID missing"/"Bad CT ID x", VZ_EXIT_VALUE). */
int ctid_resolve(const struct host_config *h, const char *arg, uint32_t *ret, struct vz_error *e)
	_must_check_;

/* ---- changes (changes.c): option=value pairs in order ---- */
/* ubc.c: keys of the beancounters that new was given otherwise than old and nothing enforces, ", " between: 1, or
 * 0 for none. counted: the kernel is one with beancounters. */
int ubc_without_effect(const struct ve_config *old, const struct ve_config *new, bool counted,
		       char **ret) _must_check_;

struct vz_changes;
int changes_new(struct vz_changes **ret) _must_check_;
struct vz_changes *changes_free(struct vz_changes *c);
/* -ENOENT for an unknown option, with the nearest name */
int changes_add(struct vz_changes *c, const char *opt, const char *value, struct vz_error *e)
	_must_check_;
size_t changes_count(const struct vz_changes *c); /* NULL is empty */
/* Parse all into c, check what the values must fulfil together. On failure c is half changed: use a copy. */
int changes_apply(const struct vz_changes *ch, struct ve_config *c, const struct host_config *h,
		  struct vz_error *e) _must_check_;
/* Last value given for an option, NULL when it is not there. */
const char *changes_get(const struct vz_changes *c, const char *opt);
/* Apply groups of the options given, changed or not: bit 1U << enum apply_group. NULL is empty. */
unsigned int changes_groups(const struct vz_changes *c);

/* ---- the table (param.c, param_table.c) ---- */
struct param;
size_t param_count(void);
const struct param *param_at(size_t i);
const struct param *param_by_key(const char *key); /* also aliases */
const struct param *param_by_opt(const char *opt); /* long option without dashes, also aliases */
size_t param_index(const struct param *p);
enum apply_group param_group(const struct param *p);
const char *param_key(const struct param *p); /* NULL for options that are no parameter of a file */
unsigned int param_flags(const struct param *p); /* enum vz_param_flags */
bool param_is_set(const struct ve_config *c, const struct param *p);
/* Parse text in command line syntax into c (incremental for ipadd/ipdel, lists appended), origin FROM_CLI. */
int param_parse_opt(struct ve_config *c, const struct host_config *h, const struct param *p,
		    const char *opt, const char *value, struct vz_error *e) _must_check_;
/* As a file has it. */
int param_parse_file(struct ve_config *c, const struct host_config *h, const struct param *p,
		     const char *value, enum conf_origin from, struct vz_error *e) _must_check_;
/* As a file would have it; *ret NULL when unset. */
int param_format(const struct ve_config *c, const struct param *p, char **ret) _must_check_;
/* Rows that differ between a and b: bit per apply group (1U << group). */
unsigned int ve_config_diff(const struct ve_config *a, const struct ve_config *b);

#endif
