/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The monitor's and the child's side of making a VE's init (protocol: spawn.h).
 *
 * Who is who: the starter is host root in the VE's cgroup; it takes the VE's base
 * id before it unshares the user namespace, so that the kernel counts the
 * namespace's limits on that id; from then on it is the VE's root.  The time
 * namespace comes after it, so that the VE owns it, and is entered by init, which
 * is cloned with everything else as a child of the monitor (CLONE_PARENT).
 */
#include "ve/spawn.h"

#include "base/str.h"
#include "mech/mnt/mnt.h"
#include "os/os.h"
#include "os/shed.h"
#include "ve/child.h"

#include <grp.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

/* Scripts that ran in the VE before its init may have frozen it, or put a file there that never answers. */
#define ANSWER_MS 60000

enum sync_what { SYNC_USERNS = 1, SYNC_TIMENS, SYNC_INIT, SYNC_READY, SYNC_FAIL, SYNC_GO };

struct sync_msg {
	enum sync_what what;
	pid_t pid;
	struct vz_error error;
};

/* ---- the child's side: no logger, no allocation that outlives exec ---- */

static _Noreturn void fail(int sock, const struct vz_error *error)
{
	struct sync_msg m = { .what = SYNC_FAIL, .error = *error };

	IGNORE(os_send_fds(sock, &m, sizeof(m), NULL, 0));
	_exit(1);
}

static int tell(int sock, enum sync_what what, pid_t pid, const int *fds, size_t nfds,
		struct vz_error *e)
{
	struct sync_msg m = { .what = what, .pid = pid };
	int r = os_send_fds(sock, &m, sizeof(m), fds, nfds);

	return r < 0 ? vz_fail(e, r, "report to the monitor") : 0;
}

static int wait_go(int sock, struct vz_error *e)
{
	struct sync_msg m;
	int r = os_recv_fds(sock, &m, sizeof(m), NULL, 0);

	if (r >= 0 && m.what != SYNC_GO)
		r = -EPROTO;
	return r < 0 ? vz_fail(e, r, "wait for the monitor") : 0;
}

static int become_ve_root(const struct spawn *s, int sock, struct vz_error *e)
{
	uid_t uid = s->ve->conf.uid_base;
	gid_t gid = s->ve->conf.gid_base;
	int r = os_setgroups0();

	/* effective ids only: the real ones stay host root's, so nobody else may signal us */
	if (r >= 0)
		r = os_setresgid((gid_t)-1, gid, (gid_t)-1);
	if (r >= 0)
		r = os_setresuid((uid_t)-1, uid, (uid_t)-1);
	if (r >= 0)
		r = os_unshare(CLONE_NEWUSER);
	if (r < 0)
		return vz_fail(e, r, "make the user namespace (is user.max_user_namespaces 0?)");
	r = tell(sock, SYNC_USERNS, 0, NULL, 0, e);
	if (r >= 0)
		r = wait_go(sock, e);
	if (r < 0)
		return r;
	r = os_setresgid(0, 0, 0);
	if (r >= 0)
		r = os_setresuid(0, 0, 0);
	if (r >= 0) /* the change of ids may have set it */
		r = RET_NERRNO(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
	return r < 0 ? vz_fail(e, r, "become the container's root") : 0;
}

static int make_time(int sock, struct vz_error *e)
{
	int r = os_unshare(CLONE_NEWTIME);

	if (r < 0)
		return vz_fail(e, r, "make the time namespace");
	r = tell(sock, SYNC_TIMENS, 0, NULL, 0, e);
	return r < 0 ? r : wait_go(sock, e);
}

/* By its path inside, so that ttyname(3) and a checkpoint find it there. */
static int take_stdio(struct vz_error *e)
{
	_cleanup_close_ int tty =
		os_openat(AT_FDCWD, "/dev/console", O_RDWR | O_NOCTTY, 0, RESOLVE_NO_SYMLINKS);

	if (tty < 0)
		return vz_fail(e, tty, "open the console");
	for (int fd = 0; fd < 3; fd++)
		if (dup2(tty, fd) < 0)
			return vz_fail(e, -errno, "open the console");
	return 0;
}

static _Noreturn void exec_init(int sock, struct vz_error *e)
{
	static const char *const paths[] = { "/sbin/init", "/usr/sbin/init", "/etc/init",
					     "/bin/init" };
	/*
	 * MEMORY_PRESSURE_WATCH: a PSI trigger survives a checkpoint only where the kernel shows it.  One host without
	 * such a kernel, wherever the VE comes to in its life, and systemd spins.
	 */
	static char *const env[] = {
		(char *)"container=openvz",
		(char *)"TERM=linux",
		(char *)"HOME=/",
		(char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		(char *)"MEMORY_PRESSURE_WATCH=/dev/null",
		NULL
	};
	int r = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(paths) && r == -ENOENT; i++) {
		char *argv[] = { (char *)(uintptr_t)paths[i], NULL };

		(void)execve(paths[i], argv, env);
		r = -errno;
	}
	(void)vz_fail_exit(e, r, VZ_EXIT_BROKEN, "execute /sbin/init in the container");
	fail(sock, e);
}

static int set_names(const struct spawn *s, struct vz_error *e)
{
	const char *name = s->hostname ? s->hostname : "localhost";

	if (sethostname(name, strlen(name)) < 0 || setdomainname("(none)", 6) < 0)
		return vz_fail_exit(e, -errno, VZ_EXIT_HOSTNAME, "set the host name %s", name);
	return 0;
}

/* Pid 1 of the VE, in all its namespaces, as its root. */
static _Noreturn void init_main(const struct spawn *s, int sock)
{
	const struct mnt_child_conf mc = { .rootfd = s->rootfd,
					   .devfd = s->devfd,
					   .privileged = !s->sec.userns,
					   .shm_bytes = s->shm_bytes,
					   .ptys = s->ptys,
					   .ptsfd = s->console.mount,
					   .pty = s->console.pty };
	struct vz_error e = { 0 };
	int r;

	(void)setsid();
	/* who made us has to be heard first: both of us write to one socket */
	r = wait_go(sock, &e);
	if (r >= 0)
		r = mnt_child_setup(&mc, &e);
	if (r >= 0)
		r = set_names(s, &e);
	if (r >= 0)
		r = tell(sock, SYNC_READY, 0, NULL, 0, &e);
	if (r >= 0)
		r = wait_go(sock, &e);
	if (r < 0)
		fail(sock, &e);
	shed_inheritance();
	(void)setpriority(PRIO_PROCESS, 0, 0);
	IGNORE(os_write_file_at(AT_FDCWD, "/proc/self/oom_score_adj", "0"));
	r = take_stdio(&e);
	if (r >= 0 && os_cloexec_from(3) < 0)
		r = vz_fail(&e, -errno, "seal descriptors");
	/* the filter before the capabilities: CAPABILITY may take CAP_SYS_ADMIN away */
	if (r >= 0)
		r = sec_seccomp_load(&s->filter, &e);
	if (r >= 0)
		r = sec_caps_apply(&s->sec, &e);
	if (r < 0)
		fail(sock, &e);
	exec_init(sock, &e);
}

/* From now on only what init needs is open, and nobody may look into us. */
static int seal_process(const struct spawn *s, int sock, struct vz_error *e)
{
	const int keep[] = {
		0, 1, 2, sock, s->rootfd, s->devfd, s->console.mount, s->move ? s->cgroup : -1
	};
	int r = RET_NERRNO(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));

	if (r >= 0)
		r = os_close_except(keep, ARRAY_SIZE(keep));
	return r < 0 ? vz_fail(e, r, "close what init must not see") : 0;
}

static _Noreturn void starter_main(const struct spawn *s, int sock)
{
	const uint64_t flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
			       CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_PARENT;
	struct vz_error e = { 0 };
	int pidfd = -EBADF, r;
	pid_t pid;

	r = seal_process(s, sock, &e);
	if (r >= 0 && s->move) {
		r = os_write_file_at(s->cgroup, "cgroup.procs", "0");
		if (r < 0)
			(void)vz_fail(&e, r, "move into the container's cgroup");
	}
	if (r >= 0)
		r = child_set_limits(&e);
	if (r >= 0 && s->sec.userns)
		r = become_ve_root(s, sock, &e);
	if (r >= 0)
		r = make_time(sock, &e);
	if (r < 0)
		fail(sock, &e);
	pid = os_clone(flags, -1, &pidfd);
	if (pid < 0) {
		(void)vz_fail(&e, pid, "clone init into its namespaces");
		fail(sock, &e);
	}
	if (pid == 0)
		init_main(s, sock);
	r = tell(sock, SYNC_INIT, pid, &pidfd, 1, &e);
	_exit(r < 0);
}

/* ---- the monitor's side ---- */

static int expect(const struct spawn *s, enum sync_what what, struct sync_msg *m, int *fds,
		  size_t nfds, struct vz_error *e)
{
	int r = os_recv_wait(s->sock, s->ve->hangup_fd, ANSWER_MS);

	if (r >= 0)
		r = os_recv_fds(s->sock, m, sizeof(*m), fds, nfds);
	if (r == -ETIMEDOUT)
		return vz_fail(e, r, "the container's first process does not go on");
	if (r == -ECANCELED)
		return vz_fail(e, r, "interrupted");
	if (r < 0)
		return vz_fail(e, r, "the container's first process died before its init ran");
	if (m->what == SYNC_FAIL) {
		m->error.text[sizeof(m->error.text) - 1] = '\0';
		if (e)
			*e = m->error;
		return m->error.code < 0 ? m->error.code : -EPROTO;
	}
	if (m->what != what)
		return vz_fail(e, -EPROTO,
			       "unexpected message %d from the container's first process", m->what);
	for (size_t i = 0; i < nfds; i++)
		if (fds[i] < 0)
			return vz_fail(e, -EPROTO, "a descriptor is missing in message %d", what);
	return 0;
}

static int say_go(int sock, struct vz_error *e)
{
	struct sync_msg m = { .what = SYNC_GO };
	int r = os_send_fds(sock, &m, sizeof(m), NULL, 0);

	return r < 0 ? vz_fail(e, r, "let the container's first process go on") : 0;
}

/* "NAME secs nsecs": minus now, with nanoseconds counted upwards as the kernel wants them. */
static void add_offset(struct str *s, const char *name, const struct timespec *now)
{
	bool part = now->tv_nsec > 0;

	str_addf(s, "%s -%lld %ld\n", name, (long long)now->tv_sec + part,
		 part ? 1000000000L - now->tv_nsec : 0L);
}

/* The VE's monotonic and boot clocks begin at its start. */
static int write_time_offsets(pid_t starter, struct vz_error *e)
{
	struct timespec mono, boot;
	_cleanup_str_ struct str text = { 0 };
	char path[64];
	int r;

	if (clock_gettime(CLOCK_MONOTONIC, &mono) < 0 || clock_gettime(CLOCK_BOOTTIME, &boot) < 0)
		return vz_fail(e, -errno, "read the clocks");
	(void)snprintf(path, sizeof(path), "/proc/%d/timens_offsets", starter);
	add_offset(&text, "monotonic", &mono);
	add_offset(&text, "boottime", &boot);
	r = text.failed ? -ENOMEM : os_write_file_at(AT_FDCWD, path, text.p);
	return r < 0 ? vz_fail(e, r, "set the container's clocks") : 0;
}

static int serve_starter(struct spawn *s, pid_t starter, struct vz_error *e)
{
	struct sync_msg m;
	int r = 0;

	if (s->sec.userns) {
		r = expect(s, SYNC_USERNS, &m, NULL, 0, e);
		if (r < 0)
			return r;
		r = os_write_idmap(starter, s->ve->conf.uid_base, s->ve->conf.gid_base, MNT_IDS);
		if (r < 0)
			return vz_fail(e, r, "map ids %u+%u", s->ve->conf.uid_base, MNT_IDS);
		r = say_go(s->sock, e);
	}
	if (r >= 0)
		r = expect(s, SYNC_TIMENS, &m, NULL, 0, e);
	if (r >= 0)
		r = write_time_offsets(starter, e);
	if (r >= 0)
		r = say_go(s->sock, e);
	if (r >= 0)
		r = expect(s, SYNC_INIT, &m, &s->pidfd, 1, e);
	if (r >= 0)
		s->init = m.pid;
	return r;
}

/* -ESTALE: the child was killed at birth (see ve_enter()). */
static int attempt(struct spawn *s, struct vz_error *e)
{
	_cleanup_close_ int theirs = -EBADF;
	int pair[2], r, status = 0;
	struct sync_msg m;
	pid_t starter;

	s->pidfd = s->sock = -EBADF;
	r = os_seqpacket_pair(pair);
	if (r < 0)
		return vz_fail(e, r, "make a socket pair");
	s->sock = pair[0];
	theirs = pair[1];
	starter = os_clone(0, s->move ? -EBADF : s->cgroup, NULL);
	if (starter < 0)
		return vz_fail(e, starter, "fork into the container's cgroup");
	if (starter == 0)
		starter_main(s, theirs);
	theirs = safe_close(theirs);
	r = serve_starter(s, starter, e);
	if (r < 0)
		s->sock = safe_close(s->sock); /* a starter still waiting sees this and ends */
	IGNORE(os_reap(starter, &status));
	if (r >= 0)
		r = say_go(s->sock, e);
	if (r >= 0)
		r = expect(s, SYNC_READY, &m, NULL, 0, e);
	if (r < 0)
		spawn_done(s);
	return r < 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? -ESTALE : r;
}

static int with_console(struct spawn *s, struct vz_error *e)
{
	int r = mnt_console_make(s->ve->conf.uid_base, s->ve->conf.gid_base, &s->console, e);

	return r < 0 ? r : attempt(s, e);
}

int spawn_init(struct spawn *s, struct vz_error *e)
{
	int r = with_console(s, e);

	if (r == -ESTALE) {
		s->move = true;
		vz_error_clear(e);
		r = with_console(s, e);
	}
	return r;
}

int spawn_go(struct spawn *s, struct vz_error *e)
{
	struct vz_error ended;
	struct sync_msg m;
	int r = say_go(s->sock, e);

	if (r < 0)
		return r;
	/* closed without a word: the exec happened, or the process was killed; the pidfd knows */
	r = expect(s, SYNC_FAIL, &m, NULL, 0, &ended);
	if (r == -ECONNRESET && os_pidfd_wait(s->pidfd, 0) == 0) {
		s->sock = safe_close(s->sock);
		return 0;
	}
	if (e)
		*e = ended;
	return r < 0 ? r : -EPROTO;
}

void spawn_done(struct spawn *s)
{
	if (s->init > 0 && s->sock >= 0) {
		IGNORE(os_kill_reap(s->init, s->pidfd, NULL));
		s->init = 0;
	}
	s->sock = safe_close(s->sock);
	s->pidfd = safe_close(s->pidfd);
	mnt_console_done(&s->console);
}
