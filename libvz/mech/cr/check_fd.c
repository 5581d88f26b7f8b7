/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a process has open and mapped.  A descriptor's link in /proc is text
 * that begins with '/' for files and otherwise is the kernel's own word; what
 * the text cannot tell comes from statx(), with AT_STATX_DONT_SYNC so that no
 * FUSE server of the container's can make us wait.
 */
#include "mech/cr/check_priv.h"

#include "base/num.h"
#include "base/str.h"
#include "os/os.h"
#include "os/probe.h"

#include <fcntl.h>
#include <linux/major.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define MAX_SOCKS    65536
#define MAX_MAPS     (8U << 20)
#define MQUEUE_SIZE  80 /* st_size of every message queue: the room of its status line */
#define BLOCK	     512
#define DELETED	     " (deleted)"
/* of MISC_MAJOR; <linux/miscdevice.h> is the kernel's own */
#define FUSE_MINOR   229
#define TUN_MINOR    200
#define AUTOFS_MINOR 235

/* One descriptor being looked at. */
struct look {
	struct check *c;
	const struct check_proc *p;
	size_t proc;
	int dir;	/* /proc/PID */
	char name[32];	/* "fd/12" */
	char link[512]; /* where it points to */
	struct statx stx;
};

static bool has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), k = strlen(suffix);

	return n >= k && strcmp(s + n - k, suffix) == 0;
}

static bool look_stat(struct look *l)
{
	return statx(l->dir, l->name, AT_STATX_DONT_SYNC, STATX_BASIC_STATS | STATX_MNT_ID,
		     &l->stx) == 0;
}

/* "flags:\t0140001" of fdinfo, the beginning of which is all we want */
static long look_flags(const struct look *l)
{
	_cleanup_close_ int fd = -EBADF;
	char path[40], buf[256], *p;
	unsigned long flags = 0;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "fdinfo/%s", l->name + strlen("fd/"));
	fd = os_openat(l->dir, path, O_RDONLY, 0, 0);
	n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	if (n <= 0)
		return 0;
	buf[n] = '\0';
	p = strstr(buf, "flags:");
	return p && sscanf(p, "flags: %lo", &flags) == 1 ? (long)flags : 0;
}

/* The name sockfs keeps for each socket is its protocol's, and can be asked for without entering anything. */
static int look_socket(struct look *l)
{
	char path[64], proto[64];
	struct check *c = l->c;
	enum cr_row_id row;
	uint64_t inode;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", l->p->pid, l->name);
	n = getxattr(path, "system.sockprotoname", proto, sizeof(proto) - 1);
	if (n <= 0)
		return 0;
	proto[n] = '\0';
	row = cr_row_of(cr_protocols, cr_protocols_len, proto, ROW_SOCKET_OTHER);
	if (row != ROW_COUNT)
		return check_add(c, row, l->p, proto);
	l->link[strcspn(l->link, "]")] = '\0';
	if (c->t->quick || c->nsocks >= MAX_SOCKS ||
	    num_parse_u64(l->link + strlen("socket:["), &inode) < 0)
		return 0;
	if ((c->nsocks & (c->nsocks - 1)) == 0) {
		struct check_sock *s =
			realloc(c->socks, (c->nsocks ? 2 * c->nsocks : 1) * sizeof(*s));

		if (!s)
			return -ENOMEM;
		c->socks = s;
	}
	c->socks[c->nsocks++] = (struct check_sock){ .inode = inode, .proc = l->proc };
	return 0;
}

static bool is_tty_major(unsigned int major)
{
	return major == TTY_MAJOR || major == TTYAUX_MAJOR || major == PTY_MASTER_MAJOR ||
	       major == PTY_SLAVE_MAJOR ||
	       (major >= UNIX98_PTY_MASTER_MAJOR && major < UNIX98_PTY_SLAVE_MAJOR + 8);
}

static int look_device(struct look *l)
{
	unsigned int major = l->stx.stx_rdev_major, minor = l->stx.stx_rdev_minor;

	if (S_ISCHR(l->stx.stx_mode)) {
		if (major == MEM_MAJOR || is_tty_major(major) ||
		    (major == MISC_MAJOR && (minor == TUN_MINOR || minor == AUTOFS_MINOR)))
			return 0;
		if (major == MISC_MAJOR && minor == FUSE_MINOR)
			return check_add(l->c, ROW_FUSE_SERVER, l->p, NULL);
	}
	return check_add(l->c, ROW_DEVICE, l->p, l->link);
}

/* A file on a mount that is in no mount namespace of theirs. */
static int look_unmounted(struct look *l)
{
	if (S_ISREG(l->stx.stx_mode) && l->stx.stx_size == MQUEUE_SIZE && !strchr(l->link + 1, '/'))
		return check_add(l->c, ROW_MQUEUE, l->p, l->link);
	if (S_ISDIR(l->stx.stx_mode))
		return check_add(l->c, ROW_LOST_MOUNT, l->p, NULL);
	if (l->c->t->patched && check_other_mount(l->c, l->dir, l->name, &l->stx))
		return 0;
	return check_add(l->c, ROW_LOST_FILE, l->p, l->link);
}

static bool is_pressure(const char *path)
{
	static const char *const files[] = {
		"/memory.pressure", "/cpu.pressure", "/io.pressure", "/irq.pressure",
		"/memory",	    "/cpu",	     "/io",	     "/irq"
	};
	static const char dir[] = "/proc/pressure";

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (has_suffix(path, files[i]) &&
		    (i < 4 || strncmp(path, dir, sizeof(dir) - 1) == 0))
			return true;
	return false;
}

/* Our CRIU keeps the trigger of a file where the kernel shows it; without one there is nothing to lose. */
static bool loses_trigger(const struct look *l)
{
	struct check *c = l->c;

	if ((look_flags(l) & O_ACCMODE) == O_RDONLY)
		return false;
	if (c->triggers == TRIGGERS_UNKNOWN)
		c->triggers = os_probe_psi_triggers() == 1 ? TRIGGERS_SHOWN : TRIGGERS_HIDDEN;
	return c->triggers == TRIGGERS_HIDDEN || !c->t->patched;
}

static int look_file(struct look *l)
{
	const struct statx *s = &l->stx;
	bool block = S_ISBLK(s->stx_mode);

	if (S_ISCHR(s->stx_mode) || block) {
		int r = look_device(l);

		/* a terminal may come from outside: how it comes back is the console's matter */
		if (r < 0 || block || is_tty_major(s->stx_rdev_major))
			return r;
	}
	if (is_pressure(l->link) && loses_trigger(l))
		return check_add(l->c, ROW_PSI, l->p, strrchr(l->link, '/') + 1);
	if (str_has_prefix(l->link, "/memfd:"))
		return 0;
	if (s->stx_mask & STATX_MNT_ID && !check_has_mount(l->c, l->p->pid, s->stx_mnt_id))
		return look_unmounted(l);
	if (S_ISREG(s->stx_mode) && s->stx_nlink == 0 &&
	    s->stx_blocks * BLOCK > l->c->t->ghost_limit) {
		l->link[strlen(l->link) - (has_suffix(l->link, DELETED) ? strlen(DELETED) : 0)] =
			'\0';
		return check_add(l->c, ROW_GHOST, l->p, l->link);
	}
	return 0;
}

static int look_at(struct look *l)
{
	for (size_t i = 0; i < cr_links_len; i++) {
		const char *prefix = cr_links[i].prefix;

		if (!str_has_prefix(l->link, prefix))
			continue;
		return cr_links[i].row == ROW_COUNT
			       ? 0
			       : check_add(l->c, cr_links[i].row, l->p,
					   l->link[0] == '/' ? l->link
							     : l->link + strlen("anon_inode:"));
	}
	if (str_has_prefix(l->link, "socket:["))
		return look_socket(l);
	if (str_has_prefix(l->link, "pipe:["))
		return look_flags(l) & O_DIRECT ? check_add(l->c, ROW_DIRECT_PIPE, l->p, NULL) : 0;
	if (l->link[0] != '/' || !look_stat(l))
		return 0;
	return look_file(l);
}

static int look_at_all(struct look *l, DIR *d)
{
	const struct dirent *de;
	int r = 0;

	while (r >= 0 && (de = readdir(d))) {
		ssize_t n;

		if (de->d_name[0] == '.' || strlen(de->d_name) > 10)
			continue;
		if (!check_spend(l->c))
			break;
		(void)snprintf(l->name, sizeof(l->name), "fd/%s", de->d_name);
		n = readlinkat(l->dir, l->name, l->link, sizeof(l->link) - 1);
		if (n <= 0)
			continue; /* closed meanwhile */
		l->link[n] = '\0';
		r = look_at(l);
	}
	return r;
}

int check_fds(struct check *c, size_t proc, struct vz_error *e)
{
	_cleanup_close_ int dir = -EBADF;
	_cleanup_closedir_ DIR *d = NULL;
	struct look l = { .c = c, .p = &c->procs[proc], .proc = proc };
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d", l.p->pid);
	dir = os_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, 0);
	fd = dir < 0 ? dir : os_openat(dir, "fd", O_RDONLY | O_DIRECTORY, 0, 0);
	if (fd < 0)
		return check_gone(fd)
			       ? 0
			       : vz_fail(e, fd, "look at the descriptors of process %d", l.p->pid);
	d = fdopendir(fd);
	if (!d) {
		(void)safe_close(fd);
		return -ENOMEM;
	}
	l.dir = dir;
	return look_at_all(&l, d);
}

/* Mappings outlive the descriptors they were made from. */
int check_maps(struct check *c, size_t proc)
{
	static const struct cr_link maps[] = {
		{ " /secretmem (deleted)\n", ROW_SECRETMEM },
		{ " anon_inode:[io_uring]\n", ROW_IO_URING },
		{ " anon_inode:[perf_event]\n", ROW_PERF },
	};
	_cleanup_free_ char *text = NULL;
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/maps", c->procs[proc].pid);
	r = os_read_file_at(AT_FDCWD, path, MAX_MAPS, &text, NULL);
	if (r == -EFBIG)
		c->budget = 0;
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(maps); i++)
		if (strstr(text, maps[i].prefix))
			r = check_add(c, maps[i].row, &c->procs[proc], NULL);
	return r;
}
