/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which system calls a VE may make.  An allow-list: what stands in no row gets
 * ENOSYS, so a call of next year's kernel is off, and programs fall back as on
 * an older kernel.  EPERM stands where callers are known to cope with "not
 * permitted", or where ENOSYS would be a lie that older callers do not expect.
 * CAP_ rows are guarded by the kernel as well; the row is the second lock.
 */
#include "mech/sec/table.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>

#include "base/cleanup.h"

/* clang-format off */

#define VZ_AF_UNIX         1
#define VZ_AF_INET         2
#define VZ_AF_INET6       10
#define VZ_AF_NETLINK     16
#define VZ_AF_PACKET      17
#define VZ_IPPROTO_MPTCP 262

/* The errnos are those of a kernel without the family, which every caller knows. */
static const struct sec_arg socket_args[] = {
	{ SEC_EQ, 2, VZ_IPPROTO_MPTCP, EPROTONOSUPPORT, SEC_NOMIGRATE },
	{ SEC_EQ, 0, VZ_AF_UNIX,    0, 0 },
	{ SEC_EQ, 0, VZ_AF_INET,    0, 0 },
	{ SEC_EQ, 0, VZ_AF_INET6,   0, 0 },
	{ SEC_EQ, 0, VZ_AF_NETLINK, 0, 0 },
	{ SEC_EQ, 0, VZ_AF_PACKET,  0, 0 },
	{ SEC_END, 0, 0, 0, 0 },
};

static const struct sec_arg request_key_args[] = {
	{ SEC_NONZERO, 2, 0, EPERM, 0 },
	{ SEC_END, 0, 0, 0, 0 },
};

/* GET_KEYRING_ID JOIN_SESSION UPDATE REVOKE SETPERM DESCRIBE CLEAR LINK UNLINK SEARCH READ
 * SET_TIMEOUT INVALIDATE GET_PERSISTENT CAPABILITIES */
static const struct sec_arg keyctl_args[] = {
	{ SEC_EQ, 0,  0, 0, 0 }, { SEC_EQ, 0,  1, 0, 0 }, { SEC_EQ, 0,  2, 0, 0 },
	{ SEC_EQ, 0,  3, 0, 0 }, { SEC_EQ, 0,  5, 0, 0 }, { SEC_EQ, 0,  6, 0, 0 },
	{ SEC_EQ, 0,  7, 0, 0 }, { SEC_EQ, 0,  8, 0, 0 }, { SEC_EQ, 0,  9, 0, 0 },
	{ SEC_EQ, 0, 10, 0, 0 }, { SEC_EQ, 0, 11, 0, 0 }, { SEC_EQ, 0, 15, 0, 0 },
	{ SEC_EQ, 0, 21, 0, 0 }, { SEC_EQ, 0, 22, 0, 0 }, { SEC_EQ, 0, 31, 0, 0 },
	{ SEC_END, 0, 0, 0, 0 },
};

#define SECCOMP_NEW_LISTENER (1U << 3)
static const struct sec_arg seccomp_args[] = {
	{ SEC_ANY_BIT, 1, SECCOMP_NEW_LISTENER, EPERM, SEC_NESTING | SEC_NOMIGRATE },
	{ SEC_END, 0, 0, 0, 0 },
};

const struct sec_row sec_table[] = {
	/* ---- what every program needs ---- */
	{ "arch_prctl brk cacheflush clock_getres clock_getres_time64 clock_gettime clock_gettime64 "
	  "clock_nanosleep clock_nanosleep_time64 execve execveat exit exit_group futex futex_time64 "
	  "futex_waitv futex_wake futex_wait futex_requeue get_robust_list get_thread_area getegid "
	  "getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getpgid getpgrp getpid "
	  "getppid getrandom getresgid getresgid32 getresuid getresuid32 getrlimit getsid gettid "
	  "gettimeofday getuid getuid32 membarrier mmap mmap2 mprotect munmap nanosleep pause prlimit64 "
	  "restart_syscall riscv_flush_icache riscv_hwprobe rseq rt_sigreturn sched_getaffinity "
	  "sched_yield set_robust_list set_thread_area set_tid_address set_tls get_tls breakpoint usr26 "
	  "usr32 sigreturn time ugetrlimit uretprobe uprobe map_shadow_stack mseal",
	  .reason = "start, run and end a program" },
	{ "_llseek close close_range dup dup2 dup3 lseek pread64 preadv preadv2 pwrite64 pwritev "
	  "pwritev2 read readv write writev",
	  .reason = "read and write" },
	{ "access chdir chmod creat faccessat faccessat2 fallocate fchdir fchmod fchmodat fchmodat2 "
	  "fcntl fcntl64 fgetxattr flistxattr fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs "
	  "fstatfs64 ftruncate ftruncate64 futimesat getcwd getdents getdents64 getxattr getxattrat "
	  "inotify_add_watch inotify_init inotify_init1 inotify_rm_watch lgetxattr link linkat listxattr "
	  "listxattrat llistxattr lremovexattr lsetxattr lstat lstat64 mkdir mkdirat mknod mknodat "
	  "newfstatat oldfstat oldlstat oldstat open openat openat2 readdir readlink readlinkat "
	  "removexattr removexattrat rename renameat renameat2 rmdir setxattr setxattrat stat stat64 "
	  "statfs statfs64 statx symlink symlinkat truncate truncate64 umask unlink unlinkat utime "
	  "utimensat utimensat_time64 utimes chown chown32 fchown fchown32 fchownat lchown lchown32 "
	  "flock copy_file_range fadvise64 fadvise64_64 arm_fadvise64_64 readahead sendfile sendfile64 "
	  "splice tee vmsplice cachestat file_getattr file_setattr",
	  .reason = "file systems; mknod of devices is refused by the kernel (user namespace) or made "
		    "useless by the device program" },
	{ "fdatasync fsync msync sync sync_file_range sync_file_range2 arm_sync_file_range syncfs",
	  .reason = "durability; sync(2) of everything is bounded by the block layer, not here" },
	{ "_newselect epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd "
	  "eventfd2 poll ppoll ppoll_time64 pselect6 pselect6_time64 select",
	  .reason = "event loops" },
	{ "io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit",
	  .reason = "POSIX and libaio asynchronous I/O, which CRIU can dump (io_uring it cannot)" },
	{ "accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg "
	  "recvmmsg_time64 recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketpair",
	  .reason = "sockets that exist" },
	{ "ipc memfd_create mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 "
	  "mq_timedsend mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd pipe pipe2 "
	  "process_madvise process_mrelease process_vm_readv process_vm_writev semctl semget semop "
	  "semtimedop semtimedop_time64 shmat shmctl shmdt shmget",
	  .reason = "IPC; an open mqueue descriptor stops a dump, but POSIX programs may not lose it" },
	{ "mlock mlock2 mlockall munlock munlockall madvise mincore mremap remap_file_pages pkey_alloc "
	  "pkey_free pkey_mprotect get_mempolicy mbind migrate_pages move_pages set_mempolicy "
	  "set_mempolicy_home_node",
	  .reason = "memory of the caller; foreign memory is guarded by ptrace rules" },
	{ "capget clone clone3 fork getrusage kill pidfd_getfd pidfd_open pidfd_send_signal prctl "
	  "rt_sigqueueinfo rt_tgsigqueueinfo swapcontext tgkill times tkill vfork wait4 waitid waitpid "
	  "kcmp personality modify_ldt setpgid setsid ptrace",
	  .reason = "processes; modify_ldt and personality for old 32-bit programs, ptrace and kcmp for "
		    "debuggers: only inside the VE's own user namespace" },
	{ "setns unshare",
	  .reason = "systemd sandboxes its services with namespaces. CLONE_NEWUTS is not refused: CRIU "
		    "can be taught it; CLONE_NEWUSER cannot be (clone3 hides its flags from filters)" },
	{ "getcpu getpriority ioprio_get ioprio_set nice sched_get_priority_max sched_get_priority_min "
	  "sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval "
	  "sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam "
	  "sched_setscheduler setpriority setrlimit sysinfo uname olduname oldolduname",
	  .reason = "scheduling and limits, within the cgroup's" },
	{ "capset setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 "
	  "setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setuid "
	  "setuid32",
	  .reason = "login, su, sudo, every daemon: only ids of the user namespace's map" },
	{ "rt_sigaction rt_sigpending rt_sigprocmask rt_sigsuspend rt_sigtimedwait "
	  "rt_sigtimedwait_time64 sigaction sigaltstack signal signalfd signalfd4 sigpending "
	  "sigprocmask sigsuspend sgetmask ssetmask",
	  .reason = "signals" },
	{ "alarm getitimer setitimer timer_create timer_delete timer_getoverrun timer_gettime "
	  "timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime "
	  "timerfd_gettime64 timerfd_settime timerfd_settime64",
	  .reason = "timers; alarm clocks that wake the machine need CAP_WAKE_ALARM" },
	{ "ioctl",
	  .reason = "not filtered: an argument check would take the hottest call of terminals and "
		    "network tools off the kernel's allow bitmap. TIOCSTI reaches only the VE's own "
		    "terminals: no descriptor of a host terminal ever enters a VE" },

	/* ---- what a system, not a program, needs ---- */
	{ "chroot pivot_root mount umount umount2 move_mount open_tree open_tree_attr mount_setattr "
	  "fsopen fsconfig fsmount fspick statmount listmount",
	  .reason = "systemd, containers, package builds. The new API is allowed with the old: the same "
		    "capability and FS_USERNS_MOUNT checks guard both, idmapping asks for rights over the "
		    "file system's own user namespace, and its descriptors live for microseconds inside "
		    "mount(8) or a service's start, so they do not get in the way of dumps" },
	{ "reboot", .reason = "ends or restarts the pid namespace only" },
	{ "sethostname setdomainname", .reason = "own UTS namespace" },
	{ "vhangup", .reason = "agetty, login" },
	{ "name_to_handle_at", .reason = "systemd tells mounts apart by it; a handle alone opens nothing" },
	{ "fanotify_init fanotify_mark", .reason = "own mounts only in a user namespace; CRIU dumps it" },
	{ "landlock_add_rule landlock_create_ruleset landlock_restrict_self lsm_get_self_attr "
	  "lsm_list_modules lsm_set_self_attr",
	  .reason = "self-restriction is never taken away; what CRIU loses of it is reported at dump" },
	{ "adjtimex clock_adjtime clock_adjtime64",
	  .reason = "reading the clock's state (timedatectl, ntp tools); setting needs CAP_SYS_TIME" },
	{ "seccomp", .args = seccomp_args,
	  .reason = "filters stack, also below ours; a notify descriptor cannot be dumped" },
	{ "socket", .ret = EAFNOSUPPORT, .args = socket_args,
	  .reason = "families beyond unix, inet, netlink and packet are attack surface which the mere "
		    "call would load as modules; AF_VSOCK reaches the hypervisor; MPTCP, which Go uses "
		    "unasked, cannot be dumped" },
	{ "socketcall",
	  .reason = "the only socket call of 32-bit programs older than glibc 2.23; the family is behind "
		    "a pointer, so module loading has to be refused by the host for these" },

	/* ---- keys ---- */
	{ "add_key", .reason = "systemd puts the invocation id into the session keyring; kernel quota by uid" },
	{ "request_key", .args = request_key_args,
	  .reason = "callout information would run /sbin/request-key on the host" },
	{ "keyctl", .ret = EPERM, .widen = SEC_NESTING, .args = keyctl_args,
	  .reason = "own session and user keyrings; no instantiation, crypto, watches or restrictions" },

	/* ---- denied: not dumpable, allowed with the nomigrate feature ---- */
	{ "bpf", .ret = EPERM, .widen = SEC_NOMIGRATE,
	  .reason = "programs and maps cannot be dumped, long row of escapes; systemd goes on without" },
	{ "io_uring_setup io_uring_enter io_uring_register", .ret = EPERM, .widen = SEC_NOMIGRATE,
	  .reason = "cannot be dumped; MariaDB, nginx, libuv and others fall back on EPERM" },
	{ "memfd_secret", .ret = EPERM, .widen = SEC_NOMIGRATE, .reason = "cannot be dumped, by design" },
	{ "userfaultfd", .ret = EPERM, .widen = SEC_NOMIGRATE,
	  .reason = "cannot be dumped; makes kernel races easy to win" },
	{ "perf_event_open", .ret = EPERM, .widen = SEC_NOMIGRATE,
	  .reason = "cannot be dumped; sees the host's activity" },

	/* ---- denied: belongs to the host ---- */
	{ "open_by_handle_at", .ret = EPERM,
	  .reason = "opens any inode of a file system the VE sees part of (T08); not even with "
		    "CAP_DAC_READ_SEARCH, which means something else inside" },
	{ "init_module finit_module delete_module", .ret = EPERM, .cap = CAP_SYS_MODULE,
	  .reason = "the kernel is shared" },
	{ "kexec_load kexec_file_load", .ret = EPERM, .reason = "the kernel is shared" },
	{ "swapon swapoff", .ret = EPERM, .reason = "swap is the host's; SWAPPAGES is the VE's share" },
	{ "settimeofday stime clock_settime clock_settime64", .ret = EPERM, .cap = CAP_SYS_TIME,
	  .reason = "the clock is shared" },
	{ "syslog", .ret = EPERM, .cap = CAP_SYSLOG,
	  .reason = "the host's kernel log, unless the VE has its own; where dmesg_restrict is 0 the kernel would let anyone read it" },
	{ "acct", .ret = EPERM, .cap = CAP_SYS_PACCT, .reason = "process accounting of the whole host" },
	{ "iopl ioperm", .ret = EPERM, .cap = CAP_SYS_RAWIO, .reason = "I/O ports" },
	{ "vm86 vm86old", .ret = EPERM, .reason = "surface without users; EPERM as under mmap_min_addr" },
	{ "quotactl quotactl_fd", .ret = EPERM,
	  .reason = "quota of the host's file system; second-level quota will open it" },
};
const size_t sec_table_len = ARRAY_SIZE(sec_table);

const struct sec_number sec_numbers[] = {
	{ "process_mrelease", 448, 0 },
	{ "futex_waitv", 449, 0 },
	{ "set_mempolicy_home_node", 450, 0 },
	{ "cachestat", 451, 0 },
	{ "fchmodat2", 452, 0 },
	{ "map_shadow_stack", 453, 0 },
	{ "futex_wake", 454, 0 },
	{ "futex_wait", 455, 0 },
	{ "futex_requeue", 456, 0 },
	{ "statmount", 457, 0 },
	{ "listmount", 458, 0 },
	{ "lsm_get_self_attr", 459, 0 },
	{ "lsm_set_self_attr", 460, 0 },
	{ "lsm_list_modules", 461, 0 },
	{ "mseal", 462, 0 },
	{ "setxattrat", 463, 0 },
	{ "getxattrat", 464, 0 },
	{ "listxattrat", 465, 0 },
	{ "removexattrat", 466, 0 },
	{ "open_tree_attr", 467, 0 },
	{ "file_getattr", 468, 0 },
	{ "file_setattr", 469, 0 },
	{ "uretprobe", 335, AUDIT_ARCH_X86_64 },
	{ "uprobe", 336, AUDIT_ARCH_X86_64 },
	{ "recvmmsg", 337, AUDIT_ARCH_I386 },
	{ "sendmmsg", 345, AUDIT_ARCH_I386 },
	{ "socket", 359, AUDIT_ARCH_I386 },
	{ "socketpair", 360, AUDIT_ARCH_I386 },
	{ "bind", 361, AUDIT_ARCH_I386 },
	{ "connect", 362, AUDIT_ARCH_I386 },
	{ "listen", 363, AUDIT_ARCH_I386 },
	{ "accept4", 364, AUDIT_ARCH_I386 },
	{ "getsockopt", 365, AUDIT_ARCH_I386 },
	{ "setsockopt", 366, AUDIT_ARCH_I386 },
	{ "getsockname", 367, AUDIT_ARCH_I386 },
	{ "getpeername", 368, AUDIT_ARCH_I386 },
	{ "sendto", 369, AUDIT_ARCH_I386 },
	{ "sendmsg", 370, AUDIT_ARCH_I386 },
	{ "recvfrom", 371, AUDIT_ARCH_I386 },
	{ "recvmsg", 372, AUDIT_ARCH_I386 },
	{ "shutdown", 373, AUDIT_ARCH_I386 },
	{ "semget", 393, AUDIT_ARCH_I386 },
	{ "semctl", 394, AUDIT_ARCH_I386 },
	{ "shmget", 395, AUDIT_ARCH_I386 },
	{ "shmctl", 396, AUDIT_ARCH_I386 },
	{ "shmat", 397, AUDIT_ARCH_I386 },
	{ "shmdt", 398, AUDIT_ARCH_I386 },
	{ "msgget", 399, AUDIT_ARCH_I386 },
	{ "msgsnd", 400, AUDIT_ARCH_I386 },
	{ "msgrcv", 401, AUDIT_ARCH_I386 },
	{ "msgctl", 402, AUDIT_ARCH_I386 },
};
const size_t sec_numbers_len = ARRAY_SIZE(sec_numbers);
/* clang-format on */
