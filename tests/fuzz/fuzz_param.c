/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every parameter's value as a file has it: the first line of the input is the key, the rest
 * the value.  A value that is taken is written in a form that is taken again and means the same.
 */
#include "conf/conf.h"

#include "fuzz.h"

static void check_row(const struct param *p, const char *text)
{
	struct host_config h = { .ipv6 = true };
	_cleanup_ve_config_ struct ve_config a = { 0 }, b = { 0 };
	_cleanup_free_ char *once = NULL, *twice = NULL;
	struct vz_error e = { 0 };

	ve_config_init(&a);
	ve_config_init(&b);
	if (param_parse_file(&a, &h, p, text, FROM_VE, &e) < 0) {
		HOLDS(e.code < 0 && e.text[0]);
		HOLDS(!strchr(e.text, '\n'));
		return;
	}
	HOLDS(param_format(&a, p, &once) >= 0);
	if (!once)
		return;
	HOLDS(param_parse_file(&b, &h, p, once, FROM_VE, &e) >= 0);
	HOLDS(param_format(&b, p, &twice) >= 0);
	HOLDS(twice && strcmp(once, twice) == 0);
	HOLDS(ve_config_diff(&a, &b) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *in = fuzz_string(data, size);
	char *value = strchr(in, '\n');
	const struct param *p;

	if (!value)
		return 0;
	*value++ = '\0';
	p = param_by_key(in);
	if (p)
		check_row(p, value);
	return 0;
}
