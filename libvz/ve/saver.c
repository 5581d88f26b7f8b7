/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The process that saves beside CRIU. It ends with who started it, and tells by one message how it went. */
#include "ve/saved.h"

#include "os/os.h"

#include <signal.h>
#include <sys/prctl.h>

int saver_start(struct saver *s, const struct save *what, struct vz_error *e)
{
	struct vz_error told = { 0 };
	int pair[2], r = os_seqpacket_pair(pair);

	if (r < 0)
		return vz_fail(e, r, "make a socket pair");
	s->pid = os_fork(&s->pidfd);
	if (s->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		IGNORE(saved_write(what, &told));
		IGNORE(os_send_fds(pair[1], &told, sizeof(told), NULL, 0));
		_exit(0);
	}
	(void)safe_close(pair[1]);
	s->sock = pair[0];
	return s->pid < 0 ? vz_fail(e, s->pid, "fork to save the container's state") : 0;
}

int saver_end(struct saver *s, struct vz_error *e)
{
	struct vz_error told = { 0 };
	int r = os_recv_fds(s->sock, &told, sizeof(told), NULL, 0);

	if (r < 0)
		return vz_fail(e, r, "save the container's state");
	if (told.code < 0 && e)
		*e = told;
	return told.code;
}

void saver_done(struct saver *s)
{
	if (s->pid > 0)
		IGNORE(os_kill_reap(s->pid, s->pidfd, NULL));
	s->pid = 0;
	s->pidfd = safe_close(s->pidfd);
	s->sock = safe_close(s->sock);
}
