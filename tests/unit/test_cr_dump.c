// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The dump directory: made, sealed, opened; and every way of meddling with one
 * that security.md names, each refused for its own reason.
 */
#include "base/str.h"
#include "mech/cr/cr.h"
#include "mech/cr/manifest.h"
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>

#include "test.h"

#define MIB 1048576

static char base[512], keys[560], path[560];
static const char *const known[] = { "cgroup", "netns", NULL };

#define MUST(call)                                                                  \
	do {                                                                        \
		if ((call) < 0) {                                                   \
			printf("Bail out! %s:%d: %s\n", __FILE__, __LINE__, #call); \
			exit(EXIT_FAILURE);                                         \
		}                                                                   \
	} while (0)

__attribute__((format(printf, 1, 2))) static const char *in(const char *fmt, ...)
{
	static char buf[4][1024];
	static unsigned int turn;
	char *p = buf[turn++ % 4];
	int n = snprintf(p, sizeof(buf[0]), "%s/", path);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(p + n, sizeof(buf[0]) - (size_t)n, fmt, ap);
	va_end(ap);
	return p;
}

/* A file of this size, with a byte here and there. */
static void image(int dirfd, const char *name, off_t size)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	MUST(fd);
	MUST(ftruncate(fd, size));
	for (off_t at = 0; at < size; at += 1000003)
		MUST(pwrite(fd, name, 3, at));
	MUST(close(fd));
}

static struct cr_dump_info info(void)
{
	return (struct cr_dump_info){ .ctid = 101,
				      .uid_base = 1879048192,
				      .gid_base = 1879048192,
				      .criu = "4.2.1",
				      .features = "cgroup netns" };
}

static int make(const struct cr_dump_info *i, off_t pages, struct vz_error *e)
{
	struct cr_dump_out d;
	int r = cr_dump_begin(&d, path, e);

	if (r < 0)
		return r;
	image(d.imgfd, "inventory.img", 200);
	image(d.imgfd, "pages-1.img", pages);
	image(d.imgfd, "empty.img", 0);
	image(d.dirfd, "dump.log", 77);
	r = cr_dump_put(&d, "cgroup", "cpu.max max\n", 12, e);
	if (r >= 0)
		r = cr_dump_seal(&d, i, keys, e);
	if (r >= 0)
		ok_int(d.files, 4, "four files are listed");
	cr_dump_out_done(&d);
	return r < 0 ? r : cr_dump_publish(path, e);
}

static struct cr_dump_want want(void)
{
	return (struct cr_dump_want){ .ctid = 101,
				      .uid_base = 1879048192,
				      .gid_base = 1879048192,
				      .keys = keys,
				      .features = known };
}

static int reopen(const struct cr_dump_want *w, struct vz_error *e)
{
	struct cr_dump d;
	int r = cr_dump_open(&d, path, w, e);

	if (r >= 0)
		cr_dump_close(&d);
	return r;
}

/* ---- ways of meddling ---- */

static void flip_at(const char *name, off_t at)
{
	int fd = open(in("%s", name), O_RDWR | O_CLOEXEC);
	char c;

	MUST(fd);
	MUST(pread(fd, &c, 1, at));
	c ^= 1;
	MUST(pwrite(fd, &c, 1, at));
	MUST(close(fd));
}

static void flip(const char *name)
{
	flip_at(name, 20);
}

/* still a hexadecimal digit, but another one */
static void flip_hex(const char *name)
{
	int fd = open(in("%s", name), O_RDWR | O_CLOEXEC);
	char c;

	MUST(fd);
	MUST(pread(fd, &c, 1, 20));
	c = c == '0' ? '1' : '0';
	MUST(pwrite(fd, &c, 1, 20));
	MUST(close(fd));
}

static void flip_first(const char *name)
{
	flip_at(name, 0);
}

static void flip_far(const char *name)
{
	flip_at(name, 33 * MIB + 5);
}

static void drop(const char *name)
{
	MUST(unlink(in("%s", name)));
}

static void grow(const char *name)
{
	FILE *f = fopen(in("%s", name), "ae");

	if (!f || fputc('x', f) == EOF || fclose(f) != 0)
		abort();
}

static void cut(const char *name)
{
	struct stat st;

	MUST(stat(in("%s", name), &st));
	MUST(truncate(in("%s", name), st.st_size - 1));
}

static void huge(const char *name)
{
	MUST(truncate(in("%s", name), 1LL << 40));
}

static void add(const char *name)
{
	MUST(close(open(in("%s", name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)));
}

static void add_dir(const char *name)
{
	MUST(mkdir(in("%s", name), 0700));
}

static void away(const char *name)
{
	MUST(rename(in("%s", name), in("../moved")));
}

static void to_link(const char *name)
{
	away(name);
	MUST(symlink(in("../moved"), in("%s", name)));
}

static void to_hard_link(const char *name)
{
	MUST(link(in("%s", name), in("../moved")));
}

static void to_pipe(const char *name)
{
	drop(name);
	MUST(mkfifo(in("%s", name), 0600));
}

static void to_dir(const char *name)
{
	drop(name);
	add_dir(name);
}

static void open_to_all(const char *name)
{
	struct stat st;

	MUST(stat(in("%s", name), &st));
	MUST(chmod(in("%s", name), st.st_mode | 022));
}

static void readable(const char *name)
{
	MUST(chmod(in("%s", name), 0755));
}

static void newer(const char *name)
{
	int fd = open(in("%s", name), O_WRONLY | O_CLOEXEC);

	MUST(fd);
	MUST(pwrite(fd, "3", 1, 8));
	MUST(close(fd));
}

static void other_owner(const char *name)
{
	MUST(chown(in("%s", name), 12345, 0));
}

static int writer = -EBADF;

static void held(const char *name)
{
	MUST(writer = open(in("%s", name), O_RDWR | O_CLOEXEC));
}

/* What is mapped can be written to without any descriptor. */
static void mapped(const char *name)
{
	held(name);
	MUST(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, writer, 0) == MAP_FAILED ? -1
											   : 0);
	writer = safe_close(writer);
}

/* Which maps the file beneath, and tells nobody. */
static bool on_overlay(void)
{
	struct statfs st;

	return statfs(base, &st) == 0 && st.f_type == OVERLAYFS_SUPER_MAGIC;
}

struct meddling {
	const char *what, *name;
	void (*fn)(const char *name);
	int code;
	const char *text; /* part of the message */
};

/* clang-format off */
static const struct meddling table[] = {
	{ "a byte of the inventory", "img/inventory.img", flip, -EBADMSG, "img/inventory.img was changed" },
	{ "a byte of the memory", "img/pages-1.img", flip, -EBADMSG, "img/pages-1.img was changed" },
	{ "a byte of the memory's third piece", "img/pages-1.img", flip_far, -EBADMSG, "img/pages-1.img was changed" },
	{ "a byte of a state file", "cgroup", flip_first, -EBADMSG, "cgroup was changed" },
	{ "a byte of the manifest", "manifest", flip, -EKEYREJECTED, "manifest was changed" },
	{ "the manifest's first byte", "manifest", flip_first, -EBADMSG, "manifest is none" },
	{ "a byte of the signature's id", "manifest.sig", flip_hex, -EKEYREJECTED, "it is signed by node" },
	{ "the signature's first byte", "manifest.sig", flip_first, -EBADMSG, "signature is malformed" },
	{ "a byte more", "img/pages-1.img", grow, -EBADMSG, "bytes and not" },
	{ "a byte in an empty file", "img/empty.img", grow, -EBADMSG, "bytes and not" },
	{ "a byte less", "img/inventory.img", cut, -EBADMSG, "bytes and not" },
	{ "an image missing", "img/inventory.img", drop, -EBADMSG, "img/inventory.img is missing" },
	{ "a state file missing", "cgroup", drop, -EBADMSG, "cgroup is missing" },
	{ "the manifest missing", "manifest", drop, -EBADMSG, "manifest is missing" },
	{ "the signature missing", "manifest.sig", drop, -EBADMSG, "manifest.sig is missing" },
	{ "the images missing", "img", away, -EBADMSG, "img is no directory" },
	{ "an image more", "img/core-99.img", add, -EBADMSG, "img/core-99.img is not of the dump" },
	{ "a state file more", "netns", add, -EBADMSG, "netns is not of the dump" },
	{ "a directory more", "img/parent", add_dir, -EBADMSG, "img/parent is not of the dump" },
	{ "terminal escapes in a name", "img/\033[2J", add, -EBADMSG, "\\x1b" },
	{ "a newer format", "manifest", newer, -EPROTONOSUPPORT, "format 3" },
	{ "the manifest cut off", "manifest", cut, -EKEYREJECTED, "does not fit" },
	{ "a huge manifest", "manifest", huge, -EFBIG, "too large" },
	{ "a huge signature", "manifest.sig", huge, -EFBIG, "too large" },
	{ "a link for an image", "img/inventory.img", to_link, -EPERM, "link or a mount" },
	{ "a link for the manifest", "manifest", to_link, -EPERM, "link or a mount" },
	{ "a link for the images", "img", to_link, -EPERM, "img is no directory" },
	{ "another name of an image", "img/inventory.img", to_hard_link, -EPERM, "another name" },
	{ "a pipe for an image", "img/inventory.img", to_pipe, -EPERM, "not a regular file" },
	{ "a pipe for the manifest", "manifest", to_pipe, -EPERM, "not a regular file" },
	{ "a directory for an image", "img/empty.img", to_dir, -EPERM, "not a regular file" },
	{ "an image others may write to", "img/inventory.img", open_to_all, -EPERM, "others could have changed" },
	{ "a manifest others may write to", "manifest", open_to_all, -EPERM, "others could have changed" },
	{ "images others may write to", "img", open_to_all, -EPERM, "open to others" },
	{ "a dump others may write to", ".", open_to_all, -EPERM, "open to others" },
	{ "a dump others may read", ".", readable, -EPERM, "open to others" },
	{ "a dump below what others may write to", "..", open_to_all, -EPERM, "open to others" },
	{ "an image somebody writes to", "img/pages-1.img", held, -EPERM, "has img/pages-1.img open" },
	{ "an image somebody has mapped", "img/inventory.img", mapped, -EPERM, "could change it now" },
	{ "somebody's image", "img/inventory.img", other_owner, -EPERM, "belongs to user 12345" },
	{ "somebody's dump", ".", other_owner, -EPERM, "user 12345" },
};
/* clang-format on */

static void fresh(off_t pages)
{
	struct cr_dump_info i = info();
	struct vz_error e = { 0 };

	MUST(os_rm_rf_at(AT_FDCWD, base));
	MUST(mkdir(base, 0755));
	if (make(&i, pages, &e) < 0) {
		printf("Bail out! %s\n", e.text);
		exit(EXIT_FAILURE);
	}
}

static void check_meddling(const struct meddling *m)
{
	struct cr_dump_want w = want();
	struct vz_error e = { 0 };
	int r;

	fresh(m->fn == flip_far ? 40 * MIB : 9999);
	ok_int(reopen(&w, &e), 0, "%s: whole before", m->what);
	m->fn(m->name);
	r = reopen(&w, &e);
	ok_int(r, m->code, "%s: refused", m->what);
	if (!ok(r < 0 && strstr(e.text, m->text) && !strchr(e.text, '\n'), "%s: says why", m->what))
		printf("# \"%s\"\n", e.text);
	writer = safe_close(writer);
	MUST(chmod(base, 0755));
}

static void check_reading(void)
{
	struct cr_dump_want w = want();
	struct vz_error e = { 0 };
	_cleanup_free_ char *text = NULL;
	struct cr_dump d;
	size_t len = 0;

	fresh(40 * MIB);
	if (!ok_int(cr_dump_open(&d, path, &w, &e), 0, "a whole dump opens")) {
		printf("# %s\n", e.text);
		return;
	}
	ok_str(d.info.criu, "4.2.1", "it knows its CRIU");
	ok_int(d.files, 4, "and its files");
	ok_int(d.bytes, 40 * MIB + 212, "and its bytes");
	ok(d.info.created > 1700000000, "and when it was made");
	ok_int(faccessat(d.imgfd, "pages-1.img", R_OK, 0), 0, "the images are there");
	ok_int(cr_dump_get(&d, "cgroup", &text, &len, &e), 0, "a state file is read");
	ok_str(text, "cpu.max max\n", "as it was written");
	ok_int(cr_dump_get(&d, "net", &text, &len, &e), -ENOENT, "what is not there is not");
	flip_first("cgroup");
	ok_int(cr_dump_get(&d, "cgroup", &text, &len, &e), -EBADMSG,
	       "changed after opening, it is refused");
	cr_dump_close(&d);
}

static void check_want(void)
{
	static const char *const less[] = { "cgroup", NULL };
	struct cr_dump_want w = want();
	struct vz_error e = { 0 };

	fresh(9999);
	w.ctid = 102;
	ok_int(reopen(&w, &e), -EXDEV, "another container's dump: %s", e.text);
	w = want();
	w.uid_base += 65536;
	ok_int(reopen(&w, &e), -EXDEV, "another range of ids: %s", e.text);
	w = want();
	w.features = less;
	ok_int(reopen(&w, &e), -EPROTONOSUPPORT, "an unknown feature: %s", e.text);
	w = want();
	MUST(rename(path, in("../else")));
	ok_int(reopen(&w, &e), -ENOENT, "no dump: %s", e.text);
}

static void copy_file(const char *from, const char *to)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	MUST(os_read_file_at(AT_FDCWD, from, 4096, &text, &len));
	MUST(os_replace_file(to, text, len, 0644));
}

static void check_keys(void)
{
	char mine[CR_NODE_ID_SIZE], again[CR_NODE_ID_SIZE], theirs[CR_NODE_ID_SIZE];
	char other[600], pub[700], own[700];
	struct cr_dump_want w = want();
	struct vz_error e = { 0 };

	fresh(9999);
	ok_int(cr_key_node(keys, mine, &e), 0, "the node's key");
	ok_int(cr_key_node(keys, again, &e), 0, "once more");
	ok_str(again, mine, "stays the same");
	(void)snprintf(own, sizeof(own), "%s/node.key", keys);
	(void)snprintf(other, sizeof(other), "%s/otherkeys", base);
	w.keys = other;
	ok_int(reopen(&w, &e), -EKEYREJECTED, "another node's dump: %s", e.text);
	ok(access(other, F_OK) == 0 && strstr(e.text, mine), "says whose");
	ok_int(cr_key_node(other, theirs, &e), 0, "the other node makes a key");
	ok(strcmp(theirs, mine) != 0, "of its own");
	ok_int(reopen(&w, &e), -EKEYREJECTED, "still another node's dump");
	(void)snprintf(pub, sizeof(pub), "%s/node.pub", keys);
	(void)snprintf(own, sizeof(own), "%s/trusted/first.pub", other);
	copy_file(pub, own);
	ok_int(reopen(&w, &e), 0, "trusted, it opens");
	for (int i = 0; i < 4; i++) {
		char third[600], from[700], to[700];

		(void)snprintf(third, sizeof(third), "%s/third%d", base, i);
		ok_int(cr_key_node(third, again, &e), 0, "one more node");
		(void)snprintf(from, sizeof(from), "%s/node.pub", third);
		(void)snprintf(to, sizeof(to), "%s/trusted/%d.pub", other, i);
		copy_file(from, to);
	}
	ok_int(reopen(&w, &e), 0, "also among other nodes' keys");
	MUST(chmod(own, 0666));
	ok_int(reopen(&w, &e), -EKEYREJECTED, "not by a key that others may write");
	MUST(chmod(own, 0644));
	MUST(rename(own, in("../otherkeys/trusted/first")));
	ok_int(reopen(&w, &e), -EKEYREJECTED, "nor by one without .pub");
	(void)snprintf(own, sizeof(own), "%s/node.key", keys);
	MUST(chmod(own, 0640));
	ok_int(cr_key_node(keys, again, &e), -EPERM, "a readable secret is not used: %s", e.text);
	MUST(chmod(own, 0600));
	MUST(truncate(own, 50));
	ok_int(cr_key_node(keys, again, &e), -EBADMSG, "nor a damaged one: %s", e.text);
	MUST(os_rm_rf_at(AT_FDCWD, keys));
}

#define RACERS 8

/* Many commands need the key first at once: there is one. */
static void check_key_race(void)
{
	size_t size = RACERS * CR_NODE_ID_SIZE;
	char *ids = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char id[CR_NODE_ID_SIZE], dir[600];
	int same = 0, status, gate[2];

	(void)snprintf(dir, sizeof(dir), "%s/racekeys", base);
	MUST(pipe2(gate, O_CLOEXEC));
	for (int i = 0; i < RACERS; i++)
		if (fork() == 0) {
			char c;

			(void)close(gate[1]);
			_exit(read(gate[0], &c, 1) != 0 ||
			      cr_key_node(dir, ids + i * CR_NODE_ID_SIZE, NULL) < 0);
		}
	(void)close(gate[0]);
	(void)close(gate[1]); /* off they go */
	for (int i = 0; i < RACERS; i++)
		if (wait(&status) < 0 || status != 0)
			ok(0, "a racer failed");
	ok_int(cr_key_node(dir, id, NULL), 0, "there is a key");
	for (int i = 0; i < RACERS; i++)
		same += strcmp(ids + i * CR_NODE_ID_SIZE, id) == 0;
	ok_int(same, RACERS, "eight at once were all told the same one");
	(void)munmap(ids, size);
}

static void check_places(void)
{
	struct cr_dump_info i = info();
	struct cr_dump_want w = want();
	struct vz_error e = { 0 };
	struct cr_dump_out d;
	_cleanup_free_ char *gone = NULL;

	fresh(9999);
	ok_int(make(&i, 5000, &e), 0, "a second dump takes the first one's place");
	ok_int(reopen(&w, &e), 0, "and opens");
	ok(access(in("../Dump.101.tmp"), F_OK) < 0, "nothing of the first stays");
	ok_int(cr_dump_begin(&d, path, &e), 0, "a third is begun");
	ok(!cr_dump_is_sealed(path), "and is not sealed");
	cr_dump_out_done(&d);
	ok_int(reopen(&w, &e), 0, "the second is still there");
	ok_int(cr_dump_discard(path, &e), 0, "the third is dropped");
	ok(access(in("../Dump.101.tmp"), F_OK) < 0, "without a trace");
	ok_int(cr_dump_retire(path, &gone, &e), 0, "the second is moved out of the way");
	ok(access(path, F_OK) < 0 && access(gone, F_OK) == 0, "and has yet to be removed");
	ok(cr_dump_remove(path, false, &e) == 0 && access(gone, F_OK) < 0, "which the next does");
	MUST(mkdir(path, 0700));
	ok_int(cr_dump_begin(&d, path, &e), 0, "an empty directory is no hindrance");
	cr_dump_out_done(&d);
	MUST(mkdir(in("img"), 0700));
	ok_int(cr_dump_begin(&d, path, &e), -EEXIST, "something else is: %s", e.text);
	ok_int(cr_dump_remove(path, false, &e), -EEXIST, "and is not removed");
	ok(access(in("img"), F_OK) == 0, "it is there");
	ok_int(cr_dump_remove(path, true, &e), 0, "but on wish");
	MUST(chmod(base, 01777));
	ok_int(cr_dump_begin(&d, path, &e), -EPERM, "nothing is written where others may: %s",
	       e.text);
	ok(access(in("../Dump.101.tmp"), F_OK) < 0, "not even begun");
	MUST(chmod(base, 0755));
	ok_int(cr_dump_begin(&d, "Dump.101", &e), -EINVAL, "relative: %s", e.text);
}

static bool find_place(void)
{
	static const char *const roots[] = { "", "/vz", "/root" };
	char *exe = NULL, *slash;

	if (os_readlink("/proc/self/exe", &exe) < 0)
		return false;
	slash = strrchr(exe, '/');
	if (slash)
		*slash = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		const char *dir = roots[i][0] ? roots[i] : exe;

		(void)snprintf(base, sizeof(base), "%s/cr-dump.%d", dir, (int)getpid());
		if (cr_dump_check_chain(dir, NULL) >= 0 && mkdir(base, 0755) == 0) {
			free(exe);
			return true;
		}
	}
	free(exe);
	return false;
}

/* ---- digested while it is written ---- */

static void append(int fd, char what, off_t len)
{
	char buf[40000];

	memset(buf, what, sizeof(buf));
	for (off_t n; len > 0; len -= n) {
		buf[len % 1000]++;
		n = len < (off_t)sizeof(buf) ? len : (off_t)sizeof(buf);
		MUST(write(fd, buf, (size_t)n) - n);
	}
}

/* How much of that piece is digested, once it is as much as this, or in the end */
static uint64_t followed(const struct cr_dump_out *d, const char *name, uint32_t piece,
			 uint64_t much)
{
	const struct cr_followed *f = NULL;

	for (int i = 0; i < 1000 && (!f || f->done < much); i++) {
		(void)usleep(10000);
		f = cr_follow_find(d->follow, name, piece);
	}
	return f ? f->done : 0;
}

static void check_follow(bool others)
{
	const char *how = others ? "what was followed became other files" : "followed to the end";
	struct cr_dump_info i = info();
	struct vz_error e = { 0 };
	struct cr_dump_want w = want();
	struct cr_dump_out d;
	int big, small;

	MUST(cr_dump_begin(&d, path, &e));
	cr_dump_follow(&d);
	MUST(big = openat(d.imgfd, "pages-1.img", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	MUST(small = openat(d.imgfd, "pages-2.img", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	append(big, 'a', 10 * MIB);
	append(small, 'b', 300000);
	append(big, 'c', 30 * MIB);
	if (d.follow) {
		ok(followed(&d, "img/pages-1.img", 0, CR_PIECE) == CR_PIECE, "%s: first piece",
		   how);
		ok(followed(&d, "img/pages-1.img", 1, CR_PIECE) == CR_PIECE, "%s: second", how);
		ok(followed(&d, "img/pages-1.img", 2, 1) > 0, "%s: begin of the third", how);
		ok(followed(&d, "img/pages-2.img", 0, 1) > 0, "%s: a small one", how);
	}
	append(small, 'd', 5000);
	if (others) {
		MUST(ftruncate(big, 17 * MIB));
		MUST(unlinkat(d.imgfd, "pages-2.img", 0));
		image(d.imgfd, "pages-2.img", 400000);
	}
	image(d.imgfd, "inventory.img", 200);
	ok_int(cr_dump_seal(&d, &i, keys, &e), 0, "%s: sealed: %s", how, e.text);
	cr_dump_out_done(&d);
	MUST(close(big));
	MUST(close(small));
	MUST(cr_dump_publish(path, &e));
	ok_int(reopen(&w, &e), 0, "%s: has the digests of its files: %s", how, e.text);
	MUST(cr_dump_remove(path, false, &e));
}

/* Our children get this signal; how many there are. */
static int signal_children(int sig)
{
	char name[64];
	int pid, n = 0;
	FILE *f;

	(void)snprintf(name, sizeof(name), "/proc/self/task/%d/children", (int)getpid());
	f = fopen(name, "re");
	while (f && fscanf(f, "%d", &pid) == 1) {
		(void)kill(pid, sig);
		n++;
	}
	if (f)
		(void)fclose(f);
	return n;
}

/* They are at work for minutes on what is there: SIG is sent to them, 0: none; whoever ends does not wait. */
static void check_follow_ends(int sig, const char *what)
{
	const time_t start = time(NULL);
	struct vz_error e = { 0 };
	struct cr_dump_out d;
	int fd;

	MUST(cr_dump_begin(&d, path, &e));
	cr_dump_follow(&d);
	MUST(fd = openat(d.imgfd, "pages-1.img", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	MUST(ftruncate(fd, 256LL << 30));
	if (d.follow)
		ok(followed(&d, "img/pages-1.img", 0, MIB) >= MIB, "%s: begun", what);
	if (sig) {
		ok(!d.follow || signal_children(sig) > 0, "%s: there they are", what);
		cr_follow_stop(d.follow);
	}
	cr_dump_out_done(&d);
	ok(time(NULL) - start < 20, "%s: over in no time", what);
	ok_int(signal_children(0), 0, "%s: nobody is left", what);
	MUST(close(fd));
	MUST(cr_dump_discard(path, &e));
}

int main(void)
{
	(void)umask(022);
	if (!find_place()) {
		skip("root: no directory that nobody else can write to");
		return test_done();
	}
	(void)snprintf(keys, sizeof(keys), "%s.keys", base);
	(void)snprintf(path, sizeof(path), "%s/Dump.101", base);
	check_reading();
	check_want();
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if ((table[i].fn != other_owner || geteuid() == 0) &&
		    (table[i].fn != mapped || !on_overlay()))
			check_meddling(&table[i]);
	check_follow(false);
	check_follow(true);
	check_follow_ends(0, "ended at work");
	check_follow_ends(SIGKILL, "killed at work");
	check_follow_ends(SIGSTOP, "stopped at work");
	/* as in the program of somebody who wants to know nothing of children */
	(void)signal(SIGCHLD, SIG_IGN);
	check_follow_ends(SIGKILL, "killed at work, and not ours to wait for");
	(void)signal(SIGCHLD, SIG_DFL);
	check_places();
	check_key_race();
	check_keys();
	ok_int(os_rm_rf_at(AT_FDCWD, base), 0, "cleaned up");
	MUST(os_rm_rf_at(AT_FDCWD, keys));
	return test_done();
}
