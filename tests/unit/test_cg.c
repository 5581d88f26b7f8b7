/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mech/cg: making, killing, devices and removal, in a cgroup of its own; root in a node only. */
#include <string.h>
#include <sys/sysmacros.h>

#include "cg_env.h"

/* A process in the VE's cgroup, made anew (see cg_kill): 0 pauses, 1 is a fork bomb. */
static pid_t spawn(int cgfd, bool bomb)
{
	int again = cg_make(root, CTID, &unlimited, BASE, BASE, NULL, E);
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
	ok(cg_make(root, CTID, &unlimited, BASE, BASE, NULL, E) == 0, "make: %s", err.text);
	ok(cg_make(root, CTID, &unlimited, BASE, BASE, NULL, E) == 0, "make again");
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
	int early = 0, bad = 0;

	for (int i = 0; i < 5; i++) {
		pid_t pid = spawn(cgfd, true);
		uint64_t tasks = 0, end = os_now_ms() + 5000;

		while (tasks < 3 && os_now_ms() < end && cgfs_count_threads(cgfd, &tasks) == 0)
			(void)usleep(5000);
		early += tasks < 3;
		bad += cg_kill(cgfd, 5000, E) != 0 || cg_populated(cgfd) != 0;
		(void)waitpid(pid, NULL, 0);
	}
	ok_int(early, 0, "the fork bombs went off");
	ok_int(bad, 0, "cgroup.kill ends fork bombs without a freeze: %s", err.text);
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
	ok(cg_make(root, CTID, &unlimited, BASE, BASE, NULL, E) == 0, "make over a leftover");
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

/* errno of opening (a node of) a device from within the cgroup; the nodes are made there as well. */
static int try_device(int cgfd, char type, unsigned int major, unsigned int minor)
{
	int dirfd = cg_open_ve(cgfd, E), pidfd = -EBADF, status = 0;
	pid_t pid = os_clone(0, dirfd, &pidfd);

	if (pid == 0) {
		char path[64];
		int fd;

		(void)snprintf(path, sizeof(path), "/dev/vz-test-dev.%d", (int)getpid());
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

	ok(cg_make(root, CTID, &unlimited, BASE, BASE, NULL, E) == 0, "make");
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
	ok(cg_make("/tmp", CTID, &unlimited, 0, 0, NULL, E) == -EINVAL, "%s", err.text);
}

int main(void)
{
	if (!cg_env_new())
		return test_done();
	test_root();
	test_make();
	test_kill();
	test_bomb();
	test_nested();
	test_devices();
	test_stat();
	cg_env_done();
	return test_done();
}
