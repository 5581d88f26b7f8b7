/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making again what nssave.c wrote down, on top of net_up().  Runs in a child that has
 * joined the VE's user and network namespace and has nothing else open.  Tricky: a route may
 * need another one that stands later in the text.
 */
#include "mech/net/netns.h"

#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/num.h"
#include "mech/net/nsnft.h"
#include "mech/net/nskind.h"
#include "os/os.h"

enum { ANSWER_MS = 30000, SOCKET_BYTES = 16 << 20, MAX_WARNINGS = 20 };

#define NONSENSE "the dump's network state cannot be understood"

struct replay {
	struct nl *rt, *nft;
	int sock;
	char **lines; /* of the text, without the first */
	unsigned int warnings;
};

/* From the child: a warning, or with last the end of the story. */
struct report {
	bool last;
	struct vz_error error;
};

static void tell(void *data, int code, const char *line)
{
	struct replay *p = data;
	struct report m = { .last = false };

	if (++p->warnings > MAX_WARNINGS)
		return;
	(void)vz_fail(&m.error, code, "%.120s (error %d)", line, -code);
	IGNORE(os_send_fds(p->sock, &m, sizeof(m), NULL, 0));
}

/* ---- devices ---- */

struct link {
	char name[IFNAMSIZ];
	uint32_t index, mtu, qlen;
	bool up;
};

/* "NAME INDEX MTU QLEN up|down" */
static int parse_link(const char *text, struct link *ret)
{
	_cleanup_strv_ char **w = NULL;
	int r = strv_split(&w, text, " ");

	if (r < 0)
		return r;
	if (strv_len(w) != 5 || (strcmp(w[0], "lo") != 0 && strcmp(w[0], VE_DEV) != 0) ||
	    num_parse_u32(w[1], &ret->index) < 0 || num_parse_u32(w[2], &ret->mtu) < 0 ||
	    num_parse_u32(w[3], &ret->qlen) < 0 || !ret->index || ret->index > INT32_MAX ||
	    (strcmp(w[4], "up") != 0 && strcmp(w[4], "down") != 0))
		return -EBADMSG;
	(void)snprintf(ret->name, sizeof(ret->name), "%s", w[0]);
	ret->up = strcmp(w[4], "up") == 0;
	return 0;
}

int net_ns_index(const char *text)
{
	struct link l;

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		const char *rest = ns_after(line += *line == '\n', "link");
		_cleanup_free_ char *one = rest ? strndup(rest, strcspn(rest, "\n")) : NULL;

		if (one && parse_link(one, &l) >= 0 && strcmp(l.name, VE_DEV) == 0)
			return (int)l.index;
	}
	return 0;
}

static int set_link(struct replay *p, const struct link *l, bool state)
{
	const struct ifinfomsg head = { .ifi_index = (int)l->index,
					.ifi_change = state ? IFF_UP : 0,
					.ifi_flags = state && l->up ? IFF_UP : 0 };
	struct nlmsghdr *m = nl_begin(p->rt, RTM_SETLINK, 0, &head, sizeof(head));

	if (!state) {
		mnl_attr_put_u32(m, IFLA_MTU, l->mtu);
		mnl_attr_put_u32(m, IFLA_TXQLEN, l->qlen);
	}
	return nl_talk(p->rt, NULL, NULL);
}

/* Sizes first, a device that was down goes down last: that takes its routes away. */
static int set_links(struct replay *p, bool last)
{
	for (size_t i = 0; p->lines && p->lines[i]; i++) {
		const char *rest = ns_after(p->lines[i], "link");
		struct link l;
		int r;

		if (!rest)
			continue;
		r = parse_link(rest, &l);
		if (r < 0)
			return r;
		r = nl_ifindex(p->rt, l.name);
		if (r != (int)l.index)
			r = -ENODEV;
		else if (!last || !l.up)
			r = set_link(p, &l, last);
		if (r < 0)
			tell(p, r, p->lines[i]);
	}
	return 0;
}

/* ---- rtnetlink ---- */

static int send_one(struct replay *p, int kind, const char *hex)
{
	const struct ns_kind *k = &ns_kinds[kind];
	const uint16_t how = kind == NS_NEIGH ? NLM_F_REPLACE : NLM_F_EXCL;
	char data[NS_MAX_MSG];
	struct nlmsghdr *m;
	ssize_t n = ns_unhex(hex, data, sizeof(data));
	int r;

	if (n < 0 || (size_t)n < NLMSG_ALIGN(k->head) ||
	    !ns_attrs_valid(data + NLMSG_ALIGN(k->head), (size_t)n - NLMSG_ALIGN(k->head), k->keep))
		return -EBADMSG;
	m = nl_begin(p->rt, k->new, NLM_F_CREATE | how, data, (size_t)n);
	(void)m;
	r = nl_talk(p->rt, NULL, NULL);
	return r == -EEXIST ? 0 : r;
}

/* The rules a namespace is born with, which the text then has too where they were kept. */
static int drop_rules(struct replay *p, const char *family)
{
	static const struct {
		uint32_t pref;
		uint8_t table;
	} usual[] = { { 0, RT_TABLE_LOCAL },
		      { 32766, RT_TABLE_MAIN },
		      { 32767, RT_TABLE_DEFAULT } };
	uint32_t af;

	if (num_parse_u32(family, &af) < 0 || (af != AF_INET && af != AF_INET6))
		return -EBADMSG;
	for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
		const struct fib_rule_hdr head = { .family = (uint8_t)af,
						   .table = usual[i].table,
						   .action = FR_ACT_TO_TBL };
		struct nlmsghdr *m = nl_begin(p->rt, RTM_DELRULE, 0, &head, sizeof(head));
		int r;

		mnl_attr_put_u32(m, FRA_PRIORITY, usual[i].pref);
		r = nl_talk(p->rt, NULL, NULL);
		if (r < 0 && r != -ENOENT)
			tell(p, r, "remove a rule");
	}
	return 0;
}

/* Lines of these kinds, again and again as long as that helps. */
static int send_kinds(struct replay *p, unsigned int kinds)
{
	bool progress = true, last = false;

	for (; progress || !last; progress = progress && !last) {
		last = !progress;
		progress = false;
		for (size_t i = 0; p->lines && p->lines[i]; i++) {
			const char *rest = NULL;
			int r, kind = 0;

			for (; kind < NS_KINDS && !rest; kind++)
				if (kinds & 1U << kind)
					rest = ns_after(p->lines[i], ns_kinds[kind].word);
			if (!rest)
				continue;
			r = send_one(p, kind - 1, rest);
			if (r == -EBADMSG || (r < 0 && last))
				tell(p, r, p->lines[i]);
			if (r == -EBADMSG)
				return r;
			if (r >= 0 || last) {
				p->lines[i][0] = '\0'; /* done */
				progress = progress || r >= 0;
			}
		}
	}
	return 0;
}

static int send_nft(struct replay *p, struct vz_error *e)
{
	struct ns_nft b = { 0 };
	int r = 0;

	for (size_t i = 0; r >= 0 && p->lines && p->lines[i]; i++) {
		_cleanup_strv_ char **w = NULL;

		if (!ns_after(p->lines[i], "nft"))
			continue;
		r = strv_split(&w, p->lines[i], " ");
		if (r >= 0)
			r = strv_len(w) == 4 ? ns_nft_add(&b, w[1], w[2], w[3]) : -EBADMSG;
	}
	if (r >= 0)
		r = ns_nft_commit(&b, p->nft);
	ns_nft_done(&b);
	if (r == -EBADMSG || r >= 0)
		return r;
	return vz_fail(e, r, "make the container's nftables rules again%s%s",
		       p->nft->words[0] ? ": " : "", p->nft->words);
}

static int run(struct replay *p, struct vz_error *e)
{
	int r = send_kinds(p, 1U << NS_ADDR);

	if (r >= 0)
		r = send_kinds(p, 1U << NS_NEXTHOP | 1U << NS_ROUTE);
	for (size_t i = 0; r >= 0 && p->lines && p->lines[i]; i++)
		if (ns_after(p->lines[i], "rules"))
			r = drop_rules(p, ns_after(p->lines[i], "rules"));
	if (r >= 0)
		r = send_kinds(p, 1U << NS_RULE);
	if (r >= 0)
		r = send_kinds(p, 1U << NS_NEIGH);
	if (r >= 0)
		r = send_nft(p, e);
	if (r >= 0)
		r = set_links(p, true);
	if (r == -EBADMSG)
		return vz_fail(e, r, NONSENSE);
	return r;
}

/* ---- the child ---- */

static int replay_sysctls(struct replay *p)
{
	_cleanup_close_ int root = os_openat(AT_FDCWD, NS_SYSCTL, O_PATH | O_DIRECTORY, 0, 0);

	return root < 0 ? root : ns_sysctl_replay(root, p->lines, tell, p);
}

static int join(struct replay *p, int pidfd, bool userns)
{
	const int bytes = SOCKET_BYTES;
	int r = os_setns(pidfd, CLONE_NEWNET);

	if (r >= 0)
		r = nl_open(&p->rt, -1, NETLINK_ROUTE);
	if (r >= 0)
		r = nl_open(&p->nft, -1, NETLINK_NETFILTER);
	if (r < 0)
		return r;
	/* who are we now: host root still, which may exceed the limits of socket buffers */
	if (setsockopt(p->nft->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0 ||
	    setsockopt(p->nft->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		return -errno;
	/* and whose view of ids the settings were read in */
	r = set_links(p, false);
	if (r >= 0)
		r = replay_sysctls(p);
	if (r < 0 || !userns)
		return r;
	r = os_setns(pidfd, CLONE_NEWUSER);
	/* the VE's root from here on */
	if (r >= 0)
		r = os_setgroups0();
	if (r >= 0)
		r = os_setresgid(0, 0, 0);
	return r < 0 ? r : os_setresuid(0, 0, 0);
}

static _Noreturn void child(struct replay *p, int pidfd, bool userns)
{
	const int keep[] = { p->sock, pidfd };
	struct report m = { .last = true };
	int r = RET_NERRNO(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));

	if (r >= 0)
		r = os_close_except(keep, ARRAY_SIZE(keep));
	if (r >= 0)
		r = join(p, pidfd, userns);
	if (r == -EBADMSG)
		(void)vz_fail(&m.error, r, NONSENSE);
	else if (r < 0)
		(void)vz_fail(&m.error, r, "join the container's network namespace");
	else
		r = run(p, &m.error);
	m.error.code = r < 0 ? r : 0;
	IGNORE(os_send_fds(p->sock, &m, sizeof(m), NULL, 0));
	_exit(0);
}

/* ---- who waits for it ---- */

static int listen_to(int sock, const struct logger *l, struct vz_error *e)
{
	struct report m = { .last = false };

	while (!m.last) {
		int r = os_recv_wait(sock, -1, ANSWER_MS);

		if (r >= 0)
			r = os_recv_fds(sock, &m, sizeof(m), NULL, 0);
		if (r < 0)
			return vz_fail(e, r, "make the container's network state again");
		m.error.text[sizeof(m.error.text) - 1] = '\0';
		if (!m.last)
			log_warn(l, "network of the container: not as before: %s", m.error.text);
	}
	if (m.error.code < 0 && e)
		*e = m.error;
	return m.error.code;
}

static int split(const char *text, char ***ret)
{
	const size_t n = strlen(NS_MAGIC "\n");

	if (strncmp(text, NS_MAGIC "\n", n) != 0 || strlen(text) > NS_MAX_TEXT ||
	    text[strlen(text) - 1] != '\n')
		return -EBADMSG;
	return strv_split(ret, text + n, "\n");
}

/* Every line begins with a word of ours. */
static bool knows_lines(char *const *lines)
{
	static const char *const more[] = { "link", "sysctl", "rules", "nft" };

	for (size_t i = 0; lines && lines[i]; i++) {
		bool known = false;

		for (size_t k = 0; k < NS_KINDS; k++)
			known = known || ns_after(lines[i], ns_kinds[k].word);
		for (size_t k = 0; k < ARRAY_SIZE(more); k++)
			known = known || ns_after(lines[i], more[k]);
		if (!known)
			return false;
	}
	return true;
}

int net_ns_replay(int pidfd, bool userns, const char *text, const struct logger *l,
		  struct vz_error *e)
{
	_cleanup_close_ int ours = -EBADF, theirs = -EBADF, childfd = -EBADF;
	_cleanup_strv_ char **lines = NULL;
	struct replay p = { 0 };
	int pair[2], r = split(text, &lines);
	pid_t pid;

	if (r >= 0 && !knows_lines(lines))
		r = -EBADMSG;
	if (r < 0)
		return vz_fail(e, r, NONSENSE);
	r = os_seqpacket_pair(pair);
	if (r < 0)
		return vz_fail(e, r, "make a socket pair");
	ours = pair[0];
	p.sock = theirs = pair[1];
	p.lines = lines;
	pid = os_fork(&childfd);
	if (pid < 0)
		return vz_fail(e, pid, "fork into the container's network namespace");
	if (pid == 0)
		child(&p, pidfd, userns);
	theirs = safe_close(theirs);
	r = listen_to(ours, l, e);
	IGNORE(os_kill_reap(pid, childfd, NULL));
	return r;
}
