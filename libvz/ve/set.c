/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Changing a VE: check everything, bring each changed group to the running VE
 * once, put it back when one fails, and only then write the file.
 */
#include "ve/ve.h"

#include "base/str.h"
#include "mech/net/net.h"
#include "os/os.h"

#include <errno.h>
#include <string.h>
#include <vz/ve.h>

/* groups whose state is the kernel's; applying them again changes nothing */
#define LIVE_GROUPS                                                               \
	(1U << APPLY_MEM | 1U << APPLY_CPU | 1U << APPLY_PIDS | 1U << APPLY_UBC | \
	 1U << APPLY_PTY | 1U << APPLY_NET)

/* The groups that this VE, as it runs on this kernel, needs a restart for. */
static unsigned int restart_groups(const struct ve *ve)
{
	return 1U << APPLY_RESTART | (ve_counts_ptys(ve) ? 0 : 1U << APPLY_PTY);
}

/* Addresses the VE does not have yet must not be somebody else's. */
static int check_addresses(const struct ve *ve, const struct ve_config *new, struct vz_error *e)
{
	for (char **ip = new->ip; ip &&*ip; ip++) {
		struct net_addr a;
		int r;

		if (strv_has(ve->conf.ip, *ip))
			continue;
		r = net_addr_parse(*ip, &a, e);
		if (r < 0)
			return r;
		if (net_addr_in_use(ve->id, &a) > 0)
			return vz_fail_exit(e, -EADDRINUSE, VZ_EXIT_IP_USED,
					    "address %s is in use on this host", *ip);
	}
	return 0;
}

/* A name is taken once it stands in a file: the lock is held until it does. */
static int save_renamed(const struct ve *ve, const struct ve_config *new, struct vz_error *e)
{
	_cleanup_close_ int lock = host_lock(ve->host, e);
	int r = lock;

	if (r >= 0)
		r = name_set(ve->host, ve->id, ve->conf.name, new->name ? new->name : "", e);
	if (r < 0)
		return r;
	r = ve_save_conf(ve, new, e);
	if (r < 0)
		IGNORE(name_set(ve->host, ve->id, new->name, ve->conf.name ? ve->conf.name : "",
				NULL));
	return r;
}

static int save(struct ve *ve, const struct ve_config *new, unsigned int groups, struct vz_error *e)
{
	return groups & 1U << APPLY_NAME ? save_renamed(ve, new, e) : ve_save_conf(ve, new, e);
}

/* What a dump was made with cannot become other before it is restored. */
static int check_suspended(const struct ve *ve, const struct ve_config *new, unsigned int groups,
			   struct vz_error *e)
{
	if (!ve_is_suspended(ve))
		return 0;
	if (!str_eq(new->root, ve->conf.root) || !str_eq(new->private, ve->conf.private) ||
	    new->uid_base != ve->conf.uid_base || new->gid_base != ve->conf.gid_base)
		return ve_refuse_suspended(
			ve, "a change of --root, --private, --local_uid or --local_gid", e);
	if (groups & restart_groups(ve))
		log_warn(ve->log, "The container is suspended: what only a restart applies is "
				  "not there when it is resumed");
	return 0;
}

/* What is only kept for those who ask for it is not to be taken for a limit. */
static void tell_without_effect(const struct ve *ve, const struct ve_config *new)
{
	_cleanup_free_ char *list = NULL;

	if (ubc_without_effect(&ve->conf, new, os_exists("/proc/user_beancounters") > 0, &list) > 0)
		log_warn(ve->log, "Stored without effect on this kernel: %s", list);
}

static int check(const struct ve *ve, const struct ve_config *new, unsigned int groups,
		 unsigned int flags, bool running, struct vz_error *e)
{
	int r = check_suspended(ve, new, groups, e);
	bool live = groups & ~(1U << APPLY_NONE | 1U << APPLY_NAME);

	if (r < 0)
		return r;
	if (!(flags & VZ_SAVE) && groups & 1U << APPLY_NAME)
		return vz_fail_exit(e, -EINVAL, VZ_EXIT_NAME, "--name has to be used with --save");
	if (!(flags & VZ_SAVE) && !running && live)
		return vz_fail_exit(
			e, -ESRCH, VZ_EXIT_NOT_RUNNING,
			"Container is not running: use --save to change its configuration");
	if (running &&
	    (!str_eq(new->root, ve->conf.root) || !str_eq(new->private, ve->conf.private)))
		return vz_fail_exit(e, -EBUSY, VZ_EXIT_RUNNING,
				    "--root and --private need a stopped container");
	if (running && (new->uid_base != ve->conf.uid_base || new->gid_base != ve->conf.gid_base))
		return vz_fail_exit(e, -EBUSY, VZ_EXIT_RUNNING,
				    "--local_uid and --local_gid need a stopped container");
	return check_addresses(ve, new, e);
}

int ve_set(struct ve *ve, const struct ve_config *new, unsigned int given, unsigned int flags,
	   struct vz_error *e)
{
	/* a running VE may deviate from its file: what was given is brought to it, changed or not */
	unsigned int groups = ve_config_diff(&ve->conf, new),
		     apply = groups | (given & LIVE_GROUPS), restart;
	bool running = ve_is_running(ve);
	int r;

	if (flags & VZ_REAPPLY && flags & VZ_SAVE)
		apply = groups |= 1U << APPLY_NAME;
	else if (flags & VZ_REAPPLY)
		apply |= 1U << APPLY_MEM | 1U << APPLY_PIDS | 1U << APPLY_UBC | 1U << APPLY_PTY;
	if (!groups && flags & VZ_SAVE)
		log_info(ve->log, "No changes in CT configuration, not saving");
	if (!apply)
		return 0;
	r = check(ve, new, groups, flags, running, e);
	if (r < 0)
		return r;
	restart = restart_groups(ve);
	tell_without_effect(ve, new);
	if (flags & (VZ_IGNORE | VZ_RESTART))
		apply &= ~restart;
	if (running) {
		r = ve_apply(ve, &ve->conf, new, apply, e);
		if (r < 0)
			return r;
	}
	if (flags & VZ_SAVE && groups) {
		r = save(ve, new, groups, e);
		if (r < 0 && running)
			IGNORE(ve_apply(ve, new, &ve->conf, apply & ~restart, NULL));
		if (r < 0)
			return r;
	} else if (running && groups) {
		log_warn(ve->log,
			 "WARNING: Settings were not saved to config (use --save flag to save)");
	}
	if (running && flags & VZ_RESTART && groups & restart)
		return 1;
	return 0;
}

int ve_config_with_sample(const struct ve *ve, const char *sample, struct ve_config *new,
			  struct vz_error *e)
{
	static const char *const kept[] = { "HOSTNAME",	  "IP_ADDRESS",	 "OSTEMPLATE", "VE_ROOT",
					    "VE_PRIVATE", "DESCRIPTION", "NAME",       "LOCAL_UID",
					    "LOCAL_GID",  NULL };
	_cleanup_conf_file_ struct conf_file *f = NULL;
	_cleanup_free_ char *path = NULL;
	int r = str_fmt(&path, "%s/ve-%s.conf-sample", ve->host->confdir, sample);

	if (r >= 0)
		r = strchr(sample, '/') ? -EINVAL : conf_file_read(&f, path, ve->log, NULL);
	if (r < 0)
		return vz_fail_exit(e, r, VZ_EXIT_APPLYCONFIG, "read sample configuration %s",
				    path ? path : sample);
	r = ve_config_copy(new, &ve->conf);
	for (size_t i = 0; r >= 0 && i < param_count(); i++) {
		const struct param *p = param_at(i);
		const char *key = param_key(p), *value = key ? conf_file_get(f, key) : NULL;

		if (value && !strv_has((char *const *)(uintptr_t)kept, key))
			r = param_parse_file(new, ve->host, p, value, FROM_CLI, e);
	}
	return vz_wrap_exit(e, r, VZ_EXIT_APPLYCONFIG, "apply sample %s", sample);
}
