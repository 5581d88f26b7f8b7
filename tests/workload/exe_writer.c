// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What runs in place of the dynamic loader when a VE makes the host's program
 * execute inside ("#!/proc/self/exe", CVE-2019-5736): it keeps the program's file by
 * O_PATH, becomes another program, so that the file is not busy any more, and opens
 * it for writing.  No C library: started as a loader, its own start-up would find
 * another program's headers.  Built by WORKLOAD_FLAGS of tests/module.mk.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

#define KEPT 9

static long sys(long n, long a, long b, long c)
{
	long r;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(n), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return r;
}

/* Into a file: init's standard output goes with its VE. */
static void say(const char *s)
{
	static const char report[] = "/exe_writer.report";
	long n = 0, fd = sys(SYS_open, (long)report, O_WRONLY | O_CREAT | O_APPEND, 0600);

	while (s[n])
		n++;
	sys(SYS_write, fd, (long)s, n);
	sys(SYS_close, fd, 0, 0);
}

static const char *name(long r)
{
	return r == -EROFS     ? "EROFS"
	       : r == -EACCES  ? "EACCES"
	       : r == -ETXTBSY ? "ETXTBSY"
			       : "another error";
}

static void report(const char *when, long r)
{
	say(r >= 0 ? "GOT host program " : "denied ");
	say(when);
	say(r >= 0 ? "" : " ");
	say(r >= 0 ? "" : name(r));
	say("\n");
}

__attribute__((used)) static void run(const long *stack)
{
	static char again[] = "/exe_writer", word[] = "again", kept[] = "/proc/self/fd/9";
	char *argv[] = { again, word, 0 }, *env[] = { 0 };
	long r = 0;

	if (stack[0] == 2 && ((const char *)stack[2])[0] == 'a') {
		/* the deny-write of the exec is dropped by the time the old memory is gone */
		for (int i = 0; i < 1000; i++) {
			r = sys(SYS_open, (long)kept, O_WRONLY, 0);
			if (r != -ETXTBSY)
				break;
			sys(SYS_sched_yield, 0, 0, 0);
		}
		report("later", r);
		sys(SYS_exit_group, 0, 0, 0);
	}
	report("running", sys(SYS_open, (long)"/proc/self/exe", O_WRONLY, 0));
	sys(SYS_dup2, sys(SYS_open, (long)"/proc/self/exe", O_PATH, 0), KEPT, 0);
	sys(SYS_execve, (long)again, (long)argv, (long)env);
	sys(SYS_exit_group, 1, 0, 0);
}

__asm__(".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall run\n");
