/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a VE made in its /dev, over a checkpoint: that tmpfs is of the host's making and a
 * restore makes it anew, so links (/dev/log), directories, FIFOs and the like are written down
 * as text, one line each:
 *
 *	TYPE MODE UID GID PATH [TARGET | MAJOR:MINOR]
 *
 * Ids are the VE's own.  Tricky: the names are the tenant's; what a line cannot hold is left out, and
 * a path is only ever used beneath /dev without following a link or leaving the file system.
 */
#include "mech/mnt/mnt.h"

#include "base/num.h"
#include "base/str.h"
#include "os/os.h"

#include <string.h>
#include <sys/sysmacros.h>

#define ENTRIES_MAX 1024 /* as many as the tmpfs has inodes */
#define DEPTH_MAX   8
#define INSIDE	    (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV)

struct saver {
	struct str out;
	uid_t uid;
	gid_t gid;
	unsigned int entries;
};

static bool is_plain(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s == 0x7f)
			return false;
	return true;
}

static char type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return 'd';
	case S_IFLNK:
		return 'l';
	case S_IFIFO:
		return 'p';
	case S_IFCHR:
		return 'c';
	case S_IFBLK:
		return 'b';
	case S_IFREG:
		return 'f';
	default:
		return 0; /* a socket: who bound it makes it */
	}
}

static void save_one(struct saver *s, int dirfd, const char *name, const char *path,
		     const struct stat *st)
{
	char type = type_of(st->st_mode), target[1024];
	ssize_t n = 0;

	if (!type || !is_plain(path) || st->st_uid < s->uid || st->st_gid < s->gid)
		return;
	if (type == 'l') {
		n = readlinkat(dirfd, name, target, sizeof(target) - 1);
		if (n <= 0 || n == sizeof(target) - 1)
			return;
		target[n] = '\0';
		if (!is_plain(target))
			return;
	}
	str_addf(&s->out, "%c %o %u %u %s", type, st->st_mode & 07777, st->st_uid - s->uid,
		 st->st_gid - s->gid, path);
	if (type == 'l')
		str_addf(&s->out, " %s", target);
	else if (type == 'c' || type == 'b')
		str_addf(&s->out, " %u:%u", major(st->st_rdev), minor(st->st_rdev));
	str_add(&s->out, "\n");
}

static int save_dir(struct saver *s, int fd, const char *prefix, unsigned int depth)
{
	_cleanup_closedir_ DIR *d = fdopendir(fd);
	struct dirent *de;

	if (!d) {
		(void)safe_close(fd);
		return -errno;
	}
	while ((de = readdir(d))) {
		_cleanup_free_ char *path = NULL;
		struct stat st;
		int sub, r;

		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
			continue;
		if (++s->entries > ENTRIES_MAX)
			return -E2BIG;
		r = str_fmt(&path, "%s%s", prefix, de->d_name);
		if (r < 0)
			return r;
		/* a mount point is what it covers only in name: not ours to save */
		sub = os_openat(dirfd(d), de->d_name, O_PATH | O_NOFOLLOW, 0,
				INSIDE & ~(uint64_t)RESOLVE_NO_SYMLINKS);
		if (sub < 0)
			continue;
		r = RET_NERRNO(fstat(sub, &st));
		(void)safe_close(sub);
		if (r < 0)
			continue;
		save_one(s, dirfd(d), de->d_name, path, &st);
		if (!S_ISDIR(st.st_mode) || depth >= DEPTH_MAX)
			continue;
		sub = os_openat(dirfd(d), de->d_name, O_RDONLY | O_DIRECTORY, 0, INSIDE);
		free(path);
		path = NULL;
		r = sub < 0 ? 0 : str_fmt(&path, "%s%s/", prefix, de->d_name);
		if (sub >= 0)
			r = RET_GATHER(r, save_dir(s, sub, path, depth + 1));
		if (r < 0)
			return r;
	}
	return 0;
}

int mnt_dev_save(int devfd, uid_t uid, gid_t gid, char **ret, struct vz_error *e)
{
	struct saver s = { .uid = uid, .gid = gid };
	int fd = os_openat(devfd, ".", O_RDONLY | O_DIRECTORY, 0, 0);
	int r = fd < 0 ? fd : save_dir(&s, fd, "", 0);

	if (r >= 0)
		str_add(&s.out, ""); /* never NULL */
	if (r >= 0)
		r = str_take(&s.out, ret);
	str_done(&s.out);
	return r < 0 ? vz_fail(e, r, "save the container's /dev") : 0;
}

struct line {
	char type;
	uint32_t mode, uid, gid;
	char *path, *rest; /* rest may be NULL */
};

static int parse_octal(const char *s, uint32_t *ret)
{
	uint32_t v = 0;

	if (!*s || strlen(s) > 4)
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '7')
			return -EINVAL;
		v = v << 3 | (uint32_t)(*s - '0');
	}
	*ret = v;
	return 0;
}

static int parse(char *text, struct line *l)
{
	char *save = NULL, *w[6];
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(w); i++)
		w[i] = strtok_r(i ? NULL : text, " ", &save);
	if (!w[4] || w[0][1] || strtok_r(NULL, " ", &save))
		return -EBADMSG;
	l->type = w[0][0];
	l->path = w[4];
	l->rest = w[5];
	r = parse_octal(w[1], &l->mode);
	r = RET_GATHER(r, num_parse_u32(w[2], &l->uid));
	r = RET_GATHER(r, num_parse_u32(w[3], &l->gid));
	return r < 0 || l->uid >= MNT_IDS || l->gid >= MNT_IDS ? -EBADMSG : 0;
}

/* Directory of path, and the last part; nothing but what is beneath /dev. */
static int parent_of(int devfd, char *path, const char **ret_name)
{
	char *slash = strrchr(path, '/');

	*ret_name = slash ? slash + 1 : path;
	if (slash)
		*slash = '\0';
	if (!**ret_name || strcmp(*ret_name, ".") == 0 || strcmp(*ret_name, "..") == 0)
		return -EBADMSG;
	return os_openat(devfd, slash ? path : ".", O_RDONLY | O_DIRECTORY, 0, INSIDE);
}

static int make_node(int dir, const char *name, const struct line *l)
{
	char *colon = l->rest ? strchr(l->rest, ':') : NULL;
	uint32_t maj, min;

	if (!colon)
		return -EBADMSG;
	*colon = '\0';
	if (num_parse_u32(l->rest, &maj) < 0 || num_parse_u32(colon + 1, &min) < 0)
		return -EBADMSG;
	return RET_NERRNO(
		mknodat(dir, name, (l->type == 'c' ? S_IFCHR : S_IFBLK) | 0600, makedev(maj, min)));
}

static int make_one(int dir, const char *name, const struct line *l)
{
	int r;

	switch (l->type) {
	case 'd':
		return RET_NERRNO(mkdirat(dir, name, 0700));
	case 'p':
		return RET_NERRNO(mkfifoat(dir, name, 0600));
	case 'l':
		return l->rest ? RET_NERRNO(symlinkat(l->rest, dir, name)) : -EBADMSG;
	case 'f':
		r = os_openat(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0600, INSIDE);
		(void)safe_close(r);
		return r;
	case 'c':
	case 'b':
		return make_node(dir, name, l);
	default:
		return -EBADMSG;
	}
}

/* nodes: a VE without user namespace could have made them; others have what mnt_dev_make() gives. */
static int fill_line(int devfd, char *text, uid_t uid, gid_t gid, bool nodes)
{
	_cleanup_close_ int dir = -EBADF;
	const char *name;
	struct line l;
	int r = parse(text, &l);

	if (r < 0)
		return r;
	dir = parent_of(devfd, l.path, &name);
	if (dir < 0)
		return dir;
	if (nodes || (l.type != 'c' && l.type != 'b'))
		r = make_one(dir, name, &l);
	if (r < 0 && r != -EEXIST)
		return r;
	r = RET_NERRNO(fchownat(dir, name, uid + l.uid, gid + l.gid, AT_SYMLINK_NOFOLLOW));
	if (r >= 0 && l.type != 'l')
		r = RET_NERRNO(fchmodat(dir, name, l.mode, 0));
	return r == -ENOENT ? 0 : r;
}

int mnt_dev_fill(int devfd, char *text, uid_t uid, gid_t gid, struct vz_error *e)
{
	_cleanup_close_ int fd = os_openat(devfd, ".", O_RDONLY | O_DIRECTORY, 0, 0);
	char *save = NULL;
	int r = fd;

	for (char *l = strtok_r(text, "\n", &save); l && r >= 0; l = strtok_r(NULL, "\n", &save))
		r = fill_line(fd, l, uid, gid, uid == 0);
	return r < 0 ? vz_fail(e, r, "fill the container's /dev as it was") : 0;
}
