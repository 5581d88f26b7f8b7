/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a monitor has to say when no command listens any more: into LOGFILE, in
 * the shape that vzctl gives its own lines.  The file is opened for each line:
 * a monitor lives for months, and log files are rotated.
 */
#include "ve/ve.h"

#include "base/str.h"
#include "os/os.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

void ve_log_line(void *data, int level, const char *line)
{
	const struct ve *ve = data;
	_cleanup_free_ char *safe = NULL, *text = NULL;
	_cleanup_close_ int fd = -EBADF;
	char when[40] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (!ve->host->logfile || level > VZ_LOG_INFO + ve->host->log_level)
		return;
	if (!localtime_r(&now, &tm) || !strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S%z", &tm) ||
	    str_escape(&safe, line) < 0 ||
	    str_fmt(&text, "%s vz-monitor : CT %u : %s\n", when, ve->id, safe) < 0)
		return;
	fd = os_openat(AT_FDCWD, ve->host->logfile, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW,
		       0600, 0);
	/* one write of one line: others' do not come in between */
	if (fd >= 0)
		IGNORE(write(fd, text, strlen(text)));
}
