// SPDX-License-Identifier: GPL-2.0-or-later
/* chkpnt --check: what stands in the way of a checkpoint, one line each or as JSON. */
#include "cmd.h"

static const char *severity_word(int severity)
{
	static const char *const words[] = { [VZ_FINDING_TRANSIENT] = "transient",
					     [VZ_FINDING_LOST] = "lost",
					     [VZ_FINDING_FATAL] = "fatal" };

	return severity > 0 && (size_t)severity < ARRAY_SIZE(words) ? words[severity] : "?";
}

static void member(struct json *j, const char *key, const char *value)
{
	json_key(j, key);
	json_string(j, value);
}

static void number(struct json *j, const char *key, int value)
{
	_cleanup_free_ char *digits = xfmt("%d", value);

	json_key(j, key);
	json_number(j, value ? digits : NULL);
}

static void print_json(const struct vz_finding *v, size_t n)
{
	struct json j = { .f = stdout };

	json_open(&j, '[');
	for (size_t i = 0; i < n; i++) {
		json_open(&j, '{');
		member(&j, "severity", severity_word(v[i].severity));
		member(&j, "probe", v[i].probe);
		member(&j, "process", v[i].process);
		number(&j, "pid", v[i].vpid);
		number(&j, "host_pid", v[i].pid);
		member(&j, "unit", v[i].unit);
		member(&j, "what", v[i].what);
		member(&j, "remedy", v[i].remedy);
		member(&j, "text", v[i].text);
		json_close(&j, '}');
	}
	json_close(&j, ']');
}

/* The worst first. */
static void print_text(const struct vz_finding *v, size_t n)
{
	for (int s = VZ_FINDING_FATAL; s > 0; s--)
		for (size_t i = 0; i < n; i++) {
			_cleanup_free_ char *safe = cli_escape(v[i].text);

			if (v[i].severity == s)
				printf("%s: %s\n", severity_word(s), safe);
		}
}

int cmd_check(struct cli *c, bool json, struct vz_error *e)
{
	struct vz_finding *v = NULL;
	size_t n = 0;
	int worst = vz_ve_check(c->ve, &v, &n, e);

	if (worst < 0)
		return worst;
	if (json)
		print_json(v, n);
	else if (n)
		print_text(v, n);
	else
		printf("Nothing stands in the way of a checkpoint\n");
	vz_findings_free(v, n);
	return worst == VZ_FINDING_FATAL ? VZ_EXIT_CHKPNT : VZ_EXIT_OK;
}
