// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Distribution data: which file serves a template, and, as root, what the
 * scripts do to a tree when its own (busybox) shell runs them.
 */
#include "mech/tm/tm.h"
#include "os/os.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include "test.h"

#define DISTS "templates/dists"

static char base[32], log_text[1024];

static void on_line(void *data, int level, const char *line)
{
	(void)data;
	(void)level;
	(void)snprintf(log_text, sizeof(log_text), "%s", line);
}

static const struct logger logger = { on_line, NULL, VZ_LOG_INFO };

/* What an action's script is for a template, or NULL. */
static char *script(const char *template, const char *action)
{
	struct vz_error e = { 0 };
	struct dist *d = NULL;
	char *text = NULL;

	log_text[0] = '\0';
	if (dist_open(&d, DISTS, template, &logger, &e) < 0 ||
	    dist_script(d, action, &text, &e) < 0)
		printf("# %s\n", e.text);
	dist_free(d);
	return text;
}

static void test_names(void)
{
	static const struct {
		const char *template, *warning;
		bool ssh; /* POST_CREATE makes Debian's unit */
	} rows[] = {
		{ "debian-13", "", true },
		{ "debian-12-x86_64-minimal", "", true },
		{ "debian", "", true },
		{ "ubuntu-24.04", "", true },
		{ "almalinux-9", "", false },
		{ "gentoo-x", "No distribution data", false },
		{ "../../etc/passwd", "No", false },
		{ ".hidden", "No", false },
		{ "", "No", false },
		{ "cache/debian-13", "", true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = script(rows[i].template, "POST_CREATE");

		ok(text, "%s has a POST_CREATE", rows[i].template);
		ok(text && !strstr(text, "vz-ssh-hostkeys") == !rows[i].ssh, "%s: the right one",
		   rows[i].template);
		ok(strncmp(log_text, rows[i].warning, strlen(rows[i].warning)) == 0 &&
			   (*rows[i].warning || !*log_text),
		   "%s: warned when nothing fits", rows[i].template);
		free(text);
	}
}

static void test_absent(void)
{
	struct vz_error e = { 0 };
	struct dist *d = NULL;
	char *text = script("tiny", "POST_CREATE");

	ok(!text, "an action without a script has none");
	free(text);
	text = script("tiny", "SET_DNS");
	ok(text && strstr(text, "put_file()") && strstr(text, "resolv.conf"),
	   "functions come first");
	free(text);
	ok_int(dist_open(&d, "/nonexistent", "debian", &logger, &e), -2, "no data at all");
	ok_int(e.exit, VZ_EXIT_NO_DIST, "its exit class");
}

/* ---- scripts in a tree of a busybox ---- */

/* Exit status of an action in the tree at base with one or two variables. */
static int run(const char *action, const char *var1, const char *var2)
{
	char *text = script("debian", action);
	const char *const env[] = { var1, var2, NULL };
	int status = -1, p[2];
	pid_t pid;

	if (!text || pipe2(p, O_CLOEXEC) < 0)
		return -1;
	pid = os_fork(NULL);
	if (pid == 0) {
		if (dup2(p[0], 0) < 0 || chroot(base) < 0 || chdir("/") < 0 ||
		    os_unshare(CLONE_NEWUTS) < 0)
			_exit(120);
		execle("/bin/sh", "sh", "-s", (char *)NULL, env);
		_exit(121);
	}
	(void)close(p[0]);
	if (os_write_all(p[1], text, strlen(text)) < 0)
		printf("# short write\n");
	(void)close(p[1]);
	if (os_reap(pid, &status) < 0)
		return -1;
	free(text);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static const char *in_tree(const char *path)
{
	static char full[4][256];
	static int i;

	i = (i + 1) % 4;
	(void)snprintf(full[i], sizeof(full[i]), "%s%s", base, path);
	return full[i];
}

static void put(const char *path, const char *text)
{
	if (os_replace_file(in_tree(path), text, strlen(text), 0644) < 0)
		printf("# cannot write %s\n", path);
}

static bool holds(const char *path, const char *text)
{
	char *got = NULL;
	bool same = os_read_file_at(AT_FDCWD, in_tree(path), 65536, &got, NULL) >= 0 &&
		    strcmp(got, text) == 0;

	if (!same)
		printf("# %s holds \"%s\"\n", path, got ? got : "(nothing)");
	free(got);
	return same;
}

static bool make_tree(void)
{
	static const char *const dirs[] = {
		"/bin", "/etc/ssh", "/etc/systemd/system", "/etc/systemd/network", "/usr/sbin",
		"/dev", "/tmp"
	};
	char *box = NULL;
	size_t n;

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (os_mkdir_p(in_tree(dirs[i]), 0755) < 0)
			return false;
	if (os_read_file_at(AT_FDCWD, "/bin/busybox", 1 << 24, &box, &n) < 0)
		return false;
	if (os_replace_file(in_tree("/bin/busybox"), box, n, 0755) < 0)
		return false;
	free(box);
	for (const char *const *p =
		     (const char *const[]){ "sh", "cat", "chmod", "mv", "rm", "mkdir", "ln",
					    "hostname", "mkpasswd", "adduser", NULL };
	     *p; p++) {
		char path[32];

		(void)snprintf(path, sizeof(path), "/bin/%s", *p);
		if (symlink("busybox", in_tree(path)) < 0)
			return false;
	}
	return mknod(in_tree("/dev/null"), S_IFCHR | 0666, 0x103) == 0;
}

static void test_hostname(void)
{
	put("/etc/hosts", "127.0.0.1 localhost\n  # mine  kept\n");
	ok_int(run("SET_HOSTNAME", "HOSTNM=web.example.org", "IP_ADDR=10.0.0.5/24 10.0.0.6"), 0,
	       "host name");
	ok(holds("/etc/hostname", "web.example.org\n"), "in its file");
	ok(holds("/etc/hosts",
		 "127.0.0.1 localhost\n  # mine  kept\n10.0.0.5 web.example.org web # vz\n"),
	   "and in hosts");
	ok_int(run("SET_HOSTNAME", "HOSTNM=db", NULL), 0, "another");
	ok(holds("/etc/hosts", "127.0.0.1 localhost\n  # mine  kept\n127.0.1.1 db # vz\n"),
	   "replaces our line only");
	ok(run("SET_HOSTNAME", "HOSTNM=$(id) `id`", NULL) > 0, "a hostile name is refused");
	ok(holds("/etc/hostname", "db\n"), "and changes nothing");
}

static void test_dns(void)
{
	put("/tmp/victim", "untouched\n");
	(void)unlink(in_tree("/etc/resolv.conf"));
	if (symlink("../tmp/victim", in_tree("/etc/resolv.conf")) < 0)
		printf("# no link\n");
	ok_int(run("SET_DNS", "NAMESERVER=10.0.0.1 2001:db8::1",
		   "SEARCHDOMAIN=a.example b.example"),
	       0, "resolver");
	ok(holds("/etc/resolv.conf",
		 "search a.example b.example\nnameserver 10.0.0.1\nnameserver 2001:db8::1\n"),
	   "is written");
	ok(holds("/tmp/victim", "untouched\n"), "a link is replaced, not followed");
	(void)unlink(in_tree("/etc/resolv.conf"));
	ok(mkfifo(in_tree("/etc/resolv.conf"), 0644) == 0 &&
		   run("SET_DNS", "NAMESERVER=10.0.0.1 2001:db8::1",
		       "SEARCHDOMAIN=a.example b.example") == 0,
	   "a pipe is replaced, not waited for");
	ok_int(run("SET_DNS", NULL, NULL), 0, "nothing to set");
	ok(holds("/etc/resolv.conf",
		 "search a.example b.example\nnameserver 10.0.0.1\nnameserver 2001:db8::1\n"),
	   "changes nothing");
}

static void test_password(void)
{
	struct stat st;
	char *shadow = NULL;

	put("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
	put("/etc/group", "root:x:0:\n");
	put("/etc/shadow", "root:*:1:0:99999:7:::\nother:*:1:0:99999:7:::\n");
	ok_int(run("SET_USERPASS", "USERPW=root:pa$$ `x` \"y\":z", NULL), 0, "password by busybox");
	ok(os_read_file_at(AT_FDCWD, in_tree("/etc/shadow"), 65536, &shadow, NULL) >= 0 &&
		   strncmp(shadow, "root:$6$", 8) == 0 && strstr(shadow, "\nother:*:1:"),
	   "is hashed, other users are kept");
	ok(stat(in_tree("/etc/shadow"), &st) == 0 && (st.st_mode & 0777) == 0600,
	   "shadow stays secret");
	ok(run("SET_USERPASS", "USERPW=-x:y", NULL) > 0, "no options as user names");
	ok(run("SET_USERPASS", "USERPW=nopassword", NULL) > 0, "user:password is needed");
	free(shadow);
}

static void test_post_create(void)
{
	put("/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	put("/etc/ssh/ssh_host_rsa_key", "secret of the template");
	put("/usr/sbin/sshd", "#!/bin/sh\n");
	(void)chmod(in_tree("/usr/sbin/sshd"), 0755);
	ok_int(run("POST_CREATE", NULL, NULL), 0, "post create");
	ok(holds("/etc/machine-id", ""), "the machine id is to be chosen");
	ok(access(in_tree("/etc/ssh/ssh_host_rsa_key"), F_OK) < 0,
	   "the template's host keys are gone");
	ok(access(in_tree("/etc/systemd/system/vz-ssh-hostkeys.service"), F_OK) == 0,
	   "to be made anew");
	ok(access(in_tree("/etc/systemd/network/00-vz-venet0.network"), F_OK) == 0,
	   "venet0 is the host's");
	ok_int(run("POST_CREATE", NULL, NULL), 0, "a second time is the same");
}

int main(void)
{
	test_names();
	test_absent();
	if (!test_is_root() || access("/bin/busybox", X_OK) < 0) {
		skip("root: runs scripts in a tree of their own");
		return test_done();
	}
	(void)snprintf(base, sizeof(base), "/tmp/vz-dist-XXXXXX");
	if (!mkdtemp(base) || !ok(make_tree(), "made a tree"))
		return 1;
	test_hostname();
	test_dns();
	test_password();
	test_post_create();
	ok_int(os_rm_rf_at(AT_FDCWD, base), 0, "cleaned up");
	return test_done();
}
