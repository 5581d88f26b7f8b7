// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A file is cut into chunks of 1 KiB, a chunk into blocks of 64 bytes, which are
 * compressed one into the next; the values of chunks are joined in pairs, level by level, to one.
 * Eight chunks, or eight pairs, are computed at once, each in its lane of the vectors: the code is one, compiled for
 * each kind of processor that has longer vectors than the one before it.
 * Tricky: the last pair of all is marked as such, so a value is joined with its
 * neighbour only when it is known whether more follows.
 * Bytes are taken as the processor has them: little endian.
 */
#include "mech/cr/blake3.h"

#include <string.h>

#include "base/cleanup.h"

#define LANES 8
#define WORDS 16 /* of a block */
#define BLOCK 64U
#define CHUNK 1024U
#define UNIT  (B3_BATCH / 2)

enum { CHUNK_START = 1, CHUNK_END = 2, PARENT = 4, ROOT = 8 };

static const uint32_t iv[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
				0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

/* Which words of the block each round takes: every row is the first permuted once more. */
static const uint8_t order[7][WORDS] = {
	{ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
	{ 2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8 },
	{ 3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1 },
	{ 10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6 },
	{ 12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4 },
	{ 9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7 },
	{ 11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13 },
};

#define ROTATE(x, n) ((x) >> (n) | (x) << (32 - (n)))
#define MIX(v, a, b, c, d, x, y)                \
	do {                                    \
		v[a] += v[b] + (x);             \
		v[d] = ROTATE(v[d] ^ v[a], 16); \
		v[c] += v[d];                   \
		v[b] = ROTATE(v[b] ^ v[c], 12); \
		v[a] += v[b] + (y);             \
		v[d] = ROTATE(v[d] ^ v[a], 8);  \
		v[c] += v[d];                   \
		v[b] = ROTATE(v[b] ^ v[c], 7);  \
	} while (0)
/* Of words and of vectors alike. */
#define ROUND(v, m, o)                                    \
	do {                                              \
		MIX(v, 0, 4, 8, 12, m[o[0]], m[o[1]]);    \
		MIX(v, 1, 5, 9, 13, m[o[2]], m[o[3]]);    \
		MIX(v, 2, 6, 10, 14, m[o[4]], m[o[5]]);   \
		MIX(v, 3, 7, 11, 15, m[o[6]], m[o[7]]);   \
		MIX(v, 0, 5, 10, 15, m[o[8]], m[o[9]]);   \
		MIX(v, 1, 6, 11, 12, m[o[10]], m[o[11]]); \
		MIX(v, 2, 7, 8, 13, m[o[12]], m[o[13]]);  \
		MIX(v, 3, 4, 9, 14, m[o[14]], m[o[15]]);  \
	} while (0)

/* ---- one ---- */

static void compress(uint32_t cv[8], const void *block, uint32_t len, uint64_t count,
		     uint32_t flags)
{
	uint32_t v[WORDS], m[WORDS];

	memcpy(m, block, sizeof(m));
	memcpy(v, cv, 8 * sizeof(*v));
	memcpy(v + 8, iv, 4 * sizeof(*v));
	v[12] = (uint32_t)count;
	v[13] = (uint32_t)(count >> 32);
	v[14] = len;
	v[15] = flags;
	for (unsigned int i = 0; i < ARRAY_SIZE(order); i++)
		ROUND(v, m, order[i]);
	for (unsigned int i = 0; i < 8; i++)
		cv[i] = v[i] ^ v[i + 8];
}

/* A chunk of any length up to a whole one. */
static void chunk(const uint8_t *data, size_t len, uint64_t count, uint32_t flags, uint32_t cv[8])
{
	uint8_t last[BLOCK] = { 0 };
	uint32_t start = CHUNK_START;

	memcpy(cv, iv, sizeof(iv));
	for (; len > BLOCK; data += BLOCK, len -= BLOCK, start = 0)
		compress(cv, data, BLOCK, count, start);
	if (len)
		memcpy(last, data, len);
	compress(cv, last, (uint32_t)len, count, start | CHUNK_END | flags);
}

static void parent(const uint32_t left[8], const uint32_t right[8], uint32_t flags, uint32_t ret[8])
{
	uint32_t block[WORDS];

	memcpy(block, left, BLOCK / 2);
	memcpy(block + 8, right, BLOCK / 2);
	memcpy(ret, iv, sizeof(iv));
	compress(ret, block, BLOCK, 0, PARENT | flags);
}

/* ---- eight at once ---- */

typedef uint32_t vec __attribute__((vector_size(4 * LANES)));

/* Up to eight inputs of so many blocks each: chunks, or pairs of values. */
struct lanes {
	const uint8_t *in;
	size_t stride, n, blocks;
	uint64_t count; /* of the first; chunks are counted, parents are not */
	uint32_t (*ret)[8];
};

/* Row i becomes column i. */
static inline __attribute__((always_inline)) void transpose(vec *v)
{
	vec t[LANES];

#pragma GCC unroll 16
	for (unsigned int i = 0; i < LANES; i += 2) {
		t[i] = __builtin_shufflevector(v[i], v[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
		t[i + 1] = __builtin_shufflevector(v[i], v[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
	}
#pragma GCC unroll 16
	for (unsigned int i = 0; i < LANES; i += 4)
#pragma GCC unroll 16
		for (unsigned int k = 0; k < 2; k++) {
			v[i + 2 * k] = __builtin_shufflevector(t[i + k], t[i + k + 2], 0, 1, 8, 9,
							       4, 5, 12, 13);
			v[i + 2 * k + 1] = __builtin_shufflevector(t[i + k], t[i + k + 2], 2, 3, 10,
								   11, 6, 7, 14, 15);
		}
#pragma GCC unroll 16
	for (unsigned int i = 0; i < LANES / 2; i++) {
		t[i] = __builtin_shufflevector(v[i], v[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
		t[i + 4] = __builtin_shufflevector(v[i], v[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
	}
	memcpy(v, t, sizeof(t));
}

static inline __attribute__((always_inline)) void run_lanes(const struct lanes *l)
{
	const bool chunks = l->blocks > 1;
	const vec zero = { 0 }, lane = { 0, 1, 2, 3, 4, 5, 6, 7 };
	/* 2^32 chunks are 4 TiB: eight never cross that, being counted from a multiple of eight */
	const vec low = chunks ? lane + (uint32_t)l->count : zero;
	const vec high = zero + (uint32_t)(l->count >> 32);
	vec h[8], v[WORDS] = { 0 }, m[WORDS];

#pragma GCC unroll 16
	for (unsigned int i = 0; i < 8; i++)
		h[i] = zero + iv[i];
	for (size_t b = 0; b < l->blocks; b++) {
		const uint32_t flags = !chunks		    ? PARENT
				       : b == 0		    ? CHUNK_START
				       : b + 1 == l->blocks ? CHUNK_END
							    : 0;

#pragma GCC unroll 16
		for (unsigned int i = 0; i < LANES; i++) {
			const uint8_t *at = l->in + (i < l->n ? i * l->stride : 0) + b * BLOCK;

			memcpy(&m[i], at, sizeof(vec));
			memcpy(&m[i + LANES], at + sizeof(vec), sizeof(vec));
		}
		transpose(m);
		transpose(m + LANES);
#pragma GCC unroll 16
		for (unsigned int i = 0; i < 8; i++)
			v[i] = h[i];
#pragma GCC unroll 16
		for (unsigned int i = 8; i < 12; i++)
			v[i] = zero + iv[i - 8];
		v[12] = low;
		v[13] = high;
		v[14] = zero + BLOCK;
		v[15] = zero + flags;
		ROUND(v, m, order[0]);
		ROUND(v, m, order[1]);
		ROUND(v, m, order[2]);
		ROUND(v, m, order[3]);
		ROUND(v, m, order[4]);
		ROUND(v, m, order[5]);
		ROUND(v, m, order[6]);
#pragma GCC unroll 16
		for (unsigned int i = 0; i < 8; i++)
			h[i] = v[i] ^ v[i + 8];
	}
	transpose(h);
	memcpy(l->ret, h, l->n * sizeof(*l->ret));
}

#ifdef __x86_64__
__attribute__((target("avx512f,avx512vl"))) static void lanes_avx512(const struct lanes *l)
{
	run_lanes(l);
}

__attribute__((target("avx2"))) static void lanes_avx2(const struct lanes *l)
{
	run_lanes(l);
}
#endif

static void lanes_plain(const struct lanes *l)
{
	run_lanes(l);
}

static void lanes(const struct lanes *l)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx512vl"))
		lanes_avx512(l);
	else if (__builtin_cpu_supports("avx2"))
		lanes_avx2(l);
	else
#endif
		lanes_plain(l);
}

/* n inputs of so many bytes, at most 64; returns how many values came out. */
static size_t values(const void *in, size_t stride, size_t n, uint64_t count, uint32_t (*ret)[8])
{
	for (size_t i = 0; i < n; i += LANES)
		lanes(&(struct lanes){ .in = (const uint8_t *)in + i * stride,
				       .stride = stride,
				       .n = n - i < LANES ? n - i : LANES,
				       .blocks = stride / BLOCK,
				       .count = count + i,
				       .ret = ret + i });
	return n;
}

/* n values to half as many; an odd one goes up as it is. */
static size_t halve(uint32_t (*cv)[8], size_t n)
{
	uint32_t out[B3_BATCH / CHUNK / 2][8];
	const size_t pairs = values(cv, BLOCK, n / 2, 0, out);

	if (n % 2)
		memmove(cv[pairs], cv[n - 1], sizeof(*cv));
	memcpy(cv, out, pairs * sizeof(*cv));
	return pairs + n % 2;
}

/* ---- the tree ---- */

static void fold(struct b3 *h, uint32_t flags)
{
	uint32_t joined[8];

	h->depth--;
	parent(h->cv[h->depth - 1], h->cv[h->depth], flags, joined);
	memcpy(h->cv[h->depth - 1], joined, sizeof(joined));
}

/* There is more: what is on the stack is joined as far as it goes, to a value for each bit of the number of units. */
static void settle(struct b3 *h)
{
	while (h->depth > (uint32_t)__builtin_popcountll(h->units))
		fold(h, 0);
}

static void push(struct b3 *h, const uint32_t cv[8], uint64_t units)
{
	settle(h);
	memcpy(h->cv[h->depth++], cv, sizeof(*h->cv));
	h->units += units;
}

void b3_begin(struct b3 *h, uint64_t of)
{
	*h = (struct b3){ .chunk = of / CHUNK };
}

void b3_add(struct b3 *h, const void *data, size_t batches)
{
	const uint8_t *p = data;
	uint32_t cv[B3_BATCH / CHUNK][8];

	for (; batches; batches--, p += B3_BATCH) {
		size_t n = values(p, CHUNK, B3_BATCH / CHUNK, h->chunk, cv);

		while (n > 2)
			n = halve(cv, n);
		push(h, cv[0], 1);
		push(h, cv[1], 1);
		h->chunk += B3_BATCH / CHUNK;
	}
}

void b3_end(struct b3 *h, const void *data, size_t len, bool whole, uint8_t ret[B3_SIZE])
{
	const uint32_t root = whole ? ROOT : 0;
	const size_t full = len ? (len - 1) / CHUNK : 0;
	uint32_t cv[B3_BATCH / CHUNK][8];
	size_t n = 0;

	if (len || !h->depth) {
		n = values(data, CHUNK, full, h->chunk, cv);
		chunk((const uint8_t *)data + full * CHUNK, len - full * CHUNK, h->chunk + full,
		      n || h->depth ? 0 : root, cv[n]);
		n++;
	}
	while (n > 2 || (n > 1 && h->depth))
		n = halve(cv, n);
	/* two of them are all that there is */
	for (size_t i = 0; i < n; i++)
		push(h, cv[i], n > 1 ? 1 : 2);
	while (h->depth > 1)
		fold(h, h->depth == 2 ? root : 0);
	memcpy(ret, h->cv[0], B3_SIZE);
}

void b3_join(const uint8_t *parts, size_t stride, size_t n, uint8_t ret[B3_SIZE])
{
	struct b3 h;

	b3_begin(&h, 0);
	for (size_t i = 0; i < n; i++) {
		uint32_t cv[8];

		memcpy(cv, parts + i * stride, sizeof(cv));
		push(&h, cv, 1);
	}
	while (h.depth > 1)
		fold(&h, h.depth == 2 ? ROOT : 0);
	memcpy(ret, h.cv[0], B3_SIZE);
}
