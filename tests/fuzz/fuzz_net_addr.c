/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values of IP_ADDRESS: what is taken is printed in a form that is taken again and is the same. */
#include "base/cleanup.h"
#include "mech/net/net.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *in = fuzz_string(data, size), *once = NULL, *twice = NULL;
	struct net_addr a, b;
	struct vz_error e = { 0 };

	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	if (net_addr_parse(in, &a, &e) < 0) {
		HOLDS(e.code < 0 && e.exit == VZ_EXIT_IP && !strchr(e.text, '\n'));
		return 0;
	}
	HOLDS(a.family == AF_INET ? a.prefix <= 32 : a.family == AF_INET6 && a.prefix <= 128);
	HOLDS(net_addr_format(&a, &once) >= 0);
	HOLDS(net_addr_parse(once, &b, &e) >= 0);
	HOLDS(a.family == b.family && a.prefix == b.prefix);
	HOLDS(memcmp(&a.v6, &b.v6, a.family == AF_INET ? sizeof(a.v4) : sizeof(a.v6)) == 0);
	HOLDS(net_addr_format(&b, &twice) >= 0 && strcmp(once, twice) == 0);
	return 0;
}
