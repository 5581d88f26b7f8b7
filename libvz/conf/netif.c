/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Value types V: NETIF, the records of bridged interfaces.  Kept as text in
 * exactly the form OpenVZ writes (other programs parse it); the options add,
 * remove and edit records.
 */
#include "base/str.h"
#include "conf/param.h"

#include <ctype.h>
#include <string.h>
#include <sys/random.h>

#define REFUSE(...) type_refuse(x, e, VZ_EXIT_VETH, -EINVAL, __VA_ARGS__)

enum { F_IFNAME, F_BRIDGE, F_MAC, F_HOST_IFNAME, F_HOST_MAC, F_MAC_FILTER, F_COUNT };

/* in the order they are written */
static const char *const fields[F_COUNT] = { "ifname",	    "bridge",	"mac",
					     "host_ifname", "host_mac", "mac_filter" };

struct netif {
	char *f[F_COUNT];
};

struct netif_list {
	struct netif v[64];
	size_t n;
};

static void netif_done(struct netif *n)
{
	for (size_t i = 0; i < F_COUNT; i++) {
		free(n->f[i]);
		n->f[i] = NULL;
	}
}

static void list_done(struct netif_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		netif_done(&l->v[i]);
	l->n = 0;
}

static bool ifname_ok(const char *s)
{
	size_t n = strlen(s);

	for (const char *p = s; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-_.", *p))
			return false;
	return n >= 1 && n <= 15 && strcmp(s, ".") != 0 && strcmp(s, "..") != 0;
}

/* Six hex pairs with colons, in capitals; not a multicast address. */
static int mac_format(const char *s, char ret[18])
{
	static const char odd[] = "13579BDF";

	if (strlen(s) != 17)
		return -EINVAL;
	for (size_t i = 0; i < 17; i++) {
		bool colon = i % 3 == 2;

		if (colon ? s[i] != ':' : !isxdigit((unsigned char)s[i]))
			return -EINVAL;
		ret[i] = (char)toupper((unsigned char)s[i]);
	}
	ret[17] = '\0';
	return strchr(odd, ret[1]) ? -EINVAL : 0;
}

static int field_set(const struct param_ctx *x, struct netif *n, size_t i, const char *s,
		     struct vz_error *e)
{
	char mac[18];
	bool is_mac = i == F_MAC || i == F_HOST_MAC;

	if (is_mac && mac_format(s, mac) < 0)
		return REFUSE("\"%.40s\" is not a unicast MAC address such as 00:18:51:0A:0B:0C",
			      s);
	if (i == F_MAC_FILTER && strcmp(s, "on") != 0 && strcmp(s, "off") != 0)
		return REFUSE("%s must be on or off", fields[i]);
	if (!is_mac && i != F_MAC_FILTER && !ifname_ok(s))
		return REFUSE(
			"\"%.40s\" is not an interface name (1 to 15 letters, digits, '-', '_', '.')",
			s);
	int r = str_set(&n->f[i], is_mac ? mac : s);

	return r < 0 ? vz_fail(e, r, "store %s", s) : 0;
}

static int record_parse(const struct param_ctx *x, const char *s, struct netif *n,
			struct vz_error *e)
{
	_cleanup_strv_ char **parts = NULL;
	int r = strv_split(&parts, s, ",");

	for (size_t k = 0; r >= 0 && parts && parts[k]; k++) {
		char *eq = strchr(parts[k], '=');
		size_t i = 0;

		if (eq)
			*eq = '\0';
		while (i < F_COUNT && strcmp(parts[k], fields[i]) != 0)
			i++;
		if (!eq || i == F_COUNT)
			return REFUSE(
				"\"%.40s\" is not one of ifname, bridge, mac, host_ifname, host_mac, mac_filter",
				parts[k]);
		if (eq[1])
			r = field_set(x, n, i, eq + 1, e);
	}
	if (r >= 0 && !n->f[F_IFNAME])
		return REFUSE("a record has no ifname");
	return r;
}

static int list_parse(const struct param_ctx *x, const char *s, struct netif_list *l,
		      struct vz_error *e)
{
	_cleanup_strv_ char **records = NULL;
	int r = s ? strv_split(&records, s, "; \t\n") : 0;

	for (size_t i = 0; r >= 0 && records && records[i]; i++) {
		if (l->n == ARRAY_SIZE(l->v))
			return REFUSE("more than %zu interfaces", ARRAY_SIZE(l->v));
		r = record_parse(x, records[i], &l->v[l->n++], e);
	}
	return r;
}

static int list_store(const struct netif_list *l, void *v, struct vz_error *e)
{
	struct str out = { 0 };
	char *text;
	int r;

	for (size_t i = 0; i < l->n; i++) {
		const char *sep = i ? ";" : "";

		for (size_t k = 0; k < F_COUNT; k++) {
			if (!l->v[i].f[k])
				continue;
			str_addf(&out, "%s%s=%s", sep, fields[k], l->v[i].f[k]);
			sep = ",";
		}
	}
	r = str_take(&out, &text);
	if (r < 0)
		return vz_fail(e, r, "store interfaces");
	free(*(char **)v);
	*(char **)v = text;
	return 0;
}

static struct netif *list_find(struct netif_list *l, const char *ifname)
{
	for (size_t i = 0; i < l->n; i++)
		if (str_eq(l->v[i].f[F_IFNAME], ifname))
			return &l->v[i];
	return NULL;
}

/* OpenVZ's vendor prefix and three random bytes */
static int mac_random(char ret[18])
{
	unsigned char b[3];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		return -EIO;
	(void)snprintf(ret, 18, "00:18:51:%02X:%02X:%02X", b[0], b[1], b[2]);
	return 0;
}

/* ifname[,mac[,host_ifname[,host_mac[,bridge]]]]; empty fields are made up, host_ifname at start */
static int netif_add(const struct param_ctx *x, const char *s, struct netif_list *l,
		     struct vz_error *e)
{
	static const size_t order[] = { F_IFNAME, F_MAC, F_HOST_IFNAME, F_HOST_MAC, F_BRIDGE };
	struct netif *n;
	char mac[18];
	int r = 0;

	if (l->n == ARRAY_SIZE(l->v))
		return REFUSE("more than %zu interfaces", ARRAY_SIZE(l->v));
	n = &l->v[l->n++];
	for (size_t i = 0; r >= 0; i++) {
		size_t len = strcspn(s, ",");
		_cleanup_free_ char *part = strndup(s, len);

		if (!part)
			return vz_fail(e, -ENOMEM, "parse %s", s);
		if (i == ARRAY_SIZE(order))
			return REFUSE(
				"too many fields, expected ifname[,mac[,host_ifname[,host_mac[,bridge]]]]");
		if (*part)
			r = field_set(x, n, order[i], part, e);
		if (!s[len])
			break;
		s += len + 1;
	}
	for (size_t k = F_MAC; r >= 0 && k <= F_HOST_MAC; k += F_HOST_MAC - F_MAC)
		if (!n->f[k])
			r = mac_random(mac) < 0 ? vz_fail(e, -EIO, "make a MAC address")
						: field_set(x, n, k, mac, e);
	if (r < 0)
		return r;
	if (!n->f[F_IFNAME])
		return REFUSE("the interface name is missing");
	return list_find(l, n->f[F_IFNAME]) == n
		       ? 0
		       : REFUSE("interface %s exists already", n->f[F_IFNAME]);
}

static int parse_netif(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	struct netif_list l = { 0 };
	int r = x->opt ? list_parse(x, *(char **)v, &l, e) : list_parse(x, s, &l, e);

	if (r >= 0 && x->opt)
		r = netif_add(x, s, &l, e);
	if (r >= 0)
		r = list_store(&l, v, e);
	list_done(&l);
	return r;
}

static int parse_netif_del(const struct param_ctx *x, const char *s, void *v, struct vz_error *e)
{
	struct netif_list l = { 0 };
	struct netif *n;
	int r = list_parse(x, *(char **)v, &l, e);

	if (r >= 0 && strcmp(s, "all") == 0) {
		list_done(&l);
	} else if (r >= 0 && (n = list_find(&l, s))) {
		netif_done(n);
		memmove(n, n + 1, (size_t)(&l.v[--l.n] - n) * sizeof(*n));
	} else if (r >= 0) {
		r = REFUSE("the container has no such interface");
	}
	if (r >= 0)
		r = list_store(&l, v, e);
	list_done(&l);
	return r;
}

#define NETIF_TYPE(meta, fn)                                                            \
	{                                                                               \
		meta, sizeof(char *), .text = true, .merge = MERGE_EDIT, .parse = (fn), \
				      .format = text_format, .equal = text_equal,       \
				      .copy = text_copy, .done = text_done              \
	}

const struct vz_type type_netif =
	NETIF_TYPE("ifname[,mac[,host_ifname[,host_mac[,bridge]]]]", parse_netif);
const struct vz_type type_netif_del = NETIF_TYPE("ifname|all", parse_netif_del);

/* --ifname IFNAME ... --mac VALUE: set one field of one record */
int netif_edit(const struct param_ctx *x, const char *ifname, const char *s, char **netif,
	       struct vz_error *e)
{
	struct netif_list l = { 0 };
	struct netif *n;
	size_t i = 0;
	int r = list_parse(x, *netif, &l, e);

	while (i < F_COUNT && strcmp(fields[i], x->opt) != 0)
		i++;
	n = r < 0 ? NULL : list_find(&l, ifname);
	if (r >= 0 && (!n || i == F_COUNT))
		r = REFUSE("the container has no interface %s", ifname);
	if (r >= 0)
		r = field_set(x, n, i, s, e);
	if (r >= 0)
		r = list_store(&l, netif, e);
	list_done(&l);
	return r;
}
