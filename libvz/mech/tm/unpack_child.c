// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The distrusted half of unpacking: libarchive on hostile bytes, in a process
 * that owns nothing (confine.c).  It must not know names, stores or digests;
 * what it says is shown escaped, what it made is looked at again (tree.c).
 */
#include "mech/tm/policy.h"

#include <archive.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "os/os.h"

#define NOTES_MAX   1000	/* what is said of them; all are counted */
#define RATIO_FLOOR (64U << 20) /* small archives may be as dense as they like */

struct job {
	const struct tm_confine *c;
	struct tm_policy policy;
	uint64_t in, out, notes;
	uint8_t buf[1 << 16];
};

static _Noreturn void speak(struct job *j, int type, int code, const char *what, const char *why)
{
	struct tm_unpack_msg m = {
		.type = type, .code = code, .members = j->policy.members, .notes = j->notes
	};

	(void)snprintf(m.text, sizeof(m.text), "%s%s%.300s", what, why && *why ? ": " : "",
		       why ? why : "");
	_exit(os_send_fds(j->c->msg, &m, sizeof(m), NULL, 0) < 0 || type == TM_MSG_REFUSED);
}

static void note(struct job *j, const char *name, const char *did, const char *why)
{
	struct tm_unpack_msg m = { .type = TM_MSG_NOTE };

	if (j->notes++ >= NOTES_MAX)
		return;
	(void)snprintf(m.text, sizeof(m.text), "%.250s: %s%s", name ? name : "?", did, why);
	IGNORE(os_send_fds(j->c->msg, &m, sizeof(m), NULL, 0));
}

static _Noreturn void refused(struct job *j, struct archive_entry *ae, const char *why)
{
	const char *name = ae ? archive_entry_pathname(ae) : NULL;
	char what[300];

	(void)snprintf(what, sizeof(what), "refused%s%.250s", name ? ": " : "", name ? name : "");
	speak(j, TM_MSG_REFUSED, -EBADMSG, what, why);
}

/* libarchive's own word; a full disk is not the archive's fault. */
static _Noreturn void refused_by(struct job *j, struct archive *a, struct archive_entry *ae)
{
	int en = archive_errno(a);

	if (en == ENOSPC || en == EDQUOT)
		speak(j, TM_MSG_REFUSED, -ENOSPC, "no space left for the unpacked tree", NULL);
	refused(j, ae, archive_error_string(a) ? archive_error_string(a) : "malformed archive");
}

/* ---- unpacking ---- */

static la_ssize_t next_bytes(struct archive *a, void *data, const void **buf)
{
	struct job *j = data;
	ssize_t n;

	do
		n = read(j->c->stream, j->buf, sizeof(j->buf));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		archive_set_error(a, errno, "read");
	else
		j->in += (uint64_t)n;
	*buf = j->buf;
	return n;
}

static void check_ratio(struct job *j)
{
	if (j->out > RATIO_FLOOR && j->out / j->policy.lim.max_ratio > j->in)
		refused(j, NULL, "unpacks to too many times its size (a decompression bomb?)");
}

static void copy_data(struct job *j, struct archive *in, struct archive *out,
		      struct archive_entry *ae)
{
	const void *buf;
	size_t n;
	la_int64_t off;
	int r;

	for (;;) {
		r = archive_read_data_block(in, &buf, &n, &off);
		if (r == ARCHIVE_EOF)
			return;
		if (r < ARCHIVE_WARN)
			refused_by(j, in, ae);
		j->out += n;
		check_ratio(j);
		if (archive_write_data_block(out, buf, n, off) < ARCHIVE_WARN)
			refused_by(j, out, ae);
	}
}

static void one_member(struct job *j, struct archive *in, struct archive *out,
		       struct archive_entry *ae)
{
	char why[TM_WHY_SIZE];
	enum tm_verdict v = tm_policy_judge(&j->policy, ae, why);
	int r;

	check_ratio(j);
	if (v == TM_REFUSE)
		refused(j, ae, why);
	if (v == TM_SKIP) {
		note(j, archive_entry_pathname(ae), "left out: ", why);
		return;
	}
	if (v == TM_DEFUSED)
		note(j, archive_entry_pathname(ae), "", why);
	r = archive_write_header(out, ae);
	if (r < ARCHIVE_WARN)
		refused_by(j, out, ae);
	if (r == ARCHIVE_WARN)
		note(j, archive_entry_pathname(ae), "", archive_error_string(out));
	if (archive_entry_size(ae) > 0)
		copy_data(j, in, out, ae);
	r = archive_write_finish_entry(out);
	if (r < ARCHIVE_WARN)
		refused_by(j, out, ae);
	if (r == ARCHIVE_WARN)
		note(j, archive_entry_pathname(ae), "", archive_error_string(out));
}

/* No program filters, no formats but tar. */
static struct archive *reader(struct job *j)
{
	struct archive *a = archive_read_new();

	if (!a || archive_read_support_format_tar(a) < ARCHIVE_WARN ||
	    archive_read_support_filter_gzip(a) != ARCHIVE_OK ||
	    archive_read_support_filter_bzip2(a) != ARCHIVE_OK ||
	    archive_read_support_filter_xz(a) != ARCHIVE_OK ||
	    archive_read_support_filter_zstd(a) != ARCHIVE_OK)
		speak(j, TM_MSG_REFUSED, -ENOSYS,
		      "libarchive lacks a decoder for gzip, bzip2, xz or zstd", NULL);
	if (archive_read_open(a, j, NULL, next_bytes, NULL) != ARCHIVE_OK)
		refused_by(j, a, NULL);
	return a;
}

static _Noreturn void unpack(struct job *j)
{
	struct archive *in = reader(j), *out = archive_write_disk_new();
	struct archive_entry *ae;
	int r;

	if (!out ||
	    archive_write_disk_set_options(
		    out, ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME |
				 ARCHIVE_EXTRACT_XATTR | ARCHIVE_EXTRACT_ACL |
				 ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NODOTDOT |
				 ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS) != ARCHIVE_OK)
		speak(j, TM_MSG_REFUSED, -ENOMEM, "out of memory", NULL);
	while ((r = archive_read_next_header(in, &ae)) != ARCHIVE_EOF) {
		if (r < ARCHIVE_WARN)
			refused_by(j, in, NULL);
		one_member(j, in, out, ae);
	}
	if (archive_write_close(out) < ARCHIVE_WARN)
		refused_by(j, out, NULL);
	if (!j->policy.members)
		refused(j, NULL, "the archive is empty");
	/* what follows the end of the archive counts for its digest only */
	while (read(j->c->stream, j->buf, sizeof(j->buf)) > 0)
		;
	speak(j, TM_MSG_DONE, 0, "", NULL);
}

static _Noreturn void confined(const struct tm_confine *c)
{
	struct job *j = calloc(1, sizeof(*j));
	const char *step = NULL;
	int r;

	if (!j)
		_exit(1);
	j->c = c;
	j->policy.lim = c->lim;
	(void)umask(022);
	r = tm_confine(c, &step);
	if (r < 0)
		speak(j, TM_MSG_REFUSED, r, "confine the unpacking child", step);
	unpack(j);
}

_Noreturn void tm_unpack_child(const struct tm_confine *c)
{
	const int fds[] = { c->stream, c->msg, c->tree, c->userns };
	int status;
	pid_t pid;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || tm_keep_only(fds, ARRAY_SIZE(fds)) < 0)
		_exit(1);
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID) < 0)
		_exit(1);
	pid = fork();
	if (pid < 0)
		_exit(1);
	if (pid == 0)
		confined(c);
	/* we only wait; our copies would keep the other side from seeing the child's end */
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		(void)close(fds[i]);
	if (os_reap(pid, &status) < 0)
		_exit(1);
	if (WIFSIGNALED(status)) {
		(void)signal(WTERMSIG(status), SIG_DFL);
		(void)raise(WTERMSIG(status));
	}
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}
