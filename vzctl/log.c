// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where the library's messages go: errors to stderr, chatter to stdout (some
 * clients take any stderr text for a failure, others read the milestones from
 * stdout), and both to the log file.  Commands whose stdout is their result
 * keep it clean.  Levels of vz.conf count from OpenVZ's zero, which is our INFO.
 */
#include "cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
	int console; /* highest level shown */
	int file_level;
	int fd; /* of the log file; -1: none */
	bool direct;
	uint32_t ctid, name_ve;
} sink = { .console = VZ_LOG_INFO, .fd = -1 };

static void to_file(const char *text)
{
	char when[40] = "", zone[8] = "";
	time_t now = time(NULL);
	struct tm tm;
	_cleanup_free_ char *line = NULL;

	if (sink.fd < 0 || !localtime_r(&now, &tm))
		return;
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	strftime(zone, sizeof(zone), "%z", &tm);
	line = xfmt("%s%s vzctl : CT %u : %s\n", when, zone, sink.ctid, text);
	/* one write of one line: runs of vzctl side by side do not mix theirs */
	if (write(sink.fd, line, strlen(line)) < 0)
		sink.fd = -1;
}

static void on_line(void *data, int level, const char *line)
{
	_cleanup_free_ char *text = cli_escape(line);
	FILE *f = level < 0 || sink.direct ? stderr : stdout;

	(void)data;
	if (level <= sink.console) {
		if (sink.name_ve)
			fprintf(f, "CT %u: ", sink.name_ve);
		fprintf(f, "%s\n", text);
		fflush(f);
	}
	if (level <= sink.file_level)
		to_file(text);
}

void log_say(int level, const char *fmt, ...)
{
	_cleanup_free_ char *line = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&line, fmt, ap) < 0)
		line = NULL;
	va_end(ap);
	if (line)
		on_line(NULL, level, line);
}

static int host_level(struct vz *vz, const char *key)
{
	const char *v = vz_host_param(vz, key);
	uint64_t n;

	return v && cli_number(v, 9, &n) ? (int)n : 0;
}

void log_start(struct cli *c)
{
	const char *logging = vz_host_param(c->vz, "LOGGING");
	const char *path = vz_host_param(c->vz, "LOGFILE");
	int verbose = c->verbose ? c->verbose : host_level(c->vz, "VERBOSE");

	sink.ctid = c->ctid;
	sink.direct = c->cmd->flags & CMD_DIRECT;
	sink.console = c->quiet			    ? VZ_LOG_ERR - 1
		       : sink.direct && !c->verbose ? VZ_LOG_ERR
						    : VZ_LOG_INFO + verbose;
	sink.file_level = VZ_LOG_INFO + host_level(c->vz, "LOG_LEVEL");
	if (path && !(logging && strcmp(logging, "no") == 0) && !(c->cmd->flags & CMD_NO_LOGFILE))
		sink.fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (sink.fd < 0)
		sink.file_level = VZ_LOG_ERR - 1;
	vz_set_log(c->vz, on_line, NULL,
		   sink.console > sink.file_level ? sink.console : sink.file_level);
}

void log_name_ve(uint32_t ctid)
{
	sink.name_ve = sink.ctid = ctid;
}
