// SPDX-License-Identifier: GPL-2.0-or-later
/* vz.conf and CTID.conf to struct ve_config and back: precedence, derived values, options. */
#include "conf_env.h"

static struct env env;

static void load(struct ve_config *c, const char *text)
{
	struct vz_error e = { 0 };

	env.warnings[0] = '\0';
	env_write(&env, "conf/101.conf", text);
	ok_int(ve_config_load(c, &env.h, 101, &env.log, &e), 0, "load: %s", e.text);
}

static char *get(const struct ve_config *c, const char *key)
{
	static char buf[256];
	char *v = NULL;

	MUST(param_format(c, param_by_key(key), &v));
	(void)snprintf(buf, sizeof(buf), "%s", v ? v : "(unset)");
	free(v);
	return buf;
}

/* Apply "opt value opt value ..." */
static int set(struct ve_config *c, struct vz_error *e, ...)
{
	struct vz_changes *ch;
	const char *opt;
	va_list ap;
	int r = 0;

	*e = (struct vz_error){ 0 };
	MUST(changes_new(&ch));
	va_start(ap, e);
	while (r >= 0 && (opt = va_arg(ap, const char *)))
		r = changes_add(ch, opt, va_arg(ap, const char *), e);
	va_end(ap);
	if (r >= 0)
		r = changes_apply(ch, c, &env.h, e);
	changes_free(ch);
	return r;
}

static void test_host(void)
{
	ok_str(env.h.lockdir, "/srv/lock", "vz.conf's value");
	ok_str(env.h.dumpdir, "/vz/dump", "the built-in default");
	ok_int(env.h.stop_timeout, 60, "a number");
	ok_int(env.h.local_uid, 1879048192, "the default pool");
	ok_str(env.h.logfile, NULL, "LOGGING=no");
	ok(!env.h.ipv6, "yes/no");
	ok(env.h.cgroup_missing_warn, "CGROUP_MISSING=warn");
	ok_str(host_config_get(&env.h, "CONFIGFILE"), "vswap-256m", "get: default");
	ok_str(host_config_get(&env.h, "MY_OWN"), "kept", "get: unknown key");
	ok(strstr(env.warnings, "line 10: CPUS: bad value"), "of a container's default too");
	ok(strstr(env.warnings, "VERBOSE") && strstr(env.warnings, "default 0"), "a bad value: %s",
	   env.warnings);
}

static void test_precedence(void)
{
	struct ve_config c;

	load(&c, "PHYSPAGES=0:65536\nSWAPPAGES=0:512M\nCPUUNITS=2000\n");
	ok_str(c.root, "/vz/root/101", "$VEID is expanded");
	ok_str(c.private, "/srv/101/private", "${VEID} too");
	ok_str(get(&c, "VE_ROOT"), "/vz/root/$VEID", "and kept in the file form");
	ok_int(c.cpuunits, 2000, "CTID.conf beats vz.conf");
	ok_int(c.stop_timeout, 60, "vz.conf beats the default");
	ok_int(c.uid_base, 0, "LOCAL_UID of vz.conf is no VE's");
	ok_str(c.netfilter, "stateless", "NETFILTER of vz.conf does not count");
	ok_int(c.onboot, -1, "ONBOOT unset");
	ok_int(c.ubc[UBC_SWAPPAGES].limit, 131072, "bytes with suffix become pages");
	ok_int(c.ubc[UBC_LOCKEDPAGES].barrier, 65536, "lockedpages follows ram");
	ok_int(c.ubc[UBC_VMGUARPAGES].limit, 65536 + 131072, "vmguarpages follows ram and swap");
	ok(c.ubc[UBC_NUMPROC].limit == UBC_UNLIMITED, "others are unlimited");
	ok(strstr(c.bad, "vz.conf: line 10: CPUS"), "a bad default is noted: %s", c.bad);
	free(c.bad);
	c.bad = NULL;
	ok(ve_config_check(&c, NULL) < 0, "complete but for ids of its own");
	c.uid_base = c.gid_base = 0x70000000;
	ok(ve_config_check(&c, NULL) == 0, "complete");
	ve_config_done(&c);
}

static void test_incomplete(void)
{
	struct vz_error e = { 0 };
	struct ve_config c;

	load(&c, "PHYSPAGES=0:65536\n");
	ok(ve_config_check(&c, &e) < 0 && e.exit == VZ_EXIT_UBC_INCOMPLETE, "ram without swap: %s",
	   e.text);
	ve_config_done(&c);
	load(&c, "NUMPROC=100\n");
	ok(ve_config_check(&c, &e) < 0 && e.exit == VZ_EXIT_UBC_INCOMPLETE,
	   "old style, incomplete: %s", e.text);
	ve_config_done(&c);
	load(&c, "PHYSPAGES=0:65536\nSWAPPAGES=0:0\nCAPABILITY=\"FLY:on\"\n");
	ok(strstr(env.warnings, "101.conf: line 3: CAPABILITY"), "said with its line: %s",
	   env.warnings);
	ok(ve_config_check(&c, &e) < 0 && e.exit == VZ_EXIT_BAD_CONF, "start refuses: %s", e.text);
	ve_config_done(&c);
	ok_int(ve_config_load(&c, &env.h, 999, &env.log, &e), -ENOENT, "no CTID.conf");
	ok_int(e.exit, VZ_EXIT_NO_CONF, "exit class");
	ok_str(c.root, "/vz/root/999", "holds the defaults all the same");
	ve_config_done(&c);
	load(&c,
	     "NUMIPTENT=3:3\nKMEMSIZE=9223372036854775807\nLOCKEDPAGES=9223372036854775807:9223372036854775807\n");
	ok_int(c.ubc[UBC_NUMIPTENT].barrier, 16, "NUMIPTENT is raised");
	ok(c.ubc[UBC_KMEMSIZE].limit == UBC_UNLIMITED, "LONG_MAX bytes is unlimited");
	ok_str(get(&c, "LOCKEDPAGES"), "unlimited:unlimited", "LONG_MAX pages too");
	ve_config_done(&c);
}

/* What "set" says of these options over this file, "" for nothing. */
static const char *idle(const char *file, bool counted, const char *opt, const char *value)
{
	static char text[512];
	_cleanup_free_ char *list = NULL;
	struct vz_changes *ch = NULL;
	struct ve_config c, new;
	struct vz_error e = { 0 };
	int r;

	load(&c, file);
	ve_config_init(&new);
	r = ve_config_copy(&new, &c);
	if (r >= 0)
		r = changes_new(&ch);
	if (r >= 0)
		r = changes_add(ch, opt, value, &e);
	if (r >= 0)
		r = changes_apply(ch, &new, &env.h, &e);
	if (r >= 0)
		r = ubc_without_effect(&c, &new, counted, &list);
	(void)snprintf(text, sizeof(text), "%s", r < 0 ? e.text : list ? list : "");
	ok_int(r, list ? 1 : 0, "--%s %s", opt, value);
	ch = changes_free(ch);
	ve_config_done(&new);
	ve_config_done(&c);
	return text;
}

static void test_without_effect(void)
{
	static const char vswap[] = "PHYSPAGES=0:65536\nSWAPPAGES=0:0\nNUMFILE=10:10\n";

	ok_str(idle(vswap, false, "numfile", "20"), "NUMFILE", "a kernel that does not count");
	ok_str(idle(vswap, true, "numfile", "20"), "", "one that does");
	ok_str(idle(vswap, false, "numfile", "10"), "", "nothing new");
	ok_str(idle(vswap, true, "numtcpsock", "20"), "NUMTCPSOCK", "what no kernel limits");
	ok_str(idle(vswap, false, "numproc", "20"), "", "processes are the pids controller's");
	ok_str(idle(vswap, false, "numpty", "20"), "", "and pseudo terminals devpts'");
	ok_str(idle(vswap, false, "physpages", "0:100"), "", "what only follows was not given");
}

static void test_ids(void)
{
	static const struct {
		const char *text;
		int exit;
	} cases[] = {
		{ "", VZ_EXIT_BAD_CONF },
		{ "LOCAL_UID=0\nLOCAL_GID=0\n", VZ_EXIT_BAD_CONF },
		{ "LOCAL_UID=1879048192\n", VZ_EXIT_BAD_CONF },
		{ "LOCAL_UID=1000\nLOCAL_GID=1879048192\n", VZ_EXIT_BAD_CONF },
		{ "LOCAL_UID=1879048192\nLOCAL_GID=1879048192\n", 0 },
		{ "FEATURES=privileged:on\n", 0 },
		{ "FEATURES=privileged:off\n", VZ_EXIT_BAD_CONF },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vz_error e = { 0 };
		struct ve_config c;
		char text[256];

		(void)snprintf(text, sizeof(text), "PHYSPAGES=0:65536\nSWAPPAGES=0:0\n%s",
			       cases[i].text);
		load(&c, text);
		ok_int(ve_config_check(&c, &e) < 0, cases[i].exit != 0,
		       "no container by oversight as host root");
		ok_int(e.exit, cases[i].exit, "%s", e.text);
		ve_config_done(&c);
	}
}

static void test_options(void)
{
	struct vz_error e;
	struct ve_config c, old;

	load(&c,
	     "# mine\nPHYSPAGES=0:65536\nSWAPPAGES=0:0\nIP_ADDRESS=\"10.0.0.1 10.0.0.2\"\nNAMESERVER=1.1.1.1\n"
	     "CAPABILITY=\"NET_ADMIN:on\"\nUNKNOWN=1 # x\n");
	MUST(ve_config_copy(&old, &c));
	ok_int(ve_config_diff(&old, &c), 0, "a copy differs in nothing");
	ok_int(set(&c, &e, "ram", "100M", "ipadd", "10.0.0.2/24", "ipadd", "10.0.0.3", "ipdel",
		   "10.0.0.1", "nameserver", "8.8.8.8", "nameserver", "9.9.9.9", "capability",
		   "sys_time:off", "iolimit", "10", "root", "/mnt/$VEID", "description", "a\nb",
		   NULL),
	       0, "set: %s", e.text);
	ok_str(get(&c, "PHYSPAGES"), "0:25600", "--ram");
	ok_str(get(&c, "IP_ADDRESS"), "10.0.0.2/24 10.0.0.3", "--ipadd edits, --ipdel too");
	ok_str(get(&c, "NAMESERVER"), "8.8.8.8 9.9.9.9", "--nameserver replaces, then grows");
	ok_str(get(&c, "CAPABILITY"), "NET_ADMIN:on SYS_TIME:off", "--capability edits");
	ok_str(get(&c, "IOLIMIT"), "10485760", "--iolimit counts in MB/s");
	ok_str(c.root, "/mnt/101", "--root is expanded");
	ok_int(ve_config_diff(&old, &c),
	       1U << APPLY_MEM | 1U << APPLY_NET | 1U << APPLY_DIST | 1U << APPLY_RESTART |
		       1U << APPLY_LATER | 1U << APPLY_NONE | 1U << APPLY_UBC,
	       "groups that differ");
	ok_int(ve_config_save(&c, &env.h, 101, &e), 0, "save");

	char *text = env_read(&env, "conf/101.conf");

	ok_str(text,
	       "# mine\nPHYSPAGES=\"0:25600\"\nSWAPPAGES=0:0\nIP_ADDRESS=\"10.0.0.2/24 10.0.0.3\"\n"
	       "NAMESERVER=\"8.8.8.8 9.9.9.9\"\nCAPABILITY=\"NET_ADMIN:on SYS_TIME:off\"\nUNKNOWN=1 # x\n"
	       "DESCRIPTION=\"a\\nb\"\nVE_ROOT=\"/mnt/$VEID\"\nIOLIMIT=\"10485760\"\n",
	       "only what changed is written");
	free(text);
	ve_config_done(&old);
	ve_config_done(&c);
}

static void test_refusals(void)
{
	static const struct {
		const char *opt, *value;
		int exit;
	} bad[] = {
		{ "cpuunits", "7", VZ_EXIT_VALUE },
		{ "cpuunits", "x", VZ_EXIT_VALUE },
		{ "ram", "12q", VZ_EXIT_VALUE },
		{ "ipadd", "10.0.0.300", VZ_EXIT_IP },
		{ "hostname", "a b", VZ_EXIT_HOSTNAME },
		{ "nameserver", "ns", VZ_EXIT_DNS },
		{ "searchdomain", "a/b", VZ_EXIT_SEARCHDOMAIN },
		{ "name", "42", VZ_EXIT_NAME },
		{ "root", "rel/path", VZ_EXIT_VALUE },
		{ "root", "/vz/../etc", VZ_EXIT_VALUE },
		{ "devices", "b:7:1:rw", VZ_EXIT_VALUE },
		{ "netfilter", "some", VZ_EXIT_VALUE },
		{ "nodemask", "0", VZ_EXIT_SYNTAX },
		{ "numproc", "10K", VZ_EXIT_VALUE },
		{ "features", "nfss:on", VZ_EXIT_VALUE },
		{ "onboot", "maybe", VZ_EXIT_VALUE },
		{ "hostnam", "x", VZ_EXIT_VALUE },
		{ "diskspace", "2G:1G", VZ_EXIT_VALUE },
		{ "ram", "9999999T", VZ_EXIT_VALUE },
		{ "mac", "00:18:51:00:00:01", VZ_EXIT_VETH },
		{ "cpulimit", "800m", VZ_EXIT_VALUE },
		{ "netif_add", "e th0", VZ_EXIT_VETH },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct ve_config c;
		struct vz_error e;

		env_write(&env, "conf/101.conf", "PHYSPAGES=0:65536\nSWAPPAGES=0:0\n");
		MUST(ve_config_load(&c, &env.h, 101, NULL, NULL));
		ok(set(&c, &e, bad[i].opt, bad[i].value, NULL) < 0 && e.exit == bad[i].exit,
		   "refused: %s", e.text);
		ve_config_done(&c);
	}
}

static void test_netif(void)
{
	struct vz_error e;
	struct ve_config c;

	load(&c, "PHYSPAGES=0:65536\nSWAPPAGES=0:0\n");
	ok_int(set(&c, &e, "netif_add", "eth0,00:18:51:aa:bb:cc,veth101.0,00:18:51:AA:BB:CD,vzbr0",
		   "netif_add", "eth1,00:18:51:aa:bb:ce,,00:18:51:AA:BB:CF", NULL),
	       0, "netif_add: %s", e.text);
	ok_str(get(&c, "NETIF"),
	       "ifname=eth0,bridge=vzbr0,mac=00:18:51:AA:BB:CC,host_ifname=veth101.0,"
	       "host_mac=00:18:51:AA:BB:CD;ifname=eth1,mac=00:18:51:AA:BB:CE,host_mac=00:18:51:AA:BB:CF",
	       "records");
	ok_int(set(&c, &e, "netif_del", "eth0", "ifname", "eth1", "mac_filter", "off", NULL), 0,
	       "edit: %s", e.text);
	ok_str(get(&c, "NETIF"),
	       "ifname=eth1,mac=00:18:51:AA:BB:CE,host_mac=00:18:51:AA:BB:CF,mac_filter=off",
	       "edited");
	ve_config_done(&c);
}

static void test_sample(void)
{
	struct vz_error e = { 0 };

	env_write(&env, "conf/ve-small.conf-sample", "# small\nPHYSPAGES=\"0:64M\"\n");
	ok_int(ve_config_from_sample(&env.h, 102, "small", &e), 0, "copy a sample");

	char *text = env_read(&env, "conf/102.conf");

	ok_str(text, "# small\nPHYSPAGES=\"0:64M\"\nORIGIN_SAMPLE=\"small\"\n", "and its name");
	free(text);
	ok(ve_config_from_sample(&env.h, 102, "none", &e) == -ENOENT && e.exit == VZ_EXIT_SAMPLE,
	   "%s", e.text);
	ok(ve_config_from_sample(&env.h, 102, "../x", &e) < 0 && e.exit == VZ_EXIT_SAMPLE, "%s",
	   e.text);
}

#define VZ_CONF                                                                                   \
	"LOCKDIR=/srv/lock\nVE_PRIVATE=\"/srv/${VEID}/private\"\nSTOP_TIMEOUT=60\nVERBOSE=lots\n" \
	"LOGGING=no # quiet\nIPV6=no\nCGROUP_MISSING=warn\nMY_OWN=kept\nCPUUNITS=1500\n"

int main(void)
{
	env_up(&env, VZ_CONF "CPUS=many\nNETFILTER=full\n");
	test_host();
	test_precedence();
	env_load(&env, VZ_CONF);
	test_incomplete();
	test_without_effect();
	test_ids();
	test_options();
	test_refusals();
	test_netif();
	test_sample();
	env_down(&env);
	return test_done();
}
