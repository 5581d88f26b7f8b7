// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vztmpl build: finds a recipe and runs the `build` program beside it, which
 * does the work and speaks for itself on our stdout and stderr.
 */
#include "vztmpl.h"

#include <vz/vz.h>

#include "build.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-"

bool vztmpl_good_name(const char *name)
{
	return *name && name[strspn(name, NAME_CHARS)] == '\0' && *name != '.' && *name != '-';
}

static int run_build(struct vz *vz, const char *recipe, const char *suite, const char *out,
		     struct vz_error *e)
{
	_cleanup_free_ char *program = xfmt("%s/../build", recipe);
	const char *mirror = vz_host_param(vz, "TEMPLATE_MIRROR");
	const char *const argv[] = { program, recipe, out, NULL };
	int status;
	pid_t pid;

	if (access(program, X_OK) < 0)
		return cli_fail(e, VZ_EXIT_NO_SCRIPT, "%s is missing or cannot be run", program);
	if ((mirror && setenv("TEMPLATE_MIRROR", mirror, 1) < 0) ||
	    (suite && setenv("TEMPLATE_SUITE", suite, 1) < 0))
		return cli_fail(e, VZ_EXIT_NOMEM, "out of memory");
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		execv(program, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return cli_fail(e, VZ_EXIT_SYSTEM, "wait for %s: %s", program,
					strerror(errno));
	if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return cli_fail(e, VZ_EXIT_TEMPLATE, "building from the recipe %s failed", recipe);
}

int vztmpl_build(struct vz *vz, const char *recipes, const char *name, const char *suite,
		 char **ret_archive, struct vz_error *e)
{
	_cleanup_free_ char *recipe = NULL, *file = NULL;
	char out[] = "/var/tmp/vztmpl-XXXXXX";
	const char *dir = recipes ? recipes : vz_host_param(vz, "TEMPLATE_RECIPES");
	int r, fd;

	if (!vztmpl_good_name(name))
		return cli_fail(e, VZ_EXIT_VALUE, "bad template name");
	recipe = xfmt("%s/%s", dir ? dir : VZ_DATADIR "/templates", name);
	file = xfmt("%s/recipe", recipe);
	if (access(file, R_OK) < 0)
		return cli_fail(e, VZ_EXIT_TEMPLATE,
				"no recipe %s (recipes are directories; --recipes tells where)",
				file);
	fd = mkostemp(out, O_CLOEXEC);
	if (fd < 0)
		return cli_fail(e, VZ_EXIT_SYSTEM, "make %s: %s", out, strerror(errno));
	(void)close(fd);
	r = run_build(vz, recipe, suite, out, e);
	if (r < 0)
		(void)unlink(out);
	else
		*ret_archive = xstrdup(out);
	return r;
}
