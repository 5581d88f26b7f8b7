/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Growing strings and string vectors; see str.h. */
#include "base/str.h"

#include "base/cleanup.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

void str_done(struct str *s)
{
	free(s->p);
	*s = (struct str){ 0 };
}

static bool str_reserve(struct str *s, size_t extra)
{
	size_t want;
	char *p;

	if (s->failed || extra > SIZE_MAX / 2 - s->len) {
		s->failed = true;
		return false;
	}
	want = s->len + extra + 1;
	if (want <= s->cap)
		return true;
	want = want < 64 ? 64 : want * 2;
	p = realloc(s->p, want);
	if (!p) {
		s->failed = true;
		return false;
	}
	s->p = p;
	s->cap = want;
	return true;
}

void str_addn(struct str *s, const void *data, size_t n)
{
	if (!str_reserve(s, n))
		return;
	if (n)
		memcpy(s->p + s->len, data, n);
	s->len += n;
	s->p[s->len] = '\0';
}

void str_add(struct str *s, const char *text)
{
	str_addn(s, text, strlen(text));
}

void str_addf(struct str *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !str_reserve(s, (size_t)n)) {
		s->failed = true;
		return;
	}
	va_start(ap, fmt);
	(void)vsnprintf(s->p + s->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	s->len += (size_t)n;
}

int str_take(struct str *s, char **ret)
{
	str_addn(s, "", 0);
	if (s->failed) {
		str_done(s);
		return -ENOMEM;
	}
	*ret = s->p;
	*s = (struct str){ 0 };
	return 0;
}

int str_fmt(char **ret, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&p, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	*ret = p;
	return 0;
}

int str_set(char **slot, const char *value)
{
	char *p = NULL;

	if (value) {
		p = strdup(value);
		if (!p)
			return -ENOMEM;
	}
	free(*slot);
	*slot = p;
	return 0;
}

bool str_eq(const char *a, const char *b)
{
	if (!a || !b)
		return a == b;
	return strcmp(a, b) == 0;
}

bool str_has_prefix(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* Length of a well-formed, printable UTF-8 sequence at s, 0 if there is none. */
static size_t utf8_printable(const unsigned char *s)
{
	static const uint32_t min[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = s[0] < 0x80	     ? 1
		   : s[0] >> 5 == 6  ? 2
		   : s[0] >> 4 == 14 ? 3
		   : s[0] >> 3 == 30 ? 4
				     : 0;
	uint32_t c;

	if (n == 1)
		return s[0] >= 0x20 && s[0] != 0x7f;
	if (!n)
		return 0;
	c = s[0] & (0x7fU >> n);
	for (size_t i = 1; i < n; i++) {
		if (s[i] >> 6 != 2)
			return 0;
		c = c << 6 | (s[i] & 0x3fU);
	}
	/* C1 controls, surrogates, bidi overrides and isolates can fool a terminal */
	if (c < min[n] || c < 0xa0 || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff ||
	    (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
		return 0;
	return n;
}

int str_escape(char **ret, const char *s)
{
	struct str out = { 0 };

	for (const unsigned char *p = (const unsigned char *)s; *p;) {
		size_t n = utf8_printable(p);

		if (n)
			str_addn(&out, p, n);
		else
			str_addf(&out, "\\x%02x", *p);
		p += n ? n : 1;
	}
	return str_take(&out, ret);
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

unsigned int str_distance(const char *a, const char *b)
{
	unsigned int row[65];
	size_t la = strlen(a), lb = strlen(b);

	if (la > 64 || lb > 64)
		return UINT32_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[j] = (unsigned int)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned int diag = row[0];

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned int up = row[j];
			unsigned int best = diag + (lower(a[i - 1]) != lower(b[j - 1]));

			if (up + 1 < best)
				best = up + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diag = up;
			row[j] = best;
		}
	}
	return row[lb];
}

size_t strv_len(char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

void strv_free(char **v)
{
	for (size_t i = 0; v && v[i]; i++)
		free(v[i]);
	free(v);
}

void cleanup_strvp(char ***v)
{
	strv_free(*v);
}

int strv_add(char ***v, const char *s)
{
	size_t n = strv_len(*v);
	_cleanup_free_ char *copy = strdup(s);
	char **p;

	if (!copy)
		return -ENOMEM;
	p = realloc(*v, (n + 2) * sizeof(*p));
	if (!p)
		return -ENOMEM;
	p[n] = TAKE_PTR(copy);
	p[n + 1] = NULL;
	*v = p;
	return 0;
}

int strv_split(char ***ret, const char *s, const char *seps)
{
	_cleanup_strv_ char **v = NULL;

	for (;;) {
		_cleanup_free_ char *part = NULL;
		size_t n;
		int r;

		s += strspn(s, seps);
		n = strcspn(s, seps);
		if (!n)
			break;
		part = strndup(s, n);
		r = part ? strv_add(&v, part) : -ENOMEM;
		if (r < 0)
			return r;
		s += n;
	}
	*ret = TAKE_PTR(v);
	return 0;
}

int strv_join(char **ret, char *const *v, const char *sep)
{
	struct str s = { 0 };

	for (size_t i = 0; v && v[i]; i++) {
		if (i)
			str_add(&s, sep);
		str_add(&s, v[i]);
	}
	return str_take(&s, ret);
}

bool strv_has(char *const *v, const char *s)
{
	for (size_t i = 0; v && v[i]; i++)
		if (strcmp(v[i], s) == 0)
			return true;
	return false;
}

bool strv_remove(char **v, const char *s)
{
	size_t out = 0;
	bool hit = false;

	for (size_t i = 0; v && v[i]; i++) {
		if (strcmp(v[i], s) == 0) {
			free(v[i]);
			hit = true;
			continue;
		}
		v[out++] = v[i];
	}
	if (hit)
		v[out] = NULL;
	return hit;
}

int strv_copy(char ***ret, char *const *v)
{
	_cleanup_strv_ char **copy = NULL;

	for (size_t i = 0; v && v[i]; i++) {
		int r = strv_add(&copy, v[i]);

		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(copy);
	return 0;
}

bool strv_eq(char *const *a, char *const *b)
{
	size_t n = strv_len(a);

	if (n != strv_len(b))
		return false;
	for (size_t i = 0; i < n; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}
