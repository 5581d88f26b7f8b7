/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the parts of the check: what is known of the processes, and the rows they report. */
#ifndef MECH_CR_CHECK_PRIV_H
#define MECH_CR_CHECK_PRIV_H

#include "mech/cr/check.h"

#include "base/cleanup.h"

struct statx;

enum cr_row_id {
	ROW_NS_USER,
	ROW_NS_PID,
	ROW_NS_IPC,
	ROW_NS_UTS,
	ROW_NS_CGROUP,
	ROW_NS_TIME,
	ROW_PTRACE,
	ROW_EXE_MEMFD,
	ROW_D_STATE,
	ROW_ENTERED,
	ROW_OUTER_SESSION,
	ROW_IO_URING,
	ROW_USERFAULTFD,
	ROW_SECCOMP_NOTIFY,
	ROW_BPF,
	ROW_PERF,
	ROW_FSOPEN,
	ROW_LANDLOCK_FD,
	ROW_ANON_OTHER,
	ROW_SECRETMEM,
	ROW_MQUEUE,
	ROW_LOST_MOUNT,
	ROW_LOST_FILE,
	ROW_GHOST,
	ROW_DIRECT_PIPE,
	ROW_DEVICE,
	ROW_FUSE_SERVER,
	ROW_PSI,
	ROW_VSOCK,
	ROW_MPTCP,
	ROW_SOCKET_OTHER,
	ROW_NETLINK_QUEUE,
	ROW_TCP_BACKLOG,
	ROW_UNIX_BACKLOG,
	ROW_MNT_OVERLAY,
	ROW_MNT_AUTOFS,
	ROW_MNT_FUSE,
	ROW_MNT_RAMFS,
	ROW_MNT_OTHER,
	ROW_LINK,
	ROW_KEYS,
	ROW_TOO_MUCH,
	ROW_COUNT,
};

struct cr_row {
	const char *name;
	enum cr_severity severity;
	const char *what; /* one %s stands for the detail */
	const char *consequence, *remedy;
};
extern const struct cr_row cr_rows[ROW_COUNT];

/* What a descriptor's /proc link says: rows by prefix; ROW_COUNT: no trouble. */
struct cr_link {
	const char *prefix;
	enum cr_row_id row;
};
extern const struct cr_link cr_links[];
extern const size_t cr_links_len;
/* The same for protocols of sockets, by whole name; and for file systems. */
extern const struct cr_link cr_protocols[], cr_filesystems[], cr_netdevs[];
extern const size_t cr_protocols_len, cr_filesystems_len, cr_netdevs_len;

/* Row of a whole name; other where the table has none. */
enum cr_row_id cr_row_of(const struct cr_link *table, size_t n, const char *name,
			 enum cr_row_id other);

struct check_proc {
	pid_t pid, vpid;
	char *unit; /* raw */
};

struct check_sock {
	uint64_t inode;
	size_t proc;
};

/* Whether the kernel shows the triggers of pressure files: asked when it matters. */
enum check_triggers { TRIGGERS_UNKNOWN, TRIGGERS_HIDDEN, TRIGGERS_SHOWN };

struct check {
	const struct cr_target *t;
	struct cr_findings *out;
	struct check_proc *procs;
	size_t n;
	uint64_t *mounts; /* ids of all mounts of all mount namespaces, sorted */
	size_t nmounts;
	uint64_t *seen; /* namespaces looked at already */
	size_t nseen;
	struct check_sock *socks; /* those whose queues are worth a look */
	size_t nsocks;
	uint64_t root_dev; /* of the container's root, as mountinfo has it: major << 32 | minor */
	unsigned int
		level; /* of the container's pid namespace: which of a process's numbers is its own there */
	enum check_triggers triggers;
	uint64_t budget; /* descriptors and lines still to be looked at */
};

/* check.c: report a row for a process (NULL: the container); once for each. 0 or -ENOMEM. */
int check_add(struct check *c, enum cr_row_id row, const struct check_proc *p, const char *detail)
	_must_check_;
/* 1 when this namespace was not seen before */
int check_first(struct check *c, uint64_t inode) _must_check_;
/* One less to look at; false when there was too much. */
bool check_spend(struct check *c);
/* -errno of a process that is ending: no reason to complain */
static inline bool check_gone(int r)
{
	return r == -ENOENT || r == -ESRCH || r == -EIO || r == -EINVAL;
}
/* Inode of /proc/PID/ns/NAME. */
int check_ns(pid_t pid, const char *name, uint64_t *ret) _must_check_;
/* Append to a growing array of uint64_t. */
int check_push(uint64_t **v, size_t *n, uint64_t value) _must_check_;

/* check_proc.c: the processes' numbers inside; what one of them says of itself */
void check_vpids(struct check *c);
int check_process(struct check *c, const struct check_proc *p) _must_check_;
/* check_fd.c: descriptors and mappings of one process; check_mounts() must have been there. */
int check_fds(struct check *c, size_t proc, struct vz_error *e) _must_check_;
int check_maps(struct check *c, size_t proc) _must_check_;
/* check_keys.c: what the container's ids hold in kernel keyrings */
int check_keys(struct check *c) _must_check_;
/* check_ns.c: mounts of all mount namespaces; links and queues of all network namespaces. */
int check_mounts(struct check *c) _must_check_;
bool check_has_mount(struct check *c, pid_t pid, uint64_t id);
/* Whether a tmpfs mounted in the container's own namespace has the file behind the link NAME in DIR. */
bool check_other_mount(struct check *c, int dir, const char *name, const struct statx *s);
int check_networks(struct check *c) _must_check_;

#endif
