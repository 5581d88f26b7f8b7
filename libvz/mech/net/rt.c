/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rtnetlink requests that change something: the pair, addresses, routes, proxy
 * entries.  Knows the kernel's formats, not the order of a start.  Tricky: both
 * ends have one MAC address, so that a NOARP device, which addresses every frame
 * to its own address, reaches the other end.
 */
#include "mech/net/rt.h"

#include <endian.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>

#include "base/str.h"

#define HOST_INDEX 0x40000000 /* beyond what the kernel gives out by itself */

static size_t addr_len(int family)
{
	return family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
}

static void put_addr(struct nlmsghdr *m, uint16_t type, const struct net_addr *a)
{
	mnl_attr_put(m, type, addr_len(a->family), &a->v6);
}

/* Name, address and queues of one end.  One queue each: the pair has no qdisc to feed. */
static void put_end(struct nlmsghdr *m, const char *name, uint32_t ctid)
{
	const uint32_t id = htobe32(ctid);
	uint8_t mac[6] = { 0x02, 'v' }; /* locally administered */

	memcpy(mac + 2, &id, sizeof(id));
	mnl_attr_put_strz(m, IFLA_IFNAME, name);
	mnl_attr_put(m, IFLA_ADDRESS, sizeof(mac), mac);
	mnl_attr_put_u32(m, IFLA_NUM_TX_QUEUES, 1);
	mnl_attr_put_u32(m, IFLA_NUM_RX_QUEUES, 1);
}

int rt_pair_new(struct nl *n, const char *dev, uint32_t ctid, int netns_fd, int ve_index)
{
	const struct ifinfomsg head = { .ifi_flags = IFF_NOARP,
					.ifi_change = IFF_NOARP,
					.ifi_index = ve_index ? HOST_INDEX | (int)ctid : 0 };
	struct nlmsghdr *m =
		nl_begin(n, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
	struct nlattr *info, *data, *peer;
	struct ifinfomsg ve_head = head;

	put_end(m, dev, ctid);
	info = mnl_attr_nest_start(m, IFLA_LINKINFO);
	mnl_attr_put_strz(m, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(m, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(m, VETH_INFO_PEER);
	ve_head.ifi_index = ve_index;
	memcpy(mnl_nlmsg_put_extra_header(m, sizeof(ve_head)), &ve_head, sizeof(ve_head));
	put_end(m, VE_DEV, ctid);
	mnl_attr_put_u32(m, IFLA_NET_NS_FD, (uint32_t)netns_fd);
	mnl_attr_nest_end(m, peer);
	mnl_attr_nest_end(m, data);
	mnl_attr_nest_end(m, info);
	return nl_talk(n, NULL, NULL);
}

int rt_link_del(struct nl *n, const char *dev)
{
	const struct ifinfomsg head = { 0 };
	struct nlmsghdr *m = nl_begin(n, RTM_DELLINK, 0, &head, sizeof(head));
	int r;

	mnl_attr_put_strz(m, IFLA_IFNAME, dev);
	r = nl_talk(n, NULL, NULL);
	return r == -ENODEV ? 0 : r;
}

int rt_link_up(struct nl *n, int index)
{
	const struct ifinfomsg head = { .ifi_index = index,
					.ifi_flags = IFF_UP,
					.ifi_change = IFF_UP };

	nl_begin(n, RTM_SETLINK, 0, &head, sizeof(head));
	return nl_talk(n, NULL, NULL);
}

int rt_link_settle(struct nl *n, int index)
{
	const struct ifinfomsg head = { .ifi_index = index };
	struct nlmsghdr *m = nl_begin(n, RTM_GETLINK, 0, &head, sizeof(head));

	mnl_attr_put_u32(m, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return nl_talk(n, NULL, NULL);
}

/*
 * The host end forwards (that of the input device counts), does not believe the
 * VE's ICMP redirects and checks sources even while nftables' rule is missing.
 * At the VE's end, removing the first address of a subnet keeps the others.
 */
static const struct {
	bool host_end;
	uint16_t id;
	uint32_t value;
} inet_settings[] = {
	{ true, IPV4_DEVCONF_FORWARDING, 1 },
	{ true, IPV4_DEVCONF_RP_FILTER, 1 },
	{ true, IPV4_DEVCONF_ACCEPT_REDIRECTS, 0 },
	{ false, IPV4_DEVCONF_PROMOTE_SECONDARIES, 1 },
};

static int tune_inet(struct nl *n, int index, bool host_end)
{
	const struct ifinfomsg head = { .ifi_index = index };
	struct nlmsghdr *m = nl_begin(n, RTM_SETLINK, 0, &head, sizeof(head));
	struct nlattr *spec = mnl_attr_nest_start(m, IFLA_AF_SPEC);
	struct nlattr *inet = mnl_attr_nest_start(m, AF_INET);
	struct nlattr *conf = mnl_attr_nest_start(m, IFLA_INET_CONF);

	for (size_t i = 0; i < ARRAY_SIZE(inet_settings); i++)
		if (inet_settings[i].host_end == host_end)
			mnl_attr_put_u32(m, inet_settings[i].id, inet_settings[i].value);
	mnl_attr_nest_end(m, conf);
	mnl_attr_nest_end(m, inet);
	mnl_attr_nest_end(m, spec);
	return nl_talk(n, NULL, NULL);
}

/* No link-local address: with none there is no router solicitation and no neighbour discovery. */
static int tune_inet6(struct nl *n, int index)
{
	const struct ifinfomsg head = { .ifi_index = index };
	struct nlmsghdr *m = nl_begin(n, RTM_SETLINK, 0, &head, sizeof(head));
	struct nlattr *spec = mnl_attr_nest_start(m, IFLA_AF_SPEC);
	struct nlattr *inet6 = mnl_attr_nest_start(m, AF_INET6);
	int r;

	mnl_attr_put_u8(m, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(m, inet6);
	mnl_attr_nest_end(m, spec);
	r = nl_talk(n, NULL, NULL);
	return r == -EAFNOSUPPORT ? 0 : r;
}

int rt_link_tune(struct nl *n, int index, bool host_end)
{
	int r = tune_inet(n, index, host_end);

	return r < 0 ? r : tune_inet6(n, index);
}

int rt_addr(struct nl *n, bool add, int index, const struct alias *a)
{
	const bool loopback = a->addr.family == AF_INET &&
			      be32toh(a->addr.v4.s_addr) >> 24 == IN_LOOPBACKNET;
	const struct ifaddrmsg head = {
		.ifa_family = (uint8_t)a->addr.family,
		.ifa_prefixlen = a->addr.prefix,
		.ifa_flags = a->addr.family == AF_INET6 ? IFA_F_NODAD : 0,
		.ifa_scope = loopback ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE,
		.ifa_index = (uint32_t)index,
	};
	struct nlmsghdr *m = nl_begin(n, add ? RTM_NEWADDR : RTM_DELADDR,
				      add ? NLM_F_CREATE | NLM_F_EXCL : 0, &head, sizeof(head));

	put_addr(m, IFA_LOCAL, &a->addr);
	put_addr(m, IFA_ADDRESS, &a->addr);
	if (add && a->label[0])
		mnl_attr_put_strz(m, IFA_LABEL, a->label);
	return nl_talk(n, NULL, NULL);
}

int rt_route(struct nl *n, bool add, int index, const struct net_addr *to,
	     const struct net_addr *src)
{
	const int family = to ? to->family : src->family;
	const struct rtmsg head = {
		.rtm_family = (uint8_t)family,
		.rtm_dst_len = to ? (uint8_t)(addr_len(family) * 8) : 0,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RT_PROTO,
		.rtm_scope = family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_UNICAST,
	};
	struct nlmsghdr *m = nl_begin(n, add ? RTM_NEWROUTE : RTM_DELROUTE,
				      add ? NLM_F_CREATE | NLM_F_EXCL : 0, &head, sizeof(head));

	if (to)
		put_addr(m, RTA_DST, to);
	if (add && src)
		put_addr(m, RTA_PREFSRC, src);
	mnl_attr_put_u32(m, RTA_OIF, (uint32_t)index);
	return nl_talk(n, NULL, NULL);
}

int rt_proxy(struct nl *n, bool add, int index, const struct net_addr *a)
{
	const struct ndmsg head = {
		.ndm_family = (uint8_t)a->family,
		.ndm_ifindex = index,
		.ndm_flags = NTF_PROXY,
	};
	struct nlmsghdr *m = nl_begin(n, add ? RTM_NEWNEIGH : RTM_DELNEIGH, add ? NLM_F_CREATE : 0,
				      &head, sizeof(head));

	put_addr(m, NDA_DST, a);
	if (add)
		mnl_attr_put_u8(m, NDA_PROTOCOL, RT_PROTO);
	return nl_talk(n, NULL, NULL);
}
