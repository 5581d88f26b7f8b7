/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A VE's use before its last restore; see account.h.  One table says which numbers go on
 * counting and which are the highest that was seen.
 */
#include "ve/account.h"

#include "base/num.h"
#include "base/str.h"
#include "os/os.h"
#include "ve/usage.h"

#include <string.h>

#define MAX_TEXT 4096

static const struct counter {
	const char *key;
	size_t off;
	bool peak;
} counters[] = {
#define C(member, peak)                                             \
	{                                                           \
#member, offsetof(struct vz_ve_usage, member), peak \
	}
	C(cpu_user_us, false),
	C(cpu_system_us, false),
	C(procs_max, true),
	C(procs_failed, false),
	C(memory_peak_bytes, true),
	C(oom_kills, false),
	C(net_in_bytes, false),
	C(net_in_packets, false),
	C(net_out_bytes, false),
	C(net_out_packets, false),
#undef C
#define R(row, name)                                                                        \
	{ name ".maxheld", offsetof(struct vz_ve_usage, ubc[VZ_UBC_##row].maxheld), true }, \
		{ name ".failcnt", offsetof(struct vz_ve_usage, ubc[VZ_UBC_##row].failcnt), \
		  false },
	USAGE_ROWS(R)
#undef R
};

static uint64_t *member(struct vz_ve_usage *u, const struct counter *c)
{
	return (uint64_t *)(void *)((char *)u + c->off);
}

int account_format(const struct vz_ve_usage *u, char **ret)
{
	struct vz_ve_usage copy = *u;
	struct str out = { 0 };
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(counters); i++)
		if (*member(&copy, &counters[i]) != UINT64_MAX)
			str_addf(&out, "%s=%llu\n", counters[i].key,
				 (unsigned long long)*member(&copy, &counters[i]));
	r = str_take(&out, ret);
	str_done(&out);
	return r;
}

static const struct counter *find(const char *key, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++)
		if (strlen(counters[i].key) == n && strncmp(counters[i].key, key, n) == 0)
			return &counters[i];
	return NULL;
}

/* Into *ret, where what is not named stays. */
static int parse(const char *text, struct vz_ve_usage *ret)
{
	_cleanup_strv_ char **lines = NULL;
	int r = strlen(text) > MAX_TEXT ? -EBADMSG : strv_split(&lines, text, "\n");

	for (size_t i = 0; r >= 0 && lines && lines[i]; i++) {
		const size_t n = strcspn(lines[i], "=");
		const struct counter *c = find(lines[i], n);

		if (!c || !lines[i][n] || num_parse_u64(lines[i] + n + 1, member(ret, c)) < 0)
			r = -EBADMSG;
	}
	return r;
}

static int path_of(const struct ve *ve, char **ret)
{
	return str_fmt(ret, "%s/%u/account", ve->host->rundir, ve->id);
}

int account_write(const struct ve *ve, const char *text, struct vz_error *e)
{
	_cleanup_free_ char *path = NULL;
	struct vz_ve_usage u = { 0 };
	int r = parse(text, &u);

	if (r < 0)
		return vz_fail(e, r, "the dump's account of the container cannot be understood");
	r = path_of(ve, &path);
	if (r >= 0)
		r = os_replace_file_volatile(path, text, strlen(text), 0600);
	return r < 0 ? vz_fail(e, r, "record what the container has used") : 0;
}

void account_merge(const struct ve *ve, struct vz_ve_usage *u)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	struct vz_ve_usage base = { 0 };

	if (path_of(ve, &path) < 0 || os_read_file_at(AT_FDCWD, path, MAX_TEXT, &text, NULL) < 0 ||
	    parse(text, &base) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
		uint64_t *now = member(u, &counters[i]), before = *member(&base, &counters[i]);

		/* a counter that this kernel does not have stays unknown */
		if (*now == UINT64_MAX)
			continue;
		if (!counters[i].peak)
			*now = before > UINT64_MAX - 1 - *now ? UINT64_MAX - 1 : *now + before;
		else if (before > *now)
			*now = before;
	}
}
