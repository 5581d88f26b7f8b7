/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * venet0 of a VE: the order in which pair, source check, addresses and routes
 * come up, and the removal of the host's side.  Knows a VE only as a number and
 * a network namespace.  Tricky: nothing may reach the host before the source
 * check stands, so it is made before either end is up; and the check's table is
 * shared, so the last VE to go removes it and then looks whether it was the last.
 *
 * Forwarding: IPv4 asks the input device, so with the host end's own setting
 * VE <-> VE works on any host; VE <-> network needs net.ipv4.ip_forward (or the
 * setting of the network's device) for the way back.  IPv6 asks
 * net.ipv6.conf.all.forwarding; Linux 6.17 has force_forwarding per device.
 * The host's own settings are not changed, a warning tells what is missing.
 */
#include "mech/net/net.h"

#include <endian.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "mech/net/filter.h"
#include "mech/net/venet.h"
#include "os/os.h"

int net_fail(struct vz_error *e, const struct nl *n, int code, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!n->words[0])
		return vz_fail(e, code, "%s", text);
	return vz_fail(e, code, "%s (%s)", text, n->words);
}

int net_ipv6_setting(const char *dev, const char *name, const char *value)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/%s", dev, name);
	return os_write_file_at(AT_FDCWD, path, value);
}

static void host_dev(uint32_t ctid, char *ret)
{
	(void)snprintf(ret, IFNAMSIZ, HOST_DEV "%u", ctid);
}

static void venet_close(struct venet *v)
{
	v->host = nl_close(v->host);
	v->ve = nl_close(v->ve);
}
#define _cleanup_venet_ _cleanup_(venet_close)

static int venet_open(struct venet *v, uint32_t ctid, int netns_fd, const struct logger *l,
		      struct vz_error *e)
{
	int r;

	v->ctid = ctid;
	v->log = l;
	host_dev(ctid, v->dev);
	r = nl_open(&v->host, -1, NETLINK_ROUTE);
	if (r < 0)
		return vz_fail(e, r, "open rtnetlink for %s", v->dev);
	r = nl_open(&v->ve, netns_fd, NETLINK_ROUTE);
	return r < 0 ? vz_fail(e, r, "open rtnetlink in the container for " VE_DEV) : 0;
}

static int venet_find(struct venet *v, struct vz_error *e)
{
	v->host_index = nl_ifindex(v->host, v->dev);
	if (v->host_index < 0)
		return vz_fail(e, v->host_index,
			       "find device %s (" VE_DEV " removed in the container?): restart it",
			       v->dev);
	v->ve_index = nl_ifindex(v->ve, VE_DEV);
	if (v->ve_index < 0)
		return vz_fail(e, v->ve_index,
			       "find device " VE_DEV
			       " in the container (renamed there?): restart it");
	return 0;
}

/* IP_ADDRESS as a list: without "none", duplicates and what IPV6=no forbids. */
static int wanted(const struct net_conf *c, const struct logger *l, struct alias_list *ret,
		  struct vz_error *e)
{
	for (size_t i = 0; c->ip && c->ip[i]; i++) {
		struct alias a = { 0 };
		bool known = false;
		int r;

		r = net_addr_parse(c->ip[i], &a.addr, e);
		if (r < 0)
			return r;
		for (size_t j = 0; j < ret->n; j++)
			known = known || net_addr_same_host(&ret->v[j].addr, &a.addr);
		if (known || net_addr_is_unspecified(&a.addr))
			continue;
		if (a.addr.family == AF_INET6 && !c->ipv6) {
			log_warn(l, "address %s is left out: IPV6=no", c->ip[i]);
			continue;
		}
		r = alias_list_add(ret, &a);
		if (r < 0)
			return vz_fail(e, r, "take address %s", c->ip[i]);
	}
	return 0;
}

static int new_pair(struct venet *v, int netns_fd, int ve_index, struct vz_error *e)
{
	int r = rt_pair_new(v->host, v->dev, v->ctid, netns_fd, ve_index);

	/* replaces what an earlier attempt left */
	if (r == -EEXIST) {
		r = rt_link_del(v->host, v->dev);
		if (r < 0)
			return net_fail(e, v->host, r, "remove the earlier device %s", v->dev);
		r = rt_pair_new(v->host, v->dev, v->ctid, netns_fd, ve_index);
	}
	if (r < 0)
		return net_fail(e, v->host, r, "make device %s with " VE_DEV " in the container",
				v->dev);
	return venet_find(v, e);
}

/* The number that venet0 shall have is asked for only where it does not come by itself: see rt_pair_new(). */
static int make_pair(struct venet *v, int netns_fd, int ve_index, struct vz_error *e)
{
	int r;

	log_debug(v->log, "net: make %s with " VE_DEV " in the container", v->dev);
	r = new_pair(v, netns_fd, 0, e);
	if (r < 0 || !ve_index || v->ve_index == ve_index)
		return r;
	r = rt_link_del(v->host, v->dev);
	if (r < 0)
		return net_fail(e, v->host, r, "remove device %s", v->dev);
	return new_pair(v, netns_fd, ve_index, e);
}

static int host_end_up(const struct venet *v, struct vz_error *e)
{
	/* absent: no IPv6, or a kernel without the setting (warn_forwarding() tells) */
	static const struct {
		const char *name, *value;
	} settings[] = { { "accept_ra", "0" }, { "force_forwarding", "1" } };
	int r;

	r = rt_link_tune(v->host, v->host_index, true);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(settings); i++) {
		r = net_ipv6_setting(v->dev, settings[i].name, settings[i].value);
		r = r == -ENOENT ? 0 : r;
	}
	if (r >= 0)
		r = rt_link_up(v->host, v->host_index);
	return r < 0 ? net_fail(e, v->host, r, "set up device %s", v->dev) : 0;
}

static int ve_end_up(const struct venet *v, struct vz_error *e)
{
	/* what OpenVZ has as venet0 itself; the VE's addresses are its aliases */
	const struct alias primary = {
		.addr = { .family = AF_INET,
			  .prefix = 32,
			  .v4.s_addr = htobe32(INADDR_LOOPBACK + 1) },
		.label = VE_DEV,
	};
	const int loopback = 1; /* in every network namespace */
	int r;

	r = rt_link_up(v->ve, loopback);
	if (r < 0)
		return net_fail(e, v->ve, r, "bring up lo in the container");
	r = rt_link_tune(v->ve, v->ve_index, false);
	if (r >= 0)
		r = rt_addr(v->ve, true, v->ve_index, &primary);
	if (r >= 0)
		r = rt_link_up(v->ve, v->ve_index);
	return r < 0 ? net_fail(e, v->ve, r, "set up device " VE_DEV " in the container") : 0;
}

/* Say once per start what the host's own settings keep the VE from reaching. */
static void warn_forwarding(const struct venet *v, const struct alias_list *want)
{
	static const struct {
		int family;
		const char *name, *key, *path;
	} all[] = {
		{ AF_INET, "IPv4", "net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward" },
		{ AF_INET6, "IPv6", "net.ipv6.conf.all.forwarding",
		  "/proc/sys/net/ipv6/conf/all/forwarding" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		_cleanup_free_ char *text = NULL;
		bool has = false;

		for (size_t j = 0; j < want->n; j++)
			has = has || want->v[j].addr.family == all[i].family;
		if (!has || os_read_file_at(AT_FDCWD, all[i].path, 16, &text, NULL) < 0 ||
		    text[0] != '0')
			continue;
		log_warn(v->log,
			 "%s forwarding is off: the container does not reach beyond this host; "
			 "set %s=1 with sysctl(8) and in /etc/sysctl.d",
			 all[i].name, all[i].key);
	}
}

static int bring_up(struct venet *v, int netns_fd, int ve_index, const struct alias_list *want,
		    struct vz_error *e)
{
	const struct net_state nothing = { 0 };
	int r;

	r = make_pair(v, netns_fd, ve_index, e);
	if (r < 0)
		return r;
	r = filter_up(e);
	if (r < 0)
		return r;
	r = host_end_up(v, e);
	if (r < 0)
		return r;
	r = ve_end_up(v, e);
	if (r < 0)
		return r;
	r = rt_link_settle(v->host, v->host_index);
	if (r < 0)
		return net_fail(e, v->host, r, "wait for device %s", v->dev);
	r = rt_link_settle(v->ve, v->ve_index);
	if (r < 0)
		return net_fail(e, v->ve, r, "wait for device " VE_DEV " in the container");
	return net_plan_apply(v, &nothing, want, e);
}

int net_up(uint32_t ctid, int netns_fd, const struct net_conf *c, const struct logger *l,
	   struct vz_error *e)
{
	_cleanup_aliases_ struct alias_list want = { 0 };
	_cleanup_venet_ struct venet v = { 0 };
	int r;

	r = wanted(c, l, &want, e);
	if (r < 0)
		return r;
	r = venet_open(&v, ctid, netns_fd, l, e);
	if (r < 0)
		return r;
	r = bring_up(&v, netns_fd, c->ve_index, &want, e);
	if (r < 0) {
		IGNORE(net_down(ctid, NULL));
		return r;
	}
	warn_forwarding(&v, &want);
	return 0;
}

/*
 * The table goes with the last VE.  Another VE may start between the look and
 * the removal and have taken the table for granted, so look again afterwards.
 */
static int drop_filter(struct nl *n, struct vz_error *e)
{
	int r;

	/* a dump that was disturbed means that VEs come and go: leave it to the next */
	if (rt_any_host_dev(n) != 0)
		return 0;
	r = filter_down(e);
	if (r < 0)
		return r;
	return rt_any_host_dev(n) != 0 ? filter_up(e) : 0;
}

int net_down(uint32_t ctid, struct vz_error *e)
{
	_cleanup_nl_ struct nl *n = NULL;
	char dev[IFNAMSIZ];
	int r;

	host_dev(ctid, dev);
	r = nl_open(&n, -1, NETLINK_ROUTE);
	if (r < 0)
		return vz_fail(e, r, "open rtnetlink for %s", dev);
	r = rt_link_del(n, dev);
	if (r < 0)
		return net_fail(e, n, r, "remove device %s", dev);
	r = rt_sweep_proxies(n);
	if (r < 0)
		return net_fail(e, n, r, "remove proxy neighbour entries of %s", dev);
	r = net_release(ctid, NULL, e);
	return r < 0 ? r : drop_filter(n, e);
}

int net_sync(uint32_t ctid, int netns_fd, const struct net_conf *c, const struct logger *l,
	     struct vz_error *e)
{
	_cleanup_aliases_ struct alias_list want = { 0 };
	_cleanup_state_ struct net_state have = { 0 };
	_cleanup_venet_ struct venet v = { 0 };
	int r;

	r = wanted(c, l, &want, e);
	if (r < 0)
		return r;
	r = venet_open(&v, ctid, netns_fd, l, e);
	if (r < 0)
		return r;
	r = venet_find(&v, e);
	if (r < 0)
		return r;
	/* a firewall's reload may have flushed it */
	r = filter_up(e);
	if (r < 0)
		return r;
	r = net_state_read(&v, &have, e);
	if (r < 0)
		return r;
	return net_plan_apply(&v, &have, &want, e);
}

int net_routes(uint32_t ctid, const struct net_conf *c, const struct logger *l, struct vz_error *e)
{
	_cleanup_aliases_ struct alias_list want = { 0 };
	_cleanup_venet_ struct venet v = { 0 };
	int r = c ? wanted(c, NULL, &want, e) : 0;

	if (r >= 0)
		r = venet_open(&v, ctid, -1, l, e);
	if (r < 0)
		return r;
	v.host_index = nl_ifindex(v.host, v.dev);
	if (v.host_index < 0)
		return vz_fail(e, v.host_index, "find device %s", v.dev);
	return net_plan_routes(&v, &want, e);
}

int net_addr_in_use(uint32_t ctid, const struct net_addr *a)
{
	_cleanup_nl_ struct nl *n = NULL;
	char dev[IFNAMSIZ], name[IFNAMSIZ];
	struct rt_way way;
	int r;

	r = nl_open(&n, -1, NETLINK_ROUTE);
	if (r < 0)
		return r;
	r = rt_way(n, a, &way);
	if (r < 0)
		return r;
	if (way.local)
		return 1;
	if (!way.unicast || !rt_way_is_host_route(&way, a))
		return 0;
	host_dev(ctid, dev);
	r = nl_ifname(n, way.oif, name);
	return r < 0 ? r : !str_eq(name, dev);
}
