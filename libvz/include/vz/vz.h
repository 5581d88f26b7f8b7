/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvz: virtual environments (VEs) on one Linux kernel.
 *
 * A struct vz is one context: one host configuration, one set of paths.  A
 * process may hold several and use each from one thread at a time.  libvz
 * prints nothing and keeps no global state.  Strings passed in are borrowed
 * for the call; strings returned through a char ** are the caller's to free.
 * Since: 0.1 for everything without another mark.
 */
#ifndef VZ_VZ_H
#define VZ_VZ_H

#include <vz/error.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VZ_API __attribute__((visibility("default")))

struct vz;

enum vz_log_level {
	VZ_LOG_ERR = -1, /* what failed although the call goes on */
	VZ_LOG_WARN = 0, /* what the administrator should know */
	VZ_LOG_INFO = 1, /* milestones, the words of OpenVZ's vzctl */
	VZ_LOG_DEBUG = 2 /* every effect on the system */
};

/* Receives one line without newline; must not call back into the context. */
typedef void vz_log_fn(void *data, int level, const char *line);

/*
 * Open a context from the host configuration file (NULL: /etc/vz/vz.conf, or
 * $VZ_CONF_DIR/vz.conf where that is set).  -ENOENT/-EACCES with exit class
 * VZ_EXIT_VZCONF when it cannot be read.
 */
VZ_API int vz_new(struct vz **ret, const char *vz_conf, struct vz_error *e);

/* Release the context; NULL is fine. Returns NULL. */
VZ_API struct vz *vz_free(struct vz *vz);

/*
 * Install the message function (default: none) and the highest level wanted.
 * The first one gets, at once, what vz_new() found wrong in vz.conf.
 */
VZ_API void vz_set_log(struct vz *vz, vz_log_fn *fn, void *data, int level);

/*
 * Make sure that the calling program runs from a read-only copy of its binary,
 * so that a VE cannot write to the host's file through /proc/PID/exe: executes
 * argv again from the copy where it does not yet.  For programs that start VEs,
 * or run something in stopped ones: an init begins as a child of the program.
 * Entering a running VE does not need it.  Call first thing, before descriptors
 * are opened. 0: sealed.
 */
VZ_API int vz_seal_self(char **argv, struct vz_error *e);

/* "0.1.0"; a constant. */
VZ_API const char *vz_version(void);

/*
 * Effective value of a host key (vz.conf or built-in default), as text; NULL
 * where it is unset.  Borrowed until the context is freed.
 */
VZ_API const char *vz_host_param(struct vz *vz, const char *key);

/* What a host has, or has not. */
enum vz_feature_state {
	VZ_FEATURE_UNKNOWN = -1, /* could not be asked; detail says why */
	VZ_FEATURE_NO = 0,
	VZ_FEATURE_YES = 1,
	VZ_FEATURE_PARTLY = 2,
};
struct vz_feature {
	const char *name;    /* "soft-dirty"; constant, as the other const ones */
	int state;	     /* enum vz_feature_state */
	int needed;	     /* 1: without it no container starts */
	const char *what;    /* what it is */
	const char *without; /* what is lost without it, or with it partly there */
	char *detail;	     /* version, place, or why not; may be NULL */
};

/*
 * What this host can do, asked of the kernel and the programs as they are, never guessed
 * from version numbers.  Needs root.  The caller frees *ret with vz_features_free().
 */
VZ_API int vz_features(struct vz *vz, struct vz_feature **ret, size_t *ret_n, struct vz_error *e);
/* Release what vz_features gave; NULL is fine. */
VZ_API void vz_features_free(struct vz_feature *v, size_t n);

#ifdef __cplusplus
}
#endif
#endif
