/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* nftables of a network namespace as lines of its text; private to mech/net. */
#ifndef MECH_NET_NSNFT_H
#define MECH_NET_NSNFT_H

#include "base/str.h"
#include "os/nl.h"

#include <stddef.h>

/*
 * Append "nft TYPE FAMILY HEX" per object, in the order they can be made in.  What cannot be made again is
 * told in why, and 0 returned all the same.
 */
int ns_nft_save(int netns_fd, struct str *out, char *why, size_t n) _must_check_;

/* One transaction, growing. */
struct ns_nft {
	char *buf;
	size_t len, cap;
	uint32_t seq, sets;
};
/* Put the object of one more line into it: TYPE, FAMILY and HEX. -EBADMSG */
int ns_nft_add(struct ns_nft *b, const char *type, const char *family, const char *hex)
	_must_check_;
/* Send all; nothing to send is fine. */
int ns_nft_commit(struct ns_nft *b, struct nl *n) _must_check_;
void ns_nft_done(struct ns_nft *b);

#endif
