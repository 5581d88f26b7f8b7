/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mech/cg in a cgroup of its own beneath the machine's v2 hierarchy; root only. */
#include "mech/cg/cg.h"

#include <string.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "base/str.h"
#include "os/cgfs.h"
#include "os/os.h"
#include "test.h"

#define CTID 4711
#define BASE 100000

static const struct cg_conf unlimited = {
	.memory_max = CG_UNLIMITED,
	.swap_max = CG_UNLIMITED,
	.pids_max = CG_UNLIMITED,
	.cpu_units = 1000,
};

static char *root;
static struct vz_error err;
#define E (vz_error_clear(&err), &err)
static char last_warning[1024];

static void remember(void *data, int level, const char *line)
{
	(void)data;
	if (level == VZ_LOG_WARN)
		(void)snprintf(last_warning, sizeof(last_warning), "%s", line);
}

static const struct logger logger = { .fn = remember, .level = VZ_LOG_WARN };

/* A process in the VE's cgroup, made anew (see cg_kill): 0 pauses, 1 is a fork bomb. */
static pid_t spawn(int cgfd, bool bomb)
{
	int again = cg_make(root, CTID, &unlimited, BASE, BASE, false, NULL, E);
	int dirfd = again < 0 ? again : cg_open_ve(cgfd, E), pidfd = -EBADF;
	pid_t pid = os_clone(0, dirfd, &pidfd);

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* each parent waits for no one and at most a few hundred live at once */
		while (bomb) {
			pid_t p = fork();

			if (p < 0 || (p == 0 && getpid() % 3 == 0))
				_exit(0);
			(void)usleep(500);
			while (waitpid(-1, NULL, WNOHANG) > 0)
				;
		}
		for (;;)
			(void)pause();
	}
	(void)safe_close(dirfd);
	(void)safe_close(pidfd);
	return pid;
}

static bool owned_by(int fd, const char *file, uid_t uid)
{
	struct stat st;

	return fstatat(fd, file, &st, 0) == 0 && st.st_uid == uid;
}

static void test_make(void)
{
	_cleanup_close_ int cgfd = -EBADF, ve = -EBADF, enter = -EBADF;

	ok(cg_open(root, CTID) == -ENOENT, "no cgroup before it is made");
	ok(cg_make(root, CTID, &unlimited, BASE, BASE, false, NULL, E) == 0, "make: %s", err.text);
	ok(cg_make(root, CTID, &unlimited, BASE, BASE, false, NULL, E) == 0, "make again");
	cgfd = cg_open(root, CTID);
	ok(cgfd >= 0, "open");
	ve = cg_open_ve(cgfd, E);
	ok(ve >= 0, "open ve");
	ok(owned_by(ve, ".", BASE) && owned_by(ve, "cgroup.procs", BASE) &&
		   owned_by(ve, "cgroup.subtree_control", BASE),
	   "ve is delegated");
	ok(owned_by(ve, "cgroup.freeze", 0) && owned_by(cgfd, "cgroup.procs", 0),
	   "limits and the outer cgroup are not");
	enter = cg_open_enter(cgfd, BASE, BASE, E);
	ok(enter >= 0 && owned_by(enter, "cgroup.procs", BASE), "vz.enter");
	ok(cg_populated(cgfd) == 0, "empty");
}

static int is_frozen(int cgfd)
{
	_cleanup_free_ char *text = NULL;
	uint64_t v = 99;

	return cgfs_read(cgfd, "cgroup.events", &text) < 0 || cgfs_key(text, "frozen", &v) < 0
		       ? -1
		       : (int)v;
}

static void test_kill(void)
{
	_cleanup_close_ int cgfd = cg_open(root, CTID);
	pid_t pid = spawn(cgfd, false);
	int r;

	ok(pid > 0 && cg_populated(cgfd) == 1, "populated");
	ok(cg_wait_empty(cgfd, 20) == -ETIMEDOUT, "wait_empty times out");
	ok(cg_remove(root, CTID, E) == -EBUSY && strstr(err.text, "holds processes"),
	   "remove refuses: %s", err.text);
	ok(cg_freeze(cgfd, true, 1000, E) == 0, "freeze: %s", err.text);
	ok(cg_freeze(cgfd, false, 1000, E) == 0, "thaw");
	ok(cg_freeze(cgfd, true, 1000, E) == 0, "freeze again");
	r = cg_kill(cgfd, 2000, E);
	ok(r == 0, "kill what is frozen: %s", err.text);
	ok(cg_populated(cgfd) == 0, "empty after kill");
	(void)waitpid(pid, NULL, 0);
	pid = spawn(cgfd, false);
	ok(cg_wait_empty(cgfd, 50) == -ETIMEDOUT && is_frozen(cgfd) == 0,
	   "the next one lives, not frozen");
	ok(cg_kill(cgfd, 2000, E) == 0, "kill");
	(void)waitpid(pid, NULL, 0);
}

static void test_bomb(void)
{
	_cleanup_close_ int cgfd = cg_open(root, CTID);
	int bad = 0;

	for (int i = 0; i < 5; i++) {
		pid_t pid = spawn(cgfd, true);
		uint64_t tasks = 0;

		(void)usleep(20000);
		bad += cgfs_count_threads(cgfd, &tasks) < 0 || tasks < 2;
		bad += cg_kill(cgfd, 5000, E) != 0 || cg_populated(cgfd) != 0;
		(void)waitpid(pid, NULL, 0);
	}
	ok(bad == 0, "cgroup.kill ends fork bombs without a freeze (%d of 5 failed)", bad);
}

static void test_nested(void)
{
	_cleanup_close_ int cgfd = cg_open(root, CTID), fd = cg_open_ve(cgfd, NULL);

	for (int i = 0; i < 20; i++) {
		int next = cgfs_mkdir(fd, "deeper", NULL);

		(void)safe_close(fd);
		fd = next;
	}
	ok(fd >= 0, "the VE nests cgroups");
	ok(cg_make(root, CTID, &unlimited, BASE, BASE, false, NULL, E) == 0,
	   "make over a leftover");
	(void)safe_close(fd);
	fd = cg_open_ve(cgfd, NULL);
	ok(cgfs_opendir(fd, "deeper") == -ENOENT, "leftovers are gone");
	for (int i = 0; i < 100 && fd >= 0; i++) {
		int next = cgfs_mkdir(fd, "d", NULL);

		(void)safe_close(fd);
		fd = next;
	}
	ok(fd == -EAGAIN, "depth is bounded (%d)", fd);
	fd = -EBADF;
	ok(cg_remove(root, CTID, E) == 0, "remove: %s", err.text);
	ok(cg_remove(root, CTID, E) == 0, "remove what is gone");
	ok(cg_open(root, CTID) == -ENOENT, "gone");
}

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
	r = cg_make(root, CTID, &c, BASE, BASE, false, NULL, E);
	if (r == -EOPNOTSUPP) {
		ok(strstr(err.text, "no cgroup v2 memory controller for PHYSPAGES, SWAPPAGES") &&
			   strstr(err.text, "CGROUP_MISSING=warn"),
		   "refused: %s", err.text);
		ok(cg_open(root, CTID) == -ENOENT, "a refused make leaves nothing");
		ok(cg_make(root, CTID, &c, BASE, BASE, true, &logger, E) == 0,
		   "made with missing_warn");
		cgfd = cg_open(root, CTID);
		ok(cg_apply(cgfd, &c, CG_ALL, true, &logger, E) == 0 && *last_warning, "warned: %s",
		   last_warning);
		ok(cg_apply(cgfd, &c, CG_ALL, false, &logger, E) == -EOPNOTSUPP, "refused live");
		return;
	}
	ok(r == 0, "make with limits: %s", err.text);
	cgfd = cg_open(root, CTID);
	ok(cg_apply(cgfd, &c, CG_ALL, false, NULL, E) == 0, "apply: %s", err.text);
	ok(has_limit(cgfd, "memory.max", "67108864"), "memory.max");
	ok(has_limit(cgfd, "pids.max", "50"), "pids.max");
	ok(has_limit(cgfd, "cpu.weight", "200"), "cpu.weight");
	ok(has_limit(cgfd, "cpu.max", "200000 100000"),
	   "cpu.max is the smaller of CPULIMIT and CPUS");
	c.pids_max = 60;
	c.cpumask = "no list";
	ok(cg_apply(cgfd, &c, CG_ALL, false, NULL, E) < 0, "bad CPUMASK: %s", err.text);
	ok(has_limit(cgfd, "pids.max", "50"), "the others are put back");
	c.cpumask = NULL;
	ok(cg_apply(cgfd, &unlimited, CG_MEM, false, NULL, E) == 0 &&
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
	int again = cg_make(root, CTID, &unlimited, BASE, BASE, false, NULL, E);
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
	ok(cg_apply(cgfd, c, CG_ALL, false, NULL, E) == 0, "apply: %s", err.text);
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

	ok(cg_make(root, CTID, &unlimited, BASE, BASE, false, NULL, E) == 0, "make");
	cgfd = cg_open(root, CTID);
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		if (enforces(tests[i].controller))
			tests[i].test(cgfd);
		else
			skip("cgroup: no v2 %s controller", tests[i].controller);
	}
	ok(cg_remove(root, CTID, E) == 0, "remove: %s", err.text);
}

/* errno of opening (a node of) a device from within the cgroup; the nodes are made there as well. */
static int try_device(int cgfd, char type, unsigned int major, unsigned int minor)
{
	int dirfd = cg_open_ve(cgfd, E), pidfd = -EBADF, status = 0;
	pid_t pid = os_clone(0, dirfd, &pidfd);

	if (pid == 0) {
		char path[64];
		int fd;

		(void)snprintf(path, sizeof(path), "/tmp/vz-test-dev.%d", (int)getpid());
		if (mknod(path, (type == 'b' ? S_IFBLK : S_IFCHR) | 0600, makedev(major, minor)) <
		    0)
			_exit(200);
		errno = 0;
		fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
		status = fd < 0 ? errno : 0;
		(void)unlink(path);
		_exit(status);
	}
	(void)safe_close(dirfd);
	(void)safe_close(pidfd);
	(void)waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_devices(void)
{
	static const struct cg_dev_rule more[] = {
		{ 'c', 1, 1, CG_DEV_READ | CG_DEV_WRITE },
		{ 'b', 7, -1, CG_DEV_READ },
	};
	_cleanup_close_ int cgfd = -EBADF;
	int r;

	ok(cg_make(root, CTID, &unlimited, BASE, BASE, false, NULL, E) == 0, "make");
	cgfd = cg_open(root, CTID);
	r = cg_devices(cgfd, NULL, 0, E);
	ok(r == 0, "device rules: %s", err.text);
	ok(try_device(cgfd, 'c', 1, 3) == 0, "null opens");
	ok(try_device(cgfd, 'c', 1, 5) == 0, "zero opens");
	ok(try_device(cgfd, 'c', 1, 1) == EPERM, "mem: node made, open denied");
	ok(try_device(cgfd, 'c', 1, 11) == EPERM, "kmsg denied");
	ok(try_device(cgfd, 'b', 7, 0) == EPERM, "loop denied");
	ok(try_device(cgfd, 'b', 1, 3) == EPERM, "a block device with null's numbers denied");
	for (int i = 0; i < 70; i++)
		r = RET_GATHER(r, cg_devices(cgfd, more, ARRAY_SIZE(more), E));
	ok(r == 0, "rules replaced 70 times (64 is the kernel's limit of programs): %s", err.text);
	ok(try_device(cgfd, 'c', 1, 1) != EPERM, "mem granted");
	ok(try_device(cgfd, 'b', 7, 0) == EPERM, "loop is granted for reading only");
	ok(cg_devices(cgfd, NULL, 0, E) == 0 && try_device(cgfd, 'c', 1, 1) == EPERM, "taken back");
}

static void test_stat(void)
{
	_cleanup_close_ int cgfd = cg_open(root, CTID);
	pid_t a = spawn(cgfd, false), b = spawn(cgfd, false);
	struct cg_stat st;

	ok(cg_stat(cgfd, &st) == 0, "stat");
	ok(st.pids == 2, "two tasks, counted or read (%llu)", (unsigned long long)st.pids);
	ok(st.cpu_user_us != UINT64_MAX, "cpu time is always there");
	ok(cg_kill(cgfd, 2000, E) == 0, "kill");
	(void)waitpid(a, NULL, 0);
	(void)waitpid(b, NULL, 0);
}

static void test_root(void)
{
	char *p = NULL;

	ok(cg_root_find(NULL, &p, E) == 0 && strstr(p, "/vz"), "found %s", p ? p : err.text);
	free(p);
	ok(cg_root_find("relative", &p, E) == -EINVAL, "%s", err.text);
	ok(cg_make("/tmp", CTID, &unlimited, 0, 0, false, NULL, E) == -EINVAL, "%s", err.text);
}

int main(void)
{
	_cleanup_free_ char *base = NULL, *dir = NULL;
	int r;

	if (!test_is_root()) {
		skip("root: makes cgroups and processes in them");
		return test_done();
	}
	if (cg_root_find(NULL, &base, E) < 0) {
		ok(false, "%s", err.text);
		return test_done();
	}
	if (asprintf(&dir, "%s-test.%d", base, (int)getpid()) < 0)
		return EXIT_FAILURE;
	root = dir;
	test_root();
	test_make();
	test_kill();
	test_bomb();
	test_nested();
	test_devices();
	test_stat();
	ok(cg_remove(root, CTID, E) == 0, "remove");
	test_enforced();
	test_limits();
	(void)!cg_remove(root, CTID, NULL);
	r = RET_NERRNO(rmdir(root));
	ok(r == 0, "nothing left in %s", root);
	return test_done();
}
