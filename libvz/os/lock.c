/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Open-file-description locks: they die with their process, fork-safe, no signal games. */
#include "os/os.h"

#include <poll.h>

#define RETRY_MS 20

int os_ofd_lock(int fd, int timeout_ms)
{
	uint64_t end = os_now_ms() + (uint64_t)(timeout_ms < 0 ? 0 : timeout_ms);

	for (;;) {
		struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

		if (fcntl(fd, F_OFD_SETLK, &fl) == 0)
			return 0;
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return -errno;
		if (timeout_ms >= 0 && os_now_ms() >= end)
			return -EAGAIN;
		/* OFD locks cannot be waited for with a limit: look again */
		(void)poll(NULL, 0, RETRY_MS);
	}
}
