/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A "host" with a network and a neighbour on it, and two "VEs", all network namespaces of the
 * test itself; datagrams from any source between them, and what the kernel has of them.
 */
#ifndef NET_NS_H
#define NET_NS_H

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

#include "mech/net/net.h"
#include "mech/net/rt.h"
#include "os/os.h"
#include "test.h"

enum { PORT = 4242, VE_A = 101, VE_B = 102 };

static int host = -EBADF, ns_a = -EBADF, ns_b = -EBADF, ns_lan = -EBADF;
static int wait_ms = 150;
static char warning[256];

static inline void keep_warning(void *data, int level, const char *line)
{
	(void)data;
	if (level == VZ_LOG_WARN)
		(void)snprintf(warning, sizeof(warning), "%s", line);
}
static const struct logger logger = { .fn = keep_warning, .level = VZ_LOG_WARN };

/* A fresh network namespace; the thread stays where it is. */
static inline int new_ns(void)
{
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		return -errno;
	fd = os_openat(AT_FDCWD, "/proc/thread-self/ns/net", O_RDONLY, 0, 0);
	if (host >= 0 && os_setns(host, CLONE_NEWNET) < 0)
		abort();
	return fd;
}

/* One that belongs to a user namespace of its own, as a VE's does. */
static inline int new_ve_ns(void)
{
	char path[64];
	int fd;
	pid_t pid = os_clone(CLONE_NEWUSER | CLONE_NEWNET, -1, NULL);

	if (pid == 0)
		for (;;)
			pause();
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	fd = os_openat(AT_FDCWD, path, O_RDONLY, 0, 0);
	IGNORE(kill(pid, SIGKILL));
	IGNORE(os_reap(pid, NULL));
	return fd;
}

static inline struct net_addr addr(const char *text)
{
	struct net_addr a = { 0 };

	if (net_addr_parse(text, &a, NULL) < 0)
		abort();
	return a;
}

static inline socklen_t sockaddr_of(const struct net_addr *a, struct sockaddr_storage *ret)
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
static inline int bound(int ns, const struct net_addr *a)
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
static inline int reaches(int from_ns, const char *from, int to_ns, const char *to)
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

static inline int count_one(const struct nlmsghdr *m, void *data)
{
	(void)m;
	++*(int *)data;
	return 0;
}

static inline int count(uint16_t type, const void *head, size_t len)
{
	_cleanup_nl_ struct nl *n = NULL;
	int found = 0;

	if (nl_open(&n, -1, NETLINK_ROUTE) < 0)
		return -1;
	nl_begin(n, type, NLM_F_DUMP, head, len);
	return nl_talk(n, count_one, &found) < 0 ? -1 : found;
}

static inline int links(void)
{
	return count(RTM_GETLINK, &(struct ifinfomsg){ 0 }, sizeof(struct ifinfomsg));
}

static inline int routes(void)
{
	const struct rtmsg v4 = { .rtm_family = AF_INET }, v6 = { .rtm_family = AF_INET6 };

	return count(RTM_GETROUTE, &v4, sizeof(v4)) + count(RTM_GETROUTE, &v6, sizeof(v6));
}

static inline int proxies(void)
{
	return count(RTM_GETNEIGH, &(struct ndmsg){ .ndm_flags = NTF_PROXY }, sizeof(struct ndmsg));
}

static inline int add_packets(struct nftnl_expr *x, void *data)
{
	if (strcmp(nftnl_expr_get_str(x, NFTNL_EXPR_NAME), "counter") == 0)
		*(uint64_t *)data += nftnl_expr_get_u64(x, NFTNL_EXPR_CTR_PACKETS);
	return 0;
}

static inline int rule_packets(const struct nlmsghdr *m, void *data)
{
	struct nftnl_rule *r = nftnl_rule_alloc();

	if (r && nftnl_rule_nlmsg_parse(m, r) == 0)
		nftnl_expr_foreach(r, add_packets, data);
	nftnl_rule_free(r);
	return 0;
}

/* Packets the table dropped; -ENOENT when there is no table. */
static inline int64_t dropped(void)
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
static inline char *addresses(int ns)
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

static inline const char *default_src(int ns, int family)
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

/*
 * The kernel makes the local route of an IPv6 address a moment later (from a work queue): until
 * then nobody can send to it, and one route is missing.
 */
static inline int settle(int ns, char *const *ip)
{
	_cleanup_nl_ struct nl *n = NULL;
	struct rt_way way;
	int r = nl_open(&n, ns, NETLINK_ROUTE);

	for (; r >= 0 && *ip; ip++) {
		const struct net_addr a = addr(*ip);

		way.local = net_addr_is_unspecified(&a);
		for (int i = 0; r >= 0 && !way.local && i < 1000; i++) {
			r = rt_way(n, &a, &way);
			IGNORE(poll(NULL, 0, way.local ? 0 : 1));
		}
		r = way.local ? r : -ETIMEDOUT;
	}
	return r;
}

/* ---- the host: its network device, with a neighbour at the other end ---- */

static inline int make_lan(struct nl *n)
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

static inline int lan_up(struct nl *n, const char *v4, const char *v6)
{
	const struct alias a = { .addr = addr(v4) }, b = { .addr = addr(v6) };
	int index = nl_ifindex(n, "lan"), r;

	/* no link-local address either: it comes late and brings routes, which are counted */
	r = rt_link_tune(n, index, false);
	r = RET_GATHER(r, rt_link_up(n, index));
	r = RET_GATHER(r, rt_addr(n, true, index, &a));
	return RET_GATHER(r, rt_addr(n, true, index, &b));
}

static inline int make_host(void)
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
	r = RET_GATHER(r, lan_up(n, "192.0.2.1/24", "2001:db8::1/64"));
	r = RET_GATHER(r, rt_link_settle(n, nl_ifindex(n, "lan")));
	r = RET_GATHER(r, settle(ns_lan, (char *[]){ "2001:db8::200", NULL }));
	return RET_GATHER(r, settle(host, (char *[]){ "2001:db8::1", NULL }));
}

static const struct net_conf conf_a = { .ip = (char *[]){ "10.1.0.1", "10.1.0.2", "2001:db8:1::1",
							  NULL },
					.ipv6 = true };
static const struct net_conf conf_b = { .ip = (char *[]){ "10.2.0.1", "192.0.2.50", "2001:db8:2::1",
							  "2001:db8::50", "0.0.0.0", NULL },
					.ipv6 = true };

static inline void up(uint32_t ctid, int ns, const struct net_conf *c)
{
	struct vz_error e = { 0 };

	ok_int(net_up(ctid, ns, c, &logger, &e), 0, "VE %u is up (%s)", ctid, e.text);
	ok_int(settle(ns, c->ip), 0, "and has its addresses");
}

/* The namespaces and the host's network; false after saying why the test cannot go on. */
static inline bool net_ns_begin(void)
{
	if (!test_is_root()) {
		skip("root: makes network namespaces");
		return false;
	}
	host = new_ns();
	ns_a = new_ve_ns();
	ns_b = new_ve_ns();
	ns_lan = new_ns();
	return ok(host >= 0 && ns_a >= 0 && ns_b >= 0 && ns_lan >= 0 && make_host() >= 0,
		  "a host and two VEs");
}

#endif
