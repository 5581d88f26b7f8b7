/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A trigger of a pressure file, over a checkpoint. */
#ifndef WORKLOAD_PRESSURE_H
#define WORKLOAD_PRESSURE_H

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PRESSURE_TRIGGER "some 100000 2000000"
#define PRESSURE_QUIET_S 2
#define PRESSURE_EVENT_S 20

struct pressure {
	int fd, ep;
	char told[96]; /* lines of fdinfo */
};

static void pressure_told(int fd, char *buf, size_t size)
{
	char path[64], line[128];
	FILE *f;

	buf[0] = '\0';
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, "psi-", 4) == 0)
			strncat(buf, line, size - strlen(buf) - 1);
	if (f)
		fclose(f);
}

static bool pressure_privilege(bool on)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];
	const unsigned int bit = 1U << CAP_SYS_RESOURCE;

	if (syscall(SYS_capget, &h, d) < 0)
		return false;
	d[0].effective = on ? d[0].effective | (d[0].permitted & bit) : d[0].effective & ~bit;
	return syscall(SYS_capset, &h, d) == 0;
}

/* Without privilege the kernel measures in another way, which is to be kept as well. */
static const char *pressure_watch(struct pressure *p, const char *path, bool privileged)
{
	struct epoll_event e = { .events = EPOLLPRI };
	bool good;

	if (!pressure_privilege(privileged))
		return "no capabilities";
	p->fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	p->ep = epoll_create1(EPOLL_CLOEXEC);
	good = pressure_privilege(true);
	if (!good || p->fd < 0 || write(p->fd, PRESSURE_TRIGGER, sizeof(PRESSURE_TRIGGER)) < 0)
		return "skip: no trigger can be set";
	if (epoll_ctl(p->ep, EPOLL_CTL_ADD, p->fd, &e) < 0)
		return "no epoll";
	pressure_told(p->fd, p->told, sizeof(p->told));
	return p->told[0] ? NULL : "skip: the kernel does not show triggers";
}

static unsigned int pressure_event(struct pressure *p, int ms)
{
	struct epoll_event e = { 0 };

	return epoll_wait(p->ep, &e, 1, ms) > 0 ? e.events : 0;
}

/* Set as it was, and told of at most once in a window: what was left over, and two that are begun. */
static const char *pressure_kept(struct pressure *p)
{
	char told[sizeof(p->told)];
	struct timespec now, end;

	pressure_told(p->fd, told, sizeof(told));
	if (strcmp(told, p->told) != 0)
		return told[0] ? "another trigger" : "no trigger";
	clock_gettime(CLOCK_MONOTONIC, &end);
	for (int n = 0; n <= 3; n++) {
		unsigned int events;

		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec - end.tv_sec >= PRESSURE_QUIET_S)
			return NULL;
		events = pressure_event(p, PRESSURE_QUIET_S * 1000);
		if (!events)
			return NULL;
		if (events != EPOLLPRI)
			return "polling says that there is an error";
	}
	return "polling spins";
}

/* More tasks that run than there are CPUs: all n are told. */
static const char *pressure_rises(struct pressure *p, int n)
{
	const char *bad = NULL;
	pid_t group = fork();

	if (group == 0) {
		setpgid(0, 0);
		for (long i = 2 * sysconf(_SC_NPROCESSORS_ONLN) + 1; i > 0 && fork(); i--)
			;
		for (;;)
			(void)getppid();
	}
	if (group < 0)
		return "fork";
	setpgid(group, group);
	for (int i = 0; i < n && !bad; i++)
		if (pressure_event(&p[i], PRESSURE_EVENT_S * 1000) != EPOLLPRI)
			bad = "nobody tells of pressure";
	kill(-group, SIGKILL);
	while (waitpid(-group, NULL, 0) > 0)
		;
	return bad;
}

#endif
