/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Configuration files: KEY="value" lines that the shell could source but that
 * are only ever parsed.  Owns the exact bytes: what is not changed is written
 * back as it was.  Knows no parameter but for one bit: whether $VEID of a key
 * stays an expansion.  The tricky fact: the first of two equal keys wins here
 * and the last one in a shell, so changing a key removes its later copies.
 */
#include "conf/file.h"

#include "base/str.h"
#include "conf/param.h"
#include "os/os.h"

#include <ctype.h>
#include <string.h>

#define CONF_FILE_MAX (256U << 10)

struct line {
	char *raw; /* with its newline; may hold any byte */
	size_t len;
	char *key, *value;   /* NULL for comments, blank and malformed lines */
	const char *problem; /* a constant: why the line does not count */
};

struct conf_file {
	char *path;
	struct line *lines;
	size_t n, cap;
};

static void line_done(struct line *l)
{
	free(l->raw);
	free(l->key);
	free(l->value);
	*l = (struct line){ 0 };
}

struct conf_file *conf_file_free(struct conf_file *f)
{
	if (!f)
		return NULL;
	for (size_t i = 0; i < f->n; i++)
		line_done(&f->lines[i]);
	free(f->lines);
	free(f->path);
	free(f);
	return NULL;
}

static size_t key_length(const char *s)
{
	size_t n = 0;

	if (!isalpha((unsigned char)s[0]) && s[0] != '_')
		return 0;
	while (isalnum((unsigned char)s[n]) || s[n] == '_')
		n++;
	return n;
}

/* The escapes the shell knows inside double quotes, and \n for a newline. */
static int unescape(const char *s, size_t len, char **ret)
{
	struct str out = { 0 };

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\\' && i + 1 < len && strchr("\\\"`$n", s[i + 1])) {
			i++;
			str_addn(&out, s[i] == 'n' ? "\n" : &s[i], 1);
			continue;
		}
		str_addn(&out, &s[i], 1);
	}
	return str_take(&out, ret);
}

static bool blank_or_comment(const char *s)
{
	size_t n = strspn(s, " \t");

	return !s[n] || (n && s[n] == '#');
}

/*
 * The closing quote: the first unescaped one when nothing but a comment
 * follows (the shell's view), else OpenVZ's: the last on the line.
 */
static const char *closing_quote(const char *s)
{
	const char *last = NULL;

	for (const char *p = s; *p; p++) {
		if (*p == '\\' && p[1]) {
			p++;
			continue;
		}
		if (*p != '"')
			continue;
		if (!last && blank_or_comment(p + 1))
			return p;
		last = p;
	}
	return last;
}

static int parse_value(const char *s, char **ret, const char **problem)
{
	const char *end;

	if (*s == '"') {
		end = closing_quote(++s);
		if (!end)
			*problem = "a quote is not closed on this line";
		return end ? unescape(s, (size_t)(end - s), ret) : 0;
	}
	if (*s == '\'' && (end = strchr(s + 1, '\'')) && blank_or_comment(end + 1)) {
		*ret = strndup(s + 1, (size_t)(end - s - 1));
		return *ret ? 0 : -ENOMEM;
	}
	for (end = s; *end; end++)
		if (isblank((unsigned char)*end) && blank_or_comment(end))
			break;
	return unescape(s, (size_t)(end - s), ret);
}

/* Make l of the bytes of one line, newline included. */
static int parse_line(struct line *l, const char *raw, size_t len)
{
	_cleanup_free_ char *copy = NULL;
	size_t n = len;
	char *s;
	size_t klen;

	l->raw = malloc(len + 1);
	if (!l->raw)
		return -ENOMEM;
	memcpy(l->raw, raw, len);
	l->raw[len] = '\0';
	l->len = len;
	while (n && isspace((unsigned char)raw[n - 1]))
		n--;
	if (memchr(raw, '\0', n)) {
		l->problem = "the line holds a zero byte";
		return 0;
	}
	copy = strndup(raw, n);
	if (!copy)
		return -ENOMEM;
	s = copy + strspn(copy, " \t");
	if (!*s || *s == '#')
		return 0;
	klen = key_length(s);
	if (!klen || s[klen] != '=') {
		l->problem = strchr(s, '=') ? "not of the form KEY=\"value\" (no blanks around '=')"
					    : "there is no '=', expected KEY=\"value\"";
		return 0;
	}
	int r = parse_value(s + klen + 1, &l->value, &l->problem);
	if (r < 0 || l->problem)
		return r;
	l->key = strndup(s, klen);
	return l->key ? 0 : -ENOMEM;
}

static int line_push(struct conf_file *f, struct line **ret)
{
	if (f->n == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 64;
		struct line *p = realloc(f->lines, cap * sizeof(*p));

		if (!p)
			return -ENOMEM;
		f->lines = p;
		f->cap = cap;
	}
	f->lines[f->n] = (struct line){ 0 };
	*ret = &f->lines[f->n++];
	return 0;
}

static struct line *find(const struct conf_file *f, const char *key)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->lines[i].key && strcmp(f->lines[i].key, key) == 0)
			return &f->lines[i];
	return NULL;
}

static void report(struct conf_file *f, const struct logger *l)
{
	for (size_t i = 0; i < f->n; i++) {
		struct line *n = &f->lines[i];

		if (n->key && find(f, n->key) != n)
			n->problem = "the key stood above already, the first one counts";
		if (n->problem)
			log_warn(l, "%s: line %zu: %s%s%s", f->path, i + 1, n->key ? n->key : "",
				 n->key ? ": " : "", n->problem);
	}
}

int conf_file_parse(struct conf_file **ret, const char *text, size_t len, const char *path,
		    const struct logger *l, struct vz_error *e)
{
	_cleanup_conf_file_ struct conf_file *f = calloc(1, sizeof(*f));
	struct line *line;
	int r = 0;

	if (!f || !(f->path = strdup(path ? path : "")))
		return vz_fail(e, -ENOMEM, "read %s", path ? path : "configuration");
	for (size_t at = 0; at < len;) {
		const char *nl = memchr(text + at, '\n', len - at);
		size_t n = nl ? (size_t)(nl - text) + 1 - at : len - at;

		r = line_push(f, &line);
		if (r >= 0)
			r = parse_line(line, text + at, n);
		if (r < 0)
			return vz_fail(e, r, "read %s", f->path);
		at += n;
	}
	report(f, l);
	*ret = TAKE_PTR(f);
	return 0;
}

int conf_file_read(struct conf_file **ret, const char *path, const struct logger *l,
		   struct vz_error *e)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = os_read_file_at(AT_FDCWD, path, CONF_FILE_MAX, &text, &len);

	if (r < 0)
		return vz_fail(e, r, "read %s", path);
	return conf_file_parse(ret, text, len, path, l, e);
}

const char *conf_file_get(const struct conf_file *f, const char *key)
{
	const struct line *l = find(f, key);

	return l ? l->value : NULL;
}

static size_t veid_length(const char *s)
{
	static const char *const forms[] = { "${VEID}", "$VEID" };

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if (str_has_prefix(s, forms[i]))
			return strlen(forms[i]);
	return 0;
}

/* KEY="value" such that a shell and parse_line() read the same value back. */
static int quote(const char *key, const char *value, char **ret)
{
	const struct param *p = param_by_key(key);
	bool expand = p && (p->flags & P_EXPAND);
	struct str out = { 0 };

	str_addf(&out, "%s=\"", key);
	while (*value) {
		size_t keep = expand ? veid_length(value) : 0;

		if (!keep && *value == '\n')
			str_add(&out, "\\n");
		else if (!keep && strchr("\\\"`$", *value))
			str_addf(&out, "\\%c", *value);
		else
			str_addn(&out, value, keep ? keep : 1);
		value += keep ? keep : 1;
	}
	str_add(&out, "\"\n");
	return str_take(&out, ret);
}

static void line_remove(struct conf_file *f, size_t i)
{
	line_done(&f->lines[i]);
	memmove(&f->lines[i], &f->lines[i + 1], (f->n - i - 1) * sizeof(f->lines[0]));
	f->n--;
}

/* The last line may lack its newline: give it one before something follows. */
static int end_last_line(struct conf_file *f)
{
	struct line *last = f->n ? &f->lines[f->n - 1] : NULL;
	char *p;

	if (!last || (last->len && last->raw[last->len - 1] == '\n'))
		return 0;
	p = realloc(last->raw, last->len + 2);
	if (!p)
		return -ENOMEM;
	p[last->len++] = '\n';
	p[last->len] = '\0';
	last->raw = p;
	return 0;
}

int conf_file_set(struct conf_file *f, const char *key, const char *value)
{
	_cleanup_free_ char *raw = NULL;
	struct line new = { 0 }, *at = find(f, key);
	int r;

	for (size_t i = f->n; i-- > 0;) {
		struct line *l = &f->lines[i];

		if (l->key && strcmp(l->key, key) == 0 && (l != at || !value))
			line_remove(f, i);
	}
	if (!value || (at && strcmp(at->value, value) == 0))
		return 0;
	r = quote(key, value, &raw);
	if (r >= 0)
		r = parse_line(&new, raw, strlen(raw));
	if (r >= 0 && !at)
		r = end_last_line(f);
	if (r >= 0 && !at)
		r = line_push(f, &at);
	if (r < 0) {
		line_done(&new);
		return r;
	}
	line_done(at);
	*at = new;
	return 0;
}

int conf_file_text(const struct conf_file *f, char **ret, size_t *ret_len)
{
	struct str out = { 0 };
	size_t len;
	int r;

	for (size_t i = 0; i < f->n; i++)
		str_addn(&out, f->lines[i].raw, f->lines[i].len);
	len = out.len;
	r = str_take(&out, ret);
	if (r >= 0)
		*ret_len = len;
	return r;
}

int conf_file_save(const struct conf_file *f, const char *path, struct vz_error *e)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = conf_file_text(f, &text, &len);

	if (r >= 0)
		r = os_replace_file(path, text, len, 0644);
	if (r < 0)
		return vz_fail_exit(e, r, VZ_EXIT_SAVE, "save %s", path);
	return 0;
}

size_t conf_file_lines(const struct conf_file *f)
{
	return f->n;
}

void conf_file_line(const struct conf_file *f, size_t i, const char **key, const char **value,
		    const char **problem)
{
	*key = f->lines[i].key;
	*value = f->lines[i].value;
	*problem = f->lines[i].problem;
}
