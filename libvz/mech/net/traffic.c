/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What went through a VE's pair, counted by the kernel at the host's end: what that received, the VE sent. */
#include "mech/net/net.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "mech/net/rt.h"
#include "os/nl.h"

static int stats_cb(const struct nlmsghdr *m, void *data)
{
	struct net_traffic *t = data;
	const struct nlattr *a;

	mnl_attr_for_each(a, m, sizeof(struct ifinfomsg))
	{
		struct rtnl_link_stats64 s = { 0 };
		size_t n = mnl_attr_get_payload_len(a);

		if (mnl_attr_get_type(a) != IFLA_STATS64)
			continue;
		memcpy(&s, mnl_attr_get_payload(a), n < sizeof(s) ? n : sizeof(s));
		*t = (struct net_traffic){ .in_bytes = s.tx_bytes,
					   .in_packets = s.tx_packets,
					   .out_bytes = s.rx_bytes,
					   .out_packets = s.rx_packets };
	}
	return 0;
}

int net_traffic(uint32_t ctid, struct net_traffic *ret)
{
	const struct ifinfomsg head = { 0 };
	_cleanup_nl_ struct nl *n = NULL;
	char dev[IFNAMSIZ];
	struct nlmsghdr *m;
	int r = nl_open(&n, -1, NETLINK_ROUTE);

	if (r < 0)
		return r;
	(void)snprintf(dev, sizeof(dev), HOST_DEV "%u", ctid);
	m = nl_begin(n, RTM_GETLINK, 0, &head, sizeof(head));
	mnl_attr_put_strz(m, IFLA_IFNAME, dev);
	*ret = (struct net_traffic){ 0 };
	return nl_talk(n, stats_cb, ret);
}
