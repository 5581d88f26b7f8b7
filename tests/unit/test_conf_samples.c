// SPDX-License-Identifier: GPL-2.0-or-later
/* The files of templates/conf: every one loads without a word and makes a VE that could start. */
#include "conf_env.h"

#define SAMPLES "templates/conf"

static struct env env;

static void use(const char *from, const char *to)
{
	char *text, path[300];

	(void)snprintf(path, sizeof(path), SAMPLES "/%s", from);
	MUST(os_read_file_at(AT_FDCWD, path, 1 << 16, &text, NULL));
	env_write(&env, to, text);
	free(text);
}

static void test_vz_conf(void)
{
	char *text;

	MUST(os_read_file_at(AT_FDCWD, SAMPLES "/vz.conf", 1 << 16, &text, NULL));
	env_load(&env, text);
	free(text);
	ok_str(env.warnings, "", "vz.conf loads without a warning");
	ok_str(env.h.def_ostemplate, "debian-13", "DEF_OSTEMPLATE");
	ok_str(env.h.configfile, "vswap-256m", "CONFIGFILE");
	ok_str(env.h.ve_root, "/vz/root/$VEID", "VE_ROOT as written");
	ok_int(env.h.local_uid, 0x70000000, "LOCAL_UID");
}

static void test_sample(const char *name)
{
	struct vz_error e = { 0 };
	struct ve_config c;

	env.warnings[0] = '\0';
	use(name, "conf/101.conf");
	ok_int(ve_config_load(&c, &env.h, 101, &env.log, &e), 0, "%s loads", name);
	ok_str(env.warnings, "", "%s: no warning", name);
	c.uid_base = c.gid_base = 0x70000000; /* what create adds */
	ok_int(ve_config_check(&c, &e), 0, "%s is complete: %s", name, e.text);
	if (strstr(name, "vswap"))
		ok(c.ubc[UBC_SWAPPAGES].limit == 2 * c.ubc[UBC_PHYSPAGES].limit,
		   "%s: swap is twice the ram", name);
	ve_config_done(&c);
}

int main(void)
{
	struct dirent *d;
	DIR *dir;

	env_up(&env, "");
	test_vz_conf();
	dir = opendir(SAMPLES);
	MUST(dir ? 0 : -1);
	while ((d = readdir(dir)))
		if (strstr(d->d_name, ".conf-sample"))
			test_sample(d->d_name);
	closedir(dir);
	env_down(&env);
	return test_done();
}
