/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The context: one host configuration, one log function. */
#include "api/api.h"

#include "base/str.h"
#include "os/os.h"

#include "build.h"

#include <unistd.h>

/* vz.conf decides where messages go: what is to be said of it waits for the first log function. */
static void keep(void *data, int level, const char *line)
{
	struct vz *vz = data;

	(void)level;
	if (strv_add(&vz->early, line) < 0)
		return; /* the rest is told all the same */
}

static void say_early(struct vz *vz)
{
	for (char **l = vz->early; l && *l; l++)
		log_warn(&vz->log, "%s", *l);
	strv_free(vz->early);
	vz->early = NULL;
}

int vz_new(struct vz **ret, const char *vz_conf, struct vz_error *e)
{
	struct vz *vz = calloc(1, sizeof(*vz));
	int r;

	if (!vz)
		return vz_fail(e, -ENOMEM, "open the context");
	r = host_config_load(&vz->host, vz_conf,
			     &(struct logger){ .fn = keep, .data = vz, .level = VZ_LOG_WARN }, e);
	if (r < 0) {
		strv_free(vz->early);
		free(vz);
		return vz_wrap_exit(e, r, VZ_EXIT_VZCONF, "host configuration");
	}
	*ret = vz;
	return 0;
}

struct vz *vz_free(struct vz *vz)
{
	if (vz) {
		host_config_done(&vz->host);
		strv_free(vz->early);
	}
	free(vz);
	return NULL;
}

void vz_set_log(struct vz *vz, vz_log_fn *fn, void *data, int level)
{
	vz->log = (struct logger){ .fn = fn, .data = data, .level = level };
	if (fn)
		say_early(vz);
}

const char *vz_version(void)
{
	return VZ_VERSION;
}

const char *vz_host_param(struct vz *vz, const char *key)
{
	return host_config_get(&vz->host, key);
}

int vz_seal_self(char **argv, struct vz_error *e)
{
	int r = os_seal_self(argv, environ);

	return r < 0 ? vz_fail_exit(
			       e, r, VZ_EXIT_KERNEL,
			       "run from a read-only overlay of the program's directory (needs overlayfs, and root)")
		     : 0;
}
