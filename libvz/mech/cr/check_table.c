/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rows of the check: what a checkpoint refuses, cannot restore or loses, in
 * the words of whoever runs containers.  Each row was seen to fail with CRIU 4.2
 * or stands in its source; what is not listed as known to work is reported, too.
 */
#include "mech/cr/check_priv.h"

#include <string.h>

/* clang-format off */
#define NO_DUMP    "cannot be checkpointed"
#define NO_RESTORE "cannot be restored from a checkpoint"
#define IS_LOST    "a checkpoint does not keep"
#define ENDS_SOON  "stands in the way of a checkpoint just now"

const struct cr_row cr_rows[ROW_COUNT] = {
	[ROW_NS_USER] = { "user-namespace", CR_FATAL, "lives in a user namespace of its own", NO_DUMP,
		"set PrivateUsers=no for the service, or end the container or sandbox in the container" },
	[ROW_NS_PID] = { "pid-namespace", CR_FATAL, "lives in a process namespace of its own", NO_DUMP,
		"end the container in the container (docker stop, podman stop)" },
	[ROW_NS_IPC] = { "ipc-namespace", CR_FATAL, "lives in an IPC namespace of its own", NO_DUMP,
		"set PrivateIPC=no for the service" },
	[ROW_NS_UTS] = { "uts-namespace", CR_FATAL, "has a host name of its own", NO_DUMP,
		"install vz-criu (make criu), or set ProtectHostname=no for the service" },
	[ROW_NS_CGROUP] = { "cgroup-namespace", CR_FATAL, "lives in a cgroup namespace of its own", NO_DUMP,
		"set ProtectControlGroups=yes in place of private or strict, or end the container in the container" },
	[ROW_NS_TIME] = { "time-namespace", CR_FATAL, "lives in a time namespace of its own", NO_DUMP,
		"end the program that made it" },
	[ROW_PTRACE] = { "ptrace", CR_FATAL, "is being traced by process %s", NO_DUMP,
		"end the debugger (gdb, strace)" },
	[ROW_EXE_MEMFD] = { "memfd-exec", CR_FATAL, "runs from a file in memory (memfd)", NO_RESTORE,
		"start it from a file on disk" },
	[ROW_D_STATE] = { "uninterruptible", CR_TRANSIENT, "waits uninterruptibly in the kernel", ENDS_SOON,
		"try again; if it lasts, look at the disk or network file system it waits for" },
	[ROW_ENTERED] = { "entered", CR_LOST, "was started from the host (vzctl exec or enter)", IS_LOST,
		"it is killed when the container is suspended" },
	[ROW_OUTER_SESSION] = { "session", CR_FATAL, "belongs to a session that began outside of the container", NO_DUMP,
		"start it through setsid, or as a service" },

	[ROW_IO_URING] = { "io_uring", CR_FATAL, "uses io_uring", NO_DUMP,
		"turn it off in the program, or take nomigrate out of the container's features: programs then "
		"fall back by themselves" },
	[ROW_USERFAULTFD] = { "userfaultfd", CR_FATAL, "uses userfaultfd", NO_DUMP,
		"turn it off in the program, or take nomigrate out of the container's features" },
	[ROW_SECCOMP_NOTIFY] = { "seccomp-notify", CR_FATAL, "supervises system calls of others (seccomp notify)",
		NO_DUMP, "end the container manager in the container" },
	[ROW_BPF] = { "bpf", CR_FATAL, "holds BPF objects (%s)", NO_DUMP,
		"take nomigrate out of the container's features: systemd then works without BPF" },
	[ROW_PERF] = { "perf", CR_FATAL, "measures performance events", NO_DUMP, "end perf" },
	[ROW_FSOPEN] = { "fsopen", CR_FATAL, "is in the middle of mounting (fsopen)", NO_DUMP,
		"try again; if it lasts, end the program" },
	[ROW_LANDLOCK_FD] = { "landlock", CR_FATAL, "holds a Landlock rule set", NO_DUMP,
		"try again; if it lasts, end the program" },
	[ROW_ANON_OTHER] = { "descriptor", CR_FATAL, "has a descriptor of an unknown kind (%s)", NO_DUMP,
		"end the program for the time of the checkpoint" },
	[ROW_SECRETMEM] = { "memfd-secret", CR_FATAL, "uses secret memory (memfd_secret)", NO_DUMP,
		"turn it off in the program, or take nomigrate out of the container's features" },
	[ROW_MQUEUE] = { "mqueue", CR_FATAL, "has the POSIX message queue %s open", NO_DUMP,
		"stop the program for the time of the checkpoint" },
	[ROW_LOST_MOUNT] = { "detached-mount", CR_FATAL, "holds a mount that is attached nowhere", NO_DUMP,
		"end the program that mounts (open_tree), or that keeps an unmounted file system busy" },
	[ROW_LOST_FILE] = { "foreign-file", CR_FATAL, "has %s open on a file system that is not mounted in the container",
		NO_DUMP, "restart the program" },
	[ROW_GHOST] = { "deleted-file", CR_FATAL, "keeps the deleted file %s open", NO_DUMP,
		"restart the program, or raise the limit for deleted files" },
	[ROW_DIRECT_PIPE] = { "packet-pipe", CR_FATAL, "uses a pipe in packet mode (O_DIRECT)", NO_DUMP,
		"end the program for the time of the checkpoint" },
	[ROW_DEVICE] = { "device", CR_FATAL, "has the device %s open", NO_DUMP, "stop the program that uses it" },
	[ROW_FUSE_SERVER] = { "fuse-server", CR_FATAL, "serves a FUSE file system", NO_DUMP,
		"unmount it (fusermount -u) for the time of the checkpoint" },
	[ROW_PSI] = { "psi", CR_LOST, "watches memory, CPU or I/O pressure (%s)", IS_LOST,
		"set MemoryPressureWatch=off for the service, or the program may spin after the restore" },

	[ROW_VSOCK] = { "vsock", CR_FATAL, "has a VM socket (AF_VSOCK)", NO_DUMP, "stop the program" },
	[ROW_MPTCP] = { "mptcp", CR_FATAL, "has a Multipath TCP socket", NO_DUMP,
		"turn it off (Go: GODEBUG=multipathtcp=0), or take nomigrate out of the container's features" },
	[ROW_SOCKET_OTHER] = { "socket", CR_FATAL, "has a socket of protocol %s", NO_DUMP, "stop the program that uses it" },
	[ROW_NETLINK_QUEUE] = { "netlink-queue", CR_TRANSIENT, "has kernel messages waiting in a netlink socket",
		ENDS_SOON, "try again; if it lasts, the program hangs: restart it" },
	[ROW_TCP_BACKLOG] = { "tcp-backlog", CR_TRANSIENT, "has TCP connections waiting to be accepted", ENDS_SOON,
		"try again; if it lasts, the program hangs or is overloaded" },
	[ROW_UNIX_BACKLOG] = { "unix-backlog", CR_TRANSIENT, "wrote to a local socket that nobody accepted yet",
		ENDS_SOON, "try again; if it lasts, the server it talks to hangs" },

	[ROW_MNT_OVERLAY] = { "overlay", CR_FATAL, "has an overlay mounted on %s", NO_RESTORE,
		"stop Docker or Podman in the container, or let it use the vfs driver, and unmount it" },
	[ROW_MNT_AUTOFS] = { "autofs", CR_FATAL, "has an automount point on %s", NO_RESTORE,
		"mask the automount unit (systemctl mask proc-sys-fs-binfmt_misc.automount), or stop autofs" },
	[ROW_MNT_FUSE] = { "fuse", CR_FATAL, "has a FUSE file system mounted on %s", NO_DUMP,
		"unmount it for the time of the checkpoint" },
	[ROW_MNT_RAMFS] = { "ramfs", CR_LOST, "has a ramfs on %s", IS_LOST,
		"for services' credentials: restart the service if it reads them again" },
	[ROW_MNT_OTHER] = { "mount", CR_FATAL, "has a file system mounted (%s)", NO_DUMP,
		"unmount it for the time of the checkpoint" },
	[ROW_LINK] = { "network-device", CR_FATAL, "has the network device %s", NO_DUMP,
		"remove it (ip link del) for the time of the checkpoint" },
	[ROW_KEYS] = { "keys", CR_LOST, "keeps a key in a kernel keyring (%s)", IS_LOST,
		"programs that keep secrets there (Kerberos, fscrypt) have to log in again" },
	[ROW_TOO_MUCH] = { "too-much", CR_TRANSIENT, "has more open files than are looked at", ENDS_SOON,
		"the rest was not checked" },
};

const struct cr_link cr_links[] = {
	{ "anon_inode:[eventfd]", ROW_COUNT },
	{ "anon_inode:[eventpoll]", ROW_COUNT },
	{ "anon_inode:inotify", ROW_COUNT },
	{ "anon_inode:[fanotify]", ROW_COUNT },
	{ "anon_inode:[signalfd]", ROW_COUNT },
	{ "anon_inode:[timerfd]", ROW_COUNT },
	{ "anon_inode:[pidfd]", ROW_COUNT },
	{ "anon_inode:[io_uring]", ROW_IO_URING },
	{ "anon_inode:[userfaultfd]", ROW_USERFAULTFD },
	{ "anon_inode:seccomp notify", ROW_SECCOMP_NOTIFY },
	{ "anon_inode:bpf", ROW_BPF },
	{ "anon_inode:btf", ROW_BPF },
	{ "anon_inode:[perf_event]", ROW_PERF },
	{ "anon_inode:[fscontext]", ROW_FSOPEN },
	{ "anon_inode:[landlock-ruleset]", ROW_LANDLOCK_FD },
	{ "anon_inode:", ROW_ANON_OTHER },
	{ "/secretmem", ROW_SECRETMEM },
};
const size_t cr_links_len = ARRAY_SIZE(cr_links);

const struct cr_link cr_protocols[] = {
	{ "TCP", ROW_COUNT }, { "TCPv6", ROW_COUNT }, { "UDP", ROW_COUNT }, { "UDPv6", ROW_COUNT },
	{ "UDP-Lite", ROW_COUNT }, { "UDPLITEv6", ROW_COUNT }, { "RAW", ROW_COUNT }, { "RAWv6", ROW_COUNT },
	{ "PING", ROW_COUNT }, { "PINGv6", ROW_COUNT }, { "UNIX", ROW_COUNT }, { "UNIX-STREAM", ROW_COUNT },
	{ "NETLINK", ROW_COUNT }, { "PACKET", ROW_COUNT },
	{ "AF_VSOCK", ROW_VSOCK }, { "MPTCP", ROW_MPTCP }, { "MPTCPv6", ROW_MPTCP },
};
const size_t cr_protocols_len = ARRAY_SIZE(cr_protocols);

/* Overlay: but for the root's own. */
const struct cr_link cr_filesystems[] = {
	{ "proc", ROW_COUNT }, { "sysfs", ROW_COUNT }, { "tmpfs", ROW_COUNT }, { "devtmpfs", ROW_COUNT },
	{ "devpts", ROW_COUNT }, { "cgroup", ROW_COUNT }, { "cgroup2", ROW_COUNT }, { "mqueue", ROW_COUNT },
	{ "binfmt_misc", ROW_COUNT }, { "pstore", ROW_COUNT }, { "securityfs", ROW_COUNT },
	{ "fusectl", ROW_COUNT }, { "debugfs", ROW_COUNT }, { "tracefs", ROW_COUNT },
	{ "hugetlbfs", ROW_COUNT },
	{ "ramfs", ROW_MNT_RAMFS }, { "overlay", ROW_MNT_OVERLAY }, { "autofs", ROW_MNT_AUTOFS },
	{ "fuse", ROW_MNT_FUSE }, { "fuseblk", ROW_MNT_FUSE },
};
const size_t cr_filesystems_len = ARRAY_SIZE(cr_filesystems);

const struct cr_link cr_netdevs[] = {
	{ "", ROW_COUNT }, { "veth", ROW_COUNT }, { "tun", ROW_COUNT }, { "bridge", ROW_COUNT },
	{ "macvlan", ROW_COUNT }, { "sit", ROW_COUNT },
};
const size_t cr_netdevs_len = ARRAY_SIZE(cr_netdevs);
/* clang-format on */

enum cr_row_id cr_row_of(const struct cr_link *table, size_t n, const char *name,
			 enum cr_row_id other)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(table[i].prefix, name) == 0)
			return table[i].row;
	return other;
}
