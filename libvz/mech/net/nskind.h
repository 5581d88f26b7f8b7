/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The text of a network namespace, private to mech/net (nssave.c, nsreplay.c, nskind.c). */
#ifndef MECH_NET_NSKIND_H
#define MECH_NET_NSKIND_H

#include <sys/types.h>

#include "base/str.h"
#include "mech/net/netns.h"
#include "mech/net/rt.h"

#define NS_MAGIC    "vz-netns 1"
#define NS_MAX_TEXT (1U << 20) /* a dump takes no larger file */
#define NS_MAX_MSG  4000       /* one message's header and attributes; struct nl has room for it */
#define NS_SYSCTL   "/proc/sys/net"

/*
 *	link NAME INDEX MTU QLEN up|down
 *	sysctl PATH VALUE
 *	addr HEX, nexthop HEX, route HEX, rules FAMILY, rule HEX, neigh HEX
 *	nft TYPE FAMILY HEX
 * HEX is the message as the kernel gave it, with the attributes that its kind keeps.
 */
struct ns_kind {
	const char *word;
	uint16_t get, new;
	uint16_t head;	     /* bytes of the family's header */
	uint64_t keep, drop; /* attributes by bit; another one: cannot be made again */
};
enum { NS_NEXTHOP, NS_ADDR, NS_ROUTE, NS_RULE, NS_NEIGH, NS_KINDS };
extern const struct ns_kind ns_kinds[NS_KINDS];

/* Append header and kept attributes of a message as hex; 1, or 0: an attribute nobody knows (or too large). */
int ns_put(struct str *out, const struct ns_kind *k, const struct nlmsghdr *m) _must_check_;
void ns_hex(struct str *out, const void *data, size_t n);
/* Bytes of a hex word into buf, -EBADMSG */
ssize_t ns_unhex(const char *s, void *buf, size_t max) _must_check_;
/* Are these attributes, all of these kinds? */
bool ns_attrs_valid(const void *data, size_t n, uint64_t keep);

/* ---- nssysctl.c ---- */
/* The lines that are settings; what cannot be set is told. root: of NS_SYSCTL */
typedef void ns_tell_fn(void *data, int code, const char *line);
int ns_sysctl_replay(int root, char *const *lines, ns_tell_fn *tell, void *data) _must_check_;
/* The rest of a line that begins with word and a blank, or NULL. */
const char *ns_after(const char *line, const char *word);

#endif
