/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BLAKE3 of the inputs that its authors' test vectors have (byte i is i % 251), at lengths around each of its joints;
 * of a file in parts it is the same. The plain, AVX2 and AVX-512 code are one source: what runs is this processor's.
 */
#include "mech/cr/blake3.h"

#include "test.h"

#define MAX 1400000

static uint8_t input[MAX];

static const struct {
	size_t len;
	const char *digest;
} table[] = {
	{ 0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262" },
	{ 1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213" },
	{ 64, "4eed7141ea4a5cd4b788606bd23f46e212af9cacebacdc7d1f4c6dc7f2511b98" },
	{ 65, "de1e5fa0be70df6d2be8fffd0e99ceaa8eb6e8c93a63f2d8d1c30ecb6b263dee" },
	{ 1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11" },
	{ 1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7" },
	{ 1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444" },
	{ 8192, "aae792484c8efe4f19e2ca7d371d8c467ffb10748d8a5a1ae579948f718a2a63" },
	{ 9217, "d42c90aa30bee83ecb52ad31b685d566145649496764878873598cef582d4d8f" },
	{ 65536, "68d647e619a930e7b1082f74f334b0c65a315725569bdc123f0ee11881717bfe" },
	{ 65537, "7c99f9840a73dfcb6e5bfe4ff6d1558acab7e015640790c26411818bdbe17eca" },
	{ 102400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085" },
	{ 131072, "306baba93b1a393cbd35172837c98b0f59a41f64e1b2682ae102d8b2534b9e1c" },
	{ 300000, "6cc9dce05d4cff8c5bef5c5a24681e42b13f03e34a0bc5e66f65a91d48c944fa" },
};

static void part(uint64_t of, size_t len, bool whole, uint8_t ret[B3_SIZE])
{
	const uint8_t *p = input + of;
	struct b3 h, copy;

	b3_begin(&h, of);
	/* one after the other, and from a copy, as another process goes on with it */
	for (; len >= B3_BATCH; len -= B3_BATCH, p += B3_BATCH) {
		b3_add(&h, p, 1);
		copy = h;
		memset(&h, 0xee, sizeof(h));
		h = copy;
	}
	b3_end(&h, p, len, whole, ret);
}

static const char *hex(const uint8_t digest[B3_SIZE])
{
	static char text[2 * B3_SIZE + 1];

	for (unsigned int i = 0; i < B3_SIZE; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
	return text;
}

static void at_once(size_t len, uint8_t ret[B3_SIZE])
{
	const size_t batches = len / B3_BATCH;
	struct b3 h;

	b3_begin(&h, 0);
	b3_add(&h, input, batches);
	b3_end(&h, input + batches * B3_BATCH, len % B3_BATCH, true, ret);
}

/* In parts of so many batches; the last one is what remains. */
static void check_parts(size_t len, size_t size)
{
	struct {
		char other[8];
		uint8_t digest[B3_SIZE];
	} v[MAX / B3_BATCH + 1];
	uint8_t want[B3_SIZE], got[B3_SIZE];
	size_t n = 0;

	at_once(len, want);
	for (size_t of = 0; of < len; of += size, n++)
		part(of, len - of < size ? len - of : size, false, v[n].digest);
	b3_join(v[0].digest, sizeof(v[0]), n, got);
	ok(memcmp(want, got, B3_SIZE) == 0, "%zu bytes in %zu parts", len, n);
}

int main(void)
{
	static const size_t lengths[] = { 2 * B3_BATCH, 2 * B3_BATCH + 1,     5 * B3_BATCH - 1,
					  8 * B3_BATCH, 12 * B3_BATCH + 5000, MAX };
	uint8_t digest[B3_SIZE];

	for (size_t i = 0; i < MAX; i++)
		input[i] = (uint8_t)(i % 251);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		at_once(table[i].len, digest);
		ok_str(hex(digest), table[i].digest, "%zu bytes", table[i].len);
		part(0, table[i].len, true, digest);
		ok_str(hex(digest), table[i].digest, "%zu bytes, bit by bit", table[i].len);
	}
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		for (size_t batches = 1; batches < 8 && batches * B3_BATCH < lengths[i];
		     batches *= 2)
			check_parts(lengths[i], batches * B3_BATCH);
	return test_done();
}
