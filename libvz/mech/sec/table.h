/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The system call policy as data; read by seccomp.c, and by tests/build/sec_numbers.c while building. */
#ifndef MECH_SEC_TABLE_H
#define MECH_SEC_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* What widens a denied row. */
enum { SEC_NESTING = 1, SEC_NOMIGRATE = 2 };

enum sec_op {
	SEC_END = 0,
	SEC_EQ,	     /* the argument's low 32 bits are value */
	SEC_ANY_BIT, /* one of value's bits is set in them */
	SEC_NONZERO, /* the whole argument is not 0 */
};

/* First match decides; ret 0 allows, else it is the errno. Skipped where one of unless' flags is on. */
struct sec_arg {
	enum sec_op op;
	uint8_t arg;
	uint32_t value;
	uint16_t ret;
	unsigned int unless;
};

struct sec_row {
	const char *names;  /* blank separated; see also sec_numbers */
	uint16_t ret;	    /* 0 allow, else the errno */
	unsigned int widen; /* SEC_*: allowed with one of these */
	int cap;	    /* allowed when the VE has this capability; 0: none does */
	const char *reason;
	const struct sec_arg *args; /* asked first */
};

/* A number libseccomp does not give: calls younger than 2.5 (from 424 on numbers are the same on all
 * architectures), and i386's calls beside socketcall and ipc, for which it answers with a number of its own. */
struct sec_number {
	const char *name;
	int nr;
	uint32_t arch; /* AUDIT_ARCH_*, 0: all */
};

/* How many names a row has. */
static inline size_t sec_words(const struct sec_row *row)
{
	size_t n = *row->names != '\0';

	for (const char *p = row->names; *p; p++)
		n += *p == ' ';
	return n;
}

extern const struct sec_row sec_table[];
extern const size_t sec_table_len;
extern const struct sec_number sec_numbers[];
extern const size_t sec_numbers_len;

#endif
