/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The error a libvz call explains itself with.
 *
 * Every fallible function returns >= 0 or a negative errno; the caller-owned
 * struct vz_error tells the story: what failed, on what, why and what to do,
 * in one line.  It holds no heap memory and may be copied or sent as it is.
 */
#ifndef VZ_ERROR_H
#define VZ_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Exit classes of vzctl(8), the numbers of OpenVZ's vzctl 4.x.
 * X(name, number, manual text)
 */
#define VZ_EXIT_CLASSES(X)                                                       \
	X(OK, 0, "success")                                                      \
	X(SET_UBC, 1, "setting a beancounter failed")                            \
	X(SET_CPU, 2, "setting a CPU parameter failed")                          \
	X(SYSTEM, 3, "system error")                                             \
	X(NOMEM, 4, "out of memory")                                             \
	X(KERNEL, 5, "the kernel lacks a needed feature")                        \
	X(RESOURCES, 6, "not enough resources")                                  \
	X(ENV_CREATE, 7, "the environment could not be created")                 \
	X(EXEC, 8, "the command run by exec failed")                             \
	X(LOCKED, 9, "the container is locked by another operation")             \
	X(VZCONF, 10, "vz.conf is missing or cannot be read")                    \
	X(NO_SCRIPT, 11, "a helper or user script was not found")                \
	X(PERM, 12, "permission denied")                                         \
	X(CAP, 13, "setting capabilities failed")                                \
	X(NO_CONF, 14, "the container's configuration was not found")            \
	X(EXEC_TIMEOUT, 15, "a command in the container timed out")              \
	X(CHKPNT, 16, "checkpoint failed")                                       \
	X(RESTORE, 17, "restore failed")                                         \
	X(SETLUID, 18, "setluid failed")                                         \
	X(SYNTAX, 20, "bad command line")                                        \
	X(VALUE, 21, "bad value, or bad container ID")                           \
	X(NO_ROOT, 22, "VE_ROOT is not set")                                     \
	X(NO_PRIVATE_SET, 23, "VE_PRIVATE is not set")                           \
	X(NO_TEMPLATE_SET, 24, "TEMPLATE is not set")                            \
	X(NOT_ENOUGH_PARAMS, 27, "not enough parameters")                        \
	X(UBC_INCOMPLETE, 28, "not all beancounters are set")                    \
	X(NO_OSTEMPLATE, 29, "no OS template was given")                         \
	X(NOT_RUNNING, 31, "the container is not running")                       \
	X(RUNNING, 32, "the container is running")                               \
	X(STOP, 33, "the container could not be stopped")                        \
	X(IP_ADD, 34, "an address could not be added")                           \
	X(VALIDATE, 35, "configuration validation failed")                       \
	X(OVERCOMMIT, 36, "memory overcommit refused")                           \
	X(NOT_MOUNTED, 40, "the container is not mounted")                       \
	X(MOUNTED, 41, "the container is mounted")                               \
	X(NO_PRIVATE, 43, "the private area does not exist")                     \
	X(PRIVATE_EXISTS, 44, "the private area exists already")                 \
	X(NO_SPACE, 46, "not enough disk space")                                 \
	X(BROKEN, 47, "the container has no init or no shell")                   \
	X(CREATE_PRIVATE, 48, "the private area could not be created")           \
	X(CREATE_ROOT, 49, "the mount point could not be created")               \
	X(MOUNT, 50, "mounting failed")                                          \
	X(UMOUNT, 51, "unmounting failed")                                       \
	X(DELETE, 52, "the private area could not be deleted")                   \
	X(NO_MOUNT_TYPE, 53, "unknown layout")                                   \
	X(MKDIR, 54, "a directory could not be created")                         \
	X(QUOTA_LIMITS, 55, "not enough quota limits")                           \
	X(QUOTA_ON, 60, "quota on failed")                                       \
	X(QUOTA_INIT, 61, "quota init failed")                                   \
	X(QUOTA_SET, 62, "quota setting failed")                                 \
	X(NO_DISKSPACE, 63, "DISKSPACE is not set")                              \
	X(NO_DISKINODES, 64, "DISKINODES is not set")                            \
	X(QUOTA_VE, 65, "quota error in the container")                          \
	X(QUOTA_OFF, 66, "quota off failed")                                     \
	X(QUOTA_UGID, 67, "user quota is not initialised")                       \
	X(QUOTA_STAT, 68, "quota usage cannot be read")                          \
	X(HOSTNAME, 70, "bad hostname")                                          \
	X(IP, 71, "bad IP address")                                              \
	X(DNS, 72, "bad name server")                                            \
	X(SEARCHDOMAIN, 73, "bad search domain")                                 \
	X(PASSWORD, 74, "the password could not be changed")                     \
	X(NO_LOCKDIR, 77, "LOCKDIR is not set")                                  \
	X(IP_USED, 78, "the address is in use")                                  \
	X(ACTION_SCRIPT, 79, "an action script failed")                          \
	X(SAMPLE, 82, "the sample configuration is missing or cannot be copied") \
	X(BAD_CONF, 85, "invalid configuration")                                 \
	X(DEVICES, 86, "setting devices failed")                                 \
	X(IP_NA, 89, "the address is not available")                             \
	X(TEMPLATE, 91, "the OS template was not found")                         \
	X(PLOOP, 99, "image layouts are not supported")                          \
	X(GET_IP, 100, "the container's addresses cannot be read")               \
	X(NETDEV, 104, "moving a network device failed")                         \
	X(DISABLED, 105, "the container is disabled")                            \
	X(IPTABLES, 106, "iptables of a running container cannot be changed")    \
	X(NO_DIST, 107, "no distribution configuration")                         \
	X(NO_DIST_SCRIPT, 108, "no distribution script")                         \
	X(APPLYCONFIG, 109, "applying a sample configuration failed")            \
	X(MEMINFO, 129, "setting meminfo failed")                                \
	X(VETH, 130, "a virtual Ethernet device failed")                         \
	X(NAME, 131, "bad name, or name in use")                                 \
	X(WAIT, 133, "waiting for the container's start failed")                 \
	X(SAVE, 139, "the configuration could not be saved")                     \
	X(OSRELEASE, 144, "setting osrelease failed")                            \
	X(IO, 148, "setting I/O parameters failed")                              \
	X(IMAGE, 150, "image file not found")                                    \
	X(RESIZE, 154, "resizing failed")                                        \
	X(CONVERT, 155, "conversion failed")                                     \
	X(SNAP_CREATE, 156, "the snapshot could not be created")                 \
	X(SNAP_DELETE, 158, "the snapshot could not be deleted")                 \
	X(SNAP_SWITCH, 159, "the snapshot could not be switched to")             \
	X(SNAP_MOUNT, 160, "the snapshot could not be mounted")                  \
	X(SNAP_UMOUNT, 161, "the snapshot could not be unmounted")               \
	X(COMPACT, 166, "compacting failed")                                     \
	X(SNAP_LIST, 167, "the snapshots cannot be listed")
/* clang-format on */

enum vz_exit {
#define VZ_X(name, number, text) VZ_EXIT_##name = (number),
	VZ_EXIT_CLASSES(VZ_X)
#undef VZ_X
};

/* Since 0.1.  Size is fixed (512 bytes) for the life of the SONAME. */
struct vz_error {
	int code;	/* negative errno of the root cause, 0: no error */
	int exit;	/* enum vz_exit, 0 where no class was set */
	char text[504]; /* "CT 101: mount: mount proc on /vz/root/101", no newline */
};

#ifdef __cplusplus
}
#endif
#endif
