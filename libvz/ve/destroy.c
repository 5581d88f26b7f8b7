/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Destroying a VE; see create.c for the order and why. */
#include "ve/ve.h"

#include "base/str.h"
#include "os/os.h"

#include <string.h>

static const char *const scripts[] = { "conf", "premount", "mount",	"start",
				       "stop", "umount",   "postumount" };

/* What killed destroys left in the directory of private areas. */
#define TRASH ".destroyed-"

static int trash_path(const struct ve *ve, char **ret_dir, char **ret)
{
	_cleanup_free_ char *dir = strdup(ve->conf.private);
	char *slash;
	int r;

	if (!dir)
		return -ENOMEM;
	slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return -EINVAL;
	*slash = '\0';
	r = str_fmt(ret, "%s/" TRASH "%u-%llu", dir, ve->id, (unsigned long long)os_now_ms());
	if (r >= 0)
		*ret_dir = TAKE_PTR(dir);
	return r;
}

/* Delete all trash of this directory. */
static void sweep(const char *dir)
{
	_cleanup_closedir_ DIR *d = opendir(dir);
	struct dirent *de;

	while (d && (de = readdir(d)))
		if (str_has_prefix(de->d_name, TRASH))
			IGNORE(os_rm_rf_at(dirfd(d), de->d_name));
}

void ve_aside(void (*work)(const char *dir), const char *dir)
{
	const int none[] = { 0, 1, 2 };
	pid_t pid = fork();

	if (pid > 0)
		IGNORE(os_reap(pid, NULL));
	if (pid != 0)
		return;
	/* grandchild: whoever waits for the command's output must not wait for this */
	if (fork() != 0)
		_exit(0);
	(void)setsid();
	for (int fd = 0; fd < 3; fd++)
		(void)safe_close(fd);
	IGNORE(os_close_except(none, ARRAY_SIZE(none)));
	work(dir);
	_exit(0);
}

static int remove_area(const struct ve *ve, struct vz_error *e)
{
	_cleanup_free_ char *dir = NULL, *trash = NULL;
	int r = trash_path(ve, &dir, &trash);

	if (r < 0)
		return vz_fail_exit(e, r, VZ_EXIT_DELETE, "private area %s", ve->conf.private);
	log_info(ve->log, "Destroying container private area: %s", ve->conf.private);
	if (rename(ve->conf.private, trash) < 0 && errno != ENOENT)
		return vz_fail_exit(e, -errno, VZ_EXIT_DELETE, "move %s away", ve->conf.private);
	fault_point("destroy", "moved");
	ve_aside(sweep, dir);
	return 0;
}

/* What a killed create left beside the places of the whole things. */
static int remove_unfinished(const struct ve *ve, struct vz_error *e)
{
	_cleanup_free_ char *tmp = NULL, *marker = NULL;
	char conf[32];
	int r = str_fmt(&tmp, "%s.tmp", ve->conf.private);

	if (r >= 0)
		r = str_fmt(&marker, "%s/%u.creating", ve->host->confdir, ve->id);
	if (r >= 0)
		r = os_rm_rf_at(AT_FDCWD, tmp);
	if (r < 0)
		return vz_fail_exit(e, r, VZ_EXIT_DELETE, "remove %s",
				    tmp ? tmp : ve->conf.private);
	(void)unlink(marker);
	(void)snprintf(conf, sizeof(conf), "%u.conf", ve->id);
	os_drop_leftovers(ve->host->confdir, conf);
	return 0;
}

static int retire_files(const struct ve *ve, struct vz_error *e)
{
	for (size_t i = ARRAY_SIZE(scripts); i-- > 0;) {
		_cleanup_free_ char *from = NULL, *to = NULL;
		int r = str_fmt(&from, "%s/%u.%s", ve->host->confdir, ve->id, scripts[i]);

		if (r >= 0)
			r = str_fmt(&to, "%s.destroyed", from);
		if (r >= 0 && rename(from, to) < 0 && errno != ENOENT)
			r = -errno;
		if (r < 0)
			return vz_fail(e, r, "rename %s", from ? from : scripts[i]);
	}
	return 0;
}

/* What CRIU said of the last checkpoint that failed. */
static void drop_log(const struct ve *ve)
{
	_cleanup_free_ char *path = NULL;

	if (str_fmt(&path, "%s/Dump.%u.log", ve->host->dumpdir, ve->id) >= 0)
		(void)unlink(path);
}

int ve_destroy(struct ve *ve, struct vz_error *e)
{
	int r = ve_need_conf(ve, e);

	if (r < 0)
		return r;
	if (ve_is_running(ve))
		return vz_fail_exit(e, -EBUSY, VZ_EXIT_RUNNING,
				    "Container is currently running -- stop it first");
	if (ve_is_mounted(ve))
		return vz_fail_exit(e, -EBUSY, VZ_EXIT_MOUNTED,
				    "Container is currently mounted -- umount it first");
	if (!ve->conf.private || !ve->conf.root)
		return vz_fail_exit(e, -EINVAL, VZ_EXIT_NO_PRIVATE_SET,
				    "VE_PRIVATE or VE_ROOT is not set");
	r = ve_cleanup(ve, true, e); /* what a killed start left */
	if (r >= 0)
		r = remove_area(ve, e);
	if (r >= 0)
		r = remove_unfinished(ve, e);
	if (r < 0)
		return r;
	ve_drop_dump(ve);
	drop_log(ve);
	(void)rmdir(ve->conf.root);
	if (ve->conf.name)
		IGNORE(name_set(ve->host, ve->id, ve->conf.name, "", NULL));
	fault_point("destroy", "conf");
	r = retire_files(ve, e);
	if (r < 0)
		return r;
	fault_point("destroy", "gone");
	log_info(ve->log, "Container private area was destroyed");
	return 0;
}
