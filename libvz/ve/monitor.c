/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one process per VE that stays on the host.  It carries out the start on
 * behalf of a command ("front"), then serves the console, and when init ends it
 * takes the VE down, or starts it again when the VE asked for a reboot.
 *
 * It is not needed: killed, the VE runs on, and every command works without it;
 * only console and reboot are lost.  So nothing is kept in it that is not on disk.
 */
#include "ve/start.h"

#include "base/str.h"
#include "mech/tty/tty.h"
#include "os/os.h"
#include "ve/cpt.h"

#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define REBOOT_LOCK_MS (24 * 3600 * 1000)
#define LOCK_RETRY_MS  50

/* Monitor to front, until FRONT_DONE or FRONT_FAIL ends the conversation. */
enum front_what { FRONT_LOG = 1, FRONT_TIME, FRONT_DONE, FRONT_FAIL };
struct front_msg {
	enum front_what what;
	int level;
	uint64_t us;
	struct vz_error error; /* LOG: its text is the line; TIME: the phase */
};

static void front_log(void *data, int level, const char *line)
{
	struct start_op *op = data;
	struct front_msg m = { .what = FRONT_LOG, .level = level };

	(void)snprintf(m.error.text, sizeof(m.error.text), "%s", line);
	if (op->front >= 0)
		IGNORE(os_send_fds(op->front, &m, sizeof(m), NULL, 0));
}

void monitor_time(void *data, const char *phase, uint64_t us)
{
	struct start_op *op = data;
	struct front_msg m = { .what = FRONT_TIME, .us = us };

	(void)snprintf(m.error.text, sizeof(m.error.text), "%s", phase);
	if (op->front >= 0)
		IGNORE(os_send_fds(op->front, &m, sizeof(m), NULL, 0));
}

static bool front_gone(struct start_op *op)
{
	struct pollfd p = { .fd = op->front, .events = 0 };

	return op->front >= 0 && poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR);
}

static void front_end(struct start_op *op, const struct vz_error *failed)
{
	struct front_msg m = { .what = failed ? FRONT_FAIL : FRONT_DONE };

	if (failed)
		m.error = *failed;
	if (op->front >= 0)
		IGNORE(os_send_fds(op->front, &m, sizeof(m), NULL, 0));
	if (failed || !op->hold)
		op->front = safe_close(op->front);
}

/* A held init lives as long as the command that wanted it. */
static void watch_held(const struct start_op *op)
{
	struct pollfd p[] = { { .fd = op->spawn.pidfd, .events = POLLIN },
			      { .fd = op->front, .events = 0 } };

	while (poll(p, ARRAY_SIZE(p), -1) < 0 && errno == EINTR)
		;
	IGNORE(os_pidfd_kill(op->spawn.pidfd, SIGKILL));
}

/* Console until init ends; without a console just wait. Then reap: the wait status. */
static int watch(struct start_op *op)
{
	_cleanup_free_ char *path = NULL;
	struct tty_console *con = NULL;
	struct spawn *s = &op->spawn;
	int listener = -EBADF, status = 0;

	if (op->hold)
		watch_held(op);
	else if (str_fmt(&path, "%s/%u/console", op->ve->host->rundir, op->ve->id) >= 0)
		listener = tty_console_listen(path);
	if (listener >= 0 &&
	    tty_console_new(&con, s->console.master, s->console.slave, listener) >= 0) {
		s->console.master = s->console.slave = -EBADF;
		tty_console_remember(con, op->history, op->history_len);
		IGNORE(tty_console_run(con, s->pidfd));
	} else {
		(void)safe_close(listener);
	}
	IGNORE(os_pidfd_wait(s->pidfd, -1));
	IGNORE(os_reap(s->init, &status));
	con = tty_console_free(con);
	spawn_done(s);
	s->init = 0;
	return status;
}

/* Is the VE still the one we started? Another command may have taken it down and up again. */
static bool still_ours(const struct start_op *op)
{
	struct ve_state s;

	return state_read(op->ve, &s) >= 0 && s.monitor == op->state.monitor &&
	       s.monitor_start == op->state.monitor_start && s.started_ms == op->state.started_ms;
}

/*
 * The lock, as long as the VE is ours to look after: a command that took it down
 * meanwhile must not find the lock it just released held by us.
 */
static int lock_ours(const struct start_op *op, const char *verb)
{
	uint64_t end = os_now_ms() + REBOOT_LOCK_MS;
	int lock;

	for (;;) {
		if (!still_ours(op))
			return -ESRCH;
		lock = ve_lock(op->ve, verb, 0, NULL);
		if (lock != -EAGAIN || os_now_ms() >= end)
			return lock;
		(void)poll(NULL, 0, LOCK_RETRY_MS);
	}
}

/* Nobody waits for our answer any more: it goes to the log. */
static void tell_log(const struct start_op *op, const char *what, const struct vz_error *e)
{
	const char *cause = e->code < 0 ? strerrorname_np(-e->code) : NULL;

	log_err(op->ve->log, "%s failed: %s%s%s", what, e->text, cause ? ": " : "",
		cause ? cause : "");
}

/* What the VE's configuration says now decides whether it comes up again. */
static bool start_again(struct start_op *op, struct vz_error *e)
{
	int r = ve_reload(op->ve, e);

	if (r >= 0)
		r = ve_start_check(op->ve, 0, e);
	if (r < 0)
		return false;
	start_op_init(op, op->ve, 0);
	op->front = -EBADF;
	r = start_run(op, e);
	start_op_done(op);
	return r >= 0;
}

/* Init ended on its own: take the VE down; true when it is to be started again. */
static bool after_init(struct start_op *op, int status)
{
	/* reboot(2) in a pid namespace ends its init with SIGHUP for a restart, SIGINT for halt */
	bool again = WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP;
	struct vz_error e = { 0 };
	int lock = lock_ours(op, again ? LOCK_REBOOT : LOCK_HALT);

	if (lock < 0)
		return false;
	if (!still_ours(op)) {
		ve_unlock(op->ve, &lock);
		return false;
	}
	/* it went on after a dump that is still there; SIGKILL is how a checkpoint ends it */
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		ve_drop_dump(op->ve);
	/* killed by a checkpoint whose command died before it could tell */
	if (cpt_recover(op->ve, &e) < 0) {
		tell_log(op, "completing a checkpoint", &e);
		/* the next command finds the journal and tries again */
		ve_unlock(op->ve, &lock);
		return false;
	}
	log_info(op->ve->log, again ? "Container reboots" : "Container halted");
	if (ve_cleanup(op->ve, true, &e) < 0) {
		tell_log(op, "taking the container down", &e);
		again = false;
	} else if (again && !start_again(op, &e)) {
		tell_log(op, "start after a reboot", &e);
		again = false;
	}
	ve_unlock(op->ve, &lock);
	return again;
}

static void detach(void)
{
	int null = os_openat(AT_FDCWD, "/dev/null", O_RDWR, 0, 0);
	sigset_t none;

	for (int fd = 0; fd < 3 && null >= 0; fd++)
		IGNORE(dup2(null, fd));
	if (null > 2)
		(void)safe_close(null);
	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);
	/* a terminal's or a service manager's signals to its group are not for us */
	(void)signal(SIGPIPE, SIG_IGN);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)umask(022);
	IGNORE(chdir("/"));
	(void)prctl(PR_SET_NAME, "vz-monitor", 0, 0, 0);
}

static void remove_dump(const char *dir)
{
	(void)prctl(PR_SET_NAME, "vz-remove", 0, 0, 0);
	IGNORE(os_rm_rf_at(AT_FDCWD, dir));
}

static _Noreturn void monitor(struct start_op *op, int lock_fd)
{
	struct logger log = { .fn = front_log,
			      .data = op,
			      .level = op->ve->log ? op->ve->log->level : 0 };
	const struct logger alone = { .fn = ve_log_line,
				      .data = op->ve,
				      .level = VZ_LOG_INFO + op->ve->host->log_level };
	const int keep[] = { 0, 1, 2, op->front, lock_fd };
	struct vz_error e = { 0 };
	int r;

	(void)setsid();
	detach();
	IGNORE(os_close_except(keep, ARRAY_SIZE(keep)));
	op->ve->log = &log;
	op->front_gone = front_gone;
	op->ve->hangup_fd = op->front;
	r = start_run(op, &e);
	op->ve->hangup_fd = 0;
	start_op_done(op);
	/* the front's copy of the lock goes on guarding what the command still does */
	op->interrupted = front_gone(op);
	if (op->interrupted)
		ve_unlock(op->ve, &lock_fd);
	lock_fd = safe_close(lock_fd);
	front_end(op, r < 0 ? &e : NULL);
	op->ve->log = &alone;
	if (r < 0 && op->interrupted)
		tell_log(op, "start", &e);
	if (r < 0)
		_exit(1);
	op->slow_fd = safe_close(op->slow_fd);
	/* the console and init cannot wait; what stays is removed by who uses the same place next */
	if (op->slow_dir)
		ve_aside(remove_dump, op->slow_dir);
	free(op->slow_dir);
	while (after_init(op, watch(op)))
		;
	_exit(0);
}

/* The monitor is a grandchild: no caller has to reap it, whatever kind of process it is. */
static int fork_monitor(struct start_op *op, int lock_fd)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		pid = fork();
		if (pid != 0)
			_exit(pid < 0);
		monitor(op, lock_fd);
	}
	return os_reap(pid, NULL);
}

/* Read the monitor's words until it says how it went. */
static int listen_front(const struct start_op *op, int sock, struct vz_error *e)
{
	const struct ve *ve = op->ve;

	for (;;) {
		struct front_msg m;
		int r = os_recv_fds(sock, &m, sizeof(m), NULL, 0);

		if (r < 0)
			return vz_fail(
				e, r,
				"the monitor of the container died; 'vzctl stop %u' cleans up",
				ve->id);
		m.error.text[sizeof(m.error.text) - 1] = '\0';
		if (m.what == FRONT_DONE)
			return 0;
		if (m.what == FRONT_FAIL) {
			if (e)
				*e = m.error;
			return m.error.code < 0 ? m.error.code : -EPROTO;
		}
		if (m.what == FRONT_LOG)
			log_msg(ve->log, m.level, "%s", m.error.text);
		else if (m.what == FRONT_TIME && op->time)
			op->time(op->time_data, m.error.text, m.us);
	}
}

/* *ret_held: the front's end, which holds pid 1 until it is closed; else it is closed here. */
static int run(struct start_op *op, int *ret_held, int lock_fd, struct vz_error *e)
{
	_cleanup_close_ int front = -EBADF;
	int pair[2], r;

	r = os_seqpacket_pair(pair);
	if (r < 0)
		return vz_fail(e, r, "make a socket pair");
	front = pair[0];
	op->front = pair[1];
	op->hold = ret_held != NULL;
	r = fork_monitor(op, lock_fd);
	(void)safe_close(pair[1]);
	if (r < 0)
		return vz_fail(e, r, "fork the monitor");
	r = listen_front(op, front, e);
	if (r >= 0 && ret_held)
		*ret_held = TAKE_FD(front);
	return r;
}

int monitor_run(struct start_op *op, int lock_fd, struct vz_error *e)
{
	return run(op, NULL, lock_fd, e);
}

static int start(struct ve *ve, unsigned int flags, int *ret_held, int lock_fd, struct vz_error *e)
{
	struct start_op op;

	start_op_init(&op, ve, flags);
	return run(&op, ret_held, lock_fd, e);
}

int ve_start_check(const struct ve *ve, unsigned int flags, struct vz_error *e)
{
	int r = ve_need_conf(ve, e);

	if (r < 0)
		return r;
	if (ve->conf.disabled && !(flags & START_FORCE))
		return vz_fail_exit(
			e, -EPERM, VZ_EXIT_DISABLED,
			"Container start disabled: use --force, or vzctl set %u --disabled no --save",
			ve->id);
	return ve_config_check(&ve->conf, e);
}

int ve_start(struct ve *ve, unsigned int flags, int lock_fd, struct vz_error *e)
{
	int r = ve_start_check(ve, flags, e);

	if (r < 0)
		return r;
	if (ve_is_running(ve))
		return vz_fail_exit(e, -EBUSY, VZ_EXIT_RUNNING, "Container is already running");
	log_info(ve->log, "Starting container...");
	return start(ve, flags, NULL, lock_fd, e);
}

int ve_start_held(struct ve *ve, int *ret_held, struct vz_error *e)
{
	int r = ve_config_check(&ve->conf, e);

	return r < 0 ? r : start(ve, 0, ret_held, -EBADF, e);
}
