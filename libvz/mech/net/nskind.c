/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kinds of rtnetlink messages that a network namespace's text is made of: which attributes
 * say what somebody asked for (kept) and which what the kernel thinks of it (dropped).
 * Tricky: attributes that carry descriptors or other namespaces are in neither list.
 */
#include "mech/net/nskind.h"

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <string.h>

#define B(n)		 (1ULL << (n))
/* newer than some of our build hosts' headers */
#define A_IFA_PROTO	 11
#define A_NDA_FLAGS_EXT	 15
#define A_FRA_DSCP	 25
#define A_FRA_FLOWLABEL	 26
#define A_FRA_FLOW_MASK	 27
#define A_FRA_SPORT_MASK 28
#define A_FRA_DPORT_MASK 29
#define A_FRA_DSCP_MASK	 30
#define A_NHA_OP_FLAGS	 14

const struct ns_kind ns_kinds[NS_KINDS] = {
	[NS_NEXTHOP] = { .word = "nexthop",
			 .get = RTM_GETNEXTHOP,
			 .new = RTM_NEWNEXTHOP,
			 .head = sizeof(struct nhmsg),
			 .keep = B(NHA_ID) | B(NHA_GROUP) | B(NHA_GROUP_TYPE) | B(NHA_BLACKHOLE) |
				 B(NHA_OIF) | B(NHA_GATEWAY),
			 .drop = B(A_NHA_OP_FLAGS) },
	[NS_ADDR] = { .word = "addr",
		      .get = RTM_GETADDR,
		      .new = RTM_NEWADDR,
		      .head = sizeof(struct ifaddrmsg),
		      .keep = B(IFA_ADDRESS) | B(IFA_LOCAL) | B(IFA_LABEL) | B(IFA_BROADCAST) |
			      B(IFA_CACHEINFO) | B(IFA_FLAGS) | B(IFA_RT_PRIORITY) | B(A_IFA_PROTO),
		      .drop = B(IFA_ANYCAST) },
	[NS_ROUTE] = { .word = "route",
		       .get = RTM_GETROUTE,
		       .new = RTM_NEWROUTE,
		       .head = sizeof(struct rtmsg),
		       .keep = B(RTA_DST) | B(RTA_SRC) | B(RTA_IIF) | B(RTA_OIF) | B(RTA_GATEWAY) |
			       B(RTA_PRIORITY) | B(RTA_PREFSRC) | B(RTA_METRICS) |
			       B(RTA_MULTIPATH) | B(RTA_FLOW) | B(RTA_TABLE) | B(RTA_VIA) |
			       B(RTA_PREF) | B(RTA_EXPIRES) | B(RTA_NH_ID),
		       .drop = B(RTA_CACHEINFO) },
	[NS_RULE] = { .word = "rule",
		      .get = RTM_GETRULE,
		      .new = RTM_NEWRULE,
		      .head = sizeof(struct fib_rule_hdr),
		      .keep = B(FRA_DST) | B(FRA_SRC) | B(FRA_IIFNAME) | B(FRA_GOTO) |
			      B(FRA_PRIORITY) | B(FRA_FWMARK) | B(FRA_FLOW) | B(FRA_TUN_ID) |
			      B(FRA_SUPPRESS_IFGROUP) | B(FRA_SUPPRESS_PREFIXLEN) | B(FRA_TABLE) |
			      B(FRA_FWMASK) | B(FRA_OIFNAME) | B(FRA_L3MDEV) | B(FRA_PROTOCOL) |
			      B(FRA_IP_PROTO) | B(FRA_SPORT_RANGE) | B(FRA_DPORT_RANGE) |
			      B(A_FRA_DSCP) | B(A_FRA_FLOWLABEL) | B(A_FRA_FLOW_MASK) |
			      B(A_FRA_SPORT_MASK) | B(A_FRA_DPORT_MASK) | B(A_FRA_DSCP_MASK),
		      .drop = B(FRA_PAD) },
	[NS_NEIGH] = { .word = "neigh",
		       .get = RTM_GETNEIGH,
		       .new = RTM_NEWNEIGH,
		       .head = sizeof(struct ndmsg),
		       .keep = B(NDA_DST) | B(NDA_LLADDR) | B(NDA_PROTOCOL),
		       .drop = B(NDA_CACHEINFO) | B(NDA_PROBES) | B(A_NDA_FLAGS_EXT) },
};

void ns_hex(struct str *out, const void *data, size_t n)
{
	const unsigned char *p = data;
	char two[3];

	for (size_t i = 0; i < n; i++) {
		(void)snprintf(two, sizeof(two), "%02x", p[i]);
		str_addn(out, two, 2);
	}
}

ssize_t ns_unhex(const char *s, void *buf, size_t max)
{
	static const char digits[] = "0123456789abcdef";
	const size_t n = strlen(s) / 2;
	unsigned char *p = buf;

	if (strlen(s) % 2 || n > max || strspn(s, digits) != strlen(s))
		return -EBADMSG;
	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)((strchr(digits, s[2 * i]) - digits) << 4 |
				       (strchr(digits, s[2 * i + 1]) - digits));
	return (ssize_t)n;
}

/* What of the answer may not be asked for. */
static void scrub_head(const struct ns_kind *k, void *head)
{
	if (k->new == RTM_NEWNEXTHOP)
		((struct nhmsg *)head)->nh_scope = 0;
	if (k->new == RTM_NEWNEXTHOP)
		((struct nhmsg *)head)->nh_flags &= RTNH_F_ONLINK;
	if (k->new == RTM_NEWROUTE)
		((struct rtmsg *)head)->rtm_flags &= RTNH_F_ONLINK;
}

static void put_attr(struct str *out, const struct ns_kind *k, const struct nlattr *a)
{
	static const char pad[MNL_ALIGNTO];
	struct ifa_cacheinfo c;

	if (k->new == RTM_NEWADDR &&
	    mnl_attr_get_type(a) == IFA_CACHEINFO &&mnl_attr_get_payload_len(a) == sizeof(c)) {
		memcpy(&c, mnl_attr_get_payload(a), sizeof(c));
		c.cstamp = c.tstamp = 0; /* when it was made and changed */
		ns_hex(out, a, sizeof(*a));
		ns_hex(out, &c, sizeof(c));
		return;
	}
	ns_hex(out, a, a->nla_len);
	ns_hex(out, pad, MNL_ALIGN(a->nla_len) - a->nla_len);
}

int ns_put(struct str *out, const struct ns_kind *k, const struct nlmsghdr *m)
{
	const uint64_t where = B(RTA_OIF) | B(RTA_GATEWAY) | B(RTA_VIA) | B(RTA_MULTIPATH);
	uint64_t keep = k->keep, has = 0;
	const struct nlattr *a;
	size_t total = k->head;
	char head[64];

	if (mnl_nlmsg_get_payload_len(m) < k->head || k->head > sizeof(head))
		return -EBADMSG;
	mnl_attr_for_each(a, m, k->head)
	{
		const uint64_t bit = mnl_attr_get_type(a) < 64 ? B(mnl_attr_get_type(a)) : 0;

		if (!(bit & (k->keep | k->drop)))
			return 0;
		has |= bit;
		total += bit & k->keep ? MNL_ALIGN(a->nla_len) : 0;
	}
	if (total > NS_MAX_MSG)
		return 0;
	/* the nexthop it names says where */
	if (k->new == RTM_NEWROUTE && has &B(RTA_NH_ID))
		keep &= ~where;
	memcpy(head, mnl_nlmsg_get_payload(m), k->head);
	scrub_head(k, head);
	str_addf(out, "%s ", k->word);
	ns_hex(out, head, k->head);
	mnl_attr_for_each(a, m, k->head) if (B(mnl_attr_get_type(a)) & keep) put_attr(out, k, a);
	str_add(out, "\n");
	return 1;
}

bool ns_attrs_valid(const void *data, size_t n, uint64_t keep)
{
	const char *p = data;

	for (size_t at = 0, len; at < n; at += len) {
		struct nlattr a;
		uint16_t type;

		if (n - at < sizeof(a))
			return false;
		memcpy(&a, p + at, sizeof(a));
		type = a.nla_type & NLA_TYPE_MASK;
		len = (size_t)MNL_ALIGN(a.nla_len);
		if (a.nla_len < sizeof(a) || len > n - at || type >= 64 || !(B(type) & keep))
			return false;
	}
	return true;
}
