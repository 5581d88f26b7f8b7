/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Settings below /proc/sys/net of a network namespace, which only a thread in it sees.
 * Those that differ from a namespace made for the purpose are taken, because what a fresh one
 * begins with depends on host and kernel.  Tricky: some change others when they are
 * written ("all", ip_forward), so these come first, and what differs after the rest is
 * written once more.
 */
#include <dirent.h>
#include <sched.h>
#include <string.h>

#include "mech/net/nskind.h"
#include "os/os.h"

enum { DEPTH = 6, MAX = 4000, VALUE = 1024 };

struct setting {
	char *path, *value;
};

struct settings {
	struct setting *v;
	size_t n;
};

static void settings_done(struct settings *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->v[i].path);
		free(s->v[i].value);
	}
	free(s->v);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct setting *)a)->path, ((const struct setting *)b)->path);
}

static const char *find(const struct settings *s, const char *path)
{
	const struct setting key = { .path = (char *)(uintptr_t)path }, *found = NULL;

	if (s->n)
		found = bsearch(&key, s->v, s->n, sizeof(key), by_path);
	return found ? found->value : NULL;
}

/* First line of a file; some have no value yet and say so by an error. */
static int read_value(int dirfd, const char *path, char *ret)
{
	_cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd < 0 ? -1 : read(fd, ret, VALUE - 1);

	if (n <= 0)
		return n < 0 ? -errno : -ENODATA;
	ret[n] = '\0';
	if (ret[n - 1] == '\n')
		ret[n - 1] = '\0';
	return *ret && !strchr(ret, '\n') ? 0 : -EBADMSG;
}

static int add(struct settings *s, int fd, const char *name, const char *path)
{
	struct setting new = { 0 };
	char value[VALUE];
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
	    (st.st_mode & 0600) != 0600 || read_value(fd, name, value) < 0 || s->n >= MAX)
		return 0;
	if (!(s->n & (s->n - 1))) { /* room doubles at powers of two */
		struct setting *v = realloc(s->v, (s->n ? 2 * s->n : 1) * sizeof(*v));

		if (!v)
			return -ENOMEM;
		s->v = v;
	}
	new.value = strdup(value);
	if (!new.value || str_fmt(&new.path, "%s%s", path, name) < 0) {
		free(new.value);
		return -ENOMEM;
	}
	s->v[s->n++] = new;
	return 0;
}

/* Settings of devices that are not made again are nobody's. */
static bool has_settings(const char *path, const char *name)
{
	if (!str_has_prefix(path, "ipv4/conf/") && !str_has_prefix(path, "ipv6/conf/") &&
	    !str_has_prefix(path, "ipv4/neigh/") && !str_has_prefix(path, "ipv6/neigh/"))
		return true;
	return strcmp(name, "all") == 0 || strcmp(name, "default") == 0 ||
	       strcmp(name, "lo") == 0 || strcmp(name, VE_DEV) == 0;
}

static int walk(struct settings *s, int fd, const char *path, unsigned int depth)
{
	_cleanup_closedir_ DIR *d = fdopendir(fd);
	const struct dirent *de;
	int r = 0;

	if (!d) {
		r = -errno;
		(void)safe_close(fd);
		return r;
	}
	while (r >= 0 && (de = readdir(d))) {
		char sub[256];
		int child;

		if (de->d_name[0] == '.')
			continue;
		if (de->d_type != DT_DIR) {
			r = add(s, dirfd(d), de->d_name, path);
			continue;
		}
		if (depth >= DEPTH || !has_settings(path, de->d_name) ||
		    snprintf(sub, sizeof(sub), "%s%s/", path, de->d_name) >= (int)sizeof(sub))
			continue;
		child = os_openat(dirfd(d), de->d_name, O_RDONLY | O_DIRECTORY, 0,
				  RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
		r = child < 0 ? child : walk(s, child, sub, depth + 1);
	}
	return r;
}

/* Those of the namespace that this thread is in. */
static int read_all(struct settings *s)
{
	int fd = os_openat(AT_FDCWD, NS_SYSCTL, O_RDONLY | O_DIRECTORY, 0, 0);
	int r = fd < 0 ? fd : walk(s, fd, "", 0);

	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), by_path);
	return r;
}

static int read_both(int netns_fd, struct settings *fresh, struct settings *own)
{
	_cleanup_close_ int back = os_ns_own(CLONE_NEWNET);
	int r = back < 0 ? back : os_unshare(CLONE_NEWNET);

	if (r < 0)
		return r;
	r = read_all(fresh);
	if (r >= 0)
		r = os_setns(netns_fd, CLONE_NEWNET);
	if (r >= 0)
		r = read_all(own);
	os_ns_back(back, CLONE_NEWNET);
	return r;
}

/* venet0 begins with the default settings of its namespace, or for neighbours with those that lo has. */
static const char *usual(const struct settings *fresh, const char *path)
{
	static const struct {
		const char *own, *like;
	} same[] = {
		{ "ipv4/conf/" VE_DEV "/", "ipv4/conf/default/" },
		{ "ipv6/conf/" VE_DEV "/", "ipv6/conf/default/" },
		{ "ipv4/neigh/" VE_DEV "/", "ipv4/neigh/lo/" },
		{ "ipv6/neigh/" VE_DEV "/", "ipv6/neigh/lo/" },
	};
	char other[512];

	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		if (str_has_prefix(path, same[i].own)) {
			(void)snprintf(other, sizeof(other), "%s%s", same[i].like,
				       path + strlen(same[i].own));
			return find(fresh, other);
		}
	return find(fresh, path);
}

int net_ns_save_settings(int netns_fd, char **ret, struct vz_error *e)
{
	struct settings fresh = { 0 }, own = { 0 };
	struct str out = { 0 };
	int r = read_both(netns_fd, &fresh, &own);

	for (size_t i = 0; r >= 0 && i < own.n; i++) {
		const char *value = usual(&fresh, own.v[i].path);

		if (!value || strcmp(value, own.v[i].value) != 0)
			str_addf(&out, "sysctl %s %s\n", own.v[i].path, own.v[i].value);
	}
	settings_done(&fresh);
	settings_done(&own);
	if (r >= 0)
		r = str_take(&out, ret);
	str_done(&out);
	return r < 0 ? vz_fail(e, r, "read the container's network settings") : 0;
}

/* ---- giving back ---- */

const char *ns_after(const char *line, const char *word)
{
	const size_t n = strlen(word);

	return strncmp(line, word, n) == 0 && line[n] == ' ' ? line + n + 1 : NULL;
}

static bool is_general(const char *path)
{
	return strstr(path, "/all/") || strstr(path, "/default/") || strstr(path, "ip_forward ");
}

/* 1 written, 0 when it was so before */
static int set_sysctl(int root, const char *path, const char *value)
{
	_cleanup_close_ int fd = os_openat(root, path, O_RDWR, 0,
					   RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
	char have[VALUE];
	ssize_t n;
	int r;

	if (fd < 0) /* of a module that is not there, or not the VE's to set */
		return fd == -ENOENT || fd == -EACCES ? 0 : fd;
	n = pread(fd, have, sizeof(have) - 1, 0);
	have[n > 0 ? n : 0] = '\0';
	have[strcspn(have, "\n")] = '\0';
	if (strcmp(have, value) == 0)
		return 0;
	r = pwrite(fd, value, strlen(value), 0) < 0 ? -errno : 1;
	return r;
}

int ns_sysctl_replay(int root, char *const *lines, ns_tell_fn *tell, void *data)
{
	for (int pass = 0; pass < 3; pass++) {
		for (size_t i = 0; lines && lines[i]; i++) {
			const char *rest = ns_after(lines[i], "sysctl");
			_cleanup_free_ char *path = NULL;
			const char *value;
			int r;

			if (!rest || is_general(rest) != (pass == 0))
				continue;
			value = strchr(rest, ' ');
			if (!value || value == rest || !value[1])
				return -EBADMSG;
			path = strndup(rest, (size_t)(value - rest));
			if (!path)
				return -ENOMEM;
			r = set_sysctl(root, path, value + 1);
			if (r < 0 && pass != 1)
				tell(data, r, lines[i]);
		}
	}
	return 0;
}
