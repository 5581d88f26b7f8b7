/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One netlink conversation with the kernel: build a message with libmnl's
 * mnl_attr_put*(), send it, have the answers handed to a function.  Leaf
 * convention: >= 0 or a negative errno; what the kernel said about it stands in
 * nl->words until the next request.
 */
#ifndef OS_NL_H
#define OS_NL_H

#include <libmnl/libmnl.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

struct nl {
	int fd;
	uint32_t seq;	 /* of the message being built or talked about */
	char words[128]; /* extended acknowledgement of the last failure, or "" */
	char tx[4096] __attribute__((aligned(NLMSG_ALIGNTO)));
	char rx[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
};

/* A reply or one entry of a dump. < 0 is the request's result (the rest is read and dropped). */
typedef int nl_cb(const struct nlmsghdr *m, void *data);

/* Socket of NETLINK_ROUTE, NETLINK_NETFILTER, ... in a network namespace; netns_fd < 0: own. */
int nl_open(struct nl **ret, int netns_fd, int protocol) _must_check_;
struct nl *nl_close(struct nl *n);

static inline void cleanup_nlp(struct nl **n)
{
	*n = nl_close(*n);
}
#define _cleanup_nl_ _cleanup_(cleanup_nlp)

/* Begin a message in nl->tx: type, NLM_F_* (REQUEST and ACK are added) and the family's header. */
struct nlmsghdr *nl_begin(struct nl *n, uint16_t type, uint16_t flags, const void *head,
			  size_t len);
/*
 * Send it and read until the acknowledgement or the end of the dump; cb may be NULL.
 * A dump the kernel had to interrupt is -EINTR: cb has seen an inconsistent picture.
 */
int nl_talk(struct nl *n, nl_cb *cb, void *data) _must_check_;
/* Send several messages as one (nfnetlink batch); that of last_seq asks for acknowledgement. */
int nl_talk_batch(struct nl *n, const void *buf, size_t len, uint32_t last_seq) _must_check_;

/* Index of a device by name in the socket's namespace, -ENODEV; and back (buf of IFNAMSIZ). */
int nl_ifindex(const struct nl *n, const char *name) _must_check_;
int nl_ifname(const struct nl *n, int index, char *buf) _must_check_;

#endif
