/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Capabilities of a VE: which, and putting them on the thread that becomes its
 * init or a command in it.  Tricky: exec by uid 0 raises the new permitted set
 * to the whole bounding set again, so the bounding set is what confines;
 * the rest is set so that nothing of the manager's is left over.
 */
#include "mech/sec/sec.h"

#include <linux/capability.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#include "base/cleanup.h"

#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#endif
#ifndef CAP_BPF
#define CAP_BPF 39
#endif
#ifndef CAP_CHECKPOINT_RESTORE
#define CAP_CHECKPOINT_RESTORE 40
#endif

struct cap_drop {
	int cap;
	bool userns; /* dropped with a user namespace as well, not only in a privileged VE */
	const char *reason;
};

static const struct cap_drop drops[] = {
	{ CAP_MAC_ADMIN, true, "the LSM's policy is the host's" },
	{ CAP_MAC_OVERRIDE, true, "the LSM's policy is the host's" },
	{ CAP_SYS_MODULE, true, "the kernel is shared" },
	{ CAP_SYS_RAWIO, true, "no hardware; systemd then skips what needs debugfs" },
	{ CAP_SYS_TIME, true, "the clock is shared; systemd-timesyncd stays off without it" },
	{ CAP_WAKE_ALARM, true, "would wake the machine" },
	{ CAP_BLOCK_SUSPEND, true, "would keep the machine awake" },
	{ CAP_SYSLOG, true, "the kernel log is the host's" },
	{ CAP_PERFMON, true, "sees the host" },
	{ CAP_BPF, true, "sees the host" },
	{ CAP_AUDIT_READ, false, "journald would read the host's audit records" },
	{ CAP_DAC_READ_SEARCH, false,
	  "open_by_handle_at (T08); CAP_DAC_OVERRIDE is what root uses" },
	{ CAP_SYS_PACCT, false, "accounts the whole host" },
	{ CAP_CHECKPOINT_RESTORE, false, "reads other processes' mapped files" },
	/* Kept in both: SYS_BOOT (reboot(2) ends the pid namespace), MKNOD (the device program denies
	 * opening), AUDIT_CONTROL and AUDIT_WRITE (pam_loginuid fails logins of a privileged VE without;
	 * the kernel answers neither outside the first pid namespace). */
};

#define BIT(cap) ((uint64_t)1 << (cap))

static uint64_t all_caps(void)
{
	int n = cap_max_bits();

	return n <= 0 || n >= 64 ? UINT64_MAX : BIT(n) - 1;
}

uint64_t sec_caps_wanted(const struct sec_conf *c)
{
	uint64_t want = all_caps();

	for (size_t i = 0; i < ARRAY_SIZE(drops); i++)
		if (drops[i].userns || !c->userns)
			want &= ~BIT(drops[i].cap);
	return ((want | c->cap_on) & ~c->cap_off) & all_caps();
}

static int drop_bounding(uint64_t want)
{
	for (int cap = 0; cap < 64 && (all_caps() & BIT(cap)); cap++)
		if (!(want & BIT(cap)) && prctl(PR_CAPBSET_READ, cap) > 0 &&
		    prctl(PR_CAPBSET_DROP, cap) < 0)
			return -errno;
	return 0;
}

static bool is_permitted(cap_t now, int cap)
{
	cap_flag_value_t v = CAP_CLEAR;

	return cap_get_flag(now, cap, CAP_PERMITTED, &v) == 0 && v == CAP_SET;
}

/* permitted = effective = wanted, as far as the thread has it; inheritable empty */
static int set_sets(uint64_t want)
{
	cap_t now = cap_get_proc(), next = cap_init();
	int r = now && next ? 0 : -ENOMEM;

	for (int cap = 0; r == 0 && cap < 64 && (all_caps() & BIT(cap)); cap++) {
		if (!(want & BIT(cap)) || !is_permitted(now, cap))
			continue;
		if (cap_set_flag(next, CAP_PERMITTED, 1, &cap, CAP_SET) < 0 ||
		    cap_set_flag(next, CAP_EFFECTIVE, 1, &cap, CAP_SET) < 0)
			r = -errno;
	}
	if (r == 0)
		r = RET_NERRNO(cap_set_proc(next));
	(void)cap_free(now);
	(void)cap_free(next);
	return r;
}

int sec_caps_apply(const struct sec_conf *c, struct vz_error *e)
{
	uint64_t want = sec_caps_wanted(c);
	int r = drop_bounding(want);

	if (r < 0)
		return vz_fail_exit(e, r, VZ_EXIT_CAP, "drop capabilities from the bounding set");
	r = RET_NERRNO(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
	if (r < 0)
		return vz_fail_exit(e, r, VZ_EXIT_CAP, "clear ambient capabilities");
	if (prctl(PR_GET_SECUREBITS) != SECUREBITS_DEFAULT &&
	    prctl(PR_SET_SECUREBITS, SECUREBITS_DEFAULT) < 0)
		return vz_fail_exit(e, -errno, VZ_EXIT_CAP, "reset securebits");
	r = set_sets(want);
	return r < 0 ? vz_fail_exit(e, r, VZ_EXIT_CAP, "set capabilities") : 0;
}
