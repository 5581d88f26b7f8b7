/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What CRIU loses of a thread, written down from one set of processes and given to
 * another one of the same shape.  Texts that nobody wrote are refused.
 */
#include "mech/cr/tasks.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "os/os.h"
#include "test.h"

static struct vz_error err;
#define E (vz_error_clear(&err), &err)

enum { MANY = 60, IO_IDLE = 3 << 13, IO_BE7 = 2 << 13 | 7 };

/* ---- pid 1 with MANY threads; a process (2) with a thread (3); a process (4) ---- */

static atomic_int *ready;

static void *thread_main(void *arg)
{
	atomic_fetch_add(ready, 1);
	while (pause())
		;
	return arg;
}

static void wait_ready(int n)
{
	while (atomic_load(ready) < n)
		(void)usleep(1000);
}

static void add_thread(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, thread_main, NULL) != 0)
		_exit(1);
}

static _Noreturn void child(bool threaded)
{
	if (threaded)
		add_thread();
	(void)thread_main(NULL);
	_exit(0);
}

static _Noreturn void init_main(void)
{
	cr_tasks_defaults();
	if (fork() == 0)
		child(true);
	wait_ready(2);
	if (fork() == 0)
		child(false);
	wait_ready(3);
	for (int i = 0; i < MANY; i++)
		add_thread();
	(void)thread_main(NULL);
	_exit(0);
}

struct ve {
	pid_t init;
	int pidfd;
	struct os_pids pids;
};

static struct ve ve_new(void)
{
	struct ve v = { .pidfd = -EBADF };

	atomic_store(ready, 0);
	v.init = os_clone(CLONE_NEWPID, -EBADF, &v.pidfd);
	if (v.init == 0)
		init_main();
	wait_ready(MANY + 4);
	/* they have the next numbers here, with gaps where the machine is busy */
	for (pid_t pid = v.init; pid < v.init + 30000 && v.pids.n < 3; pid++) {
		const int inside = os_pid_inside(pid);

		if (inside == 1 || inside == 2 || inside == 4)
			IGNORE(os_pids_add(&v.pids, pid, inside));
	}
	os_pids_sort(&v.pids);
	ok_int(v.pids.n, 3, "three processes");
	return v;
}

static void ve_end(struct ve *v)
{
	IGNORE(os_kill_reap(v->init, v->pidfd, NULL));
	v->pidfd = safe_close(v->pidfd);
	os_pids_done(&v->pids);
}

/* ---- */

static pid_t of(const struct ve *v, pid_t inside)
{
	return os_pids_find(&v->pids, inside);
}

static int put(pid_t pid, const char *file, const char *text)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	return os_write_file_at(AT_FDCWD, path, text);
}

static pid_t second_thread(const struct ve *v)
{
	for (pid_t tid = of(v, 2) + 1; tid < of(v, 2) + 30000; tid++)
		if (os_pid_inside(tid) == 3)
			return tid;
	return -1;
}

static void furnish(const struct ve *v)
{
	cpu_set_t one;
	int r;

	CPU_ZERO(&one);
	CPU_SET(1, &one);
	r = sched_setaffinity(second_thread(v), sizeof(one), &one);
	ok_int(r, 0, "a thread of its own CPU");
	r = (int)syscall(SYS_ioprio_set, 1, of(v, 4), IO_IDLE);
	r = RET_GATHER(r, (int)syscall(SYS_ioprio_set, 1, second_thread(v), IO_BE7));
	ok_int(r, 0, "I/O priorities");
	ok_int(put(of(v, 4), "timerslack_ns", "1234"), 0, "timer slack");
	ok_int(put(of(v, 2), "coredump_filter", "0x7f"), 0, "core dump filter");
}

static char *save(const struct ve *v)
{
	struct timespec a, b;
	char *text = NULL;
	int r;

	IGNORE(clock_gettime(CLOCK_MONOTONIC, &a));
	r = cr_tasks_save(&v->pids, NULL, &text, E);
	IGNORE(clock_gettime(CLOCK_MONOTONIC, &b));
	ok(r == 0, "save: %s", err.text);
	printf("# save %ld us of %d threads\n",
	       (b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000, MANY + 4);
	return text ? text : strdup("");
}

#define HEAD "vz-tasks 1\n"

static void test_cycle(void)
{
	struct ve v = ve_new();
	_cleanup_free_ char *before = save(&v), *first = NULL, *fresh = NULL, *second = NULL,
			    *pinned = NULL;

	ok_str(before, HEAD, "nothing to write of defaults");
	ok(cr_tasks_save(&v.pids, "0\n", &pinned, E) == 0 && strstr(pinned, "thread 1 cpus="),
	   "but where they may use more CPUs than the cgroup has: %s", err.text);
	furnish(&v);
	first = save(&v);
	ok_str(first,
	       HEAD "thread 2 core=127\nthread 3 cpus=1 io=16391\n"
		    "thread 4 io=24576 slack=1234\n",
	       "what differs");
	ve_end(&v);
	v = ve_new();
	fresh = save(&v);
	ok_str(fresh, HEAD, "others know nothing of it");
	ok(cr_tasks_restore(first, &v.pids, NULL, E) == 0, "restore: %s", err.text);
	second = save(&v);
	ok_str(second, first, "all is as it was");
	ok(cr_tasks_restore(HEAD "thread 999 io=16391\nthread 4 cpus=4000\n", &v.pids, NULL, E) ==
		   0,
	   "a thread and a CPU that are gone: %s", err.text);
	ve_end(&v);
}

static void test_bad(void)
{
	static const char *const bad[] = {
		"",
		"vz-tasks 2\n",
		HEAD "thread 1 io=1",
		HEAD "thread 1\n",
		HEAD "thread 0 io=1\n",
		HEAD "thread -1 io=1\n",
		HEAD "thread 1 io=\n",
		HEAD "thread 1 io=65536\n",
		HEAD "thread 1 io=1 io=1\n",
		HEAD "thread 1 cpus=\n",
		HEAD "thread 1 cpus=1-0\n",
		HEAD "thread 1 cpus=8192\n",
		HEAD "thread 1 cpus=0-1-2\n",
		HEAD "thread 1 cpus=0,\n",
		HEAD "thread 1 slack=-1\n",
		HEAD "thread 1 core=4294967296\n",
		HEAD "thread 1 nice=1\n",
		HEAD "process 1 io=1\n",
		HEAD "\n",
	};
	const struct os_pids nobody = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ok(cr_tasks_restore(bad[i], &nobody, NULL, E) == -EBADMSG, "refused: text %zu", i);
	ok(cr_tasks_restore(HEAD, &nobody, NULL, E) == 0, "nothing is fine");
}

int main(void)
{
	test_bad();
	if (!test_is_root()) {
		skip("root: makes a pid namespace");
		return test_done();
	}
	ready = mmap(NULL, sizeof(*ready), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (ready == MAP_FAILED || sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		ok(false, "two CPUs");
		return test_done();
	}
	test_cycle();
	return test_done();
}
