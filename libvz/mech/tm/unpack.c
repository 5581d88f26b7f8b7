// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The trusted half of unpacking: reads the archive exactly once, hashing,
 * copying and feeding the same bytes to the confined child, so that what was
 * digested is what was unpacked, whoever writes to the file meanwhile.
 * It never looks into the bytes.  The child may be hostile the moment it has
 * read one: every wait on it is bounded, its words are escaped.
 */
#include "mech/tm/store.h"

#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "os/os.h"

/*
 * Host ids of the unpacking child: a range of their own that no VE is given
 * (VE ranges come from LOCAL_UID upward), the last one below that of (uid_t)-1.
 */
#define UNPACK_BASE 0xfffe0000U

#define CHUNK	    (256U << 10)
#define STALL_MS    (10 * 60 * 1000) /* the child took no byte and said no word for so long */
#define NOTES_SHOWN 20

struct feed {
	struct tm_unpack *u;
	int stream, msg;
	struct sha256 sum;
	uint64_t done;
	uint8_t *buf;
	size_t have, sent;
	bool eof; /* of the archive */
	unsigned int shown;
	struct tm_unpack_msg last; /* REFUSED or DONE */
	bool said;		   /* last is filled */
};

static void note(struct feed *f, const struct tm_unpack_msg *m)
{
	_cleanup_free_ char *text = NULL;

	if (f->shown++ < NOTES_SHOWN && str_escape(&text, m->text) >= 0)
		log_warn(f->u->log, "%s", text);
}

/* 0: nothing more will come. */
static int hear(struct feed *f)
{
	struct tm_unpack_msg m;
	int r = os_recv_fds(f->msg, &m, sizeof(m), NULL, 0);

	if (r < 0)
		return r == -ECONNRESET ? 0 : r;
	m.text[sizeof(m.text) - 1] = '\0';
	if (m.type == TM_MSG_NOTE) {
		note(f, &m);
	} else {
		f->last = m;
		f->said = true;
	}
	return 1;
}

/* Next bytes of the archive: hashed, copied, ready to be fed. */
static int fill(struct feed *f, struct vz_error *e)
{
	struct tm_unpack *u = f->u;
	ssize_t n;
	int r;

	do
		n = read(u->archive, f->buf, CHUNK);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return vz_fail(e, -errno, "read the archive");
	f->have = (size_t)n;
	f->sent = 0;
	if (n == 0) {
		f->eof = true;
		(void)shutdown(f->stream, SHUT_WR);
		return 0;
	}
	sha256_add(&f->sum, f->buf, (size_t)n);
	if (u->copy >= 0) {
		r = os_write_all(u->copy, f->buf, (size_t)n);
		if (r < 0)
			return vz_fail_exit(e, r, r == -ENOSPC ? VZ_EXIT_NO_SPACE : VZ_EXIT_SYSTEM,
					    "copy the archive into the cache");
	}
	f->done += (uint64_t)n;
	if (u->progress && u->progress->fn)
		u->progress->fn(u->progress->data, f->done, u->archive_bytes);
	return 0;
}

static int send_some(struct feed *f)
{
	ssize_t n =
		send(f->stream, f->buf + f->sent, f->have - f->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	f->sent += (size_t)n;
	return 0;
}

/* Until the child has closed its end: it has ended, well or not. */
static int pump(struct feed *f, struct vz_error *e)
{
	bool broken = false; /* the child takes no more; its last word tells why */
	int r;

	for (;;) {
		struct pollfd p[2] = { { .fd = f->msg, .events = POLLIN },
				       { .fd = broken || f->eof ? -1 : f->stream,
					 .events = POLLOUT } };

		if (!broken && !f->eof && f->sent == f->have) {
			r = fill(f, e);
			if (r < 0)
				return r;
			continue;
		}
		r = poll(p, ARRAY_SIZE(p), STALL_MS);
		if (r < 0 && errno != EINTR)
			return vz_fail(e, -errno, "wait for the unpacking child");
		if (r == 0)
			return vz_fail_exit(e, -ETIMEDOUT, VZ_EXIT_CREATE_PRIVATE,
					    "refused: unpacking stands still");
		if (r < 0)
			continue;
		if (p[0].revents) {
			r = hear(f);
			if (r <= 0)
				return r < 0 ? vz_fail(e, r, "hear the unpacking child") : 0;
		}
		if (p[1].revents && send_some(f) < 0)
			broken = true;
	}
}

static int verdict(struct feed *f, int status, struct vz_error *e)
{
	_cleanup_free_ char *text = NULL;

	if (f->said && f->last.type == TM_MSG_REFUSED) {
		if (str_escape(&text, f->last.text) < 0)
			return vz_fail(e, -ENOMEM, "unpack");
		return vz_fail_exit(e, f->last.code < 0 ? f->last.code : -EBADMSG,
				    f->last.code == -ENOSPC ? VZ_EXIT_NO_SPACE
							    : VZ_EXIT_CREATE_PRIVATE,
				    "%s", text);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && f->said && f->last.type == TM_MSG_DONE)
		return 0;
	if (WIFSIGNALED(status))
		return vz_fail_exit(e, -EBADMSG, VZ_EXIT_CREATE_PRIVATE,
				    "refused: the unpacking child died of signal %d",
				    WTERMSIG(status));
	return vz_fail_exit(e, -EBADMSG, VZ_EXIT_CREATE_PRIVATE,
			    "the unpacking child failed (status %d)", WEXITSTATUS(status));
}

/* The child's way to the tree: an id-mapped mount that only it will attach. */
static int open_tree_mapped(const char *dir, int *ret_userns, struct vz_error *e)
{
	_cleanup_close_ int userns = -EBADF, tree = -EBADF;
	int r;

	userns = os_userns_fd(UNPACK_BASE, UNPACK_BASE, TM_IDS);
	if (userns < 0)
		return vz_fail_exit(e, userns, VZ_EXIT_KERNEL,
				    "make a user namespace to unpack in");
	tree = os_open_tree(AT_FDCWD, dir, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return vz_fail(e, tree, "open the mount of %s", dir);
	r = os_mount_attr(tree,
			  MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC |
				  MOUNT_ATTR_NOSYMFOLLOW,
			  0, userns, false);
	if (r < 0)
		return vz_fail_exit(
			e, r, VZ_EXIT_KERNEL,
			"map the owners of %s (its file system must support idmapped mounts)", dir);
	*ret_userns = TAKE_FD(userns);
	return TAKE_FD(tree);
}

/*
 * fork(), not clone3: the C library then keeps malloc usable in the child of a
 * process with threads, and the child does use it.
 */
static int spawn(struct tm_unpack *u, struct feed *f, pid_t *ret, struct vz_error *e)
{
	_cleanup_close_ int tree = -EBADF, userns = -EBADF, stream = -EBADF, msg = -EBADF;
	int sv[2], mv[2], r;
	pid_t pid;

	tree = open_tree_mapped(u->dir, &userns, e);
	if (tree < 0)
		return tree;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0)
		return vz_fail(e, -errno, "make a socket to the unpacking child");
	f->stream = sv[0];
	stream = sv[1];
	r = os_seqpacket_pair(mv);
	if (r < 0)
		return vz_fail(e, r, "make a socket to the unpacking child");
	f->msg = mv[0];
	msg = mv[1];
	pid = fork();
	if (pid < 0)
		return vz_fail(e, -errno, "fork the unpacking child");
	if (pid == 0)
		tm_unpack_child(&(struct tm_confine){ .stream = stream,
						      .msg = msg,
						      .tree = tree,
						      .userns = userns,
						      .dir = u->dir,
						      .lim = u->lim });
	*ret = pid;
	return 0;
}

int tm_unpack(struct tm_unpack *u, struct vz_error *e)
{
	_cleanup_free_ uint8_t *buf = malloc(CHUNK);
	struct feed f = { .u = u, .stream = -EBADF, .msg = -EBADF, .buf = buf };
	int status = 0, r;
	pid_t pid = -1;

	if (!buf)
		return vz_fail(e, -ENOMEM, "unpack");
	sha256_init(&f.sum);
	r = spawn(u, &f, &pid, e);
	if (r >= 0)
		r = pump(&f, e);
	f.stream = safe_close(f.stream);
	f.msg = safe_close(f.msg);
	if (pid > 0) {
		int reaped;

		if (r < 0) /* ours and not reaped yet: the number is still its own */
			(void)kill(pid, SIGKILL);
		reaped = os_reap(pid, &status);
		if (r >= 0)
			r = reaped < 0 ? vz_fail(e, reaped, "wait for the unpacking child")
				       : verdict(&f, status, e);
	}
	if (f.shown > NOTES_SHOWN)
		log_warn(u->log, "%u more members were left out or changed", f.shown - NOTES_SHOWN);
	if (r < 0)
		return r;
	if (!f.eof)
		return vz_fail_exit(e, -EBADMSG, VZ_EXIT_CREATE_PRIVATE,
				    "refused: unpacking ended before the archive did");
	u->members = f.last.members;
	memcpy(u->digest, "sha256-", 7);
	sha256_done_hex(&f.sum, u->digest + 7);
	return 0;
}
