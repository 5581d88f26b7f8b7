/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One reading of what a VE uses: each file once, absent ones leave "unknown".
 * Knows nothing of limits or beancounters' names.
 */
#include "mech/cg/cg.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "os/cgfs.h"

#define UNKNOWN UINT64_MAX

struct field {
	const char *file;
	const char *key; /* NULL: the file is one number */
	size_t off;
};

/* clang-format off */
#define F(file, key, member) { file, key, offsetof(struct cg_stat, member) }
/* Fields of one file stand together: it is read once. */
static const struct field fields[] = {
	F("memory.current",      NULL,               memory),
	F("memory.peak",         NULL,               memory_peak),
	F("memory.swap.current", NULL,               swap),
	F("memory.stat",         "kernel",           kernel),
	F("memory.stat",         "slab_reclaimable", slab_reclaimable),
	F("memory.stat",         "sock",             sock),
	F("memory.stat",         "shmem",            shmem),
	F("memory.events",       "oom_kill",         oom_kills),
	F("pids.current",        NULL,               pids),
	F("pids.peak",           NULL,               pids_peak),
	F("pids.events",         "max",              pids_failed),
	F("cpu.stat",            "user_usec",        cpu_user_us),
	F("cpu.stat",            "system_usec",      cpu_system_us),
};
#undef F
/* clang-format on */

static uint64_t read_field(const struct field *f, const char *text)
{
	uint64_t v = UNKNOWN;
	int r = f->key ? cgfs_key(text, f->key, &v) : num_parse_u64(text, &v);

	return r < 0 ? UNKNOWN : v;
}

int cg_stat(int cgfd, struct cg_stat *ret)
{
	_cleanup_free_ char *text = NULL;
	const char *file = NULL;
	struct cg_stat s;
	int r = cgfs_populated(cgfd);

	if (r < 0)
		return r; /* no cgroup, or gone meanwhile */
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const struct field *f = &fields[i];

		if (!file || strcmp(file, f->file) != 0) {
			free(TAKE_PTR(text));
			file = f->file;
			if (cgfs_read(cgfd, file, &text) < 0)
				text = NULL;
		}
		*(uint64_t *)(void *)((char *)&s + f->off) = text ? read_field(f, text) : UNKNOWN;
	}
	if (s.pids == UNKNOWN && cgfs_count_threads(cgfd, &s.pids) < 0)
		s.pids = UNKNOWN;
	*ret = s;
	return 0;
}
