// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hostile archives (security.md T23, T24, T29, T32 and its reference list): each
 * row is one kind.  Whatever the verdict: nothing outside the tree changes, and
 * of a refused archive nothing stays.
 */
#include "mech/tm/tm.h"
#include "os/os.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <archive.h>
#include <archive_entry.h>

#include "tar.h"
#include "test.h"

#define MEMBERS 12
#define LONG64	"aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd"

static char base[32], store[64], archive[64], last_log[65536];

struct kind {
	const char *what;
	const char *refused; /* part of the message; NULL: it is imported */
	const char *note;    /* part of what is said of a defused member */
	struct member m[MEMBERS];
	struct tm_limits lim;
	const char *path; /* looked at in the tree after an import: must exist unless absent */
	const char *absent, *link; /* link: what the symbolic link path holds */
	unsigned int mode;	   /* of path */
};

/* clang-format off */
#define DIR_(n)	    { .type = '5', .name = (n), .mode = 0755 }
#define FILE_(n)    { .type = '0', .name = (n), .data = "evil\n" }
#define LINK_(n, t) { .type = '2', .name = (n), .link = (t), .mode = 0777 }
#define HARD_(n, t) { .type = '1', .name = (n), .link = (t) }

static const struct kind kinds[] = {
	{ "absolute name", "absolute", .m = { FILE_("/canary") } },
	{ "name with ..", "'..'", .m = { FILE_("../canary") } },
	{ "name with .. inside", "'..'", .m = { DIR_("a/"), FILE_("a/../../../../canary") } },
	{ "name of .. alone", "'..'", .m = { DIR_("..") } },
	{ "absolute name by a pax record", "absolute", .m = { { .type = '0', .name = "x", .data = "evil\n", .pax = "path=/canary" } } },
	{ "empty name", "refused", .m = { FILE_("") } },
	{ "link to the host's root, file through it", "refused: d/canary", .m = { LINK_("d", "/"), FILE_("d/canary") } },
	{ "link upwards, file through it", "refused: d/canary", .m = { LINK_("d", "../../../.."), FILE_("d/canary") } },
	{ "link, directory through it", "refused: d/x", .m = { LINK_("d", "/tmp"), DIR_("d/x") } },
	{ "link within the tree, file through it", "refused: d/x", .m = { DIR_("e"), LINK_("d", "e"), FILE_("d/x") } },
	{ "directory replaced by a link, file through it", "refused: d/canary",
	  .m = { DIR_("d"), LINK_("d", "/"), FILE_("d/canary") } },
	{ "full directory replaced by a link", "refused: d", .m = { DIR_("d"), FILE_("d/x"), LINK_("d", "/") } },
	{ "the root itself a link", "root itself", .m = { LINK_("./", "/etc") } },
	{ "the root itself a file", "root itself", .m = { FILE_(".") } },
	{ "hard link to an absolute name", "hard link", .m = { HARD_("h", "/etc/passwd") } },
	{ "hard link upwards", "hard link", .m = { HARD_("h", "../../../canary") } },
	{ "hard link to nothing", "refused: h", .m = { HARD_("h", "not-there") } },
	{ "hard link through a link", "refused: h", .m = { LINK_("d", "/"), HARD_("h", "d/canary") } },
	{ "hard link to a link, then written", NULL, .m = { LINK_("l", "/canary"), HARD_("h", "l"), FILE_("h") }, .path = "h", .mode = 0100644 },
	{ "owner out of range", "owner 65536", .m = { { .type = '0', .name = "x", .uid = 65536 } } },
	{ "group out of range", "not within", .m = { { .type = '0', .name = "x", .gid = 100000 } } },
	{ "owner of -1", "not within", .m = { { .type = '0', .name = "x", .pax = "uid=4294967295" } } },
	{ "size of 2^63-1", "overflow", .m = { { .type = '0', .name = "x", .size = INT64_MAX } } },
	{ "size of 2^63", "refused", .m = { { .type = '0', .name = "x", .size = (uint64_t)INT64_MAX + 1 } } },
	{ "size over the limit", "larger", .m = { FILE_("x"), FILE_("y"), FILE_("z") }, .lim = { .max_bytes = 12 } },
	{ "sparse file over the limit", "larger", .m = { { .type = '0', .name = "x", .data = "1\n0\n0\n",
	  .size = 512, .pax = "GNU.sparse.major=1\nGNU.sparse.minor=0\nGNU.sparse.name=x\nGNU.sparse.realsize=4611686018427387904" } } },
	{ "members over the limit", "more members", .m = { FILE_("a"), FILE_("b"), FILE_("c") }, .lim = { .max_members = 2 } },
	{ "component of 320 characters", "overlong", .m = { { .type = '0', .name = "x",
	  .pax = "path=" LONG64 LONG64 LONG64 LONG64 LONG64 } } },
	{ "cut in the middle", "refused", .m = { FILE_("a"), { .type = '0', .name = "b", .size = 5000, .data = "short" } } },
	{ "empty", "refused", .m = { { 0 } } },

	{ "character device", NULL, "device", { FILE_("a"), { .type = '3', .name = "null", .major = 1, .minor = 3 } }, .path = "a", .absent = "null" },
	{ "block device", NULL, "device", { FILE_("a"), { .type = '4', .name = "sda", .major = 8 } }, .path = "a", .absent = "sda" },
	{ "overlay whiteout", NULL, "device", { FILE_("a"), { .type = '3', .name = "gone" } }, .path = "a", .absent = "gone" },
	{ "hard link to a left out device", "refused: h", "device", .m = { { .type = '3', .name = "null", .major = 1, .minor = 3 }, HARD_("h", "null") } },
	{ "layer whiteout", NULL, "whiteout", { FILE_("a"), FILE_(".wh.passwd") }, .path = "a", .absent = ".wh.passwd" },
	{ "opaque marker", NULL, "whiteout", { DIR_("d"), FILE_("d/.wh..wh..opq") }, .path = "d", .absent = "d/.wh..wh..opq" },
	{ "link climbing out", NULL, "cut at the root", { DIR_("a"), LINK_("a/l", "../../../etc/shadow") }, .path = "a/l", .link = "../etc/shadow" },
	{ "link climbing out later", NULL, "cut at the root", { LINK_("l", "x/../../y") }, .path = "l", .link = "x/../y" },
	{ "link to .. alone", NULL, "cut at the root", { LINK_("l", "..") }, .path = "l", .link = "." },
	{ "absolute link is the tree's own", NULL, .m = { LINK_("l", "/etc/shadow") }, .path = "l", .link = "/etc/shadow" },
	{ "duplicate: the last counts", NULL, .m = { { .type = '0', .name = "x", .mode = 0600 }, { .type = '0', .name = "x", .mode = 0640 } },
	  .path = "x", .mode = 0100640 },
	{ "set-uid is kept", NULL, .m = { { .type = '0', .name = "su", .mode = 04755 } }, .path = "su", .mode = 0104755 },
	{ "pipe is kept", NULL, .m = { { .type = '6', .name = "p", .mode = 0600 } }, .path = "p", .mode = 0010600 },
	{ "access list with foreign ids", NULL, "access list", { { .type = '0', .name = "x",
	  .pax = "SCHILY.acl.access=user::rw-,user:evil:rwx:70000,group::r--,mask::rwx,other::r--" } }, .path = "x" },
	{ "mtime before 1970", NULL, .m = { { .type = '0', .name = "x", .pax = "mtime=-1000000.5" } }, .path = "x" },
	{ "terminal escapes in a name", NULL, "\\x1b", { FILE_("a"), { .type = '4', .name = "\033[2Jevil", .major = 8 } }, .path = "a" },
};
/* clang-format on */

static void on_line(void *data, int level, const char *line)
{
	size_t n = strlen(last_log);

	(void)data;
	(void)level;
	(void)snprintf(last_log + n, sizeof(last_log) - n, "%s\n", line);
}

static const struct logger logger = { on_line, NULL, VZ_LOG_INFO };

static void write_archive(const struct kind *k)
{
	FILE *f = fopen(archive, "we");
	bool cut = false;

	for (size_t i = 0; i < MEMBERS && k->m[i].type; i++) {
		tar_member(f, &k->m[i]);
		cut = k->m[i].size;
	}
	if (!cut)
		tar_end(f);
	(void)fclose(f);
}

static int entries(const char *sub)
{
	char path[128];
	DIR *d;
	int n = 0;

	(void)snprintf(path, sizeof(path), "%s/%s", store, sub);
	d = opendir(path);
	for (struct dirent *de; d && (de = readdir(d));)
		n += strcmp(de->d_name, ".") && strcmp(de->d_name, "..") &&
		     strcmp(de->d_name, ".lock") && strcmp(de->d_name, "index");
	if (d)
		(void)closedir(d);
	return n;
}

static bool canary_lives(void)
{
	char path[128], text[8] = "";
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/canary", base);
	f = fopen(path, "re");
	if (!f || !fgets(text, sizeof(text), f))
		text[0] = '\0';
	if (f)
		(void)fclose(f);
	return strcmp(text, "alive\n") == 0 && access("/canary", F_OK) < 0 &&
	       access("/tmp/x", F_OK) < 0;
}

static void wipe(void)
{
	if (os_rm_rf_at(AT_FDCWD, store) < 0 || mkdir(store, 0755) < 0)
		abort();
}

static void look_inside(const struct kind *k, const char *digest)
{
	char path[512], link[128] = "";
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/store/%s/fs/%s", store, digest, k->path);
	ok(lstat(path, &st) == 0 && st.st_uid == 0, "%s: %s is there", k->what, k->path);
	if (k->mode)
		ok_int(st.st_mode, k->mode, "%s: mode", k->what);
	if (k->link) {
		ok(readlink(path, link, sizeof(link) - 1) > 0, "%s: is a link", k->what);
		ok_str(link, k->link, "%s: target", k->what);
	}
	if (k->absent) {
		(void)snprintf(path, sizeof(path), "%s/store/%s/fs/%s", store, digest, k->absent);
		ok(lstat(path, &st) < 0, "%s: %s is not", k->what, k->absent);
	}
}

static void one(const struct kind *k)
{
	struct vz_error e = { 0 };
	char *digest = NULL;
	int r;

	wipe();
	write_archive(k);
	last_log[0] = '\0';
	r = tm_import(store, archive, "evil", &(struct tm_how){ .lim = k->lim, .log = &logger },
		      &digest, &e);
	if (k->refused) {
		ok(r < 0 && strstr(e.text, k->refused), "%s: refused", k->what);
		if (r >= 0 || !strstr(e.text, k->refused))
			printf("# r=%d \"%s\"\n", r, e.text);
		ok_int(entries("store") + entries("store/index") + entries("cache"), 0,
		       "%s: nothing stays", k->what);
	} else if (ok_int(r, 0, "%s: imported", k->what)) {
		look_inside(k, digest);
	} else {
		printf("# \"%s\"\n", e.text);
	}
	if (k->note && !ok(strstr(last_log, k->note), "%s: said so", k->what))
		printf("# log: %s\n", last_log);
	ok(!strchr(last_log, '\033'), "%s: the terminal is safe", k->what);
	ok(canary_lives(), "%s: nothing escapes", k->what);
	free(digest);
}

int main(void)
{
	char path[128];
	FILE *f;

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
	(void)snprintf(archive, sizeof(archive), "%s/evil.tar", base);
	(void)snprintf(path, sizeof(path), "%s/canary", base);
	f = fopen(path, "we");
	(void)fputs("alive\n", f);
	(void)fclose(f);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		one(&kinds[i]);
	ok_int(os_rm_rf_at(AT_FDCWD, base), 0, "cleaned up");
	return test_done();
}
