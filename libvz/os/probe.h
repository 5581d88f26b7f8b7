/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the running kernel can do, asked of the kernel itself and never of its
 * version.  All: 1 yes, 0 no, negative errno: cannot be known (often -EPERM).
 */
#ifndef OS_PROBE_H
#define OS_PROBE_H

#include "base/error.h"

/* "user", "time", ...: /proc/self/ns/NAME */
int os_probe_ns(const char *name) _must_check_;
int os_probe_seccomp(void) _must_check_;
/* nf_tables answers on its netlink socket */
int os_probe_nftables(void) _must_check_;
/* kcmp(2), and pids that can be chosen: CONFIG_CHECKPOINT_RESTORE */
int os_probe_checkpoint(void) _must_check_;
/* State of sockets of these families can be read: unix, inet, packet, netlink */
int os_probe_sock_diag(void) _must_check_;
int os_probe_tcp_repair(void) _must_check_;
/* Written pages are marked in /proc/PID/pagemap: CONFIG_MEM_SOFT_DIRTY */
int os_probe_soft_dirty(void) _must_check_;
/* PAGEMAP_SCAN of /proc/PID/pagemap (Linux 6.7) */
int os_probe_pagemap_scan(void) _must_check_;
int os_probe_userfaultfd(void) _must_check_;
/* timer_create(2) can be told the number (Linux 6.15, or vz's patches) */
int os_probe_timer_ids(void) _must_check_;
/* fdinfo of a pressure file has its trigger, so that a checkpoint can keep it (vz's patches) */
int os_probe_psi_triggers(void) _must_check_;
/* A device node can be opened: its driver is there. */
int os_probe_device(const char *path) _must_check_;

#endif
