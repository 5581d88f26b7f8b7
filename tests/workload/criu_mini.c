// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A container of one static program, to show what a patch of criu-patches/ is for without anything around it.
 *   criu_mini ROOT CASE   this program as init of new namespaces with ROOT (which holds a copy of it, /mini) as its
 *                         root; prints its pid when /state says "ready"
 *   criu_mini hold NAME FILE   somebody else's session keyring; what is in it FILE tells, once more on SIGUSR1
 * On SIGUSR1 init looks whether what CASE made is still there and writes "ok", or what is wrong, to /result.
 * It has no descriptor, mount or session of the outside, so that nothing but the case itself is in CRIU's way.
 */
#include "criu_mini_epoll.h"
#include "criu_mini_gone.h"
#include "criu_mini_half.h"
#include "criu_mini_keys.h"
#include "criu_mini_sender.h"
#include "pressure.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE		 65
#define PR_GET_MDWE		 66
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif
#ifndef PR_MDWE_NO_INHERIT
#define PR_MDWE_NO_INHERIT 2
#endif

/* NULL: fine, else what went wrong. */
typedef const char *step(void);
struct mini {
	const char *name;
	step *make, *verify;
	int flags; /* more namespaces for init */
};

static void put(const char *path, const char *text)
{
	int fd = open("/.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) < 0 || close(fd) < 0 ||
	    rename("/.new", path) < 0)
		_exit(9);
}

/* Run look() in the namespace KIND of process PID, and come back. */
static const char *inside(pid_t pid, const char *kind, step *look)
{
	const char *r;
	char path[64];
	int fd, home;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", kind);
	NEED((home = open(path, O_RDONLY)) >= 0);
	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, kind);
	NEED((fd = open(path, O_RDONLY)) >= 0);
	NEED(setns(fd, 0) == 0);
	r = look();
	NEED(setns(home, 0) == 0);
	close(fd);
	close(home);
	return r;
}

static bool same_ns(pid_t a, pid_t b, const char *kind)
{
	char path[64];
	struct stat sa, sb;

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", a, kind);
	if (stat(path, &sa) < 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/ns/%s", b, kind);
	return stat(path, &sb) == 0 && sa.st_ino == sb.st_ino;
}

/* ---- mounts of one group with disjoint roots, as slaves of a shared one ---- */

static const char *slaves_make(void)
{
	NEED(mkdir("/t", 0755) == 0 && mkdir("/a", 0755) == 0 && mkdir("/b", 0755) == 0);
	NEED(mount("tmpfs", "/t", "tmpfs", 0, NULL) == 0);
	NEED(mount(NULL, "/t", NULL, MS_SHARED, NULL) == 0);
	NEED(mkdir("/t/a", 0755) == 0 && mkdir("/t/a/x", 0755) == 0);
	NEED(mkdir("/t/b", 0755) == 0 && mkdir("/t/b/x", 0755) == 0);
	NEED(mount("/t/a", "/a", NULL, MS_BIND, NULL) == 0 &&
	     mount("/t/b", "/b", NULL, MS_BIND, NULL) == 0);
	NEED(mount(NULL, "/a", NULL, MS_SLAVE, NULL) == 0 &&
	     mount(NULL, "/b", NULL, MS_SLAVE, NULL) == 0);
	return NULL;
}

/* What is mounted in the master comes to the slave; what is mounted in the slave stays there. */
static const char *slave_works(const char *master, const char *slave)
{
	struct stat m, s;

	NEED(mount("tmpfs", master, "tmpfs", 0, NULL) == 0);
	NEED(stat(master, &m) == 0 && stat(slave, &s) == 0);
	if (m.st_dev != s.st_dev)
		return "the slave got nothing of its master";
	NEED(umount(master) == 0);
	NEED(mount("tmpfs", slave, "tmpfs", 0, NULL) == 0);
	NEED(stat(master, &m) == 0 && stat(slave, &s) == 0);
	if (m.st_dev == s.st_dev)
		return "the master got what was mounted in the slave";
	NEED(umount(slave) == 0);
	return NULL;
}

static const char *slaves_verify(void)
{
	const char *r = slave_works("/t/a/x", "/a/x");

	return r ? r : slave_works("/t/b/x", "/b/x");
}

/* ---- an executable of which somebody has an O_PATH descriptor ---- */

static pid_t opath_child;

static const char *opath_make(void)
{
	int fd, p[2];
	char c;

	NEED((fd = open("/helper", O_PATH)) >= 0);
	NEED(pipe2(p, O_CLOEXEC) == 0);
	opath_child = fork();
	NEED(opath_child >= 0);
	if (opath_child == 0) {
		close(fd);
		execl("/helper", "helper", "wait", NULL);
		_exit(1);
	}
	close(p[1]);
	NEED(read(p[0], &c, 1) == 0); /* it has executed */
	close(p[0]);
	return NULL;
}

static const char *opath_verify(void)
{
	char path[64], exe[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/exe", opath_child);
	NEED(readlink(path, exe, sizeof(exe) - 1) > 0);
	return strcmp(exe, "/helper") == 0 ? NULL : "another executable";
}

/* ---- the first executable mapping is shared ---- */

static unsigned char *const jit = (unsigned char *)0x200000;
static const unsigned char code[] = { 0xb8, 0x2a, 0, 0, 0, 0xc3 }; /* mov $42,%eax; ret */

static const char *shared_make(void)
{
	NEED(mmap(jit, 65536, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == jit);
	memcpy(jit, code, sizeof(code));
	NEED(mprotect(jit, 65536, PROT_READ | PROT_EXEC) == 0);
	return NULL;
}

static const char *shared_verify(void)
{
	int (*f)(void);

	if (memcmp(jit, code, sizeof(code)) != 0)
		return "other code";
	memcpy(&f, &jit, sizeof(f));
	return f() == 42 ? NULL : "other result";
}

/* ---- UTS namespaces below init's ---- */

static pid_t uts_first, uts_second, uts_back;

static bool uts_one(void)
{
	return unshare(CLONE_NEWUTS) == 0 && sethostname("first", 5) == 0;
}

static bool uts_home(void)
{
	int fd = open("/proc/1/ns/uts", O_RDONLY);

	return fd >= 0 && setns(fd, CLONE_NEWUTS) == 0 && close(fd) == 0;
}

/* A child of this one goes back to init's, so it has another namespace than its parent. */
static bool uts_two(void)
{
	return unshare(CLONE_NEWUTS) == 0 && sethostname("second", 6) == 0 &&
	       setdomainname("nis", 3) == 0 && stay(uts_home) > 0;
}

static const char *uts_make(void)
{
	NEED(sethostname("root", 4) == 0);
	NEED((uts_first = stay(uts_one)) > 0);
	NEED((uts_second = stay(uts_two)) > 0);
	uts_back = uts_second + 1;
	return NULL;
}

static const char *uts_look(void)
{
	static char names[160];
	struct utsname u;

	NEED(uname(&u) == 0);
	snprintf(names, sizeof(names), "%s.%s", u.nodename, u.domainname);
	return names;
}

static const char *uts_verify(void)
{
	if (strcmp(inside(1, "uts", uts_look), "root.(none)") != 0)
		return "init has another name";
	if (strcmp(inside(uts_first, "uts", uts_look), "first.(none)") != 0)
		return "the first namespace has another name";
	if (strcmp(inside(uts_second, "uts", uts_look), "second.nis") != 0)
		return "the second namespace has another name";
	return same_ns(1, uts_back, "uts") ? NULL : "init's namespace was not shared again";
}

/* ---- cgroups that the caller restores ---- */

static const char *cgns_make(void)
{
	return NULL;
}

static const char *cgns_verify(void)
{
	static char text[300];
	char line[256];
	FILE *f = fopen("/proc/self/cgroup", "re");

	NEED(f);
	snprintf(text, sizeof(text), "no cgroup v2");
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, "0::", 3) == 0)
			snprintf(text, sizeof(text), "cgroup is %s", line);
	}
	fclose(f);
	return strcmp(text, "cgroup is 0::/\n") == 0 ? NULL : text;
}

/* ---- a network namespace below init's, which the caller fills ---- */

static pid_t net_child;

static bool net_nested(void)
{
	struct ifreq r = { .ifr_addr.sa_family = AF_INET };

	inet_pton(AF_INET, "127.7.7.7", &((struct sockaddr_in *)(void *)&r.ifr_addr)->sin_addr);
	return unshare(CLONE_NEWNET) == 0 && lo_ioctl(SIOCSIFADDR, &r);
}

static const char *net_make(void)
{
	NEED((net_child = stay(net_nested)) > 0);
	return NULL;
}

static const char *net_look(void)
{
	static char text[64];
	struct ifreq r = { 0 };

	NEED(lo_ioctl(SIOCGIFADDR, &r));
	return inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)&r.ifr_addr)->sin_addr, text,
			 sizeof(text));
}

static const char *net_verify(void)
{
	const char *got = inside(net_child, "net", net_look);

	return strcmp(got, "127.7.7.7") == 0 ? NULL : got;
}

/* ---- memory that may not become executable ---- */

static pid_t mdwe_child;

static bool mdwe_twice(void)
{
	return prctl(PR_GET_MDWE, 0, 0, 0, 0) == 0;
}

static const char *mdwe_make(void)
{
	NEED((mdwe_child = stay(mdwe_twice)) > 0);
	NEED(prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN | PR_MDWE_NO_INHERIT, 0, 0, 0) == 0);
	return NULL;
}

static const char *mdwe_verify(void)
{
	static char text[64];
	int got = prctl(PR_GET_MDWE, 0, 0, 0, 0);
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	snprintf(text, sizeof(text), "PR_GET_MDWE says %d", got);
	if (got != (PR_MDWE_REFUSE_EXEC_GAIN | PR_MDWE_NO_INHERIT))
		return text;
	return mprotect(p, 4096, PROT_READ | PROT_EXEC) < 0 ? NULL
							    : "writable memory became executable";
}

/* ---- triggers of pressure files, set with CAP_SYS_RESOURCE and without ---- */

static struct pressure psi[2];

static const char *psi_make(void)
{
	const char *bad = pressure_watch(&psi[0], "/proc/pressure/cpu", true);

	if (!bad)
		bad = pressure_watch(&psi[1], "/proc/pressure/cpu", false);
	return bad;
}

static const char *psi_verify(void)
{
	const char *bad = pressure_kept(&psi[0]);

	if (!bad)
		bad = pressure_kept(&psi[1]);
	return bad ? bad : pressure_rises(psi, 2);
}

/* ---- a task of another user, with limits of its own ---- */

static pid_t user_child;

static bool user_other(void)
{
	const struct rlimit l = { 77, 88 };

	return setrlimit(RLIMIT_NOFILE, &l) == 0 && setgid(1000) == 0 && setuid(1000) == 0;
}

static const char *user_make(void)
{
	NEED((user_child = stay(user_other)) > 0);
	return NULL;
}

static const char *user_verify(void)
{
	char path[64], line[256];
	unsigned int soft = 0, hard = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/limits", user_child);
	NEED((f = fopen(path, "re")));
	while (fgets(line, sizeof(line), f))
		sscanf(line, "Max open files %u %u", &soft, &hard);
	fclose(f);
	return soft == 77 && hard == 88 ? NULL : "other limits";
}

/* ---- file systems in memory ---- */

static const char *memfs_make(const char *type)
{
	int fd;

	NEED(mkdir("/t", 0755) == 0 && mount(type, "/t", type, 0, "mode=700") == 0);
	NEED((fd = open("/t/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0640)) >= 0);
	NEED(write(fd, "secret", 6) == 6 && fchown(fd, 7, 8) == 0 && close(fd) == 0);
	return NULL;
}

static const char *memfs_verify(void)
{
	char text[16] = "";
	struct stat s, d;
	int fd = open("/t/file", O_RDONLY | O_CLOEXEC);

	NEED(fd >= 0);
	NEED(read(fd, text, sizeof(text) - 1) >= 0 && fstat(fd, &s) == 0 && close(fd) == 0 &&
	     stat("/t", &d) == 0);
	if (strcmp(text, "secret") != 0)
		return "other contents";
	if ((s.st_mode & 07777) != 0640 || s.st_uid != 7 || s.st_gid != 8 ||
	    (d.st_mode & 07777) != 0700)
		return "other owner or mode";
	return NULL;
}

#define LONG "a-name-of-which-two-do-not-fit-into-the-hundred-characters-that-tar-has-for-them"

static const char *tmpfs_make(void)
{
	const struct timespec then[2] = { { 1000000000, 123456789 }, { 1000000000, 123456789 } };
	const char *bad = memfs_make("tmpfs");
	int fd;

	if (bad)
		return bad;
	NEED(symlink("/nowhere", "/t/link") == 0 && mkfifo("/t/fifo", 0600) == 0);
	NEED(mknod("/t/chr", S_IFCHR, 0) == 0); /* systemd's /run has one; no privilege is needed */
	NEED(mkdir("/t/" LONG, 0700) == 0 && chmod("/t/" LONG, 01777) == 0);
	NEED((fd = open("/t/" LONG "/" LONG, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) >= 0 &&
	     fchmod(fd, 06755) == 0);
	for (int i = 0; i < 3000; i++)
		NEED(write(fd, &i, sizeof(i)) == sizeof(i));
	close(fd);
	NEED(utimensat(AT_FDCWD, "/t/file", then, 0) == 0);
	NEED(utimensat(AT_FDCWD, "/t/" LONG, then, 0) == 0);
	return NULL;
}

static bool is_mode(const char *path, mode_t mode)
{
	struct stat s;

	return lstat(path, &s) == 0 && s.st_mode == mode;
}

static bool is_then(const char *path)
{
	struct stat s;

	return lstat(path, &s) == 0 && s.st_mtim.tv_sec == 1000000000 &&
	       s.st_mtim.tv_nsec == 123456789;
}

static const char *tmpfs_verify(void)
{
	const char *bad = memfs_verify();
	char link[16] = "";
	struct stat s;
	int fd, got;

	if (bad)
		return bad;
	NEED(readlink("/t/link", link, sizeof(link) - 1) > 0 && strcmp(link, "/nowhere") == 0);
	NEED(is_mode("/t/fifo", S_IFIFO | 0600) && is_mode("/t/" LONG, S_IFDIR | 01777));
	NEED(is_mode("/t/chr", S_IFCHR) && stat("/t/chr", &s) == 0 && s.st_rdev == 0);
	NEED(is_mode("/t/" LONG "/" LONG, S_IFREG | 06755));
	if (!is_then("/t/file") || !is_then("/t/" LONG))
		return "other times";
	NEED((fd = open("/t/" LONG "/" LONG, O_RDONLY | O_CLOEXEC)) >= 0);
	for (int i = 0; i < 3000; i++)
		NEED(read(fd, &got, sizeof(got)) == sizeof(got) && got == i);
	NEED(read(fd, &got, 1) == 0 && close(fd) == 0);
	return NULL;
}

static const char *ramfs_make(void)
{
	return memfs_make("ramfs");
}

/* u::rw-,u:9:r--,g::r--,m::r--,o::--- as posix_acl_xattr.h has it */
static const unsigned char acl[] = {
	2,  0, 0, 0,			     /* version */
	1,  0, 6, 0, 0xff, 0xff, 0xff, 0xff, /* owner */
	2,  0, 4, 0, 9,	   0,	 0,    0,    /* user 9 */
	4,  0, 4, 0, 0xff, 0xff, 0xff, 0xff, /* group */
	16, 0, 4, 0, 0xff, 0xff, 0xff, 0xff, /* mask */
	32, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, /* others */
};

static const char *xattr_make(void)
{
	const char *bad = memfs_make("tmpfs");

	if (bad)
		return bad;
	NEED(setxattr("/t/file", "user.vz", "u", 1, 0) == 0);
	NEED(setxattr("/t/file", "trusted.vz", "t", 1, 0) == 0);
	NEED(setxattr("/t/file", "system.posix_acl_access", acl, sizeof(acl), 0) == 0);
	return NULL;
}

static const char *xattr_verify(void)
{
	unsigned char got[sizeof(acl)];
	const char *bad = memfs_verify();

	if (bad)
		return bad;
	NEED(getxattr("/t/file", "user.vz", got, 1) == 1);
	NEED(getxattr("/t/file", "trusted.vz", got, 1) == 1);
	NEED(getxattr("/t/file", "system.posix_acl_access", got, sizeof(got)) == sizeof(got));
	return memcmp(got, acl, sizeof(acl)) == 0 ? NULL : "another ACL";
}

/* ---- a file of the outside, bound to /ext, and /ext in another mount namespace as well ---- */

static pid_t ext_child;

static bool ext_private(void)
{
	return unshare(CLONE_NEWNS) == 0;
}

static const char *ext_make(void)
{
	NEED((ext_child = stay(ext_private)) > 0);
	return NULL;
}

static const char *ext_look(void)
{
	char text[16] = "";
	int fd = open("/ext", O_RDONLY | O_CLOEXEC);

	NEED(fd >= 0 && read(fd, text, sizeof(text) - 1) >= 0 && close(fd) == 0);
	return strncmp(text, "outside", 7) == 0 ? NULL : "other contents";
}

static const char *ext_verify(void)
{
	const char *r = ext_look();

	return r ? r : inside(ext_child, "mnt", ext_look);
}

/* ---- a terminal of the outside, whose other end is closed ---- */

#define TTY 3

static const char *tty_make(void)
{
	struct stat s;
	char text[64];

	NEED(fstat(TTY, &s) == 0);
	snprintf(text, sizeof(text), "tty[%lx:%lx]", (unsigned long)s.st_rdev,
		 (unsigned long)s.st_dev);
	put("/tty", text);
	return NULL;
}

static const char *tty_verify(void)
{
	struct stat s;

	NEED(fstat(TTY, &s) == 0);
	return S_ISCHR(s.st_mode) ? NULL : "no terminal";
}

static const struct mini minis[] = {
	{ "slaves", slaves_make, slaves_verify, 0 },
	{ "opath", opath_make, opath_verify, 0 },
	{ "shared", shared_make, shared_verify, 0 },
	{ "uts", uts_make, uts_verify, 0 },
	{ "cgns", cgns_make, cgns_verify, CLONE_NEWCGROUP },
	{ "net", net_make, net_verify, CLONE_NEWNET },
	{ "half", half_make, half_verify, CLONE_NEWNET },
	{ "mdwe", mdwe_make, mdwe_verify, 0 },
	{ "keys", keys_make, keys_verify, 0 },
	{ "psi", psi_make, psi_verify, 0 },
	{ "epoll", epoll_make, epoll_verify, 0 },
	{ "sender", sender_make, sender_verify, 0 },
	{ "gone", gone_make, gone_verify, 0 },
	{ "user", user_make, user_verify, 0 },
	{ "xattr", xattr_make, xattr_verify, 0 },
	{ "tmpfs", tmpfs_make, tmpfs_verify, 0 },
	{ "ramfs", ramfs_make, memfs_verify, 0 },
	{ "ext", ext_make, ext_verify, 0 },
	{ "tty", tty_make, tty_verify, 0 },
};

/* What ext and tty have of the outside: where there is ROOT.ext, and a hung up terminal as descriptor 3. */
static const char *keep_outside(const char *root)
{
	char ext[4096], target[4096];
	int master, slave;

	snprintf(ext, sizeof(ext), "%s.ext", root);
	snprintf(target, sizeof(target), "%s/ext", root);
	if (access(ext, F_OK) == 0)
		NEED(mount(ext, target, NULL, MS_BIND, NULL) == 0);
	NEED(openpty(&master, &slave, NULL, NULL, NULL) == 0 && dup2(slave, 100) == 100);
	return NULL;
}

static const char *enter(const char *root, bool keep_tty)
{
	const char *bad;

	NEED(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	NEED(mount(root, root, NULL, MS_BIND, NULL) == 0 && chdir(root) == 0);
	bad = keep_outside(root);
	if (bad)
		return bad;
	NEED(syscall(SYS_pivot_root, ".", ".") == 0 && umount2(".", MNT_DETACH) == 0 &&
	     chdir("/") == 0);
	NEED(mount("proc", "/proc", "proc", 0, NULL) == 0);
	NEED(syscall(SYS_close_range, 0, 99, 0) == 0);
	for (int i = 0; i < 3; i++)
		NEED(open("/null", O_RDWR | O_CREAT, 0600) == i);
	if (keep_tty)
		NEED(dup2(100, TTY) == TTY);
	NEED(syscall(SYS_close_range, keep_tty ? TTY + 1 : TTY, ~0U, 0) == 0);
	NEED(setsid() == 1);
	return NULL;
}

/* From here on the program is the one in ROOT. */
static void become_init(const char *root, char *name)
{
	const char *bad = enter(root, strcmp(name, "tty") == 0);

	if (!bad) {
		execl("/mini", "init", "init", name, NULL);
		bad = why("exec");
	}
	put("/state", bad);
	_exit(1);
}

static int init(const struct mini *m)
{
	const char *bad;
	sigset_t usr1;
	int sig;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	bad = m->make();
	put("/state", bad ? bad : "ready");
	for (;;) {
		if (sigwait(&usr1, &sig) != 0)
			continue;
		bad = m->verify();
		put("/result", bad ? bad : "ok");
	}
	return 0;
}

int main(int argc, char **argv)
{
	const int flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC;
	const struct mini *m = NULL;
	pid_t pid;

	if (argc == 2) /* the helper of opath */
		return pause();
	if (argc == 4 && strcmp(argv[1], "hold") == 0)
		return keys_hold(argv[2], argv[3]);
	for (size_t i = 0; argc == 3 && i < sizeof(minis) / sizeof(*minis); i++) {
		if (strcmp(minis[i].name, argv[2]) == 0)
			m = &minis[i];
	}
	if (!m) {
		fprintf(stderr, "usage: criu_mini ROOT CASE | hold NAME FILE\n");
		return 2;
	}
	if (strcmp(argv[1], "init") == 0)
		return init(m);
	if (unshare(flags | m->flags) < 0) {
		perror("unshare");
		return 1;
	}
	pid = fork();
	if (pid == 0)
		become_init(argv[1], argv[2]);
	printf("%d\n", pid);
	return pid < 0;
}
