/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scope-bound release of memory, descriptors and streams. */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f)  __attribute__((cleanup(f)))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static inline void cleanup_freep(void *p)
{
	free(*(void **)p);
}

/* close() which keeps errno and accepts -EBADF; returns -EBADF to store back. */
static inline int safe_close(int fd)
{
	if (fd >= 0) {
		int saved = errno;

		(void)close(fd);
		errno = saved;
	}
	return -EBADF;
}

static inline void cleanup_closep(int *fd)
{
	*fd = safe_close(*fd);
}

static inline void cleanup_fclosep(FILE **f)
{
	if (*f)
		(void)fclose(*f);
}

static inline void cleanup_closedirp(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

#define _cleanup_free_	   _cleanup_(cleanup_freep)
#define _cleanup_close_	   _cleanup_(cleanup_closep)
#define _cleanup_fclose_   _cleanup_(cleanup_fclosep)
#define _cleanup_closedir_ _cleanup_(cleanup_closedirp)

/* Hand ownership over and disarm the cleanup. */
#define TAKE_FD(fd)                        \
	({                                 \
		int *_p = &(fd), _v = *_p; \
		*_p = -EBADF;              \
		_v;                        \
	})
#define TAKE_PTR(ptr)                                   \
	({                                              \
		__typeof__(ptr) *_p = &(ptr), _v = *_p; \
		*_p = NULL;                             \
		_v;                                     \
	})

#endif
