// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * detect: how many CPUs and how much memory programs find that ask the kernel itself. The bits of
 * sched_getaffinity(2) are the CPUs of musl and Go; sysinfo(2) is the memory of musl, whose pages sysconf(3) tells
 * Java; /proc/meminfo is for the rest. KiB.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/syscall.h>
#include <unistd.h>

static long affinity(void)
{
	unsigned char set[1024] = { 0 };
	long n = syscall(SYS_sched_getaffinity, 0, sizeof(set), set), cpus = 0;

	for (long i = 0; i < n; i++)
		cpus += __builtin_popcount(set[i]);
	return n < 0 ? -1 : cpus;
}

static long meminfo(const char *key)
{
	FILE *f = fopen("/proc/meminfo", "re");
	char line[256];
	long kib = -1;

	while (f && kib < 0 && fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0)
			kib = strtol(line + strlen(key), NULL, 10);
	if (f)
		(void)fclose(f);
	return kib;
}

int main(void)
{
	struct sysinfo s;

	if (sysinfo(&s) < 0)
		return 1;
	printf("affinity %ld\nsysinfo %llu\nsysinfo-swap %llu\nmeminfo %ld\nmeminfo-swap %ld\n",
	       affinity(), (unsigned long long)s.totalram * s.mem_unit / 1024,
	       (unsigned long long)s.totalswap * s.mem_unit / 1024, meminfo("MemTotal:"),
	       meminfo("SwapTotal:"));
	return 0;
}
