/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Removal of trees that somebody else made, and may be changing meanwhile: no link
 * is followed, no mount entered, and their depth costs us nothing.
 */
#include "os/os.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

/*
 * Every level costs a descriptor and some stack, and a tenant decides how deep a tree is: what lies
 * deeper than this is moved up to the top of the tree, and removed from there.
 */
#define RM_DEPTH 64

struct rm {
	int top;	    /* the directory that goes */
	unsigned int moved; /* to it, in this pass */
};

static int rm_entry(struct rm *rm, int dirfd, const char *name, unsigned int depth);

static int rm_children(struct rm *rm, int fd, unsigned int depth)
{
	_cleanup_closedir_ DIR *d = NULL;
	struct dirent *de;
	int r = 0;

	d = fdopendir(fd);
	if (!d) {
		(void)safe_close(fd);
		return -errno;
	}
	while ((de = readdir(d))) {
		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
			continue;
		r = RET_GATHER(r, rm_entry(rm, dirfd(d), de->d_name, depth + 1));
	}
	return r;
}

/* A name that nobody has: the tree's owner may have taken the first ones. */
static int rm_move_up(struct rm *rm, int dirfd, const char *name)
{
	char up[32];

	for (unsigned int i = 0; i < 1U << 16; i++) {
		(void)snprintf(up, sizeof(up), ".deep-%u", rm->moved++);
		if (renameat2(dirfd, name, rm->top, up, RENAME_NOREPLACE) == 0 || errno == ENOENT)
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
	return -ELOOP;
}

static int rm_entry(struct rm *rm, int dirfd, const char *name, unsigned int depth)
{
	int fd;
	int r;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (depth > RM_DEPTH)
		return rm_move_up(rm, dirfd, name);
	fd = os_openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
		       RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	r = rm_children(rm, fd, depth);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		r = RET_GATHER(r, -errno);
	return r;
}

static int rm_tree(int dirfd, const char *name)
{
	struct rm rm = { .top = -EBADF };
	int r;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	do {
		_cleanup_close_ int top =
			os_openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
				  RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS);
		int fd = top < 0 ? top : fcntl(top, F_DUPFD_CLOEXEC, 3);

		if (fd < 0)
			return top < 0 ? (top == -ENOENT ? 0 : top) : -errno;
		rm = (struct rm){ .top = top };
		r = rm_children(&rm, fd, 0);
	} while (rm.moved && r >= 0);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		r = RET_GATHER(r, -errno);
	return r;
}

int os_rm_rf_at(int dirfd, const char *name)
{
	_cleanup_free_ char *dir = NULL;
	_cleanup_close_ int parent = -EBADF;
	const char *slash = strrchr(name, '/');

	if (!slash)
		return rm_tree(dirfd, name);
	/* NO_XDEV speaks of the mount the walk starts on: start at the parent itself */
	dir = strndup(name, slash == name ? 1 : (size_t)(slash - name));
	if (!dir)
		return -ENOMEM;
	parent = os_openat(dirfd, dir, O_PATH | O_DIRECTORY, 0, 0);
	if (parent < 0)
		return parent == -ENOENT ? 0 : parent;
	return rm_tree(parent, slash + 1);
}
