/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files and directories of a cgroup v2 hierarchy, by directory descriptor: >= 0 or a negative errno. */
#ifndef OS_CGFS_H
#define OS_CGFS_H

#include "os/os.h"

/* No cgroup of a VE is deeper (cgroup.max.depth of CTID): what walks down recurses at most so far. */
#define CGFS_MAX_DEPTH 64

/* Directory: strictly beneath dirfd, or (AT_FDCWD) a path of the administrator's. */
int cgfs_opendir(int dirfd, const char *path) _must_check_;
/* mkdir (an existing one is fine) and open; 1 in *ret_made when it is new (may be NULL). */
int cgfs_mkdir(int dirfd, const char *name, bool *ret_made) _must_check_;
/* 1 when fd is on a cgroup v2 file system */
int cgfs_is_v2(int fd) _must_check_;

/* Whole file, without the newline at its end. */
int cgfs_read(int dirfd, const char *file, char **ret) _must_check_;
/* One number; "max" is UINT64_MAX. */
int cgfs_read_u64(int dirfd, const char *file, uint64_t *ret) _must_check_;
/* The line of text that begins with "key "; NULL. */
const char *cgfs_line(const char *text, const char *key);
/* The number behind "key " at the start of a line of text; -ENOENT. */
int cgfs_key(const char *text, const char *key, uint64_t *ret) _must_check_;
/* Is word one of list's words (blanks between)? */
bool cgfs_has_word(const char *list, const char *word);

/* Wait (poll, no naps) until key of cgroup.events has this value: 0, -ETIMEDOUT. timeout_ms -1: for ever. */
int cgfs_wait_event(int dirfd, const char *key, uint64_t value, int timeout_ms) _must_check_;
/* 1 when processes (zombies aside) are in it or beneath, 0 when not */
int cgfs_populated(int dirfd) _must_check_;
/* Remove name and what is beneath, bottom-up; absent is fine, -EBUSY while processes live in it. */
int cgfs_remove(int dirfd, const char *name) _must_check_;
/* Lines of cgroup.threads of the whole subtree. */
int cgfs_count_threads(int dirfd, uint64_t *ret) _must_check_;
/* Give the directory and what /sys/kernel/cgroup/delegate lists to uid:gid. */
int cgfs_chown(int dirfd, uid_t uid, gid_t gid) _must_check_;

#endif
