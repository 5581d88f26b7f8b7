/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * BLAKE3, the hash function, of its published specification: a tree over pieces of 1 KiB, so that several of them
 * are computed at once, in one processor by its vectors and in several by giving each a part of a file.
 * Private to mech/cr.
 */
#ifndef MECH_CR_BLAKE3_H
#define MECH_CR_BLAKE3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define B3_SIZE	  32
#define B3_BATCH  65536 /* what is added at once */
#define B3_LEVELS 32

/* A part of a file that is digested up to some point. Plain memory: it may be copied. */
struct b3 {
	uint64_t chunk; /* in the file, the next one */
	uint64_t units; /* done: halves of batches */
	uint32_t depth;
	uint32_t cv[B3_LEVELS][8];
};

/*
 * of: where in the file it begins, a multiple of the size of all parts but the last one, which is a power of two of
 * batches; 0 where there is but one part.
 */
void b3_begin(struct b3 *h, uint64_t of);
void b3_add(struct b3 *h, const void *data, size_t batches);
/* What is left, less than a batch; whole: this was all of the file, and ret is its digest. Else ret is for b3_join(). */
void b3_end(struct b3 *h, const void *data, size_t len, bool whole, uint8_t ret[B3_SIZE]);
/* The digest of a file of n > 1 parts, whose results lie stride bytes from each other. */
void b3_join(const uint8_t *parts, size_t stride, size_t n, uint8_t ret[B3_SIZE]);

#endif
