/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the root of a VE made of its network namespace, written down and made again in
 * another VE's: the second text equals the first, and nft(8) prints the same rules.
 */
#include "net_ns.h"

#include "base/str.h"

#include <time.h>

static struct vz_error err;
#define E (vz_error_clear(&err), &err)

/* Both VEs with the same addresses, one after the other. */
static const struct net_conf conf = { .ip = (char *[]){ "10.1.0.1", "2001:db8:1::1", NULL },
				      .ipv6 = true };

/* ---- a VE: a process in namespaces of its own ---- */

struct ve {
	pid_t pid;
	int pidfd, net;
};

static struct ve ve_new(int index)
{
	struct net_conf c = conf;
	struct ve v = { .pidfd = -EBADF };
	char path[64];

	v.pid = os_clone(CLONE_NEWUSER | CLONE_NEWNET, -EBADF, &v.pidfd);
	if (v.pid == 0)
		for (;;)
			pause();
	if (os_write_idmap(v.pid, 100000, 100000, 65536) < 0)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", v.pid);
	v.net = os_openat(AT_FDCWD, path, O_RDONLY, 0, 0);
	c.ve_index = index;
	ok(net_up(VE_A, v.net, &c, NULL, E) == 0, "up: %s", err.text);
	return v;
}

static void ve_end(struct ve *v)
{
	ok(net_down(VE_A, E) == 0, "down: %s", err.text);
	IGNORE(os_kill_reap(v->pid, v->pidfd, NULL));
	v->pidfd = safe_close(v->pidfd);
	v->net = safe_close(v->net);
}

/* Run it as the VE's root; its output, or NULL when it failed. */
static char *inside(const struct ve *v, const char *command)
{
	char pid[16], *out = NULL;
	char *argv[] = { (char *)"nsenter",
			 (char *)"--preserve-credentials",
			 (char *)"--user",
			 (char *)"--net",
			 (char *)"-t",
			 pid,
			 (char *)"--",
			 (char *)"sh",
			 (char *)"-c",
			 (char *)(uintptr_t)command,
			 NULL };
	const struct os_exec_opts o = { .timeout_ms = 10000 };
	int r;

	(void)snprintf(pid, sizeof(pid), "%d", v->pid);
	argv[1] = (char *)"-S0";
	r = os_exec(argv, &o, &out);
	if (r == 0)
		return out ? out : strdup("");
	printf("# %s: %d %s\n", command, r, out ? out : "");
	free(out);
	return NULL;
}

static const char *const commands[] = {
	"sysctl -qw net.ipv4.ip_forward=1",
	"sysctl -qw net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.venet0.rp_filter=0",
	"sysctl -qw net.ipv4.ip_unprivileged_port_start=80 net.ipv4.ip_local_port_range='2000 3000'",
	"sysctl -qw net.ipv6.conf.default.accept_ra=0 net.ipv4.tcp_keepalive_time=77",
	"sysctl -qw net.ipv4.ping_group_range='5 6'",
	"ip link set lo mtu 9000",
	"ip link set venet0 mtu 1400 txqueuelen 77",
	"ip addr add 192.168.77.1/24 dev lo label lo:own",
	"ip addr add 10.77.0.1/32 dev venet0",
	"ip addr add fd00::77/64 dev lo",
	"ip addr add fd00::78/128 dev lo preferred_lft 0",
	"ip route add 172.16.0.0/12 via 192.168.77.9 dev lo metric 5 mtu 1300",
	"ip route add 10.88.0.0/16 dev venet0 table 100 src 10.77.0.1",
	"ip route add blackhole 10.99.0.0/16",
	"ip route add unreachable default table 101",
	"ip route add local 10.98.0.0/16 dev lo",
	"ip -6 route add fd01::/64 dev venet0 metric 7",
	"ip route add 10.66.0.1/32 dev venet0",
	"ip route add 10.65.0.0/16 via 10.66.0.1",
	"ip -6 route add prohibit fd02::/64 metric 9",
	"ip nexthop add id 10 dev venet0",
	"ip nexthop add id 11 group 10",
	"ip route add 10.97.0.0/16 nhid 11",
	"ip route add 10.96.0.0/16 nexthop dev lo weight 1 nexthop dev venet0 weight 3",
	"ip rule add from 10.77.0.1 table 100 pref 500",
	"ip rule add fwmark 7/0xff lookup 101 pref 501",
	"ip -6 rule add to fd03::/64 unreachable pref 600",
	"ip neigh add 192.168.77.9 lladdr 02:00:00:00:00:09 nud permanent dev lo",
	"ip neigh add proxy 10.55.0.1 dev venet0",
};

static const char rules[] =
	"table inet filter {\n"
	"  comment \"the VE's own\"\n"
	"  counter hits { packets 5 bytes 500; }\n"
	"  quota few { 25 mbytes used 1 mbytes; }\n"
	"  set bad {\n"
	"    type ipv4_addr\n"
	"    flags interval\n"
	"    elements = { 10.0.0.0/8, 192.168.1.5-192.168.1.9 }\n"
	"  }\n"
	"  set seen {\n"
	"    type ipv4_addr\n"
	"    size 100\n"
	"    flags dynamic,timeout\n"
	"    timeout 1h\n"
	"  }\n"
	"  set pairs {\n"
	"    type ipv4_addr . inet_service\n"
	"    flags interval\n"
	"    elements = { 1.2.3.0/24 . 80-90, 5.6.7.8 . 443 }\n"
	"  }\n"
	"  map to {\n"
	"    type inet_service : verdict\n"
	"    elements = { 22 : jump ssh, 80 : accept }\n"
	"  }\n"
	"  map cnt {\n"
	"    type ipv4_addr : counter\n"
	"    elements = { 9.9.9.9 : \"hits\" }\n"
	"  }\n"
	"  chain ssh {\n"
	"    ip saddr @bad counter packets 3 bytes 180 drop\n"
	"    accept\n"
	"  }\n"
	"  chain input {\n"
	"    type filter hook input priority filter; policy drop;\n"
	"    iif lo accept\n"
	"    ct state vmap { established : accept, related : accept, invalid : drop }\n"
	"    tcp dport { 22, 80, 8000-8010 } ip saddr . tcp dport @pairs accept comment \"why\"\n"
	"    tcp dport vmap @to\n"
	"    ip protocol icmp limit rate 5/second burst 7 packets accept\n"
	"    update @seen { ip saddr limit rate 10/minute } counter name \"hits\"\n"
	"    icmpv6 type { nd-neighbor-solicit, echo-request } accept\n"
	"    reject with icmpx type admin-prohibited\n"
	"  }\n"
	"  chain out {\n"
	"    type route hook output priority mangle\n"
	"    meta mark set 0x7\n"
	"  }\n"
	"}\n"
	"table ip nat {\n"
	"  chain post {\n"
	"    type nat hook postrouting priority srcnat\n"
	"    oifname \"venet0\" masquerade\n"
	"  }\n"
	"  chain pre {\n"
	"    type nat hook prerouting priority dstnat\n"
	"    tcp dport 81 redirect to :80\n"
	"  }\n"
	"}\n"
	"table netdev early {\n"
	"  chain in {\n"
	"    type filter hook ingress device \"venet0\" priority 0\n"
	"    ip ttl 1 drop\n"
	"  }\n"
	"}\n"
	"table ip6 asleep {\n"
	"  flags dormant\n"
	"  chain c {\n"
	"    type filter hook input priority 0\n"
	"    counter packets 0 bytes 0\n"
	"  }\n"
	"}\n";

static void furnish(const struct ve *v)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		_cleanup_free_ char *out = inside(v, commands[i]);

		ok(out != NULL, "%s", commands[i]);
	}
}

static void load_rules(const struct ve *v)
{
	_cleanup_free_ char *command = NULL, *out = NULL;

	if (str_fmt(&command, "nft -f - <<'END'\n%s\nEND", rules) < 0)
		abort();
	out = inside(v, command);
	ok(out != NULL, "nft -f");
}

static char *save(const struct ve *v)
{
	_cleanup_free_ char *settings = NULL;
	char *text = NULL, *why = NULL;
	struct timespec a, b;
	int r;

	IGNORE(clock_gettime(CLOCK_MONOTONIC, &a));
	r = net_ns_save_settings(v->net, &settings, E);
	IGNORE(clock_gettime(CLOCK_MONOTONIC, &b));
	printf("# settings: %ld us\n",
	       (b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000);
	IGNORE(clock_gettime(CLOCK_MONOTONIC, &a));
	if (r >= 0)
		r = net_ns_save(v->net, &conf, settings, &text, &why, E);
	IGNORE(clock_gettime(CLOCK_MONOTONIC, &b));
	ok(r == 1, "save: %s%s", err.text, why ? why : "");
	printf("# save: %ld us, %zu bytes\n",
	       (b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000,
	       text ? strlen(text) : 0);
	free(why);
	return text ? text : strdup("");
}

static void show_difference(const char *a, const char *b)
{
	while (*a && *b) {
		const size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");

		if (n != m || strncmp(a, b, n) != 0) {
			printf("# before: %.*s\n# after:  %.*s\n", (int)n, a, (int)m, b);
			return;
		}
		a += n + (a[n] == '\n');
		b += m + (b[m] == '\n');
	}
	printf("# before: %.300s\n# after:  %.300s\n", a, b);
}

static void same(const char *a, const char *b, const char *what)
{
	if (!ok(a && b && strcmp(a, b) == 0, "%s", what) && a && b)
		show_difference(a, b);
}

/* Elements of sets come in any order: nft(8) sorts them. */
static void drop_elements(char *text)
{
	static const char word[] = "\nnft 12 ";

	for (char *p; (p = strstr(text, word));) {
		const char *end = strchr(p + 1, '\n');

		memmove(p, end, strlen(end) + 1);
	}
}

static void keep_lines(void *data, int level, const char *line)
{
	(void)data;
	(void)level;
	printf("# warning: %s\n", line);
	warning[0] = '!';
}
static const struct logger loud = { .fn = keep_lines, .level = VZ_LOG_WARN };

static void replay(const struct ve *v, const char *text)
{
	struct timespec a, b;
	int r;

	warning[0] = '\0';
	IGNORE(clock_gettime(CLOCK_MONOTONIC, &a));
	r = net_ns_replay(v->pidfd, true, text, &loud, E);
	IGNORE(clock_gettime(CLOCK_MONOTONIC, &b));
	ok(r == 0, "replay: %s", err.text);
	ok(!warning[0], "without a warning");
	printf("# replay: %ld us\n",
	       (b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000);
}

#define LIST "nft -s list ruleset"
#define SHOW "ip -d addr; ip -N route show table all; ip rule; ip -6 rule; ip neigh; ip nexthop"

static void test_cycle(void)
{
	struct ve v = ve_new(0);
	_cleanup_free_ char *untouched = save(&v), *first = NULL, *second = NULL, *list = NULL,
			    *again = NULL;
	int index = net_ns_index(untouched);

	ok(index > 1, "venet0 is number %d", index);
	ok(!strstr(untouched, "\nroute ") && !strstr(untouched, "\nrule") &&
		   !strstr(untouched, "\nneigh ") && !strstr(untouched, "\nnft "),
	   "nothing of the VE's own yet");
	furnish(&v);
	load_rules(&v);
	first = save(&v);
	list = inside(&v, LIST);
	free(inside(&v, SHOW " >/tmp/netns.1"));
	ve_end(&v);
	v = ve_new(index + 40);
	second = save(&v);
	ok_int(net_ns_index(second), index + 40, "venet0 with a number of our choice");
	ve_end(&v);
	free(second);
	v = ve_new(index);
	replay(&v, untouched);
	replay(&v, first);
	second = save(&v);
	again = inside(&v, LIST);
	free(inside(&v, SHOW " >/tmp/netns.2"));
	drop_elements(first);
	drop_elements(second);
	same(first, second, "all is as it was");
	same(list, again, "nft prints the same rules");
	ok_int(reaches(host, "192.0.2.1", v.net, "10.1.0.1"), 0, "which drop what they dropped");
	ve_end(&v);
}

static void test_cannot(void)
{
	static const struct {
		const char *command, *why;
	} v[] = {
		{ "ip link add br0 type bridge", "device br0" },
		{ "ip link del br0; ip link set venet0 down; ip link set venet0 name eth0",
		  "device eth0" },
		{ "ip link set eth0 name venet0; ip rule add uidrange 0-5 table 5",
		  "an unusual rule" },
	};
	struct ve ve = ve_new(0);

	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		_cleanup_free_ char *out = inside(&ve, v[i].command), *text = NULL, *why = NULL;
		int r = net_ns_save(ve.net, &conf, NULL, &text, &why, E);

		ok(out && r == 0 && why && strcmp(why, v[i].why) == 0, "%s: %s (%s)", v[i].command,
		   why ? why : "nothing said", err.text);
	}
	ve_end(&ve);
}

#define HEAD "vz-netns 1\n"

static void test_bad(void)
{
	static const char *const bad[] = {
		"",
		"vz-netns 2\n",
		HEAD "link venet0",
		HEAD "link eth0 2 1500 1000 up\n",
		HEAD "link lo 0 1500 1000 up\n",
		HEAD "link lo 1 1500 1000\n",
		HEAD "nonsense\n",
		HEAD "sysctl \n",
		HEAD "sysctl ipv4/ip_forward\n",
		HEAD "addr zz\n",
		HEAD "addr 00\n",
		HEAD "route 0200000000000000000000000800ff0000000000\n",
		HEAD "rules 99\n",
		HEAD "nft 0 1\n",
		HEAD "nft 99 1 00\n",
		HEAD "nft 0 1 0800\n",
		HEAD "nft 0 1 08000400aabbccdd\n",
	};
	struct ve v = ve_new(0);

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ok(net_ns_replay(v.pidfd, true, bad[i], NULL, E) == -EBADMSG,
		   "refused: text %zu, %s", i, err.text);
	ok(net_ns_replay(v.pidfd, true,
			 HEAD
			 "sysctl ../kernel/hostname evil\nsysctl ipv4/../../kernel/hostname evil\n",
			 NULL, E) == 0,
	   "a way out of the settings of the network is not taken: %s", err.text);
	ve_end(&v);
}

int main(void)
{
	if (!net_ns_begin())
		return test_done();
	test_cycle();
	test_cannot();
	test_bad();
	ok_int(dropped(), -ENOENT, "the table went with the last");
	return test_done();
}
