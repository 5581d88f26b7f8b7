/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Beancounters as a set: what follows from RAM and swap in a VSwap
 * configuration, and what an old-style one has to name.  Derived values have
 * the origin "default" and are never written to a file.
 */
#include "conf/config.h"
#include "conf/param.h"

#include <stddef.h>

#include "base/str.h"

enum { NUMIPTENT_MIN = 16 };

const struct param *ubc_param(enum ubc_id id)
{
	static const size_t base = offsetof(struct ve_config, ubc);

	for (size_t i = 0; i < param_table_n; i++)
		if (param_table[i].key && param_table[i].off == base + id * sizeof(struct ubc))
			return &param_table[i];
	return NULL;
}

bool ubc_is_vswap(const struct ve_config *c)
{
	return param_is_set(c, ubc_param(UBC_PHYSPAGES)) &&
	       c->ubc[UBC_PHYSPAGES].limit < UBC_UNLIMITED;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
	uint64_t s;

	return __builtin_add_overflow(a, b, &s) || s > UBC_UNLIMITED ? UBC_UNLIMITED : s;
}

/* ram, swap in pages; both UBC_UNLIMITED-safe */
static struct ubc derive(const struct ve_config *c, enum ubc_id id)
{
	uint64_t ram = c->ubc[UBC_PHYSPAGES].limit, all;

	all = sum(ram, c->ubc[UBC_SWAPPAGES].limit);
	switch (id) {
	case UBC_LOCKEDPAGES:
	case UBC_OOMGUARPAGES:
		return (struct ubc){ ram, UBC_UNLIMITED };
	case UBC_VMGUARPAGES:
		return (struct ubc){ all, all };
	case UBC_PRIVVMPAGES:
		if (c->vm_overcommit <= 0 ||
		    (double)all * c->vm_overcommit >= (double)UBC_UNLIMITED)
			break;
		all = (uint64_t)((double)all * c->vm_overcommit);
		return (struct ubc){ all, all };
	default:
		break;
	}
	return (struct ubc){ UBC_UNLIMITED, UBC_UNLIMITED };
}

int ubc_fill(struct ve_config *c, const struct logger *l, struct vz_error *e)
{
	bool vswap;

	if (!c->origin)
		return vz_fail(e, -EINVAL, "fill in an empty configuration");
	vswap = ubc_is_vswap(c);
	for (enum ubc_id id = 0; id < UBC_COUNT; id++) {
		uint8_t *origin = &c->origin[param_index(ubc_param(id))];

		if (*origin > FROM_DEFAULT)
			continue;
		/* an unset SWAPPAGES stays unset: ubc_check asks for it */
		*origin = vswap && id != UBC_SWAPPAGES ? FROM_DEFAULT : FROM_NOWHERE;
		c->ubc[id] = (struct ubc){ UBC_UNLIMITED, UBC_UNLIMITED };
	}
	for (enum ubc_id id = 0; vswap && id < UBC_COUNT; id++)
		if (c->origin[param_index(ubc_param(id))] == FROM_DEFAULT)
			c->ubc[id] = derive(c, id);
	if (c->ubc[UBC_NUMIPTENT].barrier < NUMIPTENT_MIN ||
	    c->ubc[UBC_NUMIPTENT].limit < NUMIPTENT_MIN) {
		log_warn(l, "NUMIPTENT is too small, raised to %d", NUMIPTENT_MIN);
		if (c->ubc[UBC_NUMIPTENT].barrier < NUMIPTENT_MIN)
			c->ubc[UBC_NUMIPTENT].barrier = NUMIPTENT_MIN;
		if (c->ubc[UBC_NUMIPTENT].limit < NUMIPTENT_MIN)
			c->ubc[UBC_NUMIPTENT].limit = NUMIPTENT_MIN;
	}
	return 0;
}

int ubc_check(const struct ve_config *c, struct vz_error *e)
{
	/* primary and secondary parameters */
	static const enum ubc_id needed[] = {
		UBC_NUMPROC,	 UBC_NUMTCPSOCK,   UBC_NUMOTHERSOCK, UBC_VMGUARPAGES,
		UBC_KMEMSIZE,	 UBC_TCPSNDBUF,	   UBC_TCPRCVBUF,    UBC_OTHERSOCKBUF,
		UBC_DGRAMRCVBUF, UBC_OOMGUARPAGES, UBC_PRIVVMPAGES,
	};

	if (ubc_is_vswap(c)) {
		if (param_is_set(c, ubc_param(UBC_SWAPPAGES)))
			return 0;
		return vz_fail_exit(
			e, -EINVAL, VZ_EXIT_UBC_INCOMPLETE,
			"SWAPPAGES is not set although PHYSPAGES has a limit; use --swap, e.g. --swap 0");
	}
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		const struct param *p = ubc_param(needed[i]);

		if (!param_is_set(c, p))
			return vz_fail_exit(
				e, -EINVAL, VZ_EXIT_UBC_INCOMPLETE,
				"%s is not set; set RAM and swap (--ram, --swap) or all beancounters",
				p->key);
	}
	return 0;
}

/* What a kernel with vz's patches refuses more of. */
static bool is_counted(enum ubc_id id)
{
	return id == UBC_NUMFILE || id == UBC_NUMFLOCK || id == UBC_NUMPTY || id == UBC_NUMIPTENT ||
	       id == UBC_NUMNETIF;
}

int ubc_without_effect(const struct ve_config *old, const struct ve_config *new, bool counted,
		       char **ret)
{
	struct str list = { 0 };
	int r;

	for (enum ubc_id id = 0; id < UBC_COUNT; id++) {
		const struct param *p = ubc_param(id);
		const struct ubc *a = &old->ubc[id], *b = &new->ubc[id];

		if (p->group != APPLY_UBC || (counted && is_counted(id)) || !param_is_set(new, p) ||
		    new->origin[param_index(p)] != FROM_CLI ||
		    (a->barrier == b->barrier && a->limit == b->limit))
			continue;
		str_addf(&list, "%s%s", list.len ? ", " : "", p->key);
	}
	r = list.len || list.failed ? str_take(&list, ret) : 0;
	str_done(&list);
	return r < 0 ? r : *ret != NULL;
}
