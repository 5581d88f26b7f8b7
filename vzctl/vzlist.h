/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vzlist's three parts: the column table (vzlist_cols.c), the value of a column
 * for a VE (vzlist_value.c), and options, order and output (vzlist.c).
 */
#ifndef VZCTL_VZLIST_H
#define VZCTL_VZLIST_H

#include <vz/ve.h>
#include <vz/vz.h>

#include "cli.h"

/* How a column is cut, sorted and written as JSON. */
enum col_kind {
	COL_STR,    /* JSON string or null */
	COL_NUM,    /* number or null */
	COL_LIST,   /* blank-separated; JSON array; cut to its first item */
	COL_BOOL,   /* yes, no; JSON boolean or null */
	COL_ONOFF,  /* name:on,name:off; JSON object of booleans or null */
	COL_UBC,    /* sub-fields held (none), m, b, l, f; JSON object */
	COL_PAIR,   /* sub-fields usage (none), s, h; JSON object */
	COL_LOAD,   /* a/b/c; JSON array */
	COL_UPTIME, /* days, hours ...; JSON seconds */
};

struct ve {
	uint32_t id;
	struct vz_ve *ve;
	int state;		  /* bits of enum vz_state */
	bool asked;		  /* usage was asked for, once for all columns */
	struct vz_ve_usage usage; /* every member unknown unless the VE runs */
};

struct column {
	const char *name, *header;
	int width; /* negative: left aligned */
	enum col_kind kind;
	const char *key; /* configuration key the value stands in, or NULL */
	const char *def; /* text where the key is unset; NULL: unknown */
	char *(*get)(struct ve *v, const struct column *c, char sub); /* NULL: by key */
	const char *help;
	/* COL_UBC: where the counters are in struct vz_ve_usage, +1; 0: not known */
	size_t held, held2, maxheld, failcnt;
	bool pages; /* the configuration counts pages, the usage bytes */
	size_t row; /* COL_UBC: enum vz_ubc +1, for bounds and what is not known otherwise; 0: none */
};

/* A column or one of its sub-fields, as -o and -s name it. */
struct field {
	const struct column *col;
	char sub; /* 0 or the letter behind the dot */
};

/* ---- vzlist_cols.c ---- */
extern const struct column columns[];
extern const size_t ncolumns;
/* Letters of a column's sub-fields, "" where it has none. */
const char *column_subs(const struct column *c);
/* "name" or "name.x"; false: no such field. */
bool field_find(const char *name, struct field *ret);
const char *field_nearest(const char *name);
/* "NPROC.M"; the caller frees. */
char *field_header(const struct field *f);
/* -L */
void columns_list(FILE *f);
/* For the manual ("scdoc") and completion ("bash"); false: unknown format. */
bool columns_gen(FILE *f, const char *format);

/* ---- vzlist_value.c ---- */
/* Value as text, NULL: unknown.  The caller frees. */
char *value_text(struct ve *v, const struct field *f);
/* For sorting: false where the value is no number or unknown. */
bool value_number(struct ve *v, const struct field *f, double *ret);
void value_json(struct json *j, struct ve *v, const struct column *c);

/* get functions of columns */
char *get_id(struct ve *v, const struct column *c, char sub);
char *get_smart_name(struct ve *v, const struct column *c, char sub);
char *get_ip(struct ve *v, const struct column *c, char sub);
char *get_path(struct ve *v, const struct column *c, char sub);
char *get_status(struct ve *v, const struct column *c, char sub);
char *get_ubc(struct ve *v, const struct column *c, char sub);
char *get_disk(struct ve *v, const struct column *c, char sub);
char *get_laverage(struct ve *v, const struct column *c, char sub);
char *get_uptime(struct ve *v, const struct column *c, char sub);
char *get_vswap(struct ve *v, const struct column *c, char sub);
char *get_layout(struct ve *v, const struct column *c, char sub);

#endif
