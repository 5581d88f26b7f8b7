/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rtnetlink requests that read: addresses, our routes, the way to an address,
 * and the sweep of stale proxy entries.  Dumps are filtered by the kernel where
 * it can (strict checking) and again here.  Tricky: what is read in a VE's
 * namespace was written by its root: lengths are checked, the number is bounded.
 */
#include "mech/net/rt.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/str.h"

enum { MAX_ALIASES = 65536, DUMP_TRIES = 5 };

void alias_list_done(struct alias_list *l)
{
	free(l->v);
	*l = (struct alias_list){ 0 };
}

int alias_list_add(struct alias_list *l, const struct alias *a)
{
	struct alias *v;

	if (l->n >= MAX_ALIASES)
		return -E2BIG;
	v = realloc(l->v, (l->n + 1) * sizeof(*v));
	if (!v)
		return -ENOMEM;
	v[l->n++] = *a;
	l->v = v;
	return 0;
}

/* Attributes wanted of a message: types up to N, pointers into the message. */
static void take_attrs(const struct nlmsghdr *m, size_t head, const struct nlattr **at, uint16_t n)
{
	const struct nlattr *a;

	mnl_attr_for_each(a, m, head) if (mnl_attr_get_type(a) < n) at[mnl_attr_get_type(a)] = a;
}

static bool take_addr(const struct nlattr *a, int family, struct net_addr *ret)
{
	const size_t len = family == AF_INET ? sizeof(ret->v4) : sizeof(ret->v6);

	if (!a || (family != AF_INET && family != AF_INET6) || mnl_attr_get_payload_len(a) != len)
		return false;
	*ret = (struct net_addr){ .family = family, .prefix = (uint8_t)(len * 8) };
	memcpy(&ret->v6, mnl_attr_get_payload(a), len);
	return true;
}

static int take_u32(const struct nlattr *a, int otherwise)
{
	return a && mnl_attr_get_payload_len(a) == sizeof(uint32_t) ? (int)mnl_attr_get_u32(a)
								    : otherwise;
}

struct reading {
	int index;
	struct alias_list *list;
	struct net_addr *src;
	bool found;
};

static int addr_cb(const struct nlmsghdr *m, void *data)
{
	const struct ifaddrmsg *head = mnl_nlmsg_get_payload(m);
	const struct nlattr *at[IFA_MAX + 1] = { 0 };
	struct reading *rd = data;
	struct alias a = { 0 };

	if (mnl_nlmsg_get_payload_len(m) < sizeof(*head) || m->nlmsg_type != RTM_NEWADDR)
		return -EBADMSG;
	take_attrs(m, sizeof(*head), at, ARRAY_SIZE(at));
	if ((int)head->ifa_index != rd->index ||
	    !take_addr(at[IFA_LOCAL] ? at[IFA_LOCAL] : at[IFA_ADDRESS], head->ifa_family, &a.addr))
		return 0;
	if (head->ifa_family == AF_INET6 && head->ifa_scope != RT_SCOPE_UNIVERSE)
		return 0;
	a.addr.prefix = head->ifa_prefixlen;
	if (at[IFA_LABEL])
		(void)snprintf(a.label, sizeof(a.label), "%.*s",
			       (int)mnl_attr_get_payload_len(at[IFA_LABEL]),
			       mnl_attr_get_str(at[IFA_LABEL]));
	return alias_list_add(rd->list, &a);
}

static int route_cb(const struct nlmsghdr *m, void *data)
{
	const struct rtmsg *head = mnl_nlmsg_get_payload(m);
	const struct nlattr *at[RTA_MAX + 1] = { 0 };
	struct reading *rd = data;
	struct alias a = { 0 };

	if (mnl_nlmsg_get_payload_len(m) < sizeof(*head) || m->nlmsg_type != RTM_NEWROUTE)
		return -EBADMSG;
	take_attrs(m, sizeof(*head), at, ARRAY_SIZE(at));
	if (take_u32(at[RTA_OIF], 0) != rd->index || head->rtm_table != RT_TABLE_MAIN ||
	    head->rtm_flags & RTM_F_CLONED)
		return 0;
	if (rd->src && head->rtm_dst_len == 0 && head->rtm_type == RTN_UNICAST) {
		rd->found = true;
		(void)take_addr(at[RTA_PREFSRC], head->rtm_family, rd->src);
	}
	if (!rd->list || head->rtm_protocol != RT_PROTO ||
	    !take_addr(at[RTA_DST], head->rtm_family, &a.addr) ||
	    head->rtm_dst_len != a.addr.prefix)
		return 0;
	return alias_list_add(rd->list, &a);
}

/* Ask again while other changes keep interrupting the dump. */
static int dump(struct nl *n, uint16_t type, const void *head, size_t len, struct reading *rd)
{
	nl_cb *cb = type == RTM_GETADDR ? addr_cb : route_cb;
	const size_t before = rd->list ? rd->list->n : 0;
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < DUMP_TRIES; i++) {
		struct nlmsghdr *m = nl_begin(n, type, NLM_F_DUMP, head, len);

		if (type == RTM_GETROUTE)
			mnl_attr_put_u32(m, RTA_OIF, (uint32_t)rd->index);
		if (rd->list)
			rd->list->n = before;
		r = nl_talk(n, cb, rd);
	}
	return r;
}

static const uint8_t families[] = { AF_INET, AF_INET6 };

int rt_addrs(struct nl *n, int index, struct alias_list *ret)
{
	struct reading rd = { .index = index, .list = ret };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(families); i++) {
		const struct ifaddrmsg head = { .ifa_family = families[i],
						.ifa_index = (uint32_t)index };

		r = dump(n, RTM_GETADDR, &head, sizeof(head), &rd);
	}
	return r;
}

static int dump_routes(struct nl *n, uint8_t family, struct reading *rd)
{
	const struct rtmsg head = { .rtm_family = family, .rtm_table = RT_TABLE_MAIN };

	return dump(n, RTM_GETROUTE, &head, sizeof(head), rd);
}

int rt_host_routes(struct nl *n, int index, struct alias_list *ret)
{
	struct reading rd = { .index = index, .list = ret };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(families); i++)
		r = dump_routes(n, families[i], &rd);
	return r;
}

int rt_default_src(struct nl *n, int family, int index, struct net_addr *ret)
{
	struct reading rd = { .index = index, .src = ret };
	int r;

	*ret = (struct net_addr){ .family = family };
	r = dump_routes(n, (uint8_t)family, &rd);
	return r < 0 ? r : rd.found;
}

static int way_cb(const struct nlmsghdr *m, void *data)
{
	const struct rtmsg *head = mnl_nlmsg_get_payload(m);
	const struct nlattr *at[RTA_MAX + 1] = { 0 };
	struct rt_way *way = data;

	if (mnl_nlmsg_get_payload_len(m) < sizeof(*head) || m->nlmsg_type != RTM_NEWROUTE)
		return -EBADMSG;
	take_attrs(m, sizeof(*head), at, ARRAY_SIZE(at));
	*way = (struct rt_way){
		.local = head->rtm_type == RTN_LOCAL || head->rtm_type == RTN_BROADCAST ||
			 head->rtm_type == RTN_ANYCAST,
		.unicast = head->rtm_type == RTN_UNICAST,
		.on_link = !at[RTA_GATEWAY] && !at[RTA_VIA] && !at[RTA_MULTIPATH],
		.prefix = head->rtm_dst_len,
		.oif = take_u32(at[RTA_OIF], 0),
	};
	return 0;
}

int rt_way(struct nl *n, const struct net_addr *a, struct rt_way *ret)
{
	const size_t len = a->family == AF_INET ? sizeof(a->v4) : sizeof(a->v6);
	const struct rtmsg head = {
		.rtm_family = (uint8_t)a->family,
		.rtm_dst_len = (uint8_t)(len * 8),
		.rtm_flags = RTM_F_FIB_MATCH, /* the route itself, with its prefix and gateway */
	};
	struct nlmsghdr *m = nl_begin(n, RTM_GETROUTE, 0, &head, sizeof(head));

	int r;

	mnl_attr_put(m, RTA_DST, len, &a->v6);
	*ret = (struct rt_way){ 0 };
	r = nl_talk(n, way_cb, ret);
	/* unreachable, blackhole and prohibit routes speak through these */
	return r == -ENETUNREACH || r == -EHOSTUNREACH || r == -EINVAL || r == -EACCES ? 0 : r;
}

static int link_cb(const struct nlmsghdr *m, void *data)
{
	const struct nlattr *at[IFLA_IFNAME + 1] = { 0 };

	if (m->nlmsg_type != RTM_NEWLINK)
		return -EBADMSG;
	take_attrs(m, sizeof(struct ifinfomsg), at, ARRAY_SIZE(at));
	if (at[IFLA_IFNAME] && str_has_prefix(mnl_attr_get_str(at[IFLA_IFNAME]), HOST_DEV))
		*(bool *)data = true;
	return 0;
}

int rt_any_host_dev(struct nl *n)
{
	const struct ifinfomsg head = { 0 };
	struct nlmsghdr *m = nl_begin(n, RTM_GETLINK, NLM_F_DUMP, &head, sizeof(head));
	bool found = false;
	int r;

	mnl_attr_put_u32(m, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	r = nl_talk(n, link_cb, &found);
	return found ? 1 : r;
}

static int proxy_cb(const struct nlmsghdr *m, void *data)
{
	const struct ndmsg *head = mnl_nlmsg_get_payload(m);
	const struct nlattr *at[NDA_MAX + 1] = { 0 };
	struct alias a = { .index = head->ndm_ifindex };

	if (mnl_nlmsg_get_payload_len(m) < sizeof(*head) || m->nlmsg_type != RTM_NEWNEIGH)
		return -EBADMSG;
	take_attrs(m, sizeof(*head), at, ARRAY_SIZE(at));
	if (!(head->ndm_flags & NTF_PROXY) || !at[NDA_PROTOCOL] ||
	    mnl_attr_get_u8(at[NDA_PROTOCOL]) != RT_PROTO ||
	    !take_addr(at[NDA_DST], head->ndm_family, &a.addr))
		return 0;
	return alias_list_add(data, &a);
}

/* Does the host still send packets to this address to a VE? */
static bool goes_to_ve(struct nl *n, const struct net_addr *a)
{
	char name[IFNAMSIZ];
	struct rt_way way;

	return rt_way(n, a, &way) >= 0 && way.unicast && nl_ifname(n, way.oif, name) >= 0 &&
	       str_has_prefix(name, HOST_DEV);
}

int rt_sweep_proxies(struct nl *n)
{
	const struct ndmsg head = { .ndm_flags = NTF_PROXY };
	_cleanup_aliases_ struct alias_list all = { 0 };
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < DUMP_TRIES; i++) {
		nl_begin(n, RTM_GETNEIGH, NLM_F_DUMP, &head, sizeof(head));
		all.n = 0;
		r = nl_talk(n, proxy_cb, &all);
	}
	for (size_t i = 0; r >= 0 && i < all.n; i++) {
		if (goes_to_ve(n, &all.v[i].addr))
			continue;
		r = rt_proxy(n, false, all.v[i].index, &all.v[i].addr);
		r = r == -ENOENT ? 0 : r;
	}
	return r;
}
