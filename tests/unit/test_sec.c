/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mech/sec: the system call filter, interpreted over every number, and tried by children. */
#include "mech/sec/sec.h"

#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "mech/sec/table.h"
#include "os/os.h"
#include "test.h"

#define PASSES	 0
#define BIT(cap) ((uint64_t)1 << (cap))

static struct vz_error err;
static const struct sec_conf plain = { .userns = true };
static const struct sec_conf open_conf = { .userns = true, .nesting = true, .nomigrate = true };
static const struct sec_conf privileged = { .userns = false };
static const struct sec_conf with_time = { .userns = false, .cap_on = BIT(CAP_SYS_TIME) };

struct attempt {
	const char *what;
	const struct sec_conf *conf;
	long nr;
	long arg[6];
	int want; /* errno, or PASSES: anything the filter does not say */
};

/* clang-format off */
static const struct attempt attempts[] = {
	{ "getppid", &plain, SYS_getppid, { 0 }, PASSES },
	{ "unknown call 1000", &plain, 1000, { 0 }, ENOSYS },
#ifdef __x86_64__
	{ "x32 getppid", &plain, 0x40000000 + SYS_getppid, { 0 }, ENOSYS },
	{ "iopl", &plain, SYS_iopl, { 0 }, EPERM },
#endif
	{ "bpf", &plain, SYS_bpf, { 9999 }, EPERM },
	{ "bpf with nomigrate", &open_conf, SYS_bpf, { 9999 }, EINVAL },
	{ "io_uring_setup", &plain, SYS_io_uring_setup, { 0 }, EPERM },
	{ "io_uring_enter", &plain, SYS_io_uring_enter, { -1 }, EPERM },
	{ "memfd_secret", &plain, 447, { 0xff }, EPERM },
	{ "userfaultfd", &plain, SYS_userfaultfd, { 0xfff }, EPERM },
	{ "perf_event_open", &plain, SYS_perf_event_open, { 0 }, EPERM },
	{ "perf_event_open with nomigrate", &open_conf, SYS_perf_event_open, { 0 }, EFAULT },
	{ "kexec_load", &plain, SYS_kexec_load, { 0 }, EPERM },
	{ "open_by_handle_at", &plain, SYS_open_by_handle_at, { 0 }, EPERM },
	{ "open_by_handle_at when all is open", &open_conf, SYS_open_by_handle_at, { 0 }, EPERM },
	{ "init_module", &privileged, SYS_init_module, { 0 }, EPERM },
	{ "swapon", &plain, SYS_swapon, { 0 }, EPERM },
	{ "clock_settime", &privileged, SYS_clock_settime, { CLOCK_REALTIME, 0 }, EPERM },
	{ "clock_settime with CAP_SYS_TIME", &with_time, SYS_clock_settime, { CLOCK_REALTIME, 0 }, EFAULT },
	{ "syslog", &plain, SYS_syslog, { 10 }, EPERM },
	{ "quotactl", &plain, SYS_quotactl, { 0 }, EPERM },
	{ "acct", &plain, SYS_acct, { 1 }, EPERM },
	{ "unshare of nothing", &plain, SYS_unshare, { 0 }, PASSES },
	{ "fsopen", &plain, SYS_fsopen, { 0 }, PASSES },
	{ "clone3", &plain, SYS_clone3, { 0 }, EINVAL },
	{ "fchmodat2 (too new for old libseccomp)", &plain, 452, { -1 }, PASSES },
	{ "socket unix", &plain, SYS_socket, { AF_UNIX, SOCK_STREAM, 0 }, PASSES },
	{ "socket inet", &plain, SYS_socket, { AF_INET, SOCK_STREAM, 0 }, PASSES },
	{ "socket inet, high bits set", &plain, SYS_socket, { 0x100000000 | AF_INET, SOCK_STREAM, 0 }, PASSES },
	{ "socket vsock", &plain, SYS_socket, { AF_VSOCK, SOCK_STREAM, 0 }, EAFNOSUPPORT },
	{ "socket alg", &plain, SYS_socket, { AF_ALG, SOCK_SEQPACKET, 0 }, EAFNOSUPPORT },
	{ "socket mptcp", &plain, SYS_socket, { AF_INET, SOCK_STREAM, 262 }, EPROTONOSUPPORT },
	{ "request_key with callout", &plain, SYS_request_key, { 1, 1, 1L << 40 }, EPERM },
	{ "request_key without", &plain, SYS_request_key, { 1, 1, 0 }, EFAULT },
	{ "keyctl get keyring id", &plain, SYS_keyctl, { 0, -3, 0 }, PASSES },
	{ "keyctl dh compute", &plain, SYS_keyctl, { 23 }, EPERM },
	{ "seccomp notify", &plain, SYS_seccomp, { 1, SECCOMP_FILTER_FLAG_NEW_LISTENER, 0 }, EPERM },
	{ "seccomp", &plain, SYS_seccomp, { 1, 0, 0 }, EFAULT },
	{ "seccomp notify with nesting", &open_conf, SYS_seccomp, { 1, SECCOMP_FILTER_FLAG_NEW_LISTENER, 0 }, EFAULT },
};
/* clang-format on */

/* In the child: without CAP_SYS_ADMIN a filter wants no_new_privs. Exit status is errno. */
static int try_call(const struct attempt *a, const struct sock_fprog *prog)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		const long *g = a->arg;

		if (geteuid() != 0)
			(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (sec_seccomp_load(prog, NULL) < 0)
			_exit(255);
		errno = 0;
		if (syscall(a->nr, g[0], g[1], g[2], g[3], g[4], g[5]) >= 0)
			_exit(0);
		_exit(errno);
	}
	(void)waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static void test_calls(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		const struct attempt *a = &attempts[i];
		struct sock_fprog prog = { 0 };
		int got = sec_seccomp_get(a->conf, &prog, &err) < 0 ? 255 : try_call(a, &prog);

		/* a call let through may fail as the kernel likes, but not in the filter's words */
		ok(a->want == PASSES ? got != ENOSYS && got != EPERM && got < 255 : got == a->want,
		   "%s: %s", a->what, got < 255 ? strerror(got) : "no result");
		sec_seccomp_done(&prog);
	}
}

#ifdef __x86_64__
/* The 32-bit entry of a 64-bit program: number, first argument. */
static long call_i386(long nr, long arg)
{
	long ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(nr), "b"(arg), "c"(0L), "d"(0L), "S"(0L), "D"(0L)
			 : "memory", "r8", "r9", "r10", "r11");
	return ret;
}

/* -errno of the call behind the filter; -ENOEXEC when the kernel has no such entry */
static int try_i386(long nr, long arg)
{
	struct sock_fprog prog = { 0 };
	int status = 0;
	pid_t pid = sec_seccomp_get(&plain, &prog, &err) < 0 ? -1 : fork();

	if (pid == 0) {
		if (geteuid() != 0)
			(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (sec_seccomp_load(&prog, NULL) < 0)
			_exit(255);
		nr = call_i386(nr, arg);
		_exit(nr < 0 ? (int)-nr : 0);
	}
	(void)waitpid(pid, &status, 0);
	sec_seccomp_done(&prog);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -ENOEXEC;
}

static void test_i386(void)
{
	if (try_i386(64, 0) == -ENOEXEC) {
		skip("ia32: this kernel has no 32-bit calls");
		return;
	}
	ok_int(try_i386(64, 0), 0, "i386 getppid");
	ok_int(try_i386(252, 0), 0, "i386 exit_group, a number which is another call in 64 bit");
	ok_int(try_i386(357, 9999), -EPERM, "i386 bpf");
	ok_int(try_i386(342, 0), -EPERM, "i386 open_by_handle_at");
	ok_int(try_i386(359, AF_ALG), -EAFNOSUPPORT, "i386 socket of another family");
	ok_int(try_i386(1000, 0), -ENOSYS, "i386 unknown call");
}
#else
static void test_i386(void)
{
	skip("ia32: another architecture");
}
#endif

static int run_filtered(const char *path)
{
	struct sock_fprog prog = { 0 };
	int status = -1;
	pid_t pid;

	if (sec_seccomp_get(&plain, &prog, &err) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		if (geteuid() != 0)
			(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (sec_seccomp_load(&prog, NULL) < 0)
			_exit(99);
		(void)execl(path, path, (char *)NULL);
		_exit(98);
	}
	(void)waitpid(pid, &status, 0);
	sec_seccomp_done(&prog);
	return status;
}

static void test_table(void)
{
	int bad = 0;

	for (size_t i = 0; i < sec_table_len; i++) {
		bad += !sec_table[i].reason || !*sec_table[i].reason;
		bad += sec_table[i].names[strlen(sec_table[i].names) - 1] == ' ';
		bad += strstr(sec_table[i].names, "  ") != NULL;
	}
	ok(bad == 0, "each row has a reason and clean names");
}

/* What the filter answers; only the instructions it uses. */
static uint32_t interpret(const struct sock_fprog *prog, const struct seccomp_data *d)
{
	uint32_t a = 0;

	for (size_t pc = 0; pc < prog->len; pc++) {
		const struct sock_filter *f = &prog->filter[pc];
		bool is = false;

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			memcpy(&a, (const char *)d + f->k, sizeof(a));
			continue;
		case BPF_RET | BPF_K:
			return f->k;
		case BPF_JMP | BPF_JA:
			pc += f->k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			is = a == f->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			is = a >= f->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			is = a & f->k;
			break;
		default:
			return UINT32_MAX;
		}
		pc += is ? f->jt : f->jf;
	}
	return UINT32_MAX;
}

static uint32_t answer(const struct sock_fprog *prog, uint32_t arch, uint32_t nr)
{
	const struct seccomp_data d = { .nr = (int)nr, .arch = arch };

	return interpret(prog, &d);
}

static const struct sec_row *find_row(const char *name)
{
	for (size_t i = 0; name && i < sec_table_len; i++) {
		const char *p = sec_table[i].names;
		size_t len = strlen(name);

		while ((p = strstr(p, name))) {
			if ((p == sec_table[i].names || p[-1] == ' ') && (p[len] == ' ' || !p[len]))
				return &sec_table[i];
			p += len;
		}
	}
	return NULL;
}

/* Every number of an architecture gets the answer of its name's row, all others ENOSYS. */
static void check_arch(const char *what, const struct sock_fprog *prog, uint32_t arch)
{
	int bad = 0, known = 0;

	for (uint32_t nr = 0; nr < 600; nr++) {
		char *name = seccomp_syscall_resolve_num_arch(arch, (int)nr);
		const struct sec_row *row = find_row(name);
		uint32_t got = answer(prog, arch, nr),
			 want = SECCOMP_RET_ERRNO | (row ? row->ret : ENOSYS);

		if (row && row->ret == 0)
			want = SECCOMP_RET_ALLOW;
		/* without a name: too new for libseccomp, sec_numbers knows */
		if (name && !(row && row->args) && got != want) {
			printf("# %s %s: %x, want %x\n", what, name, got, want);
			bad++;
		}
		known += row != NULL;
		free(name);
	}
	ok(bad == 0 && known > 300, "%s: %d numbers answered as the table says", what, known);
	ok(answer(prog, arch, 5000) == (SECCOMP_RET_ERRNO | ENOSYS), "%s: beyond the table", what);
	ok(answer(prog, arch, UINT32_MAX) == SECCOMP_RET_ALLOW, "%s: a call its tracer skipped",
	   what);
}

static void test_program(void)
{
	struct sock_fprog prog = { 0 };

	if (sec_seccomp_get(&plain, &prog, &err) < 0) {
		ok(false, "compile: %s", err.text);
		return;
	}
	check_arch("native", &prog, seccomp_arch_native());
	if (seccomp_arch_native() == SCMP_ARCH_X86_64)
		check_arch("i386", &prog, SCMP_ARCH_X86);
	ok(answer(&prog, SCMP_ARCH_S390X, 1) == (SECCOMP_RET_ERRNO | ENOSYS),
	   "a foreign architecture");
	sec_seccomp_done(&prog);
}

static double now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void measure(void)
{
	struct sock_fprog prog = { 0 };
	double t0 = now_us(), t1, t2;
	pid_t pid;

	for (int i = 0; i < 20; i++) {
		sec_seccomp_done(&prog);
		if (sec_seccomp_get(&plain, &prog, &err) < 0)
			return;
	}
	t1 = now_us();
	pid = fork();
	if (pid == 0) {
		if (geteuid() != 0)
			(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		t2 = now_us();
		if (sec_seccomp_load(&prog, NULL) == 0)
			printf("# load %.0f us\n", now_us() - t2);
		fflush(stdout);
		_exit(0);
	}
	(void)waitpid(pid, NULL, 0);
	printf("# %u instructions, compile %.0f us\n", prog.len, (t1 - t0) / 20);
	sec_seccomp_done(&prog);
}

int main(void)
{
	test_table();
	test_program();
	test_calls();
	test_i386();
	ok(run_filtered("/bin/true") == 0, "/bin/true runs");
	measure();
	return test_done();
}
