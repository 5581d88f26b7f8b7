/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a VE that reads a file in a tight loop costs the rest of the machine beyond what its cgroup is charged: it may
 * use a tenth of the CPU, a loop of the host has the rest, and a hundred VEs dirty the statistics that reading
 * sums up. A line each: "@ readers FILE LOST READS", by how much less the loop got done than with no reader, as part of
 * one CPU, and how often the file was read in a second. The first file is the constant that the others are compared with.
 */
#include "bench-ve.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 4

static const char *const files[] = {
	"/proc/version", /* constant */
	"/proc/meminfo",
	"/proc/vmstat",
	"/proc/swaps",
	"/proc/loadavg",
	"/proc/stat",
	"/proc/uptime",
	"/proc/cpuinfo",
	"/proc/diskstats",
	"/proc/pressure/cpu",
	"/proc/user_beancounters",
	"/proc/vz/veinfo",
	"/proc/vz/vestat",
	"/sys/devices/system/cpu/online",
	"sysinfo(2)",
	"sched_getaffinity(2)",
};

static long *reads;

static void read_file(const char *path)
{
	char text[4096];
	int fd = open(path, O_RDONLY);
	ssize_t len;

	if (fd < 0)
		die(path);
	do {
		len = read(fd, text, sizeof(text));
	} while (len > 0);
	if (len < 0)
		die(path);
	close(fd);
}

static void read_for_ever(const char *what)
{
	struct sysinfo info;
	cpu_set_t cpus;

	for (;; ++*reads)
		if (!strcmp(what, "sysinfo(2)"))
			sysinfo(&info);
		else if (!strcmp(what, "sched_getaffinity(2)"))
			sched_getaffinity(0, sizeof(cpus), &cpus);
		else
			read_file(what);
}

static void dirty_statistics(const char *what)
{
	struct timespec pause = { .tv_nsec = 100000000 };
	size_t page = sysconf(_SC_PAGESIZE);
	char *area = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED)
		die(what);
	for (;;) {
		*(volatile char *)area = 1;
		nanosleep(&pause, NULL);
		madvise(area, page, MADV_DONTNEED);
	}
}

/* How far a loop comes in SECONDS. */
static double loop(void)
{
	double end = now() + SECONDS * 1e9, n = 0;
	int i;

	for (; now() < end; n++)
		for (i = 0; i < 10000; i++)
			__asm__ volatile("");
	return n;
}

void readers(void)
{
	static struct ve others[MAX_VES], reader;
	double alone, got;
	size_t i;

	reads = mmap(NULL, sizeof(*reads), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (reads == MAP_FAILED)
		die("mmap");
	for (i = 0; i < MAX_VES; i++) {
		others[i].job = dirty_statistics;
		others[i].what = "page";
		ve_start(&others[i], i + 1);
	}
	alone = loop();
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		reader.job = read_for_ever;
		reader.what = files[i];
		ve_start(&reader, MAX_VES + 1);
		if (!put(reader.cg, "cpu.max", "10000 100000"))
			die("cpu.max");
		*reads = 0;
		got = loop();
		if (!*reads)
			die(files[i]);
		printf("@ readers\t%s\t%.5f\t%ld\n", files[i], 1 - got / alone, *reads / SECONDS);
		fflush(stdout);
		ve_stop(&reader);
	}
	for (i = 0; i < MAX_VES; i++)
		ve_stop(&others[i]);
}
