/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A VE's network namespace over a checkpoint: what its root made on top of net_up(), as text, and
 * made again in a fresh namespace after net_up().  Sockets and conntrack are not meant.
 */
#ifndef MECH_NET_NETNS_H
#define MECH_NET_NETNS_H

#include "base/error.h"
#include "base/log.h"

#include <stdbool.h>

struct net_conf;

/*
 * Settings below net. that are not those of a fresh namespace, as lines for net_ns_save().  Some 600 files each
 * take 10 to 20 us, so this is for the time before the VE is frozen.
 */
int net_ns_save_settings(int netns_fd, char **ret, struct vz_error *e) _must_check_;
/*
 * Devices' state, addresses, nexthops, routes, rules, permanent neighbours and nftables, but for what conf says, and
 * the settings: 1 with *ret_text.  0 with *ret_why ("device br0") when it holds something that net_ns_replay() cannot
 * make again; CRIU has to take the whole namespace then.  The caller frees either.
 */
int net_ns_save(int netns_fd, const struct net_conf *c, const char *settings, char **ret_text,
		char **ret_why, struct vz_error *e) _must_check_;
/* The index that venet0 had, for net_conf.ve_index: sockets know devices by it. 0: it had none. */
int net_ns_index(const char *text);
/*
 * In a child that joins the user namespace (userns) and the network namespace of pidfd, so whatever the text says
 * can be done there only.  A setting this kernel does not have is a warning. -EBADMSG: no such text
 */
int net_ns_replay(int pidfd, bool userns, const char *text, const struct logger *l,
		  struct vz_error *e) _must_check_;

#endif
