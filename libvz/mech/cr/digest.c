// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Digests of a dump's files, as fast as the machine has processors: a list of
 * tasks (a piece of 16 MiB each, then the fsyncs) in memory shared with forked
 * helpers, who take the next one until none is left.  Processes and not
 * threads: who calls goes on to change namespaces, which the kernel refuses to
 * a process whose threads have not quite ended.  A helper explains nothing;
 * what it could not do is done again here, where the story is told.
 */
#include "mech/cr/manifest.h"

#include <limits.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <time.h>

#include "os/os.h"

#define HELPERS_MAX   7
#define HELPER_WORTH  (2ULL << 20) /* a fork costs as much as this */
#define FSYNCS_WORTH  8
#define SIZE_MAX_FILE (1ULL << 46)

struct task {
	uint32_t file;
	uint32_t piece;
	int32_t result; /* 1: not done */
	const struct cr_followed *begun;
	uint8_t digest[CR_DIGEST_SIZE];
};

struct work {
	uint32_t next;
	uint32_t pieces, tasks; /* tasks from pieces on are fsyncs */
	uint64_t bytes;		/* that nobody has digested yet */
	struct task t[];
};

uint64_t cr_now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

void cr_digest_bytes(const void *data, size_t len, uint8_t ret[CR_DIGEST_SIZE])
{
	const size_t batches = len / B3_BATCH;
	struct b3 h;

	b3_begin(&h, 0);
	b3_add(&h, data, batches);
	b3_end(&h, (const uint8_t *)data + batches * B3_BATCH, len % B3_BATCH, true, ret);
}

int cr_open_listed(int dirfd, const char *name)
{
	/* NONBLOCK: a pipe in the file's place must not keep us */
	return os_openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0,
			 RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
}

int cr_file_open(int dirfd, const char *name, uint64_t *ret_size, struct vz_error *e)
{
	_cleanup_close_ int fd = cr_open_listed(dirfd, name);
	struct stat st;

	if (fd == -ENOENT)
		return vz_fail(
			e, -EBADMSG,
			"%s is missing (the dump is incomplete; nothing can be restored from it)",
			name);
	if (fd == -ELOOP || fd == -EXDEV)
		return vz_fail(e, -EPERM, "%s is a link or a mount (dumps hold plain files only)",
			       name);
	if (fd < 0)
		return vz_fail(e, fd, "open %s", name);
	if (fstat(fd, &st) < 0)
		return vz_fail(e, -errno, "look at %s", name);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return vz_fail(e, -EPERM, "%s is %s (dumps hold plain files only)", name,
			       S_ISREG(st.st_mode) ? "known by another name as well"
						   : "not a regular file");
	if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return vz_fail(
			e, -EPERM,
			"%s belongs to user %u and has mode %04o: others could have changed it "
			"(make a new dump)",
			name, (unsigned int)st.st_uid, st.st_mode & 07777U);
	*ret_size = (uint64_t)st.st_size;
	return TAKE_FD(fd);
}

/* Of what was begun all is still there, and more. */
static bool is_begun(const struct cr_followed *p, int fd, uint64_t len)
{
	struct stat st;

	return p && p->done <= len && fstat(fd, &st) == 0 && st.st_dev == p->dev &&
	       st.st_ino == p->ino;
}

/* All of them; -EBADMSG: there are fewer than there were a moment ago. */
static int read_at(int fd, uint8_t *buf, size_t len, uint64_t off)
{
	while (len) {
		ssize_t n = pread(fd, buf, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
		buf += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* whole: the piece is all of its file */
static int hash_piece(int fd, uint64_t off, uint64_t len, bool whole, struct task *t)
{
	_cleanup_free_ uint8_t *buf = malloc(CR_BUFFER);
	struct b3 h;

	if (!buf)
		return -ENOMEM;
	if (is_begun(t->begun, fd, len)) {
		h = t->begun->state;
		off += t->begun->done;
		len -= t->begun->done;
	} else {
		b3_begin(&h, off);
	}
	for (;;) {
		const size_t n = len < CR_BUFFER ? (size_t)len : CR_BUFFER, batches = n / B3_BATCH;
		int r = read_at(fd, buf, n, off);

		if (r < 0)
			return r;
		b3_add(&h, buf, batches);
		off += n;
		len -= n;
		if (len)
			continue;
		b3_end(&h, buf + batches * B3_BATCH, n % B3_BATCH, whole, t->digest);
		return 0;
	}
}

int cr_sync_file(int fd, enum cr_sync how)
{
	switch (how) {
	case CR_SYNC_FULL:
		return RET_NERRNO(fsync(fd));
	case CR_SYNC_DATA:
		return RET_NERRNO(sync_file_range(fd, 0, 0,
						  SYNC_FILE_RANGE_WAIT_BEFORE |
							  SYNC_FILE_RANGE_WRITE |
							  SYNC_FILE_RANGE_WAIT_AFTER));
	case CR_SYNC_NONE:
		break;
	}
	return 0;
}

static int run_task(const struct cr_manifest *m, const struct cr_digest_opts *o,
		    const struct work *w, struct task *t)
{
	const struct cr_file *f = &m->files[t->file];
	_cleanup_close_ int fd = cr_open_listed(o->dirfd, f->name);
	uint64_t off = t->piece * CR_PIECE, left = f->size - off;

	if (fd < 0)
		return fd;
	if (t >= w->t + w->pieces)
		return cr_sync_file(fd, o->sync);
	if (left > CR_PIECE)
		left = CR_PIECE;
	/* the disk works while we count: writing what is to be synced, or reading ahead */
	if (o->sync)
		(void)sync_file_range(fd, (off_t)off, (off_t)left, SYNC_FILE_RANGE_WRITE);
	else
		(void)posix_fadvise(fd, (off_t)off, (off_t)left, POSIX_FADV_WILLNEED);
	return hash_piece(fd, off, left, f->size <= CR_PIECE, t);
}

static void run_tasks(const struct cr_manifest *m, const struct cr_digest_opts *o, struct work *w,
		      uint32_t end)
{
	uint32_t i;

	while ((i = __atomic_fetch_add(&w->next, 1, __ATOMIC_RELAXED)) < end)
		w->t[i].result = run_task(m, o, w, &w->t[i]);
}

/* All tasks up to end, with helpers; what a helper that was killed left undone is done last. */
static void run_all(const struct cr_manifest *m, const struct cr_digest_opts *o, struct work *w,
		    uint32_t end, uint32_t helpers)
{
	pid_t pids[HELPERS_MAX], self = getpid();

	for (uint32_t i = 0; i < helpers; i++) {
		pids[i] = os_fork(NULL);
		if (pids[i] != 0)
			continue;
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == self)
			run_tasks(m, o, w, end);
		_exit(0);
	}
	run_tasks(m, o, w, end);
	for (uint32_t i = 0; i < helpers; i++)
		if (pids[i] > 0)
			IGNORE(os_reap(pids[i], NULL));
	for (uint32_t i = 0; i < end; i++)
		if (w->t[i].result > 0)
			w->t[i].result = run_task(m, o, w, &w->t[i]);
	w->next = end;
}

uint32_t cr_processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : (uint32_t)CPU_COUNT(&set);
}

static uint32_t helpers_for(uint64_t worth)
{
	uint64_t n = cr_processors() - 1;

	if (n > worth)
		n = worth;
	return n > HELPERS_MAX ? HELPERS_MAX : (uint32_t)n;
}

static uint32_t pieces_of(const struct cr_file *f)
{
	return f->size ? (uint32_t)((f->size + CR_PIECE - 1) / CR_PIECE) : 1;
}

/* Who writes there on other machines cannot be told, and leases are refused for reasons of their own. */
static bool is_remote(int fd)
{
	static const unsigned int magic[] = { NFS_SUPER_MAGIC, CIFS_SUPER_MAGIC, SMB2_SUPER_MAGIC };
	struct statfs st;

	for (size_t i = 0; i < ARRAY_SIZE(magic); i++)
		if (fstatfs(fd, &st) == 0 && (unsigned int)st.f_type == magic[i])
			return true;
	return false;
}

/*
 * Who opened it before it was ours writes to it after it was verified, too.  A lease is refused where somebody has a
 * descriptor or a mapping to write with (overlayfs knows of descriptors only); who asks for one meanwhile must not
 * end us with SIGIO.
 */
static bool is_written(int fd)
{
	bool r = fcntl(fd, F_SETSIG, SIGURG) == 0 && fcntl(fd, F_SETLEASE, F_RDLCK) < 0 &&
		 errno == EAGAIN && !is_remote(fd);

	(void)fcntl(fd, F_SETLEASE, F_UNLCK);
	return r;
}

static int check_file(const struct cr_file *f, int fd, uint64_t size, struct vz_error *e)
{
	if (is_written(fd))
		return vz_fail(e, -EPERM,
			       "somebody has %s open and could change it now (restore from a "
			       "copy: cp -a)",
			       f->name);
	if (size != f->size)
		return vz_fail(
			e, -EBADMSG,
			"%s has %llu bytes and not the %llu it was made with (nothing can be "
			"restored from it)",
			f->name, (unsigned long long)size, (unsigned long long)f->size);
	return 0;
}

/* Sizes as they are now; check: as the manifest says. */
static int take_sizes(struct cr_manifest *m, const struct cr_digest_opts *o, uint64_t *ret_pieces,
		      struct vz_error *e)
{
	uint64_t pieces = 0;

	for (size_t i = 0; i < m->n; i++) {
		struct cr_file *f = &m->files[i];
		uint64_t size;
		_cleanup_close_ int fd = cr_file_open(o->dirfd, f->name, &size, e);
		int r = fd < 0 ? fd : o->check ? check_file(f, fd, size, e) : 0;

		if (r < 0)
			return r;
		if (size > SIZE_MAX_FILE)
			return vz_fail(e, -EFBIG, "%s is larger than any memory", f->name);
		f->size = size;
		pieces += pieces_of(f);
	}
	*ret_pieces = pieces;
	return 0;
}

static void fill_tasks(struct work *w, const struct cr_manifest *m, const struct cr_digest_opts *o)
{
	for (size_t i = 0; i < m->n; i++) {
		w->bytes += m->files[i].size;
		for (uint32_t p = 0; p < pieces_of(&m->files[i]); p++) {
			const struct cr_followed *begun =
				cr_follow_find(o->follow, m->files[i].name, p);

			w->bytes -= begun ? begun->done : 0;
			w->t[w->pieces++] = (struct task){
				.file = (uint32_t)i, .piece = p, .result = 1, .begun = begun
			};
		}
	}
	w->tasks = w->pieces;
	for (size_t i = 0; o->sync && i < m->n; i++)
		w->t[w->tasks++] = (struct task){ .file = (uint32_t)i, .result = 1 };
}

static int take_results(struct cr_manifest *m, const struct cr_digest_opts *o, const struct work *w,
			struct vz_error *e)
{
	for (uint32_t i = 0; i < w->tasks; i++)
		if (w->t[i].result < 0)
			return vz_fail(e, w->t[i].result, "%s %s",
				       i < w->pieces ? "read" : "bring to the disk:",
				       m->files[w->t[i].file].name);
	for (uint32_t i = 0; i < w->pieces; i += pieces_of(&m->files[w->t[i].file])) {
		struct cr_file *f = &m->files[w->t[i].file];
		uint8_t joined[CR_DIGEST_SIZE];
		const uint8_t *digest = w->t[i].digest;

		if (pieces_of(f) > 1) {
			b3_join(digest, sizeof(w->t[i]), pieces_of(f), joined);
			digest = joined;
		}
		if (!o->check)
			memcpy(f->digest, digest, sizeof(f->digest));
		else if (memcmp(f->digest, digest, sizeof(f->digest)) != 0)
			return vz_fail(e, -EBADMSG,
				       "%s was changed since the dump was made (nothing can be "
				       "restored from it)",
				       f->name);
	}
	return 0;
}

int cr_digest(struct cr_manifest *m, struct cr_digest_opts *o, struct vz_error *e)
{
	uint64_t pieces = 0, at[3];
	struct work *w;
	size_t size;
	int r = take_sizes(m, o, &pieces, e);

	if (r < 0)
		return r;
	if (pieces + m->n > UINT32_MAX / 2)
		return vz_fail(e, -EFBIG, "the dump is too large");
	size = sizeof(*w) + (pieces + (o->sync ? m->n : 0)) * sizeof(struct task);
	w = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (w == MAP_FAILED)
		return vz_fail(e, -errno, "memory for %llu digests", (unsigned long long)pieces);
	fill_tasks(w, m, o);
	at[0] = cr_now_us();
	run_all(m, o, w, w->pieces, helpers_for(w->bytes / HELPER_WORTH));
	at[1] = cr_now_us();
	/* of all that is only data the writing has begun: one wait after the other is as long as the longest */
	if (o->sync)
		run_all(m, o, w, w->tasks,
			o->sync == CR_SYNC_FULL ? helpers_for(m->n / FSYNCS_WORTH) : 0);
	at[2] = cr_now_us();
	o->digest_us = at[1] - at[0];
	o->sync_us = at[2] - at[1];
	r = take_results(m, o, w, e);
	(void)munmap(w, size);
	return r;
}
