// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stamp [exit]: an init that writes the time of its first instruction into /stamp (CLOCK_REALTIME in ns: the
 * one clock that no time namespace shifts) and then waits for signals for ever, or exits.
 */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct timespec now;
	char text[32];
	int fd, n;

	(void)argv;
	clock_gettime(CLOCK_REALTIME, &now);
	n = snprintf(text, sizeof(text), "%lld%09ld\n", (long long)now.tv_sec, now.tv_nsec);
	fd = open("/stamp", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, text, (size_t)n) != n)
		return 1;
	close(fd);
	while (argc == 1)
		pause();
	return 0;
}
