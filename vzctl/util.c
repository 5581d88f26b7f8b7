// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Small things every tool needs: memory, errors, hints and terminal-safe text.
 * Strings that came from inside a VE pass cli_escape() before they are shown.
 */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

static void out_of_memory(void)
{
	static const char text[] = "out of memory\n";

	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(VZ_EXIT_NOMEM);
	_exit(VZ_EXIT_NOMEM);
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	if (!p)
		out_of_memory();
	return p;
}

char *xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *xstrndup(const char *s, size_t n)
{
	char *p = strndup(s, n);

	if (!p)
		out_of_memory();
	return p;
}

char *xfmt(const char *fmt, ...)
{
	va_list ap;
	char *p = NULL;

	va_start(ap, fmt);
	if (vasprintf(&p, fmt, ap) < 0)
		out_of_memory();
	va_end(ap);
	return p;
}

int cli_fail(struct vz_error *e, enum vz_exit exit, const char *fmt, ...)
{
	va_list ap;

	e->code = 0;
	e->exit = (int)exit;
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

int cli_hint(struct vz_error *e, const struct nearest *n, const char *prefix)
{
	size_t len = strlen(e->text);

	if (n->best)
		(void)snprintf(e->text + len, sizeof(e->text) - len, " (did you mean %s%s?)",
			       prefix, n->best);
	return -EINVAL;
}

/* Edit distance of words up to 32 characters. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[33];
	size_t la = strlen(a), lb = strlen(b);

	if (la > 32 || lb > 32)
		return UINT32_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[j] = (unsigned int)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned int diag = row[0];

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned int up = row[j], best = diag + (a[i - 1] != b[j - 1]);

			if (up + 1 < best)
				best = up + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diag = up;
			row[j] = best;
		}
	}
	return row[lb];
}

void nearest_try(struct nearest *n, const char *candidate)
{
	size_t len = strlen(n->word);
	unsigned int d = distance(n->word, candidate);

	/* One typing error per four characters; a word begun right is near too. */
	if (d > (len < 4 ? 1 : 1 + len / 4) && !(len >= 3 && strncmp(n->word, candidate, len) == 0))
		return;
	if (!n->best || d < n->distance) {
		n->best = candidate;
		n->distance = d;
	}
}

/*
 * Classes whose text is the whole reason: "Container is already running" gains
 * nothing from ": Device or resource busy".
 */
static bool says_all(const struct vz_error *e)
{
	static const int classes[] = {
		VZ_EXIT_LOCKED,
		VZ_EXIT_NO_CONF,
		VZ_EXIT_SYNTAX,
		VZ_EXIT_VALUE,
		VZ_EXIT_NO_ROOT,
		VZ_EXIT_NOT_RUNNING,
		VZ_EXIT_RUNNING,
		VZ_EXIT_NOT_MOUNTED,
		VZ_EXIT_MOUNTED,
		VZ_EXIT_NO_PRIVATE,
		VZ_EXIT_PRIVATE_EXISTS,
		VZ_EXIT_TEMPLATE,
		VZ_EXIT_DISABLED,
		VZ_EXIT_NAME,
		VZ_EXIT_NO_OSTEMPLATE,
		VZ_EXIT_IP_USED,
		VZ_EXIT_IP,
		VZ_EXIT_HOSTNAME,
		VZ_EXIT_DNS,
		VZ_EXIT_SEARCHDOMAIN,
		VZ_EXIT_VETH,
		VZ_EXIT_UBC_INCOMPLETE,
		VZ_EXIT_BAD_CONF,
	};
	static const int codes[] = { EINVAL, ENOENT, ERANGE,   EEXIST,	 ESRCH,
				     EBUSY,  EAGAIN, EALREADY, ENOTCONN, EPERM };
	bool class = false;

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
		class |= e->exit == classes[i];
	for (size_t i = 0; class && i < ARRAY_SIZE(codes); i++)
		if (e->code == -codes[i])
			return true;
	return e->code == -ECANCELED; /* only says that something was given up */
}

char *cli_error_text(const struct vz_error *e, int r)
{
	_cleanup_free_ char *text = NULL;

	if (!e->text[0])
		text = xstrdup(strerror(-r));
	else if (!e->code || says_all(e) || strstr(e->text, strerror(-e->code)))
		text = xstrdup(e->text);
	else
		text = xfmt("%s: %s", e->text, strerror(-e->code));
	return cli_escape(text);
}

int cli_error_exit(const struct vz_error *e)
{
	if (e->exit)
		return e->exit;
	if (e->code == -ENOMEM)
		return VZ_EXIT_NOMEM;
	return e->code == -EPERM || e->code == -EACCES ? VZ_EXIT_PERM : VZ_EXIT_SYSTEM;
}

size_t cli_utf8(const char *s, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)s;
	size_t n = p[0] < 0x80	     ? 1
		   : p[0] >> 5 == 6  ? 2
		   : p[0] >> 4 == 14 ? 3
		   : p[0] >> 3 == 30 ? 4
				     : 0;
	uint32_t c;

	if (!n)
		return 0;
	c = n == 1 ? p[0] : p[0] & (0x7fU >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if ((n > 1 && c < least[n]) || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return n;
}

/* Whether a terminal shows the character and nothing else happens. */
static bool harmless(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c < 0xa0))
		return false;
	/* marks and overrides of writing direction reorder what stands around them */
	return !(c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
		 (c >= 0x2066 && c <= 0x2069));
}

char *cli_escape(const char *s)
{
	char *out = xcalloc(strlen(s) * 4 + 1, 1), *p = out;

	while (*s) {
		uint32_t c = 0;
		size_t n = cli_utf8(s, &c);

		if (n && harmless(c)) {
			memcpy(p, s, n);
			p += n;
			s += n;
			continue;
		}
		for (n = n ? n : 1; n; n--)
			p += snprintf(p, 5, "\\x%02x", (unsigned int)(unsigned char)*s++);
	}
	return out;
}

size_t cli_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

bool cli_number(const char *s, uint64_t max, uint64_t *ret)
{
	uint64_t n = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		unsigned int digit = (unsigned int)*s - '0';

		if (digit > 9 || n > (max - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*ret = n;
	return true;
}

char *cli_word(char **rest, const char *separators)
{
	char *word;

	if (!*rest)
		return NULL;
	word = *rest + strspn(*rest, separators);
	if (!*word)
		return NULL;
	*rest = word + strcspn(word, separators);
	if (**rest)
		*(*rest)++ = '\0';
	return word;
}

void cli_std_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (fd < 0)
			_exit(VZ_EXIT_SYSTEM);
		/* dup onto itself drops nothing; a standard stream has to survive exec */
		if (fd <= STDERR_FILENO && fcntl(fd, F_SETFD, 0) < 0)
			_exit(VZ_EXIT_SYSTEM);
	} while (fd <= STDERR_FILENO);
	(void)close(fd);
}
