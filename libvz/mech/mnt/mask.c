/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files of proc and sysfs that a VE does not get to see: a table, and covering
 * them in the VE's own mount namespace.  Nothing here trusts what stands at the paths.
 */
#include "mech/mnt/mask.h"

#include "os/os.h"

#include <linux/mount.h>

#define STRICT	 (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)
#define NO_LINKS (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)

/* What host information is left in proc and sysfs is covered by an empty file or directory. */
static const struct mask masks[] = {
	{ "proc/kcore", false, false },
	{ "proc/keys", false, false },
	{ "proc/key-users", false, false },
	{ "proc/timer_list", false, false },
	{ "proc/latency_stats", false, false },
	{ "proc/sched_debug", false, false },
	{ "proc/interrupts", false, false },
	{ "proc/scsi", false, false },
	{ "proc/acpi", false, false },
	{ "proc/kpagecount", false, false },
	{ "proc/kpageflags", false, false },
	{ "proc/kpagecgroup", false, false },
	{ "proc/kallsyms", false, false },
	{ "proc/sysrq-trigger", true, false },
	{ "proc/kmsg", true, false },
	{ "proc/sys/kernel/core_pattern", true, true },
	{ "proc/sys/kernel/modprobe", true, true },
	{ "proc/sys/kernel/hotplug", true, true },
	{ "proc/sys/fs", true, true },
	{ "proc/sys/vm", true, true },
	{ "proc/irq", true, true },
	{ "proc/bus", true, true },
	{ "sys/firmware", false, false },
	{ "sys/kernel/debug", false, false },
	{ "sys/kernel/tracing", false, false },
	{ "sys/kernel/security", false, false },
	{ "sys/kernel/slab", false, false },
	{ "sys/power", false, false },
	{ "sys/module", false, true },
};

/* A tiny read-only tmpfs with an unreadable file and directory, never attached itself. */
int mask_source(struct vz_error *e)
{
	_cleanup_close_ int fs = os_fsopen("tmpfs"), fd = -EBADF;
	int r = fs, f;

	if (r >= 0)
		r = os_fsconfig(fs, "source", "none");
	if (r >= 0)
		r = os_fsconfig(fs, "nr_inodes", "4");
	if (r >= 0)
		r = fd = os_fsmount(fs, STRICT);
	if (r < 0)
		return vz_fail(e, r, "mount a tmpfs to mask files with");
	f = os_openat(fd, "file", O_WRONLY | O_CREAT | O_EXCL, 0, 0);
	if (f < 0 || mkdirat(fd, "dir", 0) < 0)
		return vz_fail(e, f < 0 ? f : -errno, "make the masks");
	(void)safe_close(f);
	return TAKE_FD(fd);
}

static int mask_one(int rootfd, int src, const struct mask *m, struct vz_error *e)
{
	_cleanup_close_ int at = os_openat(rootfd, m->path, O_PATH, 0, NO_LINKS), cover = -EBADF;
	struct stat st;
	int r;

	if (at == -ENOENT)
		return 0;
	if (at < 0)
		return vz_fail(e, at, "open /%s to mask it", m->path);
	if (fstat(at, &st) < 0)
		return vz_fail(e, -errno, "stat /%s", m->path);
	if (m->readonly)
		cover = os_open_tree(at, "", AT_EMPTY_PATH | OPEN_TREE_CLONE);
	else
		cover = os_open_tree(src, S_ISDIR(st.st_mode) ? "dir" : "file", OPEN_TREE_CLONE);
	r = cover < 0 ? cover : os_mount_attr(cover, MOUNT_ATTR_RDONLY | STRICT, 0, -1, false);
	if (r >= 0)
		r = os_move_mount(cover, "", at, "", 0);
	return r < 0 ? vz_fail(e, r, "mask /%s", m->path) : 0;
}

/*
 * Once the VE's root is / . Linux clones mounts only where they are attached (before 6.15 also our own
 * detached ones), so the source stands on a directory of our own making meanwhile.
 */
int mask_all(bool privileged, struct vz_error *e)
{
	static const char stand[] = "/dev/mqueue";
	_cleanup_close_ int root = os_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, 0);
	_cleanup_close_ int src = root < 0 ? root : mask_source(e);
	int r = src;

	if (root < 0)
		return vz_fail(e, root, "open the container's root");
	if (r >= 0) {
		r = os_move_mount(src, "", AT_FDCWD, stand, 0);
		if (r < 0)
			return vz_fail(e, r, "attach the masks at %s", stand);
	}
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(masks); i++)
		if (privileged || !masks[i].privileged_only)
			r = mask_one(root, src, &masks[i], e);
	if (r < 0)
		return r;
	r = os_umount(stand, OS_UMOUNT_NOFOLLOW | OS_MNT_DETACH);
	return r < 0 ? vz_fail(e, r, "detach the masks from %s", stand) : 0;
}

const struct mask *mask_at(size_t i)
{
	return i < ARRAY_SIZE(masks) ? &masks[i] : NULL;
}
