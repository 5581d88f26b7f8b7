/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tells the network that an address is answered for here from now on: neighbours
 * that knew it elsewhere (the VE ran on another node) would go on sending there
 * until their entries expire.  Gratuitous ARP (RFC 5227) and an unsolicited
 * neighbour advertisement (RFC 4861 7.2.6).  Best effort: what is lost costs a
 * neighbour some seconds, as it always did.
 */
#include "mech/net/rt.h"

#include <errno.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netpacket/packet.h>
#include <string.h>

#include "os/os.h"

#define HOPS 255 /* neighbour discovery's proof that nobody routed it */

/* A packet socket on the device; *at is its hardware address. */
static int open_device(int index, struct sockaddr_ll *at)
{
	_cleanup_close_ int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const struct sockaddr_ll dev = { .sll_family = AF_PACKET, .sll_ifindex = index };
	socklen_t len = sizeof(*at);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&dev, sizeof(dev)) < 0 ||
	    getsockname(fd, (struct sockaddr *)at, &len) < 0)
		return -errno;
	return at->sll_hatype == ARPHRD_ETHER && at->sll_halen == ETH_ALEN ? TAKE_FD(fd)
									   : -EAFNOSUPPORT;
}

static int announce_v4(int fd, const struct sockaddr_ll *mac, const struct net_addr *a)
{
	struct sockaddr_ll to = *mac;
	struct ether_arp arp = {
		.ea_hdr = { .ar_hrd = htons(ARPHRD_ETHER),
			    .ar_pro = htons(ETHERTYPE_IP),
			    .ar_hln = ETH_ALEN,
			    .ar_pln = sizeof(a->v4),
			    .ar_op = htons(ARPOP_REQUEST) },
	};

	to.sll_protocol = htons(ETHERTYPE_ARP);
	memset(to.sll_addr, 0xff, ETH_ALEN);
	memcpy(arp.arp_sha, mac->sll_addr, ETH_ALEN);
	memcpy(arp.arp_spa, &a->v4, sizeof(a->v4));
	memcpy(arp.arp_tpa, &a->v4, sizeof(a->v4));
	return RET_NERRNO(
		sendto(fd, &arp, sizeof(arp), MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)));
}

static int announce_v6(const struct sockaddr_ll *mac, const struct net_addr *a)
{
	_cleanup_close_ int fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
	const int hops = HOPS, index = mac->sll_ifindex;
	const struct sockaddr_in6 all_nodes = { .sin6_family = AF_INET6,
						.sin6_addr.s6_addr = { 0xff, 2, [15] = 1 },
						.sin6_scope_id = (uint32_t)index };
	struct {
		struct nd_neighbor_advert na;
		struct nd_opt_hdr opt;
		uint8_t mac[ETH_ALEN];
	} msg = {
		.na = { .nd_na_hdr = { .icmp6_type = ND_NEIGHBOR_ADVERT }, .nd_na_target = a->v6 },
		.opt = { .nd_opt_type = ND_OPT_TARGET_LINKADDR, .nd_opt_len = 1 },
	};

	if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops)) < 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof(index)) < 0)
		return -errno;
	msg.na.nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE;
	memcpy(msg.mac, mac->sll_addr, ETH_ALEN);
	return RET_NERRNO(sendto(fd, &msg, sizeof(msg), MSG_DONTWAIT,
				 (const struct sockaddr *)&all_nodes, sizeof(all_nodes)));
}

int net_announce(int index, const struct net_addr *a)
{
	struct sockaddr_ll mac = { 0 };
	_cleanup_close_ int fd = open_device(index, &mac);

	if (fd < 0)
		return fd;
	return a->family == AF_INET ? announce_v4(fd, &mac, a) : announce_v6(&mac, a);
}
