/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of mech/tm share: the layout of TEMPLATE on disk and the steps
 * of an import.  Not for other directories; they include tm.h.
 *
 *	cache/NAME.tar*            archives, as the administrator or an import put them
 *	store/                     root 0700: no host user reaches a set-uid file below
 *	store/.lock                OFD lock: one import or removal at a time
 *	store/.staging-X/          an import under way; without the lock held: rubbish
 *	store/sha256-HEX/fs        the tree; HEX is the digest of the archive
 *	store/sha256-HEX/{meta,manifest}
 *	store/index/NAME           which digest NAME stands for, and the archive's stamp
 */
#ifndef MECH_TM_STORE_H
#define MECH_TM_STORE_H

#include "base/sha256.h"
#include "mech/tm/tm.h"

#include <sys/stat.h>

#define TM_NAME_MAX    128
#define TM_DIGEST_SIZE (sizeof("sha256-") - 1 + SHA256_HEX)
#define TM_IDS	       65536U /* owners a template may name: 0..TM_IDS-1 */
#define TM_DEPTH_MAX   256 /* directories inside each other; the walk holds one descriptor each */

/* Enough to see that an archive is still the one that was imported. */
struct tm_stamp {
	uint64_t size, ino, dev, mtime_ns;
};

struct tm_index {
	char digest[TM_DIGEST_SIZE];
	struct tm_stamp stamp; /* zero: the archive is gone, the store serves alone */
};

struct tm_meta {
	char name[TM_NAME_MAX + 1];
	char tree[TM_DIGEST_SIZE]; /* digest of the manifest */
	uint64_t archive_bytes, store_bytes, members;
};

/* ---- store.c ---- */
int tm_name_check(const char *name, struct vz_error *e) _must_check_;
bool tm_digest_ok(const char *digest);
struct tm_stamp tm_stamp_of(const struct stat *st);
bool tm_stamp_eq(const struct tm_stamp *a, const struct tm_stamp *b);
/* Make cache/, store/ and index/ and check that store/ is nobody else's. */
int tm_store_prepare(const char *template_dir, struct vz_error *e) _must_check_;
/* The store's lock, waiting for its holder with a message; the descriptor holds it. */
int tm_store_lock(const char *template_dir, const struct logger *l, struct vz_error *e)
	_must_check_;
/* Under the lock: what dead imports left. */
void tm_store_sweep(const char *template_dir, const struct logger *l);
int tm_index_read(const char *template_dir, const char *name, struct tm_index *ret) _must_check_;
int tm_index_write(const char *template_dir, const char *name, const struct tm_index *i,
		   struct vz_error *e) _must_check_;
int tm_meta_read(const char *template_dir, const char *digest, struct tm_meta *ret) _must_check_;
int tm_meta_write(const char *dir, const struct tm_meta *m, struct vz_error *e) _must_check_;
/* Names in index/, sorted by nothing; caller frees with strv_free. */
int tm_index_names(const char *template_dir, char ***ret) _must_check_;

/* ---- cache.c ---- */
/* The archive of name in cache/, in OpenVZ's order of suffixes; -ENOENT. */
int tm_cache_find(const char *template_dir, const char *name, char **ret, struct stat *st)
	_must_check_;
/* Says that there is no such template, and which one is nearest by name: -ENOENT, VZ_EXIT_TEMPLATE. */
int tm_not_found(const char *template_dir, const char *name, struct vz_error *e) _must_check_;
/* Suffix that the first bytes of an archive ask for (".tar.gz"). */
const char *tm_archive_suffix(const uint8_t *head, size_t n);
/* Remove archives of name other than keep (a path, or NULL). */
int tm_cache_drop(const char *template_dir, const char *name, const char *keep) _must_check_;

/* ---- unpack.c ---- */
struct tm_unpack {
	int archive;	 /* read once, from where it stands to its end */
	int copy;	 /* gets what was read as well, or -EBADF */
	const char *dir; /* empty directory that becomes the tree */
	uint64_t archive_bytes;
	struct tm_limits lim; /* no zeros any more */
	const struct tm_progress *progress;
	const struct logger *log;
	/* results */
	char digest[TM_DIGEST_SIZE];
	uint64_t members;
};
int tm_unpack(struct tm_unpack *u, struct vz_error *e) _must_check_;

/* What the child says; text is the child's and is escaped before it is shown. */
struct tm_unpack_msg {
	enum { TM_MSG_NOTE, TM_MSG_REFUSED, TM_MSG_DONE } type;
	int code;
	uint64_t members, notes;
	char text[480];
};

/* ---- confine.c, unpack_child.c ---- */
struct tm_confine {
	int stream, msg;  /* archive bytes in, struct tm_unpack_msg out */
	int tree, userns; /* detached id-mapped mount of dir; its user namespace */
	const char *dir;
	struct tm_limits lim;
};
/* Only these descriptors survive, and standard ones that lead nowhere. */
int tm_keep_only(const int *fds, size_t n) _must_check_;
/* In a child with namespaces of its own, for good; *ret_step: what failed. */
int tm_confine(const struct tm_confine *c, const char **ret_step) _must_check_;
/* In a forked child: never returns. */
_Noreturn void tm_unpack_child(const struct tm_confine *c);

/* ---- tree.c ---- */
struct tm_tree {
	char digest[TM_DIGEST_SIZE];
	uint64_t bytes, entries;
};
/*
 * Walk dir/fs, write its manifest to dir/<file> and digest it; refuses what no template may hold
 * (devices, owners out of range, forbidden attributes).
 */
int tm_tree_scan(const char *dir, const char *file, const struct tm_progress *p, uint64_t total,
		 struct tm_tree *ret, struct vz_error *e) _must_check_;
/* Attributes of files that a template may carry. */
bool tm_xattr_ok(const char *name);

/* ---- import.c ---- */
struct tm_import {
	const char *template_dir, *archive, *name;
	bool in_cache; /* archive is the cache's own file: no copy */
	struct tm_limits lim;
	const struct tm_progress *progress;
	const struct logger *log;
};
/* Under the store's lock. */
int tm_import_locked(const struct tm_import *im, char **ret_digest, struct vz_error *e)
	_must_check_;

#endif
