/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Templates: TEMPLATE/cache/NAME.tar[.zst|.xz|.gz|.bz2] is what one arrives as,
 * TEMPLATE/store/sha256-HEX/fs what VEs use as their shared, read-only lower layer
 * (meta data beside fs/, never inside).  An archive is hostile input: it is unpacked
 * by an unprivileged, seccomp-confined child.
 */
#ifndef MECH_TM_H
#define MECH_TM_H

#include "base/error.h"
#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tm_progress {
	void (*fn)(void *data, uint64_t done_bytes, uint64_t total_bytes); /* may be NULL */
	void *data;
};

struct tm_limits {
	uint64_t max_bytes;   /* unpacked, 0 = default 64 GiB */
	uint64_t max_members; /* 0 = default 4 million */
	uint32_t max_ratio;   /* unpacked : packed, 0 = default 200 */
};

struct tm_info {
	char *name;    /* "debian-13" */
	char *archive; /* path in cache, or NULL when only in the store */
	char *digest;  /* "sha256-..." or NULL when not imported yet */
	uint64_t archive_bytes, store_bytes;
	int64_t mtime; /* of the archive, seconds */
};

/* What a template name stands for, without importing: 1: *ret_digest is its tree in the store; 0: the archive
 * *ret_archive has to be imported first; not found: -ENOENT, VZ_EXIT_TEMPLATE with the nearest name. */
int tm_find(const char *template_dir, const char *name, char **ret_archive, char **ret_digest,
	    struct vz_error *e) _must_check_;
/* The store directory's tree (".../store/sha256-X/fs") for a template name, importing its archive first
 * when the store does not have it (or has another version). Not found: -ENOENT, VZ_EXIT_TEMPLATE with the
 * nearest name. *ret_digest = "sha256-X". */
int tm_resolve(const char *template_dir, const char *name, const struct tm_progress *p,
	       const struct logger *l, char **ret_digest, struct vz_error *e) _must_check_;
/* TEMPLATE/store/<digest>/fs after checking that digest is well-formed and there. */
int tm_lower(const char *template_dir, const char *digest, char **ret_path, struct vz_error *e)
	_must_check_;
/* Copy/link archive into cache as NAME and import it. */
struct tm_how {
	struct tm_limits lim;
	const struct tm_progress *progress; /* may be NULL */
	const struct logger *log;	    /* may be NULL */
};
int tm_import(const char *template_dir, const char *archive, const char *name,
	      const struct tm_how *how, char **ret_digest, struct vz_error *e) _must_check_;
int tm_list(const char *template_dir, struct tm_info **ret, size_t *ret_n, struct vz_error *e)
	_must_check_;
void tm_list_free(struct tm_info *v, size_t n);
/* Recompute the tree's digest and compare with what import recorded; every difference to the logger. */
int tm_verify(const char *template_dir, const char *name, const struct tm_progress *p,
	      const struct logger *l, struct vz_error *e) _must_check_;
/* Remove archive and, when in_use(digest) says nobody stands on it, the store directory. */
int tm_remove(const char *template_dir, const char *name,
	      bool (*in_use)(void *, const char *digest), void *data, struct vz_error *e)
	_must_check_;
/* Remove trees of the store that no name stands for and in_use(digest) denies (after an update). */
int tm_gc(const char *template_dir, bool (*in_use)(void *, const char *digest), void *data,
	  const struct logger *l, struct vz_error *e) _must_check_;

/* Distribution data: <distdir>/<dist>.conf maps actions to scripts in <distdir>/scripts. */
struct dist;
/* Derived from OSTEMPLATE by dropping trailing -parts; fallback "default" with a warning; VZ_EXIT_NO_DIST. */
int dist_open(struct dist **ret, const char *distdir, const char *ostemplate,
	      const struct logger *l, struct vz_error *e) _must_check_;
struct dist *dist_free(struct dist *d);
/* Text of "functions" + the script of an action (ADD_IP DEL_IP SET_HOSTNAME SET_DNS SET_USERPASS POST_CREATE
 * PRE_START ...); *ret NULL when the distribution has none. To be fed to a shell inside the VE. */
int dist_script(const struct dist *d, const char *action, char **ret, struct vz_error *e)
	_must_check_;

#endif
