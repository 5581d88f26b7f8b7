/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A writer of tar archives that does what it is told, however hostile: any name, any
 * owner, any size, any pax record.  For tests of the importer.
 */
#ifndef TAR_H
#define TAR_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct member {
	char type; /* '0' file, '1' hard link, '2' symbolic, '3' char, '4' block, '5' directory, '6' pipe */
	const char *name, *link, *data;
	unsigned int mode;	 /* 0: 0644 */
	uint64_t uid, gid, size; /* size 0: of data */
	uint64_t major, minor;
	const char *pax; /* "key=value", several: separated by newlines */
};

/* Octal, or base 256 where that is too short. */
static inline void tar_number(char *p, size_t n, uint64_t v)
{
	if (v >> (3 * (n - 1))) {
		memset(p, 0, n);
		p[0] = (char)0x80;
		for (size_t i = 0; i < 8 && i < n - 1; i++)
			p[n - 1 - i] = (char)(v >> (8 * i));
		return;
	}
	for (size_t i = n - 1; i-- > 0; v >>= 3)
		p[i] = (char)('0' + (v & 7));
	p[n - 1] = '\0';
}

static inline void tar_pad(FILE *f, size_t n)
{
	static const char zero[512];

	if (n % 512)
		(void)fwrite(zero, 1, 512 - n % 512, f);
}

static inline void tar_header(FILE *f, const struct member *m, uint64_t size)
{
	char h[512] = "";
	unsigned int sum = 0;

	(void)snprintf(h, 100, "%s", m->name);
	tar_number(h + 100, 8, m->mode ? m->mode : 0644);
	tar_number(h + 108, 8, m->uid);
	tar_number(h + 116, 8, m->gid);
	tar_number(h + 124, 12, size);
	tar_number(h + 136, 12, 1700000000);
	memset(h + 148, ' ', 8);
	h[156] = m->type;
	(void)snprintf(h + 157, 100, "%s", m->link ? m->link : "");
	memcpy(h + 257, "ustar\00000", 8);
	tar_number(h + 329, 8, m->major);
	tar_number(h + 337, 8, m->minor);
	for (int i = 0; i < 512; i++)
		sum += (unsigned char)h[i];
	tar_number(h + 148, 7, sum);
	(void)fwrite(h, 1, sizeof(h), f);
}

/* One pax record is "LENGTH key=value\n" where LENGTH counts itself. */
static inline size_t tar_record(char *out, size_t room, const char *kv, size_t n)
{
	size_t len = n + 3, digits;

	do {
		digits = (size_t)snprintf(NULL, 0, "%zu", len);
		len = digits + 1 + n + 1;
	} while ((size_t)snprintf(NULL, 0, "%zu", len) != digits);
	return (size_t)snprintf(out, room, "%zu %.*s\n", len, (int)n, kv);
}

static inline void tar_pax(FILE *f, const char *pax)
{
	static char text[70000];
	size_t len = 0;

	for (const char *p = pax; *p;) {
		size_t n = strcspn(p, "\n");

		len += tar_record(text + len, sizeof(text) - len, p, n);
		p += n + (p[n] == '\n');
	}
	tar_header(f, &(struct member){ .type = 'x', .name = "pax" }, len);
	(void)fwrite(text, 1, len, f);
	tar_pad(f, len);
}

static inline void tar_member(FILE *f, const struct member *m)
{
	size_t n = m->data ? strlen(m->data) : 0;

	if (m->pax)
		tar_pax(f, m->pax);
	tar_header(f, m, m->size ? m->size : n);
	if (n) {
		(void)fwrite(m->data, 1, n, f);
		tar_pad(f, n);
	}
}

static inline void tar_end(FILE *f)
{
	static const char zero[1024];

	(void)fwrite(zero, 1, sizeof(zero), f);
}

#endif
