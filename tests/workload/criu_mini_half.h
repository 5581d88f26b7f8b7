/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The case "half" of criu_mini.c, which includes this. */
#ifndef CRIU_MINI_HALF_H
#define CRIU_MINI_HALF_H

#include "criu_mini.h"

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

static bool lo_ioctl(unsigned long what, struct ifreq *r)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;

	memcpy(r->ifr_name, "lo", 3);
	rc = s < 0 ? -1 : ioctl(s, what, r);
	close(s);
	return rc == 0;
}

/* ---- a connection that one side has closed, and in the other direction of which nothing was said yet ---- */

static int half_fd[2]; /* the one that was told, and the one that told */
static unsigned int half_window[2];

static unsigned int send_window(int fd)
{
	struct tcp_info i = { 0 };
	socklen_t len = sizeof(i);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &len) == 0 ? i.tcpi_snd_wnd : 1;
}

static void half_windows(void)
{
	for (int i = 0; i < 2; i++)
		half_window[i] = send_window(half_fd[i]);
}

static const char *half_make(void)
{
	struct ifreq r = { .ifr_flags = IFF_UP };
	struct sockaddr_in a = { .sin_family = AF_INET };
	struct sockaddr *sa = (struct sockaddr *)(void *)&a;
	const struct timeval half_second = { .tv_usec = 500000 };
	socklen_t len = sizeof(a);
	int l;
	char c;

	NEED(lo_ioctl(SIOCSIFFLAGS, &r));
	NEED(inet_pton(AF_INET, "127.0.0.1", &a.sin_addr) == 1);
	NEED((l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) >= 0);
	NEED(bind(l, sa, len) == 0 && listen(l, 1) == 0 && getsockname(l, sa, &len) == 0);
	NEED((half_fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) >= 0);
	NEED(connect(half_fd[0], sa, len) == 0);
	NEED((half_fd[1] = accept(l, NULL, NULL)) >= 0 && close(l) == 0);
	NEED(setsockopt(half_fd[1], SOL_SOCKET, SO_RCVTIMEO, &half_second, sizeof(half_second)) ==
	     0);
	NEED(shutdown(half_fd[1], SHUT_WR) == 0 && read(half_fd[0], &c, 1) == 0);
	half_windows();
	return NULL;
}

static const char *half_verify(void)
{
	static char text[64];
	static bool before = true; /* where the other's last word has to be its end */
	char c = 'x';

	for (int i = 0; i < 2; i++) {
		unsigned int now = send_window(half_fd[i]);

		snprintf(text, sizeof(text), "window %d was %u and is %u", i, half_window[i], now);
		if (now != half_window[i])
			return text;
	}
	NEED(before || (write(half_fd[0], &c, 1) == 1 && read(half_fd[1], &c, 1) == 1));
	usleep(200000); /* for the acknowledgement */
	half_windows();
	before = false;
	return NULL;
}

#endif
