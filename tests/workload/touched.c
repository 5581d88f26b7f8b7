// SPDX-License-Identifier: GPL-2.0-or-later
/* touched MIB: holds that much memory, each page of it written with something of its own, and waits; for figures. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	size_t n = argc == 2 ? strtoul(argv[1], NULL, 10) << 20 : 0;
	uint64_t *at = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (!n || at == MAP_FAILED)
		return 2;
	for (size_t i = 0; i < n / sizeof(*at); i += 8)
		at[i] = i * 0x9e3779b97f4a7c15U;
	setsid();
	puts("touched");
	fflush(stdout);
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	for (;;)
		pause();
}
