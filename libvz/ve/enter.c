/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Processes put into a running VE.
 *
 * Two forks: the first joins every namespace while it is still only visible on
 * the host, is not dumpable and holds nothing of the host's but what it needs;
 * the second is born inside (a pid namespace is entered by birth), as a child of
 * the caller (CLONE_PARENT).  All its ids are the VE root's before it executes
 * anything; it wears the VE's filter and capabilities like init.
 */
#include "ve/ve.h"

#include "base/str.h"
#include "mech/tty/tty.h"
#include "os/os.h"
#include "ve/child.h"

#include <linux/sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
/* The VE can freeze or stop what enters it, or have it execute a file that never answers. */
#define WAY_IN_MS    30000
#define ABANDON_MS   1000
#define ALL_NS                                                                     \
	(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | \
	 CLONE_NEWCGROUP | CLONE_NEWTIME)

static char *const default_env[] = { (char *)"HOME=/", (char *)"TERM=linux",
				     (char *)"PATH=" DEFAULT_PATH, NULL };

struct enter {
	const struct enter_opts *o;
	int pidfd; /* of the VE's init */
	int cgroup;
	bool move; /* into the cgroup by cgroup.procs: see ve_enter() */
	int sock;  /* to the caller */
	struct sock_fprog filter;
	struct sec_conf sec;
};

struct enter_msg {
	pid_t pid;
	struct vz_error error;
};

static _Noreturn void fail(int sock, const struct vz_error *error)
{
	struct enter_msg m = { .error = *error };

	IGNORE(os_send_fds(sock, &m, sizeof(m), NULL, 0));
	_exit(1);
}

/* /dev/null of the VE may be anything: an empty pipe stands in where no descriptor was given. */
static int null_fd(int want_write)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	(void)safe_close(p[!want_write]);
	return p[want_write];
}

static int take_fds(const struct enter_opts *o, int pty_slave, struct vz_error *e)
{
	for (int i = 0; i < 3; i++) {
		int fd = pty_slave >= 0 ? pty_slave : o->fds[i];

		if (fd < 0)
			fd = null_fd(i != 0);
		/* a descriptor that is in its place already would still close on exec */
		if (fd < 0 || (fd == i ? os_keep_on_exec(fd) < 0 : dup2(fd, i) < 0))
			return vz_fail(e, fd < 0 ? fd : -errno, "set up descriptor %d", i);
	}
	if (pty_slave >= 0)
		(void)ioctl(0, TIOCSCTTY, 0);
	return 0;
}

/* execvpe inside, with bash falling back to sh as OpenVZ's exec does. */
static void exec_inside(char *const *argv, char *const *env)
{
	char *sh[8] = { NULL };
	size_t n = strv_len(argv);

	(void)execvpe(argv[0], argv, env);
	if (errno != ENOENT || strcmp(argv[0], "bash") != 0 || n >= ARRAY_SIZE(sh))
		return;
	memcpy(sh, argv, n * sizeof(*sh));
	sh[0] = (char *)"sh"; /* busybox goes by its name */
	(void)execvpe("sh", sh, env);
}

/* Inside, as the VE's root, about to execute: whatever happens here the VE may see. */
static _Noreturn void inside(const struct enter *x)
{
	_cleanup_close_ int master = -EBADF, slave = -EBADF;
	char *const *env = x->o->env ? x->o->env : default_env;
	struct enter_msg ready = { 0 };
	struct vz_error e = { 0 };
	int r = 0;

	/* out of the caller's session: /dev/tty in the VE would be the host's terminal, open to TIOCSTI */
	if (setsid() < 0)
		r = vz_fail(&e, -errno, "leave the caller's session");
	if (r >= 0 && x->o->pty) {
		r = tty_alloc(&master, &slave);
		if (r < 0)
			(void)vz_fail(
				&e, r,
				"allocate a pty in the container (is /dev/pts mounted there?)");
	}
	if (r >= 0)
		r = os_send_fds(x->sock, &ready, sizeof(ready), &master, master >= 0);
	if (r >= 0)
		r = take_fds(x->o, slave, &e);
	if (r >= 0 && chdir(x->o->cwd ? x->o->cwd : "/") < 0 && chdir("/") < 0)
		r = vz_fail(&e, -errno, "change to the root directory");
	if (r >= 0)
		r = os_cloexec_from(3);
	if (r >= 0)
		r = sec_seccomp_load(&x->filter, &e);
	if (r >= 0)
		r = sec_caps_apply(&x->sec, &e);
	if (r < 0)
		fail(x->sock, &e);
	(void)setenv("PATH", DEFAULT_PATH, 1);
	exec_inside(x->o->argv, env);
	(void)vz_fail_exit(&e, -errno, VZ_EXIT_BROKEN, "execute %s in the container",
			   x->o->argv[0]);
	fail(x->sock, &e);
}

static int join(const struct enter *x, struct vz_error *e)
{
	int r = os_setns(x->pidfd, ALL_NS | (x->sec.userns ? CLONE_NEWUSER : 0));

	if (r < 0)
		return vz_fail(e, r, "join the container's namespaces");
	r = os_setgroups0();
	if (r >= 0)
		r = os_setresgid(0, 0, 0);
	if (r >= 0)
		r = os_setresuid(0, 0, 0);
	/* a change of ids sets it to fs.suid_dumpable, which an administrator may have at 1 */
	if (r >= 0)
		r = RET_NERRNO(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
	return r < 0 ? vz_fail(e, r, "become the container's root") : 0;
}

/* Outside still: host root in the VE's cgroup, on the way in. */
static _Noreturn void outside(const struct enter *x)
{
	const int *f = x->o->fds;
	const int keep[] = { x->sock,
			     x->pidfd,
			     x->move ? x->cgroup : -1,
			     x->o->pty ? -1 : f[0],
			     x->o->pty ? -1 : f[1],
			     x->o->pty ? -1 : f[2] };
	struct enter_msg m = { 0 };
	struct vz_error e = { 0 };
	int r = RET_NERRNO(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));

	if (r >= 0)
		r = os_close_except(keep, ARRAY_SIZE(keep));
	if (r < 0)
		(void)vz_fail(&e, r, "close what the container must not see");
	child_shed_inheritance();
	if (r >= 0 && x->move) {
		r = os_write_file_at(x->cgroup, "cgroup.procs", "0");
		if (r < 0)
			(void)vz_fail(&e, r, "move into the container's cgroup");
	}
	if (r >= 0)
		r = join(x, &e);
	if (r < 0)
		fail(x->sock, &e);
	m.pid = os_clone(CLONE_PARENT, -1, NULL);
	if (m.pid == 0)
		inside(x);
	if (m.pid < 0) {
		(void)vz_fail(&e, m.pid, "fork inside the container");
		fail(x->sock, &e);
	}
	r = os_send_fds(x->sock, &m, sizeof(m), NULL, 0);
	_exit(r < 0);
}

static int receive(int sock, struct enter_msg *m, int *fd, struct vz_error *e)
{
	int r = os_recv_wait(sock, 0, WAY_IN_MS);

	if (r == -ETIMEDOUT)
		return vz_fail_exit(
			e, -EBUSY, VZ_EXIT_EXEC_TIMEOUT,
			"the container lets no process in (frozen, or hanging in its file systems?)");
	if (r >= 0)
		r = os_recv_fds(sock, m, sizeof(*m), fd, fd ? 1 : 0);
	if (r < 0)
		return r;
	if (m->error.code < 0) {
		m->error.text[sizeof(m->error.text) - 1] = '\0';
		if (e)
			*e = m->error;
		return m->error.code;
	}
	return 0;
}

/* The pid from outside(), the pty's master from inside(), in either order; then the exec. */
static int follow(const struct enter *x, int sock, struct entered *ret, struct vz_error *e)
{
	struct enter_msg m;
	int r, fd;

	for (int i = 0; i < 2; i++) {
		r = receive(sock, &m, &fd, e);
		if (r == -ECONNRESET)
			return vz_fail(e, r, "the process died on its way into the container");
		if (r < 0)
			return r;
		if (m.pid > 0)
			ret->pid = m.pid;
		if (fd >= 0)
			ret->master = fd;
	}
	if (ret->pid <= 0 || (x->o->pty && ret->master < 0))
		return vz_fail(e, -EPROTO, "the process entering the container spoke nonsense");
	ret->pidfd = os_pidfd_open(ret->pid);
	if (ret->pidfd < 0)
		return vz_fail(e, ret->pidfd, "open pid %d", ret->pid);
	/* closed without a word: the exec happened */
	r = receive(sock, &m, NULL, e);
	return r == -ECONNRESET ? 0 : r < 0 ? r : vz_fail(e, -EPROTO, "unexpected message");
}

static int prepare(const struct ve *ve, struct enter *x, struct vz_error *e)
{
	_cleanup_close_ int cg = -EBADF;
	int r;

	x->pidfd = state_open_init(ve, NULL);
	if (x->pidfd < 0)
		return vz_fail_exit(e, -ESRCH, VZ_EXIT_NOT_RUNNING, "Container is not running");
	cg = ve_cg_open(ve);
	if (cg < 0)
		return vz_fail(e, cg, "open the container's cgroup");
	x->cgroup = cg_open_enter(cg, ve->conf.uid_base, ve->conf.gid_base, e);
	if (x->cgroup < 0)
		return x->cgroup;
	ve_sec_conf(&ve->conf, &x->sec);
	r = sec_seccomp_get(&x->sec, &x->filter, e);
	return r;
}

static void enter_done(struct enter *x)
{
	x->pidfd = safe_close(x->pidfd);
	x->cgroup = safe_close(x->cgroup);
	x->sock = safe_close(x->sock);
	sec_seccomp_done(&x->filter);
}

/* A failed attempt's process inside, whether or not we were told of it yet, ends and is reaped. */
static void abandon(int sock, struct entered *got)
{
	struct enter_msg m;
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
	_cleanup_close_ int sock = -EBADF, outer = -EBADF;
	int pair[2], r, status = 0;
	pid_t pid;

	r = os_seqpacket_pair(pair);
	if (r < 0)
		return vz_fail(e, r, "make a socket pair");
	sock = pair[0];
	x->sock = pair[1];
	pid = os_clone(0, x->move ? -EBADF : x->cgroup, &outer);
	if (pid < 0)
		return vz_fail(e, pid, "fork into the container's cgroup");
	if (pid == 0)
		outside(x);
	x->sock = safe_close(x->sock);
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
		.o = o, .pidfd = -EBADF, .cgroup = -EBADF, .sock = -EBADF
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
