/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stopping always ends: first the VE is asked (halt inside, as its own shell
 * has it), then its cgroup is frozen and killed, then the stages are taken down.
 */
#include "ve/ve.h"

#include "os/os.h"

#include <errno.h>
#include <sys/wait.h>

#define HALT_TIMEOUT_MS 30000

/* Ask init to end; true when it may be waited for. The asking script itself dies of a good halt. */
static bool ask(const struct ve *ve, int timeout_ms)
{
	/* systemd's halt waits for the job's end only with --no-block missing; busybox and sysv know plain halt */
	static const char script[] =
		"if [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1; then\n"
		"  systemctl --no-block poweroff\n"
		"elif command -v poweroff >/dev/null 2>&1; then poweroff\n"
		"else halt; fi\n";
	struct vz_error e = { 0 };
	int r = ve_script(ve, script, NULL, timeout_ms, NULL, &e);

	if (r >= 0 && WIFSIGNALED(r))
		return true;
	if (r != 0)
		log_warn(ve->log, "The container cannot be asked to halt: %s",
			 r < 0 ? e.text : "its halt command failed");
	return r == 0;
}

static int orderly(const struct ve *ve, int init, struct vz_error *e)
{
	uint64_t limit = (uint64_t)ve->conf.stop_timeout * 1000, end, now;
	struct vz_error why = { 0 };
	int r = hooks_inside(ve, "stop", (int)limit, &why);

	/* a script that says no is obeyed; a VE that lets it hang is not */
	if (r == -ETIMEDOUT || r == -EBUSY) {
		log_warn(ve->log, "%s", why.text);
	} else if (r < 0) {
		if (e)
			*e = why;
		return r;
	}
	end = os_now_ms() + limit;
	if (r >= 0 && ask(ve, (int)(limit < HALT_TIMEOUT_MS ? limit : HALT_TIMEOUT_MS))) {
		now = os_now_ms();
		if (os_pidfd_wait(init, now < end ? (int)(end - now) : 0) > 0)
			return 0;
	}
	log_info(ve->log, "Killing container ...");
	return 0;
}

/*
 * What a killed start or stop, or a VE that died with its monitor, left is taken
 * down all the same; a root that was mounted on purpose has no record beside it and stays.
 */
static int stop_remains(const struct ve *ve, unsigned int flags, struct vz_error *e)
{
	struct ve_state s;
	bool interrupted = state_read(ve, &s) >= 0;
	int r = ve_cleanup(ve, interrupted && !(flags & STOP_SKIP_UMOUNT), e);

	if (r < 0)
		return vz_wrap_exit(e, r, VZ_EXIT_STOP, "clean up");
	log_info(ve->log, "Unable to stop: container is not running");
	return 0;
}

int ve_stop(struct ve *ve, unsigned int flags, struct vz_error *e)
{
	_cleanup_close_ int init = state_open_init(ve, NULL);
	int r;

	if (init < 0)
		return stop_remains(ve, flags, e);
	log_info(ve->log, "Stopping container ...");
	if (!(flags & STOP_FAST)) {
		r = ve_wake(ve, e);
		if (r >= 0)
			r = orderly(ve, init, e);
		if (r < 0)
			return r;
	}
	r = ve_end_processes(ve, e);
	if (r < 0)
		return vz_wrap_exit(e, r, VZ_EXIT_STOP, "Unable to stop container");
	log_info(ve->log, "Container was stopped");
	if (!(flags & STOP_SKIP_UMOUNT)) {
		r = ve_umount_root(ve, e);
		if (r < 0)
			return r;
	}
	ve_drop_dump(ve);
	fault_point("stop", "umounted");
	return state_remove(ve, e);
}
