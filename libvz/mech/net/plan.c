/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Changes of a VE's addresses as a list of invertible operations: made from what
 * the kernel has and what the configuration wants, run in order, undone in
 * reverse.  Knows both ends of the pair, not how they came up.  Tricky: IPv4
 * loses a default route with its preferred source, so the route moves to a new
 * source after the additions and before the removals.
 */
#include "mech/net/venet.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

enum what { VE_ADDR, HOST_ROUTE, DEFAULT_ROUTE };

struct op {
	enum what what;
	bool add;
	struct alias a;
	struct net_addr old_src, new_src; /* DEFAULT_ROUTE; family 0: no route */
};

struct plan {
	struct op *v;
	size_t n;
};

static void plan_done(struct plan *p)
{
	free(p->v);
}

void net_state_done(struct net_state *s)
{
	alias_list_done(&s->ve);
	alias_list_done(&s->host);
}

static const struct alias *find(const struct alias_list *l, const struct net_addr *a)
{
	for (size_t i = 0; i < l->n; i++)
		if (net_addr_same_host(&l->v[i].addr, a))
			return &l->v[i];
	return NULL;
}

/* ---- reading ---- */

static bool is_primary(const struct net_addr *a)
{
	return a->family == AF_INET && be32toh(a->v4.s_addr) >> 24 == IN_LOOPBACKNET;
}

int net_state_read(const struct venet *v, struct net_state *ret, struct vz_error *e)
{
	static const int families[] = { AF_INET, AF_INET6 };
	_cleanup_aliases_ struct alias_list all = { 0 };
	int r;

	r = rt_addrs(v->ve, v->ve_index, &all);
	for (size_t i = 0; r >= 0 && i < all.n; i++)
		if (!is_primary(&all.v[i].addr))
			r = alias_list_add(&ret->ve, &all.v[i]);
	if (r < 0)
		return net_fail(e, v->ve, r, "read the addresses of " VE_DEV " in the container");
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		r = rt_default_src(v->ve, families[i], v->ve_index, &ret->def[i]);
		if (r < 0)
			return net_fail(e, v->ve, r,
					"read the routes of " VE_DEV " in the container");
		if (r == 0)
			ret->def[i].family = 0;
	}
	r = rt_host_routes(v->host, v->host_index, &ret->host);
	return r < 0 ? net_fail(e, v->host, r, "read the routes to %s", v->dev) : 0;
}

/* ---- planning ---- */

static int plan_add(struct plan *p, const struct op *op)
{
	struct op *grown = realloc(p->v, (p->n + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	grown[p->n++] = *op;
	p->v = grown;
	return 0;
}

/* First free label "venet0:N"; those of addresses that stay are not renumbered. */
static void give_label(const struct plan *p, const struct net_state *have, struct alias *a)
{
	bool taken = a->addr.family == AF_INET;

	for (unsigned int n = 0; taken; n++) {
		(void)snprintf(a->label, sizeof(a->label), VE_DEV ":%u", n);
		taken = false;
		for (size_t i = 0; i < have->ve.n; i++)
			taken = taken || str_eq(have->ve.v[i].label, a->label);
		for (size_t i = 0; i < p->n; i++)
			taken = taken || (p->v[i].add && str_eq(p->v[i].a.label, a->label));
	}
}

/* Operations of one kind on the addresses in "from" that are not (with that prefix) in "not". */
static int plan_difference(struct plan *p, const struct op *kind, const struct alias_list *from,
			   const struct alias_list * not, const struct net_state *have)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < from->n; i++) {
		const struct alias *other = find(not, &from->v[i].addr);
		struct op op = *kind;

		if (other &&
		    (kind->what == HOST_ROUTE || other->addr.prefix == from->v[i].addr.prefix))
			continue;
		op.a = from->v[i];
		if (op.what == VE_ADDR && op.add)
			give_label(p, have, &op.a);
		r = plan_add(p, &op);
	}
	return r;
}

/* Keep a default route whose source stays or which is not ours; else take the first address. */
static int plan_default(struct plan *p, int family, const struct net_addr *old,
			const struct net_state *have, const struct alias_list *want)
{
	struct op op = { .what = DEFAULT_ROUTE, .old_src = *old };
	const struct alias *was = find(&have->ve, old), *will = find(want, old);

	if (old->family && net_addr_is_unspecified(old))
		return 0;
	/* one that changes its prefix does not stay, although it comes back */
	if (was && will && was->addr.prefix == will->addr.prefix)
		return 0;
	for (size_t i = 0; i < want->n && !op.new_src.family; i++)
		if (want->v[i].addr.family == family)
			op.new_src = want->v[i].addr;
	return op.old_src.family || op.new_src.family ? plan_add(p, &op) : 0;
}

/* An address that only changes its prefix cannot stand twice: it goes first, all others last. */
static int plan_removals(struct plan *p, const struct net_state *have,
			 const struct alias_list *want, bool reprefixed)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < have->ve.n; i++) {
		const struct op op = { .what = VE_ADDR, .a = have->ve.v[i] };
		const struct alias *other = find(want, &op.a.addr);

		if (other ? reprefixed && other->addr.prefix != op.a.addr.prefix : !reprefixed)
			r = plan_add(p, &op);
	}
	return r;
}

static int plan_make(struct plan *p, const struct net_state *have, const struct alias_list *want)
{
	const struct op addr = { .what = VE_ADDR, .add = true };
	const struct op route = { .what = HOST_ROUTE, .add = true },
			unroute = { .what = HOST_ROUTE };
	int r;

	r = plan_removals(p, have, want, true);
	r = RET_GATHER(r, plan_difference(p, &addr, want, &have->ve, have));
	r = RET_GATHER(r, plan_difference(p, &route, want, &have->host, have));
	r = RET_GATHER(r, plan_default(p, AF_INET, &have->def[0], have, want));
	r = RET_GATHER(r, plan_default(p, AF_INET6, &have->def[1], have, want));
	r = RET_GATHER(r, plan_difference(p, &unroute, &have->host, want, have));
	return RET_GATHER(r, plan_removals(p, have, want, false));
}

/* ---- doing ---- */

static int do_ve_addr(const struct venet *v, const struct op *op, const char *text,
		      struct vz_error *e)
{
	int r = rt_addr(v->ve, op->add, v->ve_index, &op->a);

	/* the VE's root may have done the same */
	if (r == (op->add ? -EEXIST : -EADDRNOTAVAIL))
		return 0;
	return r < 0 ? net_fail(e, v->ve, r, "%s address %s %s " VE_DEV " in the container",
				op->add ? "add" : "remove", text, op->add ? "to" : "from")
		     : 0;
}

/* The device on which the host answers for the address: that where it would look for it. */
static bool answers_on(const struct venet *v, const struct rt_way *way, const struct net_addr *a,
		       char *name)
{
	return way->unicast && way->on_link && !rt_way_is_host_route(way, a) &&
	       nl_ifname(v->host, way->oif, name) >= 0 && !str_has_prefix(name, HOST_DEV);
}

static int add_proxy(const struct venet *v, const struct rt_way *way, const struct net_addr *a,
		     const char *text, struct vz_error *e)
{
	char name[IFNAMSIZ];
	int r;

	if (!answers_on(v, way, a, name))
		return 0;
	r = rt_proxy(v->host, true, way->oif, a);
	/* IPv6 looks at the entries only then; without entries it changes nothing */
	if (r >= 0 && a->family == AF_INET6)
		r = net_ipv6_setting(name, "proxy_ndp", "1");
	if (r >= 0 && net_announce(way->oif, a) < 0)
		log_debug(v->log, "net: %s is not announced on %s", text, name);
	return r < 0 ? net_fail(e, v->host, r, "answer for address %s on device %s", text, name)
		     : 0;
}

static int add_host_route(const struct venet *v, const struct net_addr *a, const char *text,
			  struct vz_error *e)
{
	char other[IFNAMSIZ] = "another device";
	struct rt_way way;
	int r;

	r = rt_way(v->host, a, &way);
	if (r < 0)
		return net_fail(e, v->host, r, "look up the route to %s", text);
	if (way.local)
		return vz_fail_exit(e, -EADDRINUSE, VZ_EXIT_IP_USED,
				    "address %s is this host's own", text);
	if (way.unicast && rt_way_is_host_route(&way, a) && way.oif != v->host_index) {
		IGNORE(nl_ifname(v->host, way.oif, other));
		return vz_fail_exit(e, -EADDRINUSE, VZ_EXIT_IP_USED,
				    "address %s is routed to %s already", text, other);
	}
	r = rt_route(v->host, true, v->host_index, a, NULL);
	if (r < 0 && r != -EEXIST)
		return net_fail(e, v->host, r, "route address %s to %s", text, v->dev);
	r = add_proxy(v, &way, a, text, e);
	if (r < 0)
		IGNORE(rt_route(v->host, false, v->host_index, a, NULL));
	return r;
}

static int remove_host_route(const struct venet *v, const struct net_addr *a, const char *text,
			     struct vz_error *e)
{
	char name[IFNAMSIZ];
	struct rt_way way;
	int r;

	r = rt_route(v->host, false, v->host_index, a, NULL);
	if (r < 0 && r != -ESRCH)
		return net_fail(e, v->host, r, "remove the route of address %s to %s", text,
				v->dev);
	r = rt_way(v->host, a, &way);
	if (r >= 0 && answers_on(v, &way, a, name))
		r = rt_proxy(v->host, false, way.oif, a);
	return r < 0 && r != -ENOENT
		       ? net_fail(e, v->host, r, "stop answering for address %s", text)
		       : 0;
}

static int do_default(const struct venet *v, const struct op *op, struct vz_error *e)
{
	int r = 0;

	if (op->old_src.family)
		r = rt_route(v->ve, false, v->ve_index, NULL, &op->old_src);
	if (r == -ESRCH)
		r = 0;
	if (r >= 0 && op->new_src.family)
		r = rt_route(v->ve, true, v->ve_index, NULL, &op->new_src);
	/* the VE has a default route of its own over another device */
	if (r == -EEXIST)
		r = 0;
	return r < 0 ? net_fail(e, v->ve, r,
				"set the default route over " VE_DEV " in the container")
		     : 0;
}

static int do_op(const struct venet *v, const struct op *op, struct vz_error *e)
{
	_cleanup_free_ char *text = NULL;
	int r;

	if (op->what == DEFAULT_ROUTE)
		return do_default(v, op, e);
	r = net_addr_format(&op->a.addr, &text);
	if (r < 0)
		return vz_fail(e, r, "name an address of %s", v->dev);
	log_debug(v->log, "net: %s %s %s", op->add ? "add" : "remove", text,
		  op->what == VE_ADDR ? VE_DEV : v->dev);
	if (op->what == VE_ADDR)
		return do_ve_addr(v, op, text, e);
	return op->add ? add_host_route(v, &op->a.addr, text, e)
		       : remove_host_route(v, &op->a.addr, text, e);
}

static void undo_op(const struct venet *v, const struct op *op)
{
	struct op inverse = *op;

	inverse.add = !op->add;
	inverse.old_src = op->new_src;
	inverse.new_src = op->old_src;
	IGNORE(do_op(v, &inverse, NULL));
}

/* Whatever was removed and came back while undoing may have taken the default routes along. */
static void restore_defaults(const struct venet *v, const struct net_state *have)
{
	for (size_t i = 0; i < ARRAY_SIZE(have->def); i++) {
		const struct op op = { .what = DEFAULT_ROUTE, .new_src = have->def[i] };

		if (op.new_src.family && !net_addr_is_unspecified(&op.new_src))
			IGNORE(do_default(v, &op, NULL));
	}
}

static int carry_out(const struct venet *v, const struct plan *p, const struct net_state *have,
		     struct vz_error *e)
{
	for (size_t i = 0; i < p->n; i++) {
		int r = do_op(v, &p->v[i], e);

		if (r >= 0)
			continue;
		while (i-- > 0)
			undo_op(v, &p->v[i]);
		restore_defaults(v, have);
		if (e && !e->exit)
			e->exit = VZ_EXIT_IP_ADD;
		return r;
	}
	return 0;
}

int net_plan_apply(const struct venet *v, const struct net_state *have,
		   const struct alias_list *want, struct vz_error *e)
{
	_cleanup_(plan_done) struct plan p = { 0 };
	int r = plan_make(&p, have, want);

	return r < 0 ? vz_fail(e, r, "plan the addresses of %s", v->dev)
		     : carry_out(v, &p, have, e);
}

int net_plan_routes(const struct venet *v, const struct alias_list *want, struct vz_error *e)
{
	const struct op route = { .what = HOST_ROUTE, .add = true },
			unroute = { .what = HOST_ROUTE };
	_cleanup_(plan_done) struct plan p = { 0 };
	_cleanup_state_ struct net_state have = { 0 };
	int r = rt_host_routes(v->host, v->host_index, &have.host);

	if (r < 0)
		return net_fail(e, v->host, r, "read the routes to %s", v->dev);
	r = plan_difference(&p, &route, want, &have.host, &have);
	r = RET_GATHER(r, plan_difference(&p, &unroute, &have.host, want, &have));
	return r < 0 ? vz_fail(e, r, "plan the routes to %s", v->dev) : carry_out(v, &p, &have, e);
}
