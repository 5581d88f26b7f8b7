/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a process puts off before it executes anything of a VE's; init (libvz)
 * and those that enter later (ve/entry, without libc) use the same lines.
 */
#ifndef OS_SHED_H
#define OS_SHED_H

#include "os/raw.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/securebits.h>
#include <stdint.h>
#include <sys/prctl.h>

#define SHED_SIGNALS 64 /* of the kernel: glibc keeps its hands on 32 and 33 */

/* Signals, mask, umask and session keyring of the caller are left behind. */
static inline void shed_inheritance(void)
{
	static const unsigned long dfl[4]; /* the kernel's struct sigaction: handler SIG_DFL */
	const uint64_t none = 0;

	for (int sig = 1; sig <= SHED_SIGNALS; sig++)
		(void)raw(SYS_rt_sigaction, sig, dfl, 0, sizeof(none));
	(void)raw(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &none, 0, sizeof(none));
	(void)raw(SYS_umask, 022);
	/* without keys in the kernel there is nothing to leak */
	(void)raw(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0);
}

/*
 * The calling thread's capabilities: bounding set and permitted = effective = want, as far as it has them;
 * inheritable and ambient empty; securebits default. Bit = CAP_*.
 */
static inline int shed_caps(uint64_t want)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { 0 };
	long r = 0;

	for (int cap = 0; cap < 64 && r >= 0; cap++) {
		long has = raw(SYS_prctl, PR_CAPBSET_READ, cap);

		if (has < 0) /* beyond the kernel's last */
			break;
		if (has && !(want >> cap & 1))
			r = raw(SYS_prctl, PR_CAPBSET_DROP, cap);
	}
	if (r >= 0)
		r = raw(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);
	if (r >= 0 && raw(SYS_prctl, PR_GET_SECUREBITS) != SECUREBITS_DEFAULT)
		r = raw(SYS_prctl, PR_SET_SECUREBITS, SECUREBITS_DEFAULT);
	if (r >= 0)
		r = raw(SYS_capget, &head, d);
	for (int i = 0; i < 2; i++) {
		d[i].permitted &= (uint32_t)(want >> 32 * i);
		d[i].effective = d[i].permitted;
		d[i].inheritable = 0;
	}
	if (r >= 0)
		r = raw(SYS_capset, &head, d);
	return (int)r;
}

#endif
