/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Beancounters of a kernel with vz's patches: barriers and limits into ve.limits of
 * ROOT/CTID, rows out of its ve.stat.  Knows the kernel's names and which parameter
 * stands behind them, not which counters there are: what a kernel does not
 * count is not in the file, and left alone.
 */
#include "mech/cg/cg.h"

#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "base/str.h"
#include "mech/cg/priv.h"
#include "os/cgfs.h"

#define LIMITS "ve.limits"
#define STAT   "ve.stat"

/* clang-format off */
static const char *const names[CG_COUNTERS] = {
	[CG_NUMFILE] = "numfile",
	[CG_NUMFLOCK] = "numflock",
	[CG_NUMPTY] = "numpty",
	[CG_NUMIPTENT] = "numiptent",
	[CG_NUMNETIF] = "numnetif",
};
/* clang-format on */

static void add_value(struct str *out, uint64_t v)
{
	if (v == CG_UNLIMITED)
		str_add(out, " max");
	else
		str_addf(out, " %llu", (unsigned long long)v);
}

/* "numfile 100 120"; nothing that was set is no limit, and no barrier lies above its limit. */
static int format(enum cg_counter i, const struct cg_pair *p, char **ret)
{
	const uint64_t limit = p->limit ? p->limit : CG_UNLIMITED;
	struct str out = { 0 };
	int r;

	str_add(&out, names[i]);
	add_value(&out, p->barrier && p->barrier < limit ? p->barrier : limit);
	add_value(&out, limit);
	r = str_take(&out, ret);
	str_done(&out);
	return r;
}

bool cg_counts(int cgfd, enum cg_counter i)
{
	_cleanup_free_ char *text = NULL;

	return cgfs_read(cgfd, LIMITS, &text) >= 0 && cgfs_line(text, names[i]);
}

static int write_one(int cgfd, enum cg_counter i, const struct cg_pair *p, const char *have)
{
	_cleanup_free_ char *want = NULL;
	const char *line = cgfs_line(have, names[i]);
	int r = format(i, p, &want);

	if (r < 0 || !line)
		return r;
	if (strncmp(line, want, strlen(want)) == 0 && strchr("\n", line[strlen(want)]))
		return 0;
	return os_write_file_at(cgfd, LIMITS, want);
}

void cg_counters_put_back(int cgfd, const char *text, const struct logger *l)
{
	_cleanup_strv_ char **lines = NULL;
	int r = strv_split(&lines, text, "\n");

	for (size_t i = 0; r >= 0 && lines && lines[i]; i++)
		r = os_write_file_at(cgfd, LIMITS, lines[i]);
	if (r < 0)
		log_warn(l, "The beancounters could not be set back");
}

int cg_counters_save(int cgfd, char **ret)
{
	return cgfs_read(cgfd, LIMITS, ret);
}

int cg_counters_apply(int cgfd, const struct cg_conf *c, const struct logger *l, struct vz_error *e)
{
	_cleanup_free_ char *have = NULL;
	int r = cg_counters_save(cgfd, &have);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return vz_fail_exit(e, r, VZ_EXIT_SET_UBC,
				    "read " LIMITS " of the container's cgroup");
	for (enum cg_counter i = 0; i < CG_COUNTERS; i++) {
		r = write_one(cgfd, i, &c->counters[i], have);
		if (r >= 0)
			continue;
		(void)vz_fail_exit(e, r, VZ_EXIT_SET_UBC,
				   "set %s in " LIMITS " of the container's cgroup", names[i]);
		cg_counters_put_back(cgfd, have, l);
		return r;
	}
	return 0;
}

/* "NAME HELD MAXHELD BARRIER LIMIT FAILCNT" */
static int parse_row(const char *line, struct cg_row *ret)
{
	enum { HELD = 1, MAXHELD, BARRIER, LIMIT, FAILCNT, WORDS };
	const size_t n = strcspn(line, "\n");
	_cleanup_strv_ char **w = NULL;
	_cleanup_free_ char *copy = strndup(line, n);
	int r = copy ? strv_split(&w, copy, " ") : -ENOMEM;

	if (r < 0)
		return r;
	if (strv_len(w) != WORDS || num_parse_u64(w[HELD], &ret->held) < 0 ||
	    num_parse_u64(w[MAXHELD], &ret->maxheld) < 0 ||
	    num_parse_u64(w[BARRIER], &ret->barrier) < 0 ||
	    num_parse_u64(w[LIMIT], &ret->limit) < 0 ||
	    num_parse_u64(w[FAILCNT], &ret->failcnt) < 0)
		return -EBADMSG;
	return 0;
}

int cg_rows(int cgfd, const char *const *rows, size_t n, struct cg_row *ret)
{
	static const struct cg_row unknown = { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
					       UINT64_MAX };
	_cleanup_free_ char *text = NULL;
	int r = cgfs_read(cgfd, STAT, &text);

	for (size_t i = 0; i < n; i++) {
		const char *line = r < 0 ? NULL : cgfs_line(text, rows[i]);
		struct cg_row row;

		ret[i] = line && parse_row(line, &row) >= 0 ? row : unknown;
	}
	return r == -ENOENT ? 0 : r;
}
