/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See bench-ve.h. */
#include "bench-ve.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define UID_BASE 100000
#define ALL_NS \
	(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)

void die(const char *what)
{
	printf("@failed %s: %s\n", what, strerror(errno));
	fflush(stdout);
	sleep(1);
	if (getpid() == 1)
		reboot(RB_AUTOBOOT);
	_exit(1);
}

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

bool put(const char *dir, const char *file, const char *text)
{
	char path[128];
	int fd, ok;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return ok;
}

static bool has_ve(void)
{
	char text[256] = "";
	int fd = open(CGROOT "/cgroup.controllers", O_RDONLY);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		die("cgroup.controllers");
	close(fd);
	return strstr(text, "ve") != NULL;
}

void enable(const char *cg)
{
	if (!put(cg, "cgroup.subtree_control", "+memory +cpu +pids"))
		die("cgroup.subtree_control");
	if (has_ve() && !put(cg, "cgroup.subtree_control", "+ve"))
		die("+ve");
}

static void ve_init(struct ve *ve, int state)
{
	int status = 0;
	pid_t pid;
	char c;

	close(ve->go[1]);
	if (read(ve->go[0], &c, 1) != 1 || setresgid(0, 0, 0) || setresuid(0, 0, 0))
		die("ids");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("proc", "/proc", "proc", 0, NULL))
		die("proc of a VE");
	if (state >= 0 && write(state, "START", 5) != 5)
		die("START");
	close(state);
	if (write(ve->up[1], "", 1) != 1)
		die("up");
	if (!ve->job)
		for (;;)
			pause();
	pid = fork();
	if (!pid) {
		ve->job(ve->what);
		_exit(0);
	}
	_exit(waitpid(pid, &status, 0) != pid || status);
}

static void map_ids(pid_t pid)
{
	char dir[32], map[32];

	snprintf(dir, sizeof(dir), "/proc/%d", pid);
	snprintf(map, sizeof(map), "0 %d 65536", UID_BASE);
	if (!put(dir, "uid_map", map) || !put(dir, "gid_map", map))
		die("id maps");
}

/* A process enters the cgroup and then makes init with its namespaces, as the child of who called. */
static void launch(struct ve *ve, pid_t *init)
{
	struct clone_args args = { .flags = ALL_NS | CLONE_PARENT };
	char path[128];
	pid_t pid;
	int state;

	snprintf(path, sizeof(path), "%s/ve.state", ve->cg);
	state = open(path, O_RDWR | O_CLOEXEC);
	if (!put(ve->cg, "cgroup.procs", "0"))
		die("entering");
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (!pid)
		ve_init(ve, state);
	*init = pid; /* not what the child gets, who may be later */
	_exit(pid < 0);
}

void ve_start(struct ve *ve, int n)
{
	static pid_t *init;
	char id[16], c;
	int status;
	pid_t pid;

	if (!init)
		init = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	snprintf(ve->cg, sizeof(ve->cg), CGROOT "/bench/%d", n);
	snprintf(id, sizeof(id), "%d", n);
	if (mkdir(ve->cg, 0755) || (has_ve() && !put(ve->cg, "ve.id", id)))
		die(ve->cg);
	if (pipe2(ve->go, O_CLOEXEC) || pipe2(ve->up, O_CLOEXEC))
		die("pipe");
	fflush(stdout);
	pid = fork();
	if (!pid)
		launch(ve, init);
	if (waitpid(pid, &status, 0) != pid || status)
		die("clone of init");
	ve->pid = *init;
	map_ids(ve->pid);
	if (write(ve->go[1], "", 1) != 1 || read(ve->up[0], &c, 1) != 1)
		die("start of a VE");
	close(ve->go[0]);
	close(ve->go[1]);
	close(ve->up[0]);
	close(ve->up[1]);
}

void ve_wait(struct ve *ve)
{
	int status;

	if (waitpid(ve->pid, &status, 0) != ve->pid || status)
		die("what is done inside");
	ve->pid = 0;
}

void ve_stop(struct ve *ve)
{
	int i;

	if (ve->pid) {
		kill(ve->pid, SIGKILL);
		waitpid(ve->pid, NULL, 0);
		ve->pid = 0;
	}
	for (i = 0; rmdir(ve->cg); i++) {
		if (i == 500)
			die("removing a cgroup");
		usleep(10000);
	}
}
