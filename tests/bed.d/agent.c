// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bed-agent: commands in a vm node.
 *
 *   bed-agent serve                       pid 1 of the guest: reaps orphans, serves ports
 *   bed-agent call [-t] DIR ENVFILE CMD   on the machine: run CMD in the guest
 *
 * A virtio-serial port carries one command at a time: DIR/portN is QEMU's socket for it here,
 * /dev/virtio-ports/bed.N its end in the guest. No network is involved, so whatever a test
 * does to the guest's network, firewall or limits, commands still get through.
 *
 * The line is a stream that either end may leave in the middle of anything. Hence frames end
 * with a byte that occurs nowhere else (the content is escaped), and each bears the random
 * number of its session: what is left of another session is dropped, without a handshake.
 *
 *   frame = escaped(type, session[4], payload...) END
 */

#include <stdio.h>
#include <string.h>

#include "agent.h"

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "serve"))
		serve();
	if (argc >= 6 && !strcmp(argv[1], "call") && !strcmp(argv[2], "-t"))
		return call(true, argv[3], argv[4], argv + 5);
	if (argc >= 5 && !strcmp(argv[1], "call"))
		return call(false, argv[2], argv[3], argv + 4);
	fputs("usage: bed-agent serve | call [-t] DIR ENVFILE CMD...\n", stderr);
	return 2;
}
