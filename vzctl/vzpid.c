// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vzpid(8): which VE a process of the host belongs to.  Process names come from
 * inside VEs and are escaped before they reach the terminal.
 */
#include <vz/ve.h>
#include <vz/vz.h>

#include "cli.h"

#include <string.h>

static void usage(void)
{
	fputs("Usage: vzpid [-p] <pid> [<pid> ...]\n"
	      "       vzpid [-p] -\n"
	      "Prints the container of each process; -p adds its PID inside, '-' reads PIDs from stdin.\n",
	      stderr);
}

static char *process_name(int pid)
{
	_cleanup_free_ char *path = xfmt("/proc/%d/comm", pid);
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char name[64] = "";

	if (f && fgets(name, sizeof(name), f))
		name[strcspn(name, "\n")] = '\0';
	return cli_escape(name);
}

static int parse_pid(const char *word)
{
	uint64_t pid;

	return cli_number(word, INT32_MAX, &pid) && pid ? (int)pid : -1;
}

/* 0, or 1 with a line on stderr. */
static int print_pid(struct vz *vz, const char *word, bool inside)
{
	struct vz_error e = { 0 };
	_cleanup_free_ char *name = NULL;
	int pid = parse_pid(word), vpid = 0, r;
	uint32_t ctid;

	if (pid < 0) {
		_cleanup_free_ char *safe = cli_escape(word);

		fprintf(stderr, "Invalid PID: %s\n", safe);
		return 1;
	}
	r = vz_pid_to_ctid(vz, pid, &ctid, &vpid, &e);
	if (r < 0) {
		_cleanup_free_ char *text = cli_error_text(&e, r);

		fprintf(stderr, "%s\n", text);
		return 1;
	}
	name = process_name(pid);
	if (inside)
		printf("%d\t%d\t%u\t%s\n", pid, vpid, ctid, name);
	else
		printf("%d\t%u\t%s\n", pid, ctid, name);
	return 0;
}

static int print_stdin(struct vz *vz, bool inside)
{
	char *line = NULL;
	size_t size = 0;
	int bad = 0;

	while (getline(&line, &size, stdin) >= 0) {
		char *rest = line, *w;

		while ((w = cli_word(&rest, " \t\n")))
			bad |= print_pid(vz, w, inside);
	}
	free(line);
	return bad;
}

int main(int argc, char **argv)
{
	struct vz_error e = { 0 };
	struct vz *vz;
	bool inside;
	int bad = 0, r;

	cli_std_fds();
	inside = argc > 1 && strcmp(argv[1], "-p") == 0;
	argc -= inside;
	argv += inside;
	if (argc < 2 || (argv[1][0] == '-' && argv[1][1])) {
		usage();
		return argc > 1 && strcmp(argv[1], "--help") == 0 ? 0 : 1;
	}
	r = vz_new(&vz, NULL, &e);
	if (r < 0) {
		_cleanup_free_ char *text = cli_error_text(&e, r);

		fprintf(stderr, "%s\n", text);
		return 1;
	}
	puts(inside ? "Pid\tCT/Pid\tCTID\tName" : "Pid\tCTID\tName");
	for (int i = 1; i < argc; i++)
		bad |= strcmp(argv[i], "-") == 0 ? print_stdin(vz, inside)
						 : print_pid(vz, argv[i], inside);
	vz_free(vz);
	return bad;
}
