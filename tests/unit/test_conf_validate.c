// SPDX-License-Identifier: GPL-2.0-or-later
/* vzcfgvalidate's rules: each fires on what breaks it, repairs it, and leaves panels' values alone. */
#include "conf/validate.h"

#include "conf_env.h"

static struct env env;

struct seen {
	const char *key; /* looked for */
	int severity;
	unsigned int line;
	char text[200];
	int repair, count;
};

static int on_problem(void *data, const struct vz_problem *p)
{
	struct seen *s = data;

	s->count++;
	if (p->key && s->key && strcmp(p->key, s->key) == 0 && p->severity >= s->severity) {
		s->severity = p->severity;
		s->line = p->line;
		(void)snprintf(s->text, sizeof(s->text), "%s", p->text);
	}
	return s->repair;
}

static int run(const char *text, struct seen *s)
{
	struct vz_error e = { 0 };
	int r;

	env_write(&env, "v.conf", text);
	r = config_validate(env_path(&env, "v.conf"), on_problem, s, &e);
	ok(r >= 0, "validate runs: %s", e.text);
	return r;
}

/* The basic sample: complete and right. */
#define BASE                                                      \
	"AVNUMPROC=\"180:180\"\nKMEMSIZE=\"14372700:14790164\"\n" \
	"TCPRCVBUF=\"1720320:2703360\"\nNUMTCPSOCK=\"360:360\"\n" \
	"NUMOTHERSOCK=\"360:360\"\nPRIVVMPAGES=\"65536:69632\"\n" \
	"OOMGUARPAGES=\"26112:unlimited\"\nDCACHESIZE=\"3409920:3624960\"\n"

#define REST_PROC   "NUMPROC=240\n"
#define REST_VMGUAR "VMGUARPAGES=\"33792:9223372036854775807\"\n"
#define REST_SNDBUF "TCPSNDBUF=\"1720320:2703360\"\n"
#define REST_OTHER  "OTHERSOCKBUF=\"1126080:2097152\"\n"
#define REST_DGRAM  "DGRAMRCVBUF=\"262144:262144\"\n"
#define REST_FILE   "NUMFILE=\"9312:9312\"\n"

#define REST	    REST_PROC REST_VMGUAR REST_SNDBUF REST_OTHER REST_DGRAM

static const struct {
	const char *text, *key;
	int severity;
	const char *fixed; /* what repair writes, or NULL */
} cases[] = {
	{ BASE REST REST_FILE, NULL, 0, NULL },
	{ "PHYSPAGES=0:256M\nSWAPPAGES=0:512M\n", NULL, 0, NULL },
	{ "PHYSPAGES=0:256M\n", "SWAPPAGES", VZ_PROBLEM_ERROR, NULL },
	{ BASE REST_VMGUAR REST_SNDBUF REST_OTHER REST_DGRAM, "NUMPROC", VZ_PROBLEM_ERROR, NULL },
	{ BASE REST "NUMFLOCK=9:8\n", "NUMFLOCK", VZ_PROBLEM_ERROR, "NUMFLOCK=\"9:9\"" },
	{ BASE REST "NUMPTY=8:9\n", "NUMPTY", VZ_PROBLEM_ERROR, "NUMPTY=\"9:9\"" },
	{ BASE REST_PROC REST_SNDBUF REST_OTHER REST_DGRAM "VMGUARPAGES=5:6\n", "VMGUARPAGES",
	  VZ_PROBLEM_ERROR, "VMGUARPAGES=\"5:unlimited\"" },
	{ BASE REST "PHYSPAGES=1:unlimited\n", "PHYSPAGES", VZ_PROBLEM_ERROR,
	  "PHYSPAGES=\"0:unlimited\"" },
	{ BASE REST "NUMFILE=20000\n", "DCACHESIZE", VZ_PROBLEM_WARNING,
	  "DCACHESIZE=\"3409920:7680000\"" },
	{ BASE REST "NUMFILE=100\n", "NUMFILE", VZ_PROBLEM_WARNING, "NUMFILE=\"5760:5760\"" },
	{ BASE REST_PROC REST_VMGUAR REST_OTHER REST_DGRAM "TCPSNDBUF=65536:65537\n", "TCPSNDBUF",
	  VZ_PROBLEM_WARNING, "TCPSNDBUF=\"65536:987136\"" },
	{ BASE REST_PROC REST_VMGUAR REST_SNDBUF REST_OTHER "DGRAMRCVBUF=40000\n", "DGRAMRCVBUF",
	  VZ_PROBLEM_RECOMMENDATION, "DGRAMRCVBUF=\"132096:132096\"" },
	{ BASE REST "CPUUNITS=7\n", "CPUUNITS", VZ_PROBLEM_ERROR, NULL },
	{ BASE REST "ONBOOT=yes\nONBOOT=no\n", "ONBOOT", VZ_PROBLEM_WARNING, NULL },
	{ BASE REST "ONBOTO=yes\n", "ONBOTO", VZ_PROBLEM_RECOMMENDATION, NULL },
};

static void test_case(size_t i)
{
	struct seen s = { .key = cases[i].key }, again = { .repair = 1 };
	const char *key = cases[i].key ? cases[i].key : "(right)";
	char *text;

	ok_int(run(cases[i].text, &s), cases[i].severity, "case %zu: %s", i, key);
	ok_int(s.severity, cases[i].severity, "said of %s: %s", key, s.text);
	text = env_read(&env, "v.conf");
	ok_str(text, cases[i].text, "checking leaves the file alone");
	free(text);
	if (!cases[i].fixed)
		return;
	ok_int(run(cases[i].text, &again), 0, "repair leaves nothing");
	text = env_read(&env, "v.conf");
	ok(strstr(text, cases[i].fixed), "repaired: %s", cases[i].fixed);
	free(text);
}

static void test_lines(void)
{
	struct seen s = { .key = "CPUUNITS" };

	ok_int(run(BASE REST "# x\n\nnonsense\nCPUUNITS=9999999\n", &s), VZ_PROBLEM_ERROR,
	       "bad lines");
	ok_int(s.line, 8 + 5 + 4, "the line's number");
	ok_str(s.text, "bad value \"9999999\": must be 8 to 500000; for example 1000",
	       "what is allowed");
	ok_int(s.count, 2, "one problem each");
	ok_int(config_validate(env_path(&env, "none"), on_problem, &s, NULL), -ENOENT, "no file");
}

int main(void)
{
	env_up(&env, "");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		test_case(i);
	test_lines();
	env_down(&env);
	return test_done();
}
