// SPDX-License-Identifier: GPL-2.0-or-later
/* What cannot be checkpointed, one process for each: `vzctl chkpnt --check` has to find and name every one. */
#include "cpt_nl.h"

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/landlock.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <linux/vm_sockets.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/un.h>

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#define GHOST_BYTES (1100LL << 20)

static const char *io_uring(void)
{
	struct io_uring_params p = { 0 };

	NEED(syscall(SYS_io_uring_setup, 4, &p) >= 0);
	return NULL;
}

static const char *io_uring_map(void)
{
	struct io_uring_params p = { 0 };
	int fd;

	NEED((fd = (int)syscall(SYS_io_uring_setup, 4, &p)) >= 0);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, IORING_OFF_SQES) != MAP_FAILED);
	close(fd);
	return NULL;
}

static const char *uffd(void)
{
	NEED(syscall(SYS_userfaultfd, O_CLOEXEC | 1 /* UFFD_USER_MODE_ONLY */) >= 0);
	return NULL;
}

static const char *secret(void)
{
	int fd;

	NEED((fd = (int)syscall(SYS_memfd_secret, 0)) >= 0);
	CHECK(ftruncate(fd, 4096) == 0);
	NEED(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED);
	close(fd);
	return NULL;
}

static const char *notify(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog prog = { .len = 1, .filter = &allow };

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	NEED(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
		     &prog) >= 0);
	return NULL;
}

static const char *bpf_map(void)
{
	union bpf_attr a = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1
	};

	NEED(syscall(SYS_bpf, BPF_MAP_CREATE, &a, sizeof(a)) >= 0);
	return NULL;
}

static const char *perf(void)
{
	struct perf_event_attr a = { .type = PERF_TYPE_SOFTWARE,
				     .size = sizeof(a),
				     .config = PERF_COUNT_SW_CPU_CLOCK,
				     .exclude_kernel = 1 };

	NEED(syscall(SYS_perf_event_open, &a, 0, -1, -1, 0) >= 0);
	return NULL;
}

static const char *queue(void)
{
	NEED(mq_open("/cpt-queue", O_CREAT | O_RDWR, 0600, NULL) >= 0);
	return NULL;
}

static const char *vsock(void)
{
	NEED(socket(AF_VSOCK, SOCK_STREAM, 0) >= 0);
	return NULL;
}

static const char *mptcp(void)
{
	NEED(socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP) >= 0);
	return NULL;
}

static const char *opening_fs(void)
{
	NEED(unshare(CLONE_NEWNS) == 0);
	NEED(syscall(SYS_fsopen, "tmpfs", 0) >= 0);
	return NULL;
}

static const char *tree(void)
{
	NEED(unshare(CLONE_NEWNS) == 0);
	NEED(syscall(SYS_open_tree, AT_FDCWD, "/dev/shm", 1 /* OPEN_TREE_CLONE */ | O_CLOEXEC) >=
	     0);
	return NULL;
}

static pid_t holder(void)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

static const char *traced(void)
{
	CHECK(ptrace(PTRACE_SEIZE, holder(), 0, 0) == 0);
	return NULL;
}

static const char *packets(void)
{
	int p[2];

	CHECK(pipe2(p, O_DIRECT) == 0);
	return NULL;
}

/* An answer nobody reads. */
static const char *netlink(void)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	struct nlreq q;

	nl_begin(&q, RTM_GETLINK, NLM_F_DUMP, &ifi, sizeof(ifi));
	CHECK(fd >= 0 && send(fd, &q, q.h.nlmsg_len, 0) > 0);
	return NULL;
}

static const char *tcp(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int l = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t n = sizeof(a);

	CHECK(bind(l, (void *)&a, sizeof(a)) == 0 && listen(l, 4) == 0);
	CHECK(getsockname(l, (void *)&a, &n) == 0);
	CHECK(connect(c, (void *)&a, sizeof(a)) == 0);
	return NULL;
}

static const char *local(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "\0cpt-backlog" };
	int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);

	CHECK(bind(l, (void *)&a, sizeof(a)) == 0 && listen(l, 4) == 0);
	CHECK(connect(c, (void *)&a, sizeof(a)) == 0 && write(c, "hello", 5) == 5);
	return NULL;
}

/* A child in a namespace of its own, for pid and time. */
static const char *nested(int flag)
{
	NEED(unshare(flag) == 0);
	if (flag & (CLONE_NEWPID | CLONE_NEWTIME))
		CHECK(holder() > 0);
	return NULL;
}

static const char *ns_user(void)
{
	return nested(CLONE_NEWUSER);
}
static const char *ns_pid(void)
{
	return nested(CLONE_NEWPID);
}
static const char *ns_ipc(void)
{
	return nested(CLONE_NEWIPC);
}
static const char *ns_uts(void)
{
	return nested(CLONE_NEWUTS);
}
static const char *ns_cgroup(void)
{
	return nested(CLONE_NEWCGROUP);
}
static const char *ns_time(void)
{
	return nested(CLONE_NEWTIME);
}

static const char *vxlan(void)
{
	NEED(unshare(CLONE_NEWNET) == 0);
	errno = -link_add("cpt-vx", "vxlan", NULL);
	return errno ? why("skip: vxlan") : NULL;
}

/* A mount namespace with a tmpfs to play in. */
static const char *playground(char **ret)
{
	*ret = file("mnt");
	NEED(unshare(CLONE_NEWNS) == 0);
	CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CHECK(mkdir(*ret, 0755) == 0 || errno == EEXIST);
	CHECK(mount("cpt", *ret, "tmpfs", 0, NULL) == 0);
	CHECK(chdir(*ret) == 0);
	return NULL;
}

static const char *overlay(void)
{
	char *at;

	STEP(playground(&at));
	CHECK(mkdir("l", 0755) == 0 && mkdir("u", 0755) == 0 && mkdir("w", 0755) == 0 &&
	      mkdir("m", 0755) == 0);
	NEED(mount("cpt", "m", "overlay", 0, "lowerdir=l,upperdir=u,workdir=w") == 0);
	return NULL;
}

static const char *autofs(void)
{
	char opts[96], *at;
	int p[2];

	STEP(playground(&at));
	CHECK(mkdir("a", 0755) == 0 && pipe(p) == 0);
	snprintf(opts, sizeof(opts), "fd=%d,pgrp=%d,minproto=5,maxproto=5,direct", p[1], getpgrp());
	NEED(mount("cpt", "a", "autofs", 0, opts) == 0);
	return NULL;
}

/* Served by nobody: we have it open, but never answer. */
static const char *mount_fuse(const char *at)
{
	char opts[96];
	int fd;

	NEED((fd = open("/dev/fuse", O_RDWR)) >= 0);
	snprintf(opts, sizeof(opts), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	NEED(mount("cpt", at, "fuse", 0, opts) == 0);
	return NULL;
}

static const char *fuse(void)
{
	char *at;

	STEP(playground(&at));
	CHECK(mkdir("f", 0755) == 0);
	return mount_fuse("f");
}

/*
 * A file on a mount that ended with its namespace, and the way to where its file system is mounted still leads through
 * a FUSE mount. In the namespace of init.
 */
static const char *fuse_over(void)
{
	char path[600], *at = file("over");
	int p[2], fd;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/y", at);
	CHECK(mkdir(at, 0755) == 0 && mkdir(path, 0755) == 0 && pipe(p) == 0);
	NEED(mount("cpt", path, "tmpfs", 0, NULL) == 0);
	snprintf(path, sizeof(path), "%s/y/f", at);
	CHECK((fd = open(path, O_RDWR | O_CREAT, 0600)) >= 0 && close(fd) == 0);
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) == 0)
			(void)!write(p[1], "", 1);
		pause();
	}
	NEED(pid > 0 && read(p[0], path, 1) == 1);
	snprintf(path, sizeof(path), "/proc/%d/root%s/y/f", pid, at);
	NEED(open(path, O_RDONLY) >= 0);
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
	return mount_fuse(at);
}

/* A file of a server that never answers: who asks for its state waits for ever. */
static const char *fuse_open(void)
{
	STEP(fuse());
	if (fork() == 0) {
		(void)!open("f/file", O_RDONLY);
		_exit(0);
	}
	return NULL;
}

static const char *ramfs(void)
{
	char *at;

	STEP(playground(&at));
	CHECK(mkdir("r", 0755) == 0);
	NEED(mount("cpt", "r", "ramfs", 0, NULL) == 0);
	return NULL;
}

static const char *from_memory(void)
{
	int exe = open("/proc/self/exe", O_RDONLY), fd = memfd_create("cpt", 0);
	char *const argv[] = { "held", "hold", NULL }, *const env[] = { NULL };
	char path[64], link[64] = "";
	struct stat st;
	pid_t pid;

	CHECK(exe >= 0 && fd >= 0 && fstat(exe, &st) == 0);
	for (off_t at = 0; at < st.st_size;)
		if (syscall(SYS_sendfile, fd, exe, &at, st.st_size - at) <= 0)
			return why("copy");
	pid = fork();
	if (pid == 0) {
		fexecve(fd, argv, env);
		_exit(1);
	}
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	for (int i = 0; i < 250 && strncmp(link, "/memfd:", 7) != 0; i++, nap())
		CHECK(readlink(path, link, sizeof(link) - 1) >= 0);
	close(fd);
	return NULL;
}

static const char *ghost(void)
{
	int fd = open(file("big"), O_RDWR | O_CREAT, 0600);

	CHECK(fd >= 0 && unlink(file("big")) == 0);
	NEED(fallocate(fd, 0, 0, GHOST_BYTES) == 0);
	return NULL;
}

static const char *pressure(void)
{
	int fd = open("/proc/pressure/memory", O_RDWR);

	if (fd < 0)
		fd = open("/sys/fs/cgroup/memory.pressure", O_RDWR);
	NEED(fd >= 0);
	NEED(write(fd, "some 150000 2000000", 20) > 0);
	return NULL;
}

static const char *keys(void)
{
	NEED(syscall(SYS_keyctl, 1 /* JOIN_SESSION_KEYRING */, "cpt") > 0);
	/* nobody can read this one; our CRIU keeps the others */
	NEED(syscall(SYS_add_key, "logon", "cpt:logon", "secret", 6, -3 /* session */) > 0);
	return NULL;
}

static const char *landlock(void)
{
	struct landlock_ruleset_attr a = { .handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE };

	NEED(syscall(SYS_landlock_create_ruleset, &a, sizeof(a), 0) >= 0);
	return NULL;
}

static const char *unmounted(void)
{
	char *at;

	STEP(playground(&at));
	CHECK(open("f", O_RDWR | O_CREAT, 0600) >= 0 && chdir("/") == 0 &&
	      umount2(at, MNT_DETACH) == 0);
	return NULL;
}

/* The names are those of the check's probes; what has several ways to be made has a suffix. */
static const struct feature features[] = {
	{ "io_uring", io_uring, NULL },
	{ "io_uring.map", io_uring_map, NULL },
	{ "userfaultfd", uffd, NULL },
	{ "memfd-secret", secret, NULL },
	{ "seccomp-notify", notify, NULL },
	{ "bpf", bpf_map, NULL },
	{ "perf", perf, NULL },
	{ "mqueue", queue, NULL },
	{ "vsock", vsock, NULL },
	{ "mptcp", mptcp, NULL },
	{ "fsopen", opening_fs, NULL },
	{ "detached-mount", tree, NULL },
	{ "ptrace", traced, NULL },
	{ "packet-pipe", packets, NULL },
	{ "netlink-queue", netlink, NULL },
	{ "tcp-backlog", tcp, NULL },
	{ "unix-backlog", local, NULL },
	{ "user-namespace", ns_user, NULL },
	{ "pid-namespace", ns_pid, NULL },
	{ "ipc-namespace", ns_ipc, NULL },
	{ "time-namespace", ns_time, NULL },
	{ "cgroup-namespace", ns_cgroup, NULL },
	{ "network-device", vxlan, NULL },
	{ "overlay", overlay, NULL },
	{ "autofs", autofs, NULL },
	{ "fuse", fuse, NULL },
	{ "ramfs", ramfs, NULL },
	{ "memfd-exec", from_memory, NULL },
	{ "deleted-file", ghost, NULL },
	{ "psi", pressure, NULL },
	{ "keys", keys, NULL },
	{ "landlock", landlock, NULL },
	{ "foreign-file", unmounted, NULL },
	{ "uts-namespace", ns_uts, NULL },
	{ "fuse-open", fuse_open, NULL },
	{ "fuse-over", fuse_over, NULL },
	{ NULL, NULL, NULL },
};

int main(int argc, char **argv)
{
	return cpt_main(features, argc, argv);
}
