/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Per-thread state that CRIU loses (tasks.h), read from and given back through the host's
 * /proc and system calls that take a foreign thread.  Tricky: the kernel does not tell
 * an affinity that was asked for from one that a cpuset left over, so a mask
 * is taken for asked for when it is not what anybody in the VE may use; and the
 * core dump filter belongs to the memory that threads share.
 */
#include "mech/cr/tasks.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/num.h"
#include "base/str.h"
#include "os/os.h"

#define MAGIC	    "vz-tasks 1"
#define MAX_TEXT    (1U << 20) /* a dump takes no larger file */
#define MAX_CPUS    8192
#define WORD_BITS   (8 * sizeof(unsigned long))
#define SLACK_NS    50000 /* init_task's */
#define FILTER	    0x33  /* MMF_DUMP_FILTER_DEFAULT, with ELF headers */
#define IO_PROCESS  1	  /* IOPRIO_WHO_PROCESS */
#define IO_PRIO_MAX 0xffff

struct cpus {
	unsigned long v[MAX_CPUS / WORD_BITS];
};

static void cpus_add(struct cpus *c, unsigned int i)
{
	c->v[i / WORD_BITS] |= 1UL << i % WORD_BITS;
}

static bool cpus_has(const struct cpus *c, unsigned int i)
{
	return i < MAX_CPUS && c->v[i / WORD_BITS] >> i % WORD_BITS & 1;
}

/* "0,2-3" */
static int cpus_parse(const char *s, struct cpus *ret)
{
	*ret = (struct cpus){ 0 };
	for (;;) {
		const size_t n = strcspn(s, ",");
		uint32_t first, last;
		char part[24], *dash;

		if (n >= sizeof(part))
			return -EBADMSG;
		memcpy(part, s, n);
		part[n] = '\0';
		dash = strchr(part, '-');
		if (dash)
			*dash = '\0';
		if (num_parse_u32(part, &first) < 0 ||
		    num_parse_u32(dash ? dash + 1 : part, &last) < 0 || last < first ||
		    last >= MAX_CPUS)
			return -EBADMSG;
		for (uint32_t i = first; i <= last; i++)
			cpus_add(ret, i);
		if (!s[n])
			return 0;
		s += n + 1;
	}
}

static void cpus_put(struct str *out, const struct cpus *c)
{
	const char *comma = "";

	for (unsigned int i = 0; i < MAX_CPUS; i++) {
		unsigned int last = i;

		if (!cpus_has(c, i))
			continue;
		while (cpus_has(c, last + 1))
			last++;
		str_addf(out, last > i ? "%s%u-%u" : "%s%u", comma, i, last);
		comma = ",";
		i = last;
	}
}

static int get_affinity(pid_t tid, struct cpus *ret)
{
	*ret = (struct cpus){ 0 };
	return RET_NERRNO(syscall(SYS_sched_getaffinity, tid, sizeof(ret->v), ret->v));
}

/* A number in /proc/TID/file; base 10 or 16 */
static int read_number(pid_t tid, const char *file, bool hex, uint64_t *ret)
{
	_cleanup_free_ char *text = NULL;
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", tid, file);
	r = os_read_file_at(AT_FDCWD, path, 64, &text, NULL);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	text[strcspn(text, "\n")] = '\0';
	if (!hex)
		return num_parse_u64(text, ret);
	*ret = 0;
	for (const char *p = text; *p; p++) {
		const char *digits = "0123456789abcdef", *d = strchr(digits, *p);

		if (!d || p - text >= 16)
			return -EBADMSG;
		*ret = *ret << 4 | (uint64_t)(d - digits);
	}
	return 0;
}

static int write_number(pid_t tid, const char *file, uint64_t value)
{
	char path[64], text[24];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", tid, file);
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	return os_write_file_at(AT_FDCWD, path, text);
}

/* Call fn for each thread of a process, itself first; stops at the first failure. */
static int each_thread(pid_t pid, int (*fn)(pid_t pid, pid_t tid, void *data), void *data)
{
	_cleanup_closedir_ DIR *d = NULL;
	const struct dirent *de;
	char path[64];
	int r = 0, tid;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", pid);
	d = opendir(path);
	if (!d)
		return errno == ENOENT ? 0 : -errno;
	while (r >= 0 && (de = readdir(d)))
		if (num_parse_int(de->d_name, &tid) >= 0)
			r = fn(pid, tid, data);
	return r;
}

/* ---- writing it down ---- */

struct save {
	struct cpus usual;
	struct str out;
};

static int save_thread(pid_t pid, pid_t tid, void *data)
{
	struct save *s = data;
	struct str words = { 0 };
	struct cpus cpus;
	uint64_t slack = SLACK_NS, filter = FILTER;
	int r, io, inside;

	r = get_affinity(tid, &cpus);
	if (r >= 0 && memcmp(&cpus, &s->usual, sizeof(cpus)) != 0) {
		str_add(&words, " cpus=");
		cpus_put(&words, &cpus);
	}
	io = RET_NERRNO(syscall(SYS_ioprio_get, IO_PROCESS, tid));
	if (io > 0)
		str_addf(&words, " io=%d", io);
	if (r >= 0)
		r = read_number(tid, "timerslack_ns", false, &slack);
	/* 0: it has a real-time policy, where there is no slack */
	if (slack && slack != SLACK_NS)
		str_addf(&words, " slack=%llu", (unsigned long long)slack);
	/* a zombie has no memory */
	if (r >= 0 && pid == tid && read_number(pid, "coredump_filter", true, &filter) >= 0 &&
	    filter != FILTER)
		str_addf(&words, " core=%llu", (unsigned long long)filter);
	if (r >= 0 && words.len) {
		inside = os_pid_inside(tid);
		r = inside < 0 ? inside : words.failed ? -ENOMEM : 0;
		if (r >= 0)
			str_addf(&s->out, "thread %d%s\n", inside, words.p);
	}
	str_done(&words);
	return r == -ESRCH ? 0 : r;
}

/* list: as a file of the kernel's has it, with or without its newline */
static int usual_cpus(const char *list, struct cpus *ret)
{
	_cleanup_free_ char *text = NULL;
	int r = 0;

	if (list && *list && *list != '\n')
		r = str_set(&text, list);
	else
		r = os_read_file_at(AT_FDCWD, "/sys/devices/system/cpu/online", 4096, &text, NULL);
	if (r < 0)
		return r;
	text[strcspn(text, "\n")] = '\0';
	return cpus_parse(text, ret);
}

int cr_tasks_save(const struct os_pids *pids, const char *cpus, char **ret_text, struct vz_error *e)
{
	struct save s = { .out = { 0 } };
	int r = usual_cpus(cpus, &s.usual);

	str_add(&s.out, MAGIC "\n");
	for (size_t i = 0; r >= 0 && i < pids->n; i++)
		r = each_thread(pids->v[i].pid, save_thread, &s);
	if (r >= 0 && s.out.len > MAX_TEXT)
		r = -E2BIG;
	if (r >= 0)
		r = str_take(&s.out, ret_text);
	str_done(&s.out);
	return r < 0 ? vz_fail(e, r, "read scheduling of the container's processes") : 0;
}

/* ---- giving it back ---- */

struct want {
	pid_t inside;
	struct cpus cpus;
	uint64_t slack, filter;
	uint32_t io;
	unsigned int has; /* bits of the words below */
};

enum { CPUS, IO, SLACK, CORE, WORDS };
static const char *const words[WORDS] = { "cpus=", "io=", "slack=", "core=" };

static int parse_word(const char *w, struct want *ret)
{
	const char *v = w + strcspn(w, "=") + 1;
	unsigned int i = 0;
	int r = -EBADMSG;

	while (i < WORDS && !str_has_prefix(w, words[i]))
		i++;
	if (i == WORDS || ret->has & 1U << i)
		return -EBADMSG;
	ret->has |= 1U << i;
	if (i == CPUS)
		r = cpus_parse(v, &ret->cpus);
	else if (i == IO)
		r = num_parse_u32(v, &ret->io);
	else
		r = num_parse_u64(v, i == SLACK ? &ret->slack : &ret->filter);
	return r < 0 || ret->io > IO_PRIO_MAX || ret->filter > UINT32_MAX ? -EBADMSG : 0;
}

/* "thread 12 cpus=0 io=16388" */
static int parse_line(char *line, struct want *ret)
{
	_cleanup_strv_ char **v = NULL;
	int r = strv_split(&v, line, " ");

	*ret = (struct want){ 0 };
	if (r < 0)
		return r;
	if (strv_len(v) < 3 || strcmp(v[0], "thread") != 0 ||
	    num_parse_int(v[1], &ret->inside) < 0 || ret->inside <= 0)
		return -EBADMSG;
	for (size_t i = 2; r >= 0 && v[i]; i++)
		r = parse_word(v[i], ret);
	return r;
}

static int set_cpus(pid_t tid, const struct cpus *want)
{
	struct cpus have;
	int r = RET_NERRNO(syscall(SYS_sched_setaffinity, tid, sizeof(want->v), want->v));

	/* none of them is here: it may go where all may, as the kernel does it when a CPU goes */
	return r == -EINVAL && get_affinity(tid, &have) >= 0 ? 0 : r;
}

static void apply(pid_t tid, const struct want *w, const struct logger *l)
{
	int r[WORDS] = { 0 };

	if (w->has & 1 << CPUS)
		r[CPUS] = set_cpus(tid, &w->cpus);
	if (w->has & 1 << IO)
		r[IO] = RET_NERRNO(syscall(SYS_ioprio_set, IO_PROCESS, tid, w->io));
	if (w->has & 1 << SLACK)
		r[SLACK] = write_number(tid, "timerslack_ns", w->slack);
	if (w->has & 1 << CORE)
		r[CORE] = write_number(tid, "coredump_filter", w->filter);
	for (unsigned int i = 0; i < WORDS; i++)
		if (r[i] < 0 && r[i] != -ESRCH)
			log_warn(l,
				 "thread %d of the container cannot have its %.*s back (error %d)",
				 w->inside, (int)strlen(words[i]) - 1, words[i], -r[i]);
}

static int add_thread(pid_t pid, pid_t tid, void *data)
{
	int inside;

	if (pid == tid)
		return 0;
	inside = os_pid_inside(tid);
	return inside == -ESRCH ? 0 : inside < 0 ? inside : os_pids_add(data, tid, inside);
}

/* Looked for among processes first: threads are listed only for a thread that has something. */
static int find(pid_t inside, const struct os_pids *pids, struct os_pids *threads, bool *listed)
{
	pid_t tid = os_pids_find(pids, inside);
	int r = 0;

	if (tid > 0)
		return tid;
	for (size_t i = 0; !*listed && r >= 0 && i < pids->n; i++)
		r = each_thread(pids->v[i].pid, add_thread, threads);
	if (!*listed)
		os_pids_sort(threads);
	*listed = true;
	return r < 0 ? r : os_pids_find(threads, inside);
}

static int restore(char *text, const struct os_pids *pids, const struct logger *l)
{
	_cleanup_pids_ struct os_pids threads = { 0 };
	bool listed = false;
	char *next;
	int r = 0;

	if (strlen(text) > MAX_TEXT || !str_has_prefix(text, MAGIC "\n"))
		return -EBADMSG;
	for (char *line = strchr(text, '\n') + 1; r >= 0 && *line; line = next) {
		struct want w;

		next = strchr(line, '\n');
		if (!next)
			return -EBADMSG;
		*next++ = '\0';
		r = parse_line(line, &w);
		if (r >= 0)
			r = find(w.inside, pids, &threads, &listed);
		if (r > 0)
			apply(r, &w, l);
		if (r == -ESRCH)
			r = 0;
	}
	return r < 0 ? r : 0;
}

int cr_tasks_restore(const char *text, const struct os_pids *pids, const struct logger *l,
		     struct vz_error *e)
{
	_cleanup_free_ char *copy = strdup(text);
	int r = copy ? restore(copy, pids, l) : -ENOMEM;

	return r < 0 ? vz_fail(e, r, "give the container's processes their scheduling back") : 0;
}

void cr_tasks_defaults(void)
{
	struct cpus all;

	/* best effort: who may not do this has not done the opposite either */
	memset(&all, 0xff, sizeof(all));
	(void)syscall(SYS_sched_setaffinity, 0, sizeof(all.v), all.v);
	(void)syscall(SYS_ioprio_set, IO_PROCESS, 0, 0);
	(void)prctl(PR_SET_TIMERSLACK, SLACK_NS, 0, 0, 0);
	IGNORE(write_number(getpid(), "coredump_filter", FILTER));
}
