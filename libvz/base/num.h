/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Strict numbers: whole string, no blanks, no sign surprises; the only strtoull. */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include "base/error.h"

#include <stdint.h>

/* All: 0, or -EINVAL (not a number) or -ERANGE; *ret only set on success. */
int num_parse_u64(const char *s, uint64_t *ret) _must_check_;
int num_parse_u32(const char *s, uint32_t *ret) _must_check_;
int num_parse_int(const char *s, int *ret) _must_check_; /* optional leading '-' */
/* A CTID: 0..2147483644, decimal digits only. */
int num_parse_ctid(const char *s, uint32_t *ret) _must_check_;

/*
 * OpenVZ's size syntax: digits[.fraction][TGMKPB], case-insensitive, or
 * "unlimited" (= INT64_MAX).  No suffix: times unit; P: times page_size; the
 * result is in bytes when unit is 1, else callers divide as they need.
 * A result over INT64_MAX is -ERANGE.
 */
int num_parse_size(const char *s, uint64_t unit, uint64_t page_size, uint64_t *ret_bytes)
	_must_check_;

#endif
