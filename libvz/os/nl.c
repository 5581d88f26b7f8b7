/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Netlink requests; see nl.h.  Knows framing, acknowledgements and dumps, not
 * what a message means.  Tricky: in a VE's namespace its root may send netlink
 * messages to our port; connect() to port 0 makes the socket refuse whatever
 * does not come from the kernel.
 */
#include "os/nl.h"

#include <linux/netlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "os/os.h"

static int set_option(int fd, int option)
{
	return RET_NERRNO(setsockopt(fd, SOL_NETLINK, option, &(int){ 1 }, sizeof(int)));
}

int nl_open(struct nl **ret, int netns_fd, int protocol)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	_cleanup_close_ int fd = -EBADF;
	struct nl *n;

	if (netns_fd >= 0)
		fd = os_socket_in(netns_fd, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	else
		fd = RET_NERRNO(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	/* only the text of errors and the speed of dumps depend on these */
	IGNORE(set_option(fd, NETLINK_EXT_ACK));
	IGNORE(set_option(fd, NETLINK_CAP_ACK));
	IGNORE(set_option(fd, NETLINK_GET_STRICT_CHK));
	n = malloc(sizeof(*n));
	if (!n)
		return -ENOMEM;
	n->fd = TAKE_FD(fd);
	n->seq = 0;
	n->words[0] = '\0';
	*ret = n;
	return 0;
}

struct nl *nl_close(struct nl *n)
{
	if (n) {
		safe_close(n->fd);
		free(n);
	}
	return NULL;
}

struct nlmsghdr *nl_begin(struct nl *n, uint16_t type, uint16_t flags, const void *head, size_t len)
{
	struct nlmsghdr *m = mnl_nlmsg_put_header(n->tx);

	m->nlmsg_type = type;
	m->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	m->nlmsg_seq = ++n->seq;
	memcpy(mnl_nlmsg_put_extra_header(m, len), head, len);
	return m;
}

/* The kernel's words behind an error or the end of a dump. */
static void take_words(struct nl *n, const struct nlmsghdr *m, size_t offset)
{
	const struct nlattr *a;

	if (!(m->nlmsg_flags & NLM_F_ACK_TLVS) || mnl_nlmsg_get_payload_len(m) < offset)
		return;
	mnl_attr_for_each(a, m, offset)
	{
		if (mnl_attr_get_type(a) != NLMSGERR_ATTR_MSG)
			continue;
		(void)snprintf(n->words, sizeof(n->words), "%.*s", (int)mnl_attr_get_payload_len(a),
			       mnl_attr_get_str(a));
	}
}

static int take_error(struct nl *n, const struct nlmsghdr *m)
{
	const struct nlmsgerr *err = mnl_nlmsg_get_payload(m);
	size_t offset = sizeof(*err);

	if (mnl_nlmsg_get_payload_len(m) < sizeof(*err))
		return -EBADMSG;
	if (!(m->nlmsg_flags & NLM_F_CAPPED))
		offset += MNL_ALIGN(mnl_nlmsg_get_payload_len(&err->msg));
	if (err->error < 0)
		take_words(n, m, offset);
	return err->error;
}

static int take_done(struct nl *n, const struct nlmsghdr *m)
{
	int r;

	if (mnl_nlmsg_get_payload_len(m) < sizeof(r))
		return 0;
	memcpy(&r, mnl_nlmsg_get_payload(m), sizeof(r));
	if (r < 0)
		take_words(n, m, sizeof(r));
	return r < 0 ? r : 0;
}

static ssize_t receive(struct nl *n)
{
	ssize_t len;

	do
		len = recv(n->fd, n->rx, sizeof(n->rx), MSG_TRUNC);
	while (len < 0 && errno == EINTR);
	if (len < 0)
		return -errno;
	return (size_t)len > sizeof(n->rx) ? -EMSGSIZE : len;
}

static int transmit(struct nl *n, const void *buf, size_t len)
{
	ssize_t sent;

	n->words[0] = '\0';
	do
		sent = send(n->fd, buf, len, 0);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -errno;
	return (size_t)sent == len ? 0 : -EMSGSIZE;
}

/* One received datagram: 1 when the conversation is over, with *result set. */
static int digest(struct nl *n, int len, nl_cb *cb, void *data, int *result)
{
	const struct nlmsghdr *m = (const void *)n->rx;

	for (; mnl_nlmsg_ok(m, len); m = mnl_nlmsg_next(m, &len)) {
		if (m->nlmsg_seq != n->seq)
			continue;
		if (m->nlmsg_flags & NLM_F_DUMP_INTR && *result == 0)
			*result = -EINTR;
		if (m->nlmsg_type == NLMSG_ERROR || m->nlmsg_type == NLMSG_DONE) {
			int r = m->nlmsg_type == NLMSG_ERROR ? take_error(n, m) : take_done(n, m);

			if (r < 0)
				*result = r;
			return 1;
		}
		if (m->nlmsg_type >= NLMSG_MIN_TYPE && cb && *result == 0) {
			int r = cb(m, data);

			if (r < 0)
				*result = r;
		}
	}
	return 0;
}

int nl_talk(struct nl *n, nl_cb *cb, void *data)
{
	const struct nlmsghdr *m = (const void *)n->tx;
	int r, result = 0;

	r = transmit(n, m, m->nlmsg_len);
	if (r < 0)
		return r;
	do {
		r = (int)receive(n);
		if (r < 0)
			return r;
		r = digest(n, r, cb, data, &result);
	} while (r == 0);
	return result;
}

int nl_talk_batch(struct nl *n, const void *buf, size_t len, uint32_t last_seq)
{
	int r;

	r = transmit(n, buf, len);
	if (r < 0)
		return r;
	for (;;) {
		const struct nlmsghdr *m = (const void *)n->rx;
		int left = (int)receive(n);

		if (left < 0)
			return left;
		for (; mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left)) {
			if (m->nlmsg_type != NLMSG_ERROR)
				continue;
			r = take_error(n, m);
			if (r < 0 || m->nlmsg_seq == last_seq)
				return r;
		}
	}
}

int nl_ifindex(const struct nl *n, const char *name)
{
	struct ifreq q = { 0 };

	if (strlen(name) >= sizeof(q.ifr_name))
		return -ENODEV;
	memcpy(q.ifr_name, name, strlen(name));
	if (ioctl(n->fd, SIOCGIFINDEX, &q) < 0)
		return -errno;
	return q.ifr_ifindex;
}

int nl_ifname(const struct nl *n, int index, char *buf)
{
	struct ifreq q = { .ifr_ifindex = index };

	if (ioctl(n->fd, SIOCGIFNAME, &q) < 0)
		return -errno;
	memcpy(buf, q.ifr_name, IFNAMSIZ);
	return 0;
}
