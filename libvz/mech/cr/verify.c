// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Opening a dump. Nothing of it is believed, or shown to CRIU, before all of it
 * was verified: who could have written it, that it holds what is listed and
 * nothing else, the digests, the signature, and that it is the dump wanted.
 * What was verified cannot change afterwards, because only root reaches it.
 */
#include "mech/cr/manifest.h"

#include <ctype.h>
#include <string.h>

#include "base/str.h"
#include "os/os.h"

#define SIG_MAX 512

/* Beside the listed files in the top directory, and read by nobody. */
static const char *const loose[] = { "dump.log", "restore.log", "stats-dump", "stats-restore" };

bool cr_is_loose(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(loose); i++)
		if (strcmp(loose[i], name) == 0)
			return true;
	return false;
}

static int check_dir(int fd, const char *path, mode_t forbidden, struct vz_error *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return vz_fail(e, -errno, "look at %s", path);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & forbidden))
		return vz_fail(e, -EPERM,
			       "directory %s (user %u, mode %04o) is open to others, who could put "
			       "a dump of their own there (chown it to root, chmod it to %s)",
			       path, (unsigned int)st.st_uid, st.st_mode & 07777U,
			       forbidden & S_IROTH ? "0700" : "0755 or less");
	return 0;
}

/* Down from / by one name after another; links have been resolved, so there are none. */
static int walk(char *path, struct vz_error *e)
{
	_cleanup_close_ int fd = os_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, 0);
	char *name = path + 1, *slash;
	int r = fd < 0 ? vz_fail(e, fd, "open /") : check_dir(fd, "/", S_IWGRP | S_IWOTH, e);

	for (; r >= 0 && *name; name = slash ? slash + 1 : name + strlen(name)) {
		int next;

		slash = strchr(name, '/');
		if (slash)
			*slash = '\0';
		next = os_openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, 0);
		if (next < 0)
			return vz_fail(e, next, "open directory %s", path);
		(void)safe_close(fd);
		fd = next;
		r = check_dir(fd, path, S_IWGRP | S_IWOTH, e);
		if (slash)
			*slash = '/';
	}
	return r < 0 ? r : TAKE_FD(fd);
}

/* The directory at path, reached through directories that only root could have changed. */
static int open_chain(const char *path, struct vz_error *e)
{
	_cleanup_free_ char *real = NULL;

	if (path[0] != '/')
		return vz_fail(e, -EINVAL, "%s is no absolute path", path);
	real = realpath(path, NULL);
	if (!real)
		return errno == ENOENT ? vz_fail(e, -ENOENT, "there is no dump %s", path)
				       : vz_fail(e, -errno, "find %s", path);
	return walk(real, e);
}

int cr_dump_check_chain(const char *path, struct vz_error *e)
{
	_cleanup_close_ int fd = open_chain(path, e);

	return fd < 0 ? fd : 0;
}

/* One of the two small files that come first. */
static int read_first(int dirfd, const char *name, size_t max, char **ret, size_t *ret_len,
		      struct vz_error *e)
{
	uint64_t size;
	_cleanup_close_ int fd = cr_file_open(dirfd, name, &size, e);
	char self[32];
	int r;

	if (fd < 0)
		return fd;
	if (size > max)
		return vz_fail(e, -EFBIG, "its %s of %llu bytes is too large (the most is %zu)",
			       name, (unsigned long long)size, max);
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	r = os_read_file_at(AT_FDCWD, self, max, ret, ret_len);
	return r < 0 ? vz_fail(e, r, "read %s", name) : 0;
}

static int read_manifest(struct cr_manifest *m, int dirfd, const char *keys, struct vz_error *e)
{
	_cleanup_free_ char *text = NULL, *sig = NULL;
	char id[CR_NODE_ID_SIZE];
	size_t len = 0, sig_len = 0;
	int r = read_first(dirfd, CR_MANIFEST, CR_MANIFEST_MAX, &text, &len, e);

	if (r >= 0)
		r = cr_manifest_version(text, len, e);
	if (r >= 0)
		r = read_first(dirfd, CR_MANIFEST_SIG, SIG_MAX, &sig, &sig_len, e);
	if (r >= 0)
		r = cr_key_check(keys, sig, text, len, id, e);
	if (r >= 0)
		r = cr_manifest_parse(m, text, len, e);
	if (r < 0)
		return r;
	if (strcmp(id, m->info.node) != 0)
		return vz_fail(e, -EKEYREJECTED, "it says it is of node %s, but %s signed it",
			       m->info.node, id);
	return 0;
}

static int check_features(const char *has, const char *const *known, struct vz_error *e)
{
	_cleanup_strv_ char **words = NULL;
	int r = strv_split(&words, has, " ");

	for (char **w = words; r >= 0 && w && *w; w++) {
		const char *const *k = known;

		while (k && *k && strcmp(*k, *w) != 0)
			k++;
		if (!k || !*k)
			return vz_fail(
				e, -EPROTONOSUPPORT,
				"it needs %s, which this version of vz does not know (restore "
				"it with the version that made it)",
				*w);
	}
	return r < 0 ? vz_fail(e, r, "read its features") : 0;
}

static int check_info(const struct cr_dump_info *i, const struct cr_dump_want *want,
		      struct vz_error *e)
{
	if (i->ctid != want->ctid)
		return vz_fail(e, -EXDEV, "it is of container %u, not of %u", i->ctid, want->ctid);
	if (i->uid_base != want->uid_base || i->gid_base != want->gid_base)
		return vz_fail(e, -EXDEV,
			       "its ids begin at %u:%u, those of the configuration (LOCAL_UID, "
			       "LOCAL_GID) at %u:%u",
			       i->uid_base, i->gid_base, want->uid_base, want->gid_base);
	return check_features(i->features, want->features, e);
}

/* Nothing may be there that is not listed. What is listed and not there is found when it is opened. */
static int check_listing(const struct cr_manifest *m, int fd, const char *sub, struct vz_error *e)
{
	_cleanup_closedir_ DIR *d = NULL;
	const struct dirent *de;
	int r = os_list_dir(fd, &d);

	while (r >= 0 && (r = os_next_entry(d, &de)) > 0) {
		const char *n = de->d_name;
		char name[sizeof(CR_IMG) + sizeof(de->d_name)];
		_cleanup_free_ char *shown = NULL;

		if (!sub && (strcmp(n, CR_IMG) == 0 || strcmp(n, CR_MANIFEST) == 0 ||
			     strcmp(n, CR_MANIFEST_SIG) == 0 || cr_is_loose(n)))
			continue;
		(void)snprintf(name, sizeof(name), "%s%s%s", sub ? sub : "", sub ? "/" : "", n);
		if (cr_manifest_find(m, name))
			continue;
		return vz_fail(e, -EBADMSG,
			       "%s is not of the dump: somebody put it there (nothing can be "
			       "restored from it)",
			       str_escape(&shown, name) < 0 ? "a file" : shown);
	}
	return r < 0 ? vz_fail(e, r, "list the dump") : 0;
}

static int verify(struct cr_dump *d, const struct cr_dump_want *want, struct vz_error *e)
{
	struct cr_digest_opts o = { .dirfd = d->dirfd, .check = true };
	int r = cr_sodium(e);

	if (r >= 0)
		r = check_dir(d->dirfd, d->path, 077, e);
	if (r >= 0)
		r = read_manifest(d->m, d->dirfd, want->keys, e);
	if (r >= 0)
		r = check_info(&d->m->info, want, e);
	if (r < 0)
		return r;
	d->imgfd = os_openat(d->dirfd, CR_IMG, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
			     RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
	if (d->imgfd < 0)
		return vz_fail(e, d->imgfd == -ENOENT ? -EBADMSG : -EPERM,
			       "its " CR_IMG " is no directory of its own (nothing can be restored "
			       "from it)");
	r = check_dir(d->imgfd, CR_IMG, 066, e);
	if (r >= 0)
		r = check_listing(d->m, d->dirfd, NULL, e);
	if (r >= 0)
		r = check_listing(d->m, d->imgfd, CR_IMG, e);
	return r < 0 ? r : cr_digest(d->m, &o, e);
}

int cr_dump_verify(struct cr_dump *ret, int dirfd, const char *path,
		   const struct cr_dump_want *want, struct vz_error *e)
{
	_cleanup_cr_dump_ struct cr_dump d = { .dirfd = -EBADF, .imgfd = -EBADF };
	int r = str_set(&d.path, path);

	if (r >= 0)
		r = d.dirfd = RET_NERRNO(fcntl(dirfd, F_DUPFD_CLOEXEC, 3));
	d.m = calloc(1, sizeof(*d.m));
	if (r < 0 || !d.m)
		return vz_fail(e, r < 0 ? r : -ENOMEM, "open dump %s", path);
	r = verify(&d, want, e);
	if (r < 0)
		return vz_wrap(e, r, "dump %s", path);
	d.info = d.m->info;
	d.files = d.m->n;
	for (size_t i = 0; i < d.m->n; i++)
		d.bytes += d.m->files[i].size;
	*ret = d;
	d = (struct cr_dump){ .dirfd = -EBADF, .imgfd = -EBADF };
	return 0;
}

int cr_dump_open(struct cr_dump *ret, const char *path, const struct cr_dump_want *want,
		 struct vz_error *e)
{
	_cleanup_close_ int chain = open_chain(path, e), fd = -EBADF;

	if (chain < 0)
		return chain;
	/* the walk's descriptor is of the very directory, but O_PATH: good for no listing */
	fd = os_openat(chain, ".", O_RDONLY | O_DIRECTORY, 0, 0);
	if (fd < 0)
		return vz_fail(e, fd, "open dump %s", path);
	return cr_dump_verify(ret, fd, path, want, e);
}

int cr_dump_get(const struct cr_dump *d, const char *name, char **ret, size_t *ret_len,
		struct vz_error *e)
{
	const struct cr_file *f = cr_manifest_find(d->m, name);
	_cleanup_free_ char *text = NULL;
	uint8_t digest[CR_DIGEST_SIZE];
	size_t len = 0;
	int r;

	if (!f)
		return vz_fail(e, -ENOENT, "dump %s: it has no %s", d->path, name);
	r = read_first(d->dirfd, name, CR_DUMP_TEXT_MAX, &text, &len, e);
	if (r < 0)
		return vz_wrap(e, r, "dump %s", d->path);
	cr_digest_bytes(text, len, digest);
	if (memcmp(digest, f->digest, sizeof(digest)) != 0)
		return vz_fail(e, -EBADMSG, "dump %s: %s was changed just now", d->path, name);
	*ret = TAKE_PTR(text);
	if (ret_len)
		*ret_len = len;
	return 0;
}

void cr_dump_close(struct cr_dump *d)
{
	d->dirfd = safe_close(d->dirfd);
	d->imgfd = safe_close(d->imgfd);
	if (d->m)
		cr_manifest_done(d->m);
	free(d->m);
	free(d->path);
	d->m = NULL;
	d->path = NULL;
}
