// SPDX-License-Identifier: GPL-2.0-or-later
/* create and destroy. */
#include "cmd.h"

enum { O_OSTEMPLATE, O_CONFIG, O_SKIP_APP, O_FORCE };

static const struct cmd_opt create_opts[] = {
	[O_OSTEMPLATE] = { .name = "ostemplate",
			   .arg = "name",
			   .help = "template to make it from (default: DEF_OSTEMPLATE)" },
	[O_CONFIG] = { .name = "config",
		       .arg = "name",
		       .help = "sample configuration ve-NAME.conf-sample (default: CONFIGFILE)" },
	[O_SKIP_APP] = { .name = "skip_app_templates", .help = "accepted, without effect" },
	[O_FORCE] = { .name = "force", .help = "accepted, without effect" },
	{ 0 }
};

static int run_create(struct cli *c, struct vz_error *e)
{
	const char *const *v = c->o.value;

	return vz_ve_create(c->ve, v[O_OSTEMPLATE], v[O_CONFIG], c->o.changes, c->lib_flags, e);
}

const struct cmd cmd_create = {
	.name = "create",
	.synopsis = "create <ctid> [--ostemplate <name>] [--config <name>] [--layout simfs]\n"
		    "create <ctid> ... [--hostname <name>] [--name <name>] [--ipadd <addr>] "
		    "[--diskspace <size>] ...",
	.help = "Make a container from a template",
	.doc = "Copies the sample configuration to CTID.conf, gives the container an id range "
	       "of its own and puts an empty writable layer over the shared template, which "
	       "takes milliseconds whatever the template's size. The options are stored. "
	       "On failure nothing stays behind.",
	.opts = create_opts,
	.flags = CMD_CTID | CMD_NO_CONF | CMD_CREATE_PARAMS | CMD_ENTERS,
	.bad_option = VZ_EXIT_VALUE,
	.fail_line = "Creation of container private area failed",
	.run = run_create,
};

const struct cmd cmd_destroy = {
	.name = "destroy",
	.alias = "delete",
	.synopsis = "destroy | delete <ctid>",
	.help = "Delete a stopped container: files, name and configuration",
	.doc = "The configuration and the action scripts are kept, renamed to *.destroyed*.",
	.flags = CMD_CTID,
	.bad_option = VZ_EXIT_SYNTAX,
	.verb = vz_ve_destroy,
};
