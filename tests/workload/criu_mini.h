/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the cases of criu_mini.c have in common. */
#ifndef CRIU_MINI_H
#define CRIU_MINI_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NEED(cond)                         \
	do {                               \
		if (!(cond))               \
			return why(#cond); \
	} while (0)

static const char *why(const char *cond)
{
	static char text[256];

	snprintf(text, sizeof(text), "%s: %s", cond, strerror(errno));
	return text;
}

/* A child that makes something and stays; 0 when it failed. */
static pid_t stay(bool (*make)(void))
{
	int p[2];
	char c = 0;
	pid_t pid;

	if (pipe(p) < 0)
		return 0;
	pid = fork();
	if (pid == 0) {
		c = make();
		if (write(p[1], &c, 1) != 1)
			_exit(1);
		close(p[0]);
		close(p[1]);
		for (;;)
			pause();
	}
	close(p[1]);
	if (pid < 0 || read(p[0], &c, 1) != 1 || !c)
		pid = 0;
	close(p[0]);
	return pid;
}

#endif
