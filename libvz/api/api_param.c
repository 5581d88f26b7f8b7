/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <vz/param.h>: the parameter table and sets of changes for programs. */
#include <vz/param.h>

#include "base/error.h"
#include "conf/param.h"
#include "conf/validate.h"

#include <string.h>

size_t vz_param_count(void)
{
	return param_count();
}

int vz_param_info(size_t i, struct vz_param_info *ret)
{
	const struct param *p = param_at(i);
	struct vz_param_info info;
	size_t size = ret->size;

	if (!p)
		return -ERANGE;
	if (size < offsetof(struct vz_param_info, flags) + sizeof(info.flags))
		return -EINVAL;
	info = (struct vz_param_info){
		.size = size,
		.key = p->key,
		.opt = p->opt,
		.short_opt = p->short_opt,
		.metavar = p->flags & VZ_PARAM_NOARG ? NULL : p->type->metavar,
		.unit = p->unit,
		.min = p->min,
		.max = p->max,
		.def = p->hdef ? p->hdef : p->def,
		.example = p->example,
		.help = p->help,
		.doc = p->doc,
		.section = p->section,
		.flags = param_flags(p),
	};
	/* a caller built with a longer struct sees zeroes in what we do not know */
	memset(ret, 0, size);
	memcpy(ret, &info, size < sizeof(info) ? size : sizeof(info));
	return 0;
}

const char *vz_param_alias(size_t i, size_t k)
{
	const struct param *p = param_at(i);

	for (size_t n = 0; p && p->alias && p->alias[n]; n++)
		if (n == k)
			return p->alias[n];
	return NULL;
}

const char *vz_param_word(size_t i, size_t k)
{
	const struct param *p = param_at(i);

	return p ? param_word(p, k) : NULL;
}

int vz_changes_new(struct vz_changes **ret)
{
	return changes_new(ret);
}

struct vz_changes *vz_changes_free(struct vz_changes *c)
{
	return changes_free(c);
}

int vz_changes_add(struct vz_changes *c, const char *opt, const char *value, struct vz_error *e)
{
	if (!c || !opt)
		return vz_fail(e, -EINVAL, "vz_changes_add: no set of changes or no option");
	return changes_add(c, opt, value, e);
}

int vz_config_validate(const char *path, vz_problem_fn *fn, void *data, struct vz_error *e)
{
	if (!path || !fn)
		return vz_fail(e, -EINVAL, "vz_config_validate: no file or no function");
	return config_validate(path, fn, data, e);
}
