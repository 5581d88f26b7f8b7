/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The case "keys" of criu_mini.c, which includes this. */
#ifndef CRIU_MINI_KEYS_H
#define CRIU_MINI_KEYS_H

#include "criu_mini.h"

#include <linux/keyctl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/*
 * ---- session keyrings: init's, one that two tasks share of which none is the other's parent, a user's, and one that
 * was revoked ----
 */

enum { KEYS_INIT, KEYS_NAMED, KEYS_ORPHAN, KEYS_USER, KEYS_REVOKED, KEYS_ALL };
static struct {
	pid_t pid;
	int session;
	char text[64], key[64];
	volatile bool said;
} * keys_of; /* shared by all of them */
static int keys_me;

static long keyctl(int cmd, long a, const void *b, const void *c, long d)
{
	return syscall(SYS_keyctl, cmd, a, b, c, d);
}

static int add(const char *type, const char *name, const char *text, int ring)
{
	return (int)syscall(SYS_add_key, type, name, text, text ? strlen(text) : 0, ring);
}

static void keys_tell(int sig)
{
	int key = (int)keyctl(KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", "mine", 0);

	(void)sig;
	keys_of[keys_me].session =
		(int)keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, NULL, NULL, 0);
	memset(keys_of[keys_me].key, 0, sizeof(keys_of->key));
	keyctl(KEYCTL_READ, key, keys_of[keys_me].key, (void *)(sizeof(keys_of->key) - 1), 0);
	keyctl(KEYCTL_DESCRIBE, KEY_SPEC_SESSION_KEYRING, keys_of[keys_me].text,
	       (void *)sizeof(keys_of->text), 0);
	keys_of[keys_me].said = true;
}

static bool keys_begin(int me, const char *ring, const char *text)
{
	keys_me = me;
	keys_of[me].pid = getpid();
	signal(SIGUSR2, keys_tell);
	return !text || (keyctl(KEYCTL_JOIN_SESSION_KEYRING, (long)ring, NULL, NULL, 0) > 0 &&
			 add("user", "mine", text, KEY_SPEC_SESSION_KEYRING) > 0);
}

static bool keys_orphan(void)
{
	return keys_begin(KEYS_ORPHAN, NULL, NULL);
}

static bool keys_named(void)
{
	if (!keys_begin(KEYS_NAMED, "named", "named's"))
		return false;
	if (fork() == 0)
		_exit(stay(keys_orphan) > 0 ? 0 : 1);
	return wait(NULL) > 0;
}

static bool keys_user(void)
{
	return setgid(1000) == 0 && setuid(1000) == 0 && keys_begin(KEYS_USER, NULL, "user's");
}

static bool keys_revoked(void)
{
	return keys_begin(KEYS_REVOKED, NULL, "revoked") &&
	       keyctl(KEYCTL_REVOKE, KEY_SPEC_SESSION_KEYRING, NULL, NULL, 0) == 0;
}

static const char *keys_make(void)
{
	int ring, key;

	keys_of = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	NEED(keys_of != MAP_FAILED);
	NEED(keys_begin(KEYS_INIT, NULL, "init's"));
	NEED((ring = add("keyring", "ring", NULL, KEY_SPEC_SESSION_KEYRING)) > 0);
	NEED((key = add("user", "inner", "inside", ring)) > 0);
	NEED(keyctl(KEYCTL_SETPERM, key, (void *)0x1b010000, NULL, 0) == 0);
	NEED((key = add("user", "soon", "over", KEY_SPEC_SESSION_KEYRING)) > 0);
	NEED(keyctl(KEYCTL_SET_TIMEOUT, key, (void *)7200, NULL, 0) == 0);
	NEED(stay(keys_named) > 0);
	NEED(stay(keys_user) > 0);
	NEED(stay(keys_revoked) > 0);
	return NULL;
}

static bool keys_expire(int key)
{
	FILE *f = fopen("/proc/keys", "re");
	char line[256], when[32] = "";
	unsigned int id = 0;

	while (f && id != (unsigned int)key && fgets(line, sizeof(line), f))
		sscanf(line, "%x %*s %*s %31s", &id, when);
	if (f)
		fclose(f);
	return id == (unsigned int)key && (!strcmp(when, "1h") || !strcmp(when, "2h"));
}

static const char *keys_verify(void)
{
	/* not even its parent's */
	static const char *const text[KEYS_ALL] = { "init's", "named's", "named's", "user's", "" };
	static const char *const ring[KEYS_ALL] = {
		"keyring;0;0;3f030000;_ses",
		"keyring;0;0;3f130000;named",
		"keyring;0;0;3f130000;named",
		"keyring;1000;1000;3f030000;_ses",
	};
	static char bad[200];
	char got[64] = "";
	int key;

	for (int i = 0; i < KEYS_ALL; i++) {
		keys_of[i].said = false;
		NEED(kill(keys_of[i].pid, SIGUSR2) == 0);
		for (int n = 0; n < 500 && !keys_of[i].said; n++)
			usleep(10000);
		NEED(keys_of[i].said);
		snprintf(bad, sizeof(bad), "task %d has %s with %s", i, keys_of[i].text,
			 keys_of[i].key);
		if ((ring[i] && strcmp(keys_of[i].text, ring[i]) != 0) ||
		    strcmp(keys_of[i].key, text[i]) != 0)
			return bad;
	}
	if (keys_of[KEYS_NAMED].session != keys_of[KEYS_ORPHAN].session)
		return "the keyring is not shared any more";
	key = (int)keyctl(KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", "inner", 0);
	NEED(key > 0);
	NEED(keyctl(KEYCTL_READ, key, got, (void *)sizeof(got), 0) == 6 && !strcmp(got, "inside"));
	NEED(keyctl(KEYCTL_DESCRIBE, key, got, (void *)sizeof(got), 0) > 0);
	if (strcmp(got, "user;0;0;1b010000;inner") != 0)
		return "other permissions";
	key = (int)keyctl(KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", "soon", 0);
	NEED(key > 0);
	return keys_expire(key) ? NULL : "the key does not expire any more";
}

/* Somebody outside, with an empty keyring of that name which all may find: how many keys has it got in the end? */
static int keys_hold(const char *name, const char *file)
{
	sigset_t usr1;
	FILE *f;
	int sig;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	if (keyctl(KEYCTL_JOIN_SESSION_KEYRING, (long)name, NULL, NULL, 0) < 0 ||
	    keyctl(KEYCTL_SETPERM, KEY_SPEC_SESSION_KEYRING, (void *)0x3f3f3f3f, NULL, 0) < 0)
		return 1;
	for (const char *what = "held";; what = "keys") {
		f = fopen(file, "we");
		if (!f)
			return 1;
		fprintf(f, "%s %ld\n", what,
			keyctl(KEYCTL_READ, KEY_SPEC_SESSION_KEYRING, NULL, NULL, 0) /
				(long)sizeof(int));
		fclose(f);
		sigwait(&usr1, &sig);
	}
}

#endif
