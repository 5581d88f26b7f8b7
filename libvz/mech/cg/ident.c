/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A VE in a kernel with vz's patches: ve.id, ve.name and ve.state of its cgroup.
 * Knows that none of it is needed: without the files everything works, and what the
 * kernel does better then stays undone.  Tricky: a user namespace belongs to the VE of
 * the cgroup that its maker was in, so the number has to be there before anybody is.
 */
#include "mech/cg/priv.h"

#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "os/cgfs.h"

#define NAME_MAX_BYTES 63 /* of ve.name */
#define LOG_MAX	       (16U << 20)

/* Not there, or (in a user namespace of somebody's) not for us. */
static bool is_absent(int r)
{
	return r == -ENOENT || r == -EACCES || r == -EPERM;
}

/* At most what the kernel takes, and no half of a character at the end. */
static int write_name(int cgfd, const char *name)
{
	char text[NAME_MAX_BYTES + 2] = "\n";
	size_t n = name ? strlen(name) : 0;

	if (n > NAME_MAX_BYTES)
		for (n = NAME_MAX_BYTES; n && ((unsigned char)name[n] & 0xc0) == 0x80;)
			n--;
	if (n)
		memcpy(text, name, n);
	text[n] = '\n';
	text[n + 1] = '\0';
	return os_write_file_at(cgfd, "ve.name", text);
}

int cg_identify(int cgfd, uint32_t ctid, const char *name, const struct logger *l)
{
	char id[16];
	int r;

	(void)snprintf(id, sizeof(id), "%u", ctid);
	r = os_write_file_at(cgfd, "ve.id", id);
	if (r == -ENOENT) {
		log_debug(l, "cgroup: the kernel has no controller " CG_VE);
		return 0;
	}
	/* two test beds on one machine, say; a VE needs its number in the kernel for what it is shown only */
	if (r == -EEXIST || is_absent(r)) {
		log_warn(l,
			 "The kernel does not take the container as VE %u (%s): it is shown the "
			 "host's load, memory and CPUs",
			 ctid, r == -EEXIST ? "another cgroup has the number" : "not permitted");
		return 0;
	}
	if (r >= 0)
		r = write_name(cgfd, name);
	return r;
}

int cg_rename(int cgfd, const char *name, struct vz_error *e)
{
	int r = write_name(cgfd, name);

	return r < 0 && !is_absent(r) ? vz_fail(e, r, "write ve.name of the container's cgroup")
				      : 0;
}

static int write_start(int cgfd, int init_pidfd, const char *log)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "START pidfd=%d%s", init_pidfd, log);
	return os_write_file_at(cgfd, "ve.state", text);
}

int cg_started(int cgfd, int init_pidfd, uint64_t log_first, struct vz_error *e)
{
	char log[32] = "";
	int r;

	if (log_first)
		(void)snprintf(log, sizeof(log), " log=%llu", (unsigned long long)log_first);
	r = write_start(cgfd, init_pidfd, log);
	/* a kernel that does not know the word begins with 0 */
	if (r == -EINVAL && log_first)
		r = write_start(cgfd, init_pidfd, "");
	/* -ENXIO: it has no number, see cg_identify() */
	if (r >= 0 || r == -ENXIO || is_absent(r))
		return 0;
	return vz_fail(e, r, "tell the kernel that the container runs (ve.state)");
}

void cg_end_init(int cgfd)
{
	/* mostly none runs, or this kernel does not know of it; who kills the cgroup kills it anyway */
	IGNORE(os_write_file_at(cgfd, "ve.state", "STOP"));
}

bool cg_has_log(int cgfd)
{
	uint64_t id;

	/* without a number it is no VE to the kernel, and /dev/kmsg the host's: see cg_identify() */
	return cgfs_read_u64(cgfd, "ve.id", &id) >= 0 && id &&
	       faccessat(cgfd, "ve.log", F_OK, 0) == 0;
}

int cg_log_next(int cgfd, uint64_t *ret)
{
	_cleanup_free_ char *text = NULL;
	char *last = NULL, *save = NULL;
	int r = os_read_file_at(cgfd, "ve.log", LOG_MAX, &text, NULL);

	if (r < 0)
		return r;
	/* PRIORITY,NUMBER,TIME,-;TEXT; what goes with the record above begins with a blank */
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		if (l[0] != ' ')
			last = l;
	last = last ? strchr(last, ',') : NULL;
	if (!last)
		return -ENODATA;
	last++;
	last[strcspn(last, ",")] = '\0';
	r = num_parse_u64(last, ret);
	if (r >= 0)
		++*ret;
	return r;
}
