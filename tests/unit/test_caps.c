/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mech/sec: capabilities, put on by children who then look at themselves (T20). */
#include "mech/sec/sec.h"

#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "os/os.h"
#include "test.h"

#define BIT(cap) ((uint64_t)1 << (cap))

static const struct sec_conf plain = { .userns = true };
static const struct sec_conf privileged = { .userns = false };
static const struct sec_conf with_time = { .userns = false, .cap_on = BIT(CAP_SYS_TIME) };

/* Lines of /proc/self/status a child writes after sec_caps_apply. */
struct caps {
	uint64_t inh, prm, eff, bnd, amb;
	long securebits;
	int code;
};

static uint64_t field(const char *text, const char *key)
{
	const char *p = strstr(text, key);

	return p ? strtoull(p + strlen(key), NULL, 16) : UINT64_MAX;
}

static void report_caps(int fd, int code)
{
	_cleanup_free_ char *text = NULL;
	struct caps c = { .code = code, .securebits = prctl(PR_GET_SECUREBITS) };

	if (os_read_file_at(AT_FDCWD, "/proc/self/status", 65536, &text, NULL) == 0) {
		c.inh = field(text, "CapInh:");
		c.prm = field(text, "CapPrm:");
		c.eff = field(text, "CapEff:");
		c.bnd = field(text, "CapBnd:");
		c.amb = field(text, "CapAmb:");
	}
	(void)!write(fd, &c, sizeof(c));
}

/* As the manager's child: full sets, a raised inheritable and ambient capability and odd securebits (T20). */
static struct caps apply_in_child(const struct sec_conf *conf, int unshare_flags)
{
	struct caps c = { .code = -1 };
	int fds[2];
	pid_t pid;

	if (pipe(fds) < 0)
		return c;
	pid = fork();
	if (pid == 0) {
		struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
		struct __user_cap_data_struct d[2];

		if (unshare_flags && unshare(unshare_flags) < 0)
			_exit(1);
		(void)syscall(SYS_capget, &h, d);
		d[0].inheritable |= 1U << CAP_NET_RAW;
		(void)syscall(SYS_capset, &h, d);
		(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0);
		(void)prctl(PR_SET_SECUREBITS, 1 << 4); /* SECBIT_KEEP_CAPS */
		report_caps(fds[1], sec_caps_apply(conf, NULL));
		_exit(0);
	}
	(void)!read(fds[0], &c, sizeof(c));
	(void)waitpid(pid, NULL, 0);
	(void)close(fds[0]);
	(void)close(fds[1]);
	return c;
}

static void check_caps(const char *what, const struct sec_conf *conf, int unshare_flags)
{
	struct caps c = apply_in_child(conf, unshare_flags);
	uint64_t want = sec_caps_wanted(conf);

	ok(c.code == 0, "%s: applied (%d)", what, c.code);
	ok(c.inh == 0 && c.amb == 0 && c.securebits == 0,
	   "%s: nothing inheritable or ambient, securebits default", what);
	ok((c.bnd & ~want) == 0 && (c.prm & ~want) == 0 && c.prm == c.eff,
	   "%s: no more than wanted", what);
	ok(unshare_flags ? c.bnd == want && c.prm == want : (c.bnd & BIT(CAP_SYS_ADMIN)) != 0,
	   "%s: no less (%llx)", what, (unsigned long long)c.prm);
}

static void test_caps(void)
{
	const struct sec_conf off = { .userns = true, .cap_off = BIT(CAP_NET_RAW) };
	const struct sec_conf own_log = { .userns = true, .own_log = true };

	ok(!(sec_caps_wanted(&plain) &
	     (BIT(CAP_SYS_MODULE) | BIT(CAP_SYS_TIME) | BIT(CAP_MAC_ADMIN))),
	   "host powers are not wanted");
	ok(sec_caps_wanted(&plain) & BIT(CAP_SYS_BOOT), "CAP_SYS_BOOT stays: reboot ends the VE");
	ok(sec_caps_wanted(&own_log) == (sec_caps_wanted(&plain) | BIT(CAP_SYSLOG)),
	   "CAP_SYSLOG comes with a log of its own alone");
	ok(sec_caps_wanted(&with_time) & BIT(CAP_SYS_TIME), "cap_on wins");
	ok(!(sec_caps_wanted(&off) & BIT(CAP_NET_RAW)), "cap_off wins");
	ok(!(sec_caps_wanted(&privileged) & ~sec_caps_wanted(&plain)),
	   "a privileged VE has no more");
	if (!test_is_root()) {
		skip("root: sets capabilities");
		return;
	}
	check_caps("privileged", &privileged, 0);
	check_caps("user namespace", &plain, CLONE_NEWUSER);
}

int main(void)
{
	test_caps();
	return test_done();
}
