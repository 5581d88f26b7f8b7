/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * First program of the machine that measures a kernel: ten things programs do all day, each with no VE, with one and
 * with a hundred, on the host and in a VE. On a kernel without the series the same cgroups and namespaces are made, and
 * only what asks for the ve controller is left out. A line each: "@ SCENE NAME MEAN LEAST", nanoseconds of one
 * operation over all batches and in the best one. On a machine that counts instructions for time (QEMU's -icount
 * shift=0) a nanosecond is an instruction.
 *
 * BATCHES, of the kernel's command line: how often each is measured, after one round that is not. READERS there:
 * bench-readers.c instead.
 */
#include "bench-ve.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGES 256

/* ---- what is measured: N times each ---- */

static void do_getppid(int n)
{
	while (n--)
		syscall(SYS_getppid);
}

static void do_open(int n)
{
	while (n--)
		if (close(open("/tmp/file", O_RDONLY)))
			die("open");
}

static void do_fork(int n)
{
	pid_t pid;

	while (n--) {
		pid = fork();
		if (!pid)
			_exit(0);
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			die("fork");
	}
}

static void do_exec(int n)
{
	static char *argv[] = { "true", NULL };
	int status;
	pid_t pid;

	while (n--) {
		pid = vfork();
		if (!pid) {
			execve("/true", argv, NULL);
			_exit(127);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			die("exec");
	}
}

static void do_fault(int n)
{
	static volatile char *area;
	size_t page = sysconf(_SC_PAGESIZE), at = PAGES;

	if (!area)
		area = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	if (area == MAP_FAILED)
		die("mmap");
	while (n--) {
		if (at == PAGES) {
			if (madvise((void *)area, PAGES * page, MADV_DONTNEED))
				die("madvise");
			at = 0;
		}
		area[page * at++] = 1;
	}
}

static void do_mmap(int n)
{
	void *p;

	while (n--) {
		p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED || munmap(p, 65536))
			die("mmap");
	}
}

static void do_socket(int n)
{
	while (n--)
		if (close(socket(AF_INET, SOCK_STREAM, 0)))
			die("socket");
}

static void do_fsync(int n)
{
	static char block[4096];
	int fd = open("/mnt/file", O_WRONLY | O_CREAT, 0666);

	if (fd < 0)
		die("file to sync");
	while (n--)
		if (pwrite(fd, block, sizeof(block), 0) != sizeof(block) || fsync(fd))
			die("fsync");
	close(fd);
}

/* Two processes, of which one waits for the other: the second is made for each batch. */
static void do_pipe(int n)
{
	int there[2], back[2];
	pid_t pid;
	char c = 0;

	if (pipe(there) || pipe(back))
		die("pipe");
	pid = fork();
	if (!pid) {
		close(there[1]);
		close(back[0]);
		while (read(there[0], &c, 1) == 1)
			if (write(back[1], &c, 1) != 1)
				break;
		_exit(0);
	}
	close(there[0]);
	close(back[1]);
	while (n--)
		if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1)
			die("ping-pong");
	close(there[1]);
	close(back[0]);
	waitpid(pid, NULL, 0);
}

static void pass(int *turn, int mine, int other)
{
	while (__atomic_load_n(turn, __ATOMIC_SEQ_CST) != mine)
		syscall(SYS_futex, turn, FUTEX_WAIT, other, NULL, NULL, 0);
	__atomic_store_n(turn, other, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, turn, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void do_switch(int n)
{
	static int *turn;
	pid_t pid;
	int i;

	if (!turn)
		turn = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (turn == MAP_FAILED)
		die("mmap");
	*turn = 0;
	pid = fork();
	if (!pid) {
		for (i = 0; i < n / 2; i++)
			pass(turn, 1, 0);
		_exit(0);
	}
	for (i = 0; i < n / 2; i++)
		pass(turn, 0, 1);
	waitpid(pid, NULL, 0);
}

/* A batch takes a few milliseconds, less than a timer's tick: the best one has none in it. */
static const struct {
	const char *name;
	void (*run)(int n);
	int n;
} benches[] = {
	{ "getppid", do_getppid, 8000 },       { "open/close", do_open, 500 },
	{ "fork/exit", do_fork, 20 },	       { "exec", do_exec, 20 },
	{ "page fault", do_fault, 2 * PAGES }, { "mmap/munmap", do_mmap, 400 },
	{ "pipe ping-pong", do_pipe, 200 },    { "socket create", do_socket, 200 },
	{ "context switch", do_switch, 400 },  { "fsync", do_fsync, 60 },
};

static void measure(const char *scene)
{
	int batches = atoi(getenv("BATCHES") ?: "10"), i;
	double all, least, took;
	size_t b;

	for (b = 0; b < sizeof(benches) / sizeof(benches[0]); b++) {
		benches[b].run(benches[b].n);
		for (i = 0, all = 0, least = 1e18; i < batches; i++) {
			took = -now();
			benches[b].run(benches[b].n);
			took += now();
			all += took;
			least = took < least ? took : least;
		}
		printf("@ %s\t%s\t%.2f\t%.2f\n", scene, benches[b].name,
		       all / batches / benches[b].n, least / benches[b].n);
		fflush(stdout);
	}
}

/* ---- scenes ---- */

static void scene(const char *name, int ves, bool inside)
{
	static struct ve ve[MAX_VES];
	int i;

	for (i = 0; i < ves; i++) {
		ve[i].job = inside && i == ves - 1 ? measure : NULL;
		ve[i].what = name;
		ve_start(&ve[i], i + 1);
	}
	if (inside)
		ve_wait(&ve[ves - 1]);
	else
		measure(name);
	for (i = 0; i < ves; i++)
		ve_stop(&ve[i]);
}

/* ---- the machine ---- */

/* The file system, made outside; what is zero in it need not be written. */
static void copy_disk(void)
{
	static char block[65536], zero[sizeof(block)];
	int from = open("/disk", O_RDONLY), to = open("/dev/ram0", O_WRONLY);
	ssize_t len;

	if (from < 0 || to < 0)
		die("disk");
	for (; (len = read(from, block, sizeof(block))) > 0;)
		if (memcmp(block, zero, len) ? write(to, block, len) != len
					     : lseek(to, len, SEEK_CUR) < 0)
			die("disk");
	close(from);
	if (fsync(to) || close(to))
		die("disk");
}

static void prepare(void)
{
	static const char *const mounts[][2] = {
		{ "/proc", "proc" }, { "/sys", "sysfs" },   { "/dev", "devtmpfs" },
		{ "/tmp", "tmpfs" }, { CGROOT, "cgroup2" },
	};
	size_t i;

	for (i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++)
		if (mount(mounts[i][1], mounts[i][0], mounts[i][1], 0, NULL) && errno != EBUSY)
			die(mounts[i][0]);
	copy_disk();
	if (mount("/dev/ram0", "/mnt", "ext4", 0, NULL))
		die("/mnt");
	umask(0);
	if (chmod("/mnt", 0777) || close(open("/tmp/file", O_CREAT | O_WRONLY, 0666)) ||
	    close(open("/mnt/file", O_CREAT | O_WRONLY, 0666)))
		die("files");
	enable(CGROOT);
	if (mkdir(CGROOT "/bench", 0755))
		die("cgroup");
	enable(CGROOT "/bench");
}

int main(void)
{
	printf("\n@begin\n");
	prepare();
	if (getenv("READERS")) {
		readers();
	} else {
		scene("no VE", 0, false);
		scene("1, outside", 1, false);
		scene("1, inside", 1, true);
		scene("100, outside", MAX_VES, false);
		scene("100, inside", MAX_VES, true);
	}
	printf("@end\n");
	fflush(stdout);
	sleep(1);
	reboot(RB_AUTOBOOT);
	return 0;
}
