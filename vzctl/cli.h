/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all tools share: memory that aborts, errors, hints, terminal-safe text,
 * tables and JSON.  Knows libvz only by its public headers, and no command.
 */
#ifndef VZCTL_CLI_H
#define VZCTL_CLI_H

#include <vz/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define _cleanup_(f)	 __attribute__((cleanup(f)))
#define _printf_(a, b)	 __attribute__((format(printf, a, b)))
#define _must_check_	 __attribute__((warn_unused_result))
#define _cleanup_free_	 _cleanup_(cli_freep)
#define _cleanup_fclose_ _cleanup_(cli_fclosep)
#define ARRAY_SIZE(a)	 (sizeof(a) / sizeof((a)[0]))

static inline void cli_freep(void *p)
{
	free(*(void **)p);
}

static inline void cli_fclosep(FILE **f)
{
	if (*f)
		(void)fclose(*f);
}

/* ---- util.c ---- */

/* A tool that is out of memory says so and exits with VZ_EXIT_NOMEM. */
void *xcalloc(size_t n, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xfmt(const char *fmt, ...) _printf_(1, 2);

/*
 * Our own complaint about the command line: the text says everything, code
 * stays 0 so that no strerror() is added.  Returns -EINVAL.
 */
int cli_fail(struct vz_error *e, enum vz_exit exit, const char *fmt, ...) _printf_(3, 4);
/* "did you mean": the candidate with the least edit distance, if it is near at all. */
struct nearest {
	const char *word; /* what was typed */
	const char *best; /* borrowed from the caller; NULL: nothing near */
	unsigned int distance;
};
void nearest_try(struct nearest *n, const char *candidate);
/* " (did you mean <prefix><best>?)" behind the text when n found something; returns -EINVAL. */
int cli_hint(struct vz_error *e, const struct nearest *n, const char *prefix);

/* "<text>: <strerror>" on one line, terminal-safe; the caller frees. r: what the call returned. */
char *cli_error_text(const struct vz_error *e, int r);
/* The exit status for a failed call. */
int cli_error_exit(const struct vz_error *e);

/*
 * Copy of s that is safe on a terminal and stays one line: control characters,
 * bidirectional overrides and bytes that are no UTF-8 become \xNN.
 */
char *cli_escape(const char *s);
/* Length of the well-formed UTF-8 sequence at s and its code point; 0 when malformed. */
size_t cli_utf8(const char *s, uint32_t *ret);
/* Width in characters. */
size_t cli_width(const char *s);

/* The whole string is a decimal number of at most max. */
bool cli_number(const char *s, uint64_t max, uint64_t *ret);
/* The next word of *rest, cut off there; NULL at the end. */
char *cli_word(char **rest, const char *separators);

/* Descriptors 0, 1 and 2 exist afterwards (/dev/null), so nothing else gets these numbers. */
void cli_std_fds(void);

/* ---- out.c ---- */

/*
 * One line of a table: each cell padded to its width (negative: left aligned),
 * one blank between, blanks at the end of the line cut.
 */
void out_row(FILE *f, size_t n, const char *const cells[], const int widths[]);

/* A JSON writer: commas, indentation and escapes are its business. */
struct json {
	FILE *f;
	int depth;
	bool some[8]; /* the container at this depth has a member already */
	bool keyed;   /* a key stands before the next value */
};
void json_open(struct json *j, char bracket);  /* '[' or '{' */
void json_close(struct json *j, char bracket); /* ']' or '}' */
void json_key(struct json *j, const char *key);
void json_string(struct json *j, const char *s);      /* NULL: null */
void json_number(struct json *j, const char *digits); /* NULL or no number: null */
void json_bool(struct json *j, bool v);
void json_null(struct json *j);

#endif
