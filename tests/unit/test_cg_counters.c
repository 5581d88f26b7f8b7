/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mech/cg: beancounters of a kernel with vz's patches, in a directory that has their files and is no
 * cgroup.
 */
#include <string.h>

#include "mech/cg/priv.h"
#include "os/cgfs.h"
#include "os/os.h"
#include "test.h"

#define NOTHING \
	"numfile max max\nnumflock max max\nnumpty max max\nnumaio max max\nnumiptent max max"

static char dir[] = "/tmp/vz-test-counters.XXXXXX";
static int fd = -EBADF;
static struct vz_error err;
#define E (vz_error_clear(&err), &err)

/* Unlike the kernel's, a file of ours has afterwards what was written over the beginning of this text. */
static bool put(const char *name, const char *text)
{
	_cleanup_close_ int f = os_openat(fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600, 0);

	return f >= 0 && write(f, text, strlen(text)) == (ssize_t)strlen(text);
}

static const char *got(const char *name)
{
	static char text[1024];
	_cleanup_free_ char *all = NULL;

	if (cgfs_read(fd, name, &all) < 0)
		return NULL;
	(void)snprintf(text, sizeof(text), "%s", all);
	return text;
}

static struct cg_conf nothing_set(void)
{
	return (struct cg_conf){ .pids_max = CG_UNLIMITED };
}

static void test_without(void)
{
	struct cg_conf c = nothing_set();
	const char *const names[] = { "numfile", "numpty" };
	struct cg_row rows[2];

	c.counters[CG_NUMFILE] = (struct cg_pair){ 10, 10 };
	ok_int(cg_counters_apply(fd, &c, NULL, E), 0, "a kernel that counts nothing is no error");
	ok(!got("ve.limits"), "no file was made");
	ok(!cg_counts(fd, CG_NUMFILE), "nor does it count files");
	ok_int(cg_rows(fd, names, 2, rows), 0, "no rows");
	ok(rows[0].held == UINT64_MAX && rows[1].failcnt == UINT64_MAX, "all is unknown");
	ok(rows[0].barrier == UINT64_MAX && rows[1].limit == UINT64_MAX, "not unlimited");
}

/* The file after one counter was set where nothing was limited; "" where nothing was written. */
static const char *written(enum cg_counter i, uint64_t barrier, uint64_t limit)
{
	static char text[1024];
	struct cg_conf c = nothing_set();

	c.counters[i] = (struct cg_pair){ barrier, limit };
	if (!put("ve.limits", NOTHING) || cg_counters_apply(fd, &c, NULL, E) < 0)
		return err.text;
	(void)snprintf(text, sizeof(text), "%s", got("ve.limits"));
	return strcmp(text, NOTHING) == 0 ? "" : text;
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static void test_limits(void)
{
	ok(put("ve.limits", NOTHING), "file");
	ok(cg_counts(fd, CG_NUMFILE) && cg_counts(fd, CG_NUMPTY) && !cg_counts(fd, CG_NUMNETIF),
	   "what it counts stands in the file");
	ok_str(written(CG_NUMFILE, 0, 0), "", "not set: nothing to write");
	ok_str(written(CG_NUMFILE, CG_UNLIMITED, CG_UNLIMITED), "", "unlimited as it is");
	ok(begins(written(CG_NUMFILE, 100, 120), "numfile 100 120"), "barrier and limit");
	ok(begins(written(CG_NUMFLOCK, 188, CG_UNLIMITED), "numflock 188 max"), "no limit");
	ok(begins(written(CG_NUMPTY, 50, 16), "numpty 16 16"),
	   "a barrier above its limit is the limit");
	ok(begins(written(CG_NUMIPTENT, CG_UNLIMITED, 128), "numiptent 128 128"), "likewise");
	ok_str(written(CG_NUMNETIF, 4, 4), "", "what this kernel does not count is left alone");
}

static void test_same(void)
{
	struct cg_conf c = nothing_set();

	c.counters[CG_NUMFILE] = (struct cg_pair){ 100, 120 };
	ok(put("ve.limits", "numflock 1 12\nnumfile 100 120\nnumpty 7 7"), "file");
	c.counters[CG_NUMPTY] = (struct cg_pair){ 7, 7 };
	c.counters[CG_NUMFLOCK] = (struct cg_pair){ 1, 12 };
	ok_int(cg_counters_apply(fd, &c, NULL, E), 0, "what is so already");
	ok_str(got("ve.limits"), "numflock 1 12\nnumfile 100 120\nnumpty 7 7", "is not written");
	c.counters[CG_NUMFLOCK] = (struct cg_pair){ 1, 1 };
	ok_int(cg_counters_apply(fd, &c, NULL, E), 0, "what only begins like it");
	ok(begins(got("ve.limits"), "numflock 1 1"), "is");
}

static void test_rows(void)
{
	const char *const names[] = { "numfile", "numother", "numpty", "file", "numflock" };
	struct cg_row r[5];

	ok(put("ve.stat",
	       "kmemsize 1 2 3 4 5\nnumfile 40 45 100 120 3\nnumpty 1 2 3 x 5\nnumflock 1 2 3 4\n"),
	   "file");
	ok_int(cg_rows(fd, names, 5, r), 0, "rows");
	ok(r[0].held == 40 && r[0].maxheld == 45 && r[0].failcnt == 3, "numbers of a row");
	ok(r[0].barrier == 100 && r[0].limit == 120, "its barrier and limit");
	ok(r[1].held == UINT64_MAX, "no such row");
	ok(r[2].held == UINT64_MAX, "no number");
	ok(r[3].held == UINT64_MAX, "the end of another name is not a name");
	ok(r[4].held == UINT64_MAX, "a row that lacks a column");
	ok(put("ve.stat", "numfile 1 1 9223372036854775807 9223372036854775807 0"), "file");
	ok_int(cg_rows(fd, names, 1, r), 0, "unlimited");
	ok(r[0].held == 1 && r[0].failcnt == 0, "the last line needs no newline");
	ok(r[0].barrier == INT64_MAX && r[0].limit == INT64_MAX, "is the kernel's number");
}

int main(void)
{
	if (!mkdtemp(dir))
		return 1;
	fd = cgfs_opendir(AT_FDCWD, dir);
	test_without();
	test_limits();
	test_same();
	test_rows();
	ok_int(os_rm_rf_at(AT_FDCWD, dir), 0, "clean up");
	(void)safe_close(fd);
	return test_done();
}
