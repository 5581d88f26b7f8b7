/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keys in the kernel's keyrings, which no dump keeps.  Session keyrings are no
 * loss by themselves: services are given them in passing.  What lies in them
 * shows only to its owner, hence /proc/keys is read with that id for a moment.
 */
#include "mech/cr/check_priv.h"

#include "base/num.h"
#include "base/str.h"
#include "os/os.h"

#include <fcntl.h>
#include <string.h>

#define KEYS_MAX     (4U << 20)
#define MAX_OWNERS   64

/* Put there by systemd for each service, which has it in its environment as well. */
#define SYSTEMDS_OWN "invocation_id"

static int read_as(uid_t uid, char **ret)
{
	int r = os_setfsuid(uid);

	if (r >= 0)
		r = os_read_file_at(AT_FDCWD, "/proc/keys", KEYS_MAX, ret, NULL);
	IGNORE(os_setfsuid(geteuid()));
	return r;
}

/* "22a45ee9 I--Q---     1 perm 3f010000  1000  1000 user      name: 7", of the first that uid owns; NULL */
static char *first_key(char *text, uid_t uid)
{
	for (char *line = text, *next; line && *line; line = next) {
		char *word[9] = { 0 }, *save = NULL, *w;
		uint32_t owner;
		size_t n = 0;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		for (w = strtok_r(line, " ", &save); w && n < ARRAY_SIZE(word);
		     w = strtok_r(NULL, " ", &save))
			word[n++] = w;
		if (n < ARRAY_SIZE(word) || num_parse_u32(word[5], &owner) < 0 || owner != uid)
			continue;
		word[8][strcspn(word[8], ":")] = '\0';
		if (strcmp(word[7], "keyring") != 0 && strcmp(word[8], SYSTEMDS_OWN) != 0)
			return word[8];
	}
	return NULL;
}

int check_keys(struct check *c)
{
	_cleanup_free_ char *users = NULL;
	int r = 0, left = MAX_OWNERS;

	if (!c->t->uid_base || c->t->quick ||
	    os_read_file_at(AT_FDCWD, "/proc/key-users", KEYS_MAX, &users, NULL) < 0)
		return 0;
	for (char *p = users; r >= 0 && p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
		_cleanup_free_ char *keys = NULL;
		uint32_t uid;
		char *found;

		p[strcspn(p, ":")] = '\0';
		r = num_parse_u32(p + strspn(p, " "), &uid);
		p += strlen(p) + 1;
		if (r < 0 || uid < c->t->uid_base || uid - c->t->uid_base >= c->t->uid_count ||
		    left-- <= 0) {
			r = 0;
			continue;
		}
		r = read_as(uid, &keys) >= 0 && (found = first_key(keys, uid))
			    ? check_add(c, ROW_KEYS, NULL, found)
			    : 0;
	}
	return r;
}
