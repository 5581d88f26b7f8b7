/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bed-agent: what its parts share. agent.c tells what it is for. */
#ifndef BED_AGENT_H
#define BED_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ESC = 0x7d, END = 0x7e, FLIP = 0x20 };
enum { HEAD = 5, CHUNK = 16384, WINDOW = 65536 };
enum type {
	EXEC = 'x',   /* to the guest: environment strings, an empty one, argument strings */
	STDIN = 'i',  /* to the guest: at most WINDOW bytes ahead of what ACK told */
	EOFIN = 'e',  /* to the guest: end of stdin */
	ACK = 'a',    /* to us: uint32_t bytes of stdin were taken by the command */
	STDOUT = 'o', /* to us */
	STDERR = 'r', /* to us */
	EXITED = 'q', /* to us: uint32_t exit status as a shell tells it */
};

struct buf {
	uint8_t *data;
	size_t len, room;
};

struct link {
	int fd;
	uint8_t session[4];
	struct buf in;	/* the frame being received, unescaped */
	struct buf out; /* bytes still to be written */
	bool escaped;
};

/* Called for each frame that came whole: its first byte is the type, its payload begins at HEAD. */
typedef void frame_fn(void *ctx, struct link *l, uint8_t *frame, size_t len);

_Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void buf_add(struct buf *b, const void *data, size_t len);
void buf_drop(struct buf *b, size_t len);
bool link_ours(const struct link *l, const uint8_t *frame);
void link_send(struct link *l, enum type type, const void *data, size_t len);
void link_send_u32(struct link *l, enum type type, uint32_t v);
/* Writes what can be written now; false: the line is broken. */
bool link_flush(struct link *l);
/* One read; false: end of the line. */
bool link_fill(struct link *l, frame_fn *fn, void *ctx);

_Noreturn void serve(void);
int call(bool tty, const char *dir, const char *envfile, char **argv);

#endif
