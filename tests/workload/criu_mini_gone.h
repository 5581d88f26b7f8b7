/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The case "gone" of criu_mini.c, which includes this. */
#ifndef CRIU_MINI_GONE_H
#define CRIU_MINI_GONE_H

#include "criu_mini.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

/*
 * ---- files on a mount that is in no namespace any more: what logind, in a namespace of its own, gave a session ----
 */

static int gone_file, gone_fifo;

static bool gone_unshare(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount("/run/sessions", "/run/sessions", NULL, MS_BIND, NULL) == 0;
}

static const char *gone_make(void)
{
	char path[64];
	pid_t pid;
	int fd;

	NEED(mkdir("/run", 0755) == 0 && mount("tmpfs", "/run", "tmpfs", 0, NULL) == 0);
	NEED(mkdir("/run/sessions", 0755) == 0 && mkfifo("/run/sessions/ref", 0600) == 0);
	NEED((fd = open("/run/sessions/file", O_WRONLY | O_CREAT, 0600)) >= 0);
	NEED(write(fd, "text", 4) == 4 && close(fd) == 0);
	NEED((pid = stay(gone_unshare)) > 0);
	snprintf(path, sizeof(path), "/proc/%d/root/run/sessions/file", pid);
	NEED((gone_file = open(path, O_RDONLY)) >= 0);
	snprintf(path, sizeof(path), "/proc/%d/root/run/sessions/ref", pid);
	NEED((gone_fifo = open(path, O_RDWR)) >= 0);
	NEED(write(gone_fifo, "f", 1) == 1);
	NEED(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
	return NULL;
}

static bool gone_same(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

static const char *gone_verify(void)
{
	char text[8];

	NEED(gone_same(gone_file, "/run/sessions/file"));
	NEED(pread(gone_file, text, sizeof(text), 0) == 4 && memcmp(text, "text", 4) == 0);
	NEED(gone_same(gone_fifo, "/run/sessions/ref"));
	NEED(read(gone_fifo, text, sizeof(text)) == 1 && text[0] == 'f');
	NEED(write(gone_fifo, "f", 1) == 1);
	return NULL;
}

#endif
