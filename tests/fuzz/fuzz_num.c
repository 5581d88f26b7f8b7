/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers: strict, bounded, and -EINVAL or -ERANGE for everything else. */
#include "base/cleanup.h"
#include "base/num.h"

#include "fuzz.h"

static void decimal(const char *in)
{
	uint64_t v;
	uint32_t id;
	int r = num_parse_u64(in, &v);
	char out[32];

	HOLDS(r == 0 || r == -EINVAL || r == -ERANGE);
	if (r == 0) {
		const char *digits = in + strspn(in, "0");

		(void)snprintf(out, sizeof(out), "%llu", (unsigned long long)v);
		HOLDS(strcmp(out, *digits ? digits : "0") == 0);
	}
	if (num_parse_ctid(in, &id) == 0) {
		HOLDS(r == 0 && v == id);
		HOLDS(id <= 2147483644U);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t units[] = { 1, 1024, 4096 };
	_cleanup_free_ char *in = fuzz_string(data, size);
	uint64_t v;

	decimal(in);
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		int r = num_parse_size(in, units[i], 4096, &v);

		HOLDS(r == 0 || r == -EINVAL || r == -ERANGE);
		if (r == 0)
			HOLDS(v <= INT64_MAX);
	}
	return 0;
}
