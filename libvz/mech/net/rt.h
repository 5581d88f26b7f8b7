/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rtnetlink requests venet is made of, private to mech/net.  Leaf
 * convention: -errno; the story is told in venet.c, which knows the VE.
 */
#ifndef MECH_NET_RT_H
#define MECH_NET_RT_H

#include <net/if.h>

#include "mech/net/net.h"
#include "os/nl.h"

/* Host ends are HOST_DEV<CTID>; the source filter takes every device of this prefix for a VE's. */
#define HOST_DEV "venet"
#define VE_DEV	 "venet0"
/* Who made a route or a proxy neighbour entry ("proto 118" in iproute2); others' are left alone. */
#define RT_PROTO 118

/* An address on a device, as it is read and made; IPv4 ones of a VE carry a label "venet0:N". */
struct alias {
	struct net_addr addr;
	char label[IFNAMSIZ]; /* "" for IPv6 */
	int index;	      /* of the device, when read */
};
struct alias_list {
	struct alias *v;
	size_t n;
};

#define _cleanup_aliases_ _cleanup_(alias_list_done)
void alias_list_done(struct alias_list *l);
int alias_list_add(struct alias_list *l, const struct alias *a) _must_check_;

/* ---- links ---- */
/*
 * ve_index: of the VE's end, 0: whichever.  The kernel listens to that only where the host end gets a chosen one too, so
 * that is HOST_INDEX and the CTID then.
 */
int rt_pair_new(struct nl *n, const char *dev, uint32_t ctid, int netns_fd, int ve_index)
	_must_check_;
/* absent is fine */
int rt_link_del(struct nl *n, const char *dev) _must_check_;
int rt_link_up(struct nl *n, int index) _must_check_;
/*
 * A device whose other end came up later sends, and has its IPv6 routes, only after the kernel's
 * link watch ran: this makes it run.
 */
int rt_link_settle(struct nl *n, int index) _must_check_;
/* Per-device settings the kernel has attributes for; a kernel without IPv6 is fine. */
int rt_link_tune(struct nl *n, int index, bool host_end) _must_check_;
/* 1 when a device HOST_DEV* exists in the socket's namespace */
int rt_any_host_dev(struct nl *n) _must_check_;

/* ---- addresses, routes, proxy neighbour entries; add or remove ---- */
int rt_addr(struct nl *n, bool add, int index, const struct alias *a) _must_check_;
/*
 * to: host route to it; NULL: default route of src's family, preferring src as source (when it is
 * removed, whatever its source is).  Only routes of RT_PROTO are removed.
 */
int rt_route(struct nl *n, bool add, int index, const struct net_addr *to,
	     const struct net_addr *src) _must_check_;
int rt_proxy(struct nl *n, bool add, int index, const struct net_addr *a) _must_check_;

/* ---- reading ---- */
/* Addresses of a device: all of IPv4, the global ones of IPv6. */
int rt_addrs(struct nl *n, int index, struct alias_list *ret) _must_check_;
/* Host routes of RT_PROTO over a device. */
int rt_host_routes(struct nl *n, int index, struct alias_list *ret) _must_check_;
/* 1 with the preferred source of the default route over a device, 0 when there is none */
int rt_default_src(struct nl *n, int family, int index, struct net_addr *ret) _must_check_;

/* Tell the neighbours on a device that the address is to be found here (announce.c). */
int net_announce(int index, const struct net_addr *a) _must_check_;

/* What the host would do with a packet to an address. */
struct rt_way {
	bool local;   /* deliver, it is the host's own */
	bool unicast; /* send it out of oif */
	bool on_link; /* to the destination itself, not to a gateway */
	uint8_t prefix;
	int oif;
};
/* A route to this very address (another VE's, say), not to a network that holds it. */
static inline bool rt_way_is_host_route(const struct rt_way *w, const struct net_addr *a)
{
	return w->prefix == (a->family == AF_INET ? 32 : 128);
}
/* No way at all is success with nothing set. */
int rt_way(struct nl *n, const struct net_addr *a, struct rt_way *ret) _must_check_;

/* Remove proxy entries of RT_PROTO whose address is not routed to a VE any more. */
int rt_sweep_proxies(struct nl *n) _must_check_;

#endif
