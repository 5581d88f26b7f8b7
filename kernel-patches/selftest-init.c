/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * First program of the machine that runs the kernel's selftests: makes the mounts they need, runs each program of
 * /tests, whose TAP goes to the console, and adds two tests of its own: that the kernel's log tells of nothing wrong,
 * and that no program ended badly. Static, alone in the initial file system, gone with the machine.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
	const char *dir, *type;
} mounts[] = {
	{ "/proc", "proc" },
	{ "/sys", "sysfs" },
	{ "/dev", "devtmpfs" },
	{ "/tmp", "tmpfs" },
	{ "/sys/fs/cgroup", "cgroup2" },
	{ "/dev/pts", "devpts" },
	{ "/dev/shm", "tmpfs" },
	{ "/sys/kernel/debug", "debugfs" },
};

/* Words of the log that a test must not provoke. */
static const char *const splats[] = {
	"BUG:",
	"WARNING:",
	"Oops",
	"general protection",
	"possible recursive locking",
	"possible circular locking",
	"KASAN:",
	"suspicious RCU usage",
	"INFO: task",
	"rcu_sched self-detected",
	"suspected memory leak",
	"refcount_t:",
};

static void run(const char *name)
{
	char path[300];
	int status = -1;
	pid_t pid;

	snprintf(path, sizeof(path), "/tests/%s", name);
	printf("# %s\n", name);
	pid = fork();
	if (!pid) {
		execl(path, path, NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	/* a failed test is told by its own line; a program that died is not */
	printf("1..1\n%s 1 - %s ended by itself\n", WIFEXITED(status) ? "ok" : "not ok", name);
}

/*
 * A debug kernel, which is one that has debugfs, looks for memory that nothing points to when it is told to, and finds
 * what is a while old. It gives up for good when it has no memory for what it keeps, and says so to who asks.
 */
static void scan_leaks(void)
{
	int fd = open("/sys/kernel/debug/kmemleak", O_WRONLY), i, ok = fd >= 0;
	struct statfs fs;

	if (statfs("/sys/kernel/debug", &fs) || fs.f_type != DEBUGFS_MAGIC)
		return;
	for (i = 0; ok && i < 2; i++) {
		sleep(5);
		ok = write(fd, "scan", 4) == 4;
	}
	printf("1..1\n%s 1 - kmemleak has looked for leaks\n", ok ? "ok" : "not ok");
}

static void check_log(void)
{
	static char log[1 << 20];
	int len = klogctl(3, log, sizeof(log) - 1), bad = 0;
	char *line, *save;
	size_t i;

	log[len < 0 ? 0 : len] = '\0';
	for (line = strtok_r(log, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		for (i = 0; i < sizeof(splats) / sizeof(splats[0]); i++) {
			if (!strstr(line, splats[i]))
				continue;
			printf("# %s\n", line);
			bad++;
		}
	}
	printf("1..1\n%s 1 - nothing wrong in the kernel's log\n",
	       len < 0 || bad ? "not ok" : "ok");
}

int main(void)
{
	struct dirent **list;
	size_t m;
	int i, n;

	for (m = 0; m < sizeof(mounts) / sizeof(mounts[0]); m++) {
		mkdir(mounts[m].dir, 0755);
		if (mount(mounts[m].type, mounts[m].dir, mounts[m].type, 0, NULL) &&
		    errno != ENODEV && errno != ENOENT)
			printf("# %s: cannot be mounted\n", mounts[m].dir);
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("\n@tests\n");
	n = scandir("/tests", &list, NULL, alphasort);
	for (i = 0; i < n; i++) {
		if (list[i]->d_name[0] != '.')
			run(list[i]->d_name);
		fflush(stdout);
	}
	scan_leaks();
	check_log();
	printf("@end\n");
	fflush(stdout);
	sleep(1); /* the serial line is slow */
	reboot(RB_AUTOBOOT);
	return 0;
}
