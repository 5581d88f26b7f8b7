/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * First program of a machine that only tells what there is in /proc and cgroups, in a form that two kernels can be
 * compared by: a line for each name, and each line of the files that a VE's views are made of, with N for every number.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

/* Of processes one is enough; numbers of interrupts are the machine's. */
static bool left_out(const char *dir, const char *name)
{
	return name[0] == '.' || (!strcmp(dir, "/proc") && isdigit(name[0])) ||
	       !strcmp(dir, "/proc/irq");
}

static void list(const char *dir)
{
	struct dirent **entries;
	char path[4096];
	struct stat st;
	int n = scandir(dir, &entries, NULL, alphasort), i;

	for (i = 0; i < n; i++) {
		if (left_out(dir, entries[i]->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
		if (lstat(path, &st))
			continue;
		printf("%s %o\n", path, st.st_mode);
		if (S_ISDIR(st.st_mode))
			list(path);
	}
}

static void shape(const char *file)
{
	static char line[65536];
	FILE *f = fopen(file, "r");
	char *c;

	if (!f)
		printf("%s: %s\n", file, strerror(errno));
	while (f && fgets(line, sizeof(line), f)) {
		printf("%s: ", file);
		for (c = line; *c; c++) {
			if (!isdigit(*c))
				putchar(*c);
			else if (!isdigit(c[1]))
				putchar('N');
		}
	}
	if (f)
		fclose(f);
}

/* What must be the same to the last digit, and whether two ways to ask for it agree. */
static void numbers(void)
{
	char line[256] = "";
	struct sysinfo info;
	cpu_set_t cpus;
	long total = 0;
	FILE *f;

	f = fopen("/sys/devices/system/cpu/online", "r");
	if (f && fgets(line, sizeof(line), f))
		printf("cpu/online is %s", line);
	if (f)
		fclose(f);
	if (!sched_getaffinity(0, sizeof(cpus), &cpus))
		printf("sched_getaffinity tells of CPUs: %d\n", CPU_COUNT(&cpus));
	f = fopen("/proc/meminfo", "r");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "MemTotal: %ld", &total);
	if (f)
		fclose(f);
	if (!sysinfo(&info))
		printf("sysinfo agrees with meminfo: %d, tells of processes: %d\n",
		       info.totalram * info.mem_unit / 1024 == (unsigned long)total,
		       info.procs > 0);
}

int main(void)
{
	static const char *const files[] = {
		"meminfo",   "stat",	     "loadavg",	    "uptime",	       "cpuinfo",
		"vmstat",    "swaps",	     "diskstats",   "partitions",      "self/status",
		"self/stat", "self/limits",  "cgroups",	    "filesystems",     "mounts",
		"version",   "pressure/cpu", "pressure/io", "pressure/memory", "self/mountinfo",
	};
	char path[64];
	size_t i;

	mkdir("/proc", 0755);
	if (mount("proc", "/proc", "proc", 0, NULL) || mount("sysfs", "/sys", "sysfs", 0, NULL) ||
	    mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL))
		return 1;
	printf("\n@tests\n");
	list("/proc");
	list("/proc/self/task");
	mkdir("/sys/fs/cgroup/a", 0755);
	list("/sys/fs/cgroup");
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%s", files[i]);
		shape(path);
	}
	shape("/sys/fs/cgroup/cgroup.controllers");
	numbers();
	printf("@end\n");
	fflush(stdout);
	sleep(1); /* the serial line is slow */
	reboot(RB_AUTOBOOT);
	return 0;
}
