// SPDX-License-Identifier: GPL-2.0-or-later
/* vztmpl list: a table for people, JSON for programs. */
#include "vztmpl.h"

#include <vz/ve.h>

#include <inttypes.h>

static void list_json(const struct vz_template *v, size_t n)
{
	struct json j = { .f = stdout };

	json_open(&j, '[');
	for (size_t i = 0; i < n; i++) {
		const struct {
			const char *key;
			uint64_t value;
		} numbers[] = {
			{ "archive_bytes", v[i].archive_bytes },
			{ "store_bytes", v[i].store_bytes },
			{ "mtime", (uint64_t)v[i].mtime },
			{ "users", v[i].users },
		};

		json_open(&j, '{');
		json_key(&j, "name");
		json_string(&j, v[i].name);
		json_key(&j, "archive");
		json_string(&j, v[i].archive);
		json_key(&j, "digest");
		json_string(&j, v[i].digest);
		for (size_t k = 0; k < ARRAY_SIZE(numbers); k++) {
			_cleanup_free_ char *digits = xfmt("%" PRIu64, numbers[k].value);

			json_key(&j, numbers[k].key);
			json_number(&j, digits);
		}
		json_close(&j, '}');
	}
	json_close(&j, ']');
}

static char *megabytes(uint64_t bytes)
{
	return bytes ? xfmt("%.1f", (double)bytes / 1e6) : xstrdup("-");
}

static void list_table(const struct vz_template *v, size_t n)
{
	static const char *const head[] = { "NAME", "ARCHIVE_MB", "TREE_MB", "USERS", "DIGEST" };
	static const int widths[] = { -24, 10, 10, 5, -19 };

	out_row(stdout, ARRAY_SIZE(head), head, widths);
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *archive = megabytes(v[i].archive_bytes);
		_cleanup_free_ char *tree = megabytes(v[i].store_bytes);
		_cleanup_free_ char *users = xfmt("%" PRIu32, v[i].users);
		_cleanup_free_ char *digest = xfmt("%.19s", v[i].digest ? v[i].digest : "-");
		const char *const row[] = { v[i].name, archive, tree, users, digest };

		out_row(stdout, ARRAY_SIZE(row), row, widths);
	}
}

int vztmpl_list(struct vz *vz, bool json, struct vz_error *e)
{
	struct vz_template *v = NULL;
	size_t n = 0;
	int r = vz_template_list(vz, &v, &n, e);

	if (r < 0)
		return r;
	if (json)
		list_json(v, n);
	else
		list_table(v, n);
	vz_template_list_free(v, n);
	return 0;
}
