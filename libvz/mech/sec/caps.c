/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Capabilities of a VE: which, and putting them on the thread that becomes its
 * init or a command in it.  Tricky: exec by uid 0 raises the new permitted set
 * to the whole bounding set again, so the bounding set is what confines;
 * the rest is set so that nothing of the manager's is left over.
 */
#include "mech/sec/sec.h"

#include <linux/capability.h>
#include <sys/prctl.h>

#include "base/cleanup.h"
#include "os/shed.h"

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
	{ CAP_SYSLOG, true, "the kernel log is the host's, where the VE has none" },
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
	int n = 0;

	while (n < 64 && prctl(PR_CAPBSET_READ, n) >= 0)
		n++;
	return n == 0 || n == 64 ? UINT64_MAX : BIT(n) - 1;
}

uint64_t sec_caps_wanted(const struct sec_conf *c)
{
	uint64_t want = all_caps();

	for (size_t i = 0; i < ARRAY_SIZE(drops); i++)
		if (drops[i].userns || !c->userns)
			want &= ~BIT(drops[i].cap);
	if (c->own_log)
		want |= BIT(CAP_SYSLOG);
	return ((want | c->cap_on) & ~c->cap_off) & all_caps();
}

int sec_caps_apply(const struct sec_conf *c, struct vz_error *e)
{
	int r = shed_caps(sec_caps_wanted(c));

	return r < 0 ? vz_fail_exit(e, r, VZ_EXIT_CAP, "set capabilities") : 0;
}
