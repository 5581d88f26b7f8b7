// SPDX-License-Identifier: GPL-2.0-or-later
/* Sockets and networks over a checkpoint: every state that a connection can be in, and what a VE makes for itself. */
#include "cpt_nl.h"

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/filter.h>
#include <linux/genetlink.h>
#include <linux/if_packet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/un.h>

#define TEXT	"over the checkpoint"
#define NOWHERE 0xc0000201 /* 192.0.2.1, which answers nobody */
#define RULE	4711

static int l, c, s;
static char buf[65536];

static bool gets_text(int fd)
{
	size_t got = 0;

	while (got < strlen(TEXT)) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n = poll(&p, 1, 5000) == 1 ? read(fd, buf + got, strlen(TEXT) - got) : -1;

		if (n <= 0)
			return false;
		got += (size_t)n;
	}
	return memcmp(buf, TEXT, strlen(TEXT)) == 0;
}

static bool puts_text(int fd)
{
	return send(fd, TEXT, strlen(TEXT), MSG_NOSIGNAL) == (ssize_t)strlen(TEXT);
}

/* l listens; c and s are a connection. */
static const char *connection(int family)
{
	struct sockaddr_storage a = { .ss_family = (sa_family_t)family };
	socklen_t n = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);

	if (family == AF_INET)
		((struct sockaddr_in *)&a)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		((struct sockaddr_in6 *)&a)->sin6_addr = in6addr_loopback;
	l = socket(family, SOCK_STREAM, 0);
	c = socket(family, SOCK_STREAM, 0);
	NEED(l >= 0 && c >= 0 && bind(l, (void *)&a, n) == 0);
	CHECK(listen(l, 7) == 0 && getsockname(l, (void *)&a, &n) == 0);
	CHECK(connect(c, (void *)&a, n) == 0 && (s = accept(l, NULL, NULL)) >= 0);
	return NULL;
}

/* ---- TCP ---- */

static const char *tcp_make(void)
{
	int on = 1, idle = 77;

	STEP(connection(AF_INET));
	CHECK(setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
	CHECK(setsockopt(c, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) == 0);
	CHECK(setsockopt(c, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle)) == 0);
	CHECK(puts_text(c) && puts_text(s));
	return NULL;
}

static const char *tcp_verify(void)
{
	socklen_t n = sizeof(int);
	int on = 0, idle = 0;

	CHECK(gets_text(s) && gets_text(c));
	CHECK(getsockopt(c, IPPROTO_TCP, TCP_NODELAY, &on, &n) == 0 && on);
	CHECK(getsockopt(c, IPPROTO_TCP, TCP_KEEPIDLE, &idle, &n) == 0 && idle == 77);
	CHECK(puts_text(c) && puts_text(s));
	return NULL;
}

static const char *tcp6_make(void)
{
	STEP(connection(AF_INET6));
	CHECK(puts_text(c));
	return NULL;
}

static const char *tcp6_verify(void)
{
	CHECK(gets_text(s) && puts_text(c));
	return NULL;
}

static const char *listen_make(void)
{
	STEP(connection(AF_INET));
	close(c);
	close(s);
	return NULL;
}

static const char *listen_verify(void)
{
	struct sockaddr_in a;
	socklen_t n = sizeof(a);

	CHECK(getsockname(l, (void *)&a, &n) == 0 && (c = socket(AF_INET, SOCK_STREAM, 0)) >= 0);
	CHECK(connect(c, (void *)&a, n) == 0 && (s = accept(l, NULL, NULL)) >= 0 && puts_text(c) &&
	      gets_text(s));
	close(c);
	close(s);
	return NULL;
}

/* Half closed, with data still on its way. */
static const char *half_make(void)
{
	STEP(connection(AF_INET));
	CHECK(puts_text(c) && shutdown(c, SHUT_WR) == 0);
	return NULL;
}

static bool half_read;

static const char *half_verify(void)
{
	CHECK(half_read || gets_text(s));
	half_read = true;
	CHECK(read(s, buf, 1) == 0 && puts_text(s) && gets_text(c));
	return NULL;
}

/* More than the receiver's window takes: the rest waits in the sender's queue. */
static long queued;

static const char *queue_make(void)
{
	ssize_t n;

	STEP(connection(AF_INET));
	CHECK(fcntl(c, F_SETFL, O_NONBLOCK) == 0);
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (char)(i * 7);
	while ((n = write(c, buf, sizeof(buf))) == sizeof(buf) && queued < 64L << 20)
		queued += n;
	queued += n > 0 ? n : 0;
	CHECK(queued > 100000);
	return NULL;
}

static const char *queue_verify(void)
{
	ssize_t n;

	for (long at = 0; at < queued; at += n) {
		struct pollfd p = { .fd = s, .events = POLLIN };

		CHECK(poll(&p, 1, 20000) == 1);
		n = read(s, buf, sizeof(buf));
		CHECK(n > 0);
		for (long i = 0; i < n; i += 997)
			CHECK(buf[i] == (char)(((at + i) % (long)sizeof(buf)) * 7));
	}
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (char)(i * 7);
	queued = write(c, buf, sizeof(buf));
	CHECK(queued > 0);
	return NULL;
}

static const char *timewait_make(void)
{
	STEP(connection(AF_INET));
	close(c);
	CHECK(read(s, buf, 1) == 0);
	close(s);
	return NULL;
}

static const char *connecting_make(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(9),
				 .sin_addr.s_addr = htonl(NOWHERE) };

	c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CHECK(c >= 0);
	NEED(connect(c, (void *)&a, sizeof(a)) < 0 && errno == EINPROGRESS);
	return NULL;
}

static const char *connecting_verify(void)
{
	int error = 0;
	socklen_t n = sizeof(error);

	CHECK(getsockopt(c, SOL_SOCKET, SO_ERROR, &error, &n) == 0);
	return NULL;
}

/* ---- datagrams ---- */

static const char *udp_make(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);

	l = socket(AF_INET, SOCK_DGRAM, 0);
	c = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(bind(l, (void *)&a, n) == 0 && getsockname(l, (void *)&a, &n) == 0 &&
	      connect(c, (void *)&a, n) == 0);
	return NULL;
}

static const char *udp_verify(void)
{
	CHECK(puts_text(c) && gets_text(l));
	return NULL;
}

static const char *icmp_make(void)
{
	c = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	NEED(c >= 0);
	return NULL;
}

static const char *ping_make(void)
{
	c = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	NEED(c >= 0);
	return NULL;
}

static const char *icmp_verify(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct icmphdr h = { .type = ICMP_ECHO, .checksum = (uint16_t)~htons(ICMP_ECHO << 8) };
	struct pollfd p = { .fd = c, .events = POLLIN };

	CHECK(sendto(c, &h, sizeof(h), 0, (void *)&a, sizeof(a)) == sizeof(h));
	CHECK(poll(&p, 1, 3000) == 1 && recv(c, buf, sizeof(buf), 0) > 0);
	return NULL;
}

static const char *packet_make(void)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_ALL),
				 .sll_ifindex = 1 };

	NEED((c = socket(AF_PACKET, SOCK_RAW, 0)) >= 0);
	CHECK(bind(c, (void *)&a, sizeof(a)) == 0);
	return NULL;
}

static const char *packet_verify(void)
{
	struct sockaddr_ll a = { 0 };
	socklen_t n = sizeof(a);

	CHECK(getsockname(c, (void *)&a, &n) == 0 && a.sll_ifindex == 1 &&
	      a.sll_protocol == htons(ETH_P_ALL));
	return NULL;
}

/* A classic BPF filter that lets nothing but an "o" at the beginning through. */
static const char *filter_make(void)
{
	struct sock_filter f[] = { BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 8), /* behind UDP's header */
				   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'o', 0, 1),
				   BPF_STMT(BPF_RET | BPF_K, 65535), BPF_STMT(BPF_RET | BPF_K, 0) };
	struct sock_fprog prog = { .len = 4, .filter = f };

	STEP(udp_make());
	CHECK(setsockopt(l, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) == 0);
	return NULL;
}

static const char *filter_verify(void)
{
	CHECK(send(c, "dropped", 7, 0) == 7 && puts_text(c) && gets_text(l));
	return NULL;
}

/* ---- netlink ---- */

static const char *route_make(void)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK,
				 .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_ROUTE };

	c = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	CHECK(c >= 0 && bind(c, (void *)&a, sizeof(a)) == 0);
	return NULL;
}

static const char *route_verify(void)
{
	struct sockaddr_nl a;
	socklen_t n = sizeof(a);

	CHECK(getsockname(c, (void *)&a, &n) == 0 &&
	      a.nl_groups == (RTMGRP_LINK | RTMGRP_IPV4_ROUTE));
	return NULL;
}

static const char *kernel_make(void)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_groups = 1 };

	c = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_KOBJECT_UEVENT);
	s = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
	l = socket(AF_NETLINK, SOCK_RAW, 9 /* NETLINK_AUDIT */);
	CHECK(c >= 0 && s >= 0 && bind(c, (void *)&a, sizeof(a)) == 0);
	return NULL;
}

static const char *kernel_verify(void)
{
	struct {
		struct nlmsghdr h;
		struct genlmsghdr g;
	} q = { .h = { .nlmsg_len = sizeof(q),
		       .nlmsg_type = GENL_ID_CTRL,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.g = { .cmd = CTRL_CMD_GETFAMILY } };

	CHECK(send(s, &q, sizeof(q), 0) == sizeof(q) && recv(s, buf, sizeof(buf), 0) > 0);
	while (recv(s, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	return NULL;
}

/* ---- unix ---- */

static int pairs[3][2];
static const int kinds[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };

static const char *pair_make(void)
{
	for (int i = 0; i < 3; i++)
		CHECK(socketpair(AF_UNIX, kinds[i], 0, pairs[i]) == 0 && puts_text(pairs[i][0]) &&
		      puts_text(pairs[i][1]));
	return NULL;
}

static const char *pair_verify(void)
{
	for (int i = 0; i < 3; i++) {
		CHECK(gets_text(pairs[i][1]) && gets_text(pairs[i][0]));
		CHECK(puts_text(pairs[i][0]) && puts_text(pairs[i][1]));
	}
	return NULL;
}

/* name: on disk, or "" for an abstract one */
static const char *named(const char *path, bool remove)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	socklen_t n = sizeof(a);

	if (*path)
		snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	else
		n = (socklen_t)(sizeof(sa_family_t) +
				(size_t)snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "cpt-%s",
						 me) +
				1);
	l = socket(AF_UNIX, SOCK_STREAM, 0);
	c = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(bind(l, (void *)&a, n) == 0 && listen(l, 5) == 0 && connect(c, (void *)&a, n) == 0);
	CHECK((s = accept(l, NULL, NULL)) >= 0 && puts_text(c));
	CHECK(!remove || unlink(path) == 0);
	return NULL;
}

static const char *unix_make(void)
{
	return named(file("sock"), false);
}
static const char *unix_gone_make(void)
{
	return named(file("sock"), true);
}
static const char *abstract_make(void)
{
	return named("", false);
}

/* The name of an accepted socket, which getpeername() shows its client, is not kept by CRIU: not looked at. */
static const char *unix_verify(void)
{
	CHECK(gets_text(s) && puts_text(c));
	return NULL;
}

static const char *unix_name_verify(void)
{
	struct sockaddr_un a;
	socklen_t n = sizeof(a);
	int more, in;

	STEP(unix_verify());
	CHECK(getsockname(l, (void *)&a, &n) == 0 && (more = socket(AF_UNIX, SOCK_STREAM, 0)) >= 0);
	CHECK(connect(more, (void *)&a, n) == 0 && (in = accept(l, NULL, NULL)) >= 0 &&
	      puts_text(more) && gets_text(in));
	close(more);
	close(in);
	return NULL;
}

/* A descriptor in a message that nobody has received yet. */
static bool send_fd(int to, int fd)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} u = { .h = { .cmsg_len = CMSG_LEN(sizeof(int)),
		       .cmsg_level = SOL_SOCKET,
		       .cmsg_type = SCM_RIGHTS } };
	struct iovec v = { .iov_base = (char[]){ "x" }, .iov_len = 1 };
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = sizeof(u)
	};

	memcpy(CMSG_DATA(&u.h), &fd, sizeof(fd));
	return sendmsg(to, &m, 0) == 1;
}

static int take_fd(int from)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} u;
	struct iovec v = { .iov_base = buf, .iov_len = 1 };
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = sizeof(u)
	};
	int fd = -1;

	if (recvmsg(from, &m, MSG_DONTWAIT) == 1 && m.msg_controllen)
		memcpy(&fd, CMSG_DATA(&u.h), sizeof(fd));
	return fd;
}

static const char *inflight_make(void)
{
	int p[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[0]) == 0 && pipe(p) == 0);
	CHECK(write(p[1], TEXT, strlen(TEXT)) > 0 && send_fd(pairs[0][0], p[0]));
	close(p[0]);
	c = p[1];
	return NULL;
}

static const char *inflight_verify(void)
{
	int fd = take_fd(pairs[0][1]);

	CHECK(fd >= 0 && gets_text(fd));
	CHECK(write(c, TEXT, strlen(TEXT)) > 0 && send_fd(pairs[0][0], fd));
	close(fd);
	return NULL;
}

/* ---- networks ---- */

static bool bridged; /* not every kernel has bridges */

static const char *net_make(void)
{
	struct ifreq q = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	NEED(unshare(CLONE_NEWNET) == 0);
	CHECK((s = socket(AF_INET, SOCK_DGRAM, 0)) >= 0 && ioctl(s, SIOCSIFFLAGS, &q) == 0);
	errno = -link_add("cpt-a", "veth", "cpt-b");
	if (errno)
		return why("link");
	bridged = link_add("cpt-br", "bridge", NULL) == 0;
	STEP(udp_make());
	return NULL;
}

static const char *net_verify(void)
{
	CHECK(!bridged || if_nametoindex("cpt-br"));
	CHECK(if_nametoindex("cpt-a") && if_nametoindex("cpt-b"));
	return udp_verify();
}

static int table_call(uint16_t type, const char *name)
{
	struct nfgenmsg g = { .nfgen_family = NFPROTO_INET, .version = NFNETLINK_V0 };
	struct nlreq q;

	nl_begin(&q, (NFNL_SUBSYS_NFTABLES << 8) | type, 0, &g, sizeof(g));
	nl_attr(&q, NFTA_TABLE_NAME, name, strlen(name) + 1);
	if (type == NFT_MSG_NEWTABLE) { /* changes come in batches */
		struct {
			struct nlmsghdr h;
			struct nfgenmsg g;
		} mark = { .h = { .nlmsg_len = sizeof(mark),
				  .nlmsg_type = NFNL_MSG_BATCH_BEGIN,
				  .nlmsg_flags = NLM_F_REQUEST },
			   .g = { .res_id = htons(NFNL_SUBSYS_NFTABLES) } };
		struct nlreq all = { 0 };

		q.h.nlmsg_flags |= NLM_F_CREATE;
		memcpy(&all, &mark, sizeof(mark));
		memcpy((char *)&all + sizeof(mark), &q, NLMSG_ALIGN(q.h.nlmsg_len));
		mark.h.nlmsg_type = NFNL_MSG_BATCH_END;
		memcpy((char *)&all + sizeof(mark) + NLMSG_ALIGN(q.h.nlmsg_len), &mark,
		       sizeof(mark));
		return nl_talk_n(NETLINK_NETFILTER, &all,
				 2 * sizeof(mark) + NLMSG_ALIGN(q.h.nlmsg_len));
	}
	return nl_talk(NETLINK_NETFILTER, &q);
}

static const char *nft_make(void)
{
	errno = -table_call(NFT_MSG_NEWTABLE, "cpt");
	return errno ? why("skip: nft") : NULL;
}

static const char *nft_verify(void)
{
	errno = -table_call(NFT_MSG_GETTABLE, "cpt");
	return errno ? why("the table is gone") : NULL;
}

static int rule_call(uint16_t type, uint16_t flags)
{
	struct fib_rule_hdr h = { .family = AF_INET,
				  .table = RT_TABLE_MAIN,
				  .action = FR_ACT_TO_TBL };
	uint32_t priority = RULE;
	struct nlreq q;

	nl_begin(&q, type, flags, &h, sizeof(h));
	nl_attr(&q, FRA_PRIORITY, &priority, sizeof(priority));
	return nl_talk(NETLINK_ROUTE, &q);
}

static const char *rule_make(void)
{
	errno = -rule_call(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);
	return errno ? why("skip: rule") : NULL;
}

static const char *rule_verify(void)
{
	errno = -rule_call(RTM_DELRULE, 0);
	if (errno)
		return why("the rule is gone");
	return rule_make();
}

static const struct feature features[] = {
	{ "tcp", tcp_make, tcp_verify },
	{ "tcp6", tcp6_make, tcp6_verify },
	{ "tcp-listen", listen_make, listen_verify },
	{ "tcp-half", half_make, half_verify },
	{ "tcp-queue", queue_make, queue_verify },
	{ "tcp-timewait", timewait_make, NULL },
	{ "tcp-connecting", connecting_make, connecting_verify },
	{ "udp", udp_make, udp_verify },
	{ "icmp-raw", icmp_make, icmp_verify },
	{ "icmp-ping", ping_make, icmp_verify },
	{ "packet", packet_make, packet_verify },
	{ "socket-filter", filter_make, filter_verify },
	{ "netlink-route", route_make, route_verify },
	{ "netlink-kernel", kernel_make, kernel_verify },
	{ "unix-pair", pair_make, pair_verify },
	{ "unix-path", unix_make, unix_name_verify },
	{ "unix-deleted", unix_gone_make, unix_verify },
	{ "unix-abstract", abstract_make, unix_name_verify },
	{ "unix-inflight", inflight_make, inflight_verify },
	{ "net-ns", net_make, net_verify },
	{ "nft", nft_make, nft_verify },
	{ "ip-rule", rule_make, rule_verify },
	{ NULL, NULL, NULL },
};

int main(int argc, char **argv)
{
	return cpt_main(features, argc, argv);
}
