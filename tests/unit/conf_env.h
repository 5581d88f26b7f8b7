/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A directory with vz.conf, conf/ and names/ of its own, for tests of conf/. */
#ifndef TEST_CONF_ENV_H
#define TEST_CONF_ENV_H

#include "base/str.h"
#include "conf/conf.h"
#include "os/os.h"

#include "test.h"

#include <stdarg.h>

struct env {
	char *dir;
	struct host_config h;
	char warnings[4096]; /* all lines of the logger */
	struct logger log;
};

#define MUST(call)                                                                  \
	do {                                                                        \
		if ((call) < 0) {                                                   \
			printf("Bail out! %s:%d: %s\n", __FILE__, __LINE__, #call); \
			exit(EXIT_FAILURE);                                         \
		}                                                                   \
	} while (0)

static inline void env_log(void *data, int level, const char *line)
{
	struct env *v = data;
	size_t n = strlen(v->warnings);

	(void)level;
	(void)snprintf(v->warnings + n, sizeof(v->warnings) - n, "%s\n", line);
}

/* dir/NAME as a path; in a small ring of buffers */
__attribute__((format(printf, 2, 3))) static inline const char *env_path(const struct env *v,
									 const char *fmt, ...)
{
	static char buf[4][512];
	static unsigned int turn;
	char *p = buf[turn++ % 4];
	int n = snprintf(p, sizeof(buf[0]), "%s/", v->dir);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(p + n, sizeof(buf[0]) - (size_t)n, fmt, ap);
	va_end(ap);
	return p;
}

static inline void env_write(const struct env *v, const char *name, const char *text)
{
	MUST(os_replace_file_volatile(env_path(v, "%s", name), text, strlen(text), 0644));
}

static inline char *env_read(const struct env *v, const char *name)
{
	char *text;

	MUST(os_read_file_at(AT_FDCWD, env_path(v, "%s", name), 1 << 20, &text, NULL));
	return text;
}

static inline void env_load(struct env *v, const char *vz_conf)
{
	struct vz_error e = { 0 };

	host_config_done(&v->h);
	env_write(v, "vz.conf", vz_conf);
	if (host_config_load(&v->h, env_path(v, "vz.conf"), &v->log, &e) < 0) {
		printf("Bail out! %s\n", e.text);
		exit(EXIT_FAILURE);
	}
}

static inline void env_up(struct env *v, const char *vz_conf)
{
	const char *tmp = getenv("TMPDIR");

	*v = (struct env){ 0 };
	v->log = (struct logger){ env_log, v, VZ_LOG_WARN };
	MUST(asprintf(&v->dir, "%s/vzunit.XXXXXX", tmp ? tmp : "/tmp"));
	MUST(mkdtemp(v->dir) ? 0 : -1);
	MUST(os_mkdir_p(env_path(v, "conf"), 0755));
	MUST(os_mkdir_p(env_path(v, "names"), 0755));
	env_load(v, vz_conf);
}

static inline void env_down(struct env *v)
{
	host_config_done(&v->h);
	MUST(os_rm_rf_at(AT_FDCWD, v->dir));
	free(v->dir);
}

#endif
