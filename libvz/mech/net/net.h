/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * venet0: routed layer 3 between host and VE.  A veth pair with NOARP and equal
 * MAC addresses on both ends (so no ARP, no ND, no DAD), /32 and /128 addresses in the VE,
 * one host route per address, and packets whose source is not routed back to the
 * same VE dropped.  The host end is "venet<CTID>".
 *
 * What stands on the host for all VEs is the nftables table "inet vz" (filter.c); the last
 * VE takes it along.  `nft flush ruleset` removes it too: until the next net_up() or net_sync()
 * IPv4 sources are then checked by the host end's rp_filter, IPv6 ones by nothing.
 * VE <-> host and VE <-> VE need no setting of the host (IPv6 before Linux 6.17:
 * net.ipv6.conf.all.forwarding); VE <-> network needs its forwarding on, see venet.c.
 */
#ifndef MECH_NET_H
#define MECH_NET_H

#include "base/error.h"
#include "base/log.h"
#include "mech/net/netns.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct net_addr {
	int family;	/* AF_INET, AF_INET6 */
	uint8_t prefix; /* as given, else 32/128 */
	union {
		struct in_addr v4;
		struct in6_addr v6;
	};
};

struct net_conf {
	char *const *ip; /* strv as in IP_ADDRESS */
	bool ipv6;
	int ve_index; /* net_up(): that venet0 shall have; 0: whichever */
};

/* "10.0.0.1", "10.0.0.1/24", "10.0.0.1/255.255.255.0", "2001:db8::1/64": -EINVAL with VZ_EXIT_IP */
int net_addr_parse(const char *s, struct net_addr *ret, struct vz_error *e) _must_check_;
/* canonical text; prefix printed only when shorter than full */
int net_addr_format(const struct net_addr *a, char **ret) _must_check_;
/* "0.0.0.0", "::": parsed, but means "no address" and is skipped by net_up() and net_sync() */
bool net_addr_is_unspecified(const struct net_addr *a);
/* the same address, whatever the prefixes */
bool net_addr_same_host(const struct net_addr *a, const struct net_addr *b);

/*
 * Make the pair with its VE end (venet0) in the namespace of netns_fd, bring lo and venet0 up, set
 * addresses and default routes, host routes, source check.  Called after a crashed start too:
 * whatever stands of an earlier attempt is replaced.  On failure nothing is left.
 */
int net_up(uint32_t ctid, int netns_fd, const struct net_conf *c, const struct logger *l,
	   struct vz_error *e) _must_check_;
/* Remove the host side; absent is fine. */
int net_down(uint32_t ctid, struct vz_error *e) _must_check_;
/*
 * Bring addresses of a running VE from what the kernel has to what conf says; on failure the
 * former ones are put back.  An address in use is -EADDRINUSE with VZ_EXIT_IP_USED.
 */
int net_sync(uint32_t ctid, int netns_fd, const struct net_conf *c, const struct logger *l,
	     struct vz_error *e) _must_check_;
/*
 * The host's routes to a VE, and what it answers for, alone: as conf says, or none (NULL) while the addresses
 * may be in use elsewhere.  The VE's side stays as it is.
 */
int net_routes(uint32_t ctid, const struct net_conf *c, const struct logger *l, struct vz_error *e)
	_must_check_;
/* 1 when addr is the host's own or has a host route to another device than venet<ctid>, else 0 */
int net_addr_in_use(uint32_t ctid, const struct net_addr *a) _must_check_;

/* What a VE received and sent since net_up(). -ENODEV */
struct net_traffic {
	uint64_t in_bytes, in_packets, out_bytes, out_packets;
};
int net_traffic(uint32_t ctid, struct net_traffic *ret) _must_check_;

/*
 * Hold: every packet from and to venet<CTID> is dropped on the host, from this call on and until
 * net_release() or net_down(), whichever process calls them; the device need not exist (yet).  A firewall's
 * `flush ruleset` ends it too.  Who sends to the VE from the host itself without TCP is told EPERM meanwhile.
 */
int net_hold(uint32_t ctid, struct vz_error *e) _must_check_;
/*
 * Not held is fine.  Packets flow when this returns, but the kernel makes whoever closes the descriptor
 * wait for an RCU grace period (10 to 20 ms): *ret_slow_fd is for the caller to close when nobody waits;
 * with NULL the call takes that long.
 */
int net_release(uint32_t ctid, int *ret_slow_fd, struct vz_error *e) _must_check_;
/* 1 held, 0 not */
int net_is_held(uint32_t ctid) _must_check_;

#endif
