// SPDX-License-Identifier: GPL-2.0-or-later
/* Processes over a checkpoint: families, signals, timers, terminals, privileges, scheduling and what CRIU alone loses. */
#include "cpt.h"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/securebits.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <termios.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_GET_MDWE 66
#endif
#define THREADS 100

static pid_t child;

static pid_t sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

static char state_of(pid_t pid)
{
	char path[64], text[256] = "", *p;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return '-';
	close(fd);
	p = strrchr(text, ')');
	return p ? p[2] : '-';
}

static bool becomes(pid_t pid, char state)
{
	for (int i = 0; i < 250 && state_of(pid) != state; i++)
		nap();
	return state_of(pid) == state;
}

/* ---- families ---- */

static const char *zombie_make(void)
{
	child = fork();
	if (child == 0)
		_exit(7);
	CHECK(becomes(child, 'Z'));
	return NULL;
}

static const char *zombie_verify(void)
{
	int status;

	CHECK(state_of(child) == 'Z' && waitpid(child, &status, 0) == child &&
	      WEXITSTATUS(status) == 7);
	return zombie_make();
}

static const char *stopped_make(void)
{
	child = sleeper();
	CHECK(kill(child, SIGSTOP) == 0 && becomes(child, 'T'));
	return NULL;
}

static const char *stopped_verify(void)
{
	CHECK(state_of(child) == 'T' && kill(child, SIGCONT) == 0 && becomes(child, 'S'));
	CHECK(kill(child, SIGSTOP) == 0 && becomes(child, 'T'));
	return NULL;
}

static pid_t group[3];

static const char *groups_make(void)
{
	for (int i = 0; i < 3; i++) {
		group[i] = sleeper();
		CHECK(setpgid(group[i], i < 2 ? group[0] : group[2]) == 0);
	}
	return NULL;
}

static const char *groups_verify(void)
{
	CHECK(getpgid(group[0]) == group[0] && getpgid(group[1]) == group[0] &&
	      getpgid(group[2]) == group[2]);
	CHECK(getsid(group[1]) == getsid(0) && getsid(0) == getpid());
	return NULL;
}

static const char *subreaper_make(void)
{
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	return NULL;
}

static const char *subreaper_verify(void)
{
	int on = 0;
	pid_t pid;

	CHECK(prctl(PR_GET_CHILD_SUBREAPER, &on) == 0 && on);
	pid = fork();
	if (pid == 0) {
		if (fork() == 0)
			_exit(9);
		_exit(0);
	}
	CHECK(waitpid(pid, NULL, 0) == pid && waitpid(-1, &on, 0) > 0 && WEXITSTATUS(on) == 9);
	return NULL;
}

/* ---- threads ---- */

static _Thread_local int mine;
static int answer[THREADS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER, done = PTHREAD_COND_INITIALIZER;
static int round_no, answers;

static void *thread(void *arg)
{
	int n = (int)(intptr_t)arg, seen = 0;
	char name[16];

	mine = n * 3;
	snprintf(name, sizeof(name), "cpt-%d", n);
	prctl(PR_SET_NAME, name);
	for (;;) {
		pthread_mutex_lock(&lock);
		answers++;
		pthread_cond_signal(&done);
		while (round_no == seen)
			pthread_cond_wait(&more, &lock);
		seen = round_no;
		prctl(PR_GET_NAME, name);
		answer[n] = mine + (atoi(name + 4) == n);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static void all_wait(void)
{
	while (answers < THREADS)
		pthread_cond_wait(&done, &lock);
}

static const char *threads_make(void)
{
	pthread_attr_t a;
	pthread_t t;

	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 65536);
	for (intptr_t i = 0; i < THREADS; i++)
		CHECK(pthread_create(&t, &a, thread, (void *)i) == 0);
	pthread_mutex_lock(&lock);
	all_wait();
	pthread_mutex_unlock(&lock);
	return NULL;
}

static const char *threads_verify(void)
{
	pthread_mutex_lock(&lock);
	answers = 0;
	round_no++;
	memset(answer, 0, sizeof(answer));
	pthread_cond_broadcast(&more);
	all_wait();
	pthread_mutex_unlock(&lock);
	for (int i = 0; i < THREADS; i++)
		CHECK(answer[i] == i * 3 + 1);
	return NULL;
}

/* ---- signals and timers ---- */

static volatile int caught, value;
static void handler(int sig, siginfo_t *si, void *ctx)
{
	(void)sig;
	(void)ctx;
	caught++;
	value = si->si_value.sival_int;
}

static const char *signals_make(void)
{
	struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART };
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, SIGRTMIN + 3);
	CHECK(sigaction(SIGRTMIN + 3, &sa, NULL) == 0 && sigprocmask(SIG_BLOCK, &s, NULL) == 0);
	caught = 0;
	for (int i = 1; i <= 3; i++)
		CHECK(sigqueue(getpid(), SIGRTMIN + 3, (union sigval){ .sival_int = 40 + i }) == 0);
	return NULL;
}

static const char *signals_verify(void)
{
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, SIGRTMIN + 3);
	CHECK(caught == 0 && sigprocmask(SIG_UNBLOCK, &s, NULL) == 0 && caught == 3 && value == 43);
	return signals_make();
}

static timer_t timer;

static const char *timers_make(void)
{
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL,
			      .sigev_signo = SIGRTMIN + 4,
			      .sigev_value.sival_int = 77 };
	struct itimerspec its = { .it_value.tv_sec = 1000, .it_interval.tv_sec = 50 };
	struct itimerval itv = { .it_value.tv_sec = 900, .it_interval.tv_sec = 30 };

	CHECK(timer_create(CLOCK_MONOTONIC, &e, &timer) == 0 &&
	      timer_settime(timer, 0, &its, NULL) == 0);
	CHECK(setitimer(ITIMER_REAL, &itv, NULL) == 0);
	return NULL;
}

static const char *timers_verify(void)
{
	struct itimerspec its;
	struct itimerval itv;

	CHECK(timer_gettime(timer, &its) == 0 && its.it_interval.tv_sec == 50);
	CHECK(its.it_value.tv_sec > 500 && its.it_value.tv_sec < 1000);
	CHECK(getitimer(ITIMER_REAL, &itv) == 0 && itv.it_interval.tv_sec == 30);
	CHECK(itv.it_value.tv_sec > 400 && itv.it_value.tv_sec < 900);
	return NULL;
}

/* The monotonic clock goes on from where it was; the pause may be in it, nothing else. */
static struct timespec mono, real;

static const char *clock_make(void)
{
	CHECK(clock_gettime(CLOCK_MONOTONIC, &mono) == 0 &&
	      clock_gettime(CLOCK_REALTIME, &real) == 0);
	return NULL;
}

static const char *clock_verify(void)
{
	struct timespec m, r;

	CHECK(clock_gettime(CLOCK_MONOTONIC, &m) == 0 && clock_gettime(CLOCK_REALTIME, &r) == 0);
	CHECK(m.tv_sec >= mono.tv_sec && m.tv_sec - mono.tv_sec <= r.tv_sec - real.tv_sec + 2);
	return clock_make();
}

/* ---- a terminal ---- */

static int master;

/* Until the other side has said this, in however many pieces. */
static const char *says(const char *words)
{
	struct pollfd p = { .fd = master, .events = POLLIN };
	char text[128] = "";

	for (size_t n = 0; !strstr(text, words); n += strlen(text + n)) {
		CHECK(poll(&p, 1, 5000) == 1);
		CHECK(n < sizeof(text) - 1 && read(master, text + n, sizeof(text) - 1 - n) > 0);
	}
	return NULL;
}

static const char *pty_make(void)
{
	struct winsize w = { .ws_row = 33, .ws_col = 97 };
	char name[64];
	int n, unlock = 0;

	master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	CHECK(master >= 0 && ioctl(master, TIOCSPTLCK, &unlock) == 0 &&
	      ioctl(master, TIOCGPTN, &n) == 0);
	CHECK(ioctl(master, TIOCSWINSZ, &w) == 0);
	snprintf(name, sizeof(name), "/dev/pts/%d", n);
	child = fork();
	if (child == 0) {
		struct termios t;
		char line[256];
		ssize_t len;
		int tty;

		setsid();
		tty = open(name, O_RDWR);
		ioctl(tty, TIOCSCTTY, 0);
		tcgetattr(tty, &t);
		t.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(tty, TCSANOW, &t);
		(void)!write(tty, "up\n", 3);
		while ((len = read(tty, line, sizeof(line))) > 0)
			if (write(tty, "<", 1) != 1 || write(tty, line, (size_t)len) != len)
				break;
		_exit(1);
	}
	return says("up\r\n");
}

static const char *pty_verify(void)
{
	struct winsize w;

	CHECK(ioctl(master, TIOCGWINSZ, &w) == 0 && w.ws_row == 33 && w.ws_col == 97);
	CHECK(write(master, "hello\n", 6) == 6);
	STEP(says("<hello\r\n"));
	CHECK(tcgetsid(master) == child);
	return NULL;
}

/* ---- privileges ---- */

static const char *seccomp_make(void)
{
	struct sock_filter f[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
				   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getcwd, 0, 1),
				   BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 77),
				   BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_fprog prog = { .len = 4, .filter = f };

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			      SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG, &prog) == 0);
	return NULL;
}

static const char *seccomp_verify(void)
{
	char here[512];

	CHECK(syscall(SYS_getcwd, here, sizeof(here)) < 0 && errno == 77);
	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	return NULL;
}

static const char *caps_make(void)
{
	NEED(prctl(PR_CAPBSET_DROP, CAP_NET_RAW) == 0);
	NEED(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NO_SETUID_FIXUP) == 0);
	CHECK(syscall(SYS_setgroups, 2, (gid_t[]){ 10, 20 }) == 0 && setresgid(3, 4, 5) == 0 &&
	      setresuid(6, 7, 8) == 0);
	umask(0137);
	return NULL;
}

static const char *caps_verify(void)
{
	uid_t r, e, s;
	gid_t g[4];
	mode_t m = umask(0);

	umask(m);
	CHECK(m == 0137 && prctl(PR_CAPBSET_READ, CAP_NET_RAW) == 0);
	CHECK(prctl(PR_GET_SECUREBITS) == (SECBIT_NOROOT | SECBIT_NO_SETUID_FIXUP));
	CHECK(getresuid(&r, &e, &s) == 0 && r == 6 && e == 7 && s == 8 &&
	      getresgid(&r, &e, &s) == 0 && r == 3 && e == 4 && s == 5);
	CHECK(getgroups(4, g) == 2 && g[0] == 10 && g[1] == 20);
	return NULL;
}

static const char *prctl_make(void)
{
	struct rlimit l = { 321, 654 };

	CHECK(setrlimit(RLIMIT_NOFILE, &l) == 0 && prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_DUMPABLE, 0) == 0);
	return NULL;
}

static const char *prctl_verify(void)
{
	struct rlimit l;

	CHECK(getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur == 321 && l.rlim_max == 654);
	CHECK(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1 && prctl(PR_GET_DUMPABLE) == 0);
	return NULL;
}

static bool proc_text(const char *name, const char *want, bool set)
{
	char path[64], text[64] = "";
	int fd;
	bool good;

	snprintf(path, sizeof(path), "/proc/self/%s", name);
	fd = open(path, set ? O_WRONLY : O_RDONLY);
	if (fd < 0)
		return false;
	good = set ? write(fd, want, strlen(want)) == (ssize_t)strlen(want)
		   : read(fd, text, sizeof(text) - 1) > 0 && strncmp(text, want, strlen(want)) == 0;
	close(fd);
	return good;
}

static const char *oom_make(void)
{
	NEED(proc_text("oom_score_adj", "123", true));
	return NULL;
}

static const char *oom_verify(void)
{
	CHECK(proc_text("oom_score_adj", "123", false));
	return NULL;
}

/* ---- what CRIU loses by itself ---- */

static const char *coredump_make(void)
{
	CHECK(proc_text("coredump_filter", "0x21", true));
	return NULL;
}

static const char *coredump_verify(void)
{
	CHECK(proc_text("coredump_filter", "00000021", false));
	return NULL;
}

static const char *slack_make(void)
{
	CHECK(prctl(PR_SET_TIMERSLACK, 123456) == 0);
	return NULL;
}

static const char *slack_verify(void)
{
	CHECK(prctl(PR_GET_TIMERSLACK) == 123456);
	return NULL;
}

static const char *affinity_make(void)
{
	cpu_set_t s;

	CPU_ZERO(&s);
	CPU_SET(0, &s);
	CHECK(sched_setaffinity(0, sizeof(s), &s) == 0);
	return NULL;
}

static const char *affinity_verify(void)
{
	cpu_set_t s;

	CHECK(sched_getaffinity(0, sizeof(s), &s) == 0 && CPU_COUNT(&s) == 1 && CPU_ISSET(0, &s));
	return NULL;
}

static const char *ioprio_make(void)
{
	CHECK(syscall(SYS_ioprio_set, 1, 0, (2 << 13) | 6) == 0);
	return NULL;
}

static const char *ioprio_verify(void)
{
	CHECK(syscall(SYS_ioprio_get, 1, 0) == ((2 << 13) | 6));
	return NULL;
}

static const char *mdwe_make(void)
{
	NEED(prctl(PR_SET_MDWE, 1, 0, 0, 0) == 0);
	return NULL;
}

static const char *mdwe_verify(void)
{
	CHECK(prctl(PR_GET_MDWE, 0, 0, 0, 0) == 1);
	return NULL;
}

/* Its session keyring has a key, a keyring with another, and the user's own keyring with a third. */
static const char *keyring_make(void)
{
	long ring;

	NEED(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) > 0);
	NEED(syscall(SYS_add_key, "user", "cpt-a", "first", 5, KEY_SPEC_SESSION_KEYRING) > 0);
	ring = syscall(SYS_add_key, "keyring", "cpt-ring", NULL, 0, KEY_SPEC_SESSION_KEYRING);
	CHECK(ring > 0 && syscall(SYS_add_key, "user", "cpt-b", "second", 6, ring) > 0);
	CHECK(syscall(SYS_keyctl, KEYCTL_SETPERM, ring, 0x3f030000) == 0);
	CHECK(syscall(SYS_keyctl, KEYCTL_LINK, KEY_SPEC_USER_KEYRING, KEY_SPEC_SESSION_KEYRING) ==
	      0);
	CHECK(syscall(SYS_add_key, "user", "cpt-c", "third", 5, KEY_SPEC_USER_KEYRING) > 0);
	return NULL;
}

static bool has_key(long ring, const char *name, const char *want)
{
	char got[16] = "";
	long key = syscall(SYS_keyctl, KEYCTL_SEARCH, ring, "user", name, 0);

	return key > 0 && syscall(SYS_keyctl, KEYCTL_READ, key, got, sizeof(got) - 1) > 0 &&
	       strcmp(got, want) == 0;
}

static const char *keyring_verify(void)
{
	char text[128] = "";

	CHECK(syscall(SYS_keyctl, KEYCTL_DESCRIBE, KEY_SPEC_SESSION_KEYRING, text,
		      sizeof(text) - 1) > 0);
	CHECK(strcmp(text, "keyring;0;0;3f030000;_ses") == 0);
	CHECK(has_key(KEY_SPEC_SESSION_KEYRING, "cpt-a", "first"));
	CHECK(has_key(KEY_SPEC_SESSION_KEYRING, "cpt-b", "second"));
	CHECK(has_key(KEY_SPEC_USER_KEYRING, "cpt-c", "third"));
	return NULL;
}

/* ---- scheduling ---- */

static const char *nice_make(void)
{
	CHECK(setpriority(PRIO_PROCESS, 0, 7) == 0);
	return NULL;
}

static const char *nice_verify(void)
{
	CHECK(getpriority(PRIO_PROCESS, 0) == 7);
	return NULL;
}

static const char *fifo_make(void)
{
	struct sched_param p = { .sched_priority = 3 };

	NEED(sched_setscheduler(0, SCHED_FIFO, &p) == 0);
	return NULL;
}

static const char *fifo_verify(void)
{
	struct sched_param p;

	CHECK(sched_getscheduler(0) == SCHED_FIFO && sched_getparam(0, &p) == 0 &&
	      p.sched_priority == 3);
	return NULL;
}

static const struct feature features[] = {
	{ "zombie", zombie_make, zombie_verify },
	{ "stopped", stopped_make, stopped_verify },
	{ "groups", groups_make, groups_verify },
	{ "subreaper", subreaper_make, subreaper_verify },
	{ "threads", threads_make, threads_verify },
	{ "signals", signals_make, signals_verify },
	{ "timers", timers_make, timers_verify },
	{ "clock", clock_make, clock_verify },
	{ "pty", pty_make, pty_verify },
	{ "seccomp", seccomp_make, seccomp_verify },
	{ "ids", caps_make, caps_verify },
	{ "prctl", prctl_make, prctl_verify },
	{ "oom-score", oom_make, oom_verify },
	{ "coredump-filter", coredump_make, coredump_verify },
	{ "timer-slack", slack_make, slack_verify },
	{ "affinity", affinity_make, affinity_verify },
	{ "ioprio", ioprio_make, ioprio_verify },
	{ "mdwe", mdwe_make, mdwe_verify },
	{ "keyrings", keyring_make, keyring_verify },
	{ "nice", nice_make, nice_verify },
	{ "sched-fifo", fifo_make, fifo_verify },
	{ NULL, NULL, NULL },
};

int main(int argc, char **argv)
{
	return cpt_main(features, argc, argv);
}
