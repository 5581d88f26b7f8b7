// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * set: the rules about combinations of options; the transaction itself (check
 * all, apply, undo, save) is vz_ve_set()'s.  Parameters come from the table,
 * so the only names here are those with a rule of their own.
 */
#include "cmd.h"

#include <string.h>

enum { O_SAVE, O_FORCE, O_SETMODE, O_RESET_UB, O_APPLY, O_APPLY_MAP, O_USERPASSWD };

static const struct cmd_opt set_opts[] = {
	[O_SAVE] = { .name = "save",
		     .help = "save to the configuration file too",
		     .lib_flag = VZ_SAVE },
	[O_FORCE] = { .name = "force",
		      .help = "save although the kernel cannot apply it (needs --save)",
		      .lib_flag = VZ_FORCE },
	[O_SETMODE] = { .name = "setmode",
			.arg = "restart|ignore",
			.help = "what to do about parameters that need a restart" },
	[O_RESET_UB] = { .name = "reset_ub",
			 .help = "apply the stored beancounters again; the only option then",
			 .lib_flag = VZ_REAPPLY },
	[O_APPLY] = { .name = "applyconfig",
		      .arg = "name",
		      .help = "take the values of ve-NAME.conf-sample" },
	[O_APPLY_MAP] = { .name = "applyconfig_map",
			  .arg = "name",
			  .help = "make the link in names/ again from NAME" },
	[O_USERPASSWD] = { .name = "userpasswd",
			   .arg = "user:password",
			   .help = "set a password inside; never stored" },
	{ 0 }
};

/* Parameters that mean nothing for a running container alone. */
static const struct {
	const char *name;
	enum vz_exit exit;
} need_save[] = {
	{ "name", VZ_EXIT_NAME },
	{ "ostemplate", VZ_EXIT_SYNTAX },
	{ "stop-timeout", VZ_EXIT_SYNTAX },
};

static int check_save(const struct opts *o, struct vz_error *e)
{
	static const char text[] = "--%s needs --save";

	if (opts_has(o, O_SAVE))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(need_save); i++)
		if (opts_param(o, need_save[i].name))
			return cli_fail(e, need_save[i].exit, text, need_save[i].name);
	if (opts_has(o, O_FORCE))
		return cli_fail(e, VZ_EXIT_SYNTAX, text, "force");
	if (o->lib_flags & VZ_RESTART)
		return cli_fail(e, VZ_EXIT_SYNTAX, text, "setmode restart");
	return 0;
}

static int check(struct opts *o, struct vz_error *e)
{
	const char *mode = o->value[O_SETMODE], *map = o->value[O_APPLY_MAP];

	if (mode && strcmp(mode, "restart") == 0)
		o->lib_flags |= VZ_RESTART;
	else if (mode && strcmp(mode, "ignore") == 0)
		o->lib_flags |= VZ_IGNORE;
	else if (mode)
		return cli_fail(e, VZ_EXIT_VALUE, "--setmode %s: must be restart or ignore", mode);
	if (map && strcmp(map, "name") != 0)
		return cli_fail(e, VZ_EXIT_VALUE, "--applyconfig_map %s: must be name", map);
	if (opts_has(o, O_RESET_UB) && (o->nchanges || o->given != 1U << O_RESET_UB))
		return cli_fail(e, VZ_EXIT_SYNTAX, "--reset_ub must be the only option");
	if (!o->given && !o->nchanges)
		return cli_fail(e, VZ_EXIT_SYNTAX,
				"set: nothing to set; 'vzctl help set' lists the options");
	if (!opts_param(o, "nodemask") && !opts_param(o, "cpumask"))
		return check_save(o, e);
	if (opts_param(o, "nodemask") && !opts_param(o, "cpumask"))
		return cli_fail(e, VZ_EXIT_SYNTAX, "--nodemask needs --cpumask");
	return check_save(o, e);
}

/* --applyconfig_map name: setting the stored name again makes its link. */
static int apply_map(struct cli *c, struct vz_error *e)
{
	_cleanup_free_ char *name = NULL;
	int r = vz_ve_get(c->ve, "NAME", &name, e);

	if (r < 0 || !name || !*name)
		return r;
	c->o.nchanges++;
	c->lib_flags |= VZ_REAPPLY;
	return vz_changes_add(c->o.changes, "name", name, e);
}

static int set_password(struct cli *c, struct vz_error *e)
{
	char *arg = (char *)(uintptr_t)c->o.value[O_USERPASSWD];
	_cleanup_free_ char *copy = xstrdup(arg);
	int r;

	/* hide it from ps(1) for as long as this takes */
	memset(arg, '*', strlen(arg));
	r = vz_ve_userpasswd(c->ve, copy, c->lib_flags, e);
	explicit_bzero(copy, strlen(copy));
	return r;
}

static int need_running(struct cli *c, struct vz_error *e)
{
	int s = vz_ve_status(c->ve, e);

	if (s < 0 || (s & VZ_RUNNING))
		return s < 0 ? s : 0;
	return cli_fail(e, VZ_EXIT_NOT_RUNNING, "Container is not running");
}

static int run_set(struct cli *c, struct vz_error *e)
{
	struct opts *o = &c->o;
	int r = check(o, e);

	if (r < 0)
		return r;
	c->lib_flags |= o->lib_flags;
	if (opts_has(o, O_USERPASSWD)) {
		r = set_password(c, e);
		if (r < 0)
			return r;
	}
	if (o->value[O_APPLY]) {
		r = vz_ve_applyconfig(c->ve, o->value[O_APPLY], c->lib_flags, e);
		if (r < 0)
			return r;
	}
	if (o->value[O_APPLY_MAP]) {
		r = apply_map(c, e);
		if (r < 0)
			return r;
	}
	if (opts_has(o, O_RESET_UB)) {
		r = need_running(c, e);
		if (r < 0)
			return r;
	}
	if (o->nchanges || opts_has(o, O_RESET_UB)) {
		r = vz_ve_set(c->ve, o->changes, c->lib_flags, e);
		if (r < 0)
			return r;
	} else if (!opts_has(o, O_USERPASSWD) && !o->value[O_APPLY]) {
		log_say(VZ_LOG_INFO, "No changes in CT configuration, not saving");
	}
	return VZ_EXIT_OK;
}

const struct cmd cmd_set = {
	.name = "set",
	.synopsis = "set <ctid> [--save] [--force] [--setmode restart|ignore] [--<parameter> "
		    "<value>] ...\n"
		    "set <ctid> --reset_ub",
	.help = "Change parameters of a container",
	.doc = "Checks all values, applies each group of parameters once to the running "
	       "container, undoes that when one fails, and then saves with *--save*. Without "
	       "*--save* the container must run. Parameters that only a restart can apply are "
	       "saved with a warning, unless *--setmode* says to restart or to be silent. "
	       "For CTID 0, the host, only *--cpuunits* and the like are meant.",
	.opts = set_opts,
	.flags = CMD_CTID | CMD_NO_CONF | CMD_CT0 | CMD_PARAMS | CMD_ENTERS,
	.bad_option = VZ_EXIT_VALUE,
	.run = run_set,
};
