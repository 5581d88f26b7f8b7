/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Relays between the caller's terminal or pipes and a VE.  A VE never gets a
 * descriptor of the caller's: neither a terminal (TIOCSTI) nor a file or a pipe.
 */
#ifndef MECH_TTY_H
#define MECH_TTY_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Copy the caller's 0 to `in`, `out` to 1 and `err` to 2 until the process of pidfd has ended; what it
 * left in the pipes is still delivered, a background child holding them open is not waited for. Closes
 * in, out and err. A caller's stdout that goes away ends the relay, not the command.
 */
int tty_relay_pipes(int pidfd, int in, int out, int err, struct vz_error *e) _must_check_;

/*
 * The caller's terminal in raw mode on a pty master until it hangs up or pidfd (may be -1) ends. typed:
 * bytes fed first, or NULL. detach: 'Esc .' at the start of a line ends the relay (returns 1).
 * Window size follows SIGWINCH. The terminal is put back on every path.
 */
int tty_relay_pty(int pidfd, int master, const char *typed, bool detach, struct vz_error *e)
	_must_check_;

/* The console server of a VE's monitor: one pty (both ends), any number of clients on a listening
 * socket, the last bytes of output kept for the next client. Owns the descriptors on success. */
struct tty_console;
int tty_console_new(struct tty_console **ret, int master, int slave, int listener) _must_check_;
struct tty_console *tty_console_free(struct tty_console *c);
/* As if the VE had said this before. */
void tty_console_remember(struct tty_console *c, const char *buf, size_t n);
/* Wait for events until pidfd ends (returns 1) or an error; never blocks on a slow client. */
int tty_console_run(struct tty_console *c, int pidfd) _must_check_;
/* Listening unix socket at path (0600), an old one is replaced; and the client's side. */
int tty_console_listen(const char *path) _must_check_;
int tty_console_connect(const char *path) _must_check_;

#endif
