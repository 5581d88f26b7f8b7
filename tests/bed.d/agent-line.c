// SPDX-License-Identifier: GPL-2.0-or-later
/* bed-agent: frames on the line. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"

void die(const char *fmt, ...)
{
	va_list ap;

	fputs("bed: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(125);
}

static void buf_reserve(struct buf *b, size_t more)
{
	if (b->room - b->len >= more)
		return;
	b->room = (b->len + more) * 2;
	b->data = realloc(b->data, b->room);
	if (!b->data)
		die("out of memory");
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	buf_reserve(b, len);
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

void buf_drop(struct buf *b, size_t len)
{
	memmove(b->data, b->data + len, b->len - len);
	b->len -= len;
}

static void out_escaped(struct buf *b, const uint8_t *data, size_t len)
{
	buf_reserve(b, len * 2);
	for (size_t i = 0; i < len; i++) {
		if (data[i] == END || data[i] == ESC) {
			b->data[b->len++] = ESC;
			b->data[b->len++] = data[i] ^ FLIP;
		} else {
			b->data[b->len++] = data[i];
		}
	}
}

void link_send(struct link *l, enum type type, const void *data, size_t len)
{
	uint8_t t = type, end = END;

	out_escaped(&l->out, &t, 1);
	out_escaped(&l->out, l->session, sizeof(l->session));
	out_escaped(&l->out, data, len);
	buf_add(&l->out, &end, 1);
}

void link_send_u32(struct link *l, enum type type, uint32_t v)
{
	link_send(l, type, &v, sizeof(v));
}

bool link_flush(struct link *l)
{
	while (l->out.len > 0) {
		ssize_t n = write(l->fd, l->out.data, l->out.len < CHUNK ? l->out.len : CHUNK);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		buf_drop(&l->out, (size_t)n);
	}
	return true;
}

static void link_decode(struct link *l, const uint8_t *data, size_t len, frame_fn *fn, void *ctx)
{
	buf_reserve(&l->in, len);
	for (size_t i = 0; i < len; i++) {
		if (data[i] == END) {
			size_t n = l->in.len;

			l->in.len = 0;
			l->escaped = false;
			if (n >= HEAD)
				fn(ctx, l, l->in.data, n);
		} else if (data[i] == ESC) {
			l->escaped = true;
		} else {
			l->in.data[l->in.len++] = data[i] ^ (l->escaped ? FLIP : 0);
			l->escaped = false;
		}
	}
}

bool link_fill(struct link *l, frame_fn *fn, void *ctx)
{
	uint8_t data[CHUNK];
	ssize_t n = read(l->fd, data, sizeof(data));

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	link_decode(l, data, (size_t)n, fn, ctx);
	return n > 0;
}

bool link_ours(const struct link *l, const uint8_t *frame)
{
	return !memcmp(frame + 1, l->session, sizeof(l->session));
}
