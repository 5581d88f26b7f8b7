/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mounting a VE's root with the administrator's scripts around it, and the
 * private area's metadata, which alone decides what the root is made of.
 */
#include "ve/ve.h"

#include "base/str.h"
#include "mech/mnt/mnt.h"
#include "mech/tm/tm.h"
#include "os/os.h"

#include <string.h>

void meta_done(struct ve_meta *m)
{
	free(m->lower);
	free(m->ostemplate);
	*m = (struct ve_meta){ 0 };
}

int meta_read(const char *private, struct ve_meta *ret, struct vz_error *e)
{
	_cleanup_conf_file_ struct conf_file *f = NULL;
	_cleanup_free_ char *path = NULL;
	struct ve_meta m = { 0 };
	const char *lower, *tmpl;
	int r = str_fmt(&path, "%s/meta", private);

	if (r >= 0)
		r = conf_file_read(&f, path, NULL, e);
	if (r < 0)
		return vz_wrap_exit(e, r, VZ_EXIT_NO_PRIVATE,
				    "private area %s has no usable metadata", private);
	lower = conf_file_get(f, "LOWER");
	tmpl = conf_file_get(f, "OSTEMPLATE");
	if (!lower)
		return vz_fail_exit(e, -EBADMSG, VZ_EXIT_NO_PRIVATE, "%s names no LOWER layer",
				    path);
	r = str_set(&m.lower, lower);
	if (r >= 0)
		r = str_set(&m.ostemplate, tmpl);
	if (r < 0) {
		meta_done(&m);
		return vz_fail(e, r, "read %s", path);
	}
	*ret = m;
	return 0;
}

int meta_write(const char *private, const struct ve_meta *m, struct vz_error *e)
{
	_cleanup_conf_file_ struct conf_file *f = NULL;
	_cleanup_free_ char *path = NULL;
	int r = str_fmt(&path, "%s/meta", private);

	if (r >= 0)
		r = conf_file_parse(&f, "", 0, path, NULL, e);
	if (r >= 0)
		r = conf_file_set(f, "LAYOUT", "1");
	if (r >= 0)
		r = conf_file_set(f, "LOWER", m->lower);
	if (r >= 0)
		r = conf_file_set(f, "OSTEMPLATE", m->ostemplate);
	if (r < 0)
		return vz_fail(e, r, "make the metadata of %s", private);
	return conf_file_save(f, path, e);
}

/*
 * The mount point's parent is for the host's root only: the mount point itself wears
 * the mode of the VE's /, and setuid files in there must stay out of users' reach.
 */
int ve_make_root(const struct ve *ve, struct vz_error *e)
{
	_cleanup_free_ char *parent = strdup(ve->conf.root);
	char *slash = parent ? strrchr(parent, '/') : NULL;
	struct stat st;
	int r = parent ? 0 : -ENOMEM;

	if (slash && slash != parent) {
		*slash = '\0';
		r = os_mkdir_p(parent, 0700);
		if (r >= 0 && stat(parent, &st) == 0 && st.st_mode & S_IXOTH)
			log_warn(
				ve->log,
				"%s is open to every user of the host, and so are containers' files: chmod 700 %s",
				parent, parent);
	}
	if (r >= 0)
		r = os_mkdir_p(ve->conf.root, 0700);
	return r < 0 ? vz_fail_exit(e, r, VZ_EXIT_CREATE_ROOT, "make mount point %s", ve->conf.root)
		     : 0;
}

static int mount_prepare(const struct ve *ve, struct ve_meta *m, char **ret_lower,
			 struct vz_error *e)
{
	int r;

	if (!ve->conf.root)
		return vz_fail_exit(e, -EINVAL, VZ_EXIT_NO_ROOT, "VE_ROOT is not set");
	if (!ve->conf.private)
		return vz_fail_exit(e, -EINVAL, VZ_EXIT_NO_PRIVATE_SET, "VE_PRIVATE is not set");
	if (!os_exists(ve->conf.private))
		return vz_fail_exit(e, -ENOENT, VZ_EXIT_NO_PRIVATE,
				    "Container private area %s does not exist", ve->conf.private);
	r = meta_read(ve->conf.private, m, e);
	if (r < 0)
		return r;
	r = tm_lower(ve->host->template, m->lower, ret_lower, e);
	if (r < 0)
		return vz_wrap_exit(e, r, VZ_EXIT_MOUNT, "template of CT %u", ve->id);
	return ve_make_root(ve, e);
}

int ve_mount_root(const struct ve *ve, struct vz_error *e)
{
	_cleanup_free_ char *lower = NULL;
	_cleanup_(meta_done) struct ve_meta m = { 0 };
	struct mnt_root_conf c;
	int r;

	if (ve_is_mounted(ve))
		return 0;
	r = mount_prepare(ve, &m, &lower, e);
	if (r < 0)
		return r;
	r = hooks_host(ve, "premount", true, e);
	if (r < 0)
		return r;
	c = (struct mnt_root_conf){ .lower = lower,
				    .private = ve->conf.private,
				    .target = ve->conf.root,
				    .uid_base = ve->conf.uid_base,
				    .gid_base = ve->conf.gid_base };
	r = mnt_root_mount(&c, e);
	if (r < 0)
		return r;
	r = hooks_host(ve, "mount", true, e);
	if (r < 0) {
		IGNORE(mnt_root_umount(ve->conf.root, NULL));
		return r;
	}
	log_info(ve->log, "Container is mounted");
	return 0;
}

int ve_umount_root(const struct ve *ve, struct vz_error *e)
{
	int r;

	if (!ve_is_mounted(ve))
		return 0;
	r = hooks_host(ve, "umount", false, e);
	if (r < 0)
		return r;
	r = mnt_root_umount(ve->conf.root, e);
	if (r < 0)
		return r;
	log_info(ve->log, "Container is unmounted");
	return hooks_host(ve, "postumount", false, e);
}
