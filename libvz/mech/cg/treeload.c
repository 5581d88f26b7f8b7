/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading the text of treesave.c.  Strict, because it comes from a file: every word
 * is checked and every number bounded, a directory stands after its parent, and a
 * path has only names in it.  Knows no kernel.
 */
#include "mech/cg/cg.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/str.h"
#include "mech/cg/priv.h"

/* The next word, cut off at the blank behind it; NULL at the end. */
static char *word(char **p)
{
	char *w = *p;
	size_t n = strcspn(w, " ");

	if (!n)
		return NULL;
	*p = w + n + (w[n] == ' ');
	w[n] = '\0';
	return w;
}

static int parse_id(char **p, bool host, uint32_t *ret)
{
	const char *w = word(p);

	if (w && host && strcmp(w, "-") == 0) {
		*ret = TREE_HOST;
		return 0;
	}
	return !w || num_parse_u32(w, ret) < 0 || *ret == TREE_HOST ? -EBADMSG : 0;
}

static int parse_mode(char **p, mode_t *ret)
{
	const char *w = word(p);
	mode_t m = 0;

	if (!w || strlen(w) > 3)
		return -EBADMSG;
	for (; *w; w++) {
		if (*w < '0' || *w > '7')
			return -EBADMSG;
		m = m * 8 + (mode_t)(*w - '0');
	}
	*ret = m;
	return 0;
}

/* A file name of a cgroup directory, or "." */
static bool is_file(const char *s)
{
	if (strcmp(s, ".") == 0)
		return true;
	return *s && strlen(s) <= NAME_MAX && !strchr(s, '/') && strcmp(s, "..") != 0;
}

/* "." or names with single slashes between, none of them special */
static bool is_path(const char *s)
{
	unsigned int depth = 0;

	if (strcmp(s, ".") == 0)
		return true;
	if (strlen(s) >= PATH_MAX)
		return false;
	for (const char *p = s;; p++) {
		const size_t n = strcspn(p, "/");

		if (!n || n > NAME_MAX || ++depth > TREE_MAX_DEPTH ||
		    (p[0] == '.' && (n == 1 || (n == 2 && p[1] == '.'))))
			return false;
		p += n;
		if (!*p)
			return true;
	}
}

/* Does the directory above this one stand before it? The last one seen is it, or beneath a sibling. */
static bool has_parent(const struct cg_tree *t, const char *path)
{
	const char *slash = strrchr(path, '/');
	const size_t n = slash ? (size_t)(slash - path) : 0;

	if (!t->dirs || strcmp(path, ".") == 0)
		return !t->dirs && strcmp(path, ".") == 0;
	if (!n)
		return true;
	for (size_t i = t->n; i-- > 0;)
		if (t->v[i].kind == TREE_DIR && strncmp(t->v[i].a, path, n) == 0 &&
		    (!t->v[i].a[n] || t->v[i].a[n] == '/'))
			return true;
	return false;
}

static int parse_dir(struct cg_tree *t, char *p, struct tree_line *l)
{
	if (parse_id(&p, true, &l->uid) < 0 || parse_id(&p, true, &l->gid) < 0 ||
	    (l->uid == TREE_HOST) != (l->gid == TREE_HOST) || !is_path(p) || !has_parent(t, p) ||
	    ++t->dirs > TREE_MAX_DIRS)
		return -EBADMSG;
	l->a = p;
	return 0;
}

/* Two lower-case digits a byte, in place. */
static int unhex(char *s)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = strlen(s);

	if (n % 2 || n / 2 > TREE_MAX_XATTR || strspn(s, digits) != n)
		return -EBADMSG;
	for (size_t i = 0; i < n; i += 2)
		s[i / 2] = (char)((strchr(digits, s[i]) - digits) << 4 |
				  (strchr(digits, s[i + 1]) - digits));
	s[n / 2] = '\0';
	return (int)(n / 2);
}

static int parse_xattr(char *p, struct tree_line *l)
{
	char *name = word(&p);
	int n;

	if (!name)
		return -EBADMSG;
	n = unhex(name);
	if (n <= 0 || strlen(name) != (size_t)n ||
	    (!str_has_prefix(name, "user.") && !str_has_prefix(name, "trusted.")))
		return -EBADMSG;
	n = unhex(p);
	if (n < 0)
		return n;
	l->a = name;
	l->b = p;
	l->mode = (mode_t)n; /* its length */
	return 0;
}

static bool is_word_list(const char *s)
{
	return *s && strspn(s, "abcdefghijklmnopqrstuvwxyz_0123456789 ") == strlen(s);
}

static int parse_rest(struct cg_tree *t, char *p, struct tree_line *l)
{
	int pid;

	switch (l->kind) {
	case TREE_CTL:
		l->a = p;
		t->controllers = t->controllers || t->dirs == 1;
		return is_word_list(p) ? 0 : -EBADMSG;
	case TREE_TYPE:
		return strcmp(p, "threaded") == 0 && t->dirs > 1 ? 0 : -EBADMSG;
	case TREE_OWN:
		if (parse_id(&p, false, &l->uid) < 0 || parse_id(&p, false, &l->gid) < 0 ||
		    parse_mode(&p, &l->mode) < 0)
			return -EBADMSG;
		l->a = p;
		return is_file(p) ? 0 : -EBADMSG;
	case TREE_SET:
		l->a = word(&p);
		l->b = p;
		return l->a && tree_limit(l->a) && *p ? 0 : -EBADMSG;
	default: /* TASK, THREAD */
		t->threads = t->threads || l->kind == TREE_THREAD;
		if (num_parse_int(p, &pid) < 0 || pid <= 0)
			return -EBADMSG;
		l->pid = pid;
		return 0;
	}
}

static int parse_line(struct cg_tree *t, char *p, const char **dir)
{
	struct tree_line l = { .kind = 0 }, *v;
	const char *w = word(&p);
	int r;

	while (w && l.kind < TREE_KINDS && strcmp(w, tree_words[l.kind]) != 0)
		l.kind++;
	if (!w || l.kind == TREE_KINDS || (l.kind != TREE_DIR && !t->dirs))
		return -EBADMSG;
	r = l.kind == TREE_DIR	   ? parse_dir(t, p, &l)
	    : l.kind == TREE_XATTR ? parse_xattr(p, &l)
				   : parse_rest(t, p, &l);
	if (r < 0)
		return r;
	if (l.kind == TREE_DIR)
		*dir = l.a;
	if (l.kind == TREE_TASK && l.pid == 1)
		t->init_dir = *dir;
	if (!(t->n & (t->n - 1))) { /* room doubles at powers of two */
		v = realloc(t->v, (t->n ? 2 * t->n : 1) * sizeof(*v));
		if (!v)
			return -ENOMEM;
		t->v = v;
	}
	t->v[t->n++] = l;
	return 0;
}

static int parse(struct cg_tree *t, size_t *line_no)
{
	char *line = t->text, *next = strchr(line, '\n');
	const char *dir = NULL;
	int r = 0;

	if (!next || strncmp(line, TREE_MAGIC "\n", sizeof(TREE_MAGIC)) != 0)
		return -EBADMSG;
	for (*line_no = 2, line = next + 1; r >= 0 && *line; line = next) {
		next = strchr(line, '\n');
		if (!next)
			return -EBADMSG;
		*next++ = '\0';
		r = parse_line(t, line, &dir);
		*line_no += r >= 0;
	}
	return r < 0 ? r : t->init_dir ? 0 : -EBADMSG;
}

int cg_tree_parse(const char *text, struct cg_tree **ret, struct vz_error *e)
{
	struct cg_tree *t = calloc(1, sizeof(*t));
	size_t line = 1;
	int r = -ENOMEM;

	if (t)
		t->text = strdup(text);
	if (t && t->text)
		r = strlen(text) > TREE_MAX_TEXT ? -EBADMSG : parse(t, &line);
	if (r < 0) {
		cg_tree_free(t);
		return vz_fail(e, r, "line %zu of the dump's list of cgroups cannot be understood",
			       line);
	}
	*ret = t;
	return 0;
}

struct cg_tree *cg_tree_free(struct cg_tree *t)
{
	if (t) {
		free(t->text);
		free(t->v);
		free(t);
	}
	return NULL;
}

size_t tree_next(const struct cg_tree *t, size_t i)
{
	do
		i++;
	while (i < t->n && t->v[i].kind != TREE_DIR);
	return i;
}
