// SPDX-License-Identifier: GPL-2.0-or-later
/* features: what this host has and what is missing, as a table or JSON. */
#include "cmd.h"

#include <string.h>

static const struct {
	int state;
	const char *word;
} states[] = {
	{ VZ_FEATURE_YES, "yes" },
	{ VZ_FEATURE_PARTLY, "partly" },
	{ VZ_FEATURE_NO, "no" },
	{ VZ_FEATURE_UNKNOWN, "unknown" },
};

static const char *word_of(int state)
{
	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		if (states[i].state == state)
			return states[i].word;
	return "unknown";
}

/* What it is where it is there, what its lack means where it is not. */
static void print_row(const struct vz_feature *f)
{
	_cleanup_free_ char *detail = cli_escape(f->detail ? f->detail : "");
	_cleanup_free_ char *text = xfmt("%s%s%s%s%s%s", f->what, *detail ? " (" : "", detail,
					 *detail ? ")" : "",
					 f->state == VZ_FEATURE_YES	 ? ""
					 : f->state == VZ_FEATURE_PARTLY ? "; what is missing: "
									 : "; without it: ",
					 f->state == VZ_FEATURE_YES ? "" : f->without);
	const char *const cells[] = { f->name, word_of(f->state), text };
	static const int widths[] = { -15, -7, -1 };

	out_row(stdout, ARRAY_SIZE(cells), cells, widths);
}

static void print_table(const struct vz_feature *v, size_t n)
{
	static const char *const head[] = { "FEATURE", "STATE", "WHAT" };
	static const int widths[] = { -15, -7, -1 };

	out_row(stdout, ARRAY_SIZE(head), head, widths);
	for (size_t i = 0; i < n; i++)
		print_row(&v[i]);
}

static void print_json(const struct vz_feature *v, size_t n)
{
	struct json j = { .f = stdout };

	json_open(&j, '[');
	for (size_t i = 0; i < n; i++) {
		json_open(&j, '{');
		json_key(&j, "name");
		json_string(&j, v[i].name);
		json_key(&j, "state");
		json_string(&j, word_of(v[i].state));
		json_key(&j, "needed");
		json_bool(&j, v[i].needed);
		json_key(&j, "what");
		json_string(&j, v[i].what);
		json_key(&j, "without");
		json_string(&j, v[i].without);
		json_key(&j, "detail");
		json_string(&j, v[i].detail);
		json_close(&j, '}');
	}
	json_close(&j, ']');
}

enum { OPT_JSON };

static const struct cmd_opt opts[] = {
	[OPT_JSON] = { .name = "json", .letter = 'j', .help = "as JSON" },
	{ 0 },
};

static int run_features(struct cli *c, struct vz_error *e)
{
	struct vz_feature *v;
	bool lacking = false;
	size_t n;
	int r = vz_features(c->vz, &v, &n, e);

	if (r < 0)
		return r;
	if (opts_has(&c->o, OPT_JSON))
		print_json(v, n);
	else
		print_table(v, n);
	for (size_t i = 0; i < n; i++)
		lacking |= v[i].needed && v[i].state == VZ_FEATURE_NO;
	vz_features_free(v, n);
	return lacking ? VZ_EXIT_KERNEL : VZ_EXIT_OK;
}

const struct cmd cmd_features = {
	.name = "features",
	.synopsis = "features [-j]",
	.help = "Show what this host can do, and what is lost where it cannot",
	.doc = "Asks kernel and programs themselves: each line is a feature, *yes*, *partly*, "
	       "*no* or *unknown*, and what its lack costs. Exits with 5 when something is "
	       "missing without which no container starts.",
	.opts = opts,
	.flags = CMD_DIRECT,
	.bad_option = VZ_EXIT_SYNTAX,
	.run = run_features,
};
