/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writing down what a VE's root made of its network namespace (format: nskind.h).  Knows
 * what is there without anybody's doing: what net_up() makes, what the kernel adds by
 * itself.  Tricky: all that
 * is read was written by the VE's root, so all is bounded.
 */
#include "mech/net/netns.h"

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <string.h>

#include "mech/net/nsnft.h"
#include "mech/net/nskind.h"
#include "os/os.h"

enum { LOOPBACK = 1, DUMP_TRIES = 5 };

struct save {
	const struct net_conf *conf;
	struct nl *n;
	struct str out;
	int ve_index;
	char why[96]; /* "" while all can be made again */
	/* rules of one family: as the kernel has them when nobody touched them? */
	struct str rules;
	unsigned int nrules, usual;
};

static int cannot(struct save *s, const char *what)
{
	if (!s->why[0])
		(void)snprintf(s->why, sizeof(s->why), "%s", what);
	return 0;
}

/* ---- devices ---- */

/* In every namespace once the host has loaded their module; nothing as long as they are down. */
static bool is_fallback(const char *name)
{
	static const char *const names[] = { "tunl0",	 "gre0", "gretap0", "erspan0", "ip_vti0",
					     "ip6_vti0", "sit0", "ip6tnl0", "ip6gre0" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static uint32_t attr_u32(const struct nlattr *a)
{
	return a && mnl_attr_get_payload_len(a) == sizeof(uint32_t) ? mnl_attr_get_u32(a) : 0;
}

static int link_cb(const struct nlmsghdr *m, void *data)
{
	const struct ifinfomsg *head = mnl_nlmsg_get_payload(m);
	const struct nlattr *at[IFLA_MAX + 1] = { 0 }, *a;
	struct save *s = data;
	char name[IFNAMSIZ], what[64];

	if (m->nlmsg_type != RTM_NEWLINK)
		return -EBADMSG;
	mnl_attr_for_each(a, m, sizeof(*head)) if (mnl_attr_get_type(a) <= IFLA_MAX)
		at[mnl_attr_get_type(a)] = a;
	if (!at[IFLA_IFNAME])
		return -EBADMSG;
	(void)snprintf(name, sizeof(name), "%.*s", (int)mnl_attr_get_payload_len(at[IFLA_IFNAME]),
		       mnl_attr_get_str(at[IFLA_IFNAME]));
	if (strcmp(name, VE_DEV) == 0)
		s->ve_index = head->ifi_index;
	else if (head->ifi_index != LOOPBACK || strcmp(name, "lo") != 0) {
		(void)snprintf(what, sizeof(what), "device %s", name);
		return is_fallback(name) && !(head->ifi_flags & IFF_UP) ? 0 : cannot(s, what);
	}
	str_addf(&s->out, "link %s %d %u %u %s\n", name, head->ifi_index, attr_u32(at[IFLA_MTU]),
		 attr_u32(at[IFLA_TXQLEN]), head->ifi_flags & IFF_UP ? "up" : "down");
	return 0;
}

/* ---- what rtnetlink has: 1 take it, 0 leave it out ---- */

static bool is_ours(const struct save *s, int index)
{
	return index == 0 || index == LOOPBACK || (s->ve_index && index == s->ve_index);
}

/* net_up() makes what is configured, whatever that will be by then. */
static bool is_configured(const struct save *s, const struct nlmsghdr *m, int family)
{
	const struct nlattr *a, *local = NULL;

	mnl_attr_for_each(a, m, sizeof(struct ifaddrmsg))
	{
		if (mnl_attr_get_type(a) == IFA_LOCAL ||
		    (!local && mnl_attr_get_type(a) == IFA_ADDRESS))
			local = a;
	}
	for (size_t i = 0; local && s->conf->ip && s->conf->ip[i]; i++) {
		const size_t len = family == AF_INET ? 4 : 16;
		struct net_addr c;

		if (net_addr_parse(s->conf->ip[i], &c, NULL) >= 0 && c.family == family &&
		    mnl_attr_get_payload_len(local) == len &&
		    memcmp(&c.v6, mnl_attr_get_payload(local), len) == 0)
			return true;
	}
	return false;
}

static int take_addr(struct save *s, const struct nlmsghdr *m)
{
	const struct ifaddrmsg *head = mnl_nlmsg_get_payload(m);

	if (!is_ours(s, (int)head->ifa_index))
		return cannot(s, "an address on a tunnel");
	/* of a router's announcement: comes again */
	if (head->ifa_family == AF_INET6 && head->ifa_flags & IFA_F_TEMPORARY)
		return 0;
	return !is_configured(s, m, head->ifa_family);
}

static int take_route(struct save *s, const struct nlmsghdr *m)
{
	const struct rtmsg *head = mnl_nlmsg_get_payload(m);

	(void)s;
	return head->rtm_protocol != RTPROT_KERNEL && head->rtm_protocol != RTPROT_REDIRECT &&
	       head->rtm_protocol != RTPROT_RA && head->rtm_protocol != RT_PROTO &&
	       !(head->rtm_flags & RTM_F_CLONED) && head->rtm_type != RTN_BROADCAST &&
	       head->rtm_type != RTN_ANYCAST;
}

static int take_neigh(struct save *s, const struct nlmsghdr *m)
{
	const struct ndmsg *head = mnl_nlmsg_get_payload(m);

	return is_ours(s, head->ndm_ifindex) &&
	       (head->ndm_state & NUD_PERMANENT || head->ndm_flags & NTF_PROXY);
}

static int take_nexthop(struct save *s, const struct nlmsghdr *m)
{
	(void)s;
	(void)m;
	return 1;
}

/* Every namespace begins with these three (IPv6: the first and the second). */
static bool is_usual_rule(const struct nlmsghdr *m)
{
	const struct fib_rule_hdr *head = mnl_nlmsg_get_payload(m);
	const struct nlattr *a;
	uint32_t pref = 0;

	mnl_attr_for_each(a, m, sizeof(*head))
	{
		switch (mnl_attr_get_type(a)) {
		case FRA_PRIORITY:
			pref = attr_u32(a);
			break;
		case FRA_TABLE:
		case FRA_SUPPRESS_PREFIXLEN:
		case FRA_PROTOCOL:
			break;
		default:
			return false;
		}
	}
	return head->action == FR_ACT_TO_TBL && !head->flags && !head->tos &&
	       ((pref == 0 && head->table == RT_TABLE_LOCAL) ||
		(pref == 32766 && head->table == RT_TABLE_MAIN) ||
		(pref == 32767 && head->table == RT_TABLE_DEFAULT));
}

static int take_rule(struct save *s, const struct nlmsghdr *m)
{
	s->nrules++;
	s->usual += is_usual_rule(m);
	return 1;
}

struct reading {
	struct save *s;
	int kind;
	struct str *out;
};

static int kind_cb(const struct nlmsghdr *m, void *data)
{
	static int (*const take[NS_KINDS])(struct save * s, const struct nlmsghdr *m) = {
		[NS_NEXTHOP] = take_nexthop, [NS_ADDR] = take_addr,   [NS_ROUTE] = take_route,
		[NS_RULE] = take_rule,	     [NS_NEIGH] = take_neigh,
	};
	const struct reading *rd = data;
	const struct ns_kind *k = &ns_kinds[rd->kind];
	struct save *s = rd->s;
	char what[64];
	int r;

	if (m->nlmsg_type != k->new || mnl_nlmsg_get_payload_len(m) < k->head)
		return -EBADMSG;
	if (s->why[0])
		return 0;
	if (s->out.len > NS_MAX_TEXT)
		return cannot(s, "more network state than a dump holds");
	r = take[rd->kind](s, m);
	if (r <= 0)
		return r;
	r = ns_put(rd->out, k, m);
	if (r != 0)
		return r < 0 ? r : 0;
	(void)snprintf(what, sizeof(what), "an unusual %s", k->word);
	return cannot(s, what);
}

static int dump(struct save *s, int kind, const void *head, struct str *out)
{
	struct reading rd = { .s = s, .kind = kind, .out = out };
	const size_t before = out->len;
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < DUMP_TRIES; i++) {
		out->len = before;
		nl_begin(s->n, ns_kinds[kind].get, NLM_F_DUMP, head, ns_kinds[kind].head);
		r = nl_talk(s->n, kind_cb, &rd);
	}
	/* a kernel without this family */
	return r == -EOPNOTSUPP || r == -EAFNOSUPPORT ? 0 : r;
}

static int dump_rules(struct save *s, int family)
{
	const struct fib_rule_hdr head = { .family = (uint8_t)family };
	const unsigned int all = family == AF_INET ? 3 : 2;
	int r;

	str_done(&s->rules);
	s->nrules = s->usual = 0;
	r = dump(s, NS_RULE, &head, &s->rules);
	if (r < 0 || (s->nrules == all && s->usual == all) || !s->nrules)
		return r;
	str_addf(&s->out, "rules %d\n", family);
	str_addn(&s->out, s->rules.p, s->rules.len);
	return s->rules.failed ? -ENOMEM : 0;
}

/* IPv6 lists the newest address first; written down is the order they were made in, which decides between equals. */
static int dump_addrs(struct save *s, uint8_t family)
{
	const struct ifaddrmsg head = { .ifa_family = family };
	_cleanup_str_ struct str lines = { 0 };
	int r = dump(s, NS_ADDR, &head, &lines);

	if (r < 0 || lines.failed)
		return r < 0 ? r : -ENOMEM;
	if (family == AF_INET)
		str_addn(&s->out, lines.p, lines.len);
	while (family == AF_INET6 && lines.len) {
		size_t at = lines.len - 1;

		while (at && lines.p[at - 1] != '\n')
			at--;
		str_addn(&s->out, lines.p + at, lines.len - at);
		lines.len = at;
	}
	return 0;
}

static int dump_all(struct save *s)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	int r = dump(s, NS_NEXTHOP, &(struct nhmsg){ 0 }, &s->out);

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(families); i++) {
		const struct rtmsg route = { .rtm_family = families[i] };
		const struct ndmsg neigh = { .ndm_family = families[i] };
		const struct ndmsg proxy = { .ndm_family = families[i], .ndm_flags = NTF_PROXY };

		r = dump_addrs(s, families[i]);
		if (r >= 0)
			r = dump(s, NS_ROUTE, &route, &s->out);
		if (r >= 0)
			r = dump_rules(s, families[i]);
		if (r >= 0)
			r = dump(s, NS_NEIGH, &neigh, &s->out);
		if (r >= 0)
			r = dump(s, NS_NEIGH, &proxy, &s->out);
	}
	return r;
}

/* ---- files of the namespace the reader is in ---- */

/* iptables-legacy and its like register their tables by name. */
static void find_old_tables(struct save *s)
{
	static const char *const files[] = { "ip_tables_names", "ip6_tables_names",
					     "arp_tables_names" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *text = NULL;
		char path[64];

		(void)snprintf(path, sizeof(path), "/proc/thread-self/net/%s", files[i]);
		if (os_read_file_at(AT_FDCWD, path, 4096, &text, NULL) >= 0 && *text)
			(void)cannot(s, "rules of the old iptables (iptables-legacy)");
	}
}

static int look_for_old_tables(struct save *s, int netns_fd)
{
	_cleanup_close_ int own = os_ns_own(CLONE_NEWNET);
	int r = own < 0 ? own : os_setns(netns_fd, CLONE_NEWNET);

	if (r < 0)
		return r;
	find_old_tables(s);
	os_ns_back(own, CLONE_NEWNET);
	return r;
}

static int save_all(struct save *s, int netns_fd, const char *settings)
{
	const struct ifinfomsg head = { 0 };
	struct nlmsghdr *m;
	int r = nl_open(&s->n, netns_fd, NETLINK_ROUTE);

	if (r < 0)
		return r;
	str_add(&s->out, NS_MAGIC "\n");
	str_add(&s->out, settings ? settings : "");
	m = nl_begin(s->n, RTM_GETLINK, NLM_F_DUMP, &head, sizeof(head));
	mnl_attr_put_u32(m, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	r = nl_talk(s->n, link_cb, s);
	if (r >= 0 && !s->why[0])
		r = look_for_old_tables(s, netns_fd);
	if (r >= 0 && !s->why[0])
		r = dump_all(s);
	if (r >= 0 && !s->why[0])
		r = ns_nft_save(netns_fd, &s->out, s->why, sizeof(s->why));
	if (r >= 0 && s->out.len > NS_MAX_TEXT)
		r = cannot(s, "more network state than a dump holds");
	return r;
}

int net_ns_save(int netns_fd, const struct net_conf *c, const char *settings, char **ret_text,
		char **ret_why, struct vz_error *e)
{
	struct save s = { .conf = c };
	int r = save_all(&s, netns_fd, settings);

	s.n = nl_close(s.n);
	if (r >= 0 && s.why[0])
		r = str_fmt(ret_why, "%s", s.why);
	else if (r >= 0)
		r = str_take(&s.out, ret_text);
	str_done(&s.out);
	str_done(&s.rules);
	if (r < 0)
		return vz_fail(e, r, "read the container's network namespace");
	return !s.why[0];
}
