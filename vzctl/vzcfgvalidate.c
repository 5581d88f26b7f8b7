// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vzcfgvalidate(8): says what is wrong with a container's configuration file,
 * and puts it right on request.  The rules are libvz's; this is the talking.
 */
#include "cli.h"

#include <vz/param.h>

#include <getopt.h>
#include <string.h>

enum { EXIT_FINE, EXIT_PROGRAM, EXIT_INVALID };

enum mode { CHECK, REPAIR, ASK };

struct run {
	enum mode mode;
	bool quiet;
	const char *file;
};

static bool ask(const struct vz_problem *p)
{
	char answer[16] = "";

	printf("Set %s to \"%s\"? [y/n] ", p->key, p->fix);
	fflush(stdout);
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static int on_problem(void *data, const struct vz_problem *p)
{
	static const char *const words[] = { [VZ_PROBLEM_RECOMMENDATION] = "Recommendation",
					     [VZ_PROBLEM_WARNING] = "Warning",
					     [VZ_PROBLEM_ERROR] = "Error" };
	const struct run *run = data;
	_cleanup_free_ char *where = p->line ? xfmt(": line %u", p->line) : xstrdup("");
	_cleanup_free_ char *text = cli_escape(p->text);
	_cleanup_free_ char *fix = p->fix ? cli_escape(p->fix) : NULL;
	bool recommend = p->severity == VZ_PROBLEM_RECOMMENDATION;
	bool take;

	if (!run->quiet)
		fprintf(recommend ? stdout : stderr, "%s: %s%s: %s%s%s%s%s\n", words[p->severity],
			run->file, where, p->key ? p->key : "", p->key ? ": " : "", text,
			fix ? "; use " : "", fix ? fix : "");
	if (!p->fix || run->mode == CHECK)
		return 0;
	take = run->mode == REPAIR || ask(p);
	if (take && !run->quiet)
		printf("%s set to %s\n", p->key, fix);
	return take;
}

static void usage(FILE *f)
{
	fputs("Usage: vzcfgvalidate [-r | -i] [-v yes|no] FILE\n"
	      "  -r  repair: put values that are wrong right and save the file\n"
	      "  -i  the same, but ask for each\n"
	      "  -v  no: print the result only\n"
	      "Exit: 0 the file is right, 1 it could not be read or written, 2 it is wrong.\n",
	      f);
}

int main(int argc, char **argv)
{
	struct run run = { .mode = CHECK };
	struct vz_error e = { 0 };
	int c, r;

	cli_std_fds();
	while ((c = getopt(argc, argv, "riv:h")) >= 0) {
		if (c == 'r' || c == 'i')
			run.mode = c == 'r' ? REPAIR : ASK;
		else if (c == 'v' && (strcmp(optarg, "yes") == 0 || strcmp(optarg, "no") == 0))
			run.quiet = strcmp(optarg, "no") == 0;
		else {
			usage(c == 'h' ? stdout : stderr);
			return c == 'h' ? EXIT_FINE : EXIT_PROGRAM;
		}
	}
	if (optind + 1 != argc) {
		usage(stderr);
		return EXIT_PROGRAM;
	}
	run.file = argv[optind];
	r = vz_config_validate(run.file, on_problem, &run, &e);
	if (r < 0) {
		_cleanup_free_ char *text = cli_error_text(&e, r);

		fprintf(stderr, "vzcfgvalidate: %s\n", text);
		return EXIT_PROGRAM;
	}
	if (r >= VZ_PROBLEM_WARNING) {
		fprintf(stderr, "Validation completed: failed\n");
		return EXIT_INVALID;
	}
	printf("Validation completed: success\n");
	return EXIT_FINE;
}
