// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The template store over its life: names, import, resolve, change, verify,
 * removal, attributes, bombs, a killed and two concurrent importers.
 */
#include "mech/tm/tm.h"
#include "os/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>

#include <archive.h>
#include <archive_entry.h>

#include "tar.h"
#include "test.h"

static char base[32], store[64], last_log[8192];

static void on_line(void *data, int level, const char *line)
{
	(void)data;
	(void)level;
	(void)snprintf(last_log + strlen(last_log), sizeof(last_log) - strlen(last_log), "%s\n",
		       line);
}

static const struct logger logger = { on_line, NULL, VZ_LOG_INFO };

__attribute__((format(printf, 1, 2))) static const char *path(const char *fmt, ...)
{
	static char text[4][512];
	static int i;
	va_list ap;

	i = (i + 1) % 4;
	va_start(ap, fmt);
	(void)vsnprintf(text[i], sizeof(text[i]), fmt, ap);
	va_end(ap);
	return text[i];
}

/* cache/NAME.tar with one file, dropped in as an administrator does */
static void drop(const char *name, const char *content, const char *pax)
{
	FILE *f = fopen(path("%s/cache/%s.tar", store, name), "we");

	tar_member(f, &(struct member){ .type = '5', .name = "./", .mode = 0755 });
	tar_member(f,
		   &(struct member){ .type = '0', .name = "./file", .data = content, .pax = pax });
	tar_end(f);
	(void)fclose(f);
}

static int leftovers(void)
{
	int n = 0;

	for (int i = 0; i < 2; i++) {
		DIR *d = opendir(path("%s/%s", store, i ? "store" : "cache"));

		for (struct dirent *de; d && (de = readdir(d));)
			n += strncmp(de->d_name, ".staging-", 9) == 0;
		if (d)
			(void)closedir(d);
	}
	return n;
}

static char *resolve(const char *name)
{
	struct vz_error e = { 0 };
	char *digest = NULL;

	last_log[0] = '\0';
	if (tm_resolve(store, name, NULL, &logger, &digest, &e) < 0)
		printf("# resolve %s: %s\n", name, e.text);
	return digest;
}

static bool used(void *data, const char *digest)
{
	(void)digest;
	return *(bool *)data;
}

static void test_names(void)
{
	static const char *const bad[] = { "",	 ".",  "..",  "../x", "a/b",
					   "-x", ".x", "a b", "a\nb", "a$(id)" };
	struct vz_error e = { 0 };
	char *digest = NULL, *lower = NULL;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(tm_resolve(store, bad[i], NULL, &logger, &digest, &e) < 0 && !digest,
		   "bad name %zu is refused", i);
	ok(tm_lower(store, "sha256-../../etc", &lower, &e) < 0, "bad digest is refused");
	drop("debian-13", "x", NULL);
	ok_int(tm_resolve(store, "debian13", NULL, &logger, &digest, &e), -ENOENT,
	       "absent template");
	ok_int(e.exit, VZ_EXIT_TEMPLATE, "its exit class");
	ok(strstr(e.text, "nearest: debian-13"), "its nearest name is told");
}

static void test_resolve(void)
{
	struct timespec a, b;
	char *one, *two, *three;
	struct stat st;

	drop("t", "one", NULL);
	one = resolve("t");
	ok(one && strstr(last_log, "Importing"), "a dropped tarball is imported by its first use");
	(void)clock_gettime(CLOCK_MONOTONIC, &a);
	two = resolve("t");
	(void)clock_gettime(CLOCK_MONOTONIC, &b);
	ok_str(two, one, "and found again");
	ok_str(last_log, "", "without importing");
	printf("# second resolve: %ld us\n",
	       (b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000);
	ok(stat(path("%s/store", store), &st) == 0 && (st.st_mode & 07777) == 0700,
	   "the store is root's alone");
	drop("t", "three", NULL);
	three = resolve("t");
	ok(three && one && strcmp(one, three), "a changed tarball is another tree");
	ok(access(path("%s/store/%s/fs/file", store, one), F_OK) == 0, "the old tree stays");
	(void)unlink(path("%s/cache/t.tar", store));
	free(two);
	two = resolve("t");
	ok_str(two, three, "without its archive the store serves");
	free(one);
	free(two);
	free(three);
}

static void test_verify_and_remove(void)
{
	struct vz_error e = { 0 };
	bool busy = true;
	char *digest;

	drop("v", "one", NULL);
	digest = resolve("v");
	ok_int(tm_verify(store, "v", NULL, &logger, &e), 0, "an untouched tree verifies");
	(void)close(open(path("%s/store/%s/fs/extra", store, digest),
			 O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	(void)chmod(path("%s/store/%s/fs/file", store, digest), 04755);
	last_log[0] = '\0';
	ok_int(tm_verify(store, "v", NULL, &logger, &e), -EBADMSG, "a changed one does not");
	ok(strstr(last_log, "/extra: not in") && strstr(last_log, "/file: changed"),
	   "every difference is told");
	ok_int(tm_remove(store, "v", used, &busy, &e), -EBUSY, "a tree in use is not removed");
	ok(access(path("%s/cache/v.tar", store), F_OK) == 0, "nor its archive");
	busy = false;
	ok_int(tm_remove(store, "v", used, &busy, &e), 0, "an unused one is");
	ok(access(path("%s/store/%s", store, digest), F_OK) < 0, "its tree is gone");
	ok(access(path("%s/cache/v.tar", store), F_OK) < 0, "its archive is gone");
	ok_int(tm_remove(store, "v", used, &busy, &e), -ENOENT, "a second time it is not there");
	free(digest);
}

static void test_gc(void)
{
	struct vz_error e = { 0 };
	bool busy = true;
	char *old, *new;

	drop("g", "old", NULL);
	old = resolve("g");
	drop("g", "new", NULL);
	new = resolve("g");
	ok_int(tm_gc(store, used, &busy, &logger, &e), 0, "collect while in use");
	ok(access(path("%s/store/%s/fs", store, old), F_OK) == 0, "the old tree stays");
	busy = false;
	ok_int(tm_gc(store, used, &busy, &logger, &e), 0, "collect when unused");
	ok(access(path("%s/store/%s/fs", store, old), F_OK) < 0, "the old tree goes");
	ok(access(path("%s/store/%s/fs", store, new), F_OK) == 0, "the named one stays");
	free(old);
	free(new);
}

static void test_xattrs(void)
{
	char names[1024] = "", *digest;
	const char *file;
	ssize_t n;

	drop("x", "x",
	     "SCHILY.xattr.user.kept=1\nSCHILY.xattr.user.overlay.opaque=y\n"
	     "SCHILY.xattr.trusted.overlay.opaque=y\nSCHILY.xattr.security.selinux=evil");
	digest = resolve("x");
	file = path("%s/store/%s/fs/file", store, digest);
	n = listxattr(file, names, sizeof(names));
	ok(n > 0 && getxattr(file, "user.kept", names, sizeof(names)) == 1,
	   "user attributes are kept");
	ok(getxattr(file, "user.overlay.opaque", names, sizeof(names)) < 0, "overlayfs's are not");
	ok(getxattr(file, "trusted.overlay.opaque", names, sizeof(names)) < 0,
	   "trusted ones are not");
	ok(getxattr(file, "security.selinux", names, sizeof(names)) < 0,
	   "the builder's labels are not");
	ok(strstr(last_log, "attributes"), "and it is said");
	free(digest);
}

/* dd of zeros in a tar in zstd */
static void write_bomb(const char *file, size_t megabytes)
{
	static char zero[1 << 20];
	struct archive *a = archive_write_new();
	struct archive_entry *ae = archive_entry_new();

	(void)archive_write_add_filter_zstd(a);
	(void)archive_write_set_format_pax_restricted(a);
	(void)archive_write_open_filename(a, file);
	archive_entry_set_pathname(ae, "bomb");
	archive_entry_set_size(ae, (la_int64_t)(megabytes << 20));
	archive_entry_set_filetype(ae, AE_IFREG);
	archive_entry_set_perm(ae, 0644);
	(void)archive_write_header(a, ae);
	for (size_t i = 0; i < megabytes; i++)
		(void)archive_write_data(a, zero, sizeof(zero));
	archive_entry_free(ae);
	(void)archive_write_close(a);
	(void)archive_write_free(a);
}

static void test_bomb(void)
{
	const struct tm_how how = { .log = &logger };
	const char *file = path("%s/bomb", base);
	struct vz_error e = { 0 };
	char *digest = NULL;

	write_bomb(file, 200);
	ok_int(tm_import(store, file, "bomb", &how, &digest, &e), -EBADMSG, "a bomb is refused");
	ok(strstr(e.text, "bomb"), "by its ratio");
	ok_int(leftovers(), 0, "nothing of it stays");
	write_bomb(file, 10);
	ok_int(tm_import(store, file, "small", &how, &digest, &e), 0,
	       "a small dense archive is fine");
	ok(access(path("%s/cache/small.tar.zst", store), F_OK) == 0, "it is named by its content");
	free(digest);
}

static void test_trailing(void)
{
	struct vz_error e = { 0 };
	char *a, *b = NULL;
	FILE *f;

	drop("tail", "x", NULL);
	a = resolve("tail");
	f = fopen(path("%s/cache/tail.tar", store), "ae");
	for (int i = 0; i < 100000; i++)
		(void)fputs("garbage", f);
	(void)fclose(f);
	ok_int(tm_resolve(store, "tail", NULL, &logger, &b, &e), 0,
	       "what follows the archive's end is not unpacked");
	ok(a && b && strcmp(a, b), "but counts for the digest");
	free(a);
	free(b);
}

static void kill_us(void *data, uint64_t done, uint64_t total)
{
	(void)data;
	(void)done;
	(void)total;
	(void)raise(SIGKILL);
}

static void test_killed(void)
{
	const struct tm_progress deadly = { kill_us, NULL };
	struct vz_error e = { 0 };
	char *digest = NULL;
	int status;
	pid_t pid;

	drop("k", "killed", NULL);
	pid = fork();
	if (pid == 0)
		_exit(tm_resolve(store, "k", &deadly, NULL, &digest, &e) < 0);
	(void)waitpid(pid, &status, 0);
	ok(WIFSIGNALED(status), "the importer was killed");
	ok(leftovers() > 0, "it left a staging directory");
	digest = resolve("k");
	ok(digest, "the next import works");
	ok_int(leftovers(), 0, "and cleans up");
	free(digest);
}

static void test_concurrent(void)
{
	struct vz_error e = { 0 };
	char *digest = NULL;
	pid_t pids[4];
	int status, bad = 0;

	drop("c", "both", NULL);
	for (int i = 0; i < 4; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(tm_resolve(store, "c", NULL, NULL, &digest, &e) < 0);
	}
	for (int i = 0; i < 4; i++) {
		(void)waitpid(pids[i], &status, 0);
		bad += status != 0;
	}
	ok_int(bad, 0, "four importers at once all get their tree");
	ok_int(leftovers(), 0, "and leave nothing");
}

int main(void)
{
	if (!test_is_root()) {
		skip("root: unpacks as another identity");
		return test_done();
	}
	/* a node's real file system is there; its /var/tmp is an overlay */
	(void)snprintf(base, sizeof(base), "%s/vz-tm-XXXXXX",
		       access("/vz", W_OK) == 0 ? "/vz" : "/var/tmp");
	if (!mkdtemp(base))
		return 1;
	(void)snprintf(store, sizeof(store), "%s/template", base);
	if (mkdir(store, 0755) < 0 || mkdir(path("%s/cache", store), 0755) < 0)
		return 1;
	test_names();
	test_resolve();
	test_verify_and_remove();
	test_gc();
	test_xattrs();
	test_bomb();
	test_trailing();
	test_killed();
	test_concurrent();
	ok_int(os_rm_rf_at(AT_FDCWD, base), 0, "cleaned up");
	return test_done();
}
