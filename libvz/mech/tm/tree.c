// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The manifest of a template's tree: one line per file, sorted, and its digest.
 * It is also the second look at what the unpacking child made: the child read
 * hostile bytes, so nothing it could have been made to do is taken on trust.
 * The tricky fact: names are hostile too; no link is followed, every open is
 * one component below a directory already open, special files are never opened.
 */
#include "mech/tm/store.h"

#include <inttypes.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "os/os.h"

#define XATTR_MAX 65536

struct walk {
	FILE *out;
	struct sha256 sum;
	struct str path; /* of the entry at hand, escaped; "" is the root */
	const struct tm_progress *progress;
	uint64_t total;
	struct tm_tree *ret;
	uint8_t *buf; /* for contents */
	size_t buf_size;
	struct vz_error *e;
};

bool tm_xattr_ok(const char *name)
{
	if (str_has_prefix(name, "user."))
		return !str_has_prefix(name, "user.overlay.");
	return str_eq(name, "security.capability") || str_has_prefix(name, "system.posix_acl_");
}

static void escape(struct str *s, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c > ' ' && c < 0x7f && c != '\\' && c != '=')
			str_addn(s, text + i, 1);
		else
			str_addf(s, "\\x%02x", c);
	}
}

static int refuse(struct walk *w, const char *what)
{
	return vz_fail_exit(w->e, -EBADMSG, VZ_EXIT_CREATE_PRIVATE, "refused: /%s: %s",
			    w->path.p ? w->path.p : "", what);
}

static int fail(struct walk *w, int code, const char *what)
{
	return vz_fail(w->e, code, "%s /%s of the template", what, w->path.p ? w->path.p : "");
}

/* Digest of a regular file's content. */
static int content(struct walk *w, int fd, char hex[SHA256_HEX])
{
	struct sha256 s;
	ssize_t n;

	sha256_init(&s);
	while ((n = read(fd, w->buf, w->buf_size)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(w, -errno, "read");
		sha256_add(&s, w->buf, (size_t)n);
		w->ret->bytes += (uint64_t)n;
		if (w->progress && w->progress->fn)
			w->progress->fn(w->progress->data, w->ret->bytes, w->total);
	}
	sha256_done_hex(&s, hex);
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* " name=hex..." for each attribute, sorted; path is one that names the file itself, not a link's target. */
static int xattrs(struct walk *w, const char *proc_path, struct str *line)
{
	_cleanup_free_ char *names = malloc(XATTR_MAX), *value = malloc(XATTR_MAX);
	_cleanup_strv_ char **v = NULL;
	ssize_t n;

	if (!names || !value)
		return fail(w, -ENOMEM, "look at");
	n = listxattr(proc_path, names, XATTR_MAX);
	if (n < 0)
		return errno == EOPNOTSUPP ? 0 : fail(w, -errno, "list attributes of");
	for (char *p = names; p < names + n; p += strlen(p) + 1) {
		if (!tm_xattr_ok(p) && !str_has_prefix(p, "security."))
			return refuse(w, "forbidden extended attribute");
		/* the host's own labels come and go with its security module */
		if (tm_xattr_ok(p) && strv_add(&v, p) < 0)
			return fail(w, -ENOMEM, "look at");
	}
	if (v)
		qsort(v, strv_len(v), sizeof(*v), by_text);
	for (char **p = v; p && *p; p++) {
		n = getxattr(proc_path, *p, value, XATTR_MAX);
		if (n < 0)
			return fail(w, -errno, "read an attribute of");
		str_add(line, " ");
		escape(line, *p, strlen(*p));
		str_add(line, "=");
		escape(line, value, (size_t)n);
	}
	return 0;
}

static int emit(struct walk *w, const struct str *line)
{
	if (line->failed || w->path.failed)
		return fail(w, -ENOMEM, "describe");
	sha256_add(&w->sum, line->p, line->len);
	if (fwrite(line->p, 1, line->len, w->out) != line->len)
		return fail(w, -EIO, "write the manifest at");
	w->ret->entries++;
	return 0;
}

static int walk_dir(struct walk *w, int fd, unsigned int depth);

/* Type, owner and what stands for the content; the rest of the entry's line. */
static int describe(struct walk *w, int fd, const struct stat *st, struct str *line)
{
	char proc[64], target[PATH_MAX], hex[SHA256_HEX] = "-";
	_cleanup_close_ int file = -EBADF;
	char type = S_ISDIR(st->st_mode)    ? 'd'
		    : S_ISREG(st->st_mode)  ? 'f'
		    : S_ISLNK(st->st_mode)  ? 'l'
		    : S_ISFIFO(st->st_mode) ? 'p'
					    : '?';
	ssize_t n;
	int r = 0;

	if (type == '?')
		return refuse(w, "a device or socket");
	if (st->st_uid >= TM_IDS || st->st_gid >= TM_IDS)
		return refuse(w, "owner out of range");
	/* O_PATH descriptors have no data: through their link in /proc, which is the file itself */
	(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	if (type == 'f') {
		file = os_openat(AT_FDCWD, proc, O_RDONLY | O_NOCTTY, 0, 0);
		if (file < 0)
			return fail(w, file, "open");
		r = content(w, file, hex);
	}
	if (r < 0)
		return r;
	str_addf(line, "/%s %c %04o %u:%u %" PRIu64 " %s", w->path.p ? w->path.p : "", type,
		 st->st_mode & 07777, st->st_uid, st->st_gid,
		 type == 'f' ? (uint64_t)st->st_size : 0, hex);
	if (type == 'l') {
		n = readlinkat(fd, "", target, sizeof(target));
		if (n < 0 || n == sizeof(target))
			return fail(w, n < 0 ? -errno : -ENAMETOOLONG, "read link");
		str_add(line, " -> ");
		escape(line, target, (size_t)n);
	} else {
		r = xattrs(w, proc, line);
	}
	str_add(line, "\n");
	return r;
}

static int walk_entry(struct walk *w, int fd, unsigned int depth)
{
	_cleanup_str_ struct str line = { 0 };
	_cleanup_close_ int dir = -EBADF;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return fail(w, -errno, "look at");
	r = describe(w, fd, &st, &line);
	if (r >= 0)
		r = emit(w, &line);
	if (r < 0 || !S_ISDIR(st.st_mode))
		return r;
	if (depth > TM_DEPTH_MAX)
		return refuse(w, "directories too deep");
	dir = os_openat(fd, ".", O_RDONLY | O_DIRECTORY, 0, 0);
	if (dir < 0)
		return fail(w, dir, "open");
	return walk_dir(w, dir, depth);
}

static int names_of(struct walk *w, int fd, char ***ret)
{
	_cleanup_closedir_ DIR *d = NULL;
	_cleanup_strv_ char **v = NULL;
	struct dirent *de;
	size_t n = 0, cap = 0;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	d = copy < 0 ? NULL : fdopendir(copy);
	if (!d) {
		(void)safe_close(copy);
		return fail(w, -errno, "list");
	}
	while ((de = readdir(d))) {
		if (str_eq(de->d_name, ".") || str_eq(de->d_name, ".."))
			continue;
		if (n + 2 >
		    cap) { /* strv_add would count the vector each time: directories are big */
			char **p = realloc(v, (cap = cap ? 2 * cap : 64) * sizeof(*p));

			if (!p)
				return fail(w, -ENOMEM, "list");
			v = p;
		}
		v[n + 1] = NULL;
		v[n] = strdup(de->d_name);
		if (!v[n++])
			return fail(w, -ENOMEM, "list");
	}
	if (v)
		qsort(v, n, sizeof(*v), by_text);
	*ret = TAKE_PTR(v);
	return 0;
}

static int walk_dir(struct walk *w, int fd, unsigned int depth)
{
	_cleanup_strv_ char **names = NULL;
	size_t base = w->path.len;
	int r = names_of(w, fd, &names);

	for (char **p = names; r >= 0 && p && *p; p++) {
		_cleanup_close_ int child =
			os_openat(fd, *p, O_PATH | O_NOFOLLOW, 0, RESOLVE_NO_XDEV);

		if (base)
			str_add(&w->path, "/");
		escape(&w->path, *p, strlen(*p));
		r = child < 0 ? fail(w, child, "open") : walk_entry(w, child, depth + 1);
		if (w->path.p) {
			w->path.p[base] = '\0';
			w->path.len = base;
		}
	}
	return r;
}

int tm_tree_scan(const char *dir, const char *file, const struct tm_progress *p, uint64_t total,
		 struct tm_tree *ret, struct vz_error *e)
{
	_cleanup_free_ char *fs = NULL, *out = NULL;
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ uint8_t *buf = malloc(1U << 18);
	_cleanup_close_ int fd = -EBADF;
	struct tm_tree t = { 0 };
	struct walk w = {
		.progress = p, .total = total, .ret = &t, .buf = buf, .buf_size = 1U << 18, .e = e
	};
	int r = str_fmt(&fs, "%s/fs", dir);

	if (r >= 0)
		r = str_fmt(&out, "%s/%s", dir, file);
	if (r < 0 || !buf)
		return vz_fail(e, -ENOMEM, "read the tree in %s", dir);
	fd = os_openat(AT_FDCWD, fs, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, 0);
	if (fd < 0)
		return vz_fail(e, fd, "open %s", fs);
	f = w.out = fopen(out, "wxe");
	if (!f)
		return vz_fail(e, -errno, "make %s", out);
	sha256_init(&w.sum);
	r = walk_entry(&w, fd, 0);
	str_done(&w.path);
	if (r < 0)
		return r;
	if (fflush(f) != 0)
		return vz_fail(e, -errno, "write %s", out);
	memcpy(t.digest, "sha256-", 7);
	sha256_done_hex(&w.sum, t.digest + 7);
	*ret = t;
	return 0;
}
