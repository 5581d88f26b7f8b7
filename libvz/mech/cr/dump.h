/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The dump directory: what a checkpoint is on disk, how it is sealed and what
 * is checked before anything reads it.
 *
 *   F/manifest      whom it is of, what is in it: size and BLAKE3 of every file
 *   F/manifest.sig  Ed25519 signature of the manifest by the node's key
 *   F/img/          CRIU's images
 *   F/NAME          state files of ours, as many as the caller puts there
 *   F/dump.log ...  logs and statistics (table in dump.c): not listed, read by nobody
 *
 * A dump is made as F.tmp and appears as F only when it is whole: begin, put,
 * (CRIU writes into imgfd), seal, publish.  The calls work on what is on disk,
 * so another process can publish or discard what one that died has left.
 * Whoever may change images decides the memory and the identity of processes,
 * so a dump is believed only in a directory that root alone can reach.
 */
#ifndef MECH_CR_DUMP_H
#define MECH_CR_DUMP_H

#include "base/cleanup.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CR_NODE_ID_SIZE	 33 /* 32 hex digits: fingerprint of a node's public key */
#define CR_DUMP_FORMAT	 2
#define CR_DUMP_TEXT_MAX (1U << 20) /* the largest state file of ours */

/* What a dump says of itself. Nothing here is a path, a device or a limit: those come from the configuration. */
struct cr_dump_info {
	uint32_t ctid;
	uint32_t uid_base, gid_base;
	char criu[64];		    /* version of the CRIU that wrote the images */
	char features[256];	    /* blank-separated words that a reader must know */
	uint64_t created;	    /* CLOCK_REALTIME in seconds; set by sealing */
	char node[CR_NODE_ID_SIZE]; /* who signed; set by sealing */
};

/* ---- making one ---- */

struct cr_dump_out {
	char *path, *tmp;
	int dirfd; /* of the partial directory: logs, CRIU's working directory */
	int imgfd; /* CRIU's images */
	struct cr_follow *follow;
	/* filled by sealing */
	uint64_t files, bytes;
	uint64_t digest_us, sign_us, sync_us;
};

/* Make path.tmp and its parents, removing an earlier partial one. -EEXIST where path is something that is no dump. */
int cr_dump_begin(struct cr_dump_out *d, const char *path, struct vz_error *e) _must_check_;
/* A state file; name: letters, digits, '-', '_'. */
int cr_dump_put(const struct cr_dump_out *d, const char *name, const void *data, size_t len,
		struct vz_error *e) _must_check_;
/*
 * From now on memory images are digested beside whoever writes them: pages-*.img, which are only appended to.
 * Best effort: what is missing is done by sealing. Children of the caller, ended by sealing or done.
 */
void cr_dump_follow(struct cr_dump_out *d);
/* Digest, list, sign, and bring all to the disk. keys: see key functions below. */
int cr_dump_seal(struct cr_dump_out *d, const struct cr_dump_info *info, const char *keys,
		 struct vz_error *e) _must_check_;
/* Close and free; what is on disk stays. */
void cr_dump_out_done(struct cr_dump_out *d);
#define _cleanup_cr_dump_out_ _cleanup_(cr_dump_out_done)

/* Is there a partial dump of path that was sealed, but not published? */
bool cr_dump_is_sealed(const char *path);
/* path.tmp becomes path; an older dump there goes. Killed in between, path.tmp is the one to publish, or is no more. */
int cr_dump_publish(const char *path, struct vz_error *e) _must_check_;
/* Remove path.tmp, and what was retired and is there still; absent is fine. */
int cr_dump_discard(const char *path, struct vz_error *e) _must_check_;
/* Remove the dump path, and path.tmp; absent is fine. What is no dump: -EEXIST, unless whatever is there may go. */
int cr_dump_remove(const char *path, bool whatever, struct vz_error *e) _must_check_;
/* The same, but *ret, which is the caller's to free, names a directory that is yet to be removed: nobody has to wait. */
int cr_dump_retire(const char *path, char **ret, struct vz_error *e) _must_check_;

/* ---- reading one ---- */

struct cr_manifest;
struct cr_dump {
	char *path;
	int dirfd, imgfd; /* of the very directories that were verified */
	struct cr_dump_info info;
	uint64_t files, bytes;
	struct cr_manifest *m;
};

struct cr_dump_want {
	uint32_t ctid, uid_base, gid_base;
	const char *keys;
	const char *const *features; /* words that the caller knows, NULL-terminated; NULL: none */
};

/*
 * Open and verify all of it. Refusals are one line: what, on what, why, what to do.
 * -ENOENT: no dump; -EPERM: others could have changed it; -EBADMSG: it was changed, or is
 * incomplete; -EKEYREJECTED: signed by nobody we trust; -EPROTONOSUPPORT: another format;
 * -EXDEV: of another container or with other ids.
 */
int cr_dump_open(struct cr_dump *ret, const char *path, const struct cr_dump_want *want,
		 struct vz_error *e) _must_check_;
/* The same of a directory that is open already; how it was reached is the caller's to judge. Takes no ownership. */
int cr_dump_verify(struct cr_dump *ret, int dirfd, const char *path,
		   const struct cr_dump_want *want, struct vz_error *e) _must_check_;
/* A state file, NUL-terminated, its digest checked once more on what is returned. -ENOENT: not in the dump. */
int cr_dump_get(const struct cr_dump *d, const char *name, char **ret, size_t *ret_len,
		struct vz_error *e) _must_check_;
void cr_dump_close(struct cr_dump *d);
#define _cleanup_cr_dump_ _cleanup_(cr_dump_close)

/* Every directory from / to path belongs to root (or to us) and can be written by its owner only: -EPERM. */
int cr_dump_check_chain(const char *path, struct vz_error *e) _must_check_;

/* ---- keys: KEYS/{node.key,node.pub}, KEYS/trusted/NAME.pub ---- */

/* This node's id; makes the key at first need. */
int cr_key_node(const char *keys, char ret[CR_NODE_ID_SIZE], struct vz_error *e) _must_check_;

#endif
