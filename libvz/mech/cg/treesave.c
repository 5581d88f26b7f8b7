/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cgroups that a VE made for itself, written down (format: priv.h).  Knows what
 * the kernel's defaults are, because only what differs is written.  Tricky: the
 * files of a directory belong to who made it, but for those that somebody gave to
 * somebody else; who made it is whom cgroup.events belongs to, which nobody gives away.
 */
#include "mech/cg/cg.h"

#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/num.h"
#include "base/str.h"
#include "mech/cg/priv.h"
#include "os/cgfs.h"

#define XATTR_LIST_MAX 65536

const char *const tree_words[TREE_KINDS] = { "dir",   "ctl", "type", "own",
					     "xattr", "set", "task", "thread" };

/* clang-format off */
static const struct {
	const char *file, *def; /* def: all lines of it */
} limits[] = {
	{ "cgroup.freeze", "0" },
	{ "cgroup.max.depth", "max" },
	{ "cgroup.max.descendants", "max" },
	{ "cgroup.pressure", "1" },
	{ "cpu.idle", "0" },
	{ "cpu.max", "max 100000" },
	{ "cpu.max.burst", "0" },
	{ "cpu.uclamp.max", "max" },
	{ "cpu.uclamp.min", "0.00" },
	{ "cpu.weight", "100" },
	{ "cpuset.cpus", "" },
	{ "cpuset.cpus.exclusive", "" },
	{ "cpuset.cpus.partition", "member" },
	{ "cpuset.mems", "" },
	{ "io.bfq.weight", "default 100" },
	{ "io.latency", "" },
	{ "io.max", "" },
	{ "io.prio.class", "no-change" },
	{ "io.weight", "default 100" },
	{ "memory.high", "max" },
	{ "memory.low", "0" },
	{ "memory.max", "max" },
	{ "memory.min", "0" },
	{ "memory.oom.group", "0" },
	{ "memory.swap.high", "max" },
	{ "memory.swap.max", "max" },
	{ "memory.zswap.max", "max" },
	{ "memory.zswap.writeback", "1" },
	{ "pids.max", "max" },
};
/* clang-format on */

const char *tree_limit(const char *file)
{
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		if (strcmp(limits[i].file, file) == 0)
			return limits[i].def;
	return NULL;
}

/* The mode that the kernel gives a file of this name, seen where no VE could change it. */
struct mode {
	char name[64];
	mode_t mode;
};

struct save {
	uid_t uid;
	gid_t gid;
	struct str out, path;
	struct mode *modes;
	size_t nmodes, dirs;
	struct os_pids *pids;
	pid_t foreign;
};

/* One directory on the way. */
struct place {
	int fd;
	bool top, threaded;
	uint32_t uid, gid; /* who made it, as in the text */
	char **children;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct mode *)a)->name, ((const struct mode *)b)->name);
}

/* Call fn for each entry; stops at its first failure. */
static int each_entry(int dirfd, int (*fn)(struct save *s, struct place *p, const struct dirent *),
		      struct save *s, struct place *p)
{
	_cleanup_closedir_ DIR *d = NULL;
	const struct dirent *de;
	int r = os_list_dir(dirfd, &d);

	while (r >= 0 && (r = os_next_entry(d, &de)) > 0)
		r = fn(s, p, de);
	return r;
}

static int keep_mode(struct save *s, struct place *p, const struct dirent *de)
{
	struct mode *v, m = { .mode = 0 };
	struct stat st;

	if (de->d_type == DT_DIR || strlen(de->d_name) >= sizeof(m.name))
		return 0;
	if (fstatat(p->fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	v = realloc(s->modes, (s->nmodes + 1) * sizeof(*v));
	if (!v)
		return -ENOMEM;
	s->modes = v;
	memcpy(m.name, de->d_name, strlen(de->d_name));
	m.mode = st.st_mode & 07777;
	v[s->nmodes++] = m;
	return 0;
}

static mode_t default_mode(const struct save *s, const char *name, mode_t otherwise)
{
	const struct mode *found = NULL;
	struct mode key = { .mode = 0 };

	if (strlen(name) < sizeof(key.name)) {
		memcpy(key.name, name, strlen(name));
		found = bsearch(&key, s->modes, s->nmodes, sizeof(key), by_name);
	}
	return found ? found->mode : otherwise;
}

/* An id as the text has it; the host's own is not the VE's. */
static uint32_t relative(uint32_t id, uint32_t base)
{
	if (base && (id < base || id - base >= TREE_IDS))
		return TREE_HOST;
	return id - base;
}

static void put_id(struct str *out, uint32_t id)
{
	if (id == TREE_HOST)
		str_add(out, " -");
	else
		str_addf(out, " %u", id);
}

static void put_owner(struct save *s, const struct place *p, const char *name,
		      const struct stat *st)
{
	const mode_t mode = st->st_mode & 07777;
	const uint32_t uid = relative(st->st_uid, s->uid), gid = relative(st->st_gid, s->gid);
	const mode_t usual = S_ISDIR(st->st_mode) ? 0755 : default_mode(s, name, mode);

	if (uid == p->uid && gid == p->gid && mode == usual)
		return;
	if (uid == TREE_HOST || gid == TREE_HOST)
		return;
	str_addf(&s->out, "%s %u %u %o %s\n", tree_words[TREE_OWN], uid, gid, mode, name);
}

static int put_limit(struct save *s, const struct place *p, const char *file, const char *def)
{
	_cleanup_free_ char *text = NULL;
	int r;

	/* how the checkpoint itself keeps the tree still */
	if (p->top && strcmp(file, "cgroup.freeze") == 0)
		return 0;
	r = cgfs_read(p->fd, file, &text);
	if (r < 0) /* some files are there and have no answer for now */
		return r == -ENOENT || r == -EOPNOTSUPP || r == -ENODEV ? 0 : r;
	if (strcmp(text, def) == 0)
		return 0;
	for (char *line = text, *next; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (strcmp(file, "cpuset.cpus.partition") == 0)
			line[strcspn(line, " ")] = '\0';
		if (*line && strcmp(line, def) != 0)
			str_addf(&s->out, "%s %s %s\n", tree_words[TREE_SET], file, line);
	}
	return 0;
}

static int take_entry(struct save *s, struct place *p, const struct dirent *de)
{
	const char *def;
	struct stat st;

	if (de->d_type == DT_DIR)
		return strv_add(&p->children, de->d_name);
	if (fstatat(p->fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	put_owner(s, p, de->d_name, &st);
	def = tree_limit(de->d_name);
	return def ? put_limit(s, p, de->d_name, def) : 0;
}

static void put_hex(struct str *out, const void *data, size_t n)
{
	const unsigned char *p = data;

	str_add(out, " ");
	for (size_t i = 0; i < n; i++)
		str_addf(out, "%02x", p[i]);
}

static int put_xattrs(struct save *s, int fd)
{
	_cleanup_free_ char *names = NULL;
	char value[TREE_MAX_XATTR];
	ssize_t len, n;

	len = flistxattr(fd, NULL, 0);
	if (len <= 0)
		return len < 0 && errno != EOPNOTSUPP ? -errno : 0;
	names = malloc(XATTR_LIST_MAX + 1);
	if (!names)
		return -ENOMEM;
	len = flistxattr(fd, names, XATTR_LIST_MAX);
	if (len < 0)
		return -errno;
	names[len] = '\0';
	for (const char *name = names; name < names + len; name += strlen(name) + 1) {
		if (!str_has_prefix(name, "user.") && (s->uid || !str_has_prefix(name, "trusted.")))
			continue;
		n = fgetxattr(fd, name, value, sizeof(value));
		if (n < 0)
			return -errno;
		str_add(&s->out, tree_words[TREE_XATTR]);
		put_hex(&s->out, name, strlen(name));
		put_hex(&s->out, value, (size_t)n);
		str_add(&s->out, "\n");
	}
	return 0;
}

static int put_shape(struct save *s, struct place *p)
{
	_cleanup_free_ char *ctl = NULL, *type = NULL;
	struct stat st;
	int r;

	if (fstatat(p->fd, "cgroup.events", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	p->uid = relative(st.st_uid, s->uid);
	p->gid = relative(st.st_gid, s->gid);
	if (p->uid == TREE_HOST || p->gid == TREE_HOST)
		p->uid = p->gid = TREE_HOST;
	str_add(&s->out, tree_words[TREE_DIR]);
	put_id(&s->out, p->uid);
	put_id(&s->out, p->gid);
	str_addf(&s->out, " %s\n", s->path.len ? s->path.p : ".");
	if (fstat(p->fd, &st) < 0)
		return -errno;
	put_owner(s, p, ".", &st);
	r = cgfs_read(p->fd, "cgroup.subtree_control", &ctl);
	if (r >= 0)
		r = cgfs_read(p->fd, "cgroup.type", &type);
	if (r < 0)
		return r;
	if (*ctl)
		str_addf(&s->out, "%s %s\n", tree_words[TREE_CTL], ctl);
	p->threaded = strcmp(type, "threaded") == 0;
	if (p->threaded)
		str_addf(&s->out, "%s threaded\n", tree_words[TREE_TYPE]);
	return put_xattrs(s, p->fd);
}

static int put_tasks(struct save *s, const struct place *p)
{
	_cleanup_pids_ struct os_pids threads = { 0 };
	struct os_pids *list = p->threaded ? &threads : s->pids;
	const char *word = tree_words[p->threaded ? TREE_THREAD : TREE_TASK];
	const size_t first = list->n;
	int r = tree_pids(p->fd, p->threaded ? "cgroup.threads" : "cgroup.procs", list,
			  &s->foreign);

	/* "domain invalid": nothing can be in it */
	if (r == -EOPNOTSUPP)
		r = 0;
	for (size_t i = first; r >= 0 && i < list->n; i++)
		str_addf(&s->out, "%s %d\n", word, list->v[i].inside);
	return r;
}

static int put_dir(struct save *s, int fd, unsigned int depth);

static int put_children(struct save *s, const struct place *p, unsigned int depth)
{
	const size_t here = s->path.len;
	int r = 0;

	for (size_t i = 0; r >= 0 && p->children && p->children[i]; i++) {
		int fd = cgfs_opendir(p->fd, p->children[i]);

		if (fd < 0)
			return fd == -ENOENT ? 0 : fd;
		str_addf(&s->path, "%s%s", here ? "/" : "", p->children[i]);
		r = s->path.failed ? -ENOMEM : put_dir(s, fd, depth + 1);
		(void)safe_close(fd);
		s->path.len = here;
		if (s->path.p)
			s->path.p[here] = '\0';
	}
	return r;
}

static int put_dir(struct save *s, int fd, unsigned int depth)
{
	struct place p = { .fd = fd, .top = depth == 0 };
	int r;

	if (++s->dirs > TREE_MAX_DIRS || depth > TREE_MAX_DEPTH || s->out.len > TREE_MAX_TEXT)
		return -E2BIG;
	r = put_shape(s, &p);
	if (r >= 0)
		r = each_entry(fd, take_entry, s, &p);
	if (r >= 0)
		r = put_tasks(s, &p);
	if (r >= 0)
		r = put_children(s, &p, depth);
	strv_free(p.children);
	return r;
}

static int save_all(struct save *s, int cgfd)
{
	_cleanup_close_ int ve = cgfs_opendir(cgfd, VE_DIR);
	struct place outer = { .fd = cgfd };
	int r = ve;

	if (r >= 0)
		r = each_entry(cgfd, keep_mode, s, &outer);
	if (r < 0)
		return r;
	qsort(s->modes, s->nmodes, sizeof(*s->modes), by_name);
	str_add(&s->out, TREE_MAGIC "\n");
	return put_dir(s, ve, 0);
}

int cg_tree_save(int cgfd, uid_t uid, gid_t gid, char **ret_text, struct os_pids *pids,
		 struct vz_error *e)
{
	struct save s = { .uid = uid, .gid = gid, .pids = pids };
	int r = save_all(&s, cgfd);

	if (r >= 0)
		r = str_take(&s.out, ret_text);
	str_done(&s.out);
	str_done(&s.path);
	free(s.modes);
	if (r == -EXDEV)
		return vz_fail(
			e, -EBUSY,
			"process %d of the host is in the container's cgroup (a command on its "
			"way in?): try again",
			s.foreign);
	if (r == -E2BIG)
		return vz_fail(e, r, "the container has more than %d cgroups, or deeper than %d",
			       TREE_MAX_DIRS - 1, TREE_MAX_DEPTH);
	return r < 0 ? vz_fail(e, r, "read the container's cgroups") : 0;
}
