/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configuration files: what is not changed is saved byte for byte, what is set is read back. */
#include "conf/file.h"

#include "fuzz.h"

static void set_and_read_back(struct conf_file *f, const char *key)
{
	_cleanup_conf_file_ struct conf_file *again = NULL;
	static const char value[] = "a \"b\" $c \\ # 'd'";
	_cleanup_free_ char *text = NULL;
	const char *got;
	size_t len;

	if (conf_file_set(f, key, value) < 0)
		return;
	got = conf_file_get(f, key);
	HOLDS(got && strcmp(got, value) == 0);
	HOLDS(conf_file_text(f, &text, &len) >= 0);
	HOLDS(conf_file_parse(&again, text, len, "again", NULL, NULL) >= 0);
	got = conf_file_get(again, key);
	HOLDS(got && strcmp(got, value) == 0);
	HOLDS(conf_file_set(f, key, NULL) >= 0);
	HOLDS(!conf_file_get(f, key));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_conf_file_ struct conf_file *f = NULL;
	_cleanup_free_ char *text = NULL, *known = NULL;
	struct vz_error e = { 0 };
	size_t len;

	if (conf_file_parse(&f, (const char *)data, size, "fuzz", NULL, &e) < 0) {
		HOLDS(e.code < 0 && e.text[0]);
		return 0;
	}
	HOLDS(conf_file_text(f, &text, &len) >= 0);
	HOLDS(len == size && memcmp(text, data, size) == 0);
	for (size_t i = 0; i < conf_file_lines(f); i++) {
		const char *key, *value, *problem;

		conf_file_line(f, i, &key, &value, &problem);
		HOLDS(!key == !value);
		if (key && !known) {
			HOLDS(conf_file_get(f, key));
			known = strdup(key);
		}
	}
	if (known)
		set_and_read_back(f, known);
	set_and_read_back(f, "NEW_KEY");
	return 0;
}
