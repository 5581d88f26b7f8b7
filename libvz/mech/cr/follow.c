// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Digesting CRIU's images of memory while it writes them, so that the rest is small when
 * everybody waits for it.  Each follower is a process that sleeps until the directory's
 * inotify says that a pages-*.img has grown, and takes every n-th piece of it; what it has
 * digested is in memory shared with us.  The first one has images written to the disk,
 * too.  Tricky: those images are only ever appended to, and a file has its bytes before it
 * has their size.  A state that does not fit the file in the end is not used; one that
 * would be wrong all the same makes a dump that nobody accepts, never one that is accepted
 * wrongly.
 */
#include "mech/cr/manifest.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/str.h"
#include "os/os.h"

#define FOLLOWED      "pages-"
#define FOLLOWERS_MAX 3
#define IMAGES_MAX \
	8 /* images that are followed at the same time; CRIU writes one after the other */
#define PIECES_MAX 8192 /* of each follower: 128 GiB; what comes then is digested in the end */
#define STOP_MS	   2000 /* for one buffer */

/* What one follower has done; in memory that it shares with us. */
struct region {
	uint32_t stop; /* ours */
	uint32_t busy; /* its own: it is about to change what follows */
	uint32_t n;
	struct cr_followed v[PIECES_MAX];
	uint8_t buf[CR_BUFFER]; /* here because a fork of one thread of many must not allocate */
};

struct follower {
	pid_t pid;
	int pidfd;
	struct region *r;
	uint32_t hint;
};

struct cr_follow {
	uint32_t n;
	struct follower v[FOLLOWERS_MAX];
};

struct image {
	int fd;
	char name[CR_FOLLOWED_NAME];
	struct stat st;
	uint32_t piece;
	struct cr_followed *now; /* that piece, once it was worth it */
};

struct self {
	struct region *r;
	int dirfd, inotify;
	uint32_t index, count;
	unsigned int turn;
	struct image images[IMAGES_MAX];
};

/* ---- a follower ---- */

static struct cr_followed *new_piece(struct self *s, const struct image *i)
{
	struct cr_followed *f;

	if (s->r->n == PIECES_MAX)
		return NULL;
	f = &s->r->v[s->r->n];
	*f = (struct cr_followed){ .dev = i->st.st_dev, .ino = i->st.st_ino, .piece = i->piece };
	memcpy(f->name, i->name, sizeof(f->name));
	b3_begin(&f->state, i->piece * CR_PIECE);
	s->r->n++;
	return f;
}

/* Some bytes more; false: nothing that is worth it is there. */
static bool step(struct self *s, struct image *i)
{
	const uint64_t start = i->piece * CR_PIECE, done = i->now ? i->now->done : 0;
	uint64_t left;
	ssize_t n;

	if (fstat(i->fd, &i->st) < 0 || (uint64_t)i->st.st_size <= start + done)
		return false;
	left = (uint64_t)i->st.st_size - start - done;
	if (left > CR_PIECE - done)
		left = CR_PIECE - done;
	if (left < B3_BATCH)
		return false;
	if (!i->now)
		i->now = new_piece(s, i);
	n = i->now ? pread(i->fd, s->r->buf, left < CR_BUFFER ? (size_t)left : CR_BUFFER,
			   (off_t)(start + done))
		   : -1;
	if (n < B3_BATCH)
		return false;
	b3_add(&i->now->state, s->r->buf, (size_t)n / B3_BATCH);
	i->now->done += (uint64_t)n / B3_BATCH * B3_BATCH;
	if (i->now->done == CR_PIECE) {
		/* the disk may begin as well */
		(void)sync_file_range(i->fd, (off_t)start, (off_t)CR_PIECE, SYNC_FILE_RANGE_WRITE);
		i->piece += s->count;
		i->now = NULL;
	}
	return true;
}

/* Either we see that we are to stop, or who says so sees that we are busy: he waits for no idle one to wake up. */
static bool take_turn(struct region *r)
{
	__atomic_store_n(&r->busy, 1, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&r->stop, __ATOMIC_SEQ_CST))
		return true;
	__atomic_store_n(&r->busy, 0, __ATOMIC_RELEASE);
	return false;
}

static void advance(struct self *s, struct image *i)
{
	bool more = true;

	while (i->fd >= 0 && more && take_turn(s->r)) {
		more = step(s, i);
		__atomic_store_n(&s->r->busy, 0, __ATOMIC_RELEASE);
	}
}

/* A new one takes the place of the oldest. */
static void note_image(struct self *s, const char *name)
{
	struct image *i;
	uint32_t sum = 0;

	if (!str_has_prefix(name, FOLLOWED) || strlen(name) >= CR_FOLLOWED_NAME)
		return;
	for (i = s->images; i < s->images + IMAGES_MAX; i++)
		if (i->fd >= 0 && strcmp(i->name, name) == 0)
			return;
	i = &s->images[s->turn++ % IMAGES_MAX];
	advance(s, i);
	(void)safe_close(i->fd);
	*i = (struct image){ .fd = cr_open_listed(s->dirfd, name) };
	(void)snprintf(i->name, sizeof(i->name), "%s", name);
	/* small ones have but one piece: not the same follower's for all */
	for (; *name; name++)
		sum += (unsigned char)*name;
	i->piece = (s->index + sum) % s->count;
}

/* What is complete may go to the disk meanwhile: one does it for all, as a disk likes it one after the other. */
static void begin_writing(const struct self *s, const char *name)
{
	_cleanup_close_ int fd = cr_open_listed(s->dirfd, name);

	if (fd >= 0)
		(void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

/* Wait for what is told next. */
static bool hear(struct self *s)
{
	union {
		struct inotify_event ev;
		char bytes[4096];
	} u;
	ssize_t n = read(s->inotify, u.bytes, sizeof(u.bytes));

	if (n < 0)
		return errno == EINTR;
	for (ssize_t at = 0; n - at >= (ssize_t)sizeof(u.ev);) {
		struct inotify_event ev;

		memcpy(&ev, u.bytes + at, sizeof(ev));
		if (ev.len && ev.mask & IN_CLOSE_WRITE)
			begin_writing(s, u.bytes + at + sizeof(ev));
		else if (ev.len)
			note_image(s, u.bytes + at + sizeof(ev));
		at += (ssize_t)(sizeof(ev) + ev.len);
	}
	return true;
}

/* Until it is killed, there being nothing to put in order. */
static _Noreturn void follow(struct self *s)
{
	for (unsigned int i = 0; i < IMAGES_MAX; i++)
		s->images[i].fd = -EBADF;
	while (hear(s))
		for (unsigned int i = 0; i < IMAGES_MAX; i++)
			advance(s, &s->images[i]);
	_exit(0);
}

/* ---- who starts them ---- */

static int watch(int dirfd, uint32_t mask)
{
	_cleanup_close_ int fd = RET_NERRNO(inotify_init1(IN_CLOEXEC));
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", dirfd);
	if (fd >= 0 && inotify_add_watch(fd, path, mask | IN_ONLYDIR) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int start_one(struct cr_follow *f, int dirfd, uint32_t count)
{
	_cleanup_close_ int inotify = watch(dirfd, f->n ? IN_MODIFY : IN_MODIFY | IN_CLOSE_WRITE);
	struct follower *o = &f->v[f->n];
	pid_t self = getpid();

	if (inotify < 0)
		return inotify;
	o->r = mmap(NULL, sizeof(*o->r), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (o->r == MAP_FAILED)
		return -errno;
	o->pid = os_fork(&o->pidfd);
	if (o->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != self)
			_exit(0);
		follow(&(struct self){ .r = o->r,
				       .dirfd = dirfd,
				       .inotify = inotify,
				       .index = f->n,
				       .count = count });
	}
	if (o->pid < 0) {
		(void)munmap(o->r, sizeof(*o->r));
		return o->pid;
	}
	f->n++;
	return 0;
}

struct cr_follow *cr_follow_start(int dirfd)
{
	/* one processor is CRIU's */
	uint32_t count = cr_processors() - 1;
	struct cr_follow *f = count ? calloc(1, sizeof(*f)) : NULL;

	if (count > FOLLOWERS_MAX)
		count = FOLLOWERS_MAX;
	if (!f)
		return NULL;
	while (f->n < count && start_one(f, dirfd, count) >= 0)
		;
	return f;
}

static bool is_busy(const struct follower *o)
{
	return __atomic_load_n(&o->r->busy, __ATOMIC_SEQ_CST);
}

/* One that was killed at work has left a state that is neither the old nor the new; one that was stopped is killed. */
static void wait_idle(struct follower *o)
{
	const struct timespec nap = { .tv_nsec = 50000 };
	const uint64_t end = os_now_ms() + STOP_MS;

	while (is_busy(o) && os_pidfd_wait(o->pidfd, 0) == 0) {
		if (os_now_ms() > end)
			IGNORE(os_pidfd_kill(o->pidfd, SIGKILL));
		(void)nanosleep(&nap, NULL);
	}
	if (is_busy(o))
		o->r->n = 0;
}

void cr_follow_stop(struct cr_follow *f)
{
	for (uint32_t i = 0; f && i < f->n; i++)
		__atomic_store_n(&f->v[i].r->stop, 1, __ATOMIC_SEQ_CST);
	for (uint32_t i = 0; f && i < f->n; i++)
		wait_idle(&f->v[i]);
}

void cr_follow_done(struct cr_follow *f)
{
	for (uint32_t i = 0; f && i < f->n; i++) {
		IGNORE(os_kill_reap(f->v[i].pid, f->v[i].pidfd, NULL));
		(void)safe_close(f->v[i].pidfd);
		(void)munmap(f->v[i].r, sizeof(*f->v[i].r));
	}
	free(f);
}

static bool is_piece(const struct cr_followed *p, const char *name, uint32_t piece)
{
	return p->piece == piece && strcmp(p->name, name) == 0;
}

const struct cr_followed *cr_follow_find(struct cr_follow *f, const char *name, uint32_t piece)
{
	if (!f || !str_has_prefix(name, CR_IMG "/" FOLLOWED))
		return NULL;
	name += sizeof(CR_IMG);
	for (uint32_t i = 0; i < f->n; i++) {
		struct follower *o = &f->v[i];

		/* mostly the one after the last */
		for (uint32_t k = 0; k < o->r->n; k++) {
			uint32_t at = (o->hint + k) % o->r->n;

			if (!is_piece(&o->r->v[at], name, piece))
				continue;
			o->hint = at + 1;
			return &o->r->v[at];
		}
	}
	return NULL;
}
