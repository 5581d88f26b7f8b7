/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A pty for enter, allocated inside the VE.  /dev/pts is the tenant's: what is
 * mounted there is checked to be a devpts before it is believed.
 */
#include "mech/tty/tty.h"

#include "os/os.h"

#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <termios.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

int tty_alloc(int *ret_master, int *ret_slave)
{
	_cleanup_close_ int dir = -EBADF, master = -EBADF, slave = -EBADF;
	struct statfs st;
	int unlock = 0;

	dir = os_openat(AT_FDCWD, "/dev/pts", O_PATH | O_DIRECTORY, 0, RESOLVE_NO_MAGICLINKS);
	if (dir < 0)
		return dir;
	if (fstatfs(dir, &st) < 0)
		return -errno;
	if (st.f_type != DEVPTS_SUPER_MAGIC)
		return -EXDEV;
	master = os_openat(dir, "ptmx", O_RDWR | O_NOCTTY, 0,
			   RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
	if (master < 0)
		return master;
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return -errno;
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return -errno;
	*ret_master = TAKE_FD(master);
	*ret_slave = TAKE_FD(slave);
	return 0;
}
