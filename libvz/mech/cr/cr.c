/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One request to one `criu swrk`, a child that dies with us.  It asks back at its
 * points, in order, and ends with a response; the tasks it restored are our children
 * then (rst_sibling).  Tricky: it finds our directories by /proc/PID/fd of the process that
 * made the socket pair, which is therefore this one, and inherits only what it is told of.
 */
#include "mech/cr/cr.h"

#include "base/str.h"
#include "build.h"
#include "mech/cr/cr.pb-c.h"
#include "os/os.h"

#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* Numbers of CRIU's interface */
enum { REQ_DUMP = 1, REQ_RESTORE = 2, REQ_NOTIFY = 6 };
enum { CGROUPS_IGNORE = 0, NETWORK_LOCK_NFTABLES = 2 };
#define STATS_MAGIC   0x57093306U
#define SERVICE_MAGIC 0x55105940U

#define HURRY	      (-15) /* as a nice value */
#define HURRY_TEXT    "-15"
#define MESSAGE_MAX   65536
#define LOG_MAX	      (64U << 20)
#define CRIU_TIMEOUT  60	 /* seconds for one task to stop */
#define GHOST_LIMIT   (1U << 30) /* deleted files that tasks hold open, each */
#define LOG_QUIET     2		 /* errors and warnings */
#define LOG_VERBOSE   4

struct worker {
	pid_t pid;
	int pidfd, sock;
};

int cr_find_program(char **ret, bool *ret_patched, struct vz_error *e)
{
	static const char *const places[] = { VZ_LIBEXECDIR "/vz-criu", "/usr/sbin/criu",
					      "/usr/local/sbin/criu" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (access(places[i], X_OK) == 0) {
			int r = str_set(ret, places[i]);

			*ret_patched = i == 0;
			return r < 0 ? vz_fail(e, r, "find CRIU") : 0;
		}
	return vz_fail(e, -ENOENT, "vz-criu is not installed: make criu && make install");
}

/* ---- the worker ---- */

static _Noreturn void worker_main(const struct cr_conf *c, int sock)
{
	static char *const env[] = { (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	int null = os_openat(AT_FDCWD, "/dev/null", O_RDWR, 0, 0);
	char fd[16];
	char *argv[] = { (char *)(uintptr_t)c->program, (char *)"swrk", fd, NULL };
	const int keep[] = {
		0, 1, 2, sock, c->cgroup, c->mntns, c->inherit_key ? c->inherit_fd : -1
	};
	sigset_t none;
	int r = null;

	(void)snprintf(fd, sizeof(fd), "%d", sock);
	for (int i = 0; i < 3 && r >= 0; i++)
		r = RET_NERRNO(dup2(null, i));
	/* the program that called us may hold anything */
	if (r >= 0)
		r = os_close_except(keep, ARRAY_SIZE(keep));
	if (r >= 0 && c->cgroup >= 0)
		r = os_write_file_at(c->cgroup, "cgroup.procs", "0");
	if (r >= 0 && c->mntns >= 0)
		r = os_setns(c->mntns, CLONE_NEWNS);
	if (r >= 0)
		r = os_keep_on_exec(sock);
	if (r >= 0 && c->inherit_key)
		r = os_keep_on_exec(c->inherit_fd);
	if (r >= 0 && !c->orphan)
		r = RET_NERRNO(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
	if (r < 0)
		_exit(126);
	/* restored tasks inherit what no image holds */
	cr_tasks_defaults();
	/* a process group of its own: it signals its group when it fails */
	(void)setsid();
	/* a session may have a share of the processor of its own, which begins as everybody's */
	IGNORE(os_write_file_at(AT_FDCWD, "/proc/self/autogroup", HURRY_TEXT));
	(void)signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)execve(c->program, argv, env);
	_exit(127);
}

static int worker_start(const struct cr_conf *c, struct worker *w, struct vz_error *e)
{
	_cleanup_close_ int theirs = -EBADF;
	int pair[2], r = os_seqpacket_pair(pair);

	if (r < 0)
		return vz_fail(e, r, "make a socket pair");
	theirs = pair[1];
	w->pid = os_fork(&w->pidfd);
	if (w->pid < 0) {
		(void)safe_close(pair[0]);
		return vz_fail(e, w->pid, "fork CRIU");
	}
	if (w->pid == 0)
		worker_main(c, theirs);
	w->sock = pair[0];
	return 0;
}

/* After its last word it ends by itself; else it is ended. */
static void worker_end(struct worker *w)
{
	w->sock = safe_close(w->sock);
	IGNORE(os_pidfd_wait(w->pidfd, 2000));
	IGNORE(os_kill_reap(w->pid, w->pidfd, NULL));
	w->pidfd = safe_close(w->pidfd);
}

/* ---- messages ---- */

static int send_req(const struct worker *w, const CrReq *q, struct vz_error *e)
{
	size_t len = cr_req__get_packed_size(q);
	_cleanup_free_ uint8_t *buf = malloc(len ? len : 1);
	int r = -ENOMEM;

	if (buf) {
		(void)cr_req__pack(q, buf);
		r = os_send_fds(w->sock, buf, len, NULL, 0);
	}
	return r < 0 ? vz_fail(e, r, "talk to CRIU") : 0;
}

/* Its helpers hold the socket as well: that it is gone, its pidfd tells. */
static bool has_message(const struct worker *w)
{
	struct pollfd p[] = { { .fd = w->sock, .events = POLLIN },
			      { .fd = w->pidfd, .events = POLLIN } };

	while (poll(p, ARRAY_SIZE(p), -1) < 0)
		if (errno != EINTR)
			return false;
	return p[0].revents & POLLIN || (poll(p, 1, 0) > 0 && p[0].revents & POLLIN);
}

/* NULL: CRIU is gone or speaks nonsense */
static CrResp *recv_resp(const struct worker *w)
{
	_cleanup_free_ uint8_t *buf = malloc(MESSAGE_MAX);
	ssize_t n = -1;

	if (!buf || !has_message(w))
		return NULL;
	do
		n = recv(w->sock, buf, MESSAGE_MAX, 0);
	while (n < 0 && errno == EINTR);
	return n > 0 ? cr_resp__unpack(NULL, (size_t)n, buf) : NULL;
}

static int answer(const struct cr_conf *c, const struct worker *w, const CrNotify *n,
		  struct vz_error *e)
{
	CrReq q = CR_REQ__INIT;
	int r = 0;

	if (c->notify && n && n->script)
		r = c->notify(c->data, n->script, n->has_pid ? n->pid : 0, e);
	q.type = REQ_NOTIFY;
	q.has_notify_success = true;
	q.notify_success = r >= 0;
	return RET_GATHER(r, send_req(w, &q, r < 0 ? NULL : e));
}

/* Errors that CRIU logs and lives with. */
static bool is_harmless(const char *line)
{
	return strstr(line, "rlimit: Can't setup RLIMIT_NOFILE for self") ||
	       strstr(line, "execvp(\"iptables-restore\""); /* the network is locked by nftables */
}

/* The first error of its log, without time and place in the source: the later ones follow from it. */
static int first_error(const struct cr_conf *c, char **ret)
{
	static const char mark[] = "Error (";
	_cleanup_free_ char *text = NULL;
	char *save = NULL;
	int r = os_read_file_at(c->work, c->log, LOG_MAX, &text, NULL);

	if (r < 0)
		return r;
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		char *at = strstr(l, mark), *rest = at ? strstr(at, "): ") : NULL;

		if (rest && !is_harmless(rest))
			return cr_words(rest + strlen("): "), ret);
	}
	return -ENOENT;
}

static int tell_failure(const struct cr_conf *c, const CrResp *p, struct vz_error *e)
{
	_cleanup_free_ char *words = NULL;
	int code = p && p->has_cr_errno && p->cr_errno > 0 ? -p->cr_errno : -ECANCELED;

	if (first_error(c, &words) < 0)
		return vz_fail(e, code, "CRIU gave up without a reason (see %s)", c->log_shown);
	return vz_fail(e, code, "%s (see %s)", words, c->log_shown);
}

/* Serve it until its response to this type of request; *ret_pid for a restore. */
static int serve(const struct cr_conf *c, const struct worker *w, int type, pid_t *ret_pid,
		 struct vz_error *e)
{
	struct vz_error own = { 0 };
	int failed = 0;

	for (;;) {
		CrResp *p = recv_resp(w);
		int r = 0;

		if (!p)
			r = failed ? failed
				   : vz_fail(&own, -ECONNRESET,
					     "CRIU ended without an answer (see %s)", c->log_shown);
		else if (p->type == REQ_NOTIFY && !failed)
			failed = answer(c, w, p->notify, &own);
		else if (p->type == REQ_NOTIFY)
			(void)answer(&(struct cr_conf){ .notify = NULL }, w, NULL, NULL);
		else if (failed || !p->success)
			r = failed ? failed : tell_failure(c, p, &own);
		else if (p->type != type)
			r = vz_fail(&own, -EPROTO, "unexpected answer %d from CRIU", p->type);
		else
			r = 1;
		if (r > 0 && ret_pid && p->restore)
			*ret_pid = p->restore->pid;
		if (p)
			cr_resp__free_unpacked(p, NULL);
		if (r == 0)
			continue;
		if (r < 0 && e)
			*e = own;
		return r < 0 ? r : 0;
	}
}

static void fill_opts(const struct cr_conf *c, CrOpts *o)
{
	o->images_dir_fd = c->images;
	o->has_work_dir_fd = true;
	o->work_dir_fd = c->work;
	o->log_file = (char *)(uintptr_t)c->log;
	o->has_log_level = true;
	o->log_level = c->verbose ? LOG_VERBOSE : LOG_QUIET;
	o->has_tcp_established = o->tcp_established = true;
	o->has_file_locks = o->file_locks = true;
	o->has_link_remap = o->link_remap = true;
	o->has_notify_scripts = o->notify_scripts = true;
	o->has_manage_cgroups_mode = true;
	o->manage_cgroups_mode = CGROUPS_IGNORE;
	o->has_ghost_limit = true;
	o->ghost_limit = GHOST_LIMIT;
	o->has_network_lock = true;
	o->network_lock = NETWORK_LOCK_NFTABLES;
	o->has_timeout = true;
	o->timeout = CRIU_TIMEOUT;
	if (c->empty_netns) {
		o->has_empty_ns = true;
		o->empty_ns = CLONE_NEWNET;
	}
	o->external = (char **)(uintptr_t)c->external;
	o->n_external = strv_len(c->external);
	o->enable_fs = (char **)(uintptr_t)c->enable_fs;
	o->n_enable_fs = strv_len(c->enable_fs);
}

int cr_hurry(void)
{
	int before = getpriority(PRIO_PROCESS, 0);

	(void)setpriority(PRIO_PROCESS, 0, HURRY);
	return before;
}

void cr_unhurry(int before)
{
	(void)setpriority(PRIO_PROCESS, 0, before);
}

/* The worker goes first as well; restored tasks get their own priority from their image. */
static int run(const struct cr_conf *c, CrReq *q, pid_t *ret_pid, struct vz_error *e)
{
	struct worker w = { .pidfd = -EBADF, .sock = -EBADF };
	int before = cr_hurry(), r = worker_start(c, &w, e);

	if (r < 0) {
		cr_unhurry(before);
		return r;
	}
	r = c->notify ? c->notify(c->data, CR_POINT_STARTED, w.pid, e) : 0;
	if (r >= 0)
		r = send_req(&w, q, e);
	if (r >= 0)
		r = serve(c, &w, q->type, ret_pid, e);
	worker_end(&w);
	cr_unhurry(before);
	return r;
}

/* ---- statistics: an image file of one message behind two magic numbers and its size ---- */

static CrStats *read_stats(int dir, const char *name)
{
	_cleanup_free_ char *buf = NULL;
	uint32_t head[3];
	size_t len;

	if (os_read_file_at(dir, name, 4096, &buf, &len) < 0 || len < sizeof(head))
		return NULL;
	memcpy(head, buf, sizeof(head));
	if (head[0] != SERVICE_MAGIC || head[1] != STATS_MAGIC || head[2] > len - sizeof(head))
		return NULL;
	return cr_stats__unpack(NULL, head[2], (const uint8_t *)buf + sizeof(head));
}

static void dump_stats(int dir, struct cr_stats *ret)
{
	CrStats *s = read_stats(dir, "stats-dump");

	if (s && s->dump)
		*ret = (struct cr_stats){
			.freezing_us = s->dump->freezing_us,
			.frozen_us = s->dump->frozen_us,
			.memdump_us = s->dump->memdump_us,
			.memwrite_us = s->dump->memwrite_us,
			.pages_scanned = s->dump->pages_scanned + s->dump->shpages_scanned,
			.pages_written = s->dump->pages_written + s->dump->shpages_written,
		};
	if (s)
		cr_stats__free_unpacked(s, NULL);
}

static void restore_stats(int dir, struct cr_stats *ret)
{
	CrStats *s = read_stats(dir, "stats-restore");

	if (s && s->restore)
		*ret = (struct cr_stats){ .forking_us = s->restore->forking_us,
					  .restore_us = s->restore->restore_us,
					  .pages_restored = s->restore->pages_restored };
	if (s)
		cr_stats__free_unpacked(s, NULL);
}

int cr_dump(const struct cr_conf *c, struct cr_stats *ret, struct vz_error *e)
{
	CrReq q = CR_REQ__INIT;
	CrOpts o = CR_OPTS__INIT;
	int r;

	*ret = (struct cr_stats){ 0 };
	fill_opts(c, &o);
	o.has_pid = true;
	o.pid = c->pid;
	o.has_leave_running = true;
	o.leave_running = c->leave_running;
	o.freeze_cgroup = (char *)(uintptr_t)c->freeze_cgroup;
	q.type = REQ_DUMP;
	q.opts = &o;
	r = run(c, &q, NULL, e);
	if (r >= 0)
		dump_stats(c->work, ret);
	return r;
}

int cr_restore(const struct cr_conf *c, pid_t *ret_init, struct cr_stats *ret, struct vz_error *e)
{
	CrReq q = CR_REQ__INIT;
	CrOpts o = CR_OPTS__INIT;
	CrInherit in = CR_INHERIT__INIT, *list[] = { &in };
	pid_t pid = 0;
	int r;

	*ret = (struct cr_stats){ 0 };
	fill_opts(c, &o);
	o.root = (char *)(uintptr_t)c->root;
	o.has_rst_sibling = o.rst_sibling = true;
	if (c->inherit_key) {
		in.key = (char *)(uintptr_t)c->inherit_key;
		in.fd = c->inherit_fd;
		o.inherit_fd = list;
		o.n_inherit_fd = 1;
	}
	q.type = REQ_RESTORE;
	q.opts = &o;
	r = run(c, &q, &pid, e);
	if (r >= 0 && pid <= 0)
		r = vz_fail(e, -EPROTO, "CRIU does not tell the pid of what it restored");
	if (r < 0)
		return r;
	restore_stats(c->work, ret);
	*ret_init = pid;
	return 0;
}
