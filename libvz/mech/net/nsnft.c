/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A namespace's nftables, taken as netlink messages and sent back as such, so that what
 * nft(8) cannot print (rules of iptables-nft) survives as well.  Knows which attributes
 * of the kernel's answers are part of a request.  Tricky: three things are not told.
 * A set needs a number that is unique in the transaction; anonymous sets have to be in
 * the transaction of their rules, so there is only one; and an xtables match asks
 * for the protocol of its rule, which iptables-nft has in an attribute of the request only
 * and which has to be found among the rule's comparisons again.
 */
#include "mech/net/nsnft.h"

#include <arpa/inet.h>
#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "base/num.h"
#include "mech/net/nskind.h"

#define B(n)	    (1ULL << (n))
#define MAX_BATCH   (8U << 20)
#define MAX_OBJECT  32768
#define TABLE_FLAGS NFT_TABLE_F_DORMANT /* an owner is a socket, and that is gone */

/* clang-format off */
static const struct kind {
	uint16_t get, new, flags;
	uint64_t keep;
} kinds[] = {
	{ NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE, 0,
	  B(NFTA_TABLE_NAME) | B(NFTA_TABLE_FLAGS) | B(NFTA_TABLE_USERDATA) },
	{ NFT_MSG_GETCHAIN, NFT_MSG_NEWCHAIN, 0,
	  B(NFTA_CHAIN_TABLE) | B(NFTA_CHAIN_NAME) | B(NFTA_CHAIN_HOOK) | B(NFTA_CHAIN_POLICY) |
	  B(NFTA_CHAIN_TYPE) | B(NFTA_CHAIN_COUNTERS) | B(NFTA_CHAIN_FLAGS) | B(NFTA_CHAIN_USERDATA) },
	{ NFT_MSG_GETOBJ, NFT_MSG_NEWOBJ, 0,
	  B(NFTA_OBJ_TABLE) | B(NFTA_OBJ_NAME) | B(NFTA_OBJ_TYPE) | B(NFTA_OBJ_DATA) |
	  B(NFTA_OBJ_USERDATA) },
	{ NFT_MSG_GETFLOWTABLE, NFT_MSG_NEWFLOWTABLE, 0,
	  B(NFTA_FLOWTABLE_TABLE) | B(NFTA_FLOWTABLE_NAME) | B(NFTA_FLOWTABLE_HOOK) |
	  B(NFTA_FLOWTABLE_FLAGS) },
	{ NFT_MSG_GETSET, NFT_MSG_NEWSET, 0,
	  B(NFTA_SET_TABLE) | B(NFTA_SET_NAME) | B(NFTA_SET_FLAGS) | B(NFTA_SET_KEY_TYPE) |
	  B(NFTA_SET_KEY_LEN) | B(NFTA_SET_DATA_TYPE) | B(NFTA_SET_DATA_LEN) | B(NFTA_SET_POLICY) |
	  B(NFTA_SET_DESC) | B(NFTA_SET_TIMEOUT) | B(NFTA_SET_GC_INTERVAL) | B(NFTA_SET_USERDATA) |
	  B(NFTA_SET_OBJ_TYPE) | B(NFTA_SET_EXPR) | B(NFTA_SET_EXPRESSIONS) },
	{ NFT_MSG_GETSETELEM, NFT_MSG_NEWSETELEM, 0,
	  B(NFTA_SET_ELEM_LIST_TABLE) | B(NFTA_SET_ELEM_LIST_SET) | B(NFTA_SET_ELEM_LIST_ELEMENTS) },
	{ NFT_MSG_GETRULE, NFT_MSG_NEWRULE, NLM_F_APPEND,
	  B(NFTA_RULE_TABLE) | B(NFTA_RULE_CHAIN) | B(NFTA_RULE_EXPRESSIONS) |
	  B(NFTA_RULE_COMPAT) | B(NFTA_RULE_USERDATA) },
};
/* clang-format on */

static const struct kind *kind_of(uint32_t new)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].new == new)
			return &kinds[i];
	return NULL;
}

/* ---- taking ---- */

struct save {
	struct nl *n;
	struct str *out;
	char *why;
	size_t why_len;
	const struct kind *k;
	struct str sets; /* "FAMILY HEX(TABLE) HEX(NAME)" lines, whose elements are asked for */
	bool empty;	 /* no table at all */
};

static int cannot(struct save *s, const char *what)
{
	if (!s->why[0])
		(void)snprintf(s->why, s->why_len, "%s", what);
	return 0;
}

static uint32_t be32_of(const struct nlattr *a)
{
	return a && mnl_attr_get_payload_len(a) == sizeof(uint32_t) ? ntohl(mnl_attr_get_u32(a))
								    : 0;
}

/* The attribute of this type among a's children, or among m's. */
static const struct nlattr *child(const struct nlattr *a, uint16_t type)
{
	const struct nlattr *c;

	if (!a)
		return NULL;
	mnl_attr_for_each_nested(c, a) if (mnl_attr_get_type(c) == type) return c;
	return NULL;
}

static const struct nlattr *find(const struct nlmsghdr *m, uint16_t type)
{
	const struct nlattr *c;

	mnl_attr_for_each(c, m, sizeof(struct nfgenmsg)) if (mnl_attr_get_type(c) == type) return c;
	return NULL;
}

/* Does this expression load the packet's transport protocol? */
static bool loads_protocol(const char *name, const struct nlattr *data, uint8_t family)
{
	const uint32_t at = family == NFPROTO_IPV6 ? 6 : 9;

	if (strcmp(name, "meta") == 0)
		return be32_of(child(data, NFTA_META_KEY)) == NFT_META_L4PROTO;
	return strcmp(name, "payload") == 0 &&
	       be32_of(child(data, NFTA_PAYLOAD_BASE)) == NFT_PAYLOAD_NETWORK_HEADER &&
	       be32_of(child(data, NFTA_PAYLOAD_OFFSET)) == at &&
	       be32_of(child(data, NFTA_PAYLOAD_LEN)) == 1;
}

/* What iptables-nft put into the request for its matches; 0 where the rule has none or no protocol. */
static uint32_t compat_of(const struct nlattr *exprs, uint8_t family, bool *inverse)
{
	const struct nlattr *el;
	bool loaded = false, compat = false;
	uint32_t proto = 0;

	mnl_attr_for_each_nested(el, exprs)
	{
		const struct nlattr *name = child(el, NFTA_EXPR_NAME), *data, *value;
		const char *s = name ? mnl_attr_get_str(name) : "";

		data = child(el, NFTA_EXPR_DATA);
		compat = compat || strcmp(s, "match") == 0 || strcmp(s, "target") == 0;
		value = child(child(data, NFTA_CMP_DATA), NFTA_DATA_VALUE);
		if (loaded && strcmp(s, "cmp") == 0 && value &&
		    mnl_attr_get_payload_len(value) == 1 && !proto) {
			proto = mnl_attr_get_u8(value);
			*inverse = be32_of(child(data, NFTA_CMP_OP)) == NFT_CMP_NEQ;
		}
		loaded = loads_protocol(s, data, family);
	}
	return compat ? proto : 0;
}

static void put_attr(struct str *out, const struct nlattr *a)
{
	static const char pad[MNL_ALIGNTO];

	ns_hex(out, a, a->nla_len);
	ns_hex(out, pad, MNL_ALIGN(a->nla_len) - a->nla_len);
}

static void put_compat(struct str *out, uint32_t proto, bool inverse)
{
	char buf[64] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *m = mnl_nlmsg_put_header(buf);
	struct nlattr *nest = mnl_attr_nest_start(m, NFTA_RULE_COMPAT);

	mnl_attr_put_u32(m, NFTA_RULE_COMPAT_PROTO, htonl(proto));
	mnl_attr_put_u32(m, NFTA_RULE_COMPAT_FLAGS, htonl(inverse ? NFT_RULE_COMPAT_F_INV : 0));
	mnl_attr_nest_end(m, nest);
	put_attr(out, nest);
}

static void put_flags(struct str *out, uint32_t flags)
{
	char buf[64] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *m = mnl_nlmsg_put_header(buf);

	mnl_attr_put_u32(m, NFTA_TABLE_FLAGS, htonl(flags));
	put_attr(out, mnl_nlmsg_get_payload(m));
}

static void note_set(struct save *s, const struct nlmsghdr *m, uint8_t family)
{
	const struct nlattr *table = find(m, NFTA_SET_TABLE), *name = find(m, NFTA_SET_NAME);

	str_addf(&s->sets, "%u ", family);
	ns_hex(&s->sets, mnl_attr_get_payload(table), mnl_attr_get_payload_len(table));
	str_add(&s->sets, " ");
	ns_hex(&s->sets, mnl_attr_get_payload(name), mnl_attr_get_payload_len(name));
	str_add(&s->sets, "\n");
}

static void put_object(struct save *s, const struct nlmsghdr *m, uint8_t family)
{
	const struct nlattr *a;
	uint32_t proto = 0;
	bool inverse = false;

	str_addf(s->out, "nft %u %u ", s->k->new, family);
	mnl_attr_for_each(a, m, sizeof(struct nfgenmsg))
	{
		const uint16_t type = mnl_attr_get_type(a);

		if (type >= 64 || !(B(type) & s->k->keep))
			continue;
		if (s->k->new == NFT_MSG_NEWTABLE && type == NFTA_TABLE_FLAGS)
			put_flags(s->out, be32_of(a) & TABLE_FLAGS);
		else
			put_attr(s->out, a);
		if (s->k->new == NFT_MSG_NEWRULE && type == NFTA_RULE_EXPRESSIONS)
			proto = compat_of(a, family, &inverse);
	}
	if (proto)
		put_compat(s->out, proto, inverse);
	str_add(s->out, "\n");
}

static int object_cb(const struct nlmsghdr *m, void *data)
{
	const struct nfgenmsg *head = mnl_nlmsg_get_payload(m);
	struct save *s = data;

	if (mnl_nlmsg_get_payload_len(m) < sizeof(*head) ||
	    m->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | s->k->new))
		return -EBADMSG;
	s->empty = false;
	if (s->why[0])
		return 0;
	if (s->out->len > NS_MAX_TEXT || m->nlmsg_len > MAX_OBJECT)
		return cannot(s, "larger nftables rules than a dump holds");
	if (s->k->new == NFT_MSG_NEWCHAIN && be32_of(find(m, NFTA_CHAIN_FLAGS)) & NFT_CHAIN_BINDING)
		return cannot(s, "an nftables chain without a name");
	if (s->k->new == NFT_MSG_NEWSETELEM && !find(m, NFTA_SET_ELEM_LIST_ELEMENTS))
		return 0;
	if (s->k->new == NFT_MSG_NEWSET) {
		if (!find(m, NFTA_SET_TABLE) || !find(m, NFTA_SET_NAME))
			return -EBADMSG;
		note_set(s, m, head->nfgen_family);
	}
	put_object(s, m, head->nfgen_family);
	return 0;
}

static int ask(struct save *s, uint8_t family, const char *table, const char *set)
{
	const struct nfgenmsg head = { .nfgen_family = family, .version = NFNETLINK_V0 };
	struct nlmsghdr *m;
	int r;

	m = nl_begin(s->n, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | s->k->get), NLM_F_DUMP, &head,
		     sizeof(head));
	if (table) {
		mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_TABLE, table);
		mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_SET, set);
	}
	r = nl_talk(s->n, object_cb, s);
	return s->out->failed || s->sets.failed ? -ENOMEM : r;
}

/* Elements are asked for set by set. */
static int ask_elements(struct save *s)
{
	int r = 0;

	for (char *line = s->sets.p, *next; r >= 0 && line && *line; line = next) {
		char table[NFT_NAME_MAXLEN + 1] = "", name[NFT_NAME_MAXLEN + 1] = "";
		_cleanup_strv_ char **w = NULL;
		uint32_t family;

		next = strchr(line, '\n');
		*next++ = '\0';
		r = strv_split(&w, line, " ");
		if (r < 0)
			return r;
		if (strv_len(w) != 3 || num_parse_u32(w[0], &family) < 0 ||
		    ns_unhex(w[1], table, NFT_NAME_MAXLEN) < 0 ||
		    ns_unhex(w[2], name, NFT_NAME_MAXLEN) < 0)
			return -EBADMSG;
		r = ask(s, (uint8_t)family, table, name);
	}
	return r;
}

int ns_nft_save(int netns_fd, struct str *out, char *why, size_t n)
{
	struct save s = { .out = out, .why = why, .why_len = n, .empty = true };
	int r = nl_open(&s.n, netns_fd, NETLINK_NETFILTER);

	/* a kernel without nftables has no tables */
	if (r < 0)
		return r == -EPROTONOSUPPORT ? 0 : r;
	for (size_t i = 0; r >= 0 && !why[0] && i < ARRAY_SIZE(kinds); i++) {
		s.k = &kinds[i];
		if (s.k->new == NFT_MSG_NEWSETELEM)
			r = ask_elements(&s);
		else
			r = ask(&s, NFPROTO_UNSPEC, NULL, NULL);
		if (r == -EINVAL && i == 0)
			r = 0;
		if (s.empty)
			break;
	}
	str_done(&s.sets);
	nl_close(s.n);
	return r < 0 ? r : 0;
}

/* ---- giving back ---- */

static int reserve(struct ns_nft *b, size_t n)
{
	size_t want = b->cap ? b->cap : 65536;
	char *p;

	if (b->len + n > MAX_BATCH)
		return -E2BIG;
	while (want < b->len + n)
		want *= 2;
	if (want == b->cap)
		return 0;
	p = realloc(b->buf, want);
	if (!p)
		return -ENOMEM;
	b->buf = p;
	b->cap = want;
	return 0;
}

int ns_nft_add(struct ns_nft *b, const char *type, const char *family, const char *hex)
{
	char data[MAX_OBJECT];
	const struct kind *k;
	struct nlmsghdr *m;
	uint32_t new, fam;
	ssize_t n;
	int r;

	if (num_parse_u32(type, &new) < 0 || num_parse_u32(family, &fam) < 0 ||
	    fam >= NFPROTO_NUMPROTO)
		return -EBADMSG;
	k = kind_of(new);
	n = ns_unhex(hex, data, sizeof(data));
	if (!k || n < 0 || !n || !ns_attrs_valid(data, (size_t)n, k->keep))
		return -EBADMSG;
	r = reserve(b, (size_t)n + 1024);
	if (r < 0)
		return r;
	if (!b->len)
		b->len = nftnl_batch_begin(b->buf, b->seq++)->nlmsg_len;
	m = nftnl_nlmsg_build_hdr(b->buf + b->len, k->new, (uint16_t)fam, NLM_F_CREATE | k->flags,
				  b->seq++);
	memcpy(mnl_nlmsg_get_payload_tail(m), data, (size_t)n);
	m->nlmsg_len += (uint32_t)n;
	if (k->new == NFT_MSG_NEWSET)
		mnl_attr_put_u32(m, NFTA_SET_ID, htonl(++b->sets));
	b->len += m->nlmsg_len;
	return 0;
}

int ns_nft_commit(struct ns_nft *b, struct nl *n)
{
	struct nlmsghdr *last = NULL;
	uint32_t seq = b->seq - 1;

	if (!b->len)
		return 0;
	/* acknowledged when all is done; older kernels do not answer to the end marker itself */
	for (size_t at = 0; at < b->len; at += last->nlmsg_len)
		last = (void *)(b->buf + at);
	last->nlmsg_flags |= NLM_F_ACK;
	b->len += nftnl_batch_end(b->buf + b->len, b->seq)->nlmsg_len;
	return nl_talk_batch(n, b->buf, b->len, seq);
}

void ns_nft_done(struct ns_nft *b)
{
	free(b->buf);
	*b = (struct ns_nft){ 0 };
}
