/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VEs of the benchmark, or what is one on a kernel that does not know it. What fails ends the machine. */
#ifndef BENCH_VE_H
#define BENCH_VE_H

#include <stdbool.h>
#include <sys/types.h>

#define CGROOT	"/sys/fs/cgroup"
#define MAX_VES 100

struct ve {
	void (*job)(const char *what); /* of init's child, may be NULL; init ends with it */
	const char *what;
	/* ve_start() */
	pid_t pid; /* of init, 0 when it was waited for */
	char cg[64];
	int go[2], up[2];
};

void die(const char *what);

/* Nanoseconds of the clock that is measured with. */
double now(void);

/* Writes @text to @file of @dir. */
bool put(const char *dir, const char *file, const char *text);

/* Gives the children of cgroup @cg controllers, ve among them if the kernel has it. */
void enable(const char *cg);

/* Starts @ve, whose job and what are set, as number @n in a cgroup of that name below CGROOT/bench. */
void ve_start(struct ve *ve, int n);

/* Waits until the job of @ve is done. */
void ve_wait(struct ve *ve);

/* Ends @ve and removes its cgroup. */
void ve_stop(struct ve *ve);

/* What a VE that only reads costs the others: bench-readers.c */
void readers(void);

#endif
