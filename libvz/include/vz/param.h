/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Parameters by name: what there is, and changes to a VE's configuration.
 * Since: 0.1
 */
#ifndef VZ_PARAM_H
#define VZ_PARAM_H

#include <vz/vz.h>

#ifdef __cplusplus
extern "C" {
#endif

enum vz_param_flags {
	VZ_PARAM_VE = 1 << 0,	    /* a key of CTID.conf */
	VZ_PARAM_HOST = 1 << 1,	    /* a key of vz.conf */
	VZ_PARAM_LIVE = 1 << 2,	    /* changes a running VE at once */
	VZ_PARAM_OBSOLETE = 1 << 3, /* accepted, kept, without effect; doc says why */
	VZ_PARAM_MULTI = 1 << 4,    /* the option may be repeated */
	VZ_PARAM_CREATE = 1 << 5,   /* an option of create too */
	VZ_PARAM_NOARG = 1 << 6,    /* the option takes no value */
};

/* One parameter, as the table has it; strings are constants, NULL where there is none. */
struct vz_param_info {
	size_t size;	     /* set by the caller to sizeof(struct vz_param_info) */
	const char *key;     /* configuration key or NULL */
	const char *opt;     /* long option without dashes or NULL */
	char short_opt;	     /* or 0 */
	const char *metavar; /* "bytes", "yes|no" ... */
	const char *unit, *min, *max, *def, *example;
	const char *help;    /* one line */
	const char *doc;     /* prose for the manual */
	const char *section; /* group heading for help and manual */
	unsigned int flags;  /* enum vz_param_flags */
};

/* Number of parameters. */
VZ_API size_t vz_param_count(void);
/* The i-th parameter; -ERANGE past the end. */
VZ_API int vz_param_info(size_t i, struct vz_param_info *ret);
/* k-th alias of the i-th parameter's option, NULL past the end (ipadd: "ip") */
VZ_API const char *vz_param_alias(size_t i, size_t k);
/* k-th word the i-th parameter's value is chosen from or made of ("yes", "NET_ADMIN"), NULL past the end */
VZ_API const char *vz_param_word(size_t i, size_t k);

/* A set of option=value pairs in the order given. */
struct vz_changes;
/* An empty set; -ENOMEM. */
VZ_API int vz_changes_new(struct vz_changes **ret);
/* Release it; NULL is fine. Returns NULL. */
VZ_API struct vz_changes *vz_changes_free(struct vz_changes *c);
/* opt: long option name; value NULL for one without argument. -ENOENT: unknown, with the nearest name. */
VZ_API int vz_changes_add(struct vz_changes *c, const char *opt, const char *value,
			  struct vz_error *e);

enum vz_severity { VZ_PROBLEM_RECOMMENDATION = 1, VZ_PROBLEM_WARNING, VZ_PROBLEM_ERROR };

/* One thing wrong with a configuration file; strings are borrowed for the call. */
struct vz_problem {
	int severity;	   /* enum vz_severity */
	unsigned int line; /* from 1; 0: something is missing */
	const char *key;   /* or NULL */
	const char *text;  /* the reason, and what is allowed */
	const char *fix;   /* a value that would be right, or NULL */
};
/* Return 1 to have the fix put in place, 0 to leave it. */
typedef int vz_problem_fn(void *data, const struct vz_problem *problem);

/*
 * Report every problem of a container's configuration file (or sample) to fn, and save the
 * file when a fix was wanted.  Returns the highest severity that is left, 0 for none.
 */
VZ_API int vz_config_validate(const char *path, vz_problem_fn *fn, void *data, struct vz_error *e);

#ifdef __cplusplus
}
#endif
#endif
