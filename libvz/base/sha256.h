/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SHA-256 (FIPS 180-4) over a stream of bytes. */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32
#define SHA256_HEX  (2 * SHA256_SIZE + 1)

struct sha256 {
	uint32_t h[8];
	uint64_t len; /* bytes taken so far */
	uint8_t block[64];
};

void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t n);
void sha256_done(struct sha256 *s, uint8_t out[SHA256_SIZE]);
/* The same as 64 lower-case hex digits and a NUL. */
void sha256_done_hex(struct sha256 *s, char out[SHA256_HEX]);

#endif
