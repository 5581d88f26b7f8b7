// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vztmpl(8): make, take in, look at and remove templates.  Building is the work
 * of the recipes' `build` program, importing that of libvz; this file only calls
 * them.  Progress is for terminals.
 */
#include <vz/ve.h>
#include <vz/vz.h>

#include "build.h"
#include "vztmpl.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct tool {
	struct vz *vz;
	const char *recipes, *suite, *name;
	uint64_t max_bytes;
	bool json, quiet, help;
	/* progress */
	bool tty, drawn;
	const char *verb;
	struct timespec begun, last;
};

struct tcmd {
	const char *name, *synopsis, *help;
	int min, max; /* arguments */
	int (*run)(struct tool *t, int argc, char **argv, struct vz_error *e);
};

/* ---- progress and messages ---- */

static double since(const struct timespec *a, const struct timespec *b)
{
	return (double)(b->tv_sec - a->tv_sec) + (double)(b->tv_nsec - a->tv_nsec) / 1e9;
}

static void wipe(struct tool *t)
{
	if (t->drawn)
		fputs("\r\033[K", stderr);
	t->drawn = false;
}

static void begin(struct tool *t, const char *verb)
{
	t->verb = verb;
	(void)clock_gettime(CLOCK_MONOTONIC, &t->begun);
	t->last = (struct timespec){ 0 };
}

static void on_progress(void *data, uint64_t done, uint64_t total)
{
	struct tool *t = data;
	struct timespec now;
	double seconds;

	if (!t->tty || clock_gettime(CLOCK_MONOTONIC, &now) < 0 ||
	    (since(&t->last, &now) < 0.1 && done < total))
		return;
	t->last = now;
	seconds = since(&t->begun, &now);
	fprintf(stderr, "\r\033[K%s: %.1f", t->verb, (double)done / 1e6);
	if (total)
		fprintf(stderr, " of %.1f MB, %u %%", (double)total / 1e6,
			(unsigned int)(done * 100 / total));
	else
		fputs(" MB", stderr);
	if (seconds > 0.2)
		fprintf(stderr, ", %.1f MB/s", (double)done / 1e6 / seconds);
	fflush(stderr);
	t->drawn = true;
}

static void on_line(void *data, int level, const char *line)
{
	_cleanup_free_ char *text = cli_escape(line);
	struct tool *t = data;

	wipe(t);
	fprintf(level < 0 || t->json ? stderr : stdout, "%s\n", text);
	fflush(stdout);
}

/* ---- build ---- */

static int import(struct tool *t, const char *archive, const char *name, struct vz_error *e)
{
	int r;

	begin(t, "Importing");
	r = vz_template_import(t->vz, archive, name, t->max_bytes, on_progress, t, e);
	wipe(t);
	if (r >= 0 && !t->quiet)
		printf("Template %s is ready\n", name);
	return r;
}

static int cmd_build(struct tool *t, int argc, char **argv, struct vz_error *e)
{
	_cleanup_free_ char *archive = NULL;
	int r;

	(void)argc;
	if (!t->quiet)
		printf("Building template %s\n", argv[0]);
	r = vztmpl_build(t->vz, t->recipes, argv[0], t->suite, &archive, e);
	if (r < 0)
		return r;
	r = import(t, archive, t->name ? t->name : argv[0], e);
	(void)unlink(archive);
	return r;
}

static bool known(struct tool *t, const char *name, struct vz_error *e)
{
	struct vz_template *v = NULL;
	bool found = false;
	size_t n = 0;

	if (vz_template_list(t->vz, &v, &n, e) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		found = found || strcmp(v[i].name, name) == 0;
	vz_template_list_free(v, n);
	return found;
}

static int cmd_update(struct tool *t, int argc, char **argv, struct vz_error *e)
{
	if (!known(t, argv[0], e))
		return e->text[0] ? -EINVAL
				  : cli_fail(e, VZ_EXIT_TEMPLATE,
					     "template %s is not there: build it", argv[0]);
	return cmd_build(t, argc, argv, e);
}

/* ---- import, verify, remove ---- */

static char *name_of(const char *archive)
{
	static const char *const suffixes[] = { ".tar",	   ".tar.gz", ".tgz",	  ".tar.bz2",
						".tar.xz", ".txz",    ".tar.zst", ".tzst" };
	const char *slash = strrchr(archive, '/'), *base = slash ? slash + 1 : archive;
	size_t n = strlen(base);

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		size_t s = strlen(suffixes[i]);

		if (n > s && strcmp(base + n - s, suffixes[i]) == 0)
			return xstrndup(base, n - s);
	}
	return NULL;
}

static int cmd_import(struct tool *t, int argc, char **argv, struct vz_error *e)
{
	_cleanup_free_ char *name = t->name    ? xstrdup(t->name)
				    : argc > 1 ? xstrdup(argv[1])
					       : name_of(argv[0]);

	if (!name)
		return cli_fail(e, VZ_EXIT_VALUE,
				"%s does not end in .tar[.gz|.bz2|.xz|.zst]: give a name", argv[0]);
	return import(t, argv[0], name, e);
}

static int cmd_verify(struct tool *t, int argc, char **argv, struct vz_error *e)
{
	int r;

	(void)argc;
	begin(t, "Verifying");
	r = vz_template_verify(t->vz, argv[0], on_progress, t, e);
	wipe(t);
	if (r >= 0 && !t->quiet)
		printf("Template %s is as it was imported\n", argv[0]);
	return r;
}

static int cmd_remove(struct tool *t, int argc, char **argv, struct vz_error *e)
{
	(void)argc;
	return vz_template_remove(t->vz, argv[0], e);
}

static int cmd_list(struct tool *t, int argc, char **argv, struct vz_error *e)
{
	(void)argc;
	(void)argv;
	return vztmpl_list(t->vz, t->json, e);
}

/* ---- command line ---- */

/* clang-format off */
static const struct tcmd cmds[] = {
	{ "build", "build NAME [--suite SUITE] [--name NEWNAME]", "make a template from its recipe", 1, 1, cmd_build },
	{ "list", "list [--json]", "show the templates, and how many containers stand on each", 0, 0, cmd_list },
	{ "import", "import ARCHIVE [NAME]", "take in a .tar, .tar.gz, .tar.bz2, .tar.xz or .tar.zst", 1, 2, cmd_import },
	{ "verify", "verify NAME", "compare a template's tree with what was imported", 1, 1, cmd_verify },
	{ "remove", "remove NAME", "remove a template that no container stands on", 1, 1, cmd_remove },
	{ "update", "update NAME", "build a template again; containers keep the version they have", 1, 1, cmd_update },
};
/* clang-format on */

static void usage(FILE *f)
{
	fprintf(f, "vztmpl version %s\n", vz_version());
	for (size_t i = 0; i < ARRAY_SIZE(cmds); i++)
		fprintf(f, "%s vztmpl %-44s %s\n", i ? "      " : "Usage:", cmds[i].synopsis,
			cmds[i].help);
	fputs("Options:\n"
	      "  --json         list: print JSON\n"
	      "  --quiet        print errors only\n"
	      "  --max-bytes N  import, build: refuse archives that unpack to more bytes (default 64 GiB)\n"
	      "  --name NAME    import, build: name of the template\n"
	      "  --suite SUITE  build, update: another release than the recipe's\n"
	      "  --recipes DIR  build, update: where recipes are (default " VZ_DATADIR
	      "/templates)\n"
	      "  --help, --version\n",
	      f);
}

enum {
	OPT_JSON = 256,
	OPT_QUIET,
	OPT_MAX,
	OPT_NAME,
	OPT_SUITE,
	OPT_RECIPES,
	OPT_HELP,
	OPT_VERSION
};

static const struct option options[] = {
	{ "json", no_argument, NULL, OPT_JSON },
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ "max-bytes", required_argument, NULL, OPT_MAX },
	{ "name", required_argument, NULL, OPT_NAME },
	{ "suite", required_argument, NULL, OPT_SUITE },
	{ "recipes", required_argument, NULL, OPT_RECIPES },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ 0 },
};

static bool parse_bytes(const char *text, uint64_t *ret)
{
	uint64_t v = 0;

	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9' || v > (UINT64_MAX - 9) / 10)
			return false;
		v = 10 * v + (uint64_t)(*p - '0');
	}
	*ret = v;
	return v > 0;
}

static int parse(struct tool *t, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "jqh", options, NULL)) >= 0) {
		switch (c) {
		case 'j':
		case OPT_JSON:
			t->json = true;
			break;
		case 'q':
		case OPT_QUIET:
			t->quiet = true;
			break;
		case OPT_NAME:
			t->name = optarg;
			break;
		case OPT_SUITE:
			t->suite = optarg;
			break;
		case OPT_RECIPES:
			t->recipes = optarg;
			break;
		case OPT_MAX:
			if (!parse_bytes(optarg, &t->max_bytes)) {
				fputs("vztmpl: --max-bytes takes a number of bytes\n", stderr);
				return VZ_EXIT_VALUE;
			}
			break;
		case 'h':
		case OPT_HELP:
			usage(stdout);
			exit(0);
		case OPT_VERSION:
			printf("vztmpl version %s\n", vz_version());
			exit(0);
		default:
			return VZ_EXIT_SYNTAX;
		}
	}
	if (t->suite && !vztmpl_good_name(t->suite)) {
		fputs("vztmpl: bad name of a suite\n", stderr);
		return VZ_EXIT_VALUE;
	}
	return 0;
}

static int fail(const struct vz_error *e, int r)
{
	_cleanup_free_ char *text = cli_error_text(e, r);

	fprintf(stderr, "%s\n", text);
	return cli_error_exit(e);
}

static int unknown(const char *word)
{
	struct vz_error e = { 0 };
	struct nearest n = { .word = word };

	for (size_t i = 0; i < ARRAY_SIZE(cmds); i++)
		nearest_try(&n, cmds[i].name);
	(void)cli_fail(&e, VZ_EXIT_SYNTAX, "Bad command: %s", word);
	return fail(&e, cli_hint(&e, &n, ""));
}

static int run(struct tool *t, const struct tcmd *cmd, int argc, char **argv)
{
	struct vz_error e = { 0 };
	int r;

	if (argc < cmd->min || argc > cmd->max) {
		fprintf(stderr, "Usage: vztmpl %s\n", cmd->synopsis);
		return VZ_EXIT_SYNTAX;
	}
	if (geteuid() != 0) {
		fputs("This program can only be run under root.\n", stderr);
		return VZ_EXIT_PERM;
	}
	r = vz_new(&t->vz, NULL, &e);
	if (r < 0)
		return fail(&e, r);
	t->tty = !t->quiet && isatty(STDERR_FILENO);
	vz_set_log(t->vz, on_line, t, t->quiet ? VZ_LOG_ERR : VZ_LOG_INFO);
	r = cmd->run(t, argc, argv, &e);
	if (r < 0)
		r = fail(&e, r);
	vz_free(t->vz);
	return fflush(stdout) != 0 && !r ? VZ_EXIT_SYSTEM : r;
}

int main(int argc, char **argv)
{
	struct tool t = { 0 };
	int r;

	cli_std_fds();
	r = parse(&t, argc, argv);
	if (r)
		return r;
	if (optind >= argc) {
		usage(stderr);
		return VZ_EXIT_SYNTAX;
	}
	for (size_t i = 0; i < ARRAY_SIZE(cmds); i++)
		if (strcmp(cmds[i].name, argv[optind]) == 0)
			return run(&t, &cmds[i], argc - optind - 1, argv + optind + 1);
	return unknown(argv[optind]);
}
