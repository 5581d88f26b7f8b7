/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a VE uses, in one reading; and which VE a process belongs to. */
#include "ve/usage.h"

#include "base/num.h"
#include "base/str.h"
#include "mech/net/net.h"
#include "os/os.h"
#include "ve/account.h"

#include <string.h>

static void from_cgroup(const struct cg_stat *s, struct vz_ve_usage *u)
{
	u->procs = s->pids;
	u->procs_max = s->pids_peak;
	u->procs_failed = s->pids_failed;
	u->memory_bytes = s->memory;
	u->memory_peak_bytes = s->memory_peak;
	u->swap_bytes = s->swap;
	u->kernel_bytes = s->kernel;
	u->shmem_bytes = s->shmem;
	u->sock_bytes = s->sock;
	u->reclaimable_bytes = s->slab_reclaimable;
	u->cpu_user_us = s->cpu_user_us;
	u->cpu_system_us = s->cpu_system_us;
	u->oom_kills = s->oom_kills;
}

static void from_counters(int cgfd, struct vz_ve_usage *u)
{
#define NAME(row, name) [VZ_UBC_##row] = name,
	static const char *const names[VZ_UBC_ROWS] = { USAGE_ROWS(NAME) };
#undef NAME
	struct cg_row rows[VZ_UBC_ROWS];

	IGNORE(cg_rows(cgfd, names, VZ_UBC_ROWS, rows)); /* unknown, then */
	for (size_t i = 0; i < VZ_UBC_ROWS; i++)
		u->ubc[i] = (struct vz_ubc_row){ .held = rows[i].held,
						 .maxheld = rows[i].maxheld,
						 .barrier = rows[i].barrier,
						 .limit = rows[i].limit,
						 .failcnt = rows[i].failcnt };
}

static void from_network(const struct ve *ve, struct vz_ve_usage *u)
{
	struct net_traffic t;

	u->net_in_bytes = u->net_in_packets = u->net_out_bytes = u->net_out_packets = UINT64_MAX;
	if (net_traffic(ve->id, &t) < 0)
		return;
	u->net_in_bytes = t.in_bytes;
	u->net_in_packets = t.in_packets;
	u->net_out_bytes = t.out_bytes;
	u->net_out_packets = t.out_packets;
}

int ve_usage(const struct ve *ve, struct vz_ve_usage *u, struct vz_error *e)
{
	_cleanup_close_ int init = -EBADF, cg = -EBADF;
	struct cg_stat cs;
	struct ve_state s;
	int r;

	init = state_open_init(ve, &s);
	if (init < 0)
		return vz_fail_exit(e, -ESRCH, VZ_EXIT_NOT_RUNNING, "Container is not running");
	cg = ve_cg_open(ve);
	if (cg < 0)
		return vz_fail(e, cg, "open the container's cgroup");
	r = cg_stat(cg, &cs);
	if (r < 0)
		return vz_fail(e, r, "read the container's cgroup");
	from_cgroup(&cs, u);
	from_counters(cg, u);
	from_network(ve, u);
	account_merge(ve, u);
	u->uptime_ms = os_now_ms() - s.started_ms;
	u->disk_bytes = u->disk_inodes = UINT64_MAX;
	for (size_t i = 0; i < ARRAY_SIZE(u->loadavg); i++)
		u->loadavg[i] = -1;
	return 0;
}

/* "0::/vz/101/ve/init.scope": the component before "ve" is the CTID when its cgroup is ours. */
static int ctid_of_cgroup(const char *cgroup, uint32_t *ret)
{
	const char *ve = strstr(cgroup, "/ve");

	while (ve && ve[3] && ve[3] != '/' && ve[3] != '\n')
		ve = strstr(ve + 1, "/ve");
	if (ve && ve > cgroup) {
		_cleanup_free_ char *head = strndup(cgroup, (size_t)(ve - cgroup));
		char *slash = head ? strrchr(head, '/') : NULL;

		if (!head)
			return -ENOMEM;
		if (slash && num_parse_ctid(slash + 1, ret) >= 0)
			return 1;
	}
	return 0;
}

/* Last number of "NSpid:\t12\t3" */
static int inner_pid(const char *status)
{
	const char *p = strstr(status, "\nNSpid:");
	int last = 0;

	if (!p)
		return 0;
	for (p += strlen("\nNSpid:"); *p && *p != '\n'; p++)
		if (*p >= '0' && *p <= '9')
			last = *p - '0' + (p[-1] >= '0' && p[-1] <= '9' ? 10 * last : 0);
	return last;
}

int ve_of_pid(const struct host_config *h, int pid, uint32_t *ret_ctid, int *ret_vpid,
	      struct vz_error *e)
{
	_cleanup_free_ char *cgroup = NULL, *status = NULL;
	char path[64];
	uint32_t ctid = 0;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	r = os_read_file_at(AT_FDCWD, path, 65536, &cgroup, NULL);
	if (r >= 0) {
		(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
		r = os_read_file_at(AT_FDCWD, path, 65536, &status, NULL);
	}
	if (r < 0)
		return vz_fail(e, r == -ENOENT ? -ESRCH : r, "look at process %d", pid);
	if (ctid_of_cgroup(cgroup, &ctid) > 0) {
		_cleanup_free_ char *dir = NULL;

		/* a directory of that name elsewhere in the tree is not a VE */
		if (str_fmt(&dir, "%s/%u", h->rundir, ctid) < 0 || !os_exists(dir))
			ctid = 0;
	}
	*ret_ctid = ctid;
	if (ret_vpid)
		*ret_vpid = ctid ? inner_pid(status) : pid;
	return 0;
}
