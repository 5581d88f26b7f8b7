/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each probe uses the thing in question, on itself, and leaves nothing behind. */
#include "os/probe.h"

#include <linux/kcmp.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink_diag.h>
#include <linux/packet_diag.h>
#include <linux/seccomp.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "os/nl.h"
#include "os/os.h"

/* after <netinet/in.h> */
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>

#define PM_SOFT_DIRTY	(1ULL << 55)
/* _IOWR('f', 16, struct pm_scan_arg) of linux/fs.h since 6.7: twelve numbers */
#define PM_SCAN_NUMBERS 12
#define PM_SCAN		_IOWR('f', 16, uint64_t[PM_SCAN_NUMBERS])
/* linux/prctl.h since 6.15 */
#define TIMER_IDS	77 /* PR_TIMER_CREATE_RESTORE_IDS */
#define TIMER_IDS_GET	2
#define UFFD_USER_ONLY	1 /* UFFD_USER_MODE_ONLY */

int os_probe_ns(const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	return os_exists(path);
}

int os_probe_seccomp(void)
{
	uint32_t action = SECCOMP_RET_ERRNO;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

int os_probe_device(const char *path)
{
	_cleanup_close_ int fd = os_openat(AT_FDCWD, path, O_RDWR | O_NONBLOCK | O_NOCTTY, 0, 0);

	if (fd == -ENOENT || fd == -ENXIO || fd == -ENODEV)
		return 0;
	return fd < 0 ? fd : 1;
}

static int nft_answer(const struct nlmsghdr *m, void *data)
{
	(void)m;
	*(bool *)data = true;
	return 0;
}

int os_probe_nftables(void)
{
	const struct nfgenmsg head = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 };
	_cleanup_nl_ struct nl *n = NULL;
	bool answered = false;
	int r = nl_open(&n, -1, NETLINK_NETFILTER);

	if (r == -EPROTONOSUPPORT)
		return 0;
	if (r < 0)
		return r;
	(void)nl_begin(n, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, 0, &head, sizeof(head));
	r = nl_talk(n, nft_answer, &answered);
	if (r == -EPERM)
		return r;
	return r >= 0 && answered;
}

int os_probe_checkpoint(void)
{
	pid_t self = getpid();

	if (syscall(SYS_kcmp, self, self, KCMP_VM, 0, 0) < 0)
		return errno == ENOSYS ? 0 : -errno;
	return os_exists("/proc/sys/kernel/ns_last_pid");
}

static int drop_answer(const struct nlmsghdr *m, void *data)
{
	(void)m;
	(void)data;
	return 0;
}

int os_probe_sock_diag(void)
{
	const struct unix_diag_req un = { .sdiag_family = AF_UNIX };
	const struct inet_diag_req_v2 in = { .sdiag_family = AF_INET,
					     .sdiag_protocol = IPPROTO_TCP };
	const struct packet_diag_req pk = { .sdiag_family = AF_PACKET };
	const struct netlink_diag_req nk = { .sdiag_family = AF_NETLINK,
					     .sdiag_protocol = NDIAG_PROTO_ALL };
	const struct {
		const void *head;
		size_t len;
	} asks[] = {
		{ &un, sizeof(un) }, { &in, sizeof(in) }, { &pk, sizeof(pk) }, { &nk, sizeof(nk) }
	};

	for (size_t i = 0; i < ARRAY_SIZE(asks); i++) {
		_cleanup_nl_ struct nl *n = NULL;
		int r = nl_open(&n, -1, NETLINK_SOCK_DIAG);

		if (r < 0)
			return r == -EPROTONOSUPPORT ? 0 : r;
		(void)nl_begin(n, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, asks[i].head, asks[i].len);
		r = nl_talk(n, drop_answer, NULL);
		if (r == -ENOENT || r == -EINVAL)
			return 0;
		if (r < 0 && r != -EINTR) /* a picture that changed is a picture */
			return r;
	}
	return 1;
}

int os_probe_tcp_repair(void)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)) < 0)
		return errno == ENOPROTOOPT ? 0 : -errno;
	return 1;
}

/* In a child: clearing the marks slows every first write of the process down. */
static int soft_dirty_child(void)
{
	long page = sysconf(_SC_PAGESIZE);
	volatile char *p = mmap(NULL, (size_t)page, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	_cleanup_close_ int map = os_openat(AT_FDCWD, "/proc/self/pagemap", O_RDONLY, 0, 0);
	off_t at = (off_t)((uintptr_t)p / (uintptr_t)page * sizeof(uint64_t));
	uint64_t before = 0, after = 0;

	if (p == MAP_FAILED || map < 0)
		return 2;
	*p = 1;
	if (os_write_file_at(AT_FDCWD, "/proc/self/clear_refs", "4") < 0)
		return 0;
	if (pread(map, &before, sizeof(before), at) != sizeof(before))
		return 2;
	*p = 2;
	if (pread(map, &after, sizeof(after), at) != sizeof(after))
		return 2;
	return !(before & PM_SOFT_DIRTY) && (after & PM_SOFT_DIRTY);
}

int os_probe_soft_dirty(void)
{
	int status = 0, r;
	pid_t pid = os_fork(NULL);

	if (pid == 0)
		_exit(soft_dirty_child());
	if (pid < 0)
		return pid;
	r = os_reap(pid, &status);
	if (r < 0)
		return r;
	return status == 0 ? 0 : status == 1 << 8 ? 1 : -EIO;
}

int os_probe_pagemap_scan(void)
{
	_cleanup_close_ int map = os_openat(AT_FDCWD, "/proc/self/pagemap", O_RDONLY, 0, 0);
	uint64_t arg[PM_SCAN_NUMBERS] = { 0 }; /* a size of 0 is refused as such */

	if (map < 0)
		return map;
	return ioctl(map, PM_SCAN, arg) < 0 && errno == ENOTTY ? 0 : 1;
}

int os_probe_userfaultfd(void)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_ONLY);

	if (fd < 0)
		return errno == ENOSYS ? 0 : -errno;
	(void)safe_close(fd);
	return 1;
}

int os_probe_timer_ids(void)
{
	if (prctl(TIMER_IDS, TIMER_IDS_GET, 0, 0, 0) < 0)
		return errno == EINVAL ? 0 : -errno;
	return 1;
}

int os_probe_psi_triggers(void)
{
	static const char trigger[] = "some 2000000 2000000";
	_cleanup_close_ int fd =
		os_openat(AT_FDCWD, "/proc/pressure/memory", O_RDWR | O_NONBLOCK, 0, 0);
	_cleanup_free_ char *text = NULL;
	char path[64];
	int r;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (write(fd, trigger, sizeof(trigger)) < 0)
		return errno == EOPNOTSUPP ? 0 : -errno;
	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	r = os_read_file_at(AT_FDCWD, path, 4096, &text, NULL);
	return r < 0 ? r : strstr(text, "\npsi-trigger:") != NULL;
}
