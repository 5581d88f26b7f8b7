/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Does the kernel show a VE what is its own?  No file of the host's tells; so a cgroup is
 * made a VE for a moment, with a limit of memory, and a child looks how much there is.
 */
#include "mech/cg/priv.h"

#include <stdio.h>
#include <sys/sysinfo.h>

#include "os/cgfs.h"

#define PROBE_DIR  "vz.probe"
/* The number of no container (see num_parse_ctid()): 2147483645 and up */
#define PROBE_ID   2147483645U
#define PROBE_IDS  3
#define LIMIT	   (16U << 20)
#define LIMIT_TEXT "16777216"

enum { SEES_HOST = 1, SEES_LIMIT = 2 };

static _Noreturn void look(void)
{
	struct sysinfo s;

	if (sysinfo(&s) < 0)
		_exit(0);
	_exit((uint64_t)s.totalram * s.mem_unit <= LIMIT ? SEES_LIMIT : SEES_HOST);
}

static int take_id(int fd)
{
	char id[16];
	int r = -EEXIST;

	for (unsigned int i = 0; i < PROBE_IDS && r == -EEXIST; i++) {
		(void)snprintf(id, sizeof(id), "%u", PROBE_ID + i);
		r = os_write_file_at(fd, "ve.id", id);
	}
	return r;
}

static int ask(int fd)
{
	_cleanup_close_ int pidfd = -EBADF;
	int status = 0, r = take_id(fd);
	pid_t pid;

	if (r == -ENOENT)
		return 0;
	if (r >= 0)
		r = os_write_file_at(fd, "memory.max", LIMIT_TEXT);
	if (r < 0)
		return r;
	pid = os_clone(0, fd, &pidfd);
	if (pid == 0)
		look();
	if (pid < 0)
		return pid;
	r = os_reap(pid, &status);
	if (r < 0)
		return r;
	return status == SEES_LIMIT << 8 ? 1 : status == SEES_HOST << 8 ? 0 : -EIO;
}

static int has_file(int fd, const char *file)
{
	return faccessat(fd, file, F_OK, 0) == 0;
}

/* In a new cgroup beneath dir that has the controllers; file NULL: what a VE is shown. */
static int probe_in(const char *dir, const char *file)
{
	_cleanup_close_ int parent = cgfs_opendir(AT_FDCWD, dir), fd = -EBADF;
	int r = parent;

	if (r >= 0)
		r = cg_enable(parent, CG_VE " memory");
	if (r >= 0)
		r = fd = cgfs_mkdir(parent, PROBE_DIR, NULL);
	if (r >= 0)
		r = file ? has_file(fd, file) : ask(fd);
	if (fd >= 0)
		IGNORE(cgfs_remove(parent, PROBE_DIR));
	return r;
}

int cg_probe_views(const char *dir)
{
	return probe_in(dir, NULL);
}

int cg_probe_file(const char *dir, const char *file)
{
	return probe_in(dir, file);
}
