/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Namespaces of the calling thread, identity maps, sockets in another network namespace. */
#include "os/os.h"

#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

int os_setns(int fd, int nstype)
{
	return RET_NERRNO(setns(fd, nstype));
}

int os_unshare(int flags)
{
	return RET_NERRNO(unshare(flags));
}

int os_write_idmap(pid_t pid, uid_t ubase, gid_t gbase, uint32_t count)
{
	char path[64], map[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	(void)snprintf(map, sizeof(map), "0 %u %u\n", ubase, count);
	r = os_write_file_at(AT_FDCWD, path, map);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	(void)snprintf(map, sizeof(map), "0 %u %u\n", gbase, count);
	return os_write_file_at(AT_FDCWD, path, map);
}

int os_userns_fd(uid_t ubase, gid_t gbase, uint32_t count)
{
	_cleanup_close_ int a = -EBADF, b = -EBADF;
	int pair[2], r, fd = -EBADF;
	char path[64], c;
	pid_t pid;

	r = os_seqpacket_pair(pair);
	if (r < 0)
		return r;
	a = pair[0];
	b = pair[1];
	pid = os_clone(CLONE_NEWUSER, -1, NULL);
	if (pid < 0)
		return pid;
	if (pid == 0) {
		/* lives until the parent has its descriptor, or is gone */
		(void)close(a);
		IGNORE(read(b, &c, 1));
		_exit(0);
	}
	b = safe_close(b);
	r = os_write_idmap(pid, ubase, gbase, count);
	if (r >= 0) {
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
		fd = os_openat(AT_FDCWD, path, O_RDONLY, 0, 0);
		r = fd;
	}
	a = safe_close(a);
	IGNORE(os_reap(pid, NULL));
	return r < 0 ? r : fd;
}

int os_ns_own(int nstype)
{
	return os_openat(AT_FDCWD,
			 nstype == CLONE_NEWPID ? "/proc/thread-self/ns/pid_for_children"
						: "/proc/thread-self/ns/net",
			 O_RDONLY, 0, 0);
}

void os_ns_back(int own, int nstype)
{
	/* going on in a tenant's namespace would be worse than not going on */
	if (os_setns(own, nstype) < 0)
		abort();
}

int os_socket_in(int netns_fd, int domain, int type, int protocol)
{
	_cleanup_close_ int own = os_ns_own(CLONE_NEWNET);
	int sock, r = own < 0 ? own : os_setns(netns_fd, CLONE_NEWNET);

	if (r < 0)
		return r;
	sock = socket(domain, type | SOCK_CLOEXEC, protocol);
	r = sock < 0 ? -errno : sock;
	os_ns_back(own, CLONE_NEWNET);
	return r;
}
