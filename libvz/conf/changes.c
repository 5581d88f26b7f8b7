/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A set of changes: option=value pairs in the order they were given, and how
 * they become a configuration.  Nothing is parsed before changes_apply, since
 * lists are edited relative to what the VE has.
 */
#include "base/str.h"
#include "conf/config.h"
#include "conf/param.h"

#include <string.h>

struct change {
	const struct param *p;
	char *opt, *value; /* value "" for options without argument */
};

struct vz_changes {
	struct change *v;
	size_t n;
};

int changes_new(struct vz_changes **ret)
{
	struct vz_changes *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	*ret = c;
	return 0;
}

struct vz_changes *changes_free(struct vz_changes *c)
{
	for (size_t i = 0; c && i < c->n; i++) {
		free(c->v[i].opt);
		free(c->v[i].value);
	}
	if (c)
		free(c->v);
	free(c);
	return NULL;
}

size_t changes_count(const struct vz_changes *c)
{
	return c ? c->n : 0;
}

static int unknown_option(const char *opt, struct vz_error *e)
{
	_cleanup_free_ char *safe = NULL;
	const char *near = NULL;
	unsigned int best = 4;

	for (size_t i = 0; i < param_table_n; i++) {
		unsigned int d = param_table[i].opt ? str_distance(param_table[i].opt, opt) : best;

		if (d < best) {
			best = d;
			near = param_table[i].opt;
		}
	}
	if (str_escape(&safe, opt) < 0)
		return vz_fail(e, -ENOMEM, "look up an option");
	return vz_fail_exit(e, -ENOENT, VZ_EXIT_VALUE, "unknown option --%.60s%s%s%s", safe,
			    near ? "; did you mean --" : "", near ? near : "", near ? "?" : "");
}

int changes_add(struct vz_changes *c, const char *opt, const char *value, struct vz_error *e)
{
	const struct param *p = param_by_opt(opt);
	struct change new = { .p = p }, *v;
	int r;

	if (!p)
		return unknown_option(opt, e);
	if (!value && !(p->flags & VZ_PARAM_NOARG))
		return vz_fail_exit(e, -EINVAL, VZ_EXIT_SYNTAX, "--%s needs a value", opt);
	v = realloc(c->v, (c->n + 1) * sizeof(*v));
	if (!v)
		return vz_fail(e, -ENOMEM, "note --%s", opt);
	c->v = v;
	r = str_set(&new.opt, opt);
	if (r >= 0)
		r = str_set(&new.value, value ? value : "");
	if (r < 0) {
		free(new.opt);
		return vz_fail(e, r, "note --%s", opt);
	}
	c->v[c->n++] = new;
	return 0;
}

const char *changes_get(const struct vz_changes *c, const char *opt)
{
	const struct param *p = param_by_opt(opt);

	for (size_t i = changes_count(c); p && i-- > 0;)
		if (c->v[i].p == p)
			return c->v[i].value;
	return NULL;
}

unsigned int changes_groups(const struct vz_changes *c)
{
	unsigned int groups = 0;

	for (size_t i = 0; i < changes_count(c); i++)
		groups |= 1U << param_group(c->v[i].p);
	return groups;
}

/* --ifname selects a record of NETIF, --mac and the like edit it */
static int apply_netif(const struct change *ch, const char **ifname, struct ve_config *c,
		       struct vz_error *e)
{
	static const char key[] = "NETIF";
	struct param_ctx x = { .p = ch->p, .opt = ch->p->opt, .value = ch->value };
	size_t i = param_index(param_by_key(key));

	if (strcmp(ch->p->opt, "ifname") == 0) {
		*ifname = ch->value;
		return 0;
	}
	if (!*ifname)
		return vz_fail_exit(e, -EINVAL, VZ_EXIT_VETH,
				    "--%s needs --ifname before it, to say which interface",
				    ch->opt);
	int r = netif_edit(&x, *ifname, ch->value, &c->text[i], e);

	return r < 0 ? r : ve_config_touch(c, key);
}

/* What only two values together can violate. */
static int check_pairs(const struct vz_changes *ch, const struct ve_config *c, struct vz_error *e)
{
	const char *cpumask = changes_get(ch, "cpumask"), *nodemask = changes_get(ch, "nodemask");

	if (nodemask && !cpumask)
		return vz_fail_exit(e, -EINVAL, VZ_EXIT_SYNTAX,
				    "--nodemask needs --cpumask (e.g. --cpumask auto)");
	if (str_eq(cpumask, "auto") && !nodemask)
		return vz_fail_exit(e, -EINVAL, VZ_EXIT_SYNTAX, "--cpumask auto needs --nodemask");
	if (ubc_is_vswap(c))
		return ubc_check(c, e);
	return 0;
}

int changes_apply(const struct vz_changes *ch, struct ve_config *c, const struct host_config *h,
		  struct vz_error *e)
{
	const char *ifname = NULL;
	int r = 0;

	for (size_t i = 0; i < changes_count(ch) && r >= 0; i++) {
		const struct change *one = &ch->v[i];

		if (one->p->flags & P_NETIF)
			r = apply_netif(one, &ifname, c, e);
		else
			r = param_parse_opt(c, h, one->p, one->opt, one->value, e);
	}
	if (r >= 0)
		r = ubc_fill(c, NULL, e);
	return r < 0 ? r : check_pairs(ch, c, e);
}
