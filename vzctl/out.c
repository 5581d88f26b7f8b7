// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tables and JSON on a stream.  Text that reaches a table has been escaped by
 * the caller; JSON strings are escaped here, because JSON has its own rules
 * and must stay valid whatever a VE's owner wrote into a name.
 */
#include "cli.h"

#include <ctype.h>
#include <string.h>

void out_row(FILE *f, size_t n, const char *const cells[], const int widths[])
{
	size_t owed = 0; /* blanks that are only written when text follows */

	for (size_t i = 0; i < n; i++) {
		size_t len = cli_width(cells[i]), width = (size_t)abs(widths[i]);
		size_t pad = width > len ? width - len : 0;

		owed += i ? 1 : 0;
		if (widths[i] > 0)
			owed += pad;
		if (*cells[i]) {
			fprintf(f, "%*s%s", (int)owed, "", cells[i]);
			owed = 0;
		}
		if (widths[i] < 0)
			owed += pad;
	}
	fputc('\n', f);
}

/* What has to stand before the next value or key. */
static void json_before(struct json *j)
{
	if (j->keyed) {
		j->keyed = false;
		return;
	}
	if (!j->depth)
		return;
	fputs(j->some[j->depth] ? ",\n" : "\n", j->f);
	j->some[j->depth] = true;
	fprintf(j->f, "%*s", 2 * j->depth, "");
}

void json_open(struct json *j, char bracket)
{
	json_before(j);
	fputc(bracket, j->f);
	j->some[++j->depth] = false;
}

void json_close(struct json *j, char bracket)
{
	bool some = j->some[j->depth--];

	if (some)
		fprintf(j->f, "\n%*s", 2 * j->depth, "");
	fputc(bracket, j->f);
	if (!j->depth)
		fputc('\n', j->f);
}

static void json_quote(FILE *f, const char *s)
{
	fputc('"', f);
	while (*s) {
		uint32_t c = 0;
		size_t n = cli_utf8(s, &c);

		if (!n) {
			fputs("\\ufffd", f);
			s++;
			continue;
		}
		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", (char)c);
		else if (c < 0x20 || (c >= 0x7f && c < 0xa0))
			fprintf(f, "\\u%04x", c);
		else
			fwrite(s, 1, n, f);
		s += n;
	}
	fputc('"', f);
}

void json_key(struct json *j, const char *key)
{
	json_before(j);
	json_quote(j->f, key);
	fputs(": ", j->f);
	j->keyed = true;
}

void json_string(struct json *j, const char *s)
{
	if (!s) {
		json_null(j);
		return;
	}
	json_before(j);
	json_quote(j->f, s);
}

/* JSON's own grammar but for the exponent: -? (0 | [1-9] digits) (. digits)? */
static bool is_number(const char *s)
{
	if (*s == '-')
		s++;
	if (*s == '0' && isdigit((unsigned char)s[1]))
		return false;
	if (!isdigit((unsigned char)*s))
		return false;
	s += strspn(s, "0123456789");
	if (*s == '.' && isdigit((unsigned char)s[1]))
		s += 1 + strspn(s + 1, "0123456789");
	return !*s;
}

void json_number(struct json *j, const char *digits)
{
	json_before(j);
	fputs(digits && is_number(digits) ? digits : "null", j->f);
}

void json_bool(struct json *j, bool v)
{
	json_before(j);
	fputs(v ? "true" : "false", j->f);
}

void json_null(struct json *j)
{
	json_before(j);
	fputs("null", j->f);
}
