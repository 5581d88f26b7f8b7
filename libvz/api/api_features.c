/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the host can do, and what its lack means: one row per feature, in the
 * order of the table that vzctl features prints.  A probe tries the thing; it
 * may say more in *detail.
 */
#include "api/api.h"

#include <string.h>

#include "base/str.h"
#include "mech/cg/cg.h"
#include "mech/cr/cr.h"
#include "mech/mnt/mnt.h"
#include "os/os.h"
#include "os/probe.h"

struct probe {
	const struct vz *vz;
	const char *arg; /* of the row */
	char *detail;
};

struct row {
	const char *name;
	int (*probe)(struct probe *p); /* enum vz_feature_state or a negative errno */
	const char *arg;
	bool needed;
	const char *what, *without;
	const char *partly; /* what is lost where it is only partly there */
};

/* A story becomes the detail of what is not there. */
static int no(struct probe *p, const struct vz_error *e)
{
	IGNORE(str_set(&p->detail, e->text));
	return VZ_FEATURE_NO;
}

static int probe_cgroup(struct probe *p)
{
	struct vz_error e = { 0 };

	return cg_root_find(p->vz->host.cgroup_root, &p->detail, &e) < 0 ? no(p, &e)
									 : VZ_FEATURE_YES;
}

/* The nearest directory above containers' cgroups that exists, and the controllers that it offers. */
static int find_cgroup(const struct probe *p, char **ret_dir, char **ret_text)
{
	char *slash;
	int r = cg_root_find(p->vz->host.cgroup_root, ret_dir, NULL);

	while (r >= 0) {
		_cleanup_free_ char *path = NULL;

		r = str_fmt(&path, "%s/cgroup.controllers", *ret_dir);
		if (r >= 0)
			r = os_read_file_at(AT_FDCWD, path, 4096, ret_text, NULL);
		slash = strrchr(*ret_dir, '/');
		if (r != -ENOENT || !slash || slash == *ret_dir)
			break;
		*slash = '\0';
		r = 0;
	}
	return r;
}

static int probe_controller(struct probe *p)
{
	_cleanup_free_ char *dir = NULL, *text = NULL;
	_cleanup_strv_ char **words = NULL;
	int r = find_cgroup(p, &dir, &text);

	if (r >= 0)
		r = strv_split(&words, text, " \n");
	return r < 0 ? r : strv_has(words, p->arg) ? VZ_FEATURE_YES : VZ_FEATURE_NO;
}

static int probe_views(struct probe *p)
{
	_cleanup_free_ char *dir = NULL, *text = NULL;
	int r = find_cgroup(p, &dir, &text);

	return r < 0 ? r : cg_probe_views(dir);
}

static int probe_ve_file(struct probe *p)
{
	_cleanup_free_ char *dir = NULL, *text = NULL;
	int r = find_cgroup(p, &dir, &text);

	return r < 0 ? r : cg_probe_file(dir, p->arg);
}

static int probe_ns(struct probe *p)
{
	return os_probe_ns(p->arg);
}

static int probe_device(struct probe *p)
{
	return os_probe_device(p->arg);
}

#define PLAIN(name)                              \
	static int probe_##name(struct probe *p) \
	{                                        \
		(void)p;                         \
		return os_probe_##name();        \
	}
PLAIN(seccomp)
PLAIN(nftables)
PLAIN(checkpoint)
PLAIN(sock_diag)
PLAIN(tcp_repair)
PLAIN(soft_dirty)
PLAIN(pagemap_scan)
PLAIN(userfaultfd)
PLAIN(timer_ids)
PLAIN(psi_triggers)

static int probe_overlay_in(struct probe *p, const char *dir)
{
	_cleanup_free_ char *tmp = NULL;
	struct vz_error e = { 0 };
	int r = str_fmt(&tmp, "%s/.vz-probe-XXXXXX", dir);

	if (r < 0)
		return r;
	if (!mkdtemp(tmp))
		return -errno;
	r = mnt_root_probe(tmp, p->vz->host.local_uid, &e);
	IGNORE(os_rm_rf_at(AT_FDCWD, tmp));
	return r < 0 ? no(p, &e) : VZ_FEATURE_YES;
}

/* Where private areas are made: the part of VE_PRIVATE in front of the container's own. */
static int probe_overlay(struct probe *p)
{
	_cleanup_free_ char *dir = strdup(p->vz->host.ve_private);
	char *id = dir ? strstr(dir, "/$VEID") : NULL;
	int r;

	if (!dir)
		return -ENOMEM;
	if (id)
		*id = '\0';
	r = os_mkdir_p(dir, 0755);
	if (r >= 0)
		r = probe_overlay_in(p, dir);
	if (r == VZ_FEATURE_YES)
		IGNORE(str_fmt(&p->detail, "in %s", dir));
	return r;
}

static int probe_criu(struct probe *p)
{
	_cleanup_free_ char *path = NULL;
	char version[32];
	bool runs, ours = false;
	int r = cr_find_program(&path, &ours, NULL);

	if (r == -ENOENT)
		return VZ_FEATURE_NO;
	if (r < 0)
		return r;
	runs = cr_version(path, version, sizeof(version)) >= 0;
	r = str_fmt(&p->detail, "%s %s%s", path, runs ? version : "that does not run",
		    ours ? " with vz's patches" : " of the system");
	if (r < 0)
		return r;
	return !runs ? VZ_FEATURE_NO : ours ? VZ_FEATURE_YES : VZ_FEATURE_PARTLY;
}

#define LIMIT(name) "refused (or with CGROUP_MISSING=warn not enforced): " name

/* clang-format off */
static const struct row rows[] = {
	{ .name = "cgroup", .probe = probe_cgroup, .needed = true,
	  .what = "cgroup v2",
	  .without = "no container starts" },
	{ .name = "cgroup-cpu", .probe = probe_controller, .arg = "cpu",
	  .what = "cgroup v2 controller cpu",
	  .without = LIMIT("--cpuunits, --cpulimit, --cpus") },
	{ .name = "cgroup-cpuset", .probe = probe_controller, .arg = "cpuset",
	  .what = "cgroup v2 controller cpuset",
	  .without = LIMIT("--cpumask, --nodemask") },
	{ .name = "cgroup-io", .probe = probe_controller, .arg = "io",
	  .what = "cgroup v2 controller io",
	  .without = LIMIT("--ioprio, --iolimit, --iopslimit") },
	{ .name = "cgroup-memory", .probe = probe_controller, .arg = "memory",
	  .what = "cgroup v2 controller memory",
	  .without = LIMIT("--ram, --swap") "; usage in vzlist" },
	{ .name = "cgroup-pids", .probe = probe_controller, .arg = "pids",
	  .what = "cgroup v2 controller pids",
	  .without = LIMIT("--numproc") },
	{ .name = "user-namespace", .probe = probe_ns, .arg = "user", .needed = true,
	  .what = "user namespaces",
	  .without = "no container starts but those with the feature privileged" },
	{ .name = "time-namespace", .probe = probe_ns, .arg = "time", .needed = true,
	  .what = "time namespaces",
	  .without = "no container starts" },
	{ .name = "overlay", .probe = probe_overlay, .needed = true,
	  .what = "overlayfs over id-mapped layers, with file handles",
	  .without = "no container starts: the file system of VE_PRIVATE must support id-mapped mounts (ext4, XFS, btrfs, tmpfs)" },
	{ .name = "seccomp", .probe = probe_seccomp, .needed = true,
	  .what = "seccomp filters",
	  .without = "no container starts" },
	{ .name = "nftables", .probe = probe_nftables, .needed = true,
	  .what = "nftables",
	  .without = "no container with an address starts: nothing checks what it sends" },
	{ .name = "fuse", .probe = probe_device, .arg = "/dev/fuse",
	  .what = "FUSE",
	  .without = "containers cannot mount file systems of user space" },
	{ .name = "tun", .probe = probe_device, .arg = "/dev/net/tun",
	  .what = "TUN/TAP",
	  .without = "containers cannot run VPNs that need it" },
	{ .name = "checkpoint", .probe = probe_checkpoint,
	  .what = "kernel support for checkpoint and restore",
	  .without = "chkpnt and restore do not work (CONFIG_CHECKPOINT_RESTORE)" },
	{ .name = "sock-diag", .probe = probe_sock_diag,
	  .what = "state of sockets (unix, inet, packet, netlink diag)",
	  .without = "containers with open sockets cannot be suspended" },
	{ .name = "tcp-repair", .probe = probe_tcp_repair,
	  .what = "TCP repair mode",
	  .without = "containers with TCP connections cannot be suspended" },
	{ .name = "soft-dirty", .probe = probe_soft_dirty,
	  .what = "tracking of changed memory",
	  .without = "no copying ahead: all memory is copied while a container is frozen (CONFIG_MEM_SOFT_DIRTY)" },
	{ .name = "pagemap-scan", .probe = probe_pagemap_scan,
	  .what = "fast search for used memory (PAGEMAP_SCAN)",
	  .without = "suspending containers with much memory takes longer" },
	{ .name = "userfaultfd", .probe = probe_userfaultfd,
	  .what = "memory on demand",
	  .without = "no restore before all memory is there" },
	{ .name = "criu", .probe = probe_criu,
	  .what = "CRIU",
	  .without = "no chkpnt, no restore (make criu, make install)",
	  .partly = "no chkpnt, no restore: they need the patches of vz (make criu, make install)" },
	{ .name = "ve", .probe = probe_controller, .arg = "ve",
	  .what = "vz's kernel patches: containers known by number (cgroup v2 controller ve, /proc/vz)",
	  .without = "no /proc/vz; the host's hardware in /proc of containers is covered by mounts where it tells secrets" },
	{ .name = "ve-views", .probe = probe_views,
	  .what = "vz's kernel patches: containers see their own memory, load, CPUs and times",
	  .without = "free, uptime, top and nproc in containers show the host's memory, load and CPUs" },
	{ .name = "ve-counters", .probe = probe_ve_file, .arg = "ve.limits",
	  .what = "vz's kernel patches: beancounters",
	  .without = "no /proc/user_beancounters; beancounters beyond memory, processes and (at start) --numpty are stored without effect" },
	{ .name = "ve-log", .probe = probe_ve_file, .arg = "ve.log",
	  .what = "vz's kernel patches: a kernel log for each container",
	  .without = "dmesg in containers is refused; what the kernel says of them stands in the host's log" },
	{ .name = "timer-ids", .probe = probe_timer_ids,
	  .what = "timers restored by number",
	  .without = "restoring a process whose timers have high numbers takes longer" },
	{ .name = "psi-triggers", .probe = probe_psi_triggers,
	  .what = "pressure triggers that a checkpoint can see",
	  .without = "programs that watch memory, CPU or I/O pressure do so in vain after a restore, and may spin" },
};
/* clang-format on */

static void ask(struct vz *vz, const struct row *row, struct vz_feature *f)
{
	struct probe p = { .vz = vz, .arg = row->arg };
	int r = row->probe(&p);

	*f = (struct vz_feature){ .name = row->name,
				  .state = r < 0 ? VZ_FEATURE_UNKNOWN : r,
				  .needed = row->needed,
				  .what = row->what,
				  .without = r == VZ_FEATURE_PARTLY && row->partly ? row->partly
										   : row->without,
				  .detail = p.detail };
	if (r < 0 && !f->detail)
		IGNORE(str_set(&f->detail, r == -EPERM || r == -EACCES
						   ? "only root can ask"
						   : "the kernel answers with an error"));
}

int vz_features(struct vz *vz, struct vz_feature **ret, size_t *ret_n, struct vz_error *e)
{
	struct vz_feature *v = calloc(ARRAY_SIZE(rows), sizeof(*v));

	if (!v)
		return vz_fail(e, -ENOMEM, "list the features");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		ask(vz, &rows[i], &v[i]);
	*ret = v;
	*ret_n = ARRAY_SIZE(rows);
	return 0;
}

void vz_features_free(struct vz_feature *v, size_t n)
{
	for (size_t i = 0; v && i < n; i++)
		free(v[i].detail);
	free(v);
}
