/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VE's own cgroups written down, taken away and made again: the second text equals the
 * first.  Texts that nobody wrote are refused.  And what moving processes costs.
 */
#include "cg_env.h"

#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>

static int cgfd = -EBADF;

/* ---- a VE of a few processes: pid 1 forks what it is told to ---- */

static void *thread_main(void *arg)
{
	while (pause())
		;
	return arg;
}

static _Noreturn void init_main(int sock)
{
	pthread_t t;
	char c;

	while (read(sock, &c, 1) == 1) {
		pid_t pid = fork();

		if (pid == 0) {
			if (c == 't' && pthread_create(&t, NULL, thread_main, NULL) != 0)
				_exit(1);
			if (write(sock, "!", 1) != 1)
				_exit(1);
			for (;;)
				(void)pause();
		}
	}
	_exit(0);
}

struct ve {
	pid_t init;
	int pidfd, sock;
};

static struct ve ve_new(void)
{
	int dirfd, pair[2] = { -EBADF, -EBADF };
	struct ve v = { .pidfd = -EBADF };

	if (cg_make(root, CTID, &unlimited, BASE, BASE, NULL, E) < 0)
		abort();
	cgfd = cg_open(root, CTID);
	dirfd = cg_open_ve(cgfd, E);
	if (dirfd < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	v.sock = pair[0];
	/* some kernels kill at birth what is cloned into a cgroup that was killed before */
	v.init = os_clone(CLONE_NEWPID, -EBADF, &v.pidfd);
	if (v.init == 0) {
		(void)close(pair[0]);
		init_main(pair[1]);
	}
	(void)close(pair[1]);
	(void)close(dirfd);
	ok(cg_enter(cgfd, v.init, E) == 0, "its first process enters: %s", err.text);
	return v;
}

/* Three processes; 2 and 3 of one thread, 4 of two (4 and 5). */
static void ve_fork(struct ve *v)
{
	for (const char *c = "fft"; *c; c++) {
		char done;

		if (write(v->sock, c, 1) != 1 || read(v->sock, &done, 1) != 1)
			abort();
	}
}

static void ve_end(struct ve *v)
{
	ok(cg_kill(cgfd, 5000, E) == 0, "it ends: %s", err.text);
	IGNORE(os_reap(v->init, NULL));
	v->pidfd = safe_close(v->pidfd);
	v->sock = safe_close(v->sock);
	cgfd = safe_close(cgfd);
}

/* ---- what the VE's root and its users do ---- */

static int at(const char *path)
{
	_cleanup_close_ int fd = cg_open_ve(cgfd, NULL);

	return cgfs_opendir(fd, path);
}

static int as_user(uid_t uid)
{
	return os_setfsuid(uid ? BASE + uid - 1 : 0) < 0 ||
			       os_setfsgid(uid ? BASE + uid - 1 : 0) < 0
		       ? -EPERM
		       : 0;
}

/* uid 1 is the VE's root here, 0 the host's */
static int put_dir(const char *parent, const char *name, uid_t uid)
{
	_cleanup_close_ int fd = at(parent);
	int r;

	if (as_user(uid) < 0)
		abort();
	r = RET_NERRNO(mkdirat(fd, name, 0755));
	if (as_user(0) < 0)
		abort();
	return r;
}

static int put(const char *dir, const char *file, const char *text)
{
	_cleanup_close_ int fd = at(dir);

	return os_write_file_at(fd, file, text);
}

static int put_pid(const char *dir, const char *file, pid_t inside)
{
	_cleanup_pids_ struct os_pids pids = { 0 };
	char text[16];

	if (cg_pids(cgfd, &pids, E) < 0)
		return err.code;
	os_pids_sort(&pids);
	(void)snprintf(text, sizeof(text), "%d", os_pids_find(&pids, inside));
	return put(dir, file, text);
}

/* The thread beside the process's own of pid 4. */
static int put_thread(const char *dir)
{
	_cleanup_pids_ struct os_pids pids = { 0 };
	char text[16];
	pid_t pid;

	if (cg_pids(cgfd, &pids, E) < 0)
		return err.code;
	os_pids_sort(&pids);
	/* threads follow their process in a fresh namespace */
	pid = os_pids_find(&pids, 4);
	for (pid_t tid = pid + 1; tid < pid + 10000; tid++)
		if (os_pid_inside(tid) == 5) {
			(void)snprintf(text, sizeof(text), "%d", tid);
			return put(dir, "cgroup.threads", text);
		}
	return -ESRCH;
}

static int give(const char *dir, uid_t uid)
{
	_cleanup_close_ int fd = at(dir);

	return cgfs_chown(fd, BASE + uid, BASE + uid);
}

#define A_DIR "system.slice/a b.service"
#define U_DIR "user.slice/user@1000.service"

static bool has_controller(const char *name)
{
	_cleanup_close_ int fd = cg_open_ve(cgfd, NULL);
	_cleanup_free_ char *text = NULL;

	return cgfs_read(fd, "cgroup.controllers", &text) >= 0 && cgfs_has_word(text, name);
}

static int controllers(void)
{
	static const char *const on[] = { "memory", "pids", "cpu", "cpuset", "io" };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(on); i++) {
		char word[16];

		if (!has_controller(on[i]))
			continue;
		(void)snprintf(word, sizeof(word), "+%s", on[i]);
		if (as_user(1) < 0)
			abort();
		r = RET_GATHER(r, put(".", "cgroup.subtree_control", word));
		r = RET_GATHER(r, put("system.slice", "cgroup.subtree_control", word));
		r = RET_GATHER(r, put("user.slice", "cgroup.subtree_control", word));
		if (as_user(0) < 0 || as_user(1001) < 0)
			abort();
		r = RET_GATHER(r, put(U_DIR, "cgroup.subtree_control", word));
		if (as_user(0) < 0)
			abort();
	}
	if (has_controller("memory"))
		r = RET_GATHER(r, put(A_DIR, "memory.max", "67108864"));
	if (has_controller("memory"))
		r = RET_GATHER(r, put(A_DIR, "memory.oom.group", "1"));
	if (has_controller("pids"))
		r = RET_GATHER(r, put("system.slice", "pids.max", "321"));
	if (has_controller("cpu"))
		r = RET_GATHER(r, put(A_DIR, "cpu.max", "50000 100000"));
	if (has_controller("cpu"))
		r = RET_GATHER(r, put(A_DIR, "cpu.weight", "17"));
	if (has_controller("cpuset"))
		r = RET_GATHER(r, put(A_DIR, "cpuset.cpus", "0"));
	return r;
}

static void furnish(void)
{
	_cleanup_close_ int enter = cg_open_enter(cgfd, BASE, BASE, E), a = -EBADF;
	int r = enter < 0 ? enter : 0;

	r = RET_GATHER(r, put_dir(".", "init.scope", 1));
	r = RET_GATHER(r, put_dir(".", "system.slice", 1));
	r = RET_GATHER(r, put_dir("system.slice", "a b.service", 1));
	r = RET_GATHER(r, put_dir(".", "user.slice", 1));
	r = RET_GATHER(r, put_dir("user.slice", "user@1000.service", 1));
	r = RET_GATHER(r, give(U_DIR, 1000));
	r = RET_GATHER(r, put_dir(U_DIR, "app.slice", 1001));
	r = RET_GATHER(r, put_dir(".", "empty\x01.slice", 1));
	r = RET_GATHER(r, put_dir(".", "thr", 1));
	r = RET_GATHER(r, put_dir("thr", "worker", 1));
	ok_int(r, 0, "directories of the VE's own");
	r = put("thr/worker", "cgroup.type", "threaded");
	r = RET_GATHER(r, put_pid("init.scope", "cgroup.procs", 1));
	r = RET_GATHER(r, put_pid(A_DIR, "cgroup.procs", 2));
	r = RET_GATHER(r, put_pid(U_DIR "/app.slice", "cgroup.procs", 3));
	r = RET_GATHER(r, put_pid("thr", "cgroup.procs", 4));
	r = RET_GATHER(r, put_thread("thr/worker"));
	ok_int(r, 0, "everybody in its place (%s)", err.text);
	r = put("user.slice", "cgroup.max.descendants", "77");
	r = RET_GATHER(r, put("empty\x01.slice", "cgroup.freeze", "1"));
	a = at(A_DIR);
	r = RET_GATHER(r, RET_NERRNO(fchmodat(a, "cgroup.procs", 0600, 0)));
	r = RET_GATHER(r, RET_NERRNO(fsetxattr(a, "user.invocation_id", "x\0y", 3, 0)));
	r = RET_GATHER(r, controllers());
	ok_int(r, 0, "limits, modes, attributes");
}

static char *save(void)
{
	_cleanup_pids_ struct os_pids pids = { 0 };
	char *text = NULL;
	int r = cg_tree_save(cgfd, BASE, BASE, &text, &pids, E);

	ok(r == 0, "save: %s", err.text);
	ok_int(pids.n, 4, "four processes");
	return text ? text : strdup("");
}

static double ms_since(const struct timespec *t0)
{
	struct timespec t;

	IGNORE(clock_gettime(CLOCK_MONOTONIC, &t));
	return (double)(t.tv_sec - t0->tv_sec) * 1e3 + (double)(t.tv_nsec - t0->tv_nsec) / 1e6;
}

static void show(const char *text)
{
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, "\n");

		printf("# %.*s\n", (int)n, p);
		p += n + (p[n] == '\n');
	}
}

static void test_cycle(void)
{
	struct ve v = ve_new();
	_cleanup_free_ char *first = NULL, *second = NULL;
	struct cg_tree *t = NULL;
	struct timespec t0;

	ve_fork(&v);
	furnish();
	IGNORE(clock_gettime(CLOCK_MONOTONIC, &t0));
	first = save();
	printf("# save %.2f ms, %zu bytes\n", ms_since(&t0), strlen(first));
	ve_end(&v);
	ok(cg_tree_parse(first, &t, E) == 0, "parse: %s", err.text);
	if (!t)
		return;
	v = ve_new();
	IGNORE(clock_gettime(CLOCK_MONOTONIC, &t0));
	ok(cg_tree_build(t, cgfd, BASE, BASE, v.init, E) == 0, "build: %s", err.text);
	printf("# build %.2f ms\n", ms_since(&t0));
	ve_fork(&v);
	IGNORE(clock_gettime(CLOCK_MONOTONIC, &t0));
	ok(cg_tree_fill(t, cgfd, NULL, E) == 0, "fill: %s", err.text);
	printf("# fill %.2f ms\n", ms_since(&t0));
	second = save();
	if (!ok(strcmp(first, second) == 0, "all is as it was")) {
		show(first);
		printf("# ---- and then\n");
		show(second);
	}
	ok_int(at("vz.restore"), -ENOENT, "the place of birth is gone");
	ve_end(&v);
	cg_tree_free(t);
}

/* As the template tiny has it: nobody ever moved. */
static void test_flat(void)
{
	struct ve v = ve_new();
	_cleanup_free_ char *first = NULL, *second = NULL;
	struct cg_tree *t = NULL;

	ve_fork(&v);
	first = save();
	ve_end(&v);
	ok(cg_tree_parse(first, &t, E) == 0, "parse: %s", err.text);
	v = ve_new();
	ok(cg_tree_build(t, cgfd, BASE, BASE, v.init, E) == 0, "build: %s", err.text);
	ve_fork(&v);
	ok(cg_tree_fill(t, cgfd, NULL, E) == 0, "fill: %s", err.text);
	second = save();
	ok_str(second, first, "all is as it was");
	ve_end(&v);
	cg_tree_free(t);
}

static void test_foreign(void)
{
	struct ve v = ve_new();
	_cleanup_pids_ struct os_pids pids = { 0 };
	char *text = NULL;
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			(void)pause();
	ok(cg_enter(cgfd, pid, E) == 0, "a process of the host's enters: %s", err.text);
	ok(cg_tree_save(cgfd, BASE, BASE, &text, &pids, E) == -EBUSY && strstr(err.text, "host"),
	   "%s", err.text);
	ve_end(&v);
	IGNORE(os_reap(pid, NULL));
}

#define HEAD "vz-cgroup 1\ndir - - .\n"
#define END  "task 1\n"

static void test_bad(void)
{
	static const char *const bad[] = {
		"",
		"vz-cgroup 2\ndir - - .\ntask 1\n",
		"vz-cgroup 1\n",
		HEAD,
		HEAD "task 1",
		HEAD END "dir 0 0 ../..\n",
		HEAD END "dir 0 0 /etc\n",
		HEAD END "dir 0 0 a/../../b\n",
		HEAD END "dir 0 0 a//b\n",
		HEAD END "dir 0 0 a/\n",
		HEAD END "dir 0 0 \n",
		HEAD END "dir 0 0 a/b\n",
		HEAD END "dir 0 0 .\n",
		HEAD END "dir 0 - a\n",
		HEAD END "dir 4294967295 0 a\n",
		HEAD END "dir 0 0 a\nset memory.current 1\n",
		HEAD END "dir 0 0 a\nset ../x 1\n",
		HEAD END "dir 0 0 a\nset memory.max \n",
		HEAD END "own 0 0 755 ..\n",
		HEAD END "own 0 0 755 a/b\n",
		HEAD END "own 0 0 4755 .\n",
		HEAD END "own - 0 755 .\n",
		HEAD END "type threaded\n",
		HEAD END "ctl -memory\n",
		HEAD END "xattr 73656375726974792e63 00\n",
		HEAD END "xattr 757365722e61 0\n",
		HEAD END "xattr 757365722e6100 00\n",
		HEAD END "task 0\n",
		HEAD END "task -1\n",
		HEAD END "nonsense\n",
		HEAD END "\n",
		"vz-cgroup 1\ntask 1\n",
	};
	struct cg_tree *t = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ok(cg_tree_parse(bad[i], &t, E) == -EBADMSG, "refused: text %zu, %s", i, err.text);
	ok(cg_tree_parse(HEAD END "dir 0 0 a\ndir 70000 0 a/b\n", &t, E) == 0, "parse");
	if (test_is_root()) {
		struct ve v = ve_new();

		ok(cg_tree_build(t, cgfd, BASE, BASE, v.init, E) == -EBADMSG,
		   "an id beyond the VE's: %s", err.text);
		ve_end(&v);
	}
	cg_tree_free(t);
}

int main(void)
{
	if (!cg_env_new()) {
		test_bad();
		return test_done();
	}
	test_bad();
	test_cycle();
	test_flat();
	test_foreign();
	cg_env_done();
	return test_done();
}
