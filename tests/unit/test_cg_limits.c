/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mech/cg: limits written, refused, put back, and enforced where the v2 hierarchy has controllers. */
#include <string.h>

#include "cg_env.h"

static char last_warning[1024];

static void remember(void *data, int level, const char *line)
{
	(void)data;
	if (level == VZ_LOG_WARN)
		(void)snprintf(last_warning, sizeof(last_warning), "%s", line);
}

static const struct logger logger = { .fn = remember, .level = VZ_LOG_WARN };

static bool has_limit(int cgfd, const char *file, const char *value)
{
	_cleanup_free_ char *text = NULL;

	return cgfs_read(cgfd, file, &text) == 0 && str_eq(text, value);
}

/* Where the controllers are: values arrive. Where not: the refusal and the warning name cause and way out. */
static void test_limits(void)
{
	struct cg_conf c = unlimited;
	_cleanup_close_ int cgfd = -EBADF;
	int r;

	c.memory_max = 64 << 20;
	c.swap_max = 0;
	c.pids_max = 50;
	c.cpu_units = 2000;
	c.cpu_percent = 250;
	c.cpus = 2;
	r = cg_make(root, CTID, &c, BASE, BASE, NULL, E);
	if (r == -EOPNOTSUPP) {
		ok(strstr(err.text, "no cgroup v2 memory controller for PHYSPAGES, SWAPPAGES") &&
			   strstr(err.text, "CGROUP_MISSING=warn"),
		   "refused: %s", err.text);
		ok(cg_open(root, CTID) == -ENOENT, "a refused make leaves nothing");
		c.missing_warn = true;
		ok(cg_make(root, CTID, &c, BASE, BASE, &logger, E) == 0, "made with missing_warn");
		cgfd = cg_open(root, CTID);
		ok(cg_apply(cgfd, &c, CG_ALL, &logger, E) == 0 && *last_warning, "warned: %s",
		   last_warning);
		c.missing_warn = false;
		ok(cg_apply(cgfd, &c, CG_ALL, &logger, E) == -EOPNOTSUPP, "refused live");
		return;
	}
	ok(r == 0, "make with limits: %s", err.text);
	cgfd = cg_open(root, CTID);
	ok(cg_apply(cgfd, &c, CG_ALL, NULL, E) == 0, "apply: %s", err.text);
	ok(has_limit(cgfd, "memory.max", "67108864"), "memory.max");
	ok(has_limit(cgfd, "pids.max", "50"), "pids.max");
	ok(has_limit(cgfd, "cpu.weight", "200"), "cpu.weight");
	ok(has_limit(cgfd, "cpu.max", "200000 100000"),
	   "cpu.max is the smaller of CPULIMIT and CPUS");
	c.pids_max = 60;
	c.cpumask = "no list";
	ok(cg_apply(cgfd, &c, CG_ALL, NULL, E) < 0, "bad CPUMASK: %s", err.text);
	ok(has_limit(cgfd, "pids.max", "50"), "the others are put back");
	c.cpumask = NULL;
	ok(cg_apply(cgfd, &unlimited, CG_MEM, NULL, E) == 0 &&
		   has_limit(cgfd, "memory.max", "max") && has_limit(cgfd, "pids.max", "50"),
	   "only what is named");
}

static bool enforces(const char *controller)
{
	_cleanup_close_ int cgfd = cg_open(root, CTID);
	_cleanup_free_ char *list = NULL;

	return cgfs_read(cgfd, "cgroup.controllers", &list) == 0 && cgfs_has_word(list, controller);
}

/* Run fn in the VE's cgroup; the wait status. */
static int run_in(int cgfd, int (*fn)(void))
{
	int again = cg_make(root, CTID, &unlimited, BASE, BASE, NULL, E);
	int dirfd = again < 0 ? again : cg_open_ve(cgfd, E), pidfd = -EBADF, status = -1;
	pid_t pid = os_clone(0, dirfd, &pidfd);

	if (pid == 0)
		_exit(fn());
	(void)safe_close(dirfd);
	(void)safe_close(pidfd);
	(void)waitpid(pid, &status, 0);
	return status;
}

static int eat_128m(void)
{
	volatile char *p = malloc(128U << 20);

	for (size_t i = 0; p && i < 128U << 20; i += 4096)
		p[i] = 1;
	return 0;
}

/* How many forks succeed, at most 100; they end with their parent. */
static int fork_100(void)
{
	int n = 0;
	pid_t pid;

	while (n < 100 && (pid = fork()) >= 0) {
		if (pid == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				(void)pause();
		}
		n++;
	}
	return n;
}

static int burn_3s(void)
{
	uint64_t end = os_now_ms() + 3000;

	while (os_now_ms() < end)
		;
	return 0;
}

static void set_limits(int cgfd, const struct cg_conf *c)
{
	ok(cg_apply(cgfd, c, CG_ALL, NULL, E) == 0, "apply: %s", err.text);
}

static void test_memory_limit(int cgfd)
{
	struct cg_conf c = unlimited;
	struct cg_stat st = { 0 };
	uint64_t start;
	int status;
	pid_t pid;

	c.memory_max = 64 << 20;
	c.swap_max = 0;
	set_limits(cgfd, &c);
	status = run_in(cgfd, eat_128m);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "PHYSPAGES kills who takes more");
	ok(cg_stat(cgfd, &st) == 0 && st.oom_kills >= 1 && st.memory_peak <= 64 << 20,
	   "and it is counted");
	set_limits(cgfd, &unlimited);
	status = run_in(cgfd, eat_128m);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "raised live, it fits");

	pid = os_fork(NULL);
	if (pid == 0) {
		int ve = cg_open_ve(cgfd, E);

		(void)!os_write_file_at(ve, "cgroup.procs", "0");
		_exit(eat_128m() || pause());
	}
	do {
		(void)usleep(20000);
		status = cg_stat(cgfd, &st);
	} while (status == 0 && st.memory < 120 << 20);
	start = os_now_ms();
	set_limits(cgfd, &c);
	ok(os_now_ms() - start < 10000, "lowered below what is used: returns (%d ms)",
	   (int)(os_now_ms() - start));
	(void)waitpid(pid, &status, 0);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "and it was killed");
}

static void test_pids_limit(int cgfd)
{
	struct cg_conf c = unlimited;
	struct cg_stat st = { 0 };
	int status;

	c.pids_max = 50;
	set_limits(cgfd, &c);
	status = run_in(cgfd, fork_100);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 49,
	   "NUMPROC 50: 49 forks of one process (%d)", WEXITSTATUS(status));
	ok(cg_stat(cgfd, &st) == 0 && st.pids_failed >= 1 && st.pids_peak == 50, "counted");
	ok(cg_kill(cgfd, 5000, E) == 0, "kill");
}

static void test_cpu_limit(int cgfd)
{
	struct cg_conf c = unlimited;
	struct cg_stat a = { 0 }, b = { 0 };
	uint64_t t0, t1, used;
	int percent;

	c.cpu_percent = 30;
	set_limits(cgfd, &c);
	t0 = os_now_ms();
	ok_int(cg_stat(cgfd, &a), 0, "stat before");
	ok_int(run_in(cgfd, burn_3s), 0, "burn");
	ok_int(cg_stat(cgfd, &b), 0, "stat after");
	t1 = os_now_ms();
	used = b.cpu_user_us + b.cpu_system_us - a.cpu_user_us - a.cpu_system_us;
	percent = (int)(used / 10 / (t1 - t0)); /* of one CPU */
	ok(percent >= 28 && percent <= 32, "CPULIMIT 30 is %d %%", percent);
}

/* The limits for real, where this machine's v2 hierarchy has the controllers. */
static void test_enforced(void)
{
	static const struct {
		const char *controller;
		void (*test)(int cgfd);
	} tests[] = {
		{ "memory", test_memory_limit },
		{ "pids", test_pids_limit },
		{ "cpu", test_cpu_limit },
	};
	_cleanup_close_ int cgfd = -EBADF;

	ok(cg_make(root, CTID, &unlimited, BASE, BASE, NULL, E) == 0, "make");
	cgfd = cg_open(root, CTID);
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		if (enforces(tests[i].controller))
			tests[i].test(cgfd);
		else
			skip("cgroup: no v2 %s controller", tests[i].controller);
	}
	ok(cg_remove(root, CTID, E) == 0, "remove: %s", err.text);
}

int main(void)
{
	if (!cg_env_new())
		return test_done();
	test_enforced();
	test_limits();
	cg_env_done();
	return test_done();
}
