/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The life cycle of VEs as the public header has it: arguments, locks, then ve/. */
#include "api/api.h"

#include "base/str.h"
#include "os/os.h"
#include "ve/cpt.h"
#include "ve/usage.h"

#include <string.h>

int vz_ve_open(struct vz *vz, const char *name, struct vz_ve **ret, struct vz_error *e)
{
	struct vz_ve *v;
	uint32_t id;
	int r = ctid_resolve(&vz->host, name, &id, e);

	if (r < 0)
		return r;
	v = calloc(1, sizeof(*v));
	if (!v)
		return vz_fail(e, -ENOMEM, "open CT %u", id);
	v->vz = vz;
	r = ve_open(&v->ve, &vz->host, &vz->log, id, e);
	if (r < 0) {
		free(v);
		return vz_wrap_exit(e, r, VZ_EXIT_BAD_CONF, "CT %u", id);
	}
	*ret = v;
	return 0;
}

struct vz_ve *vz_ve_free(struct vz_ve *v)
{
	if (v)
		ve_done(&v->ve);
	free(v);
	return NULL;
}

uint32_t vz_ve_id(const struct vz_ve *v)
{
	return v->ve.id;
}

int vz_ve_has_config(struct vz_ve *v, struct vz_error *e)
{
	int r = ve_need_conf(&v->ve, e);

	if (r < 0)
		ve_lock_tidy(&v->ve);
	return r;
}

int vz_ve_status(struct vz_ve *v, struct vz_error *e)
{
	(void)e;
	return ve_status(&v->ve);
}

/*
 * The lock of one call. With the lock the configuration is read again: what we
 * opened may have been changed by whoever held it before, and what it was
 * at may be unfinished.
 */
int api_lock(struct vz_ve *v, const char *verb, unsigned int flags, int *lock, struct vz_error *e)
{
	int r;

	*lock = -EBADF;
	if (!(flags & VZ_SKIPLOCK)) {
		r = ve_lock(&v->ve, verb, (int)v->vz->host.lock_timeout * 1000, e);
		if (r < 0)
			return r;
		*lock = r;
	}
	r = ve_reload(&v->ve, e);
	if (r >= 0)
		r = cpt_recover(&v->ve, e);
	if (r < 0)
		ve_unlock(&v->ve, lock);
	return r;
}

int vz_ve_create(struct vz_ve *v, const char *ostemplate, const char *config,
		 const struct vz_changes *changes, unsigned int flags, struct vz_error *e)
{
	int lock, r = api_lock(v, "create", flags, &lock, e);

	if (r < 0)
		return r;
	r = ve_create(&v->ve, ostemplate, config, changes, e);
	ve_unlock(&v->ve, &lock);
	return r;
}

int vz_ve_destroy(struct vz_ve *v, unsigned int flags, struct vz_error *e)
{
	int lock, r = api_lock(v, "destroy", flags, &lock, e);

	if (r < 0)
		return r;
	r = ve_destroy(&v->ve, e);
	ve_unlock(&v->ve, &lock);
	return r;
}

int vz_ve_mount(struct vz_ve *v, unsigned int flags, struct vz_error *e)
{
	int lock, r = api_lock(v, "mount", flags, &lock, e);

	if (r < 0)
		return r;
	r = ve_need_conf(&v->ve, e);
	if (r >= 0 && ve_is_mounted(&v->ve))
		log_info(v->ve.log, "Container is already mounted");
	else if (r >= 0)
		r = ve_mount_root(&v->ve, e);
	ve_unlock(&v->ve, &lock);
	return r;
}

static int umount_checked(struct ve *ve, struct vz_error *e)
{
	int r = ve_need_conf(ve, e);

	if (r < 0)
		return r;
	if (ve_is_running(ve))
		return vz_fail_exit(e, -EBUSY, VZ_EXIT_RUNNING,
				    "Container is running -- stop it first");
	if (!ve_is_mounted(ve))
		return vz_fail_exit(e, -EINVAL, VZ_EXIT_NOT_MOUNTED, "CT is not mounted");
	r = ve_cleanup(ve, false, e); /* what a killed start left would keep it busy */
	return r < 0 ? r : ve_umount_root(ve, e);
}

int vz_ve_umount(struct vz_ve *v, unsigned int flags, struct vz_error *e)
{
	int lock, r = api_lock(v, "umount", flags, &lock, e);

	if (r < 0)
		return r;
	r = umount_checked(&v->ve, e);
	ve_unlock(&v->ve, &lock);
	return r;
}

static unsigned int start_flags(unsigned int flags)
{
	return (flags & VZ_FORCE ? START_FORCE : 0) |
	       (flags & VZ_SKIP_REMOUNT ? START_SKIP_REMOUNT : 0);
}

/* Wait until the VE's own init says that it is up; only systemd can say so. */
static int wait_started(struct ve *ve, struct vz_error *e)
{
	static const char script[] =
		"case $(readlink -f /sbin/init) in *systemd*) ;; *) exit 0;; esac\n"
		"i=0\n"
		"while [ ! -S /run/systemd/private ] && [ $i -lt 300 ]; do i=$((i+1)); sleep 0.1; done\n"
		"case $(systemctl is-system-running --wait) in running|degraded) exit 0;; esac\n"
		"exit 1\n";
	int r = ve_script(ve, script, NULL, 300000, NULL, e);

	if (r == 0) {
		log_info(ve->log, "Container started successfully");
		return 0;
	}
	if (r > 0)
		r = vz_fail_exit(e, -ECANCELED, VZ_EXIT_WAIT, "Container wait failed");
	return vz_wrap_exit(e, r, VZ_EXIT_WAIT, "wait for the container's start");
}

static int start_locked(struct vz_ve *v, unsigned int flags, int lock, struct vz_error *e)
{
	int r = ve_start_any(&v->ve, start_flags(flags), lock, e);

	if (r != 0) /* failed, or restored */
		return r < 0 ? r : 0;
	log_info(v->ve.log, flags & VZ_WAIT ? "Container start in progress, waiting ..."
					    : "Container start in progress...");
	return 0;
}

int vz_ve_start(struct vz_ve *v, unsigned int flags, struct vz_error *e)
{
	int lock, r = api_lock(v, "start", flags, &lock, e);

	if (r < 0)
		return r;
	r = start_locked(v, flags, lock, e);
	ve_unlock(&v->ve, &lock);
	return r >= 0 && flags & VZ_WAIT ? wait_started(&v->ve, e) : r;
}

int vz_ve_stop(struct vz_ve *v, unsigned int flags, struct vz_error *e)
{
	int lock, r = api_lock(v, "stop", flags, &lock, e);

	if (r < 0)
		return r;
	r = ve_need_conf(&v->ve, e);
	if (r >= 0)
		r = ve_stop(&v->ve,
			    (flags & VZ_FAST ? STOP_FAST : 0) |
				    (flags & VZ_SKIP_UMOUNT ? STOP_SKIP_UMOUNT : 0),
			    e);
	ve_unlock(&v->ve, &lock);
	return r;
}

static int restart_locked(struct vz_ve *v, unsigned int flags, int lock, struct vz_error *e)
{
	/* what would not start again is not stopped */
	int r = ve_start_check(&v->ve, start_flags(flags), e);

	if (r >= 0 && ve_is_running(&v->ve))
		r = ve_stop(&v->ve, flags & VZ_FAST ? STOP_FAST : 0, e);
	return r < 0 ? r : start_locked(v, flags, lock, e);
}

int vz_ve_restart(struct vz_ve *v, unsigned int flags, struct vz_error *e)
{
	int lock, r = api_lock(v, "restart", flags, &lock, e);

	if (r < 0)
		return r;
	log_info(v->ve.log, "Restarting container");
	r = restart_locked(v, flags, lock, e);
	ve_unlock(&v->ve, &lock);
	return r >= 0 && flags & VZ_WAIT ? wait_started(&v->ve, e) : r;
}

static int set_locked(struct vz_ve *v, const struct vz_changes *changes, unsigned int flags,
		      int lock, struct vz_error *e)
{
	_cleanup_ve_config_ struct ve_config new;
	int r;

	ve_config_init(&new);
	if (!(flags & VZ_SAVE))
		r = ve_need_conf(&v->ve, e);
	else
		r = 0;
	if (r >= 0) {
		r = ve_config_copy(&new, &v->ve.conf);
		if (r < 0)
			(void)vz_fail(e, r, "copy the configuration");
	}
	if (r >= 0 && changes)
		r = changes_apply(changes, &new, &v->vz->host, e);
	if (r >= 0)
		r = ve_set(&v->ve, &new, changes_groups(changes), flags, e);
	if (r == 1) { /* --setmode restart has something to restart for */
		r = ve_reload(&v->ve, e);
		if (r >= 0)
			r = restart_locked(v, flags & ~(unsigned int)VZ_FORCE, lock, e);
	}
	return r;
}

int vz_ve_set(struct vz_ve *v, const struct vz_changes *changes, unsigned int flags,
	      struct vz_error *e)
{
	int lock, r = api_lock(v, "set", flags, &lock, e);

	if (r < 0)
		return r;
	r = set_locked(v, changes, flags, lock, e);
	ve_unlock(&v->ve, &lock);
	return r;
}

int vz_ve_get(struct vz_ve *v, const char *key, char **ret, struct vz_error *e)
{
	const struct param *p = param_by_key(key);
	int r;

	if (!p)
		return vz_fail_exit(e, -ENOENT, VZ_EXIT_VALUE, "unknown parameter %s", key);
	r = param_format(&v->ve.conf, p, ret);
	return r < 0 ? vz_fail(e, r, "format %s", key) : 0;
}

int vz_ve_applyconfig(struct vz_ve *v, const char *sample, unsigned int flags, struct vz_error *e)
{
	_cleanup_ve_config_ struct ve_config new;
	int lock, r = api_lock(v, "set", flags, &lock, e);

	if (r < 0)
		return r;
	ve_config_init(&new);
	r = ve_need_conf(&v->ve, e);
	if (r >= 0)
		r = ve_config_with_sample(&v->ve, sample, &new, e);
	if (r >= 0)
		r = ve_set(&v->ve, &new, 0, flags, e);
	ve_unlock(&v->ve, &lock);
	return r < 0 ? r : 0;
}

int vz_ve_usage(struct vz_ve *v, struct vz_ve_usage *ret, struct vz_error *e)
{
	struct vz_ve_usage u = { .size = sizeof(u) };
	size_t size = ret->size;
	int r;

	if (size < sizeof(ret->size) || size > sizeof(u))
		return vz_fail(e, -EINVAL, "usage record of %zu bytes", size);
	r = ve_usage(&v->ve, &u, e);
	if (r < 0)
		return r;
	u.size = size;
	memcpy(ret, &u, size);
	return 0;
}

int vz_ve_init_pid(struct vz_ve *v, struct vz_error *e)
{
	struct ve_state s;
	_cleanup_close_ int fd = state_open_init(&v->ve, &s);

	return fd < 0 ? vz_fail_exit(e, -ESRCH, VZ_EXIT_NOT_RUNNING, "Container is not running")
		      : s.init;
}

int vz_pid_to_ctid(struct vz *vz, int pid, uint32_t *ret_ctid, int *ret_vpid, struct vz_error *e)
{
	return ve_of_pid(&vz->host, pid, ret_ctid, ret_vpid, e);
}

int vz_list(struct vz *vz, uint32_t **ret, size_t *ret_n, struct vz_error *e)
{
	return ve_config_list(&vz->host, ret, ret_n, e);
}
