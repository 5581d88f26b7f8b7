/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What belongs to a namespace, not to a process: mounts, network devices, and
 * what waits in the queues of sockets.  Each namespace is looked at once, by way
 * of the first process met in it.  Tricky: mountinfo shows a process only what
 * is beneath its own root, so a mount that is not known is looked for again
 * through the process that uses it.
 */
#include "mech/cr/check_priv.h"

#include "base/num.h"
#include "base/str.h"
#include "os/nl.h"
#include "os/os.h"

#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MOUNTS_MAX (8U << 20)

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static bool known_mount(const struct check *c, uint64_t id)
{
	return c->nmounts && bsearch(&id, c->mounts, c->nmounts, sizeof(id), compare);
}

/* One line of mountinfo: "36 35 98:0 /root /mnt opts [tags] - type source opts". */
struct mount_line {
	uint64_t id, dev;
	const char *at, *type;
};

static bool parse_mount(char *line, struct mount_line *m)
{
	char *word[6], *save = NULL, *dash = strstr(line, " - ");
	unsigned int major, minor;

	if (!dash)
		return false;
	*dash = '\0';
	m->type = dash + 3;
	dash[3 + strcspn(m->type, " ")] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(word); i++) {
		word[i] = strtok_r(i ? NULL : line, " ", &save);
		if (!word[i])
			return false;
	}
	m->at = word[4];
	m->dev = 0;
	if (sscanf(word[2], "%u:%u", &major, &minor) == 2)
		m->dev = (uint64_t)major << 32 | minor;
	return num_parse_u64(word[0], &m->id) >= 0;
}

/* The next mount of REST, which is cut to pieces. */
static bool next_mount(char **rest, struct mount_line *m)
{
	for (char *line; (line = strsep(rest, "\n"));)
		if (parse_mount(line, m))
			return true;
	return false;
}

static int report_mount(struct check *c, const struct mount_line *m, const struct check_proc *p)
{
	enum cr_row_id row =
		cr_row_of(cr_filesystems, cr_filesystems_len, m->type,
			  str_has_prefix(m->type, "fuse.") ? ROW_MNT_FUSE : ROW_MNT_OTHER);
	_cleanup_free_ char *both = NULL;

	/* what the container's root is on, it may bind elsewhere */
	if (row == ROW_COUNT || m->dev == c->root_dev || (row == ROW_MNT_RAMFS && c->t->patched))
		return 0;
	if (str_fmt(&both, "%s on %s", m->type, m->at) < 0)
		return -ENOMEM;
	return check_add(c, row, p, row == ROW_MNT_OTHER ? both : m->at);
}

/* report: tell of file systems that cannot go along. p: NULL for the container's own namespace. */
static int read_mounts(struct check *c, pid_t pid, const struct check_proc *p, bool report)
{
	_cleanup_free_ char *text = NULL;
	struct mount_line m;
	char path[64], *rest;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/mountinfo", pid);
	r = os_read_file_at(AT_FDCWD, path, MOUNTS_MAX, &text, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	rest = text;
	while (r >= 0 && next_mount(&rest, &m)) {
		if (known_mount(c, m.id))
			continue;
		if (strcmp(m.at, "/") == 0 && !c->root_dev)
			c->root_dev = m.dev;
		r = check_push(&c->mounts, &c->nmounts, m.id);
		if (r >= 0 && report)
			r = report_mount(c, &m, p);
	}
	qsort(c->mounts, c->nmounts, sizeof(*c->mounts), compare);
	return r;
}

int check_mounts(struct check *c)
{
	uint64_t ns;
	int r = check_ns(c->t->init, "mnt", &ns);

	if (r >= 0)
		r = check_first(c, ns);
	if (r >= 0)
		r = read_mounts(c, c->t->init, NULL, true);
	for (size_t i = 0; r >= 0 && i < c->n; i++) {
		if (check_ns(c->procs[i].pid, "mnt", &ns) < 0)
			continue;
		r = check_first(c, ns);
		if (r > 0)
			r = read_mounts(c, c->procs[i].pid, &c->procs[i], true);
	}
	return r < 0 && !check_gone(r) ? r : 0;
}

bool check_has_mount(struct check *c, pid_t pid, uint64_t id)
{
	if (known_mount(c, id))
		return true;
	return read_mounts(c, pid, NULL, false) < 0 || known_mount(c, id);
}

static bool is_that(int fd, const struct statx *s, bool inode)
{
	struct statx got;

	return fd >= 0 && statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &got) == 0 &&
	       got.stx_dev_major == s->stx_dev_major && got.stx_dev_minor == s->stx_dev_minor &&
	       (!inode || got.stx_ino == s->stx_ino);
}

/* The mounts of the container's own namespace, as far as it may know. */
struct table {
	struct mount_line *v;
	size_t n;
	int root; /* its root directory */
};

static bool read_table(struct check *c, char *text, struct table *t)
{
	struct mount_line m, *v;

	while (next_mount(&text, &m)) {
		v = check_spend(c) ? reallocarray(t->v, t->n + 1, sizeof(*v)) : NULL;
		if (!v)
			return false;
		t->v = v;
		t->v[t->n++] = m;
	}
	return true;
}

static bool leads_over(const char *path, const char *at)
{
	size_t n = strcmp(at, "/") == 0 ? 0 : strlen(at);

	return strncmp(path, at, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/*
 * Whoever walks along a path of the container's may wait for its FUSE server, for ever. In a user namespace the kernel
 * keeps us out of those; in a container without one we keep away from all mounts but what cannot have a server.
 */
static bool is_safe(struct check *c, const struct table *t, const char *path)
{
	/* not as mountinfo writes it */
	if (path[0] != '/' || strpbrk(path, " \t\n\\#"))
		return false;
	for (size_t i = 0; i < t->n; i++) {
		const struct mount_line *m = &t->v[i];

		if (!check_spend(c))
			return false;
		if (m->dev == c->root_dev && strcmp(m->type, "overlay") == 0)
			continue; /* the root, which we have made */
		if (leads_over(path, m->at) && cr_row_of(cr_filesystems, cr_filesystems_len,
							 m->type, ROW_MNT_OTHER) != ROW_COUNT)
			return false;
	}
	return true;
}

/* Whether the file has a name on the mount at AT that leads to it. */
static bool on_mount(struct check *c, const struct table *t, const char *at, struct file_handle *h,
		     const struct statx *s)
{
	_cleanup_close_ int dir = -EBADF, found = -EBADF, fd = -EBADF;
	char name[32], path[PATH_MAX];
	ssize_t n;

	if (!is_safe(c, t, at))
		return false;
	dir = os_openat(t->root, at, O_RDONLY | O_DIRECTORY, 0, RESOLVE_IN_ROOT);
	if (!is_that(dir, s, false))
		return false;
	found = open_by_handle_at(dir, h, O_PATH | O_CLOEXEC);
	if (found < 0)
		return false;
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", found);
	n = readlink(name, path, sizeof(path) - 1);
	if (n <= 0)
		return false;
	path[n] = '\0';
	if (!is_safe(c, t, path))
		return false;
	fd = os_openat(t->root, path, O_PATH | O_NOFOLLOW, 0, RESOLVE_IN_ROOT);
	return is_that(fd, s, true);
}

/* vz-criu has the same rule, for every file system: criu-patches/files/take-a-file-s-other-mount-... */
bool check_other_mount(struct check *c, int dir, const char *name, const struct statx *s)
{
	union {
		struct file_handle h;
		char space[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} u = { .h.handle_bytes = MAX_HANDLE_SZ };
	_cleanup_close_ int root = -EBADF;
	_cleanup_free_ char *text = NULL;
	struct table t = { .root = -EBADF };
	bool there = false;
	char path[64];
	int id;

	(void)snprintf(path, sizeof(path), "/proc/%d/root", c->t->init);
	root = t.root = os_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, 0);
	(void)snprintf(path, sizeof(path), "/proc/%d/mountinfo", c->t->init);
	if (root < 0 || os_read_file_at(AT_FDCWD, path, MOUNTS_MAX, &text, NULL) < 0)
		return false;
	if (read_table(c, text, &t))
		for (size_t i = 0; i < t.n && !there; i++)
			there = strcmp(t.v[i].type, "tmpfs") == 0 &&
				t.v[i].dev ==
					((uint64_t)s->stx_dev_major << 32 | s->stx_dev_minor) &&
				name_to_handle_at(dir, name, &u.h, &id, AT_SYMLINK_FOLLOW) == 0 &&
				on_mount(c, &t, t.v[i].at, &u.h, s);
	free(t.v);
	return there;
}

/* ---- network ---- */

/* The process that holds a socket; NULL: nobody of theirs. */
static const struct check_proc *owner(const struct check *c, uint64_t inode)
{
	for (size_t i = 0; i < c->nsocks; i++)
		if (c->socks[i].inode == inode)
			return &c->procs[c->socks[i].proc];
	return NULL;
}

/* Every namespace has these of itself where the kernel knows their kind. */
static bool is_fallback(const char *name)
{
	static const char *const names[] = { "tunl0",	"gre0",	   "gretap0",  "erspan0", "ip_vti0",
					     "ip6tnl0", "ip6gre0", "ip6_vti0", "sit0" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static int link_cb(const struct nlmsghdr *m, void *data)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(m);
	const char *kind = "", *name = "?";
	const struct nlattr *a, *b;
	char detail[96];

	mnl_attr_for_each(a, m, sizeof(*ifi))
	{
		if (mnl_attr_get_type(a) == IFLA_IFNAME)
			name = mnl_attr_get_str(a);
		if (mnl_attr_get_type(a) != IFLA_LINKINFO)
			continue;
		mnl_attr_for_each_nested(b, a)
		{
			if (mnl_attr_get_type(b) == IFLA_INFO_KIND)
				kind = mnl_attr_get_str(b);
		}
	}
	if (cr_row_of(cr_netdevs, cr_netdevs_len, kind, ROW_LINK) == ROW_COUNT)
		return 0;
	if (!(ifi->ifi_flags & IFF_UP) && is_fallback(name))
		return 0;
	(void)snprintf(detail, sizeof(detail), "%s (%s)", name, kind);
	return check_add(data, ROW_LINK, NULL, detail);
}

static int check_links(struct check *c, int nsfd)
{
	const struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	_cleanup_nl_ struct nl *nl = NULL;
	int r = nl_open(&nl, nsfd, NETLINK_ROUTE);

	if (r < 0)
		return r;
	(void)nl_begin(nl, RTM_GETLINK, NLM_F_DUMP, &ifi, sizeof(ifi));
	r = nl_talk(nl, link_cb, c);
	return r == -EINTR ? 0 : r; /* changed meanwhile: what was seen was seen */
}

/* A client of a local socket whose server has not accepted it: it has no peer with a name or number yet. */
static int unix_cb(const struct nlmsghdr *m, void *data)
{
	const struct unix_diag_msg *u = mnl_nlmsg_get_payload(m);
	const struct unix_diag_rqlen *q = NULL;
	const struct check_proc *p;
	const struct nlattr *a;
	struct check *c = data;
	uint32_t peer = 0;

	if (!check_spend(c) || u->udiag_state != TCP_ESTABLISHED || u->udiag_type == SOCK_DGRAM)
		return 0;
	mnl_attr_for_each(a, m, sizeof(*u))
	{
		if (mnl_attr_get_type(a) == UNIX_DIAG_PEER)
			peer = mnl_attr_get_u32(a);
		if (mnl_attr_get_type(a) == UNIX_DIAG_RQLEN &&
		    mnl_attr_get_payload_len(a) >= sizeof(*q))
			q = mnl_attr_get_payload(a);
	}
	p = !peer && q && q->udiag_wqueue ? owner(c, u->udiag_ino) : NULL;
	return p ? check_add(c, ROW_UNIX_BACKLOG, p, NULL) : 0;
}

static int check_unix(struct check *c, int nsfd)
{
	const struct unix_diag_req q = { .sdiag_family = AF_UNIX,
					 .udiag_states = 1U << TCP_ESTABLISHED,
					 .udiag_show = UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN };
	_cleanup_nl_ struct nl *nl = NULL;
	int r = nl_open(&nl, nsfd, NETLINK_SOCK_DIAG);

	if (r < 0)
		return r;
	(void)nl_begin(nl, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &q, sizeof(q));
	r = nl_talk(nl, unix_cb, c);
	return r == -EINTR || r == -ENOENT ? 0 : r; /* -ENOENT: a kernel without unix_diag */
}

/* A table of /proc/PID/net, row by row: word numbers of queue, state (< 0: none) and inode. */
struct queue_table {
	const char *file;
	int queue, state, inode;
	enum cr_row_id row;
};

/* "0A" is a listener, whose receive queue counts connections; others follow behind them. */
static int queue_line(struct check *c, const struct queue_table *t, char *line)
{
	const char *queue = "", *inode = "";
	const struct check_proc *p;
	char *save = NULL, *w = strtok_r(line, " \t", &save);
	uint64_t ino;

	for (int i = 0; w; i++, w = strtok_r(NULL, " \t", &save)) {
		if (i == t->state && strcmp(w, "0A") != 0)
			return 1;
		if (i == t->queue)
			queue = strchr(w, ':') ? strchr(w, ':') + 1 : w;
		if (i == t->inode)
			inode = w;
	}
	if (queue[strspn(queue, "0")] == '\0' || num_parse_u64(inode, &ino) < 0)
		return 0;
	p = owner(c, ino);
	return p ? check_add(c, t->row, p, NULL) : 0;
}

static int check_queues(struct check *c, pid_t pid, const struct queue_table *t)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[64], line[512];
	int r = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/net/%s", pid, t->file);
	f = fopen(path, "re");
	if (!f || !fgets(line, sizeof(line), f)) /* the head */
		return 0;
	while (r == 0 && check_spend(c) && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		r = queue_line(c, t, line);
	}
	return r < 0 ? r : 0;
}

static int check_network(struct check *c, pid_t pid)
{
	static const struct queue_table tables[] = {
		{ "netlink", 4, -1, 9, ROW_NETLINK_QUEUE },
		{ "tcp", 4, 3, 9, ROW_TCP_BACKLOG },
		{ "tcp6", 4, 3, 9, ROW_TCP_BACKLOG },
	};
	_cleanup_close_ int nsfd = -EBADF;
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	nsfd = os_openat(AT_FDCWD, path, O_RDONLY, 0, 0);
	if (nsfd < 0)
		return check_gone(nsfd) ? 0 : nsfd;
	r = check_links(c, nsfd);
	if (r >= 0)
		r = check_unix(c, nsfd);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(tables); i++)
		r = check_queues(c, pid, &tables[i]);
	return r;
}

int check_networks(struct check *c)
{
	uint64_t ns;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->n; i++) {
		if (check_ns(c->procs[i].pid, "net", &ns) < 0)
			continue;
		r = check_first(c, ns);
		if (r > 0)
			r = check_network(c, c->procs[i].pid);
	}
	return r < 0 ? r : 0;
}
