/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keys in the kernel's keyrings.  Session keyrings are no loss by themselves:
 * services are given them in passing.  What lies in them shows only to its
 * owner, hence /proc/keys is read with that id for a moment.
 *
 * Our CRIU takes session keyrings along, with the keys that can be read and one
 * level of keyrings below.  Whose session keyring it is cannot be told, nor what
 * is in a keyring that its owner may not read unless he possesses it: such keys
 * are reported though they may be kept.
 */
#include "mech/cr/check_priv.h"

#include "base/num.h"
#include "base/str.h"
#include "os/os.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KEYS_MAX     (4U << 20)
#define MAX_OWNERS   64
#define MAX_LINKS    1024

/* Put there by systemd for each service, which has it in its environment as well. */
#define SYSTEMDS_OWN "invocation_id"

#define MAY_READ     0x02020000U /* its possessor, its owner */

struct key {
	uint32_t serial;
	uid_t owner;
	char *name;
	bool ring;    /* of those that tasks make themselves */
	bool linked;  /* into such a ring */
	bool payload; /* CRIU can read it */
	bool kept;
};

struct keys {
	struct key *v;
	size_t n;
};
#define _cleanup_keys_ _cleanup_(keys_done)

static void keys_done(struct keys *k)
{
	for (size_t i = 0; i < k->n; i++)
		free(k->v[i].name);
	free(k->v);
}

static int read_as(uid_t uid, char **ret)
{
	int r = os_setfsuid(uid);

	if (r >= 0)
		r = os_read_file_at(AT_FDCWD, "/proc/keys", KEYS_MAX, ret, NULL);
	IGNORE(os_setfsuid(geteuid()));
	return r;
}

/* The kernel's own: of a thread, a process, a user. */
static bool is_own(const char *name)
{
	return str_has_prefix(name, "_tid") || str_has_prefix(name, "_pid") ||
	       str_has_prefix(name, "_uid") || str_has_prefix(name, "_persistent") ||
	       name[0] == '.';
}

/* "22a45ee9 I--Q---     1 perm 3f010000  1000  1000 user      name: 7": 1 when it is uid's, 0, -ENOMEM */
static int parse_key(char *line, uid_t uid, struct key *ret)
{
	char *word[9] = { 0 }, *save = NULL, *w;
	unsigned int serial, perm;
	uint32_t owner;
	size_t n = 0;

	for (w = strtok_r(line, " ", &save); w && n < ARRAY_SIZE(word);
	     w = strtok_r(NULL, " ", &save))
		word[n++] = w;
	if (n < ARRAY_SIZE(word) || num_parse_u32(word[5], &owner) < 0 || owner != uid ||
	    sscanf(word[0], "%x", &serial) != 1 || sscanf(word[4], "%x", &perm) != 1)
		return 0;
	word[8][strcspn(word[8], ":")] = '\0';
	*ret = (struct key){
		.serial = serial,
		.owner = owner,
		.ring = strcmp(word[7], "keyring") == 0,
		.payload = (strcmp(word[7], "user") == 0 || strcmp(word[7], "big_key") == 0) &&
			   perm & MAY_READ,
		.kept = strcmp(word[7], "keyring") == 0 || strcmp(word[8], SYSTEMDS_OWN) == 0,
		.name = strdup(word[8]),
	};
	if (!ret->name)
		return -ENOMEM;
	ret->ring = ret->ring && !is_own(ret->name);
	return 1;
}

static int add_keys(struct keys *k, uid_t uid)
{
	_cleanup_free_ char *text = NULL;
	int r = 0;

	if (read_as(uid, &text) < 0)
		return 0;
	for (char *line = text, *next; r >= 0 && line && *line; line = next) {
		struct key one, *v;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		r = parse_key(line, uid, &one);
		if (r <= 0)
			continue;
		v = reallocarray(k->v, k->n + 1, sizeof(*v));
		if (!v) {
			free(one.name);
			return -ENOMEM;
		}
		k->v = v;
		v[k->n++] = one;
	}
	return r;
}

static struct key *find_key(struct keys *k, uint32_t serial)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->v[i].serial == serial)
			return &k->v[i];
	return NULL;
}

/* What is in a ring, as far as its owner may read it. */
static size_t links_of(const struct key *ring, uint32_t *links)
{
	long n = -1;

	if (os_setfsuid(ring->owner) >= 0)
		n = syscall(SYS_keyctl, KEYCTL_READ, ring->serial, links,
			    MAX_LINKS * sizeof(*links), 0);
	IGNORE(os_setfsuid(geteuid()));
	if (n < 0)
		return 0;
	/* of more, the first are there */
	return (size_t)n / sizeof(*links) < MAX_LINKS ? (size_t)n / sizeof(*links) : MAX_LINKS;
}

static void keep_below(struct keys *k, const struct key *ring, int levels)
{
	uint32_t links[MAX_LINKS];
	size_t n = links_of(ring, links);

	for (size_t i = 0; i < n; i++) {
		struct key *below = find_key(k, links[i]);

		if (!below)
			continue;
		if (below->payload)
			below->kept = true;
		else if (levels > 0)
			keep_below(k, below, levels - 1);
	}
}

static void link_below(struct keys *k, const struct key *ring)
{
	uint32_t links[MAX_LINKS];
	size_t n = links_of(ring, links);

	for (size_t i = 0; i < n; i++) {
		struct key *below = find_key(k, links[i]);

		if (below)
			below->linked = true;
	}
}

/* What our CRIU takes along: a session keyring is one that is in no other. */
static void keep_sessions(struct keys *k)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->v[i].ring)
			link_below(k, &k->v[i]);
	for (size_t i = 0; i < k->n; i++)
		if (k->v[i].ring && !k->v[i].linked)
			keep_below(k, &k->v[i], 1);
}

static bool is_theirs(const struct check *c, uid_t uid)
{
	return uid >= c->t->uid_base && uid - c->t->uid_base < c->t->uid_count;
}

int check_keys(struct check *c)
{
	_cleanup_free_ char *users = NULL;
	_cleanup_keys_ struct keys k = { 0 };
	uid_t told = (uid_t)-1;
	int r, left = MAX_OWNERS;

	if (!c->t->uid_base || c->t->quick ||
	    os_read_file_at(AT_FDCWD, "/proc/key-users", KEYS_MAX, &users, NULL) < 0)
		return 0;
	/* the session keyring that init was left with by who started it */
	r = add_keys(&k, 0);
	for (char *p = users; r >= 0 && p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
		uint32_t uid;

		p[strcspn(p, ":")] = '\0';
		r = num_parse_u32(p + strspn(p, " "), &uid);
		p += strlen(p) + 1;
		r = r >= 0 && is_theirs(c, uid) && left-- > 0 ? add_keys(&k, uid) : 0;
	}
	if (c->t->patched)
		keep_sessions(&k);
	/* one of each owner */
	for (size_t i = 0; r >= 0 && i < k.n; i++) {
		const struct key *one = &k.v[i];

		if (one->kept || one->owner == told || !is_theirs(c, one->owner))
			continue;
		told = one->owner;
		r = check_add(c, ROW_KEYS, NULL, one->name);
	}
	return r < 0 ? r : 0;
}
