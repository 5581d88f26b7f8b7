/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Table "inet vz": what VEs may not send.  One static set of rules for all
 * HOST_DEV* devices and no state per VE, because the routes are the state: `fib
 * saddr . iif oif missing` is true when the host would not send an answer back to
 * the device the packet came from.  Tricky: for IPv4, fib lets 0.0.0.0 through to
 * broadcast and multicast (DHCP), so that source has a rule of its own.
 *
 *	set held { type ifname; }			devices of VEs being frozen, see hold.c
 *	chain prerouting { type filter hook prerouting priority raw; iifname "venet*" jump ve-2 }
 *	chain postrouting { type filter hook postrouting priority raw;
 *		oifname "venet*" oifname @held counter drop }
 *	chain ve-2 {
 *		iifname @held counter drop
 *		fib saddr . iif oif missing counter drop
 *		ip saddr 0.0.0.0/8 counter drop
 *		icmpv6 type 133-137 counter drop	router and neighbour discovery, redirect
 *		icmp type redirect counter drop
 *	}
 */
#include "mech/net/filter.h"

/* glibc's before the kernel's, which then leave out what both define */
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <string.h>

#include "mech/net/rt.h"
#include "os/nl.h"

#define IN_CHAIN    "prerouting"
#define OUT_CHAIN   "postrouting"
/* Its name is the version of all rules: another one is made when they change. */
#define VE_CHAIN    "ve-2"

#define IFNAME_TYPE 41 /* what nft(8) calls a set's "type ifname" */

enum kind { END, META, PAYLOAD, CMP, FIB, HELD, COUNTER, DROP, JUMP };

/* One expression; everything goes through register 1. */
struct step {
	enum kind kind;
	uint32_t key;	      /* META: key; PAYLOAD: base; CMP: operator */
	uint32_t offset, len; /* PAYLOAD; CMP: len of data */
	const char *data;     /* CMP */
};

#define IS(text)                                                                      \
	{                                                                             \
		.kind = CMP, .key = NFT_CMP_EQ, .len = sizeof(text) - 1, .data = text \
	}
#define BYTE(op, text)                                         \
	{                                                      \
		.kind = CMP, .key = op, .len = 1, .data = text \
	}
#define LOAD(what)                        \
	{                                 \
		.kind = META, .key = what \
	}
#define AT(where, at)                                                 \
	{                                                             \
		.kind = PAYLOAD, .key = where, .offset = at, .len = 1 \
	}

/* clang-format off */
static const struct rule {
	const char *chain;
	struct step step[8];
} rules[] = {
	{ IN_CHAIN, { LOAD(NFT_META_IIFNAME), IS(HOST_DEV), { .kind = JUMP } } },
	{ OUT_CHAIN, { LOAD(NFT_META_OIFNAME), IS(HOST_DEV), { .kind = HELD },
		       { .kind = COUNTER }, { .kind = DROP } } },
	{ VE_CHAIN, { LOAD(NFT_META_IIFNAME), { .kind = HELD }, { .kind = COUNTER }, { .kind = DROP } } },
	{ VE_CHAIN, { { .kind = FIB }, IS("\0\0\0\0"), { .kind = COUNTER }, { .kind = DROP } } },
	{ VE_CHAIN, { LOAD(NFT_META_NFPROTO), IS("\x02"),
		      AT(NFT_PAYLOAD_NETWORK_HEADER, 12), IS("\0"),
		      { .kind = COUNTER }, { .kind = DROP } } },
	{ VE_CHAIN, { LOAD(NFT_META_L4PROTO), IS("\x3a"), AT(NFT_PAYLOAD_TRANSPORT_HEADER, 0),
		      BYTE(NFT_CMP_GTE, "\x85"), BYTE(NFT_CMP_LTE, "\x89"),
		      { .kind = COUNTER }, { .kind = DROP } } },
	{ VE_CHAIN, { LOAD(NFT_META_L4PROTO), IS("\x01"),
		      AT(NFT_PAYLOAD_TRANSPORT_HEADER, 0), IS("\x05"),
		      { .kind = COUNTER }, { .kind = DROP } } },
};
/* clang-format on */

/* the bytes above are these */
_Static_assert(NFPROTO_IPV4 == 0x02 && IPPROTO_ICMPV6 == 0x3a && IPPROTO_ICMP == 0x01 &&
		       ND_ROUTER_SOLICIT == 0x85 && ND_REDIRECT == 0x89 && ICMP_REDIRECT == 0x05,
	       "bytes of the rules");

static void set_verdict(struct nftnl_expr *x, uint32_t verdict)
{
	nftnl_expr_set_u32(x, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(x, NFTNL_EXPR_IMM_VERDICT, verdict);
	if (verdict == (uint32_t)NFT_JUMP)
		nftnl_expr_set_str(x, NFTNL_EXPR_IMM_CHAIN, VE_CHAIN);
}

static void set_expr(struct nftnl_expr *x, const struct step *s)
{
	switch (s->kind) {
	case META:
		nftnl_expr_set_u32(x, NFTNL_EXPR_META_KEY, s->key);
		nftnl_expr_set_u32(x, NFTNL_EXPR_META_DREG, NFT_REG_1);
		break;
	case PAYLOAD:
		nftnl_expr_set_u32(x, NFTNL_EXPR_PAYLOAD_BASE, s->key);
		nftnl_expr_set_u32(x, NFTNL_EXPR_PAYLOAD_OFFSET, s->offset);
		nftnl_expr_set_u32(x, NFTNL_EXPR_PAYLOAD_LEN, s->len);
		nftnl_expr_set_u32(x, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
		break;
	case CMP:
		nftnl_expr_set_u32(x, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
		nftnl_expr_set_u32(x, NFTNL_EXPR_CMP_OP, s->key);
		nftnl_expr_set(x, NFTNL_EXPR_CMP_DATA, s->data, s->len);
		break;
	case FIB:
		nftnl_expr_set_u32(x, NFTNL_EXPR_FIB_DREG, NFT_REG_1);
		nftnl_expr_set_u32(x, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_OIF);
		nftnl_expr_set_u32(x, NFTNL_EXPR_FIB_FLAGS, NFTA_FIB_F_SADDR | NFTA_FIB_F_IIF);
		break;
	case HELD:
		nftnl_expr_set_u32(x, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
		nftnl_expr_set_str(x, NFTNL_EXPR_LOOKUP_SET, FILTER_HELD);
		break;
	case DROP:
		set_verdict(x, NF_DROP);
		break;
	case JUMP:
		set_verdict(x, (uint32_t)NFT_JUMP);
		break;
	default:
		break;
	}
}

static struct nftnl_rule *make_rule(const struct rule *r)
{
	/* clang-format off */
	static const char *const names[] = {
		[META] = "meta", [PAYLOAD] = "payload", [CMP] = "cmp", [FIB] = "fib",
		[HELD] = "lookup", [COUNTER] = "counter", [DROP] = "immediate", [JUMP] = "immediate",
	};
	/* clang-format on */
	struct nftnl_rule *rule = nftnl_rule_alloc();

	if (!rule)
		return NULL;
	nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, FILTER_TABLE);
	nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, r->chain);
	for (const struct step *s = r->step; s->kind != END; s++) {
		struct nftnl_expr *x = nftnl_expr_alloc(names[s->kind]);

		if (!x) {
			nftnl_rule_free(rule);
			return NULL;
		}
		set_expr(x, s);
		nftnl_rule_add_expr(rule, x);
	}
	return rule;
}

/* Messages of one transaction, in a buffer that is far larger than they are. */
struct batch {
	struct nl *nl;
	size_t len;
	bool failed;
	struct nlmsghdr *last;
	char buf[16384] __attribute__((aligned(NLMSG_ALIGNTO)));
};

static struct nlmsghdr *next(struct batch *b, uint16_t type, uint16_t flags)
{
	b->last = nftnl_nlmsg_build_hdr(b->buf + b->len, type, NFPROTO_INET, flags, ++b->nl->seq);
	return b->last;
}

static void put_table(struct batch *b, uint16_t type, uint16_t flags)
{
	struct nftnl_table *t = nftnl_table_alloc();
	struct nlmsghdr *m;

	if (!t) {
		b->failed = true;
		return;
	}
	nftnl_table_set_str(t, NFTNL_TABLE_NAME, FILTER_TABLE);
	m = next(b, type, flags);
	nftnl_table_nlmsg_build_payload(m, t);
	b->len += m->nlmsg_len;
	nftnl_table_free(t);
}

/* Hashed without a size: an element more or less then costs no grace period. */
static void put_held(struct batch *b)
{
	struct nftnl_set *t = nftnl_set_alloc();
	struct nlmsghdr *m;

	if (!t) {
		b->failed = true;
		return;
	}
	nftnl_set_set_str(t, NFTNL_SET_TABLE, FILTER_TABLE);
	nftnl_set_set_str(t, NFTNL_SET_NAME, FILTER_HELD);
	nftnl_set_set_u32(t, NFTNL_SET_ID, 1);
	nftnl_set_set_u32(t, NFTNL_SET_KEY_TYPE, IFNAME_TYPE);
	nftnl_set_set_u32(t, NFTNL_SET_KEY_LEN, IFNAMSIZ);
	m = next(b, NFT_MSG_NEWSET, NLM_F_CREATE);
	nftnl_set_nlmsg_build_payload(m, t);
	b->len += m->nlmsg_len;
	nftnl_set_free(t);
}

/* hook < 0: a chain that is only jumped to */
static void put_chain(struct batch *b, const char *name, int hook)
{
	struct nftnl_chain *c = nftnl_chain_alloc();
	struct nlmsghdr *m;

	if (!c) {
		b->failed = true;
		return;
	}
	nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, FILTER_TABLE);
	nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, name);
	if (hook >= 0) {
		nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, "filter");
		nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, (uint32_t)hook);
		nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, NF_IP_PRI_RAW);
		nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, NF_ACCEPT);
	}
	m = next(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	nftnl_chain_nlmsg_build_payload(m, c);
	b->len += m->nlmsg_len;
	nftnl_chain_free(c);
}

static void put_rule(struct batch *b, const struct rule *r)
{
	struct nftnl_rule *rule = make_rule(r);
	struct nlmsghdr *m;

	if (!rule) {
		b->failed = true;
		return;
	}
	m = next(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	nftnl_rule_nlmsg_build_payload(m, rule);
	b->len += m->nlmsg_len;
	nftnl_rule_free(rule);
}

enum { REMOVE = 1, MAKE = 2 };

/* One transaction: packets see the old rules or all of the new ones. */
static int commit(struct nl *n, unsigned int what)
{
	_cleanup_free_ struct batch *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->nl = n;
	b->len += nftnl_batch_begin(b->buf, ++n->seq)->nlmsg_len;
	if (what & REMOVE) {
		put_table(b, NFT_MSG_NEWTABLE, NLM_F_CREATE); /* so that the removal cannot fail */
		put_table(b, NFT_MSG_DELTABLE, 0);
	}
	if (what & MAKE) {
		put_table(b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
		put_held(b);
		put_chain(b, IN_CHAIN, NF_INET_PRE_ROUTING);
		put_chain(b, OUT_CHAIN, NF_INET_POST_ROUTING);
		put_chain(b, VE_CHAIN, -1);
		for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
			put_rule(b, &rules[i]);
	}
	if (b->failed)
		return -ENOMEM;
	/* acknowledged when all is done; older kernels do not answer to the end marker itself */
	b->last->nlmsg_flags |= NLM_F_ACK;
	b->len += nftnl_batch_end(b->buf + b->len, ++n->seq)->nlmsg_len;
	return nl_talk_batch(n, b->buf, b->len, b->last->nlmsg_seq);
}

/* 1 when the rules of this version stand */
static int stands(struct nl *n)
{
	const struct nfgenmsg head = { .nfgen_family = NFPROTO_INET, .version = NFNETLINK_V0 };
	struct nlmsghdr *m =
		nl_begin(n, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN, 0, &head, sizeof(head));
	int r;

	mnl_attr_put_strz(m, NFTA_CHAIN_TABLE, FILTER_TABLE);
	mnl_attr_put_strz(m, NFTA_CHAIN_NAME, VE_CHAIN);
	r = nl_talk(n, NULL, NULL);
	return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

static int open_nft(struct nl **ret, struct vz_error *e)
{
	int r = nl_open(ret, -1, NETLINK_NETFILTER);

	if (r < 0)
		return vz_fail_exit(e, r, VZ_EXIT_KERNEL,
				    "open nftables: the kernel needs nf_tables");
	return 0;
}

int filter_up(struct vz_error *e)
{
	_cleanup_nl_ struct nl *n = NULL;
	int r;

	r = open_nft(&n, e);
	if (r < 0)
		return r;
	r = stands(n);
	if (r > 0)
		return 0;
	/* a removal costs a grace period, so only where another version's table stands */
	if (r == 0)
		r = commit(n, MAKE);
	if (r == -EEXIST)
		r = commit(n, REMOVE | MAKE);
	if (r < 0)
		return vz_fail_exit(e, r, VZ_EXIT_KERNEL,
				    "make nftables table inet " FILTER_TABLE
				    " (source check): the kernel needs nf_tables and nft_fib_inet");
	return 0;
}

int filter_down(struct vz_error *e)
{
	_cleanup_nl_ struct nl *n = NULL;
	int r;

	r = open_nft(&n, e);
	if (r < 0)
		return r;
	r = commit(n, REMOVE);
	return r < 0 ? vz_fail(e, r, "remove nftables table inet " FILTER_TABLE) : 0;
}
