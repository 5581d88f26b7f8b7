/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Value types IV: on/off lists over fixed names (capabilities, features) and
 * device rules.  The position of a capability's name is its kernel number.
 */
#include "base/num.h"
#include "base/str.h"
#include "conf/param.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define REFUSE(...) type_refuse(x, e, VZ_EXIT_VALUE, -EINVAL, __VA_ARGS__)
#define LIST_SEPS   " \t\n,"

/* linux/capability.h, without CAP_; 62 and 63 are OpenVZ's own and grant nothing here */
static const char *const capabilities[64] = {
	"CHOWN",
	"DAC_OVERRIDE",
	"DAC_READ_SEARCH",
	"FOWNER",
	"FSETID",
	"KILL",
	"SETGID",
	"SETUID",
	"SETPCAP",
	"LINUX_IMMUTABLE",
	"NET_BIND_SERVICE",
	"NET_BROADCAST",
	"NET_ADMIN",
	"NET_RAW",
	"IPC_LOCK",
	"IPC_OWNER",
	"SYS_MODULE",
	"SYS_RAWIO",
	"SYS_CHROOT",
	"SYS_PTRACE",
	"SYS_PACCT",
	"SYS_ADMIN",
	"SYS_BOOT",
	"SYS_NICE",
	"SYS_RESOURCE",
	"SYS_TIME",
	"SYS_TTY_CONFIG",
	"MKNOD",
	"LEASE",
	"AUDIT_WRITE",
	"AUDIT_CONTROL",
	"SETFCAP",
	"MAC_OVERRIDE",
	"MAC_ADMIN",
	"SYSLOG",
	"WAKE_ALARM",
	"BLOCK_SUSPEND",
	"AUDIT_READ",
	"PERFMON",
	"BPF",
	"CHECKPOINT_RESTORE",
	[62] = "SETVEID",
	[63] = "VE_ADMIN",
};

static const char *const features[64] = {
	[FEAT_SYSFS] = "sysfs",
	[FEAT_NFS] = "nfs",
	[FEAT_SIT] = "sit",
	[FEAT_IPIP] = "ipip",
	[FEAT_PPP] = "ppp",
	[FEAT_IPGRE] = "ipgre",
	[FEAT_BRIDGE] = "bridge",
	[FEAT_NFSD] = "nfsd",
	[FEAT_TIME] = "time",
	[FEAT_FUSE] = "fuse",
	[FEAT_NESTING] = "nesting",
	[FEAT_NOMIGRATE] = "nomigrate",
	[FEAT_PRIVILEGED] = "privileged",
};

/* k-th name that is there: the numbers have a hole */
static const char *nth(const char *const names[64], size_t k)
{
	for (size_t i = 0; i < 64; i++)
		if (names[i] && k-- == 0)
			return names[i];
	return NULL;
}

static const char *capability_word(size_t k)
{
	return nth(capabilities, k);
}

static const char *feature_word(size_t k)
{
	return nth(features, k);
}

static const char *nearest(const char *const names[64], const char *s)
{
	const char *best = NULL;
	unsigned int dist = 4;

	for (size_t i = 0; i < 64; i++) {
		unsigned int d = names[i] ? str_distance(names[i], s) : 64;

		if (d < dist) {
			dist = d;
			best = names[i];
		}
	}
	return best;
}

static int onoff_one(const struct param_ctx *x, const char *s, const char *const names[64],
		     struct onoff *v, struct vz_error *e)
{
	size_t n = strcspn(s, ":");
	bool on = strcasecmp(s + n, ":on") == 0;

	if (!on && strcasecmp(s + n, ":off") != 0)
		return REFUSE("\"%.40s\" is not of the form NAME:on or NAME:off", s);
	for (unsigned int i = 0; i < 64; i++) {
		if (!names[i] || strlen(names[i]) != n || strncasecmp(names[i], s, n) != 0)
			continue;
		v->on &= ~(1ULL << i);
		v->off &= ~(1ULL << i);
		*(on ? &v->on : &v->off) |= 1ULL << i;
		return 0;
	}
	_cleanup_free_ char *name = strndup(s, n);
	const char *near = name ? nearest(names, name) : NULL;

	return REFUSE("\"%.*s\" is unknown%s%s", (int)(n > 40 ? 40 : n), s,
		      near ? ", did you mean " : "; the manual lists the names", near ? near : "");
}

static int onoff_parse(const struct param_ctx *x, const char *s, const char *const names[64],
		       struct onoff *v, struct vz_error *e)
{
	_cleanup_strv_ char **parts = NULL;
	int r = strv_split(&parts, s, LIST_SEPS);

	if (r < 0)
		return vz_fail(e, r, "parse %s", s);
	for (size_t i = 0; parts && parts[i] && r >= 0; i++)
		r = onoff_one(x, parts[i], names, v, e);
	return r;
}

static int onoff_format(const struct onoff *v, const char *const names[64], char **ret)
{
	struct str out = { 0 };

	for (unsigned int i = 0; i < 64; i++) {
		if (!((v->on | v->off) >> i & 1) || !names[i])
			continue;
		str_addf(&out, "%s%s:%s", out.len ? " " : "", names[i],
			 v->on >> i & 1 ? "on" : "off");
	}
	return str_take(&out, ret);
}

static int parse_capability(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	return onoff_parse(x, s, capabilities, v, e);
}

static int format_capability(const struct param *p, const void *v, char **ret)
{
	(void)p;
	return onoff_format(v, capabilities, ret);
}

static int parse_features(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	return onoff_parse(x, s, features, v, e);
}

static int format_features(const struct param *p, const void *v, char **ret)
{
	(void)p;
	return onoff_format(v, features, ret);
}

const struct vz_type type_capability = {
	"name:on|off",		 sizeof(struct onoff),	    .merge = MERGE_EDIT,
	.word = capability_word, .parse = parse_capability, .format = format_capability
};
const struct vz_type type_features = { "name:on|off",		sizeof(struct onoff),
				       .merge = MERGE_EDIT,	.word = feature_word,
				       .parse = parse_features, .format = format_features };

/* ---- devices: (b|c):major:(minor|all):([rwq]|none) ---- */

struct dev_list { /* the two members of struct ve_config, in its order */
	struct dev_rule *v;
	size_t n;
};
_Static_assert(offsetof(struct ve_config, ndevices) ==
		       offsetof(struct ve_config, devices) + offsetof(struct dev_list, n),
	       "struct dev_list overlays two members of struct ve_config");

enum { DEV_QUOTA = 1, DEV_WRITE = 2, DEV_READ = 4, LOOP_MAJOR = 7 };

static int dev_access(const char *s, uint8_t *ret)
{
	uint8_t a = 0;

	if (strcmp(s, "none") == 0) {
		*ret = 0;
		return 0;
	}
	for (; *s; s++) {
		if (*s != 'r' && *s != 'w' && *s != 'q')
			return -EINVAL;
		a |= *s == 'r' ? DEV_READ : *s == 'w' ? DEV_WRITE : DEV_QUOTA;
	}
	*ret = a;
	return a ? 0 : -EINVAL;
}

static int dev_rule_parse(const char *s, struct dev_rule *ret)
{
	_cleanup_strv_ char **f = NULL;
	uint32_t minor = 0;
	int r = strv_split(&f, s, ":");

	if (r < 0)
		return r;
	if (strv_len(f) != 4 || (strcmp(f[0], "b") != 0 && strcmp(f[0], "c") != 0))
		return -EINVAL;
	ret->type = f[0][0];
	r = num_parse_u32(f[1], &ret->major);
	if (r >= 0 && strcmp(f[2], "all") != 0)
		r = num_parse_u32(f[2], &minor);
	if (r >= 0)
		r = dev_access(f[3], &ret->access);
	ret->minor = strcmp(f[2], "all") == 0 ? -1 : (int64_t)minor;
	return r;
}

static void dev_remove(struct dev_list *l, const struct dev_rule *d)
{
	size_t out = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].type != d->type || l->v[i].major != d->major ||
		    l->v[i].minor != d->minor)
			l->v[out++] = l->v[i];
	l->n = out;
}

static int dev_add(struct dev_list *l, const struct dev_rule *d)
{
	struct dev_rule *v = realloc(l->v, (l->n + 1) * sizeof(*v));

	if (!v)
		return -ENOMEM;
	v[l->n] = *d;
	l->v = v;
	l->n++;
	return 0;
}

static int parse_devices(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	_cleanup_strv_ char **parts = NULL;
	int r = strv_split(&parts, s, LIST_SEPS);

	for (size_t i = 0; parts && parts[i] && r >= 0; i++) {
		struct dev_rule d = { 0 };

		if (dev_rule_parse(parts[i], &d) < 0)
			return REFUSE(
				"must be b|c:MAJOR:MINOR|all:ACCESS with access r, w, q or none");
		if (x->opt && d.type == 'b' && d.major == LOOP_MAJOR && d.access)
			return REFUSE("loop devices cannot be given to a container");
		dev_remove(v, &d);
		if (d.access)
			r = dev_add(v, &d);
	}
	return r < 0 ? vz_fail(e, r, "parse %s", s) : 0;
}

static int format_devices(const struct param *p, const void *v, char **ret)
{
	const struct dev_list *l = v;
	struct str out = { 0 };

	(void)p;
	for (size_t i = 0; i < l->n; i++) {
		const struct dev_rule *d = &l->v[i];

		str_addf(&out, "%s%c:%" PRIu32 ":", i ? " " : "", d->type, d->major);
		if (d->minor < 0)
			str_add(&out, "all");
		else
			str_addf(&out, "%" PRId64, d->minor);
		str_addf(&out, ":%s%s%s", d->access & DEV_READ ? "r" : "",
			 d->access & DEV_WRITE ? "w" : "", d->access & DEV_QUOTA ? "q" : "");
	}
	return str_take(&out, ret);
}

static bool equal_devices(const void *a, const void *b)
{
	const struct dev_list *l = a, *m = b;

	if (l->n != m->n)
		return false;
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].type != m->v[i].type || l->v[i].major != m->v[i].major ||
		    l->v[i].minor != m->v[i].minor || l->v[i].access != m->v[i].access)
			return false;
	return true;
}

static void done_devices(void *v)
{
	struct dev_list *l = v;

	free(l->v);
	*l = (struct dev_list){ 0 };
}

static int copy_devices(void *dst, const void *src)
{
	const struct dev_list *l = src;
	struct dev_list copy = { 0 };

	for (size_t i = 0; i < l->n; i++) {
		int r = dev_add(&copy, &l->v[i]);

		if (r < 0) {
			done_devices(&copy);
			return r;
		}
	}
	done_devices(dst);
	*(struct dev_list *)dst = copy;
	return 0;
}

const struct vz_type type_devices = {
	"b|c:major:minor|all:rwq|none", sizeof(struct dev_list),  .merge = MERGE_EDIT,
	.parse = parse_devices,		.format = format_devices, .equal = equal_devices,
	.copy = copy_devices,		.done = done_devices
};
