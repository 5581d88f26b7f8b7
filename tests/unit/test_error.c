/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The story of an error: filled once, wrapped upward, never longer than its buffer. */
#include "base/error.h"

#include "test.h"

#include <errno.h>

static void test_fail_and_wrap(void)
{
	struct vz_error e = { 0 };

	ok_int(vz_fail(&e, -ENOENT, "mount proc on %s", "/vz/root/101"), -ENOENT,
	       "fail returns its code");
	ok_int(e.code, -ENOENT, "fail keeps the code");
	ok_int(e.exit, 0, "fail sets no class");
	ok_int(vz_wrap_exit(&e, -EIO, VZ_EXIT_MOUNT, "mounts"), -EIO, "wrap returns its code");
	ok_str(e.text, "mounts: mount proc on /vz/root/101", "wrap puts context before the story");
	ok_int(e.code, -ENOENT, "wrap keeps the first code");
	ok_int(e.exit, VZ_EXIT_MOUNT, "wrap sets a class where none was");
	ok_int(vz_wrap_exit(&e, -EIO, VZ_EXIT_SYSTEM, "start CT %d", 101), -EIO, "second wrap");
	ok_int(e.exit, VZ_EXIT_MOUNT, "the class nearest to the cause stays");
	ok_str(e.text, "start CT 101: mounts: mount proc on /vz/root/101", "contexts add up");
	vz_error_clear(&e);
	ok(e.code == 0 && e.exit == 0 && e.text[0] == '\0', "clear leaves nothing");
}

static void test_bounds(void)
{
	struct vz_error e = { 0 };
	char big[2 * sizeof(e.text)];

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	ok_int(vz_fail(&e, -EINVAL, "%s", big), -EINVAL, "a long story is cut");
	ok_int(strlen(e.text), sizeof(e.text) - 1, "to its buffer");
	ok_int(vz_wrap(&e, -EINVAL, "ctx"), -EINVAL, "a full story can be wrapped");
	ok(strncmp(e.text, "ctx: xxx", 8) == 0, "the context survives");
	ok_int(strlen(e.text), sizeof(e.text) - 1, "and stays in bounds");
	ok_int(vz_wrap(&e, -EINVAL, "%s", big), -EINVAL, "a context may be too long itself");
	ok_int(strlen(e.text), sizeof(e.text) - 1, "and is cut");
}

static void test_tame(void)
{
	struct vz_error e = { 0 };

	(void)vz_fail(&e, -EINVAL, "name '%s'",
		      "a\nb\033[2Jc\x7f\xc2\x9b"
		      "\xc3\xa9");
	ok_str(e.text, "name 'a?b?[2Jc???\xc3\xa9'",
	       "a hostile name neither breaks the line nor reaches the terminal");
	(void)vz_wrap(&e, -EINVAL, "x\ty");
	ok(strncmp(e.text, "x?y: name", 9) == 0, "nor does one in a context");
}

int main(void)
{
	ok_int(sizeof(struct vz_error), 512, "size is part of the ABI");
	ok_int(vz_fail(NULL, -EPERM, "nobody listens"), -EPERM, "a NULL error is fine");
	ok_int(vz_wrap(NULL, -EPERM, "nobody listens"), -EPERM, "for wrap too");
	test_fail_and_wrap();
	test_bounds();
	test_tame();
	return test_done();
}
