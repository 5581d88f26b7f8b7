/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * venet0 between a "host" and two "VEs", all network namespaces of this test: who
 * reaches whom, that no VE gets through with another's source, that changes are
 * undone when they fail, and that nothing is left behind.
 */
/* glibc's before the kernel's, which then leave out what both define */
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>

#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <poll.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "mech/net/net.h"
#include "mech/net/rt.h"
#include "os/os.h"
#include "test.h"

enum { PORT = 4242, VE_A = 101, VE_B = 102 };

static int host = -EBADF, ns_a = -EBADF, ns_b = -EBADF, ns_lan = -EBADF;
static int wait_ms = 150;
static char warning[256];

static void keep_warning(void *data, int level, const char *line)
{
	(void)data;
	if (level == VZ_LOG_WARN)
		(void)snprintf(warning, sizeof(warning), "%s", line);
}
static const struct logger logger = { .fn = keep_warning, .level = VZ_LOG_WARN };

/* A fresh network namespace; the thread stays where it is. */
static int new_ns(void)
{
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		return -errno;
	fd = os_openat(AT_FDCWD, "/proc/thread-self/ns/net", O_RDONLY, 0, 0);
	if (host >= 0 && os_setns(host, CLONE_NEWNET) < 0)
		abort();
	return fd;
}

static struct net_addr addr(const char *text)
{
	struct net_addr a = { 0 };

	if (net_addr_parse(text, &a, NULL) < 0)
		abort();
	return a;
}

static socklen_t sockaddr_of(const struct net_addr *a, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (void *)ret;
	struct sockaddr_in6 *v6 = (void *)ret;

	memset(ret, 0, sizeof(*ret));
	if (a->family == AF_INET) {
		*v4 = (struct sockaddr_in){ .sin_family = AF_INET,
					    .sin_port = htons(PORT),
					    .sin_addr = a->v4 };
		return sizeof(*v4);
	}
	*v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
				     .sin6_port = htons(PORT),
				     .sin6_addr = a->v6 };
	return sizeof(*v6);
}

/* A datagram socket of a namespace bound to an address, which need not be the namespace's own. */
static int bound(int ns, const struct net_addr *a)
{
	int fd = os_socket_in(ns, a->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage ss;
	socklen_t len = sockaddr_of(a, &ss);

	if (fd < 0)
		return fd;
	IGNORE(setsockopt(fd, SOL_IP, IP_TRANSPARENT, &(int){ 1 }, sizeof(int)));
	IGNORE(setsockopt(fd, SOL_IPV6, IPV6_TRANSPARENT, &(int){ 1 }, sizeof(int)));
	return bind(fd, (void *)&ss, len) < 0 ? safe_close(fd) : fd;
}

/* 1 when a datagram from one address arrives at the other within wait_ms */
static int reaches(int from_ns, const char *from, int to_ns, const char *to)
{
	static unsigned int serial; /* neighbours may deliver an earlier one late */
	const unsigned int sent = ++serial;
	unsigned int got = 0;
	const struct net_addr a = addr(from), b = addr(to);
	_cleanup_close_ int out = bound(from_ns, &a), in = bound(to_ns, &b);
	struct pollfd p = { .fd = in, .events = POLLIN };
	struct sockaddr_storage ss;
	socklen_t len = sockaddr_of(&b, &ss);

	if (out < 0 || in < 0)
		return -EBADF;
	if (sendto(out, &sent, sizeof(sent), 0, (void *)&ss, len) != sizeof(sent))
		return -errno;
	while (got != sent && poll(&p, 1, wait_ms) == 1)
		if (recv(in, &got, sizeof(got), 0) != sizeof(got))
			return -errno;
	return got == sent;
}

/* ---- what the kernel has ---- */

static int count_one(const struct nlmsghdr *m, void *data)
{
	(void)m;
	++*(int *)data;
	return 0;
}

static int count(uint16_t type, const void *head, size_t len)
{
	_cleanup_nl_ struct nl *n = NULL;
	int found = 0;

	if (nl_open(&n, -1, NETLINK_ROUTE) < 0)
		return -1;
	nl_begin(n, type, NLM_F_DUMP, head, len);
	return nl_talk(n, count_one, &found) < 0 ? -1 : found;
}

static int links(void)
{
	return count(RTM_GETLINK, &(struct ifinfomsg){ 0 }, sizeof(struct ifinfomsg));
}

static int routes(void)
{
	const struct rtmsg v4 = { .rtm_family = AF_INET }, v6 = { .rtm_family = AF_INET6 };

	return count(RTM_GETROUTE, &v4, sizeof(v4)) + count(RTM_GETROUTE, &v6, sizeof(v6));
}

static int proxies(void)
{
	return count(RTM_GETNEIGH, &(struct ndmsg){ .ndm_flags = NTF_PROXY }, sizeof(struct ndmsg));
}

static int add_packets(struct nftnl_expr *x, void *data)
{
	if (strcmp(nftnl_expr_get_str(x, NFTNL_EXPR_NAME), "counter") == 0)
		*(uint64_t *)data += nftnl_expr_get_u64(x, NFTNL_EXPR_CTR_PACKETS);
	return 0;
}

static int rule_packets(const struct nlmsghdr *m, void *data)
{
	struct nftnl_rule *r = nftnl_rule_alloc();

	if (r && nftnl_rule_nlmsg_parse(m, r) == 0)
		nftnl_expr_foreach(r, add_packets, data);
	nftnl_rule_free(r);
	return 0;
}

/* Packets the table dropped; -ENOENT when there is no table. */
static int64_t dropped(void)
{
	const struct nfgenmsg head = { .nfgen_family = NFPROTO_INET };
	_cleanup_nl_ struct nl *n = NULL;
	struct nlmsghdr *m;
	uint64_t sum = 0;
	int r;

	r = nl_open(&n, -1, NETLINK_NETFILTER);
	if (r < 0)
		return r;
	m = nl_begin(n, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE, 0, &head, sizeof(head));
	mnl_attr_put_strz(m, NFTA_TABLE_NAME, "vz");
	r = nl_talk(n, NULL, NULL);
	if (r < 0)
		return r;
	m = nl_begin(n, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE, NLM_F_DUMP, &head,
		     sizeof(head));
	mnl_attr_put_strz(m, NFTA_RULE_TABLE, "vz");
	r = nl_talk(n, rule_packets, &sum);
	return r < 0 ? r : (int64_t)sum;
}

/* Addresses of venet0 as "label addr, ..." without 127.0.0.2 */
static char *addresses(int ns)
{
	static char text[512];
	struct alias_list l = { 0 };
	struct nl *n = NULL;
	size_t at = 0;
	int index;

	text[0] = '\0';
	if (nl_open(&n, ns, NETLINK_ROUTE) < 0)
		return text;
	index = nl_ifindex(n, VE_DEV);
	if (index < 0 || rt_addrs(n, index, &l) < 0)
		abort();
	for (size_t i = 1; i < l.n; i++) {
		_cleanup_free_ char *a = NULL;

		if (net_addr_format(&l.v[i].addr, &a) < 0)
			abort();
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s%s%s", at ? ", " : "",
				       l.v[i].label, l.v[i].label[0] ? " " : "", a);
	}
	alias_list_done(&l);
	nl_close(n);
	return text;
}

static const char *default_src(int ns, int family)
{
	static char *text;
	_cleanup_nl_ struct nl *n = NULL;
	struct net_addr a;

	free(text);
	text = NULL;
	if (nl_open(&n, ns, NETLINK_ROUTE) < 0 ||
	    rt_default_src(n, family, nl_ifindex(n, VE_DEV), &a) != 1 ||
	    net_addr_format(&a, &text) < 0)
		return "none";
	return text;
}

/* ---- the host: its network device, with a neighbour at the other end ---- */

static int make_lan(struct nl *n)
{
	const struct ifinfomsg head = { 0 };
	struct nlmsghdr *m =
		nl_begin(n, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
	struct nlattr *info, *data, *peer;

	mnl_attr_put_strz(m, IFLA_IFNAME, "lan");
	info = mnl_attr_nest_start(m, IFLA_LINKINFO);
	mnl_attr_put_strz(m, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(m, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(m, VETH_INFO_PEER);
	memcpy(mnl_nlmsg_put_extra_header(m, sizeof(head)), &head, sizeof(head));
	mnl_attr_put_strz(m, IFLA_IFNAME, "lan");
	mnl_attr_put_u32(m, IFLA_NET_NS_FD, (uint32_t)ns_lan);
	mnl_attr_nest_end(m, peer);
	mnl_attr_nest_end(m, data);
	mnl_attr_nest_end(m, info);
	return nl_talk(n, NULL, NULL);
}

static int lan_up(struct nl *n, const char *v4, const char *v6)
{
	const struct alias a = { .addr = addr(v4) }, b = { .addr = addr(v6) };
	int index = nl_ifindex(n, "lan"), r;

	/* no link-local address either: it comes late and brings routes, which are counted */
	r = rt_link_tune(n, index, false);
	r = RET_GATHER(r, rt_link_up(n, index));
	r = RET_GATHER(r, rt_addr(n, true, index, &a));
	return RET_GATHER(r, rt_addr(n, true, index, &b));
}

static int make_host(void)
{
	_cleanup_nl_ struct nl *n = NULL, *lan = NULL;
	int r;

	r = nl_open(&n, -1, NETLINK_ROUTE);
	if (r < 0)
		return r;
	r = nl_open(&lan, ns_lan, NETLINK_ROUTE);
	if (r < 0)
		return r;
	r = make_lan(n);
	r = RET_GATHER(r, rt_link_up(n, 1));
	r = RET_GATHER(r, lan_up(lan, "192.0.2.200/24", "2001:db8::200/64"));
	return RET_GATHER(r, lan_up(n, "192.0.2.1/24", "2001:db8::1/64"));
}

static const struct net_conf conf_a = { .ip = (char *[]){ "10.1.0.1", "10.1.0.2", "2001:db8:1::1",
							  NULL },
					.ipv6 = true };
static const struct net_conf conf_b = { .ip = (char *[]){ "10.2.0.1", "192.0.2.50", "2001:db8:2::1",
							  "2001:db8::50", "0.0.0.0", NULL },
					.ipv6 = true };

static void up(uint32_t ctid, int ns, const struct net_conf *c)
{
	struct vz_error e = { 0 };

	ok_int(net_up(ctid, ns, c, &logger, &e), 0, "VE %u is up (%s)", ctid, e.text);
}

/* ---- the tests ---- */

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

static void sync_to(char *const *ip, const char *addrs, const char *def, const char *what)
{
	const struct net_conf c = { .ip = ip, .ipv6 = true };
	struct vz_error e = { 0 };

	ok_int(net_sync(VE_A, ns_a, &c, &logger, &e), 0, "sync: %s (%s)", what, e.text);
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

static double ms_since(const struct timespec *t0)
{
	struct timespec t;

	IGNORE(clock_gettime(CLOCK_MONOTONIC, &t));
	return (double)(t.tv_sec - t0->tv_sec) * 1e3 + (double)(t.tv_nsec - t0->tv_nsec) / 1e6;
}

/* Figures, not checks: the machine is shared. */
static void test_time(void)
{
	enum { N = 50 };
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

int main(void)
{
	int links0, routes0;

	if (!test_is_root()) {
		skip("root: makes network namespaces");
		return test_done();
	}
	host = new_ns();
	ns_a = new_ns();
	ns_b = new_ns();
	ns_lan = new_ns();
	if (!ok(host >= 0 && ns_a >= 0 && ns_b >= 0 && ns_lan >= 0 && make_host() >= 0,
		"a host and two VEs"))
		return test_done();
	links0 = links();
	routes0 = routes();
	up(VE_A, ns_a, &conf_a);
	up(VE_B, ns_b, &conf_b);
	test_addresses();
	test_reach();
	test_spoof();
	test_discovery();
	test_sync();
	test_undo();
	test_kill();
	test_down(links0, routes0);
	test_lan();
	return test_done();
}
