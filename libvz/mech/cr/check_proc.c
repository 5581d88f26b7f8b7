/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a process says of itself in /proc: namespaces, tracer, session, state, program. */
#include "mech/cr/check_priv.h"

#include "base/num.h"
#include "base/str.h"
#include "os/os.h"

#include <poll.h>
#include <string.h>

#define MAX_TASKS      4096 /* threads looked at for tracers, per process */
#define STATUS_MAX     65536
#define D_STATE_LOOKS  3
#define D_STATE_NAP_MS 20

static bool is_ours(const struct check *c, pid_t pid)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->procs[i].pid == pid)
			return true;
	return false;
}

static int probe_namespaces(struct check *c, const struct check_proc *p)
{
	static const struct {
		const char *name;
		enum cr_row_id row;
	} kinds[] = {
		{ "user", ROW_NS_USER }, { "pid", ROW_NS_PID },	      { "ipc", ROW_NS_IPC },
		{ "uts", ROW_NS_UTS },	 { "cgroup", ROW_NS_CGROUP }, { "time", ROW_NS_TIME },
	};
	uint64_t ve, own;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i].row == ROW_NS_UTS && c->t->patched)
			continue;
		if (check_ns(c->t->init, kinds[i].name, &ve) < 0 ||
		    check_ns(p->pid, kinds[i].name, &own) < 0 || ve == own)
			continue;
		r = check_first(c, own);
		if (r > 0)
			r = check_add(c, kinds[i].row, p, NULL);
	}
	return r;
}

/* The k-th (from 1) number of "Key:\t1 2 3", the last where there are less; -1: no such line. */
static long status_number(const char *status, const char *key, unsigned int k)
{
	const char *p = strstr(status, key);
	long v = -1;

	for (p = p ? p + strlen(key) : "\n"; k > 0 && *p == '\t'; k--) {
		size_t n = strspn(++p, "0123456789");
		char digits[12] = "";
		uint32_t got;

		if (n >= sizeof(digits))
			break;
		memcpy(digits, p, n);
		if (num_parse_u32(digits, &got) < 0)
			break;
		v = (long)got;
		p += n;
	}
	return v;
}

static int read_status(pid_t pid, pid_t tid, char **ret)
{
	char path[64];

	if (tid)
		(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/status", pid, tid);
	else
		(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	return os_read_file_at(AT_FDCWD, path, STATUS_MAX, ret, NULL);
}

static int report_tracer(struct check *c, const struct check_proc *p, const char *status)
{
	long tracer = status_number(status, "\nTracerPid:", 1);
	char detail[16];

	if (tracer <= 0)
		return 0;
	for (size_t i = 0; i < c->n; i++) /* its number inside, where it is inside */
		if (c->procs[i].pid == tracer && c->procs[i].vpid)
			tracer = c->procs[i].vpid;
	(void)snprintf(detail, sizeof(detail), "%ld", tracer);
	return check_add(c, ROW_PTRACE, p, detail);
}

/* strace -p takes one thread only. */
static int probe_threads(struct check *c, const struct check_proc *p)
{
	_cleanup_closedir_ DIR *d = NULL;
	const struct dirent *de;
	char path[64];
	int r = 0, left = MAX_TASKS;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", p->pid);
	d = opendir(path);
	while (r >= 0 && d && left-- > 0 && (de = readdir(d))) {
		_cleanup_free_ char *status = NULL;
		uint32_t tid;

		if (num_parse_u32(de->d_name, &tid) >= 0 &&
		    read_status(p->pid, (pid_t)tid, &status) >= 0)
			r = report_tracer(c, p, status);
	}
	return r;
}

/* Every read from a slow disk looks like this for a moment: only one that lasts is worth a word. */
static int probe_stuck(struct check *c, const struct check_proc *p)
{
	for (int i = 0; i < D_STATE_LOOKS; i++) {
		_cleanup_free_ char *status = NULL;

		if (read_status(p->pid, 0, &status) < 0 || !strstr(status, "\nState:\tD"))
			return 0;
		(void)poll(NULL, 0, D_STATE_NAP_MS);
	}
	return check_add(c, ROW_D_STATE, p, NULL);
}

static int probe_status(struct check *c, const struct check_proc *p)
{
	_cleanup_free_ char *status = NULL;
	int r = read_status(p->pid, 0, &status);

	if (r < 0)
		return check_gone(r) ? 0 : r;
	r = report_tracer(c, p, status);
	if (r >= 0 && p->pid != c->t->init &&
	    !is_ours(c, (pid_t)status_number(status, "\nPPid:", 1)))
		r = check_add(c, ROW_ENTERED, p, NULL);
	else if (r >= 0 && status_number(status, "\nNSsid:", c->level) == 0)
		r = check_add(c, ROW_OUTER_SESSION, p, NULL);
	if (r >= 0 && !c->t->quick && status_number(status, "\nThreads:", 1) > 1)
		r = probe_threads(c, p);
	if (r >= 0 && !c->t->quick)
		r = probe_stuck(c, p);
	return r;
}

static int probe_exe(struct check *c, const struct check_proc *p)
{
	_cleanup_free_ char *to = NULL;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", p->pid);
	if (os_readlink(path, &to) < 0 || !str_has_prefix(to, "/memfd:"))
		return 0;
	return check_add(c, ROW_EXE_MEMFD, p, NULL);
}

/* How many numbers a process of the container has, the host's included: the last is its own there. */
static unsigned int pid_level(pid_t init)
{
	_cleanup_free_ char *status = NULL;
	unsigned int n = 0;

	if (read_status(init, 0, &status) < 0)
		return 1;
	for (const char *p = strstr(status, "\nNSpid:"); p && *++p && *p != '\n';)
		n += *p == '\t';
	return n ? n : 1;
}

void check_vpids(struct check *c)
{
	c->level = pid_level(c->t->init);
	for (size_t i = 0; i < c->n; i++) {
		_cleanup_free_ char *status = NULL;
		long v = -1;

		if (read_status(c->procs[i].pid, 0, &status) >= 0)
			v = status_number(status, "\nNSpid:", c->level);
		c->procs[i].vpid = v > 0 ? (pid_t)v : c->procs[i].pid;
	}
}

int check_process(struct check *c, const struct check_proc *p)
{
	int r = probe_namespaces(c, p);

	if (r >= 0)
		r = probe_status(c, p);
	return r < 0 ? r : probe_exe(c, p);
}
