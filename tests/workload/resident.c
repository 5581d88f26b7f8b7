// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * resident [--forget] DIR...: KiB of the files beneath DIRs that are in the page cache; --forget first asks
 * the kernel to drop what nobody maps. The cache belongs to a file's inode: a template's file that two VEs
 * run counts once, which is what the demonstration shows with it.
 */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned long long pages;
static int forget;

static int resident_pages(int fd, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), n = (size + page - 1) / page, i;
	unsigned char *seen = malloc(n);
	void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	int r = -1;

	if (seen && map != MAP_FAILED && mincore(map, size, seen) == 0) {
		for (i = 0; i < n; i++)
			pages += seen[i] & 1;
		r = 0;
	}
	if (map != MAP_FAILED)
		munmap(map, size);
	free(seen);
	return r;
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *where)
{
	int fd, r = 0;

	(void)where;
	if (type != FTW_F || !S_ISREG(st->st_mode) || st->st_size == 0)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOATIME);
	if (fd < 0) {
		perror(path);
		return 1;
	}
	if (forget)
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	else
		r = resident_pages(fd, (size_t)st->st_size);
	close(fd);
	if (r < 0)
		perror(path);
	return r < 0;
}

int main(int argc, char **argv)
{
	int i;

	forget = argc > 1 && strcmp(argv[1], "--forget") == 0;
	if (forget)
		sync(); /* dirty pages are not dropped */
	for (i = 1 + forget; i < argc; i++)
		if (nftw(argv[i], visit, 32, FTW_PHYS | FTW_MOUNT))
			return 1;
	if (!forget)
		printf("%llu\n", pages * ((unsigned long long)sysconf(_SC_PAGESIZE) / 1024));
	return 0;
}
