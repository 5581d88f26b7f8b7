/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The main of a fuzz target built without libFuzzer: every file of the given corpus
 * directory goes through the target, one TAP test each.  A crash ends the program before
 * its plan, which the runner counts as a failure.
 */
#include "fuzz.h"

#include <dirent.h>
#include <sys/stat.h>

#define INPUT_MAX (1 << 20)

static size_t slurp(const char *path, uint8_t **ret)
{
	FILE *f = fopen(path, "re");
	size_t n;

	HOLDS(f);
	*ret = malloc(INPUT_MAX);
	HOLDS(*ret);
	n = fread(*ret, 1, INPUT_MAX, f);
	(void)fclose(f);
	return n;
}

int main(int argc, char **argv)
{
	struct dirent **names = NULL;
	int n = argc == 2 ? scandir(argv[1], &names, NULL, alphasort) : -1, tests = 0;

	if (n < 0) {
		printf("Bail out! no corpus directory %s\n", argc == 2 ? argv[1] : "given");
		return EXIT_FAILURE;
	}
	for (int i = 0; i < n; i++) {
		char path[4096];
		uint8_t *data, *exact;
		size_t size;

		if (names[i]->d_name[0] != '.') {
			(void)snprintf(path, sizeof(path), "%s/%s", argv[1], names[i]->d_name);
			size = slurp(path, &data);
			/* an allocation of just the size, so that a sanitizer sees one byte too far */
			exact = malloc(size ? size : 1);
			HOLDS(exact);
			memcpy(exact, data, size);
			(void)LLVMFuzzerTestOneInput(exact, size);
			printf("ok %d - %s\n", ++tests, names[i]->d_name);
			(void)fflush(stdout);
			free(exact);
			free(data);
		}
		free(names[i]);
	}
	free(names);
	/* an empty input belongs to every corpus */
	(void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	printf("ok %d - (empty)\n1..%d\n", tests + 1, tests + 1);
	return EXIT_SUCCESS;
}
