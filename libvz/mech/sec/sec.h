/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Capabilities (libcap) and system call filter (libseccomp) of a VE's processes. */
#ifndef MECH_SEC_H
#define MECH_SEC_H

#include "base/error.h"

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

struct sec_conf {
	bool userns;		  /* false: privileged VE, fewer capabilities */
	uint64_t cap_on, cap_off; /* CAPABILITY of the configuration, bit = CAP_* */
	bool own_log;		  /* syslog(2) and CAP_SYSLOG are about the VE's own log */
	bool nesting;		  /* more kernel surface */
	bool nomigrate; /* allow what cannot be checkpointed (io_uring, userfaultfd, ...) */
};

/* The set of capabilities a VE's init starts with (bit = CAP_*). */
uint64_t sec_caps_wanted(const struct sec_conf *c);
/* In the calling thread, which is about to exec: bounding set, effective = permitted = wanted, inheritable
 * and ambient empty, securebits default. Call as the VE's root after all privileged work. */
int sec_caps_apply(const struct sec_conf *c, struct vz_error *e) _must_check_;

/* The filter for this configuration; compiled within a fraction of a millisecond, so it is not kept on
 * disk, where it would have to be trusted. prog->filter is malloc'ed. */
int sec_seccomp_get(const struct sec_conf *c, struct sock_fprog *prog, struct vz_error *e)
	_must_check_;
void sec_seccomp_done(struct sock_fprog *prog);
/* Install in the calling thread without no_new_privs (needs CAP_SYS_ADMIN in its user namespace). */
int sec_seccomp_load(const struct sock_fprog *prog, struct vz_error *e) _must_check_;

#endif
