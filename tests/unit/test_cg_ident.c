/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mech/cg: what a kernel with vz's patches is told, in a directory that has its files and is no cgroup. */
#include <string.h>

#include "mech/cg/priv.h"
#include "os/cgfs.h"
#include "os/os.h"
#include "test.h"

static char dir[] = "/tmp/vz-test-ident.XXXXXX";
static struct vz_error err;
#define E (vz_error_clear(&err), &err)

static char line[256];

static void remember(void *data, int level, const char *text)
{
	(void)data;
	if (level <= VZ_LOG_WARN)
		(void)snprintf(line, sizeof(line), "%s", text);
}
static const struct logger logger = { .fn = remember, .level = VZ_LOG_DEBUG };

/* An empty file of that name. */
static bool put(int fd, const char *name)
{
	_cleanup_close_ int f = os_openat(fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600, 0);

	return f >= 0;
}

static const char *got(int fd, const char *name)
{
	static char text[256];
	_cleanup_free_ char *all = NULL;

	if (cgfs_read(fd, name, &all) < 0)
		return NULL;
	(void)snprintf(text, sizeof(text), "%s", all);
	return text;
}

static void test_without(int fd)
{
	ok_int(cg_identify(fd, 101, "web", &logger), 0, "a kernel without the patches is fine");
	ok_int(cg_started(fd, 7, 0, E), 0, "so is a start there");
	ok_int(cg_rename(fd, "db", E), 0, "and a new name");
	cg_end_init(fd);
	ok(faccessat(fd, "ve.id", F_OK, 0) < 0 && faccessat(fd, "ve.state", F_OK, 0) < 0 &&
		   faccessat(fd, "ve.name", F_OK, 0) < 0,
	   "no file was made");
	ok_str(line, "", "nothing to warn of");
	ok(!cg_has_log(fd), "no log of its own");
	ok(put(fd, "ve.log") && !cg_has_log(fd), "nor with that file alone");
	(void)unlinkat(fd, "ve.log", 0);
}

static void test_log(int fd)
{
	uint64_t next = 0;

	ok_int(cg_log_next(fd, &next), -ENOENT, "no log");
	ok(put(fd, "ve.log"), "file");
	ok_int(cg_log_next(fd, &next), -ENODATA, "nothing in it");
	ok(os_write_file_at(fd, "ve.log", "6,7,1234,-;one\n4,12,1300,-;two, 99\n continued,5,\n") >=
		   0,
	   "two records");
	ok_int(cg_log_next(fd, &next), 0, "the next one");
	ok_int((int)next, 13, "follows the last");
	ok(put(fd, "ve.log") && os_write_file_at(fd, "ve.log", "no number\n") >= 0,
	   "something else");
	ok_int(cg_log_next(fd, &next), -ENODATA, "is no record");
	(void)unlinkat(fd, "ve.log", 0);
}

static void test_with(int fd)
{
	ok(put(fd, "ve.id") && put(fd, "ve.name") && put(fd, "ve.state"), "files");
	ok_int(cg_identify(fd, 2147483644, "web", &logger), 0, "identify");
	ok_str(got(fd, "ve.id"), "2147483644", "the largest CTID there is");
	ok_str(got(fd, "ve.name"), "web", "name");
	ok(!cg_has_log(fd), "a kernel without logs");
	ok(put(fd, "ve.log") && cg_has_log(fd), "a log of its own");
	ok(os_write_file_at(fd, "ve.id", "0         ") >= 0 && !cg_has_log(fd),
	   "what has no number has the host's");
	ok(os_write_file_at(fd, "ve.id", "2147483644") >= 0 && cg_has_log(fd), "and again");
	(void)unlinkat(fd, "ve.log", 0);
	ok_int(cg_started(fd, 23, 0, E), 0, "started");
	ok_str(got(fd, "ve.state"), "START pidfd=23", "by its pidfd");
	ok_int(cg_started(fd, 23, UINT64_MAX, E), 0, "restored");
	ok_str(got(fd, "ve.state"), "START pidfd=23 log=18446744073709551615",
	       "with the number that its log goes on with");
	ok(put(fd, "ve.state"), "file");
	cg_end_init(fd);
	ok_str(got(fd, "ve.state"), "STOP", "stopped");
}

static void test_names(int fd)
{
	char name[80];

	ok(put(fd, "ve.name"), "file");
	ok_int(cg_rename(fd, NULL, E), 0, "no name");
	ok_str(got(fd, "ve.name"), "", "which the kernel learns by an empty line");
	memset(name, 'x', sizeof(name));
	name[63] = '\0';
	ok_int(cg_rename(fd, name, E), 0, "63 bytes");
	ok_str(got(fd, "ve.name"), name, "all of them");
	ok(put(fd, "ve.name"), "file");
	/* 61 letters, then one of three bytes that would be cut in its middle */
	memcpy(name + 61, "\xe2\x82\xac.", sizeof("\xe2\x82\xac."));
	ok_int(cg_rename(fd, name, E), 0, "65 bytes");
	name[61] = '\0';
	ok_str(got(fd, "ve.name"), name, "are cut between two characters");
}

static void test_refused(int fd)
{
	ok(unlinkat(fd, "ve.id", 0) == 0 && unlinkat(fd, "ve.state", 0) == 0, "files away");
	ok(mkdirat(fd, "ve.id", 0700) == 0 && mkdirat(fd, "ve.state", 0700) == 0,
	   "what cannot be written");
	ok_int(cg_identify(fd, 101, NULL, &logger), -EISDIR, "is an error");
	ok_int(cg_started(fd, 7, 0, E), -EISDIR, "at a start, too");
	ok(strstr(err.text, "ve.state"), "which is named: %s", err.text);
}

int main(void)
{
	_cleanup_close_ int fd = -EBADF;

	if (!mkdtemp(dir))
		return 1;
	fd = cgfs_opendir(AT_FDCWD, dir);
	test_without(fd);
	test_log(fd);
	test_with(fd);
	test_names(fd);
	test_refused(fd);
	ok_int(os_rm_rf_at(AT_FDCWD, dir), 0, "clean up");
	return test_done();
}
