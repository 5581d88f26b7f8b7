/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Members of a template's archive: whatever libarchive makes of the bytes, what
 * the rules keep is relative, owned by the tree's ids, no device, and its
 * symbolic links stay below the root.
 */
#include "mech/tm/policy.h"

#include "fuzz.h"

#include <archive.h>

/* No prefix of the target climbs over the root from where the link is. */
static bool stays(const char *name, const char *target)
{
	int depth = -1;

	if (*target == '/')
		return true;
	for (const char *p = name; *p; p += strcspn(p, "/"), p += *p == '/') {
		size_t n = strcspn(p, "/");

		depth += n > 0 && !(n == 1 && *p == '.');
	}
	for (const char *p = target; *p; p += strcspn(p, "/"), p += *p == '/') {
		size_t n = strcspn(p, "/");

		if (n == 2 && p[0] == '.' && p[1] == '.')
			depth--;
		else
			depth += n > 0 && !(n == 1 && *p == '.');
		if (depth < 0)
			return false;
	}
	return true;
}

static void kept(struct archive_entry *ae)
{
	const char *name = archive_entry_pathname(ae), *hard = archive_entry_hardlink(ae);
	const char *link = archive_entry_symlink(ae);

	HOLDS(name && *name && *name != '/' && !strstr(name, "/../") &&
	      strncmp(name, "../", 3) != 0);
	HOLDS(!hard || (*hard && *hard != '/' && strncmp(hard, "../", 3) != 0));
	HOLDS(archive_entry_uid(ae) >= 0 && archive_entry_uid(ae) < TM_IDS);
	HOLDS(hard ||
	      (archive_entry_filetype(ae) != AE_IFCHR && archive_entry_filetype(ae) != AE_IFBLK));
	if (!hard && archive_entry_filetype(ae) == AE_IFLNK)
		HOLDS(link && stays(name, link));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tm_policy p = { .lim = { 1 << 20, 100, 100 } };
	struct archive *a = archive_read_new();
	struct archive_entry *ae;
	char why[TM_WHY_SIZE];

	HOLDS(a && archive_read_support_format_tar(a) >= ARCHIVE_WARN);
	if (archive_read_open_memory(a, data, size) == ARCHIVE_OK)
		for (int i = 0; i < 200 && archive_read_next_header(a, &ae) >= ARCHIVE_WARN; i++) {
			enum tm_verdict v = tm_policy_judge(&p, ae, why);

			HOLDS(v == TM_KEEP || why[0]);
			if (v == TM_KEEP || v == TM_DEFUSED)
				kept(ae);
			if (v == TM_REFUSE)
				break;
		}
	(void)archive_read_free(a);
	return 0;
}
