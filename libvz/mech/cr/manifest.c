// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The manifest of a dump: lines of one form only, in one order only, so that
 * there is one text for one content.
 *
 *   vz-dump 2
 *   ctid 101                 and the other rows of heads[]
 *   file SIZE DIGEST NAME    ascending by name
 *   end COUNT
 *
 * The text is signed, and parsed as if it were not.
 */
#include "mech/cr/manifest.h"

#include <ctype.h>
#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "base/num.h"
#include "base/str.h"

#define DIGEST_HEX (2 * CR_DIGEST_SIZE)

enum head_type { HEAD_U32, HEAD_U64, HEAD_TEXT };

struct head {
	const char *key;
	enum head_type type;
	size_t off, size;
};

#define TEXT(name)                                                     \
	{                                                              \
#name, HEAD_TEXT, offsetof(struct cr_dump_info, name), \
			sizeof(((struct cr_dump_info *)NULL)->name)    \
	}
#define NUMBER(name, type)                                          \
	{                                                           \
#name, type, offsetof(struct cr_dump_info, name), 0 \
	}
static const struct head heads[] = {
	NUMBER(ctid, HEAD_U32),
	NUMBER(uid_base, HEAD_U32),
	NUMBER(gid_base, HEAD_U32),
	NUMBER(created, HEAD_U64),
	TEXT(node),
	TEXT(criu),
	TEXT(features),
};

void cr_manifest_done(struct cr_manifest *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->files[i].name);
	free(m->files);
	*m = (struct cr_manifest){ 0 };
}

bool cr_name_ok(const char *name)
{
	if (str_has_prefix(name, CR_IMG "/"))
		name += sizeof(CR_IMG);
	if (!isalnum((unsigned char)*name) || strlen(name) > CR_NAME_MAX)
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("._-", *name))
			return false;
	return true;
}

static int add_file(struct cr_manifest *m, char *name)
{
	if (m->n >= CR_FILES_MAX)
		return -E2BIG;
	if (m->n == m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 64;
		struct cr_file *p = reallocarray(m->files, cap, sizeof(*p));

		if (!p)
			return -ENOMEM;
		m->files = p;
		m->cap = cap;
	}
	m->files[m->n++] = (struct cr_file){ .name = name };
	return 0;
}

int cr_manifest_add(struct cr_manifest *m, const char *dir, const char *name)
{
	_cleanup_free_ char *path = NULL;
	int r = str_fmt(&path, "%s%s%s", dir ? dir : "", dir ? "/" : "", name);

	if (r < 0)
		return r;
	if (!cr_name_ok(path))
		return -EINVAL;
	r = add_file(m, path);
	if (r >= 0)
		(void)TAKE_PTR(path);
	return r;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct cr_file *)a)->name, ((const struct cr_file *)b)->name);
}

void cr_manifest_sort(struct cr_manifest *m)
{
	if (m->n)
		qsort(m->files, m->n, sizeof(*m->files), by_name);
}

struct cr_file *cr_manifest_find(const struct cr_manifest *m, const char *name)
{
	const struct cr_file key = { .name = (char *)(uintptr_t)name };

	return m->n ? bsearch(&key, m->files, m->n, sizeof(key), by_name) : NULL;
}

static void format_head(struct str *s, const struct head *h, const struct cr_dump_info *i)
{
	const char *at = (const char *)i + h->off;

	switch (h->type) {
	case HEAD_U32:
		str_addf(s, "%s %" PRIu32 "\n", h->key, *(const uint32_t *)(const void *)at);
		break;
	case HEAD_U64:
		str_addf(s, "%s %" PRIu64 "\n", h->key, *(const uint64_t *)(const void *)at);
		break;
	case HEAD_TEXT:
		str_addf(s, "%s %s\n", h->key, at);
		break;
	}
}

int cr_manifest_format(const struct cr_manifest *m, char **ret, size_t *ret_len)
{
	_cleanup_str_ struct str s = { 0 };
	char hex[DIGEST_HEX + 1];

	str_addf(&s, CR_MANIFEST_HEAD "%d\n", CR_DUMP_FORMAT);
	for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
		format_head(&s, &heads[i], &m->info);
	for (size_t i = 0; i < m->n; i++) {
		sodium_bin2hex(hex, sizeof(hex), m->files[i].digest, CR_DIGEST_SIZE);
		str_addf(&s, "file %" PRIu64 " %s %s\n", m->files[i].size, hex, m->files[i].name);
	}
	str_addf(&s, "end %zu\n", m->n);
	*ret_len = s.len;
	if (s.len > CR_MANIFEST_MAX)
		return -E2BIG;
	return str_take(&s, ret);
}

/* Cut the next line off; NULL where the text ends without a newline. */
static char *next_line(char **rest)
{
	char *line = *rest, *nl = strchr(line, '\n');

	if (!nl)
		return NULL;
	*nl = '\0';
	*rest = nl + 1;
	return line;
}

/* What follows "key ". */
static const char *value_of(const char *line, const char *key)
{
	size_t n = strlen(key);

	return line && strncmp(line, key, n) == 0 && line[n] == ' ' ? line + n + 1 : NULL;
}

/* Digits as printf writes them: no leading zero. */
static int number(const char *s, uint64_t max, uint64_t *ret)
{
	uint64_t v;

	if ((s[0] == '0' && s[1]) || num_parse_u64(s, &v) < 0 || v > max)
		return -EBADMSG;
	*ret = v;
	return 0;
}

static int parse_head(const struct head *h, const char *v, struct cr_dump_info *i)
{
	char *at = (char *)i + h->off;
	uint64_t n = 0;
	int r = 0;

	if (h->type == HEAD_TEXT) {
		if (strlen(v) >= h->size)
			return -EBADMSG;
		for (const char *p = v; *p; p++)
			if (!isprint((unsigned char)*p))
				return -EBADMSG;
		memcpy(at, v, strlen(v) + 1);
		return 0;
	}
	r = number(v, h->type == HEAD_U32 ? UINT32_MAX : UINT64_MAX, &n);
	if (r < 0)
		return r;
	if (h->type == HEAD_U32)
		*(uint32_t *)(void *)at = (uint32_t)n;
	else
		*(uint64_t *)(void *)at = n;
	return 0;
}

static int parse_digest(const char *hex, uint8_t ret[CR_DIGEST_SIZE])
{
	size_t len = 0;

	if (strspn(hex, "0123456789abcdef") != DIGEST_HEX ||
	    sodium_hex2bin(ret, CR_DIGEST_SIZE, hex, DIGEST_HEX, NULL, &len, NULL) != 0)
		return -EBADMSG;
	return len == CR_DIGEST_SIZE ? 0 : -EBADMSG;
}

/* "SIZE DIGEST NAME", behind the last one by name. */
static int parse_file(struct cr_manifest *m, char *v)
{
	char *digest = strchr(v, ' '), *name = digest ? strchr(digest + 1, ' ') : NULL;
	struct cr_file f = { 0 };
	int r;

	if (!name)
		return -EBADMSG;
	*digest++ = '\0';
	*name++ = '\0';
	if (strlen(digest) != DIGEST_HEX || number(v, INT64_MAX, &f.size) < 0 ||
	    parse_digest(digest, f.digest) < 0 || !cr_name_ok(name) ||
	    (m->n && strcmp(m->files[m->n - 1].name, name) >= 0))
		return -EBADMSG;
	r = cr_manifest_add(m, NULL, name);
	if (r < 0)
		return r;
	m->files[m->n - 1].size = f.size;
	memcpy(m->files[m->n - 1].digest, f.digest, sizeof(f.digest));
	return 0;
}

static int parse_body(struct cr_manifest *m, char *rest)
{
	uint64_t count;
	char *line, *v;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		const char *text = value_of(next_line(&rest), heads[i].key);

		r = text ? parse_head(&heads[i], text, &m->info) : -EBADMSG;
		if (r < 0)
			return r;
	}
	while ((line = next_line(&rest)) && (v = (char *)(uintptr_t)value_of(line, "file"))) {
		r = parse_file(m, v);
		if (r < 0)
			return r;
	}
	v = (char *)(uintptr_t)value_of(line, "end");
	if (!v || *rest || number(v, CR_FILES_MAX, &count) < 0 || count != m->n)
		return -EBADMSG;
	return 0;
}

int cr_manifest_version(const char *text, size_t len, struct vz_error *e)
{
	const size_t head = sizeof(CR_MANIFEST_HEAD) - 1;
	const char *nl = memchr(text, '\n', len < 32 ? len : 32);
	char number_text[32];
	uint64_t v;

	if (!nl || strncmp(text, CR_MANIFEST_HEAD, head) != 0 || (size_t)(nl - text) < head)
		return vz_fail(e, -EBADMSG,
			       "its manifest is none (nothing can be restored from it)");
	(void)snprintf(number_text, sizeof(number_text), "%.*s", (int)(nl - text - (long)head),
		       text + head);
	if (number(number_text, UINT32_MAX, &v) < 0)
		return vz_fail(e, -EBADMSG,
			       "its manifest is none (nothing can be restored from it)");
	if (v != CR_DUMP_FORMAT)
		return vz_fail(e, -EPROTONOSUPPORT,
			       "it has format %u, this version of vz reads format %d (restore it "
			       "with the version that made it)",
			       (unsigned int)v, CR_DUMP_FORMAT);
	return 0;
}

int cr_manifest_parse(struct cr_manifest *m, const char *text, size_t len, struct vz_error *e)
{
	_cleanup_cr_manifest_ struct cr_manifest new = { 0 };
	_cleanup_free_ char *copy = NULL;
	int r = cr_manifest_version(text, len, e);

	if (r < 0)
		return r;
	copy = malloc(len + 1);
	if (!copy)
		return vz_fail(e, -ENOMEM, "read its manifest");
	memcpy(copy, text, len);
	copy[len] = '\0';
	/* a zero byte would hide what follows it from everything that takes strings */
	r = strlen(copy) == len ? parse_body(&new, strchr(copy, '\n') + 1) : -EBADMSG;
	if (r == -E2BIG)
		return vz_fail(e, r, "its manifest lists more than %d files", CR_FILES_MAX);
	if (r < 0)
		return vz_fail(
			e, r,
			"its manifest is malformed or cut off (nothing can be restored from it)");
	*m = new;
	new = (struct cr_manifest){ 0 };
	return 0;
}
