/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A VE's pair as venet.c opens it and plan.c changes its addresses; private to mech/net. */
#ifndef MECH_NET_VENET_H
#define MECH_NET_VENET_H

#include "mech/net/rt.h"

struct venet {
	uint32_t ctid;
	char dev[IFNAMSIZ];   /* the host end's name */
	struct nl *host, *ve; /* rtnetlink in either namespace */
	int host_index, ve_index;
	const struct logger *log;
};

/* What the kernel has of a VE's addresses; all empty right after the pair was made. */
struct net_state {
	struct alias_list ve, host; /* addresses of venet0; host routes to the host end */
	struct net_addr
		def[2]; /* source of the default route (IPv4, IPv6), family 0: no such route */
};
#define _cleanup_state_ _cleanup_(net_state_done)
void net_state_done(struct net_state *s);
int net_state_read(const struct venet *v, struct net_state *ret, struct vz_error *e) _must_check_;

/* Change have into want (labels are given out here); on failure have is put back. */
int net_plan_apply(const struct venet *v, const struct net_state *have,
		   const struct alias_list *want, struct vz_error *e) _must_check_;

/* The same for the host's routes alone. */
int net_plan_routes(const struct venet *v, const struct alias_list *want, struct vz_error *e)
	_must_check_;

/* The story of a failed request, with the kernel's words. */
int net_fail(struct vz_error *e, const struct nl *n, int code, const char *fmt, ...) _printf_(4, 5);
/* Write a per-device IPv6 setting of the host; -ENOENT when the kernel has it not. */
int net_ipv6_setting(const char *dev, const char *name, const char *value) _must_check_;

#endif
