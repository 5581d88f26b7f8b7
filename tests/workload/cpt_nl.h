/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The least of netlink that the workloads need: one request, one answer. */
#ifndef WORKLOAD_CPT_NL_H
#define WORKLOAD_CPT_NL_H

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include "cpt.h"

struct nlreq {
	struct nlmsghdr h;
	char room[1024];
};

static void *nl_put(struct nlreq *q, const void *data, size_t n)
{
	void *at = (char *)q + NLMSG_ALIGN(q->h.nlmsg_len);

	memset(at, 0, NLMSG_ALIGN(n));
	if (data)
		memcpy(at, data, n);
	q->h.nlmsg_len = NLMSG_ALIGN(q->h.nlmsg_len) + NLMSG_ALIGN(n);
	return at;
}

static struct nlattr *nl_attr(struct nlreq *q, uint16_t type, const void *data, size_t n)
{
	struct nlattr a = { .nla_len = (uint16_t)(NLA_HDRLEN + n), .nla_type = type };
	struct nlattr *at = nl_put(q, &a, NLA_HDRLEN);

	if (n)
		nl_put(q, data, n);
	return at;
}

__attribute__((unused)) static void nl_end(struct nlreq *q, struct nlattr *nest)
{
	nest->nla_len = (uint16_t)((char *)q + NLMSG_ALIGN(q->h.nlmsg_len) - (char *)nest);
}

static void nl_begin(struct nlreq *q, uint16_t type, uint16_t flags, const void *head, size_t n)
{
	memset(q, 0, sizeof(*q));
	q->h = (struct nlmsghdr){ .nlmsg_len = NLMSG_HDRLEN,
				  .nlmsg_type = type,
				  .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags),
				  .nlmsg_seq = 1 };
	nl_put(q, head, n);
}

/* 0 or -errno */
static int nl_talk_n(int protocol, const void *q, size_t n)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), r;
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
		char rest[2048];
	} a;

	if (fd < 0)
		return -errno;
	if (send(fd, q, n, 0) < 0 || recv(fd, &a, sizeof(a), 0) < 0)
		r = -errno;
	else
		r = a.h.nlmsg_type == NLMSG_ERROR ? a.e.error : 0;
	close(fd);
	return r;
}

static int nl_talk(int protocol, const struct nlreq *q)
{
	return nl_talk_n(protocol, q, q->h.nlmsg_len);
}

/* ip link add NAME type KIND; peer: of a veth, or NULL */
__attribute__((unused)) static int link_add(const char *name, const char *kind, const char *peer)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	struct nlattr *info, *data, *pair;
	uint32_t id = 7;
	struct nlreq q;

	nl_begin(&q, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &ifi, sizeof(ifi));
	nl_attr(&q, IFLA_IFNAME, name, strlen(name) + 1);
	info = nl_attr(&q, IFLA_LINKINFO, NULL, 0);
	nl_attr(&q, IFLA_INFO_KIND, kind, strlen(kind));
	data = nl_attr(&q, IFLA_INFO_DATA, NULL, 0);
	if (peer) {
		pair = nl_attr(&q, VETH_INFO_PEER, NULL, 0);
		nl_put(&q, &ifi, sizeof(ifi));
		nl_attr(&q, IFLA_IFNAME, peer, strlen(peer) + 1);
		nl_end(&q, pair);
	} else if (strcmp(kind, "vxlan") == 0) {
		nl_attr(&q, IFLA_VXLAN_ID, &id, sizeof(id));
	}
	nl_end(&q, data);
	nl_end(&q, info);
	return nl_talk(NETLINK_ROUTE, &q);
}

#endif
