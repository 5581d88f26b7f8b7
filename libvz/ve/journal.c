/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The journal of a checkpoint, and recovery from commands that died.
 *
 * What can be told from outside: CRIU, left alone by its caller, rolls back at its next
 * question and leaves the cgroup frozen as it found it; CRIU killed leaves it thawed,
 * with its code in a task and no way to get it out.
 */
#include "ve/cpt.h"

#include "base/num.h"
#include "base/str.h"
#include "mech/cr/cr.h"
#include "mech/net/net.h"
#include "os/os.h"

#include <string.h>

#define CRIU_ENDS_MS 120000

static int journal_path(const struct ve *ve, char **ret)
{
	return str_fmt(ret, "%s/%u/cpt", ve->host->rundir, ve->id);
}

static bool get(char *line, const char *key, const char **ret)
{
	size_t n = strlen(key);

	*ret = line + n + 1;
	return strncmp(line, key, n) == 0 && line[n] == '=';
}

void journal_read(const struct ve *ve, struct cpt_journal *ret)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	char *save = NULL;
	uint64_t n;

	*ret = (struct cpt_journal){ .what = CPT_NONE };
	if (journal_path(ve, &path) < 0 || os_read_file_at(AT_FDCWD, path, 4096, &text, NULL) < 0)
		return;
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		const char *v;

		if (get(l, "path", &v))
			(void)snprintf(ret->path, sizeof(ret->path), "%s", v);
		else if (get(l, "what", &v) && num_parse_u64(v, &n) >= 0 && n <= CPT_RESTORING)
			ret->what = (enum cpt_what)n;
		else if (get(l, "keep", &v))
			ret->keep = *v == '1';
		else if (get(l, "infected", &v))
			ret->infected = *v == '1';
		else if (get(l, "pid", &v) && num_parse_u64(v, &n) >= 0)
			ret->pid = (pid_t)n;
		else if (get(l, "pid_start", &v))
			IGNORE(num_parse_u64(v, &ret->pid_start));
		else if (get(l, "criu", &v) && num_parse_u64(v, &n) >= 0)
			ret->criu = (pid_t)n;
		else if (get(l, "criu_start", &v))
			IGNORE(num_parse_u64(v, &ret->criu_start));
	}
}

int journal_write(const struct ve *ve, const struct cpt_journal *j, struct vz_error *e)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	int r = journal_path(ve, &path);

	if (r >= 0)
		r = str_fmt(&text,
			    "what=%d\nkeep=%d\ninfected=%d\npid=%d\npid_start=%llu\ncriu=%d\n"
			    "criu_start=%llu\npath=%s\n",
			    j->what, j->keep, j->infected, j->pid, (unsigned long long)j->pid_start,
			    j->criu, (unsigned long long)j->criu_start, j->path);
	if (r >= 0)
		r = os_replace_file_volatile(path, text, strlen(text), 0600);
	return r < 0 ? vz_fail(e, r, "write the journal of the checkpoint") : 0;
}

void journal_remove(const struct ve *ve)
{
	_cleanup_free_ char *path = NULL;

	if (journal_path(ve, &path) >= 0)
		(void)unlink(path);
}

bool cpt_is_suspended(const struct ve *ve)
{
	struct cpt_journal j;

	journal_read(ve, &j);
	return j.what == CPT_SUSPENDED && ve_is_running(ve);
}

static bool alive(pid_t pid, uint64_t start)
{
	uint64_t now;

	return pid > 0 && os_starttime(pid, &now) >= 0 && now == start;
}

/* CRIU, orphaned, is on its way back; it is waited for, and ended when it does not come. */
static void wait_criu(const struct cpt_journal *j)
{
	_cleanup_close_ int fd = alive(j->criu, j->criu_start) ? os_pidfd_open(j->criu) : -ESRCH;

	if (fd < 0 || !alive(j->criu, j->criu_start))
		return;
	if (os_pidfd_wait(fd, CRIU_ENDS_MS) > 0)
		return;
	IGNORE(os_pidfd_kill(fd, SIGKILL));
	IGNORE(os_pidfd_wait(fd, 2000));
}

static bool still_frozen(const struct ve *ve)
{
	_cleanup_close_ int cg = ve_cg_open(ve);
	_cleanup_close_ int inner = cg < 0 ? cg : cg_open_ve(cg, NULL);
	_cleanup_free_ char *text = NULL;

	return inner >= 0 && os_read_file_at(inner, "cgroup.freeze", 16, &text, NULL) >= 0 &&
	       text[0] == '1';
}

/* Its init is gone: CRIU had done its work, if the dump was sealed. */
static int complete(struct ve *ve, const struct cpt_journal *j, struct vz_error *e)
{
	int r;

	if (!cr_dump_is_sealed(j->path))
		return cr_dump_discard(j->path, e);
	r = cr_dump_publish(j->path, e);
	if (r >= 0)
		log_warn(ve->log, "An interrupted checkpoint was completed");
	return r;
}

static int give_up(struct ve *ve, const struct cpt_journal *j, struct vz_error *e)
{
	int r = cr_dump_discard(j->path, e);

	if (r < 0)
		return r;
	log_err(ve->log, "CRIU was killed while it had its code in the container's processes: "
			 "they cannot go on, the container is stopped");
	return ve_cleanup(ve, true, e);
}

static int undo(struct ve *ve, struct cpt_journal *j, struct vz_error *e)
{
	int r = cr_dump_discard(j->path, e);

	if (r >= 0 && j->keep) {
		j->what = CPT_SUSPENDED;
		return journal_write(ve, j, e);
	}
	if (r >= 0)
		r = cpt_freeze(ve, false, e);
	if (r >= 0)
		r = net_release(ve->id, NULL, e);
	if (r < 0)
		return r;
	journal_remove(ve);
	log_warn(ve->log, "An interrupted checkpoint was undone: the container runs on");
	return 0;
}

/* A monitor died over a restore: what never ran is taken down, what was let go runs on. */
static int undo_restore(struct ve *ve, const struct cpt_journal *j, struct vz_error *e)
{
	int r;

	if (still_frozen(ve)) {
		log_warn(ve->log, "An interrupted restore was undone: the dump is as it was");
		return ve_cleanup(ve, true, e);
	}
	r = net_release(ve->id, NULL, e);
	if (r >= 0 && !j->keep)
		r = cr_dump_remove(j->path, false, e);
	if (r >= 0)
		journal_remove(ve);
	return r;
}

int cpt_recover(struct ve *ve, struct vz_error *e)
{
	struct cpt_journal j;

	journal_read(ve, &j);
	if ((j.what != CPT_DUMPING && j.what != CPT_RESTORING) || j.pid == getpid())
		return 0;
	if (alive(j.pid, j.pid_start))
		return vz_fail_exit(e, -EBUSY, VZ_EXIT_LOCKED,
				    "Container is being checkpointed or restored by process %d",
				    j.pid);
	if (j.what == CPT_RESTORING)
		return undo_restore(ve, &j, e);
	wait_criu(&j);
	if (!ve_is_running(ve)) {
		int r = complete(ve, &j, e);

		/* what could not be published is tried again by the next command */
		if (r >= 0)
			journal_remove(ve);
		return r;
	}
	if (j.infected && !still_frozen(ve))
		return give_up(ve, &j, e);
	return undo(ve, &j, e);
}
