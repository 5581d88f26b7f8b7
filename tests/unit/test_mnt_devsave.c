// SPDX-License-Identifier: GPL-2.0-or-later
/* What a VE made in its /dev: there and back again, and lines that nobody honest wrote. */
#include "mech/mnt/mnt.h"
#include "os/os.h"
#include "test.h"

#include <sys/stat.h>

static int dir(const char *name)
{
	if (mkdir(name, 0755) < 0)
		return -errno;
	return os_openat(AT_FDCWD, name, O_RDONLY | O_DIRECTORY, 0, 0);
}

static void test_round(void)
{
	_cleanup_close_ int from = dir("from"), to = dir("to");
	_cleanup_free_ char *text = NULL, *again = NULL, *copy = NULL;
	char link[64] = "";
	struct stat st;

	ok(from >= 0 && to >= 0, "two directories");
	ok(symlinkat("/run/log", from, "log") == 0 && mkdirat(from, "net", 0700) == 0 &&
		   mkfifoat(from, "net/fifo", 0640) == 0 &&
		   symlinkat("x", from, "with blank") == 0 &&
		   symlinkat("new\nline", from, "bad") == 0,
	   "a link, a directory, a FIFO in it; two names that no line holds");
	ok_int(mnt_dev_save(from, getuid(), getgid(), &text, NULL), 0, "saved");
	ok(text && strstr(text, " log /run/log\n"), "the link is in it");
	ok(text && !strstr(text, "blank") && !strstr(text, "new"), "the two are not");
	copy = strdup(text);
	ok_int(mnt_dev_fill(to, copy, getuid(), getgid(), NULL), 0, "filled");
	ok(readlinkat(to, "log", link, sizeof(link) - 1) > 0 && strcmp(link, "/run/log") == 0,
	   "the link leads where it led");
	ok(fstatat(to, "net/fifo", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISFIFO(st.st_mode) &&
		   (st.st_mode & 07777) == 0640,
	   "the FIFO has its mode");
	free(copy);
	copy = strdup(text);
	ok_int(mnt_dev_fill(to, copy, getuid(), getgid(), NULL), 0, "filled over what is there");
	ok_int(mnt_dev_save(to, getuid(), getgid(), &again, NULL), 0, "saved again");
	ok_int(strlen(again), strlen(text), "as long as before");
}

static void test_hostile(void)
{
	static const char *const lines[] = {
		"d 755 0 0 ../out",   "d 755 0 0 ..",
		"d 755 0 0 .",	      "d 755 0 0 up/../../out",
		"d 755 0 0 /tmp/out", "d 755 0 0 away/out",
		"d 99999 0 0 a",      "d 8 0 0 a",
		"d 755 70000 0 a",    "d 755 0 4294967295 a",
		"d 755 0 0",	      "l 777 0 0 a",
		"q 755 0 0 a",	      "dd 755 0 0 a",
		"d 755 -1 0 a",	      "l 777 0 0 a target more x",
	};
	_cleanup_close_ int to = dir("hostile");

	ok(symlinkat("..", to, "away") == 0, "a link out of it");
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		_cleanup_free_ char *text = strdup(lines[i]);

		ok(mnt_dev_fill(to, text, getuid(), getgid(), NULL) < 0, "refused: %s", lines[i]);
	}
	ok(access("out", F_OK) < 0 && access("/tmp/out", F_OK) < 0, "nothing was made outside");
}

int main(void)
{
	char base[] = "/tmp/devsave.XXXXXX";

	if (!ok(mkdtemp(base) && chdir(base) == 0, "a directory"))
		return test_done();
	test_round();
	test_hostile();
	if (chdir("/") == 0)
		IGNORE(os_rm_rf_at(AT_FDCWD, base));
	return test_done();
}
