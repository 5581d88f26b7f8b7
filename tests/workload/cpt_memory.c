// SPDX-License-Identifier: GPL-2.0-or-later
/* Memory over a checkpoint: private, shared, special, and System V IPC. */
#include "cpt.h"

#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#define MiB  (1UL << 20)
#define BIG  (64 * MiB)
#define TEXT "over the checkpoint"

static pid_t child;

/* ---- memory ---- */

static uint64_t *mem, *shared;

static uint64_t pattern(size_t i)
{
	return (i + 1) * 0x9e3779b97f4a7c15U;
}

static const char *memory_make(void)
{
	mem = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	shared = mmap(NULL, MiB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(mem != MAP_FAILED && shared != MAP_FAILED);
	for (size_t i = 0; i < BIG / 8; i++)
		mem[i] = pattern(i);
	/* its child shares the one and has a copy of the other, in which it changed a page */
	child = fork();
	if (child == 0) {
		mem[0] = 1;
		for (;;) {
			if (shared[0] == 1)
				shared[1] = mem[0] == 1 && mem[1] == pattern(1), shared[0] = 2;
			nap();
		}
	}
	return NULL;
}

static const char *memory_verify(void)
{
	for (size_t i = 0; i < BIG / 8; i++)
		if (mem[i] != pattern(i))
			return why("word %zu differs", i);
	shared[0] = 1;
	for (int i = 0; i < 500 && shared[0] != 2; i++)
		nap();
	CHECK(shared[0] == 2 && shared[1] == 1);
	return NULL;
}

static const char *mappings_make(void)
{
	mem = mmap(NULL, 4 * MiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(mem != MAP_FAILED && mprotect((char *)mem + MiB, MiB, PROT_NONE) == 0);
	CHECK(madvise((char *)mem + 2 * MiB, MiB, MADV_DONTFORK) == 0 &&
	      madvise(mem, MiB, MADV_DONTDUMP) == 0);
	mem[0] = 42;
	NEED(mlock(mem, 65536) == 0);
	return NULL;
}

static bool faults(const void *at)
{
	int p[2];
	bool bad;

	if (pipe(p) < 0)
		return false;
	bad = write(p[1], at, 1) < 0 && errno == EFAULT;
	close(p[0]);
	close(p[1]);
	return bad;
}

static const char *mappings_verify(void)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "r");
	long locked = 0;

	while (fgets(line, sizeof(line), f))
		(void)sscanf(line, "VmLck: %ld", &locked);
	fclose(f);
	CHECK(mem[0] == 42 && locked >= 64 && faults((char *)mem + MiB + 100) &&
	      !faults((char *)mem + 3 * MiB));
	return NULL;
}

static const char *guard_make(void)
{
	mem = mmap(NULL, MiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	NEED(mem != MAP_FAILED && madvise(mem, 4096, MADV_GUARD_INSTALL) == 0);
	mem[1000] = 5;
	return NULL;
}

static const char *guard_verify(void)
{
	CHECK(mem[1000] == 5 && faults(mem));
	return NULL;
}

static const char *droppable_make(void)
{
	mem = mmap(NULL, MiB, PROT_READ | PROT_WRITE, MAP_DROPPABLE | MAP_ANONYMOUS, -1, 0);
	NEED(mem != MAP_FAILED);
	mem[3] = 5;
	return NULL;
}

static const char *droppable_verify(void)
{
	CHECK(mem[3] == 5 || mem[3] == 0);
	mem[3] = 5;
	return NULL;
}

static int fd;

static const char *memfd_make(void)
{
	fd = memfd_create("cpt", MFD_ALLOW_SEALING);
	CHECK(fd >= 0 && write(fd, TEXT, strlen(TEXT)) > 0 &&
	      fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0);
	return NULL;
}

static const char *memfd_verify(void)
{
	char text[64] = "";

	CHECK(pread(fd, text, sizeof(text), 0) > 0 && strcmp(text, TEXT) == 0);
	CHECK(fcntl(fd, F_GET_SEALS) == (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE));
	return NULL;
}

/* ---- System V IPC ---- */

struct message {
	long type;
	char text[32];
};
static int shm, sem, msg;

static const char *sysv_make(void)
{
	struct message m = { 5, TEXT };
	char *at;

	shm = shmget(0x7a7a, 8192, IPC_CREAT | 0640);
	sem = semget(0x7b7b, 3, IPC_CREAT | 0640);
	msg = msgget(0x7c7c, IPC_CREAT | 0640);
	CHECK(shm >= 0 && sem >= 0 && msg >= 0);
	at = shmat(shm, NULL, 0);
	CHECK(at != (void *)-1);
	strcpy(at, TEXT);
	mem = (void *)at;
	CHECK(semctl(sem, 1, SETVAL, 9) == 0 && msgsnd(msg, &m, sizeof(m.text), 0) == 0);
	return NULL;
}

static const char *sysv_verify(void)
{
	struct message m;

	CHECK(strcmp((char *)mem, TEXT) == 0 && shmget(0x7a7a, 0, 0) == shm &&
	      semget(0x7b7b, 0, 0) == sem);
	CHECK(semctl(sem, 1, GETVAL) == 9 && msgrcv(msg, &m, sizeof(m.text), 5, IPC_NOWAIT) > 0 &&
	      strcmp(m.text, TEXT) == 0);
	CHECK(msgsnd(msg, &m, sizeof(m.text), 0) == 0);
	return NULL;
}

static const struct feature features[] = {
	{ "memory", memory_make, memory_verify },
	{ "mappings", mappings_make, mappings_verify },
	{ "guard-pages", guard_make, guard_verify },
	{ "droppable", droppable_make, droppable_verify },
	{ "memfd", memfd_make, memfd_verify },
	{ "sysv-ipc", sysv_make, sysv_verify },
	{ NULL, NULL, NULL },
};

int main(int argc, char **argv)
{
	return cpt_main(features, argc, argv);
}
