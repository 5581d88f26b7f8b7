/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The stages of a VE's start, and ve_cleanup(), which is their downs.
 * Restore will be the same list with other rows for spawn and init.
 */
#include "ve/start.h"

#include "base/str.h"
#include "mech/mnt/mnt.h"
#include "mech/net/net.h"
#include "os/os.h"

#include <limits.h>
#include <string.h>

#define KILL_TIMEOUT_MS 10000

int start_clean_up(void *p, struct vz_error *e)
{
	struct start_op *op = p;
	struct ve_state s;
	_cleanup_close_ int cg = -EBADF;

	/* what an earlier start or a VE that ended on its own left behind */
	cg = ve_cg_open(op->ve);
	if (cg < 0 && state_read(op->ve, &s) < 0 &&
	    (!ve_is_mounted(op->ve) || op->flags & START_SKIP_REMOUNT))
		return 0;
	return ve_cleanup(op->ve, !(op->flags & START_SKIP_REMOUNT), e);
}

int start_state_up(void *p, struct vz_error *e)
{
	struct start_op *op = p;
	struct ve_state *s = &op->state;

	*s = (struct ve_state){ .monitor = getpid(),
				.started_ms = os_now_ms() - op->uptime_ms,
				.log_first = op->log_first };
	IGNORE(os_starttime(s->monitor, &s->monitor_start));
	return state_write(op->ve, s, e);
}

int start_state_down(void *p, struct vz_error *e)
{
	struct start_op *op = p;

	_cleanup_close_ int cg = -EBADF;

	if (op->keep_state)
		return 0;
	/* processes that would not die: the record says where they are, for the next try */
	cg = ve_cg_open(op->ve);
	return cg >= 0 ? 0 : state_remove(op->ve, e);
}

int start_mount_up(void *p, struct vz_error *e)
{
	struct start_op *op = p;

	return ve_mount_root(op->ve, e);
}

int start_mount_down(void *p, struct vz_error *e)
{
	struct start_op *op = p;

	return op->keep_mount ? 0 : ve_umount_root(op->ve, e);
}

static int cgroup_find(struct start_op *op, char **ret, struct vz_error *e)
{
	char *scope = NULL;
	int r;

	if (op->ve->host->cgroup_root)
		return cg_root_find(op->ve->host->cgroup_root, ret, e);
	r = cg_systemd_scope(op->ve->id, getpid(), &scope, e);
	if (r < 0)
		return r;
	if (!scope)
		return cg_root_find(NULL, ret, e);
	*ret = scope;
	return 0;
}

/* /dev/kmsg, for a VE with a kernel log of its own */
#define KMSG_MAJOR 1
#define KMSG_MINOR 11

/* What a VE may open beside the standard nodes: DEVICES of its configuration, its log. */
static int device_rules(const struct ve_config *c, bool own_log, struct cg_dev_rule **ret,
			size_t *ret_n)
{
	struct cg_dev_rule *v = calloc(c->ndevices + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < c->ndevices; i++) {
		const struct dev_rule *d = &c->devices[i];

		v[i] = (struct cg_dev_rule){ .type = d->type,
					     .major = d->major,
					     .minor = d->minor,
					     .access = (uint8_t)((d->access & 4 ? CG_DEV_READ : 0) |
								 (d->access & 2 ? CG_DEV_WRITE
										: 0)) };
	}
	v[c->ndevices] = (struct cg_dev_rule){ .type = 'c',
					       .major = KMSG_MAJOR,
					       .minor = KMSG_MINOR,
					       .access = CG_DEV_READ | CG_DEV_WRITE };
	*ret = v;
	*ret_n = c->ndevices + own_log;
	return 0;
}

int start_cgroup_up(void *p, struct vz_error *e)
{
	struct start_op *op = p;
	const struct ve *ve = op->ve;
	_cleanup_free_ struct cg_dev_rule *rules = NULL;
	_cleanup_free_ char *root = NULL;
	struct cg_conf cc;
	size_t n;
	int r = cgroup_find(op, &root, e);

	if (r < 0)
		return r;
	if (strlen(root) >= sizeof(op->state.cgroot))
		return vz_fail(e, -ENAMETOOLONG, "cgroup root %s", root);
	memcpy(op->state.cgroot, root, strlen(root) + 1);
	r = state_write(ve, &op->state, e);
	if (r < 0)
		return r;
	ve_cg_conf(&ve->conf, &cc);
	cc.missing_warn = ve->host->cgroup_missing_warn;
	r = cg_make(root, ve->id, &cc, ve->conf.uid_base, ve->conf.gid_base, ve->log, e);
	if (r < 0)
		goto undo;
	op->cg = r = cg_open(root, ve->id);
	if (r >= 0)
		r = cg_apply(op->cg, &cc, CG_ALL, ve->log, e);
	if (r >= 0)
		op->cg_ve = r = cg_open_ve(op->cg, e);
	if (r >= 0)
		r = device_rules(&ve->conf, ve_own_log(ve, op->cg), &rules, &n);
	if (r >= 0)
		r = cg_devices(op->cg, rules, n, e);
	if (r >= 0)
		return 0;
undo:
	IGNORE(cg_remove(root, ve->id, NULL));
	return vz_wrap_exit(e, r, VZ_EXIT_ENV_CREATE, "cgroup");
}

int start_cgroup_down(void *p, struct vz_error *e)
{
	struct start_op *op = p;
	_cleanup_free_ char *root = NULL;
	int r;

	op->cg = safe_close(op->cg);
	op->cg_ve = safe_close(op->cg_ve);
	r = ve_cg_root(op->ve, &root, e);
	return r < 0 ? r : cg_remove(root, op->ve->id, e);
}

/* What names init and its console for ever, into the state that publish writes. */
int start_record_init(struct start_op *op, struct vz_error *e)
{
	struct ve_state *s = &op->state;
	struct stat st;
	int r = os_starttime(op->spawn.init, &s->init_start);

	if (r < 0)
		return vz_fail(e, r, "look at init");
	s->init = op->spawn.init;
	if (fstat(op->spawn.console.slave, &st) < 0)
		return vz_fail(e, -errno, "look at the console");
	s->console_rdev = st.st_rdev;
	s->console_dev = st.st_dev;
	return 0;
}

int start_make_dev(struct start_op *op, int *ret, struct vz_error *e)
{
	static const struct mnt_node kmsg = { "kmsg", KMSG_MAJOR, KMSG_MINOR, S_IFCHR | 0644 };
	const struct ve_config *c = &op->ve->conf;
	struct stat st;
	int fd = mnt_dev_make(c->uid_base, c->gid_base, e), r = 0;

	*ret = fd;
	if (fd < 0)
		return fd;
	if (ve_own_log(op->ve, op->cg))
		r = mnt_dev_node(fd, &kmsg, c->uid_base, c->gid_base, e);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return vz_fail(e, -errno, "look at /dev");
	op->state.dev_dev = st.st_dev;
	return 0;
}

static int spawn_up(void *p, struct vz_error *e)
{
	struct start_op *op = p;
	const struct ve *ve = op->ve;
	struct spawn *s = &op->spawn;
	uint64_t shm = ve->conf.ubc[UBC_SHMPAGES].limit, ptys = ve->conf.ubc[UBC_NUMPTY].limit;
	int r;

	*s = (struct spawn){ .ve = ve,
			     .cgroup = op->cg_ve,
			     .hostname = ve->conf.hostname,
			     .shm_bytes = UINT64_MAX,
			     .rootfd = -EBADF,
			     .devfd = -EBADF,
			     .pidfd = -EBADF,
			     .sock = -EBADF,
			     .console = { -EBADF, -EBADF, -EBADF, 0 } };
	if (shm && shm < UBC_UNLIMITED / 65536)
		s->shm_bytes = shm * (uint64_t)sysconf(_SC_PAGESIZE);
	/* the VE cannot lift a limit of its devpts, and neither can we: only where nobody else counts */
	if (ptys && ptys < 1U << 20 && !cg_counts(op->cg, CG_NUMPTY))
		s->ptys = (uint32_t)ptys;
	ve_sec_conf(ve, op->cg, &s->sec);
	r = sec_seccomp_get(&s->sec, &s->filter, e);
	if (r >= 0)
		r = s->rootfd = mnt_root_clone(ve->conf.root, e);
	if (r >= 0)
		r = start_make_dev(op, &s->devfd, e);
	if (r >= 0)
		r = spawn_init(s, e);
	s->rootfd = safe_close(s->rootfd);
	s->devfd = safe_close(s->devfd);
	sec_seccomp_done(&s->filter);
	if (r < 0)
		return vz_wrap_exit(e, r, VZ_EXIT_ENV_CREATE, "start init");
	r = start_record_init(op, e);
	if (r < 0)
		spawn_done(s);
	return r;
}

/* Everything that runs in the VE's cgroup dies here, whoever started it. */
int start_kill_down(void *p, struct vz_error *e)
{
	struct start_op *op = p;
	_cleanup_close_ int cg = -EBADF;

	spawn_done(&op->spawn);
	cg = ve_cg_open(op->ve);
	if (cg < 0)
		return 0;
	return vz_wrap_exit(e, cg_kill(cg, KILL_TIMEOUT_MS, e), VZ_EXIT_STOP,
			    "kill the container's processes");
}

int start_net_up(void *p, struct vz_error *e)
{
	struct start_op *op = p;
	const struct ve *ve = op->ve;
	struct net_conf nc = { .ip = ve->conf.ip,
			       .ipv6 = ve->host->ipv6,
			       .ve_index = op->net_index };
	_cleanup_close_ int netns = -EBADF;
	_cleanup_free_ char *list = NULL;
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", op->spawn.init);
	netns = os_openat(AT_FDCWD, path, O_RDONLY, 0, 0);
	if (netns < 0)
		return vz_fail(e, netns, "open the container's network namespace");
	if (strv_len(ve->conf.ip) && strv_join(&list, ve->conf.ip, " ") >= 0)
		log_info(ve->log, "Adding IP address(es): %s", list);
	r = net_up(ve->id, netns, &nc, ve->log, e);
	return vz_wrap_exit(e, r, VZ_EXIT_IP_ADD, "network");
}

int start_net_down(void *p, struct vz_error *e)
{
	struct start_op *op = p;

	return net_down(op->ve->id, e);
}

/* From here the kernel and enter.c find the VE: it runs, though its init is still held. */
int start_publish_up(void *p, struct vz_error *e)
{
	struct start_op *op = p;
	int r = 0;

	/* without a user namespace of its own its processes are the host's to the kernel */
	if (ve_has_userns(op->ve))
		r = cg_started(op->cg, op->spawn.pidfd, op->state.log_first, e);
	if (r < 0)
		return r;
	op->state.running = true;
	return state_write(op->ve, &op->state, e);
}

static int scripts_up(void *p, struct vz_error *e)
{
	struct start_op *op = p;
	int r = dist_apply(op->ve, DIST_ALL, true, e);

	if (r >= 0)
		r = hooks_inside(op->ve, "start", HOOK_TIMEOUT_MS, e);
	return r;
}

static int exec_up(void *p, struct vz_error *e)
{
	struct start_op *op = p;

	return op->hold ? 0 : spawn_go(&op->spawn, e);
}

/* clang-format off */
static const struct stage table[] = {
	{ "clean", start_clean_up, NULL },
	{ "state", start_state_up, start_state_down },
	{ "mount", start_mount_up, start_mount_down },
	{ "cgroup", start_cgroup_up, start_cgroup_down },
	{ "spawn", spawn_up, start_kill_down },
	{ "net", start_net_up, start_net_down },
	{ "publish", start_publish_up, NULL },
	{ "scripts", scripts_up, NULL },
	{ "exec", exec_up, NULL },
};
/* clang-format on */

bool start_interrupted(void *p)
{
	struct start_op *op = p;

	return op->front_gone && op->front_gone(op);
}

/* The downs are not to be interrupted by what they are run for. */
void start_undoing(void *p)
{
	struct start_op *op = p;

	op->ve->hangup_fd = 0;
}

static const struct stages start_stages = { "start", table, ARRAY_SIZE(table), start_interrupted,
					    start_undoing };
static const struct stages stop_stages = { "stop", table, ARRAY_SIZE(table), NULL, NULL };

void start_op_init(struct start_op *op, struct ve *ve, unsigned int flags)
{
	*op = (struct start_op){
		.ve = ve, .flags = flags, .cg = -EBADF, .cg_ve = -EBADF, .slow_fd = -EBADF
	};
	op->spawn.pidfd = op->spawn.sock = op->spawn.rootfd = op->spawn.devfd = -EBADF;
	op->spawn.console = (struct mnt_console){ -EBADF, -EBADF, -EBADF, 0 };
}

int start_run(struct start_op *op, struct vz_error *e)
{
	return stages_up(op->stages ? op->stages : &start_stages, op, e);
}

void start_op_done(struct start_op *op)
{
	if (!op->hold) /* a held init lives by this socket */
		op->spawn.sock = safe_close(op->spawn.sock);
	op->cg = safe_close(op->cg);
	op->cg_ve = safe_close(op->cg_ve);
}

static int clean(const struct ve *ve, bool keep_mount, bool keep_state, struct vz_error *e)
{
	struct start_op op;
	int r;

	/* the downs only read the VE */
	start_op_init(&op, (struct ve *)(uintptr_t)ve, 0);
	op.keep_mount = keep_mount;
	op.keep_state = keep_state;
	r = stages_down(&stop_stages, &op, e);
	start_op_done(&op);
	return r;
}

int ve_cleanup(const struct ve *ve, bool umount, struct vz_error *e)
{
	return clean(ve, !umount, false, e);
}

int ve_end_processes(const struct ve *ve, struct vz_error *e)
{
	return clean(ve, true, true, e);
}
