/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which CRIU it is: of its own saying, since what distributions call it says nothing of patches. */
#include "mech/cr/cr.h"

#include <string.h>

#include "os/os.h"

#define TIMEOUT_MS 10000

int cr_version(const char *program, char *buf, size_t size)
{
	char *const argv[] = { (char *)(uintptr_t)program, (char *)"--version", NULL };
	const struct os_exec_opts o = { .timeout_ms = TIMEOUT_MS };
	static const char word[] = "Version: ";
	_cleanup_free_ char *out = NULL;
	const char *at;
	size_t len;
	int r = os_exec(argv, &o, &out);

	if (r < 0)
		return r;
	at = r == 0 && out ? strstr(out, word) : NULL;
	if (!at)
		return -ENOEXEC;
	at += sizeof(word) - 1;
	len = strspn(at, "0123456789abcdefghijklmnopqrstuvwxyz.-+~");
	if (!len || len >= size)
		return -ENOEXEC;
	memcpy(buf, at, len);
	buf[len] = '\0';
	return 0;
}
