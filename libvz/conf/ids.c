/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which containers have a configuration, and which id ranges they hold.
 * With thousands of containers both must stay one pass over the directory:
 * a range is taken from its line of the file without parsing the rest.
 */
#include "base/num.h"
#include "conf/config.h"
#include "os/os.h"

#include <ctype.h>
#include <string.h>

#define SUFFIX ".conf"

/* "101.conf" to 101; other names, leading zeros and 0 are not containers */
static bool ctid_of_file(const char *name, uint32_t *ret)
{
	size_t n = strspn(name, "0123456789");
	char digits[16];

	if (!n || n >= sizeof(digits) || strcmp(name + n, SUFFIX) != 0 || name[0] == '0')
		return false;
	memcpy(digits, name, n);
	digits[n] = '\0';
	return num_parse_ctid(digits, ret) >= 0;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int list_push(uint32_t **v, size_t *n, uint32_t ctid)
{
	if (!(*n & (*n - 1))) { /* room for a power of two */
		uint32_t *p = realloc(*v, (*n ? *n * 2 : 1) * sizeof(*p));

		if (!p)
			return -ENOMEM;
		*v = p;
	}
	(*v)[(*n)++] = ctid;
	return 0;
}

int ve_config_list(const struct host_config *h, uint32_t **ret, size_t *ret_n, struct vz_error *e)
{
	_cleanup_closedir_ DIR *dir = opendir(h->confdir);
	_cleanup_free_ uint32_t *v = NULL;
	struct dirent *d;
	uint32_t ctid;
	size_t n = 0;

	if (!dir && errno != ENOENT)
		return vz_fail(e, -errno, "list %s", h->confdir);
	while (dir && (errno = 0, d = readdir(dir)))
		if (ctid_of_file(d->d_name, &ctid) && list_push(&v, &n, ctid) < 0)
			return vz_fail(e, -ENOMEM, "list %s", h->confdir);
	if (dir && errno)
		return vz_fail(e, -errno, "list %s", h->confdir);
	if (n)
		qsort(v, n, sizeof(*v), compare);
	*ret = TAKE_PTR(v);
	*ret_n = n;
	return 0;
}

/* LOCAL_UID of a file's text; the first line counts, as in file.c */
static bool grep_uid(const char *text, uint32_t *ret)
{
	static const char key[] = "LOCAL_UID=";

	for (const char *p = text; (p = strstr(p, key)); p += sizeof(key) - 1) {
		const char *bol = p;
		char digits[16] = "";
		size_t n;

		while (bol > text && (bol[-1] == ' ' || bol[-1] == '\t'))
			bol--;
		if (bol != text && bol[-1] != '\n')
			continue;
		p += sizeof(key) - 1;
		p += *p == '"' || *p == '\'';
		n = strspn(p, "0123456789");
		if (n >= sizeof(digits))
			return false;
		memcpy(digits, p, n);
		return num_parse_u32(digits, ret) >= 0;
	}
	return false;
}

/*
 * Ranges end where systemd's "foreign" ids begin, go on behind them, and leave
 * out the last range, which holds (uid_t)-1.
 */
enum { FOREIGN_FIRST = 0x7ffe0000 };
#define FOREIGN_END 0x80000000U
#define IDS_END	    0xffff0000U

static void mark(uint8_t *used, size_t slots, uint32_t pool, uint32_t uid)
{
	if (uid >= pool) {
		size_t i = (uid - pool) / VE_IDS;

		/* a range that does not stand on our grid covers two of ours */
		if (i < slots)
			used[i] = 1;
		if ((uid - pool) % VE_IDS && i + 1 < slots)
			used[i + 1] = 1;
	} else if (pool - uid < VE_IDS) {
		used[0] = 1;
	}
}

static int mark_all(const struct host_config *h, uint8_t *used, size_t slots, struct vz_error *e)
{
	_cleanup_closedir_ DIR *dir = opendir(h->confdir);
	struct dirent *d;
	uint32_t ctid, uid;

	if (!dir)
		return errno == ENOENT ? 0 : vz_fail(e, -errno, "list %s", h->confdir);
	while ((errno = 0, d = readdir(dir))) {
		_cleanup_free_ char *text = NULL;
		int r;

		if (!ctid_of_file(d->d_name, &ctid))
			continue;
		r = os_read_file_at(dirfd(dir), d->d_name, 1U << 20, &text, NULL);
		if (r == -ENOENT)
			continue;
		if (r < 0) /* an unread file may hold the range we would give away */
			return vz_fail(e, r, "read %s/%s", h->confdir, d->d_name);
		if (grep_uid(text, &uid))
			mark(used, slots, h->local_uid, uid);
	}
	return errno ? vz_fail(e, -errno, "list %s", h->confdir) : 0;
}

int ve_config_alloc_ids(const struct host_config *h, uint32_t *ret_base, struct vz_error *e)
{
	uint32_t pool = h->local_uid;
	size_t slots = pool < IDS_END ? (IDS_END - pool) / VE_IDS : 0;
	_cleanup_free_ uint8_t *used = calloc(slots + 1, 1);
	int r;

	if (!used)
		return vz_fail(e, -ENOMEM, "allocate an id range");
	if (pool < VE_IDS)
		return vz_fail_exit(
			e, -EINVAL, VZ_EXIT_VZCONF,
			"LOCAL_UID=%u in %s would give containers the host's own users; set it to %u or more",
			pool, h->path, VE_IDS);
	r = mark_all(h, used, slots, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < slots; i++) {
		uint32_t base = pool + (uint32_t)i * VE_IDS;

		if (used[i] || (base > FOREIGN_FIRST - VE_IDS && base < FOREIGN_END))
			continue;
		*ret_base = base;
		return 0;
	}
	return vz_fail_exit(
		e, -ENOSPC, VZ_EXIT_RESOURCES,
		"no free range of %u user ids from LOCAL_UID=%u on; lower LOCAL_UID in %s", VE_IDS,
		pool, h->path);
}
