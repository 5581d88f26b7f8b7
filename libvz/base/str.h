/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Growing strings and string vectors. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* A growing string; zero-initialise, release with str_done(). */
struct str {
	char *p; /* NUL-terminated, or NULL while empty */
	size_t len, cap;
	bool failed; /* an allocation failed; later appends are no-ops */
};

#define _cleanup_str_ _cleanup_(str_done)

void str_done(struct str *s);
void str_add(struct str *s, const char *text);
void str_addn(struct str *s, const void *data, size_t n);
void str_addf(struct str *s, const char *fmt, ...) _printf_(2, 3);
/* Give the text away (never NULL on success); -ENOMEM when any append failed. */
int str_take(struct str *s, char **ret) _must_check_;

/* asprintf with -ENOMEM; *ret only set on success. */
int str_fmt(char **ret, const char *fmt, ...) _printf_(2, 3) _must_check_;
/* strdup over an owned slot: frees the old value; NULL allowed. */
int str_set(char **slot, const char *value) _must_check_;
bool str_eq(const char *a, const char *b); /* NULL-safe */
bool str_has_prefix(const char *s, const char *prefix);
/* Copy with every byte outside printable ASCII/valid UTF-8 text as \xNN (terminal-safe). */
int str_escape(char **ret, const char *s) _must_check_;
/* Edit distance for "did you mean"; 0 = equal. */
unsigned int str_distance(const char *a, const char *b);

/* NULL-terminated vector of owned strings; a NULL vector is empty. */
size_t strv_len(char *const *v);
void strv_free(char **v);
void cleanup_strvp(char ***v);
#define _cleanup_strv_ _cleanup_(cleanup_strvp)
int strv_add(char ***v, const char *s) _must_check_;			   /* copies */
int strv_split(char ***ret, const char *s, const char *seps) _must_check_; /* no empty parts */
int strv_join(char **ret, char *const *v, const char *sep) _must_check_;
bool strv_has(char *const *v, const char *s);
bool strv_remove(char **v, const char *s); /* true when something was removed */
int strv_copy(char ***ret, char *const *v) _must_check_;
bool strv_eq(char *const *a, char *const *b);

#endif
