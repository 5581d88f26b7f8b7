/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine of multi-step operations: up in order, and when one fails the
 * completed ones down in reverse.  Stages are written so that down works
 * without anybody remembering up: a killed operation is taken down by the next.
 */
#include "ve/ve.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fault_point(const char *verb, const char *point)
{
	const char *want = secure_getenv("VZ_FAULT");
	char here[64];

	if (!want)
		return;
	(void)snprintf(here, sizeof(here), "%s:%s", verb, point);
	if (strcmp(want, here) == 0)
		(void)kill(getpid(), SIGKILL);
}

static int downs(const struct stages *s, size_t n, void *op, struct vz_error *e)
{
	struct vz_error later;
	int r = 0;

	while (n-- > 0) {
		const struct stage *st = &s->table[n];
		int q;

		if (!st->down)
			continue;
		fault_point(s->verb, st->name);
		q = st->down(op, r < 0 ? &later : e);
		if (q < 0 && r >= 0)
			r = vz_wrap(e, q, "%s", st->name);
	}
	return r;
}

int stages_up(const struct stages *s, void *op, struct vz_error *e)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct stage *st = &s->table[i];
		int r = 0;

		fault_point(s->verb, st->name);
		if (s->cancelled && s->cancelled(op))
			r = vz_fail(e, -ECANCELED, "interrupted");
		else if (st->up)
			r = st->up(op, e);
		if (r < 0) {
			struct vz_error ignored;

			if (s->undoing)
				s->undoing(op);
			IGNORE(downs(s, i, op, &ignored));
			return r;
		}
	}
	fault_point(s->verb, "done");
	return 0;
}

int stages_down(const struct stages *s, void *op, struct vz_error *e)
{
	int r = downs(s, s->n, op, e);

	fault_point(s->verb, "done");
	return r;
}
