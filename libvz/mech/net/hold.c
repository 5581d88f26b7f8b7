/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Holding a VE's packets while it is frozen: its device's name in the set that the
 * rules of filter.c look into.  The set is the only record, so the next command
 * finds what this one began.  Tricky: the name, not the index, is the key: a hold set
 * before the device is made meets its first packet.  And closing a netfilter socket
 * waits for the grace period of whatever was removed lately (nft_rcv_nl_event).
 */
#include "mech/net/net.h"

#include <libnftnl/common.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "mech/net/filter.h"
#include "mech/net/rt.h"
#include "os/nl.h"

/* The set with this device as its only element. */
static struct nftnl_set *make_set(const char *dev)
{
	struct nftnl_set *t = nftnl_set_alloc();
	struct nftnl_set_elem *el = nftnl_set_elem_alloc();

	if (!t || !el) {
		nftnl_set_free(t);
		nftnl_set_elem_free(el);
		return NULL;
	}
	nftnl_set_set_str(t, NFTNL_SET_TABLE, FILTER_TABLE);
	nftnl_set_set_str(t, NFTNL_SET_NAME, FILTER_HELD);
	nftnl_set_elem_set(el, NFTNL_SET_ELEM_KEY, dev, IFNAMSIZ);
	nftnl_set_elem_add(t, el);
	return t;
}

static int change(struct nl *n, uint16_t type, uint16_t flags, const char *dev)
{
	char buf[1024] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nftnl_set *t = make_set(dev);
	struct nlmsghdr *m;
	uint32_t seq;
	size_t len;

	if (!t)
		return -ENOMEM;
	len = nftnl_batch_begin(buf, ++n->seq)->nlmsg_len;
	seq = ++n->seq;
	m = nftnl_nlmsg_build_hdr(buf + len, type, NFPROTO_INET, flags | NLM_F_ACK, seq);
	nftnl_set_elems_nlmsg_build_payload(m, t);
	nftnl_set_free(t);
	len += m->nlmsg_len;
	len += nftnl_batch_end(buf + len, ++n->seq)->nlmsg_len;
	return nl_talk_batch(n, buf, len, seq);
}

static int open_nft(struct nl **ret, uint32_t ctid, char *dev)
{
	memset(dev, 0, IFNAMSIZ);
	(void)snprintf(dev, IFNAMSIZ, HOST_DEV "%u", ctid);
	return nl_open(ret, -1, NETLINK_NETFILTER);
}

int net_hold(uint32_t ctid, struct vz_error *e)
{
	_cleanup_nl_ struct nl *n = NULL;
	char dev[IFNAMSIZ];
	int r = open_nft(&n, ctid, dev);

	if (r >= 0)
		r = change(n, NFT_MSG_NEWSETELEM, NLM_F_CREATE, dev);
	/* no table, or one of an earlier version */
	if (r == -ENOENT) {
		r = filter_up(e);
		if (r < 0)
			return r;
		r = change(n, NFT_MSG_NEWSETELEM, NLM_F_CREATE, dev);
	}
	return r < 0 ? vz_fail(e, r, "hold the packets of %s", dev) : 0;
}

static int held(struct nl *n, const char *dev)
{
	const struct nfgenmsg head = { .nfgen_family = NFPROTO_INET, .version = NFNETLINK_V0 };
	struct nftnl_set *t = make_set(dev);
	struct nlmsghdr *m;
	int r;

	if (!t)
		return -ENOMEM;
	m = nl_begin(n, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETSETELEM, 0, &head, sizeof(head));
	nftnl_set_elems_nlmsg_build_payload(m, t);
	nftnl_set_free(t);
	r = nl_talk(n, NULL, NULL);
	return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

int net_release(uint32_t ctid, int *ret_slow_fd, struct vz_error *e)
{
	_cleanup_nl_ struct nl *n = NULL;
	char dev[IFNAMSIZ];
	int r = open_nft(&n, ctid, dev);

	/* asked first, because a transaction that fails waits as long as one that removes */
	if (r >= 0)
		r = held(n, dev);
	if (r > 0)
		r = change(n, NFT_MSG_DELSETELEM, 0, dev);
	if (r < 0 && r != -ENOENT)
		return vz_fail(e, r, "let the packets of %s through again", dev);
	if (ret_slow_fd)
		*ret_slow_fd = TAKE_FD(n->fd);
	return 0;
}

int net_is_held(uint32_t ctid)
{
	_cleanup_nl_ struct nl *n = NULL;
	char dev[IFNAMSIZ];
	int r = open_nft(&n, ctid, dev);

	return r < 0 ? r : held(n, dev);
}
