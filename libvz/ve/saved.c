/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Our own files of a dump: what CRIU does not save, or what it would take too long over.
 * Each is text (the console's bytes apart), read once when the dump is verified and
 * used at the point of the restore where it belongs.
 */
#include "ve/saved.h"

#include "base/num.h"
#include "base/str.h"
#include "mech/cr/cr.h"
#include "mech/mnt/mnt.h"
#include "mech/net/net.h"
#include "mech/tty/tty.h"
#include "os/os.h"
#include "ve/account.h"
#include "ve/usage.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>

#define CONSOLE_MAX	65536
#define CONSOLE_WAIT_MS 300

/* ---- at a checkpoint, the VE being frozen ---- */

/* An empty log goes on where it began. */
static uint64_t log_next(const struct save *s)
{
	_cleanup_close_ int cg = ve_cg_open(s->ve);
	uint64_t next;

	return cg >= 0 && cg_log_next(cg, &next) >= 0 ? next : s->state->log_first;
}

/* 0 where nobody can tell: a VE that has taken every number there is can be saved all the same. */
static uint32_t last_pid(const struct save *s)
{
	_cleanup_close_ int init = state_open_init(s->ve, NULL);
	struct vz_error own = { 0 };
	uint32_t last = 0;
	int r = init < 0 ? vz_fail(&own, init, "open the container's first process")
			 : cr_last_pid(init, &last, &own);

	if (r < 0)
		log_warn(s->ve->log, "%s", own.text);
	return r < 0 ? 0 : last;
}

static int put_facts(const struct save *s, struct vz_error *e)
{
	_cleanup_free_ char *text = NULL;
	int r = str_fmt(&text,
			"console=tty[%llx:%llx]\nuptime_ms=%llu\nlast_pid=%u\nlog_next=%llu\n",
			(unsigned long long)s->state->console_rdev,
			(unsigned long long)s->state->console_dev,
			(unsigned long long)(os_now_ms() - s->state->started_ms), last_pid(s),
			(unsigned long long)log_next(s));
	if (r < 0)
		return vz_fail(e, r, "save the container's state");
	return cr_dump_put(s->out, "ve", text, strlen(text), e);
}

int saved_write_cgroups(const struct save *s, struct vz_error *e)
{
	const struct ve_config *c = &s->ve->conf;
	_cleanup_close_ int cg = ve_cg_open(s->ve);
	_cleanup_free_ char *tasks = NULL, *cpus = NULL;
	_cleanup_pids_ struct os_pids pids = { 0 };
	int r;

	if (cg < 0)
		return vz_fail(e, cg, "open the container's cgroup");
	r = cg_tree_save(cg, c->uid_base, c->gid_base, s->ret_tree, &pids, e);
	if (r >= 0)
		r = cr_dump_put(s->out, "cgroup", *s->ret_tree, strlen(*s->ret_tree), e);
	if (r < 0)
		return r;
	/* without the controller nobody is confined: NULL */
	IGNORE(os_read_file_at(cg, "cpuset.cpus.effective", 4096, &cpus, NULL));
	r = cr_tasks_save(&pids, cpus, &tasks, e);
	return r < 0 ? r : cr_dump_put(s->out, "tasks", tasks, strlen(tasks), e);
}

/*
 * The tmpfs that we mounted as /dev, found again by its device number: a tenant may have mounted anything over it,
 * of which nothing is asked that a FUSE server of theirs would have to answer.
 */
static int open_dev(const struct ve_state *st)
{
	_cleanup_close_ int fd = -EBADF;
	struct statx sx;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/root/dev", st->init);
	fd = os_openat(AT_FDCWD, path, O_PATH | O_NOFOLLOW, 0, 0);
	if (fd < 0)
		return fd;
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &sx) < 0)
		return -errno;
	return makedev(sx.stx_dev_major, sx.stx_dev_minor) == st->dev_dev ? TAKE_FD(fd) : -EXDEV;
}

static int put_dev(const struct save *s, struct vz_error *e)
{
	_cleanup_close_ int dev = open_dev(s->state);
	_cleanup_free_ char *text = NULL;
	int r;

	if (dev < 0) {
		log_warn(s->ve->log, "The container has something else mounted at /dev: what it "
				     "made beneath is not saved");
		return cr_dump_put(s->out, "dev", "", 0, e);
	}
	r = mnt_dev_save(dev, s->ve->conf.uid_base, s->ve->conf.gid_base, &text, e);
	return r < 0 ? r : cr_dump_put(s->out, "dev", text, strlen(text), e);
}

/* The monitor gives what it remembers to every client; one that says no more is let go after that. */
static size_t console_history(const struct ve *ve, char *buf, size_t max)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -EBADF;
	size_t len = 0;

	if (str_fmt(&path, "%s/%u/console", ve->host->rundir, ve->id) < 0)
		return 0;
	fd = tty_console_connect(path);
	if (fd < 0 || shutdown(fd, SHUT_WR) < 0)
		return 0;
	while (len < max && os_recv_wait(fd, 0, CONSOLE_WAIT_MS) >= 0) {
		ssize_t n = recv(fd, buf + len, max - len, MSG_DONTWAIT);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	return len;
}

static int put_console(const struct save *s, struct vz_error *e)
{
	_cleanup_free_ char *buf = malloc(CONSOLE_MAX);

	if (!buf)
		return vz_fail(e, -ENOMEM, "save the console");
	return cr_dump_put(s->out, "console", buf, console_history(s->ve, buf, CONSOLE_MAX), e);
}

static int open_netns(const struct ve_state *st)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", st->init);
	return os_openat(AT_FDCWD, path, O_RDONLY, 0, 0);
}

int saved_net_settings(const struct ve_state *st, char **ret, struct vz_error *e)
{
	_cleanup_close_ int netns = open_netns(st);

	if (netns < 0)
		return vz_fail(e, netns, "open the container's network namespace");
	return net_ns_save_settings(netns, ret, e);
}

int saved_write_net(const struct save *s, struct vz_error *e)
{
	const struct net_conf nc = { .ip = s->ve->conf.ip, .ipv6 = s->ve->host->ipv6 };
	_cleanup_close_ int netns = open_netns(s->state);
	_cleanup_free_ char *text = NULL, *why = NULL;
	int r;

	if (netns < 0)
		return vz_fail(e, netns, "open the container's network namespace");
	r = net_ns_save(netns, &nc, s->net_settings, &text, &why, e);
	if (r < 0)
		return r;
	if (r == 0)
		return vz_fail(e, -EOPNOTSUPP,
			       "the container's network has %s, which cannot be "
			       "checkpointed",
			       why);
	return cr_dump_put(s->out, "net", text, strlen(text), e);
}

static int put_account(const struct save *s, struct vz_error *e)
{
	struct vz_ve_usage u = { .size = sizeof(u) };
	_cleanup_free_ char *text = NULL;
	int r = ve_usage(s->ve, &u, e);

	if (r < 0)
		return r;
	r = account_format(&u, &text);
	if (r < 0)
		return vz_fail(e, r, "save what the container has used");
	return cr_dump_put(s->out, "account", text, strlen(text), e);
}

int saved_write(const struct save *s, struct vz_error *e)
{
	int r = put_facts(s, e);

	if (r >= 0)
		r = put_account(s, e);
	if (r >= 0)
		r = put_dev(s, e);
	if (r >= 0)
		r = put_console(s, e);
	return r;
}

int saved_freeze_parts(const struct ve *ve, const char *tree, bool frozen, struct vz_error *e)
{
	_cleanup_close_ int cg = ve_cg_open(ve);

	if (cg < 0)
		return vz_fail(e, cg, "open the container's cgroup");
	return cg_tree_freeze(cg, tree, frozen, e);
}

/* ---- at a restore ---- */

static int parse_facts(struct saved *s, char *text)
{
	char *save = NULL;
	int r = 0;

	for (char *l = strtok_r(text, "\n", &save); l && r >= 0; l = strtok_r(NULL, "\n", &save))
		if (str_has_prefix(l, "console="))
			r = str_set(&s->console_key, l + strlen("console="));
		else if (str_has_prefix(l, "uptime_ms="))
			r = num_parse_u64(l + strlen("uptime_ms="), &s->uptime_ms);
		else if (str_has_prefix(l, "last_pid="))
			r = num_parse_u32(l + strlen("last_pid="), &s->last_pid);
		else if (str_has_prefix(l, "log_next="))
			r = num_parse_u64(l + strlen("log_next="), &s->log_next);
	return r >= 0 && !s->console_key ? -EBADMSG : r;
}

int saved_read(const struct cr_dump *d, struct saved *s, struct vz_error *e)
{
	_cleanup_free_ char *facts = NULL, *tree = NULL;
	int r = cr_dump_get(d, "ve", &facts, NULL, e);

	if (r >= 0) {
		r = parse_facts(s, facts);
		if (r < 0)
			return vz_fail(e, r, "dump %s: its file 've' makes no sense", d->path);
	}
	if (r >= 0)
		r = cr_dump_get(d, "cgroup", &tree, NULL, e);
	if (r >= 0)
		r = cg_tree_parse(tree, &s->tree, e);
	if (r >= 0)
		r = cr_dump_get(d, "tasks", &s->tasks, NULL, e);
	if (r >= 0)
		r = cr_dump_get(d, "net", &s->net, NULL, e);
	if (r >= 0)
		r = cr_dump_get(d, "account", &s->account, NULL, e);
	if (r >= 0)
		r = cr_dump_get(d, "dev", &s->dev, NULL, e);
	if (r >= 0)
		r = cr_dump_get(d, "console", &s->console, &s->console_len, e);
	return r;
}

void saved_done(struct saved *s)
{
	free(s->console_key);
	free(s->tasks);
	free(s->dev);
	free(s->net);
	free(s->account);
	free(s->console);
	cg_tree_free(s->tree);
	*s = (struct saved){ 0 };
}
