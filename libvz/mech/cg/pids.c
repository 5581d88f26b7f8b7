/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which processes are in a VE's cgroups, with the numbers they have inside.  Tricky:
 * a threaded cgroup does not list processes; they stand in the domain above it.
 */
#include "mech/cg/cg.h"

#include <dirent.h>
#include <string.h>

#include "base/num.h"
#include "mech/cg/priv.h"
#include "os/cgfs.h"

int tree_pids(int fd, const char *file, struct os_pids *p, pid_t *ret_foreign)
{
	_cleanup_free_ char *text = NULL;
	int r = cgfs_read(fd, file, &text);

	if (r < 0)
		return r;
	for (char *line = text, *next; *line; line = next) {
		const size_t n = strcspn(line, "\n");
		int pid, inside;

		next = line + n + (line[n] == '\n');
		line[n] = '\0';
		r = num_parse_int(line, &pid);
		if (r < 0)
			return r;
		inside = pid ? os_pid_inside(pid) : -EXDEV;
		if (inside == -ESRCH || (inside == -EXDEV && !ret_foreign))
			continue;
		if (inside == -EXDEV)
			*ret_foreign = pid;
		r = inside < 0 ? inside : os_pids_add(p, pid, inside);
		if (r < 0)
			return r;
	}
	return 0;
}

static int walk(int fd, unsigned int depth, struct os_pids *ret)
{
	_cleanup_closedir_ DIR *d = NULL;
	const struct dirent *de;
	int r = tree_pids(fd, "cgroup.procs", ret, NULL);

	if (r < 0 && r != -EOPNOTSUPP)
		return r == -ENODEV ? 0 : r; /* removed meanwhile */
	if (depth > CGFS_MAX_DEPTH)
		return -ELOOP;
	r = os_list_dir(fd, &d);
	while (r >= 0 && (r = os_next_entry(d, &de)) > 0) {
		_cleanup_close_ int child = -EBADF;

		if (de->d_type != DT_DIR)
			continue;
		child = cgfs_opendir(fd, de->d_name);
		if (child >= 0)
			r = walk(child, depth + 1, ret);
		else if (child != -ENOENT)
			r = child;
	}
	return r;
}

int cg_pids(int cgfd, struct os_pids *ret, struct vz_error *e)
{
	_cleanup_close_ int ve = cg_open_ve(cgfd, e);
	int r;

	if (ve < 0)
		return ve;
	r = walk(ve, 0, ret);
	return r < 0 ? vz_fail(e, r, "list the container's processes") : 0;
}
