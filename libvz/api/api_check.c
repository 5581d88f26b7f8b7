/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The check before a checkpoint, for callers outside. */
#include "api/api.h"

#include "base/str.h"
#include "ve/check.h"

#include <string.h>

void vz_findings_free(struct vz_finding *v, size_t n)
{
	for (size_t i = 0; v && i < n; i++) {
		free(v[i].probe);
		free(v[i].process);
		free(v[i].unit);
		free(v[i].what);
		free(v[i].remedy);
		free(v[i].text);
	}
	free(v);
}

static int convert(const struct cr_finding *f, struct vz_finding *to)
{
	int r = str_set(&to->probe, f->probe);

	to->severity = (int)f->severity;
	to->pid = f->pid;
	to->vpid = f->vpid;
	if (r >= 0)
		r = str_set(&to->process, f->process);
	if (r >= 0)
		r = str_set(&to->unit, f->unit);
	if (r >= 0)
		r = str_set(&to->what, f->what);
	if (r >= 0)
		r = str_set(&to->remedy, f->remedy);
	return r < 0 ? r : cr_finding_text(f, &to->text);
}

int vz_ve_check(struct vz_ve *v, struct vz_finding **ret, size_t *ret_n, struct vz_error *e)
{
	struct cr_findings found = { 0 };
	struct vz_finding *to;
	int r = ve_check(&v->ve, false, &found, e), worst;
	size_t n = found.n;

	if (r < 0)
		return r;
	worst = (int)found.worst;
	to = calloc(n + 1, sizeof(*to));
	if (!to)
		r = -ENOMEM;
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = convert(&found.v[i], &to[i]);
	cr_findings_done(&found);
	if (r < 0) {
		vz_findings_free(to, n);
		return vz_fail(e, r, "report what was found");
	}
	*ret = to;
	*ret_n = n;
	return worst;
}
