/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The check: which processes there are, what each says of itself in /proc, and
 * the list of findings.  Everything read is under the control of a hostile root
 * and changes while it is read: sizes and counts are bounded, a process that
 * goes is left out, and what comes from inside is escaped before it is kept.
 */
#include "mech/cr/check_priv.h"

#include "base/num.h"
#include "base/str.h"
#include "os/cgfs.h"

#include <string.h>

#define MAX_PROCS	 65536
#define MAX_SEEN	 256
#define BUDGET		 1000000
#define CONTAINER_ITSELF "the container"

int check_push(uint64_t **v, size_t *n, uint64_t value)
{
	if ((*n & (*n - 1)) == 0) { /* full at each power of two */
		uint64_t *p = realloc(*v, (*n ? 2 * *n : 1) * sizeof(**v));

		if (!p)
			return -ENOMEM;
		*v = p;
	}
	(*v)[(*n)++] = value;
	return 0;
}

bool check_spend(struct check *c)
{
	if (c->budget == 0)
		return false;
	c->budget--;
	return true;
}

/* ---- findings ---- */

static bool reported(const struct check *c, const char *probe, const struct check_proc *p)
{
	for (size_t i = c->out->n; p && i > 0 && c->out->v[i - 1].pid == p->pid; i--)
		if (c->out->v[i - 1].probe == probe)
			return true;
	return false;
}

static int proc_name(pid_t pid, char **ret)
{
	_cleanup_free_ char *comm = NULL;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (os_read_file_at(AT_FDCWD, path, 4096, &comm, NULL) < 0)
		return str_fmt(ret, "?");
	if (strlen(comm) > 0)
		comm[strlen(comm) - 1] = '\0'; /* the newline that the kernel puts behind */
	return str_escape(ret, comm);
}

/* The row's words with the detail in them. */
static int fill_what(const char *what, const char *detail, char **ret)
{
	_cleanup_free_ char *safe = NULL;
	const char *mark = strstr(what, "%s");
	int r;

	if (!mark)
		return str_fmt(ret, "%s", what);
	r = str_escape(&safe, detail ? detail : "");
	return r < 0 ? r : str_fmt(ret, "%.*s%.200s%s", (int)(mark - what), what, safe, mark + 2);
}

static void finding_done(struct cr_finding *f)
{
	free(f->process);
	free(f->unit);
	free(f->what);
}

int check_add(struct check *c, enum cr_row_id row, const struct check_proc *p, const char *detail)
{
	const struct cr_row *w = &cr_rows[row];
	struct cr_findings *out = c->out;
	struct cr_finding *f;
	int r;

	if (reported(c, w->name, p))
		return 0;
	if (w->severity > out->worst)
		out->worst = w->severity;
	if (out->n >= CR_MAX_FINDINGS)
		return 0;
	if (!out->v)
		out->v = calloc(CR_MAX_FINDINGS, sizeof(*out->v));
	if (!out->v)
		return -ENOMEM;
	f = &out->v[out->n];
	*f = (struct cr_finding){ .probe = w->name,
				  .severity = w->severity,
				  .pid = p ? p->pid : 0,
				  .vpid = p ? p->vpid : 0,
				  .consequence = w->consequence,
				  .remedy = w->remedy };
	r = fill_what(w->what, detail, &f->what);
	if (r >= 0 && p)
		r = proc_name(p->pid, &f->process);
	if (r >= 0 && p && p->unit)
		r = str_escape(&f->unit, p->unit);
	if (r < 0)
		finding_done(f);
	else
		out->n++;
	return r < 0 ? r : 0;
}

void cr_findings_done(struct cr_findings *f)
{
	for (size_t i = 0; i < f->n; i++)
		finding_done(&f->v[i]);
	free(f->v);
	*f = (struct cr_findings){ 0 };
}

int cr_finding_text(const struct cr_finding *f, char **ret)
{
	struct str s = { 0 };

	if (!f->pid) {
		str_add(&s, CONTAINER_ITSELF);
	} else {
		str_addf(&s, "%s (pid %d", f->process, f->vpid);
		if (f->vpid != f->pid)
			str_addf(&s, ", on the host %d", f->pid);
		str_addf(&s, f->unit ? ", %s)" : ")", f->unit);
	}
	str_addf(&s, " %s, which %s: %s", f->what, f->consequence, f->remedy);
	return str_take(&s, ret);
}

/* ---- who there is ---- */

/*
 * Last component that systemd would call a unit, else the last one. NULL for the container's root cgroup and for
 * those that a manager on the host makes in it, which it calls vz.something.
 */
static char *unit_of(const char *path)
{
	static const char *const kinds[] = { ".service", ".scope" };
	const char *end = path + strlen(path), *last = strrchr(path, '/');

	for (const char *to = end; to > path;) {
		const char *from = to;

		while (from > path && from[-1] != '/')
			from--;
		for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
			size_t k = strlen(kinds[i]);

			if ((size_t)(to - from) > k && strncmp(to - k, kinds[i], k) == 0)
				return strndup(from, (size_t)(to - from));
		}
		to = from > path ? from - 1 : path;
	}
	last = last ? last + 1 : path;
	return *last && !str_has_prefix(last, "vz.") ? strdup(last) : NULL;
}

static int add_proc(struct check *c, pid_t pid, const char *path)
{
	if (c->n >= MAX_PROCS)
		return 0;
	if ((c->n & (c->n - 1)) == 0) {
		struct check_proc *p = realloc(c->procs, (c->n ? 2 * c->n : 1) * sizeof(*c->procs));

		if (!p)
			return -ENOMEM;
		c->procs = p;
	}
	c->procs[c->n++] = (struct check_proc){ .pid = pid, .unit = unit_of(path) };
	return 0;
}

static int read_procs(struct check *c, int fd, const char *path)
{
	_cleanup_free_ char *text = NULL;
	int r = cgfs_read(fd, "cgroup.procs", &text);

	if (r < 0) /* removed meanwhile; threaded: its processes stand further up */
		return r == -ENOMEM ? r : 0;
	for (char *p = text, *next; r >= 0 && p && *p; p = next) {
		uint32_t pid = 0;

		next = strchr(p, '\n');
		if (next)
			*next++ = '\0';
		if (num_parse_u32(p, &pid) >= 0 && pid > 0 && pid <= INT32_MAX)
			r = add_proc(c, (pid_t)pid, path);
	}
	return r;
}

static int walk(struct check *c, int dirfd, const char *path, unsigned int depth)
{
	_cleanup_closedir_ DIR *d = NULL;
	int fd = cgfs_opendir(dirfd, "."), r = read_procs(c, dirfd, path);
	const struct dirent *de;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	d = fdopendir(fd);
	if (!d) {
		(void)safe_close(fd);
		return -ENOMEM;
	}
	while (r >= 0 && depth < CGFS_MAX_DEPTH && (de = readdir(d))) {
		_cleanup_close_ int sub = -EBADF;
		_cleanup_free_ char *below = NULL;

		if (de->d_type != DT_DIR || de->d_name[0] == '.' || !check_spend(c))
			continue;
		sub = cgfs_opendir(dirfd, de->d_name);
		if (sub < 0)
			continue; /* removed meanwhile */
		r = str_fmt(&below, "%s%s%s", path, *path ? "/" : "", de->d_name);
		if (r >= 0)
			r = walk(c, sub, below, depth + 1);
	}
	return r;
}

static int find_procs(struct check *c)
{
	int r = 0;

	if (c->t->cgfd >= 0)
		return walk(c, c->t->cgfd, "", 0);
	for (size_t i = 0; r >= 0 && i < c->t->npids; i++)
		r = add_proc(c, c->t->pids[i], "");
	return r;
}

/* ---- the whole ---- */

int check_ns(pid_t pid, const char *name, uint64_t *ret)
{
	char path[64];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	if (stat(path, &st) < 0)
		return -errno;
	*ret = st.st_ino;
	return 0;
}

int check_first(struct check *c, uint64_t inode)
{
	int r;

	for (size_t i = 0; i < c->nseen; i++)
		if (c->seen[i] == inode)
			return 0;
	if (c->nseen >= MAX_SEEN)
		return 0;
	r = check_push(&c->seen, &c->nseen, inode);
	return r < 0 ? r : 1;
}

static int probe_all(struct check *c, struct vz_error *e)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->n; i++) {
		const struct check_proc *p = &c->procs[i];

		r = check_process(c, p);
		if (r >= 0)
			r = check_fds(c, i, e);
		if (r >= 0 && !c->t->quick)
			r = check_maps(c, i);
	}
	return r;
}

int cr_check(const struct cr_target *t, struct cr_findings *ret, struct vz_error *e)
{
	struct cr_findings out = { 0 };
	struct check c = { .t = t, .out = &out, .budget = BUDGET };
	uint64_t ns;
	int r = check_ns(t->init, "mnt", &ns);

	if (r < 0)
		return vz_fail(e, r == -ENOENT ? -ESRCH : r, "look at process %d", t->init);
	r = find_procs(&c);
	if (r >= 0) {
		check_vpids(&c);
		r = check_mounts(&c);
	}
	if (r >= 0)
		r = probe_all(&c, e);
	if (r >= 0 && !t->quick)
		r = check_networks(&c);
	if (r >= 0)
		r = check_keys(&c);
	if (r >= 0 && !c.budget)
		r = check_add(&c, ROW_TOO_MUCH, NULL, NULL);
	for (size_t i = 0; i < c.n; i++)
		free(c.procs[i].unit);
	free(c.procs);
	free(c.mounts);
	free(c.seen);
	free(c.socks);
	if (r < 0) {
		cr_findings_done(&out);
		return vz_fail(e, r, "look for what cannot be checkpointed");
	}
	*ret = out;
	return 0;
}
