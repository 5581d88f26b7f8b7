// SPDX-License-Identifier: GPL-2.0-or-later
/* Names, numbers and id ranges of containers, with thousands of them. */
#include "conf_env.h"

#include <sys/stat.h>
#include <time.h>

static struct env env;

static void ve(uint32_t ctid, const char *text)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "conf/%u.conf", ctid);
	env_write(&env, name, text);
}

static int resolve(const char *arg, uint32_t *ret, struct vz_error *e)
{
	*e = (struct vz_error){ 0 };
	return ctid_resolve(&env.h, arg, ret, e);
}

static void test_numbers(void)
{
	struct vz_error e;
	uint32_t id;

	ok(resolve("101", &id, &e) == 0 && id == 101, "a number");
	ok(resolve("2147483644", &id, &e) == 0 && id == 2147483644, "the largest");
	ok(resolve("2147483645", &id, &e) < 0 && e.exit == VZ_EXIT_VALUE, "%s", e.text);
	ok(resolve("99999999999999999999", &id, &e) < 0 && e.exit == VZ_EXIT_VALUE, "%s", e.text);
	ok(resolve(NULL, &id, &e) < 0 && e.exit == VZ_EXIT_VALUE, "%s", e.text);
	ok_str(e.text, "CT ID missing", "the contract's words");
	ok(resolve("12x", &id, &e) < 0 && e.exit == VZ_EXIT_VALUE, "%s", e.text);
	ok_str(e.text, "Bad CT ID 12x", "the contract's words");
	ok(resolve("../conf/101.conf", &id, &e) < 0, "%s", e.text);
	ok(resolve("-1", &id, &e) < 0, "%s", e.text);
}

static void test_names(void)
{
	struct vz_error e = { 0 };
	uint32_t id;
	char *target = NULL;

	ve(101, "NAME=\"web one\"\n");
	ve(102, "NAME=\"db\"\n");
	ok_int(name_set(&env.h, 101, NULL, "web one", &e), 0, "assign");
	MUST(os_readlink(env_path(&env, "names/web one"), &target));
	ok_str(target, env_path(&env, "conf/101.conf"), "a link to the configuration, as OpenVZ's");
	free(target);
	ok(resolve("web one", &id, &e) == 0 && id == 101, "look up: %s", e.text);
	ok(name_set(&env.h, 102, "db", "web one", &e) < 0 && e.exit == VZ_EXIT_NAME, "in use: %s",
	   e.text);
	ok(resolve("web oen", &id, &e) < 0, "misspelt: %s", e.text);
	ok(strstr(e.text, "did you mean web one?"), "the nearest name is told");
	ve(101, "NAME=\"www\"\n");
	ok_int(name_set(&env.h, 101, "web one", "www", &e), 0, "rename");
	ok(!os_exists(env_path(&env, "names/web one")), "the old link is gone");
	ok(resolve("www", &id, &e) == 0 && id == 101, "the new name works");
	ve(101, "NAME=\"other\"\n");
	ok(resolve("www", &id, &e) < 0 && e.exit == VZ_EXIT_VALUE, "the file disagrees: %s",
	   e.text);
	ok_int(name_set(&env.h, 102, NULL, "www", &e), 0, "a stale link is taken over");
	ok_int(name_set(&env.h, 102, "www", "", &e), 0, "an empty name removes");
	ok(!os_exists(env_path(&env, "names/www")), "its link");
	for (const char *const *bad = (const char *const[]){ "", "..", "a/b", "12", "a\nb", "-x",
							     ".x", "\xc3\xa4", NULL };
	     *bad; bad++)
		ok(name_check(*bad, &e) < 0 && e.exit == VZ_EXIT_NAME, "%s", e.text);
	ok_int(name_check("A-b_c+d.e 1", &e), 0, "all that is allowed");
}

static void test_list(void)
{
	static const char *const others[] = {
		"conf/0.conf",	  "conf/ve-x.conf-sample", "conf/103.conf.destroyed",
		"conf/0104.conf", "conf/x.conf",	   "conf/99999999999.conf"
	};
	uint32_t *v;
	size_t n;

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		env_write(&env, others[i], "");
	ve(7, "");
	MUST(ve_config_list(&env.h, &v, &n, NULL));
	ok(n == 3 && v[0] == 7 && v[1] == 101 && v[2] == 102, "ascending, containers only");
	free(v);
}

static uint32_t alloc(void)
{
	struct vz_error e = { 0 };
	uint32_t base = 0;

	if (ve_config_alloc_ids(&env.h, &base, &e) < 0)
		printf("# %s\n", e.text);
	return base;
}

static void test_ids(void)
{
	struct vz_error e = { 0 };
	const uint32_t pool = 0x70000000;
	char text[64];
	uint32_t base;

	ok_int(alloc(), pool, "the pool's first");
	ve(101, "# LOCAL_UID=\"1879048192\"\nLOCAL_UID=\"1879048192\"\n");
	ok_int(alloc(), pool + VE_IDS, "the next");
	ve(102, "XLOCAL_UID=1879113728\n  LOCAL_UID=1879113729\nLOCAL_UID=0\n");
	ok_int(alloc(), pool + 3 * VE_IDS, "a crooked range covers two");
	ve(101, "LOCAL_UID=\"0\"\n");
	ok_int(alloc(), pool, "a privileged one holds none");
	ve(101, "LOCAL_UID=\"1879048191\"\n");
	ok_int(alloc(), pool + 3 * VE_IDS, "one that reaches into the pool from below");
	ve(102, "");
	for (uint32_t i = 0; i < 4094; i++) {
		(void)snprintf(text, sizeof(text), "LOCAL_UID=\"%u\"\n", pool + i * VE_IDS);
		ve(1000 + i, text);
	}
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	base = alloc();
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("# allocation among 4096 containers: %.1f ms\n",
	       (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6);
	ok_int(base, 0x80000000LL, "systemd's foreign ids are left out");
	env_load(&env, "LOCAL_UID=4294836224\n");
	ok_int(alloc(), 4294836224, "the last range");
	ve(101, "LOCAL_UID=4294836224\n");
	ok_int(alloc(), 0, "the pool ends before (uid_t)-1");
	env_load(&env, "LOCAL_UID=1000\n");
	ok(ve_config_alloc_ids(&env.h, &base, &e) < 0 && e.exit == VZ_EXIT_VZCONF, "refused: %s",
	   e.text);
}

int main(void)
{
	env_up(&env, "");
	test_numbers();
	test_names();
	test_list();
	test_ids();
	env_down(&env);
	return test_done();
}
