/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IP_ADDRESS values: what parses, into which canonical text, and what is refused. */
#include "base/cleanup.h"
#include "mech/net/net.h"
#include "test.h"

static const struct {
	const char *in, *out; /* out NULL: refused */
} cases[] = {
	{ "10.0.0.1", "10.0.0.1" },
	{ "10.0.0.1/32", "10.0.0.1" },
	{ "10.0.0.1/24", "10.0.0.1/24" },
	{ "10.0.0.1/1", "10.0.0.1/1" },
	{ "10.0.0.1/255.255.255.0", "10.0.0.1/24" },
	{ "10.0.0.1/255.255.255.255", "10.0.0.1" },
	{ "10.0.0.1/128.0.0.0", "10.0.0.1/1" },
	{ "169.254.1.1", "169.254.1.1" },
	{ "2001:DB8:0:0::1", "2001:db8::1" },
	{ "2001:db8::1/64", "2001:db8::1/64" },
	{ "2001:db8::1/128", "2001:db8::1" },
	{ "fd00::1", "fd00::1" },
	{ "0.0.0.0", "0.0.0.0" },
	{ "::", "::" },
	{ "::0", "::" },
	{ "", NULL },
	{ "/24", NULL },
	{ "10.0.0", NULL },
	{ "10.0.0.256", NULL },
	{ "010.0.0.1 ", NULL },
	{ " 10.0.0.1", NULL },
	{ "10.0.0.1/", NULL },
	{ "10.0.0.1/0", NULL },
	{ "10.0.0.1/33", NULL },
	{ "10.0.0.1/-1", NULL },
	{ "10.0.0.1/+8", NULL },
	{ "10.0.0.1/24/24", NULL },
	{ "10.0.0.1/255.0.255.0", NULL },
	{ "10.0.0.1/0.0.0.0", NULL },
	{ "2001:db8::1/129", NULL },
	{ "2001:db8::1/ffff::", NULL },
	{ "2001:db8::1%eth0", NULL },
	{ "2001:db8:::1", NULL },
	{ "0.0.0.1", NULL },
	{ "127.0.0.1", NULL },
	{ "224.0.0.1", NULL },
	{ "255.255.255.255", NULL },
	{ "::1", NULL },
	{ "ff02::1", NULL },
	{ "fe80::1", NULL },
	{ "::ffff:10.0.0.1", NULL },
	{ "1111111111111111111111111111111111111111111111111111.1.1.1", NULL },
};

static void check(const char *in, const char *out)
{
	struct vz_error e = { 0 };
	struct net_addr a = { .family = -1 };
	int r = net_addr_parse(in, &a, &e);

	if (out) {
		_cleanup_free_ char *text = NULL;

		ok(r == 0 && net_addr_format(&a, &text) == 0, "'%s' parses", in);
		ok_str(text, out, "'%s' is written canonically", in);
		return;
	}
	ok_int(r, -EINVAL, "'%s' is refused", in);
	ok(e.exit == VZ_EXIT_IP && e.code == -EINVAL && e.text[0], "its story: %s", e.text);
	ok_int(a.family, -1, "nothing is returned");
}

int main(void)
{
	struct net_addr a, b, six;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check(cases[i].in, cases[i].out);
	ok(net_addr_parse("10.0.0.1/24", &a, NULL) == 0 &&
		   net_addr_parse("10.0.0.1", &b, NULL) == 0 &&
		   net_addr_parse("::", &six, NULL) == 0,
	   "errors may be unwanted");
	ok(net_addr_same_host(&a, &b), "the same host whatever the prefixes");
	ok(!net_addr_same_host(&a, &six), "families differ");
	ok(net_addr_is_unspecified(&six) && !net_addr_is_unspecified(&a), "unspecified is known");
	return test_done();
}
