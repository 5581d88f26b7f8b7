// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The rules for members of a template's archive, one row each.  Refused is what
 * no honest archive holds and what could not be kept with its meaning; defused
 * is what honest archives do hold (devices, labels of the builder's machine).
 * The rules give clear words: containment does not rest on them but on the
 * child's empty world (unpack_child.c) and on the second look (tree.c).
 */
#include "mech/tm/policy.h"

#include <archive.h>
#include <limits.h>
#include <string.h>

#include "base/str.h"

static enum tm_verdict say(char *why, enum tm_verdict v, const char *text)
{
	(void)snprintf(why, TM_WHY_SIZE, "%s", text);
	return v;
}

/* Components of a relative name: how many, or -1 for "..", -2 for an absolute, empty or overlong name. */
static int components(const char *name)
{
	size_t n;
	int depth = 0;

	if (!name || !*name || *name == '/' || strlen(name) >= PATH_MAX)
		return -2;
	for (const char *p = name; *p; p += n + (p[n] == '/')) {
		n = strcspn(p, "/");
		if (n == 2 && p[0] == '.' && p[1] == '.')
			return -1;
		if (n > NAME_MAX)
			return -2;
		if (n > 0 && !(n == 1 && p[0] == '.'))
			depth++;
	}
	return depth;
}

static enum tm_verdict rule_name(struct tm_policy *p, struct archive_entry *ae, char *why)
{
	int depth = components(archive_entry_pathname(ae));

	(void)p;
	if (depth == -1)
		return say(why, TM_REFUSE, "name with '..'");
	if (depth < 0)
		return say(why, TM_REFUSE, "absolute, empty or overlong name");
	if (depth > TM_DEPTH_MAX)
		return say(why, TM_REFUSE, "directories too deep");
	if (depth == 0 && archive_entry_filetype(ae) != AE_IFDIR)
		return say(why, TM_REFUSE, "the root itself is not a directory");
	return TM_KEEP;
}

static enum tm_verdict rule_hardlink(struct tm_policy *p, struct archive_entry *ae, char *why)
{
	const char *to = archive_entry_hardlink(ae);

	(void)p;
	if (to && components(to) < 1)
		return say(why, TM_REFUSE, "hard link to a name out of the tree");
	return TM_KEEP;
}

static enum tm_verdict rule_whiteout(struct tm_policy *p, struct archive_entry *ae, char *why)
{
	const char *name = archive_entry_pathname(ae), *base = strrchr(name, '/');

	(void)p;
	if (str_has_prefix(base ? base + 1 : name, ".wh."))
		return say(why, TM_SKIP, "whiteout");
	return TM_KEEP;
}

static enum tm_verdict rule_type(struct tm_policy *p, struct archive_entry *ae, char *why)
{
	(void)p;
	if (archive_entry_hardlink(ae))
		return TM_KEEP;
	switch (archive_entry_filetype(ae)) {
	case AE_IFREG:
	case AE_IFDIR:
	case AE_IFLNK:
	case AE_IFIFO:
		return TM_KEEP;
	case AE_IFCHR:
	case AE_IFBLK:
		return say(why, TM_SKIP, "device (a container's /dev is made at its start)");
	case AE_IFSOCK:
		return say(why, TM_SKIP, "socket");
	default:
		return say(why, TM_REFUSE, "unknown type of file");
	}
}

static enum tm_verdict rule_owner(struct tm_policy *p, struct archive_entry *ae, char *why)
{
	int64_t uid = archive_entry_uid(ae), gid = archive_entry_gid(ae);

	(void)p;
	if (uid >= 0 && uid < TM_IDS && gid >= 0 && gid < TM_IDS)
		return TM_KEEP;
	(void)snprintf(why, TM_WHY_SIZE, "owner %lld:%lld is not within 0..%u", (long long)uid,
		       (long long)gid, TM_IDS - 1);
	return TM_REFUSE;
}

static enum tm_verdict rule_size(struct tm_policy *p, struct archive_entry *ae, char *why)
{
	int64_t size = archive_entry_size_is_set(ae) ? archive_entry_size(ae) : 0;

	if (++p->members > p->lim.max_members)
		return say(why, TM_REFUSE, "more members than allowed");
	/* sparse files count in full: every reader of the tree has to read their holes */
	if (size < 0 || (uint64_t)size > p->lim.max_bytes - p->bytes)
		return say(why, TM_REFUSE, "unpacked, the archive is larger than allowed");
	p->bytes += (uint64_t)size;
	return TM_KEEP;
}

/*
 * A relative link that climbs over the root means the root when seen from
 * inside ("/.." is "/") and a file of the host's when seen from outside.
 * Dropping the surplus ".." keeps the first meaning and takes the second.
 */
static enum tm_verdict rule_symlink(struct tm_policy *p, struct archive_entry *ae, char *why)
{
	const char *to = archive_entry_symlink(ae);
	char out[PATH_MAX];
	size_t len = 0, n;
	int depth = components(archive_entry_pathname(ae)) - 1;
	bool changed = false;

	(void)p;
	if (archive_entry_filetype(ae) != AE_IFLNK || archive_entry_hardlink(ae))
		return TM_KEEP;
	if (!to || !*to || strlen(to) >= PATH_MAX)
		return say(why, TM_REFUSE, "symbolic link without or with an overlong target");
	if (*to == '/')
		return TM_KEEP;
	for (const char *c = to; *c; c += n + (c[n] == '/')) {
		bool up, here;

		n = strcspn(c, "/");
		up = n == 2 && c[0] == '.' && c[1] == '.';
		here = n == 0 || (n == 1 && c[0] == '.');
		if (up && depth <= 0) {
			changed = true;
			continue;
		}
		depth += up ? -1 : here ? 0 : 1;
		memcpy(out + len, c, n + (c[n] == '/'));
		len += n + (c[n] == '/');
	}
	if (!changed)
		return TM_KEEP;
	if (len == 0)
		out[len++] = '.';
	out[len] = '\0';
	archive_entry_copy_symlink(ae, out);
	return say(why, TM_DEFUSED, "symbolic link out of the tree, cut at the root");
}

static enum tm_verdict rule_xattr(struct tm_policy *p, struct archive_entry *ae, char *why)
{
	struct archive_entry *copy;
	const char *name;
	const void *value;
	size_t n;
	bool bad = false;

	(void)p;
	archive_entry_xattr_reset(ae);
	while (archive_entry_xattr_next(ae, &name, &value, &n) == ARCHIVE_OK)
		bad = bad || !name || !tm_xattr_ok(name);
	if (!bad)
		return TM_KEEP;
	copy = archive_entry_clone(ae);
	if (!copy)
		return say(why, TM_REFUSE, "out of memory");
	archive_entry_xattr_clear(ae);
	archive_entry_xattr_reset(copy);
	while (archive_entry_xattr_next(copy, &name, &value, &n) == ARCHIVE_OK)
		if (name && tm_xattr_ok(name))
			archive_entry_xattr_add_entry(ae, name, value, n);
	archive_entry_free(copy);
	return say(why, TM_DEFUSED,
		   "extended attributes of the building host or of overlayfs dropped");
}

static enum tm_verdict rule_acl(struct tm_policy *p, struct archive_entry *ae, char *why)
{
	const int types = ARCHIVE_ENTRY_ACL_TYPE_ACCESS | ARCHIVE_ENTRY_ACL_TYPE_DEFAULT;
	int type, perm, tag, id;
	const char *name;
	bool bad = false;

	(void)p;
	if (archive_entry_acl_reset(ae, types) == 0)
		return TM_KEEP;
	while (archive_entry_acl_next(ae, types, &type, &perm, &tag, &id, &name) == ARCHIVE_OK)
		if ((tag == ARCHIVE_ENTRY_ACL_USER || tag == ARCHIVE_ENTRY_ACL_GROUP) &&
		    (id < 0 || id >= (int)TM_IDS))
			bad = true;
	if (!bad)
		return TM_KEEP;
	archive_entry_acl_clear(ae);
	return say(why, TM_DEFUSED, "access list naming foreign ids dropped");
}

/* Order matters: names first, then what leaves a member out, then what changes it. */
static enum tm_verdict (*const rules[])(struct tm_policy *, struct archive_entry *, char *) = {
	rule_name, rule_hardlink, rule_whiteout, rule_type, rule_owner,
	rule_size, rule_symlink,  rule_xattr,	 rule_acl,
};

enum tm_verdict tm_policy_judge(struct tm_policy *p, struct archive_entry *ae, char *why)
{
	enum tm_verdict worst = TM_KEEP;

	why[0] = '\0';
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		enum tm_verdict v = rules[i](p, ae, why);

		if (v == TM_REFUSE || v == TM_SKIP)
			return v;
		if (v > worst)
			worst = v;
	}
	return worst;
}
