/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Text of IP_ADDRESS <-> struct net_addr.  Owns the syntax (CIDR prefix or IPv4
 * mask) and the rule which addresses a VE may have at all; knows no kernel
 * object.  Tricky: the unspecified address is accepted, because OpenVZ's
 * configurations hold "0.0.0.0" for "none"; net_up() and net_sync() skip it.
 */
#include "mech/net/net.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "base/num.h"
#include "base/str.h"

static uint8_t full_prefix(int family)
{
	return family == AF_INET ? 32 : 128;
}

/* "24", or for IPv4 "255.255.255.0" */
static int parse_prefix(int family, const char *s, uint8_t *ret)
{
	struct in_addr mask;
	uint32_t n, host;
	int r;

	if (family == AF_INET && strchr(s, '.')) {
		if (inet_pton(AF_INET, s, &mask) != 1)
			return -EINVAL;
		host = ~be32toh(mask.s_addr);
		if (host & (host + 1)) /* a hole in the mask */
			return -EINVAL;
		n = 32 - (uint32_t)__builtin_popcount(host);
	} else {
		r = num_parse_u32(s, &n);
		if (r < 0)
			return -EINVAL;
	}
	if (n < 1 || n > full_prefix(family))
		return -EINVAL;
	*ret = (uint8_t)n;
	return 0;
}

/* Why a VE cannot have this address; NULL when it can. */
static const char *unusable(const struct net_addr *a)
{
	uint32_t v4;

	if (a->family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&a->v6)    ? "is a loopback address"
		       : IN6_IS_ADDR_MULTICAST(&a->v6) ? "is a multicast address"
		       : IN6_IS_ADDR_LINKLOCAL(&a->v6) ? "is link-local and cannot be routed"
		       : IN6_IS_ADDR_V4MAPPED(&a->v6)  ? "is an IPv4-mapped address"
						       : NULL;
	v4 = be32toh(a->v4.s_addr);
	return v4 && v4 >> 24 == 0	    ? "is in 0.0.0.0/8"
	       : v4 >> 24 == IN_LOOPBACKNET ? "is a loopback address"
	       : IN_MULTICAST(v4)	    ? "is a multicast address"
	       : v4 == INADDR_BROADCAST	    ? "is the broadcast address"
					    : NULL;
}

/* "'TEXT' WHY" with the exit class of a bad address */
#define BAD(e, s, fmt, ...) vz_fail_exit(e, -EINVAL, VZ_EXIT_IP, "'%s' " fmt, s, ##__VA_ARGS__)

int net_addr_parse(const char *s, struct net_addr *ret, struct vz_error *e)
{
	struct net_addr a = { .family = strchr(s, ':') ? AF_INET6 : AF_INET };
	char host[INET6_ADDRSTRLEN];
	size_t n = strcspn(s, "/");
	const char *why;

	if (n >= sizeof(host))
		return BAD(e, s, "is too long for an IP address");
	memcpy(host, s, n);
	host[n] = '\0';
	/* v4 and v6 share their place in the union */
	if (inet_pton(a.family, host, &a.v6) != 1)
		return BAD(e, s,
			   "is not an IP address: give 192.0.2.1, 192.0.2.1/24 or 2001:db8::1/64");
	a.prefix = full_prefix(a.family);
	if (s[n] && parse_prefix(a.family, s + n + 1, &a.prefix) < 0)
		return BAD(e, s, "does not end in a prefix length (1..%u)%s", full_prefix(a.family),
			   a.family == AF_INET ? " or a netmask" : "");
	why = unusable(&a);
	if (why)
		return BAD(e, s, "%s: a container cannot have it", why);
	*ret = a;
	return 0;
}

bool net_addr_is_unspecified(const struct net_addr *a)
{
	return a->family == AF_INET ? a->v4.s_addr == INADDR_ANY : IN6_IS_ADDR_UNSPECIFIED(&a->v6);
}

bool net_addr_same_host(const struct net_addr *a, const struct net_addr *b)
{
	if (a->family != b->family)
		return false;
	return a->family == AF_INET ? a->v4.s_addr == b->v4.s_addr
				    : IN6_ARE_ADDR_EQUAL(&a->v6, &b->v6);
}

int net_addr_format(const struct net_addr *a, char **ret)
{
	char text[INET6_ADDRSTRLEN];

	if (!inet_ntop(a->family, &a->v6, text, sizeof(text)))
		return -errno;
	if (a->prefix == full_prefix(a->family))
		return str_fmt(ret, "%s", text);
	return str_fmt(ret, "%s/%u", text, a->prefix);
}
