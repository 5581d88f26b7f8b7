/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * venet0 between a host and two VEs: who reaches whom, that no VE gets through with
 * another's source, and that nothing is left behind.
 */
#include "net_ns.h"

#include <sys/wait.h>
#include <time.h>

#include "mech/net/filter.h"

static void test_reach(void)
{
	static const struct {
		const char *a, *b, *h;
	} v[] = { { "10.1.0.1", "10.2.0.1", "192.0.2.1" },
		  { "2001:db8:1::1", "2001:db8:2::1", "2001:db8::1" } };

	ok(strstr(warning, "forwarding is off") != NULL, "forwarding is asked for: %s", warning);
	if (os_write_file_at(AT_FDCWD, "/proc/sys/net/ipv6/conf/venet101/force_forwarding", "1") ==
	    -ENOENT)
		IGNORE(os_write_file_at(AT_FDCWD, "/proc/sys/net/ipv6/conf/all/forwarding", "1"));
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		ok_int(reaches(ns_a, v[i].a, ns_b, v[i].b), 1, "VE -> VE %s", v[i].b);
		ok_int(reaches(ns_b, v[i].b, ns_a, v[i].a), 1, "VE -> VE %s", v[i].a);
		ok_int(reaches(ns_a, v[i].a, host, v[i].h), 1, "VE -> host %s", v[i].h);
		ok_int(reaches(host, v[i].h, ns_a, v[i].a), 1, "host -> VE %s", v[i].a);
	}
	ok_int(reaches(ns_a, "10.1.0.2", ns_b, "192.0.2.50"), 1, "second addresses");
	ok_int(dropped(), 0,
	       "no packet of a proper source was dropped, and none was sent by the kernel itself");
}

/* With the host's forwarding on, its network's other members reach what the host answers for. */
static void test_lan(void)
{
	up(VE_B, ns_b, &conf_b);
	/* the host answers for others after a while only (proxy_delay) */
	wait_ms = 3000;
	IGNORE(os_write_file_at(AT_FDCWD, "/proc/sys/net/ipv4/ip_forward", "1"));
	IGNORE(os_write_file_at(AT_FDCWD, "/proc/sys/net/ipv6/conf/all/forwarding", "1"));
	ok_int(reaches(ns_lan, "192.0.2.200", ns_b, "192.0.2.50"), 1, "network -> VE");
	ok_int(reaches(ns_b, "192.0.2.50", ns_lan, "192.0.2.200"), 1, "VE -> network");
	ok_int(reaches(ns_lan, "2001:db8::200", ns_b, "2001:db8::50"), 1, "network -> VE, IPv6");
	ok_int(reaches(ns_b, "2001:db8::50", ns_lan, "2001:db8::200"), 1, "VE -> network, IPv6");
	ok_int(net_down(VE_B, NULL), 0, "down");
}

/* Of what a neighbour hears within wait_ms: does host's device say that it has the address? */
static bool heard(int fd, const struct net_addr *a)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint8_t f[256];
	ssize_t n;

	while (poll(&p, 1, wait_ms) == 1) {
		n = recv(fd, f, sizeof(f), 0);
		/* Ethernet's head of 14; ARP: sender's address at 14, target's at 24; NA: 6+40+8 */
		if (n >= 42 && a->family == AF_INET && f[12] == 8 && f[13] == 6 &&
		    memcmp(f + 28, &a->v4, 4) == 0 && memcmp(f + 38, &a->v4, 4) == 0)
			return memcmp(f + 22, f + 6, 6) == 0 && f[0] == 0xff;
		if (n >= 86 && a->family == AF_INET6 && f[12] == 0x86 && f[13] == 0xdd &&
		    f[20] == IPPROTO_ICMPV6 && f[21] == 255 && f[54] == 136 &&
		    memcmp(f + 62, &a->v6, 16) == 0)
			return memcmp(f + 80, f + 6, 6) == 0 && f[58] & 0x20;
	}
	return false;
}

/* Who moved here from another node is found here at once. */
static void test_announce(void)
{
	static const char *const moved[] = { "192.0.2.50", "2001:db8::50" };

	for (size_t i = 0; i < ARRAY_SIZE(moved); i++) {
		const struct net_addr a = addr(moved[i]);
		_cleanup_close_ int fd = os_socket_in(ns_lan, AF_PACKET, SOCK_RAW | SOCK_CLOEXEC,
						      htons(0x0003 /* ETH_P_ALL */));

		up(VE_B, ns_b, &conf_b);
		ok(fd >= 0 && heard(fd, &a), "%s is announced", moved[i]);
		ok_int(net_down(VE_B, NULL), 0, "down");
	}
}

static void test_spoof(void)
{
	static const char *const v4[] = { "10.2.0.1", "192.0.2.1", "10.9.9.9", "8.8.8.8",
					  "192.0.2.77" };
	static const char *const v6[] = { "2001:db8:2::1", "2001:db8::1", "2001:db8:1::2",
					  "2001:db8::77" };
	int64_t before = dropped();

	for (size_t i = 0; i < ARRAY_SIZE(v4); i++) {
		ok_int(reaches(ns_a, v4[i], ns_b, "192.0.2.50"), 0, "VE 101 does not pass as %s",
		       v4[i]);
		ok_int(reaches(ns_a, v4[i], host, "192.0.2.1"), 0, "not to the host either");
	}
	for (size_t i = 0; i < ARRAY_SIZE(v6); i++) {
		ok_int(reaches(ns_a, v6[i], ns_b, "2001:db8::50"), 0, "VE 101 does not pass as %s",
		       v6[i]);
		ok_int(reaches(ns_a, v6[i], host, "2001:db8::1"), 0, "not to the host either");
	}
	ok_int(dropped() - before, 2 * (ARRAY_SIZE(v4) + ARRAY_SIZE(v6)), "each was counted");
}

/* One ICMPv6 message type from VE A's own address to the host: 1 when the rules counted it. */
static int icmp6_dropped(uint8_t type)
{
	const struct net_addr to = addr("2001:db8::1");
	const uint8_t message[24] = { type };
	_cleanup_close_ int fd =
		os_socket_in(ns_a, AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
	struct sockaddr_storage ss;
	socklen_t len = sockaddr_of(&to, &ss);
	int64_t before = dropped();

	((struct sockaddr_in6 *)&ss)->sin6_port = 0;
	if (fd < 0 || sendto(fd, message, sizeof(message), 0, (void *)&ss, len) != sizeof(message))
		return -errno;
	return (int)(dropped() - before);
}

static void test_discovery(void)
{
	for (uint8_t type = 133; type <= 137; type++)
		ok_int(icmp6_dropped(type), 1, "ICMPv6 type %u from a VE is dropped", type);
	ok_int(icmp6_dropped(128), 0, "an echo request is not");
}

static void test_addresses(void)
{
	const struct net_addr own = addr("192.0.2.1"), b = addr("10.2.0.1"),
			      free_one = addr("192.0.2.99");

	ok_str(addresses(ns_a), "venet0:0 10.1.0.1, venet0:1 10.1.0.2, 2001:db8:1::1",
	       "addresses and labels");
	ok_str(default_src(ns_a, AF_INET), "10.1.0.1", "default route from the first address");
	ok_str(default_src(ns_a, AF_INET6), "2001:db8:1::1", "IPv6 default route");
	ok_int(proxies(), 2, "the host answers for what is on its network");
	ok_int(net_addr_in_use(VE_A, &own), 1, "the host's address is in use");
	ok_int(net_addr_in_use(VE_A, &b), 1, "another VE's address is in use");
	ok_int(net_addr_in_use(VE_B, &b), 0, "its own is not");
	ok_int(net_addr_in_use(VE_A, &free_one), 0, "a free one of the network is not");
}

static double ms_since(const struct timespec *t0)
{
	struct timespec t;

	IGNORE(clock_gettime(CLOCK_MONOTONIC, &t));
	return (double)(t.tv_sec - t0->tv_sec) * 1e3 + (double)(t.tv_nsec - t0->tv_nsec) / 1e6;
}

/* Figures, not checks: the machine is shared. */
static void test_time(void)
{
	enum { N = 20 };
	double up_ms = 0, down_ms = 0;
	struct timespec t;
	int good = 0;

	for (int i = 0; i < N; i++) {
		IGNORE(clock_gettime(CLOCK_MONOTONIC, &t));
		good += net_up(VE_A, ns_a, &conf_a, NULL, NULL) == 0;
		up_ms += ms_since(&t);
		IGNORE(clock_gettime(CLOCK_MONOTONIC, &t));
		good += net_down(VE_A, NULL) == 0;
		down_ms += ms_since(&t);
	}
	ok_int(good, 2 * N, "%d times up and down", N);
	printf("# net_up %.2f ms, net_down %.2f ms (mean of %d, another VE %s)\n", up_ms / N,
	       down_ms / N, N, dropped() < 0 ? "down" : "up");
}

static void test_down(int links0, int routes0)
{
	struct vz_error e = { 0 };

	ok_int(net_down(VE_A, &e), 0, "VE 101 is down (%s)", e.text);
	ok_int(net_down(VE_A, &e), 0, "again (%s)", e.text);
	ok(dropped() >= 0, "the table stays for the other VE");
	ok_int(reaches(ns_b, "10.2.0.1", host, "192.0.2.1"), 1, "which still works");
	test_time();
	ok_int(net_down(VE_B, &e), 0, "VE 102 is down (%s)", e.text);
	ok_int(dropped(), -ENOENT, "the table went with the last");
	test_time();
	ok_int(links(), links0, "no link is left");
	ok_int(routes(), routes0, "no route is left");
	ok_int(proxies(), 0, "no proxy entry is left");
}

/* `nft flush ruleset`, which a firewall's reload may do */
static int flush_rules(void)
{
	struct vz_error e = { 0 };

	return filter_down(&e);
}

static void test_flush(void)
{
	ok_int(flush_rules(), 0, "the table is flushed");
	ok_int(reaches(ns_a, "10.2.0.1", ns_b, "192.0.2.50"), 0, "IPv4 sources are still checked");
	ok_int(net_sync(VE_B, ns_b, &conf_b, &logger, NULL), 0, "any change of a VE's addresses");
	ok_int(dropped(), 0, "makes the table again");
}

/* What the root of a VE may do to its end. */
static void test_hostile(void)
{
	_cleanup_nl_ struct nl *n = NULL;
	struct vz_error e = { 0 };

	ok(nl_open(&n, ns_a, NETLINK_ROUTE) == 0 && rt_link_del(n, VE_DEV) == 0,
	   "a VE removes its venet0");
	ok_int(net_sync(VE_A, ns_a, &conf_a, &logger, &e), -ENODEV, "a change fails: %s", e.text);
	ok_int(net_down(VE_A, &e), 0, "down all the same (%s)", e.text);
	ok_int(proxies(), 2, "the other VE's entries stay");
	up(VE_A, ns_a, &conf_a);
	ok_int(reaches(ns_a, "10.1.0.1", ns_b, "10.2.0.1"), 1, "and up again");
}

/* Starts and stops of one VE beside those of another, which always finds itself checked. */
static void test_parallel(void)
{
	enum { N = 15 };
	int status = 0, good = 0;
	pid_t pid;

	IGNORE(net_down(VE_A, NULL));
	IGNORE(net_down(VE_B, NULL));
	pid = os_fork(NULL);
	if (pid == 0) {
		for (int i = 0; i < N; i++)
			good += net_up(VE_A, ns_a, &conf_a, NULL, NULL) == 0 &&
				net_down(VE_A, NULL) == 0;
		_exit(good);
	}
	for (int i = 0; i < N; i++) {
		good += net_up(VE_B, ns_b, &conf_b, NULL, NULL) == 0 && dropped() >= 0;
		good += net_down(VE_B, NULL) == 0;
	}
	IGNORE(os_reap(pid, &status));
	ok_int(good, 2 * N, "one VE up and down %d times, checked each time", N);
	ok_int(WEXITSTATUS(status), N, "another one beside it");
	ok_int(dropped(), -ENOENT, "the table went with the last");
	up(VE_A, ns_a, &conf_a);
	up(VE_B, ns_b, &conf_b);
}

int main(void)
{
	int links0, routes0;

	if (!net_ns_begin())
		return test_done();
	links0 = links();
	routes0 = routes();
	up(VE_A, ns_a, &conf_a);
	up(VE_B, ns_b, &conf_b);
	test_addresses();
	test_reach();
	test_spoof();
	test_discovery();
	test_flush();
	test_hostile();
	test_parallel();
	test_down(links0, routes0);
	test_lan();
	test_announce();
	return test_done();
}
