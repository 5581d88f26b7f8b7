/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes of venet0: addresses of a running VE, their undoing when one fails, and managers
 * that are killed in the middle.
 */
#include "net_ns.h"

#include <sys/syscall.h>
#include <sys/wait.h>

static void sync_to(char *const *ip, const char *addrs, const char *def, const char *what)
{
	const struct net_conf c = { .ip = ip, .ipv6 = true };
	struct vz_error e = { 0 };

	ok_int(net_sync(VE_A, ns_a, &c, &logger, &e), 0, "sync: %s (%s)", what, e.text);
	ok_int(settle(ns_a, ip), 0, "settled");
	ok_str(addresses(ns_a), addrs, "%s: addresses", what);
	ok_str(default_src(ns_a, AF_INET), def, "%s: default route", what);
}

static void test_sync(void)
{
	int r0 = routes(), p0 = proxies();

	sync_to(conf_a.ip, "venet0:0 10.1.0.1, venet0:1 10.1.0.2, 2001:db8:1::1", "10.1.0.1",
		"nothing to do");
	ok_int(routes(), r0, "routes as before");
	sync_to((char *[]){ "10.1.0.2", "192.0.2.60", NULL },
		"venet0:1 10.1.0.2, venet0:2 192.0.2.60", "10.1.0.2", "first removed, one added");
	ok_int(proxies(), p0 + 1, "answered for");
	ok_str(default_src(ns_a, AF_INET6), "none", "no IPv6 default route without an address");
	ok_int(reaches(ns_a, "192.0.2.60", ns_b, "10.2.0.1"), 1, "the new address works");
	ok_int(reaches(ns_a, "10.1.0.1", ns_b, "10.2.0.1"), 0, "the old one is a foreign one now");
	sync_to((char *[]){ "10.1.0.2/24", "192.0.2.60", NULL },
		"venet0:2 192.0.2.60, venet0:0 10.1.0.2/24", "10.1.0.2", "another prefix");
	sync_to((char *[]){ NULL }, "", "none", "all removed");
	ok_int(proxies(), p0, "not answered for");
	sync_to(conf_a.ip, "venet0:0 10.1.0.1, venet0:1 10.1.0.2, 2001:db8:1::1", "10.1.0.1",
		"all back");
	ok_int(routes(), r0, "routes as in the beginning");
}

static void test_undo(void)
{
	const struct net_conf c = {
		.ip = (char *[]){ "10.1.0.9", "2001:db8:1::9", "10.2.0.1", NULL }, .ipv6 = true
	};
	struct vz_error e = { 0 };
	int r0 = routes(), p0 = proxies();

	ok_int(net_sync(VE_A, ns_a, &c, &logger, &e), -EADDRINUSE, "an address in use is refused");
	ok_int(settle(ns_a, conf_a.ip), 0, "settled");
	ok_int(e.exit, VZ_EXIT_IP_USED, "with the class: %s", e.text);
	ok_str(addresses(ns_a), "venet0:0 10.1.0.1, venet0:1 10.1.0.2, 2001:db8:1::1",
	       "addresses are as before");
	ok_str(default_src(ns_a, AF_INET), "10.1.0.1", "default route is as before");
	ok(routes() == r0 && proxies() == p0, "the host is as before");
	vz_error_clear(&e);
	ok_int(net_up(103, ns_a, &c, &logger, &e), -EEXIST, "venet0 is there already: %s", e.text);
}

/* In front of libc's: every netlink request goes through here. */
static int sends_left = -1;

ssize_t send(int fd, const void *buf, size_t n, int flags)
{
	if (sends_left >= 0 && sends_left-- == 0)
		IGNORE(raise(SIGKILL));
	return syscall(SYS_sendto, fd, buf, n, flags, NULL, 0);
}

/* A manager killed in the middle. */
static void test_kill(void)
{
	int at_rest = links(), reached = 0;

	for (int n = 1; n < 40; n++) {
		pid_t pid = os_fork(NULL);
		int status = 0;

		if (pid == 0) {
			sends_left = n;
			_exit(net_up(VE_A, ns_a, &conf_a, NULL, NULL) < 0);
		}
		IGNORE(os_reap(pid, &status));
		if (WIFEXITED(status))
			break;
		reached = n;
		if (net_up(VE_A, ns_a, &conf_a, NULL, NULL) < 0 ||
		    reaches(ns_a, "10.1.0.1", ns_b, "10.2.0.1") != 1 || links() != at_rest)
			ok(false, "up again after a death at request %d", n);
	}
	ok(reached > 8, "up again after a death at each of %d requests", reached);
}

int main(void)
{
	if (!net_ns_begin())
		return test_done();
	up(VE_A, ns_a, &conf_a);
	up(VE_B, ns_b, &conf_b);
	test_sync();
	test_undo();
	test_kill();
	return test_done();
}
