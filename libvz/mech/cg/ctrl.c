/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Controllers on their way down from the v2 mount to a VE's cgroup: enabling
 * them, and telling the administrator where the chain breaks.  Tricky: in a
 * cgroup that holds processes the kernel refuses (EBUSY) to enable a controller
 * for its children, except in the true root of the hierarchy; in a cgroup
 * namespace (a container, the test bed) the visible root is not the true one.
 */
#include "mech/cg/priv.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "os/cgfs.h"

/* One by one, when all at once failed: those that can be had. */
static int enable_each(int fd, const char *ops)
{
	int enabled = 0;

	for (const char *p = ops; *p;) {
		size_t n = strcspn(p, " ");
		char one[64];

		(void)snprintf(one, sizeof(one), "%.*s", (int)n, p);
		if (n && n < sizeof(one) &&
		    os_write_file_at(fd, "cgroup.subtree_control", one) >= 0)
			enabled++;
		p += n + (p[n] == ' ');
	}
	return enabled;
}

int cg_enable(int fd, const char *list)
{
	_cleanup_free_ char *have = NULL, *on = NULL;
	_cleanup_str_ struct str ops = { 0 };
	int r = cgfs_read(fd, "cgroup.controllers", &have);

	if (r >= 0)
		r = cgfs_read(fd, "cgroup.subtree_control", &on);
	if (r < 0)
		return r;
	for (char *p = have, *next; *p; p = next) {
		size_t n = strcspn(p, " ");

		next = p + n + (p[n] == ' ');
		p[n] = '\0';
		if (n && (list ? cgfs_has_word(list, p) : strcmp(p, CG_VE) != 0) &&
		    !cgfs_has_word(on, p))
			str_addf(&ops, "%s+%s", ops.len ? " " : "", p);
	}
	if (ops.failed)
		return -ENOMEM;
	if (!ops.len)
		return 0;
	r = os_write_file_at(fd, "cgroup.subtree_control", ops.p);
	return r < 0 ? enable_each(fd, ops.p) : 0;
}

static bool file_has(int fd, const char *file, const char *word)
{
	_cleanup_free_ char *text = NULL;

	return cgfs_read(fd, file, &text) >= 0 && cgfs_has_word(text, word);
}

/* The lowest cgroup above path that has the controller but not for its children. */
static int explain(const char *path, const char *controller, char *buf, size_t n)
{
	_cleanup_free_ char *p = strdup(path);

	if (!p)
		return -ENOMEM;
	(void)snprintf(buf, n, "unknown");
	for (char *slash; (slash = strrchr(p, '/')) && slash != p;) {
		_cleanup_close_ int fd = -EBADF;

		*slash = '\0';
		fd = cgfs_opendir(AT_FDCWD, p);
		if (fd < 0 || cgfs_is_v2(fd) <= 0)
			break;
		if (file_has(fd, "cgroup.controllers", controller)) {
			_cleanup_free_ char *procs = NULL;
			bool busy = cgfs_read(fd, "cgroup.procs", &procs) >= 0 && *procs;

			(void)snprintf(
				buf, n,
				busy ? "%s holds processes, move them into a cgroup beneath it"
				     : "it cannot be enabled in %s/cgroup.subtree_control",
				p);
			return 0;
		}
		(void)snprintf(buf, n,
			       "%s does not have it (kernel without it, or cgroup v1 has taken it)",
			       p);
	}
	return 0;
}

int cg_missing(int cgfd, const char *controller, const char *params, bool warn,
	       const struct logger *l, struct vz_error *e)
{
	_cleanup_free_ char *path = NULL;
	char link[32], why[256] = "unknown";

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", cgfd);
	if (os_readlink(link, &path) < 0 || explain(path, controller, why, sizeof(why)) < 0)
		return vz_fail(e, -ENOMEM, "find the %s controller", controller);
	if (warn) {
		log_warn(l, "%s not enforced: no cgroup v2 %s controller, %s", params, controller,
			 why);
		return 0;
	}
	return vz_fail_exit(e, -EOPNOTSUPP, VZ_EXIT_KERNEL,
			    "no cgroup v2 %s controller for %s: %s; CGROUP_MISSING=warn in vz.conf "
			    "starts without",
			    controller, params, why);
}
