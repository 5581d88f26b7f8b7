/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Manifest, digests and keys of a dump: private to mech/cr. */
#ifndef MECH_CR_MANIFEST_H
#define MECH_CR_MANIFEST_H

#include "mech/cr/blake3.h"
#include "mech/cr/dump.h"

#include <sodium.h>

#define CR_DIGEST_SIZE	 B3_SIZE
#define CR_PIECE	 (16ULL << 20) /* a power of two of batches */
#define CR_BUFFER	 (256U << 10)
#define CR_MANIFEST_MAX	 (32U << 20)
#define CR_FILES_MAX	 262144
#define CR_NAME_MAX	 255
#define CR_PUB_SIZE	 32
#define CR_SIG_SIZE	 64
#define CR_IMG		 "img"
#define CR_MANIFEST	 "manifest"
#define CR_MANIFEST_SIG	 "manifest.sig"
#define CR_MANIFEST_HEAD "vz-dump "

struct cr_file {
	char *name; /* "img/pages-1.img", "cgroup"; relative to the dump */
	uint64_t size;
	uint8_t digest[CR_DIGEST_SIZE];
};

struct cr_manifest {
	struct cr_dump_info info;
	struct cr_file *files; /* by name, ascending */
	size_t n, cap;
};

void cr_manifest_done(struct cr_manifest *m);
#define _cleanup_cr_manifest_ _cleanup_(cr_manifest_done)
/* NAME or img/NAME, of letters, digits, '.', '_', '-', not beginning with '.'. */
bool cr_name_ok(const char *name);
int cr_manifest_add(struct cr_manifest *m, const char *dir, const char *name) _must_check_;
void cr_manifest_sort(struct cr_manifest *m);
struct cr_file *cr_manifest_find(const struct cr_manifest *m, const char *name);
int cr_manifest_format(const struct cr_manifest *m, char **ret, size_t *ret_len) _must_check_;
/* Strict: what format() would not write is -EBADMSG; -EPROTONOSUPPORT: another version. */
int cr_manifest_parse(struct cr_manifest *m, const char *text, size_t len, struct vz_error *e)
	_must_check_;
/* First line only; before the signature, so that a newer dump is called that and not forged. */
int cr_manifest_version(const char *text, size_t len, struct vz_error *e) _must_check_;

/* Names in a dump's top directory that are not listed. */
bool cr_is_loose(const char *name);

/* ---- digest.c ---- */
/*
 * BLAKE3 of each file of m (b3sum would say the same), in parallel: 16 MiB are a subtree. Sizes are what fstat says and become part of m, or have to be equal.
 */
/* What else is done to each file. */
enum cr_sync {
	CR_SYNC_NONE,
	CR_SYNC_FULL, /* fsync */
	CR_SYNC_DATA, /* its bytes are on the disk; an fsync of a later file brings the rest */
};
struct cr_digest_opts {
	int dirfd;
	bool check; /* compare with m, -EBADMSG; else fill m */
	enum cr_sync sync;
	struct cr_follow *follow; /* digested already: ended, or NULL */
	uint64_t digest_us, sync_us;
};
int cr_sync_file(int fd, enum cr_sync how) _must_check_;
int cr_digest(struct cr_manifest *m, struct cr_digest_opts *o, struct vz_error *e) _must_check_;
/* Open a file of a dump: a regular one with one name, ours, not writable by others. fstat's size comes back. */
int cr_file_open(int dirfd, const char *name, uint64_t *ret_size, struct vz_error *e) _must_check_;
/* Digest of a small file's bytes in memory. */
void cr_digest_bytes(const void *data, size_t len, uint8_t ret[CR_DIGEST_SIZE]);
/* A file or a pipe in its place, without waiting for anybody; not followed. */
int cr_open_listed(int dirfd, const char *name) _must_check_;
uint32_t cr_processors(void);
uint64_t cr_now_us(void);

/* ---- follow.c ---- */
#define CR_FOLLOWED_NAME 48
/* A piece of an image that was digested up to some point while it was being written. */
struct cr_followed {
	struct b3 state;
	char name[CR_FOLLOWED_NAME]; /* without img/ */
	uint64_t dev, ino, done;
	uint32_t piece;
};
/* From now on until the stop what is appended to pages-*.img is digested; best effort, NULL is fine. */
struct cr_follow *cr_follow_start(int dirfd);
void cr_follow_stop(struct cr_follow *f);
void cr_follow_done(struct cr_follow *f);
/* Of a file "img/NAME"; NULL: none of it. Whether the file is still that one is the caller's to see. */
const struct cr_followed *cr_follow_find(struct cr_follow *f, const char *name, uint32_t piece);

/* ---- key.c ---- */
/* Library start. */
int cr_sodium(struct vz_error *e) _must_check_;
/* "ed25519 ID SIGNATURE\n" of these bytes, by the node's key. */
int cr_key_sign(const char *keys, const void *data, size_t len, char **ret,
		char ret_id[CR_NODE_ID_SIZE], struct vz_error *e) _must_check_;
/* The signature must be by our own key or one of trusted/: its id comes back. */
int cr_key_check(const char *keys, const char *sig, const void *data, size_t len,
		 char ret_id[CR_NODE_ID_SIZE], struct vz_error *e) _must_check_;

#endif
