/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening a VE: its configuration, and what the verbs need of it. */
#include "ve/ve.h"

#include "base/str.h"
#include "os/os.h"

#include <errno.h>

int ve_open(struct ve *ve, const struct host_config *h, const struct logger *l, uint32_t id,
	    struct vz_error *e)
{
	int r;

	*ve = (struct ve){ .host = h, .log = l, .id = id };
	r = ve_reload(ve, e);
	if (r < 0)
		ve_done(ve);
	return r;
}

int ve_reload(struct ve *ve, struct vz_error *e)
{
	int r;

	ve_config_done(&ve->conf);
	ve_config_init(&ve->conf);
	/* what is wrong in the file is said once, not at every reading */
	r = ve_config_load(&ve->conf, ve->host, ve->id, ve->have_conf ? NULL : ve->log, e);
	ve->have_conf = r >= 0;
	if (r != -ENOENT)
		return r;
	vz_error_clear(e);
	return 0;
}

void ve_done(struct ve *ve)
{
	ve_config_done(&ve->conf);
}

int ve_need_conf(const struct ve *ve, struct vz_error *e)
{
	if (ve->have_conf)
		return 0;
	return vz_fail_exit(e, -ENOENT, VZ_EXIT_NO_CONF,
			    "Container config file does not exist: %s/%u.conf", ve->host->confdir,
			    ve->id);
}

int ve_save_conf(const struct ve *ve, const struct ve_config *c, struct vz_error *e)
{
	_cleanup_free_ char *path = NULL, *copy = NULL, *text = NULL;
	size_t len;
	int r = ve_config_save(c, ve->host, ve->id, e);

	if (r < 0)
		return vz_wrap_exit(e, r, VZ_EXIT_SAVE, "save the configuration");
	r = ve_config_path(ve->host, ve->id, &path);
	if (r >= 0)
		log_info(ve->log, "CT configuration saved to %s", path);
	/* the copy that travels with the private area; a convenience, never read for decisions */
	if (r >= 0 && c->private && os_exists(c->private))
		r = str_fmt(&copy, "%s/ve.conf", c->private);
	if (r >= 0 && copy)
		r = os_read_file_at(AT_FDCWD, path, 1U << 20, &text, &len);
	if (r >= 0 && copy)
		r = os_replace_file_volatile(copy, text, len, 0600);
	return r < 0 ? vz_fail_exit(e, r, VZ_EXIT_SAVE, "copy the configuration to %s", c->private)
		     : 0;
}
