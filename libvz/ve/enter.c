/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Processes put into a running VE: the host's side.
 *
 * What goes in is not this program but vz-entry (ve/entry), executed from sealed
 * memory by a child that is born in the VE's cgroup; it gets its orders and the
 * descriptors over a socket.  Its two processes and the protocol: ve/entry/entry.h.
 * Nothing here enters anything, so a caller need not be sealed for it.
 */
#include "ve/cpt.h"

#include "base/str.h"
#include "os/os.h"
#include "ve/entry/entry.h"

#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "vz_entry.h"

/* The VE can freeze or stop what enters it, or have it execute a file that never answers. */
#define WAY_IN_MS  30000
#define ABANDON_MS 1000

static char *const default_env[] = {
	(char *)"HOME=/", (char *)"TERM=linux",
	(char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL
};

struct enter {
	const struct enter_opts *o;
	int pidfd; /* of the VE's init */
	int cgroup;
	bool move; /* into the cgroup by cgroup.procs: see ve_enter() */
	int exe;   /* vz-entry */
	int hangup_fd;
	struct sock_fprog filter;
	struct sec_conf sec;
};

/* What vz-entry was about when it failed. */
static const struct step {
	const char *text;
	enum vz_exit exit;
} steps[ENTRY_STEPS] = {
	[ENTRY_RUN] = { "execute vz-entry from memory", 0 },
	[ENTRY_REQUEST] = { "take the orders for entering the container", 0 },
	[ENTRY_CGROUP] = { "move into the container's cgroup", 0 },
	[ENTRY_JOIN] = { "join the container's namespaces", 0 },
	[ENTRY_ROOT] = { "become the container's root", 0 },
	[ENTRY_FORK] = { "fork inside the container", 0 },
	[ENTRY_SESSION] = { "leave the caller's session", 0 },
	[ENTRY_PTY] = { "allocate a pty in the container (is /dev/pts mounted there?)", 0 },
	[ENTRY_STDIO] = { "set up standard input and output in the container", 0 },
	[ENTRY_CWD] = { "change to the root directory", 0 },
	[ENTRY_FILTER] = { "load the system call filter", 0 },
	[ENTRY_CAPS] = { "set capabilities", VZ_EXIT_CAP },
};

static int story(const struct enter *x, const struct entry_msg *m, struct vz_error *e)
{
	/* a file system of the VE's may answer with any number; two mean something in here */
	const int code = m->code == -ECONNRESET || m->code == -ESTALE ? -EIO : m->code;

	if (m->step == ENTRY_EXEC)
		return vz_fail_exit(e, code, VZ_EXIT_BROKEN, "execute %s in the container",
				    x->o->argv[0]);
	if (m->step < 0 || m->step >= ENTRY_STEPS)
		return vz_fail(e, -EPROTO, "the process entering the container spoke nonsense");
	return vz_fail_exit(e, code, steps[m->step].exit, "%s", steps[m->step].text);
}

static int receive(const struct enter *x, int sock, struct entry_msg *m, int *fd,
		   struct vz_error *e)
{
	int r = os_recv_wait(sock, x->hangup_fd, WAY_IN_MS);

	if (r == -ECANCELED)
		return vz_fail(e, r, "interrupted");
	if (r == -ETIMEDOUT)
		return vz_fail_exit(
			e, -EBUSY, VZ_EXIT_EXEC_TIMEOUT,
			"the container lets no process in (frozen, or hanging in its file systems?)");
	if (r >= 0)
		r = os_recv_fds(sock, m, sizeof(*m), fd, 1);
	if (r < 0)
		return r;
	return m->code < 0 ? story(x, m, e) : 0;
}

/* The pid and its pidfd from outside(), the pty's master from inside(), in either order; then the exec. */
static int follow(const struct enter *x, int sock, struct entered *ret, struct vz_error *e)
{
	struct entry_msg m;
	int r, fd;

	while ((r = receive(x, sock, &m, &fd, e)) >= 0) {
		int *to = m.pid > 0 ? &ret->pidfd : &ret->master;

		if (fd < 0 || *to >= 0) {
			(void)safe_close(fd);
			return vz_fail(e, -EPROTO,
				       "the process entering the container spoke nonsense");
		}
		*to = fd;
		if (m.pid > 0)
			ret->pid = m.pid;
	}
	if (r != -ECONNRESET)
		return r;
	/* closed without a word: the exec happened */
	if (ret->pid <= 0 || (x->o->pty && ret->master < 0))
		return vz_fail(e, r, "the process died on its way into the container");
	return 0;
}

/* Orders and descriptors, before anybody reads them. */
static int order(const struct enter *x, int sock, struct vz_error *e)
{
	const size_t len = ENTRY_REQUEST_LEN(x->filter.len);
	const char *cwd = x->o->cwd ? x->o->cwd : "/";
	_cleanup_free_ struct entry_request *q = calloc(1, sizeof(*q));
	int fds[ENTRY_FDS], r;
	size_t n = 0;

	if (!q)
		return vz_fail(e, -ENOMEM, "order a process into the container");
	if (strlen(cwd) >= sizeof(q->cwd))
		return vz_fail(e, -ENAMETOOLONG, "change to %s", cwd);
	memcpy(q->cwd, cwd, strlen(cwd));
	memcpy(q->filter, x->filter.filter, x->filter.len * sizeof(*q->filter));
	q->filter_len = x->filter.len;
	q->caps = sec_caps_wanted(&x->sec);
	q->flags = (x->sec.userns ? ENTRY_WITH_USERNS : 0) | (x->o->pty ? ENTRY_WITH_PTY : 0) |
		   (x->move ? ENTRY_WITH_MOVE : 0);
	for (; !x->o->pty && n < 3; n++)
		fds[n] = x->o->fds[n];
	fds[n++] = x->pidfd;
	if (x->move)
		fds[n++] = x->cgroup;
	r = os_send_fds(sock, q, len, fds, n);
	return r < 0 ? vz_fail(e, r, "order a process into the container") : 0;
}

static int prepare(const struct ve *ve, struct enter *x, struct vz_error *e)
{
	_cleanup_close_ int cg = -EBADF;

	x->pidfd = state_open_init(ve, NULL);
	if (x->pidfd < 0)
		return vz_fail_exit(e, -ESRCH, VZ_EXIT_NOT_RUNNING, "Container is not running");
	if (cpt_is_suspended(ve))
		return vz_fail_exit(e, -EAGAIN, VZ_EXIT_NOT_RUNNING,
				    "Container is suspended in memory: 'vzctl chkpnt %u --resume' "
				    "first",
				    ve->id);
	cg = ve_cg_open(ve);
	if (cg < 0)
		return vz_fail(e, cg, "open the container's cgroup");
	x->cgroup = cg_open_enter(cg, ve->conf.uid_base, ve->conf.gid_base, e);
	if (x->cgroup < 0)
		return x->cgroup;
	x->exe = os_memfd("vz-entry", vz_entry, sizeof(vz_entry), true);
	if (x->exe < 0)
		return vz_fail_exit(e, x->exe, VZ_EXIT_KERNEL,
				    "make a program in memory (is sysctl vm.memfd_noexec 2?)");
	ve_sec_conf(ve, cg, &x->sec);
	return sec_seccomp_get(&x->sec, &x->filter, e);
}

static void enter_done(struct enter *x)
{
	x->pidfd = safe_close(x->pidfd);
	x->cgroup = safe_close(x->cgroup);
	x->exe = safe_close(x->exe);
	sec_seccomp_done(&x->filter);
}

/* In the VE's cgroup, still this program: vz-entry takes it from here. */
static _Noreturn void child(const struct enter *x, int sock)
{
	char *const *env = x->o->env ? x->o->env : default_env;
	struct entry_msg m = { .step = ENTRY_RUN };
	int r = sock == 0 ? os_keep_on_exec(sock) : RET_NERRNO(dup2(sock, 0));

	if (r >= 0)
		r = RET_NERRNO(execveat(x->exe, "", x->o->argv, env, AT_EMPTY_PATH));
	m.code = r;
	IGNORE(os_send_fds(sock, &m, sizeof(m), NULL, 0));
	_exit(1);
}

/* A failed attempt's process inside, whether or not we were told of it yet, ends and is reaped. */
static void abandon(int sock, struct entered *got)
{
	struct entry_msg m;
	int fd;

	if (got->pid <= 0)
		while (os_recv_wait(sock, 0, ABANDON_MS) >= 0 &&
		       os_recv_fds(sock, &m, sizeof(m), &fd, 1) >= 0) {
			(void)safe_close(fd);
			if (m.pid > 0)
				got->pid = m.pid;
		}
	if (got->pid > 0) { /* our child: its pid is ours until reaped */
		if (got->pidfd < 0)
			got->pidfd = os_pidfd_open(got->pid);
		IGNORE(os_kill_reap(got->pid, got->pidfd, NULL));
	}
	(void)safe_close(got->pidfd);
	(void)safe_close(got->master);
}

/* -ESTALE: the child was killed at birth. */
static int attempt(struct enter *x, struct entered *ret, struct vz_error *e)
{
	struct entered got = { .pid = 0, .pidfd = -EBADF, .master = -EBADF };
	_cleanup_close_ int sock = -EBADF, theirs = -EBADF, outer = -EBADF;
	int pair[2], r, status = 0;
	pid_t pid;

	r = os_seqpacket_pair(pair);
	if (r < 0)
		return vz_fail(e, r, "make a socket pair");
	sock = pair[0];
	theirs = pair[1];
	r = order(x, sock, e);
	if (r < 0)
		return r;
	pid = os_clone(0, x->move ? -EBADF : x->cgroup, &outer);
	if (pid < 0)
		return vz_fail(e, pid, "fork into the container's cgroup");
	if (pid == 0)
		child(x, theirs);
	theirs = safe_close(theirs);
	r = follow(x, sock, &got, e);
	/* it has done its work, or ends of an error, or is kept from either */
	if (r == -ECONNRESET)
		IGNORE(os_pidfd_wait(outer, ABANDON_MS));
	IGNORE(os_kill_reap(pid, outer, &status));
	if (r >= 0) {
		*ret = got;
		return 0;
	}
	abandon(sock, &got);
	return r == -ECONNRESET && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? -ESTALE : r;
}

/*
 * Linux 6.12 to 6.18 kill a child cloned into a cgroup at birth when cgroup.kill was
 * written to the one and not to the other, and the VE may write it to its own
 * vz.enter: then the process moves itself there, which is slower.
 */
int ve_enter(const struct ve *ve, const struct enter_opts *o, struct entered *ret,
	     struct vz_error *e)
{
	_cleanup_(enter_done) struct enter x = {
		.o = o, .pidfd = -EBADF, .cgroup = -EBADF, .exe = -EBADF, .hangup_fd = ve->hangup_fd
	};
	int r = prepare(ve, &x, e);

	if (r >= 0)
		r = attempt(&x, ret, e);
	if (r == -ESTALE) {
		x.move = true;
		vz_error_clear(e);
		r = attempt(&x, ret, e);
	}
	return r;
}

int status_code(int wstatus)
{
	return WIFEXITED(wstatus) ? WEXITSTATUS(wstatus) : 128 + WTERMSIG(wstatus);
}
