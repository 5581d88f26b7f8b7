/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The case "sender" of criu_mini.c, which includes this. */
#ifndef CRIU_MINI_SENDER_H
#define CRIU_MINI_SENDER_H

#include "criu_mini.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* ---- messages that wait, of which the reader is told when they were sent and by whom: journald's socket ---- */

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif
#define SENDER_UID  1000 /* who stays; the next one is gone */
#define SENDER_TEXT "message"

static int sender_sk[2];
static pid_t sender_pid;
static bool sender_pidfds; /* Linux 6.5 */

/* What is told with a message. */
struct sender {
	struct ucred uc;
	bool timed, pidfd;
};

static bool sender_sends(uid_t id)
{
	return setgroups(0, NULL) == 0 && setresgid(id + 100, id + 100, id + 100) == 0 &&
	       setresuid(id, id, id) == 0 &&
	       write(sender_sk[1], SENDER_TEXT, sizeof(SENDER_TEXT)) == sizeof(SENDER_TEXT);
}

static bool sender_stays(void)
{
	return sender_sends(SENDER_UID);
}

static bool sender_option(int name, int value)
{
	return setsockopt(sender_sk[0], SOL_SOCKET, name, &value, sizeof(value)) == 0;
}

static const char *sender_make(void)
{
	int status;
	pid_t pid;

	NEED(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sender_sk) == 0);
	NEED(sender_option(SO_PASSCRED, 1) && sender_option(SO_TIMESTAMP, 1));
	sender_pidfds = sender_option(SO_PASSPIDFD, 1);
	NEED((sender_pid = stay(sender_stays)) > 0);
	pid = fork();
	if (pid == 0)
		_exit(!sender_sends(SENDER_UID + 1));
	NEED(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
	return NULL;
}

/* The next message, which stays in the queue. */
static bool sender_peek(struct sender *s)
{
	char text[64], control[256];
	struct iovec iov = { text, sizeof(text) };
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(sender_sk[0], &mh, MSG_PEEK | MSG_DONTWAIT) != sizeof(SENDER_TEXT) ||
	    strcmp(text, SENDER_TEXT) != 0)
		return false;
	*s = (struct sender){ 0 };
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&mh); c; c = CMSG_NXTHDR(&mh, c))
		if (c->cmsg_type == SCM_CREDENTIALS) {
			memcpy(&s->uc, CMSG_DATA(c), sizeof(s->uc));
		} else if (c->cmsg_type == SCM_TIMESTAMP) {
			s->timed = true;
		} else {
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
			s->pidfd = close(fd) == 0;
		}
	return true;
}

static const char *sender_verify(void)
{
	static char text[96];
	struct sender s;

	NEED(sender_option(SO_PEEK_OFF, 0));
	NEED(sender_peek(&s) && s.timed && s.pidfd == sender_pidfds);
	snprintf(text, sizeof(text), "sender %d %u:%u, not %d", s.uc.pid, s.uc.uid, s.uc.gid,
		 sender_pid);
	if (s.uc.pid != sender_pid || s.uc.uid != SENDER_UID || s.uc.gid != SENDER_UID + 100)
		return text;
	/* the number of one that is gone cannot be had again */
	NEED(sender_peek(&s) && s.timed);
	NEED(s.uc.pid > 0 && s.uc.uid == SENDER_UID + 1 && s.uc.gid == SENDER_UID + 101);
	NEED(!sender_peek(&s) && errno == EAGAIN);
	NEED(sender_option(SO_PEEK_OFF, -1));
	return NULL;
}

#endif
