/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mech/cr/check.c on children of our own; every row on real VEs is tests/530-check.bats. */
#include "mech/cr/cr.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "os/probe.h"
#include "test.h"

/* A child that called make and then waits to be killed. */
static pid_t child(void (*make)(void))
{
	int ready[2];
	char c;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		exit(1);
	pid = fork();
	if (pid == 0) {
		/* our session and descriptors may have begun outside of the node */
		(void)setsid();
		for (int fd = 0; fd < 256; fd++)
			if (fd != ready[1])
				(void)close(fd);
		if (make)
			make();
		(void)!write(ready[1], "", 1);
		(void)close(ready[1]);
		for (;;)
			(void)pause();
	}
	(void)close(ready[1]);
	(void)!read(ready[0], &c, 1);
	(void)close(ready[0]);
	return pid;
}

static void end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static struct cr_findings look_with(pid_t pid, uint64_t ghost_limit, bool patched)
{
	struct cr_findings f = { 0 };
	struct cr_target t = { .cgfd = -EBADF,
			       .pids = &pid,
			       .npids = 1,
			       .init = pid,
			       .ghost_limit = ghost_limit,
			       .patched = patched,
			       .quick = true };
	struct vz_error e = { 0 };
	int r = cr_check(&t, &f, &e);

	ok(r == 0, "looked at %d: %s", pid, e.text);
	return f;
}

static struct cr_findings look(pid_t pid, uint64_t ghost_limit)
{
	return look_with(pid, ghost_limit, false);
}

/* The first of a process and how many there are: the mounts of the machine we run on are none of ours. */
static const struct cr_finding *own(const struct cr_findings *f, size_t *ret_n)
{
	const struct cr_finding *first = NULL;

	*ret_n = 0;
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].pid) {
			printf("# %s: %s\n", f->v[i].probe, f->v[i].what);
			if ((*ret_n)++ == 0)
				first = &f->v[i];
		}
	return first;
}

static const struct cr_finding *find(const struct cr_findings *f, const char *probe)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->v[i].probe, probe) == 0)
			return &f->v[i];
	return NULL;
}

static void packet_pipes(void)
{
	int p[2];

	(void)!pipe2(p, O_DIRECT | O_CLOEXEC);
	(void)!pipe2(p, O_DIRECT | O_CLOEXEC);
	(void)prctl(PR_SET_NAME, "bad\n\x1b[31mname");
}

static void test_words(void)
{
	pid_t pid = child(packet_pipes);
	struct cr_findings f = look(pid, UINT64_MAX);
	const struct cr_finding *v = find(&f, "packet-pipe");
	_cleanup_free_ char *text = NULL, *want = NULL;
	size_t n;

	(void)own(&f, &n);
	ok_int(n, 1, "two pipes of one process are one finding");
	ok_int(f.worst, CR_FATAL, "fatal");
	if (ok(v && v->pid == pid && v->vpid == pid, "of this process") &&
	    cr_finding_text(v, &text) >= 0 &&
	    asprintf(&want,
		     "bad\\x0a\\x1b[31mname (pid %d) uses a pipe in packet mode (O_DIRECT), which "
		     "cannot be checkpointed: end the program for the time of the checkpoint",
		     pid) >= 0)
		ok_str(text, want, "one line, harmless on a terminal");
	end(pid);
	cr_findings_done(&f);
}

static void test_nothing(void)
{
	pid_t pid = child(NULL);
	struct cr_findings f = look(pid, UINT64_MAX);
	const struct cr_target gone = { .cgfd = -EBADF, .init = INT32_MAX, .quick = true };
	struct vz_error e = { 0 };
	size_t n;

	ok(!own(&f, &n), "a plain process is fine");
	end(pid);
	cr_findings_done(&f);
	ok_int(cr_check(&gone, &f, &e), -ESRCH, "no init: %s", e.text);
}

static void deleted(void)
{
	FILE *f = tmpfile();

	(void)fputs("some text", f);
	(void)fflush(f);
}

static void test_ghost(void)
{
	pid_t pid = child(deleted);
	struct cr_findings small = look(pid, 1 << 20), large = look(pid, 0);

	ok(!find(&small, "deleted-file"), "a small deleted file goes along");
	ok(find(&large, "deleted-file") != NULL, "a large one does not");
	end(pid);
	cr_findings_done(&small);
	cr_findings_done(&large);
}

static void watch_pressure(void)
{
	static const char trigger[] = "some 150000 2000000";
	int fd = open("/proc/pressure/memory", O_RDWR | O_CLOEXEC);

	(void)!write(fd, trigger, sizeof(trigger));
}

/* Kept only by our CRIU, and where the kernel shows it. */
static void test_pressure(void)
{
	int shown = os_probe_psi_triggers();
	struct cr_findings ours, other;
	const struct cr_finding *v;
	pid_t pid;

	if (access("/proc/pressure/memory", W_OK) < 0) {
		skip("pressure: none to be watched");
		return;
	}
	ok(shown == 0 || shown == 1, "the kernel shows triggers or not: %d", shown);
	pid = child(watch_pressure);
	ours = look_with(pid, UINT64_MAX, true);
	other = look(pid, UINT64_MAX);
	v = find(&other, "psi");
	ok(v && v->pid == pid && v->severity == CR_LOST, "lost with another CRIU");
	ok_int(find(&ours, "psi") == NULL, shown == 1, "with ours lost where it is not shown");
	end(pid);
	cr_findings_done(&ours);
	cr_findings_done(&other);
}

static void test_traced(void)
{
	pid_t pid = child(NULL);
	_cleanup_free_ char *want = NULL;
	const struct cr_finding *v;
	struct cr_findings f;
	size_t n;

	if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0) {
		skip("root: may not trace");
		end(pid);
		return;
	}
	f = look(pid, UINT64_MAX);
	v = own(&f, &n);
	if (asprintf(&want, "is being traced by process %d", getpid()) >= 0)
		ok_str(v ? v->what : NULL, want, "a tracer is named");
	end(pid);
	cr_findings_done(&f);
}

/* Another's number instead of a child of the container's: init is the parent of all others. */
static void test_entered(void)
{
	pid_t pids[] = { child(NULL), child(NULL) };
	struct cr_target t = {
		.cgfd = -EBADF, .pids = pids, .npids = 2, .init = pids[0], .quick = true
	};
	struct cr_findings f = { 0 };
	const struct cr_finding *v;

	ok_int(cr_check(&t, &f, NULL), 0, "looked at two");
	v = find(&f, "entered");
	ok(v && v->pid == pids[1], "whose parent is nobody of theirs came from outside");
	ok_int(v ? (int)v->severity : 0, CR_LOST, "and is lost");
	end(pids[0]);
	end(pids[1]);
	cr_findings_done(&f);
}

int main(void)
{
	test_words();
	test_nothing();
	test_ghost();
	test_pressure();
	test_traced();
	test_entered();
	return test_done();
}
