/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The manifest of a dump: what is taken is written back as the very same text, and no name leads elsewhere. */
#include "base/cleanup.h"
#include "mech/cr/manifest.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_cr_manifest_ struct cr_manifest m = { 0 };
	_cleanup_free_ char *text = NULL, *in = malloc(size + 1);
	struct vz_error e = { 0 };
	size_t len = 0;

	/* with its zero bytes, if there are any */
	HOLDS(in);
	if (size)
		memcpy(in, data, size);
	in[size] = '\0';
	if (cr_manifest_parse(&m, in, size, &e) < 0) {
		HOLDS(e.code < 0 && e.text[0] && !strchr(e.text, '\n'));
		HOLDS(m.n == 0 && !m.files);
		return 0;
	}
	for (size_t i = 0; i < m.n; i++) {
		HOLDS(cr_name_ok(m.files[i].name));
		HOLDS(!strstr(m.files[i].name, "../"));
		HOLDS(cr_manifest_find(&m, m.files[i].name) == &m.files[i]);
	}
	HOLDS(cr_manifest_format(&m, &text, &len) >= 0);
	HOLDS(len == size && memcmp(text, in, size) == 0);
	return 0;
}
