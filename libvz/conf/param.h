/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a parameter is: a row of the table, its value type, and the context a
 * value is parsed in.  Only conf/ and api/ look into rows; higher ranks use
 * conf.h.  A row without .off keeps its value as text (ve_config.text).
 */
#ifndef CONF_PARAM_H
#define CONF_PARAM_H

#include "conf/conf.h"

#include <vz/param.h>

/* How an option on the command line meets the value that is already there. */
enum param_merge {
	MERGE_REPLACE, /* a new value takes the place of the old one */
	MERGE_REPEAT,  /* the first replaces, further ones of the same command add */
	MERGE_EDIT,    /* every one edits what is there */
};

struct param_ctx {
	const struct param *p;
	const char *opt;   /* the option as given, or NULL: the value stands in a file */
	const char *value; /* for messages */
};

struct vz_type {
	const char *metavar;
	size_t size;
	bool text; /* the value is a char * in file form */
	const char *(*word)(
		size_t k); /* words all values of the type are made of; NULL: see the row */
	enum param_merge merge;
	/* v holds the value to edit (MERGE_*) or zeroes; on failure it is thrown away */
	int (*parse)(const struct param_ctx *x, const char *s, void *v, struct vz_error *e);
	int (*format)(const struct param *p, const void *v, char **ret);
	/* NULL: plain memory */
	bool (*equal)(const void *a, const void *b);
	int (*copy)(void *dst, const void *src);
	void (*done)(void *v);
	/* Replace what depends on the VE or the host ($VEID, inherit); *raw = the file form, or NULL. */
	int (*resolve)(uint32_t ctid, void *v, char **raw);
};

/* Flags beyond those of enum vz_param_flags. */
enum {
	P_RENAMED = 1 << 16,   /* the key is not the option in capitals */
	P_NOINHERIT = 1 << 17, /* the value in vz.conf is no default for VEs */
	P_EXPAND = 1 << 18,    /* $VEID stays unescaped in the file */
	P_IGNORED = 1 << 19,   /* an option that is accepted and stores nothing */
	P_NETIF = 1 << 20,     /* --ifname and the options that edit its record */
};

struct param {
	const char *key, *opt;
	char short_opt;
	const char *const *alias; /* further option names, NULL-terminated */
	const char *key_alias;	  /* an old key that is read as this one */
	const char *of;		  /* the option edits the value of this key */
	const struct vz_type *type;
	const char *const *words; /* all allowed words, NULL-terminated */
	size_t off, hoff;	  /* in struct ve_config, struct host_config; 0 = none */
	const char *unit, *min, *max, *def, *hdef, *example; /* hdef: default in vz.conf */
	const char *help, *doc, *section;
	enum apply_group group;
	unsigned int flags;
};

extern const struct param param_table[];
extern const size_t param_table_n;

extern const struct vz_type type_ubc_pages, type_ubc_bytes, type_ubc_items, type_ram, type_space,
	type_inodes, type_u32, type_percent, type_int, type_i64, type_yesno, type_onboot,
	type_double, type_iolimit, type_iops, type_auto_percent, type_string, type_path, type_word,
	type_mask, type_name, type_hostname, type_list, type_nameserver, type_searchdomain, type_ip,
	type_ipdel, type_capability, type_features, type_devices, type_devnodes, type_netif,
	type_netif_del, type_none;

/* For types whose value is a char *. */
int text_format(const struct param *p, const void *v, char **ret);
bool text_equal(const void *a, const void *b);
int text_copy(void *dst, const void *src);
void text_done(void *v);

/* Set the field named x->opt of the record IFNAME in a NETIF text. */
int netif_edit(const struct param_ctx *x, const char *ifname, const char *s, char **netif,
	       struct vz_error *e) _must_check_;

/* Refuse a value: "--cpuunits: bad value \"5\": REASON"; exit class VALUE, or IP and the like. */
int type_refuse(const struct param_ctx *x, struct vz_error *e, enum vz_exit exit, int code,
		const char *fmt, ...) _printf_(5, 6);

/* A value of any type, for parsing without a VE; clear with param_value_done. */
union param_value {
	char *text;
	char **list;
	struct ubc ubc;
	struct pair_u64 pair;
	struct onoff onoff;
	uint64_t u64;
	double d;
	uint64_t room[4];
};
/* Parse the file form of p's value; on failure *v is clear. */
int param_value_parse(const struct param *p, const char *s, union param_value *v,
		      struct vz_error *e) _must_check_;
void param_value_done(const struct param *p, union param_value *v);

/* k-th word a value of p is chosen from or made of, NULL past the end. */
const char *param_word(const struct param *p, size_t k);

#endif
