/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is known of a started VE: RUNDIR/CTID/state, written by its monitor,
 * believed only where the kernel agrees (a pid counts with its start time).
 */
#include "ve/ve.h"

#include "base/num.h"
#include "base/str.h"
#include "mech/mnt/mnt.h"
#include "os/os.h"

#include <string.h>
#include <vz/ve.h>

int state_dir(const struct ve *ve, char **ret)
{
	return str_fmt(ret, "%s/%u", ve->host->rundir, ve->id);
}

static int state_path(const struct ve *ve, char **ret)
{
	return str_fmt(ret, "%s/%u/state", ve->host->rundir, ve->id);
}

static const char *line_value(const char *line, const char *key)
{
	size_t n = strlen(key);

	return strncmp(line, key, n) == 0 && line[n] == '=' ? line + n + 1 : NULL;
}

/* Numbers of our own writing; a torn or foreign file leaves zeros, which match no process. */
static void parse_line(struct ve_state *s, const char *line)
{
	const char *v;
	uint64_t n = 0;
	const struct {
		const char *key;
		uint64_t *to;
	} numbers[] = {
		{ "init_start", &s->init_start },   { "monitor_start", &s->monitor_start },
		{ "started_ms", &s->started_ms },   { "console_rdev", &s->console_rdev },
		{ "console_dev", &s->console_dev }, { "dev_dev", &s->dev_dev },
		{ "log_first", &s->log_first },
	};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if ((v = line_value(line, numbers[i].key)) && num_parse_u64(v, &n) >= 0)
			*numbers[i].to = n;
	if ((v = line_value(line, "init")) && num_parse_u64(v, &n) >= 0)
		s->init = (pid_t)n;
	if ((v = line_value(line, "monitor")) && num_parse_u64(v, &n) >= 0)
		s->monitor = (pid_t)n;
	if ((v = line_value(line, "running")))
		s->running = strcmp(v, "1") == 0;
	if ((v = line_value(line, "cgroot")))
		(void)snprintf(s->cgroot, sizeof(s->cgroot), "%s", v);
}

int state_read(const struct ve *ve, struct ve_state *ret)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	struct ve_state s = { 0 };
	int r = state_path(ve, &path);

	if (r >= 0)
		r = os_read_file_at(AT_FDCWD, path, 4096, &text, NULL);
	if (r < 0)
		return r;
	for (char *line = text, *next; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		parse_line(&s, line);
	}
	*ret = s;
	return 0;
}

static int format(const struct ve_state *s, char **ret)
{
	const struct {
		const char *key;
		uint64_t value;
	} v[] = {
		{ "init", (uint64_t)s->init },	     { "init_start", s->init_start },
		{ "monitor", (uint64_t)s->monitor }, { "monitor_start", s->monitor_start },
		{ "started_ms", s->started_ms },     { "console_rdev", s->console_rdev },
		{ "console_dev", s->console_dev },   { "dev_dev", s->dev_dev },
		{ "log_first", s->log_first },	     { "running", s->running },
	};
	_cleanup_str_ struct str out = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		str_addf(&out, "%s=%llu\n", v[i].key, (unsigned long long)v[i].value);
	str_addf(&out, "cgroot=%s\n", s->cgroot);
	return str_take(&out, ret);
}

int state_write(const struct ve *ve, const struct ve_state *s, struct vz_error *e)
{
	_cleanup_free_ char *path = NULL, *dir = NULL, *text = NULL;
	int r = state_path(ve, &path);

	if (r >= 0)
		r = state_dir(ve, &dir);
	if (r >= 0)
		r = os_mkdir_private(dir);
	if (r >= 0)
		r = format(s, &text);
	if (r >= 0)
		r = os_replace_file_volatile(path, text, strlen(text), 0600);
	return r < 0 ? vz_fail(e, r, "record the state in %s", path ? path : "the run directory")
		     : 0;
}

int state_remove(const struct ve *ve, struct vz_error *e)
{
	_cleanup_free_ char *dir = NULL;
	int r = state_dir(ve, &dir);

	if (r >= 0)
		r = os_rm_rf_at(AT_FDCWD, dir);
	return r < 0 ? vz_fail(e, r, "remove %s", dir ? dir : "the run directory") : 0;
}

/* A pidfd of pid if it is still the process that started at start. */
static int open_process(pid_t pid, uint64_t start)
{
	_cleanup_close_ int fd = -EBADF;
	uint64_t now;
	int r;

	if (pid <= 0)
		return -ESRCH;
	fd = os_pidfd_open(pid);
	if (fd < 0)
		return fd;
	/* asked after the pidfd was opened: equal means the pidfd is the one meant */
	r = os_starttime(pid, &now);
	if (r < 0)
		return r;
	if (now != start || os_pidfd_wait(fd, 0) != 0)
		return -ESRCH;
	return TAKE_FD(fd);
}

int state_open_init(const struct ve *ve, struct ve_state *ret)
{
	struct ve_state s;
	int r = state_read(ve, &s);

	if (r < 0)
		return -ESRCH;
	if (ret)
		*ret = s;
	if (!s.running)
		return -ESRCH;
	return open_process(s.init, s.init_start);
}

bool ve_is_running(const struct ve *ve)
{
	_cleanup_close_ int fd = state_open_init(ve, NULL);

	return fd >= 0;
}

bool ve_is_mounted(const struct ve *ve)
{
	return ve->conf.root && mnt_root_mounted(ve->conf.root) > 0;
}

static bool has_dump(const struct ve *ve)
{
	_cleanup_free_ char *path = NULL;

	return str_fmt(&path, "%s/Dump.%u", ve->host->dumpdir, ve->id) >= 0 && os_exists(path);
}

int ve_status(const struct ve *ve)
{
	int bits = 0;

	if (ve->have_conf && ve->conf.private && os_exists(ve->conf.private))
		bits |= VZ_EXIST;
	if (ve_is_mounted(ve))
		bits |= VZ_MOUNTED;
	if (ve_is_running(ve))
		bits |= VZ_RUNNING;
	else if (bits & VZ_EXIST && has_dump(ve))
		bits |= VZ_SUSPENDED;
	return bits;
}

int ve_cg_root(const struct ve *ve, char **ret, struct vz_error *e)
{
	struct ve_state s;

	if (state_read(ve, &s) >= 0 && s.cgroot[0]) {
		char *copy = strdup(s.cgroot);

		if (!copy)
			return vz_fail(e, -ENOMEM, "cgroup path");
		*ret = copy;
		return 0;
	}
	return cg_root_find(ve->host->cgroup_root, ret, e);
}

int ve_cg_open(const struct ve *ve)
{
	_cleanup_free_ char *root = NULL;
	int r = ve_cg_root(ve, &root, NULL);

	return r < 0 ? r : cg_open(root, ve->id);
}
