// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vzctl(8): flags, command word, CTID, vz.conf, options, configuration - in
 * this order, which clients can observe by the exit status - then the command.
 * The only place that prints an error and the only one that exits.
 */
#include "cmd.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static void ignore_signal(int sig)
{
	(void)sig;
}

/*
 * A reader that goes away ("vzctl start 101 | head -1") must not kill us in the
 * middle of a start.  A handler, not SIG_IGN: exec resets it, so nothing that
 * is started inherits the deafness.
 */
static void survive_broken_pipes(void)
{
	struct sigaction sa = { .sa_handler = ignore_signal, .sa_flags = SA_RESTART };

	(void)sigaction(SIGPIPE, &sa, NULL);
	/* a parent that ignores its children's ends would have us lose ours */
	(void)signal(SIGCHLD, SIG_DFL);
}

static int find_command(struct cli *c, const char *word, struct vz_error *e)
{
	struct nearest near = { .word = word };

	c->cmd = cmd_find(word);
	if (c->cmd)
		return 0;
	near.best = cmd_nearest(word);
	(void)cli_fail(e, VZ_EXIT_SYNTAX, "Bad command: %s", word);
	return cli_hint(e, &near, "vzctl ");
}

/* The nearest known CTID or name behind "Bad CT ID" and "no configuration". */
static void hint_ctid(struct cli *c, const char *word, struct vz_error *e)
{
	struct nearest near = { .word = word };
	char(*text)[12] = NULL;
	uint32_t *ids = NULL;
	char **names = NULL;
	size_t n = 0;

	if (strstr(e->text, "did you mean") || vz_list(c->vz, &ids, &n, NULL) < 0)
		return;
	text = xcalloc(n, sizeof(*text));
	names = xcalloc(n, sizeof(*names));
	for (size_t i = 0; i < n; i++) {
		struct vz_ve *ve;

		(void)snprintf(text[i], sizeof(text[i]), "%u", ids[i]);
		nearest_try(&near, text[i]);
		if (vz_ve_open(c->vz, text[i], &ve, NULL) < 0)
			continue;
		if (vz_ve_get(ve, "NAME", &names[i], NULL) >= 0 && names[i] && *names[i])
			nearest_try(&near, names[i]);
		vz_ve_free(ve);
	}
	(void)cli_hint(e, &near, "");
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
	free(text);
	free(ids);
}

static int open_ve(struct cli *c, const char *word, struct vz_error *e)
{
	int r = vz_ve_open(c->vz, word, &c->ve, e);

	if (r < 0) {
		if (e->exit == VZ_EXIT_VALUE)
			hint_ctid(c, word, e);
		return r;
	}
	c->ctid = vz_ve_id(c->ve);
	return 0;
}

static int check_ve(struct cli *c, const char *word, struct vz_error *e)
{
	int r;

	if (!c->ctid)
		return c->cmd->flags & CMD_CT0
			       ? 0
			       : cli_fail(e, VZ_EXIT_VALUE, "%s: not possible for CT 0, the host",
					  c->cmd->name);
	if (c->cmd->flags & CMD_NO_CONF)
		return 0;
	r = vz_ve_has_config(c->ve, e);
	if (r < 0 && e->exit == VZ_EXIT_NO_CONF)
		hint_ctid(c, word, e);
	return r;
}

static int call(struct cli *c, struct vz_error *e)
{
	int r = c->cmd->verb ? c->cmd->verb(c->ve, c->lib_flags, e) : c->cmd->run(c, e);

	if (r < 0 && c->cmd->fine && e->exit == (int)c->cmd->fine) {
		_cleanup_free_ char *text = cli_error_text(e, r);

		log_say(VZ_LOG_INFO, "%s", text);
		return VZ_EXIT_OK;
	}
	if (c->cmd->verb && r > 0)
		r = 0;
	if (r < 0 && c->cmd->fail_line) {
		_cleanup_free_ char *text = cli_error_text(e, r);

		log_say(VZ_LOG_ERR, "%s", text);
		(void)snprintf(e->text, sizeof(e->text), "%s", c->cmd->fail_line);
		e->exit = cli_error_exit(e);
		e->code = 0;
	}
	return r;
}

/* argv[0] is the command word. */
static int run(struct cli *c, int argc, char **argv, struct vz_error *e)
{
	bool need_ve = c->cmd->flags & CMD_CTID;
	const char *word = need_ve ? argv[1] : NULL;
	int skip = need_ve ? 2 : 1, r;

	if (need_ve && argc < 2)
		return cli_fail(e, VZ_EXIT_VALUE, "CT ID missing");
	if (!(c->cmd->flags & CMD_NO_VZ)) {
		r = vz_new(&c->vz, NULL, e);
		if (r < 0)
			return r;
		log_start(c);
	}
	if (need_ve) {
		r = open_ve(c, word, e);
		if (r < 0)
			return r;
		log_start(c);
	}
	r = opts_parse(c, argc - skip, argv + skip, e);
	if (r < 0)
		return r;
	c->lib_flags |= c->o.lib_flags;
	if (need_ve) {
		r = check_ve(c, word, e);
		if (r < 0)
			return r;
	}
	return call(c, e);
}

/* Flags, then the command; 0 and *done where a flag was the whole task. */
static int start(struct cli *c, int argc, char **argv, bool *done, struct vz_error *e)
{
	bool version = false, help = false;
	int at = opts_globals(c, argc, argv, &version, &help, e), r;

	*done = true;
	if (at < 0)
		return at;
	if (version || help) {
		help_version(stdout);
		if (help)
			help_usage(stdout);
		return 0;
	}
	if (at >= argc) {
		help_usage(stderr);
		return VZ_EXIT_SYNTAX;
	}
	r = find_command(c, argv[at], e);
	if (r < 0)
		return r;
	if (at + 1 < argc && strcmp(argv[at + 1], "--help") == 0) {
		help_command(stdout, c->cmd);
		return 0;
	}
	if (c->cmd->flags & CMD_ENTERS) {
		/* who is not root cannot seal, nor do the command: let it say its own reason */
		r = vz_seal_self(argv, e);
		if (r < 0 && geteuid() == 0)
			return r;
		*e = (struct vz_error){ 0 };
	}
	*done = false;
	return at;
}

int main(int argc, char **argv)
{
	struct vz_error e = { 0 };
	struct cli c = { 0 };
	bool done;
	int r;

	cli_std_fds();
	survive_broken_pipes();
	r = start(&c, argc, argv, &done, &e);
	if (r >= 0 && !done)
		r = run(&c, argc - r, argv + r, &e);
	if (r < 0) {
		_cleanup_free_ char *text = cli_error_text(&e, r);

		log_say(VZ_LOG_ERR, "%s", text);
		r = cli_error_exit(&e);
	}
	vz_changes_free(c.o.changes);
	vz_ve_free(c.ve);
	vz_free(c.vz);
	if (fflush(stdout) != 0 && r == VZ_EXIT_OK && errno != EPIPE)
		r = VZ_EXIT_SYSTEM;
	return r;
}
