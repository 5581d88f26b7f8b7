/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * System calls with one shape: >= 0 or a negative errno, no text, no log.
 * Everything that opens gives O_CLOEXEC descriptors.
 */
#ifndef OS_OS_H
#define OS_OS_H

#include "base/cleanup.h"
#include "base/error.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct mount_attr;

/* ---- fd.c: files ---- */

/* openat2 with O_CLOEXEC; resolve: RESOLVE_* */
int os_openat(int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve) _must_check_;
/* Whole file, NUL-terminated; at most max bytes (-EFBIG). len may be NULL. */
int os_read_file_at(int dirfd, const char *path, size_t max, char **ret, size_t *ret_len)
	_must_check_;
/* One write(2) of text to an existing file (cgroup, proc, sysctl). */
int os_write_file_at(int dirfd, const char *path, const char *text) _must_check_;
/* Temporary sibling, fsync, rename, fsync of the directory. */
int os_replace_file(const char *path, const void *data, size_t len, mode_t mode) _must_check_;
/* The same, but -EEXIST where there is one already. */
int os_create_file(const char *path, const void *data, size_t len, mode_t mode) _must_check_;
/* Replacing without the fsyncs, for /run. */
int os_replace_file_volatile(const char *path, const void *data, size_t len, mode_t mode)
	_must_check_;
int os_fsync_dir(const char *path) _must_check_;
/* Remove what killed writers of DIR/NAME left beside it; for who knows that nobody writes it now. */
void os_drop_leftovers(const char *dir, const char *name);
int os_write_all(int fd, const void *data, size_t len) _must_check_;
/* write(2) where the reader may be gone: -EPIPE without SIGPIPE, which would end a daemon that uses libvz. */
ssize_t os_write_pipe(int fd, const void *data, size_t len) _must_check_;
int os_mkdir_p(const char *path, mode_t mode) _must_check_;
/* The same with mode 0700; a link (-ENOTDIR), or a directory others own or may write to (-EPERM), is refused. */
int os_mkdir_private(const char *path) _must_check_;
bool os_exists(const char *path);
/* close_range(from, ~0, CLOSE_RANGE_CLOEXEC) */
int os_cloexec_from(int from) _must_check_;
/* Close everything but these (any order, negative ones ignored; at most 16). */
int os_close_except(const int *keep, size_t n) _must_check_;
int os_readlink(const char *path, char **ret) _must_check_;
/* Another open file of the directory dirfd, to read its entries from their beginning. */
int os_list_dir(int dirfd, DIR **ret) _must_check_;
/* The next entry but "." and "..": 1, 0 at the end. */
int os_next_entry(DIR *d, const struct dirent **ret) _must_check_;
/* Sealed memory file holding these bytes, positioned at its start. exec: a program (-EACCES: vm.memfd_noexec). */
int os_memfd(const char *name, const void *data, size_t len, bool exec) _must_check_;
/* Make fd survive exec. */
int os_keep_on_exec(int fd) _must_check_;

/* ---- rm.c ---- */

/* Remove a tree beneath dirfd without following links or crossing mounts; absent is fine. */
int os_rm_rf_at(int dirfd, const char *name) _must_check_;

/* ---- proc.c: processes ---- */

/* clone3; stack-less (fork-like). cgroup_fd < 0: none. ret_pidfd may be NULL. 0 in the child. */
pid_t os_clone(uint64_t flags, int cgroup_fd, int *ret_pidfd) _must_check_;
/* Raw fork of the calling thread (no atfork handlers). */
static inline pid_t os_fork(int *ret_pidfd)
{
	return os_clone(0, -1, ret_pidfd);
}
int os_pidfd_open(pid_t pid) _must_check_;
int os_pidfd_kill(int pidfd, int sig) _must_check_;
/* The process group of that number; ESRCH when it leads none. */
int os_pidfd_kill_group(int pidfd, int sig) _must_check_;
/* 1 exited, 0 not within timeout_ms (-1: for ever). */
int os_pidfd_wait(int pidfd, int timeout_ms) _must_check_;
/*
 * SIGKILL and waitpid. A process that waits uninterruptibly in the kernel (FUSE, NFS) is not
 * waited for: -ETIMEDOUT, and whoever inherits it reaps it.
 */
int os_kill_reap(pid_t pid, int pidfd, int *status) _must_check_;
/* waitpid with EINTR retry; *status as waitpid(2). */
int os_reap(pid_t pid, int *status) _must_check_;
/* Field 22 of /proc/PID/stat: with the pid it names a process for ever. */
int os_starttime(pid_t pid, uint64_t *ret) _must_check_;
/* A process (or thread) as we see it and as its own pid namespace does. */
struct os_pid {
	pid_t pid, inside;
};
/*
 * The number that a process of a pid namespace directly beneath ours has there.  -ESRCH: gone; -EXDEV: it is
 * in ours.
 */
int os_pid_inside(pid_t pid) _must_check_;
/* A list of them; zero-initialise. */
struct os_pids {
	struct os_pid *v;
	size_t n;
};
#define _cleanup_pids_ _cleanup_(os_pids_done)
void os_pids_done(struct os_pids *p);
int os_pids_add(struct os_pids *p, pid_t pid, pid_t inside) _must_check_;
/* By their number inside, for os_pids_find(). */
void os_pids_sort(struct os_pids *p);
/* -ESRCH */
pid_t os_pids_find(const struct os_pids *p, pid_t inside) _must_check_;
/* Credentials of the calling thread only (raw system calls, no NPTL broadcast). */
int os_setresuid(uid_t r, uid_t e, uid_t s) _must_check_;
int os_setresgid(gid_t r, gid_t e, gid_t s) _must_check_;
int os_setgroups0(void) _must_check_;
int os_setfsuid(uid_t uid) _must_check_;
int os_setfsgid(gid_t gid) _must_check_;
/* Milliseconds of CLOCK_BOOTTIME. */
uint64_t os_now_ms(void);

/*
 * Run a helper: absolute path or PATH search, argv only, stdin /dev/null or the given bytes, stdout and
 * stderr to the caller's or captured (merged) into *ret_out when not NULL; killed after timeout_ms (-ETIMEDOUT),
 * or when the other end of hangup_fd is closed (-ECANCELED), then with all that it started.
 * Returns the wait status (>= 0).
 */
struct os_exec_opts {
	char *const *env; /* NULL: minimal PATH */
	const char *in;	  /* bytes for stdin or NULL */
	size_t in_len;
	int timeout_ms; /* -1: none */
	int hangup_fd;	/* 0: none */
};
int os_exec(char *const argv[], const struct os_exec_opts *o, char **ret_out) _must_check_;

/* seal.c: execute argv again from a copy of the running program that cannot be written; 0 when this is it. */
int os_seal_self(char *const argv[], char *const env[]) _must_check_;

/* ---- sock.c: messages between our own processes ---- */
int os_seqpacket_pair(int fds[2]) _must_check_;
/* One message with up to nfds descriptors; MSG_NOSIGNAL. */
int os_send_fds(int sock, const void *data, size_t len, const int *fds, size_t nfds) _must_check_;
/*
 * Something to read, or the other side's end, within timeout_ms; else -ETIMEDOUT. -ECANCELED when
 * the other end of hangup_fd (0: none) is closed meanwhile.
 */
int os_recv_wait(int sock, int hangup_fd, int timeout_ms) _must_check_;
/* What to give poll(2) for such a descriptor; it answers with POLLHUP or POLLERR unasked. */
static inline int os_hangup_poll(int hangup_fd)
{
	return hangup_fd > 0 ? hangup_fd : -1;
}
/* One message of exactly len bytes; EOF is -ECONNRESET, another length -EBADMSG. fds: filled, rest -EBADF. */
int os_recv_fds(int sock, void *data, size_t len, int *fds, size_t nfds) _must_check_;

/* ---- mount.c ---- */
int os_open_tree(int dirfd, const char *path, unsigned int flags) _must_check_;
int os_move_mount(int from_fd, const char *from, int to_fd, const char *to, unsigned int flags)
	_must_check_;
int os_mount_setattr(int fd, const char *path, unsigned int flags, const struct mount_attr *a)
	_must_check_;
/* Set and clear attributes, idmap when userns_fd >= 0; recursive on wish. */
int os_mount_attr(int fd, uint64_t set, uint64_t clear, int userns_fd, bool recursive) _must_check_;
int os_fsopen(const char *type) _must_check_;
/* fsconfig string (value NULL: flag) */
int os_fsconfig(int fsfd, const char *key, const char *value) _must_check_;
/* create the super block and a detached mount of it */
int os_fsmount(int fsfd, uint64_t attrs) _must_check_;
/* what the kernel says about an fs context's failure, into buf (one line); "" if nothing */
void os_fs_message(int fsfd, char *buf, size_t n);
#define OS_MNT_DETACH	   2 /* MNT_DETACH, UMOUNT_NOFOLLOW of <sys/mount.h>, which clashes with */
#define OS_UMOUNT_NOFOLLOW 8 /* <linux/mount.h> before glibc 2.37 */
#define OS_MS_PRIVATE	   (1UL << 18)
/* umount2; -EINVAL (not mounted) and -ENOENT count as success */
int os_umount(const char *path, int flags) _must_check_;
/* 1 when path is a mount point (statx STATX_ATTR_MOUNT_ROOT), 0 not, -ENOENT */
int os_is_mountpoint(const char *path) _must_check_;

/* ---- ns.c ---- */
int os_setns(int fd, int nstype) _must_check_;
int os_unshare(int flags) _must_check_;
/*
 * The calling thread's own namespace, before it goes into another one, and back; where that fails the process ends
 * there (abort). nstype: CLONE_NEWNET, or CLONE_NEWPID, which is that of its children.
 */
int os_ns_own(int nstype) _must_check_;
void os_ns_back(int own, int nstype);
/* Descriptor of a user namespace that maps 0..count-1 to base.., made through a short-lived child. */
int os_userns_fd(uid_t ubase, gid_t gbase, uint32_t count) _must_check_;
/* Write /proc/PID/{uid_map,gid_map}. */
int os_write_idmap(pid_t pid, uid_t ubase, gid_t gbase, uint32_t count) _must_check_;
/* socket() in the network namespace of netns_fd; the calling thread is back in its own afterwards (or aborts). */
int os_socket_in(int netns_fd, int domain, int type, int protocol) _must_check_;

/* ---- lock.c ---- */
/* Take an OFD write lock on fd: 0, -EAGAIN when held and timeout_ms is over. */
int os_ofd_lock(int fd, int timeout_ms) _must_check_;

#endif
