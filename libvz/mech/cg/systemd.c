/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * On a host run by systemd the cgroup tree has one owner: a VE's part of it is
 * asked for as a transient scope with Delegate=yes, else systemd would take
 * controllers away or move processes at its next reload.  Spoken through
 * busctl(1), so that libvz needs no D-Bus library.  Tricky: the answer comes
 * when the job is queued; that it is done shows only in /proc/PID/cgroup.
 */
#include "mech/cg/cg.h"

#include <poll.h>
#include <string.h>

#include "base/str.h"
#include "os/cgfs.h"

#define CALL_TIMEOUT_MS	 20000
#define SCOPE_TIMEOUT_MS 5000
#define SCOPE_NAP_MS	 2
#define SCOPE_RETRY_MS	 50
#define MONITOR_DIR	 "monitor"

/* The v2 line of /proc/PID/cgroup, "0::PATH". */
static int v2_path(pid_t pid, char **ret)
{
	_cleanup_free_ char *file = NULL, *text = NULL;
	int r = str_fmt(&file, "/proc/%d/cgroup", (int)pid);

	if (r >= 0)
		r = os_read_file_at(AT_FDCWD, file, 1 << 16, &text, NULL);
	if (r < 0)
		return r;
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, "\n");

		if (strncmp(p, "0::/", 4) == 0)
			return str_fmt(ret, "%.*s", (int)(n - 3), p + 3);
		p += n + (p[n] == '\n');
	}
	return -ENOENT;
}

static int start_scope(const char *scope, uint32_t ctid, pid_t pid, struct vz_error *e)
{
	_cleanup_free_ char *pid_text = NULL, *what = NULL, *out = NULL;
	const struct os_exec_opts opts = { .timeout_ms = CALL_TIMEOUT_MS };
	int r;

	if (str_fmt(&pid_text, "%d", (int)pid) < 0 || str_fmt(&what, "Container %u", ctid) < 0)
		return vz_fail(e, -ENOMEM, "start %s", scope);
	/* TasksMax: the manager's default for scopes would be a limit nobody set. */
	const char *const argv[] = {
		"busctl",
		"--system",
		"--quiet",
		"--no-pager",
		"call",
		"org.freedesktop.systemd1",
		"/org/freedesktop/systemd1",
		"org.freedesktop.systemd1.Manager",
		"StartTransientUnit",
		"ssa(sv)a(sa(sv))",
		scope,
		"fail",
		"6",
		"Description",
		"s",
		what,
		"PIDs",
		"au",
		"1",
		pid_text,
		"Slice",
		"s",
		"vz.slice",
		"Delegate",
		"b",
		"true",
		"CollectMode",
		"s",
		"inactive-or-failed",
		"TasksMax",
		"t",
		"18446744073709551615",
		"0",
		NULL,
	};
	/* the scope of a VE that was stopped a moment ago lives until its monitor has ended */
	for (uint64_t end = os_now_ms() + SCOPE_TIMEOUT_MS;;) {
		r = os_exec((char *const *)(uintptr_t)argv, &opts, &out);
		if (r == 0)
			return 0;
		if (r < 0 || !strstr(out, "already") || os_now_ms() >= end)
			break;
		(void)poll(NULL, 0, SCOPE_RETRY_MS);
		free(TAKE_PTR(out));
	}
	if (out)
		out[strcspn(out, "\n")] = '\0';
	return vz_fail(e, r < 0 ? r : -EIO, "start %s through systemd: %s", scope,
		       out && *out ? out : "busctl failed");
}

/* A monitor that starts its VE again after a reboot sits in the scope already. */
static bool in_scope(const char *scope, pid_t pid, char **ret_path)
{
	_cleanup_free_ char *path = NULL, *leaf = NULL;
	size_t n, m;

	if (v2_path(pid, &path) < 0 || str_fmt(&leaf, "/%s/" MONITOR_DIR, scope) < 0)
		return false;
	n = strlen(path);
	m = strlen(leaf);
	if (n < m || strcmp(path + n - m, leaf) != 0)
		return false;
	path[n - strlen("/" MONITOR_DIR)] = '\0';
	*ret_path = TAKE_PTR(path);
	return true;
}

/* Until systemd has moved pid: it tells nobody but its D-Bus listeners, hence naps. */
static int wait_scope(const char *scope, pid_t pid, char **ret_path)
{
	uint64_t end = os_now_ms() + SCOPE_TIMEOUT_MS;

	for (;;) {
		_cleanup_free_ char *path = NULL;
		const char *last;
		int r = v2_path(pid, &path);

		if (r < 0)
			return r;
		last = strrchr(path, '/');
		if (strcmp(last + 1, scope) == 0) {
			*ret_path = TAKE_PTR(path);
			return 0;
		}
		if (os_now_ms() >= end)
			return -ETIMEDOUT;
		(void)poll(NULL, 0, SCOPE_NAP_MS);
	}
}

/* The scope may hold no process itself, else no controller can be enabled for the VE beneath it. */
static int move_to_leaf(const char *dir, pid_t pid)
{
	_cleanup_close_ int fd = cgfs_opendir(AT_FDCWD, dir), leaf = -EBADF;
	_cleanup_free_ char *text = NULL;

	if (fd < 0)
		return fd;
	leaf = cgfs_mkdir(fd, MONITOR_DIR, NULL);
	if (leaf < 0)
		return leaf;
	if (str_fmt(&text, "%d", (int)pid) < 0)
		return -ENOMEM;
	return os_write_file_at(leaf, "cgroup.procs", text);
}

/* Where systemd has the v2 hierarchy (it has its own name for it on a hybrid machine). */
static int mount_of(const char *path, char **ret)
{
	static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		_cleanup_free_ char *dir = NULL;
		_cleanup_close_ int fd = -EBADF;
		int r = str_fmt(&dir, "%s%s", mounts[i], path);

		if (r < 0)
			return r;
		fd = cgfs_opendir(AT_FDCWD, dir);
		if (fd >= 0 && cgfs_is_v2(fd) > 0) {
			*ret = TAKE_PTR(dir);
			return 0;
		}
	}
	return -ENOENT;
}

int cg_systemd_scope(uint32_t ctid, pid_t pid, char **ret_root, struct vz_error *e)
{
	_cleanup_free_ char *scope = NULL, *path = NULL, *dir = NULL;
	int r;

	*ret_root = NULL;
	if (!os_exists("/run/systemd/system"))
		return 0;
	r = str_fmt(&scope, "vz-%u.scope", ctid);
	if (r < 0)
		return vz_fail(e, r, "start a scope");
	if (!in_scope(scope, pid, &path)) {
		r = start_scope(scope, ctid, pid, e);
		if (r < 0)
			return r;
		r = wait_scope(scope, pid, &path);
		if (r < 0)
			return vz_fail(e, r, "wait for systemd to move process %d to %s", (int)pid,
				       scope);
	}
	r = mount_of(path, &dir);
	if (r < 0)
		return vz_fail(e, r, "find the cgroup of %s (%s)", scope, path);
	r = move_to_leaf(dir, pid);
	if (r < 0)
		return vz_fail(e, r, "move process %d to %s/%s", (int)pid, dir, MONITOR_DIR);
	*ret_root = TAKE_PTR(dir);
	return 1;
}
