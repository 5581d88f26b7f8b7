// SPDX-License-Identifier: GPL-2.0-or-later
/* os_rm_rf_at(): trees as deep as somebody else liked to make them. */
#include "os/os.h"
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { DEPTH = 3000, EVERY = 100 };

/* NAME/d/d/d..., now and then with a file, a link and the name that removal would like to use */
static int make_deep(int dirfd, const char *name)
{
	int at, next;

	if (mkdirat(dirfd, name, 0700) < 0)
		return -errno;
	at = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < DEPTH && at >= 0; i++) {
		if (i % EVERY == 0) {
			int f = openat(at, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

			if (f < 0 || symlinkat("/", at, "link") < 0 ||
			    mkdirat(at, ".deep-0", 0700) < 0)
				return -errno;
			(void)safe_close(f);
		}
		if (mkdirat(at, "d", 0700) < 0)
			return -errno;
		next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)safe_close(at);
		at = next;
	}
	if (at < 0)
		return -errno;
	(void)safe_close(at);
	return 0;
}

static void test_deep(int base)
{
	const struct rlimit few = { 128, 128 };
	struct stat st;

	ok_int(make_deep(base, "deep"), 0, "a tree of %d levels", DEPTH);
	ok_int(setrlimit(RLIMIT_NOFILE, &few), 0, "128 descriptors are all there is");
	ok_int(os_rm_rf_at(base, "deep"), 0, "it is removed");
	ok(fstatat(base, "deep", &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT, "it is gone");
}

static void test_others(int base)
{
	struct stat st;

	ok_int(os_rm_rf_at(base, "absent"), 0, "what is not there is removed");
	ok(mkdirat(base, "kept", 0700) == 0 && mkdirat(base, "kept/in", 0700) == 0 &&
		   symlinkat("kept", base, "link") == 0,
	   "a link to a directory");
	ok_int(os_rm_rf_at(base, "link"), 0, "the link is removed");
	ok(fstatat(base, "kept/in", &st, 0) == 0, "what it led to is not");
	ok_int(os_rm_rf_at(base, "kept"), 0, "a small tree is removed");
}

int main(void)
{
	char dir[] = "/tmp/vz-test-rm-XXXXXX";
	int base;

	if (!mkdtemp(dir))
		return 1;
	base = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	test_others(base);
	test_deep(base);
	(void)safe_close(base);
	ok_int(rmdir(dir), 0, "nothing is left");
	return test_done();
}
