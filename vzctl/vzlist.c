// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vzlist(8): which VEs, in what order, in which form.  Scripts depend on the
 * details: the widths, "-" for what is unknown, the last column never cut, and
 * exit 0 for an empty list but 1 for a CTID that is not there.
 */
#include "vzlist.h"

#include <fnmatch.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_FIELDS "ctid,numproc,status,ip,hostname"
#define NAME_FIELDS    "smart_name,numproc,status,ip,hostname"
#define MAX_FIELDS     256

static struct {
	bool all, stopped, no_header, no_trim, json;
	const char *fields, *sort;
	const char *hostname, *name, *description; /* patterns */
} arg;

struct list {
	struct ve *v;
	size_t n;
};

enum { OPT_HELP = 256, OPT_GEN };

static const struct {
	struct option o;
	const char *value, *help;
} options[] = {
	{ { "all", no_argument, NULL, 'a' }, NULL, "running and stopped containers" },
	{ { "stopped", no_argument, NULL, 'S' }, NULL, "stopped containers only" },
	{ { "name", no_argument, NULL, 'n' }, NULL, "names instead of IDs" },
	{ { "no-header", no_argument, NULL, 'H' }, NULL, "no header line" },
	{ { "no-trim", no_argument, NULL, 't' }, NULL, "do not cut long values" },
	{ { "json", no_argument, NULL, 'j' }, NULL, "JSON; all fields unless -o says which" },
	{ { "output", required_argument, NULL, 'o' }, "field,...", "fields to print" },
	{ { "ids", no_argument, NULL, '1' }, NULL, "IDs only, same as -H -o veid" },
	{ { "sort", required_argument, NULL, 's' }, "[-]field", "order; '-' reverses it" },
	{ { "hostname", required_argument, NULL, 'h' },
	  "pattern",
	  "only where the host name matches" },
	{ { "name_filter", required_argument, NULL, 'N' },
	  "pattern",
	  "only where the name matches" },
	{ { "description", required_argument, NULL, 'd' },
	  "pattern",
	  "only where the description matches" },
	{ { "list", no_argument, NULL, 'L' }, NULL, "list the fields" },
	{ { "help", no_argument, NULL, OPT_HELP }, NULL, "print this" },
	{ { "gen", required_argument, NULL, OPT_GEN }, NULL, NULL }, /* for the build */
};

static void usage(FILE *f)
{
	fputs("Usage: vzlist [-a | -S] [-n] [-H] [-t] [-j] [-o <field>[,<field>...] | -1] [-s [-]<field>]\n"
	      "              [-h <pattern>] [-N <pattern>] [-d <pattern>] [<ctid|name> ...]\n"
	      "       vzlist -L | --help\n\n",
	      f);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		_cleanup_free_ char *left = NULL;

		if (!options[i].help)
			continue;
		left = xfmt("--%s%s%s", options[i].o.name, options[i].value ? " " : "",
			    options[i].value ? options[i].value : "");
		if (options[i].o.val < 256)
			fprintf(f, "  -%c, %-22s %s\n", options[i].o.val, left, options[i].help);
		else
			fprintf(f, "      %-22s %s\n", left, options[i].help);
	}
}

static _Noreturn void die(const struct vz_error *e, int r)
{
	char *text = cli_error_text(e, r);

	fprintf(stderr, "%s\n", text);
	free(text);
	exit(1);
}

static _Noreturn void die_word(const char *what, const char *word, const char *hint)
{
	char *safe = cli_escape(word);

	fprintf(stderr, "%s: %s", what, safe);
	if (hint)
		fprintf(stderr, " (did you mean %s?)", hint);
	fputc('\n', stderr);
	free(safe);
	exit(1);
}

/* Options that are the whole task. */
static bool done_by(int opt, const char *value)
{
	if (opt == 'L')
		columns_list(stdout);
	else if (opt == OPT_HELP)
		usage(stdout);
	else if (opt != OPT_GEN)
		return false;
	else if (!columns_gen(stdout, value))
		exit(1);
	return true;
}

static void take_option(int opt, char *value)
{
	switch (opt) {
	/* clang-format off */
	case 'a': arg.all = true; break;
	case 'S': arg.stopped = true; break;
	case 'n': arg.fields = NAME_FIELDS; break;
	case 'H': arg.no_header = true; break;
	case 't': arg.no_trim = true; break;
	case 'j': arg.json = true; break;
	case 'o': arg.fields = value; break;
	case 's': arg.sort = value; break;
	case 'h': arg.hostname = value; break;
	case 'N': arg.name = value; break;
	case 'd': arg.description = value; break;
	/* clang-format on */
	case '1':
		arg.no_header = true;
		arg.fields = "veid";
		break;
	default:
		usage(stderr);
		exit(1);
	}
}

static void parse_options(int argc, char **argv)
{
	struct option longs[ARRAY_SIZE(options) + 1] = { { 0 } };
	int opt;

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		longs[i] = options[i].o;
	while ((opt = getopt_long(argc, argv, "aSnHtjo:1s:h:N:d:L", longs, NULL)) >= 0) {
		if (done_by(opt, optarg))
			exit(0);
		take_option(opt, optarg);
	}
}

/* The fields named in text; ends the program at an unknown one. */
static size_t parse_fields(const char *text, struct field *ret)
{
	_cleanup_free_ char *copy = xstrdup(text);
	char *rest = copy, *w;
	size_t n = 0;

	while (n < MAX_FIELDS && (w = cli_word(&rest, ", "))) {
		if (!field_find(w, &ret[n]))
			die_word("Unknown field", w, field_nearest(w));
		if (arg.json && ret[n].sub)
			die_word("With -j a field has all its parts, name it without suffix", w,
				 NULL);
		n++;
	}
	if (!n)
		die_word("Unknown field", text, NULL);
	return n;
}

static bool matches(struct ve *v, const char *field, const char *pattern)
{
	_cleanup_free_ char *text = NULL;
	struct field f;

	if (!pattern || !field_find(field, &f))
		return true;
	text = value_text(v, &f);
	return text && fnmatch(pattern, text, 0) == 0;
}

static bool shown(struct ve *v, bool named)
{
	bool running = v->state & VZ_RUNNING;

	if (!running && !(v->state & VZ_EXIST))
		return false; /* a configuration without private area */
	if (arg.stopped ? running : !running && !arg.all && !named)
		return false;
	return matches(v, "hostname", arg.hostname) && matches(v, "name", arg.name) &&
	       matches(v, "description", arg.description);
}

static void add(struct vz *vz, struct list *l, uint32_t id, bool named)
{
	char text[12];
	struct ve *v = &l->v[l->n];

	*v = (struct ve){ .id = id };
	(void)snprintf(text, sizeof(text), "%u", id);
	if (vz_ve_open(vz, text, &v->ve, NULL) < 0)
		return;
	v->state = vz_ve_status(v->ve, NULL);
	if (v->state >= 0 && shown(v, named))
		l->n++;
	else
		v->ve = vz_ve_free(v->ve);
}

static int by_id(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* CTIDs of the command line, ascending, each once; NULL where none was given. */
static uint32_t *named_ids(struct vz *vz, int argc, char **argv, size_t *ret_n)
{
	uint32_t *ids = argc > 0 ? xcalloc((size_t)argc, sizeof(*ids)) : NULL;
	struct vz_error e = { 0 };
	size_t n = 0;

	for (int i = 0; i < argc; i++) {
		_cleanup_free_ char *safe = cli_escape(argv[i]);
		struct vz_ve *ve;

		if (vz_ve_open(vz, argv[i], &ve, &e) < 0) {
			fprintf(stderr, "CT ID %s is invalid.\n", safe);
			exit(1);
		}
		ids[n++] = vz_ve_id(ve);
		vz_ve_free(ve);
	}
	if (n)
		qsort(ids, n, sizeof(*ids), by_id);
	*ret_n = n;
	return ids;
}

static void collect(struct vz *vz, int argc, char **argv, struct list *l)
{
	struct vz_error e = { 0 };
	uint32_t *ids = NULL, *named;
	size_t n = 0, nnamed;
	int r;

	named = named_ids(vz, argc, argv, &nnamed);
	r = vz_list(vz, &ids, &n, &e);
	if (r < 0)
		die(&e, r);
	l->v = xcalloc(n, sizeof(*l->v));
	for (size_t i = 0; i < n; i++)
		if (!named || bsearch(&ids[i], named, nnamed, sizeof(*named), by_id))
			add(vz, l, ids[i], named);
	free(ids);
	free(named);
}

static struct {
	struct field f;
	bool reverse;
} order;

static int compare(const void *a, const void *b)
{
	struct ve *x = (struct ve *)(uintptr_t)a, *y = (struct ve *)(uintptr_t)b;
	double nx, ny;
	bool kx = value_number(x, &order.f, &nx), ky = value_number(y, &order.f, &ny);
	int r = 0;

	if (kx && ky) {
		r = nx < ny ? -1 : nx > ny;
	} else if (kx || ky) {
		r = kx ? 1 : -1; /* unknown is least */
	} else {
		_cleanup_free_ char *tx = value_text(x, &order.f);
		_cleanup_free_ char *ty = value_text(y, &order.f);

		r = strcmp(tx ? tx : "", ty ? ty : "");
	}
	if (!r)
		return by_id(&x->id, &y->id);
	return order.reverse ? -r : r;
}

static void sort_list(struct list *l)
{
	const char *name = arg.sort;

	if (!name)
		return;
	order.reverse = *name == '-';
	name += order.reverse;
	if (!field_find(name, &order.f))
		die_word("Invalid sort field name", name, field_nearest(name));
	if (l)
		qsort(l->v, l->n, sizeof(*l->v), compare);
}

/* A cell's text; cut: to the first item of a list, to the width of a string. */
static char *cell(struct ve *v, const struct field *f, bool cut)
{
	char *text = value_text(v, f), *safe;
	size_t width = (size_t)abs(f->col->width);

	if (!text || !*text) {
		free(text);
		return xstrdup("-");
	}
	if (cut && f->col->kind == COL_LIST)
		text[strcspn(text, " ,")] = '\0';
	safe = cli_escape(text);
	free(text);
	if (!cut || (f->col->kind != COL_STR && f->col->kind != COL_ONOFF) ||
	    cli_width(safe) <= width)
		return safe;
	for (char *p = safe; *p; p++)
		if ((*p & 0xc0) != 0x80 && !width--) {
			*p = '\0';
			break;
		}
	return safe;
}

static void print_table(const struct list *l, const struct field *f, size_t n)
{
	const char *cells[MAX_FIELDS];
	int widths[MAX_FIELDS];

	for (size_t i = 0; i < n; i++) {
		widths[i] = f[i].col->width;
		cells[i] = field_header(&f[i]);
	}
	if (!arg.no_header)
		out_row(stdout, n, cells, widths);
	for (size_t row = 0; row <= l->n; row++) {
		for (size_t i = 0; i < n; i++)
			free((char *)(uintptr_t)cells[i]);
		if (row == l->n)
			break;
		for (size_t i = 0; i < n; i++)
			cells[i] = cell(&l->v[row], &f[i], !arg.no_trim && i + 1 < n);
		out_row(stdout, n, cells, widths);
	}
}

static void print_json(const struct list *l, const struct field *f, size_t n)
{
	struct json j = { .f = stdout };

	json_open(&j, '[');
	for (size_t row = 0; row < l->n; row++) {
		json_open(&j, '{');
		for (size_t i = 0; i < n; i++) {
			json_key(&j, f[i].col->name);
			value_json(&j, &l->v[row], f[i].col);
		}
		json_close(&j, '}');
	}
	json_close(&j, ']');
}

static size_t choose_fields(struct field *f)
{
	if (arg.fields || !arg.json)
		return parse_fields(arg.fields ? arg.fields : DEFAULT_FIELDS, f);
	for (size_t i = 0; i < ncolumns; i++)
		f[i] = (struct field){ .col = &columns[i] };
	return ncolumns;
}

int main(int argc, char **argv)
{
	struct field fields[MAX_FIELDS];
	struct vz_error e = { 0 };
	struct list l = { 0 };
	struct vz *vz;
	size_t n;
	int r;

	cli_std_fds();
	parse_options(argc, argv);
	n = choose_fields(fields);
	sort_list(NULL); /* complain before there is output */
	if (geteuid() != 0) {
		fputs("This program can only be run under root.\n", stderr);
		return 1;
	}
	r = vz_new(&vz, NULL, &e);
	if (r < 0)
		die(&e, r);
	collect(vz, argc - optind, argv + optind, &l);
	sort_list(&l);
	if (arg.json)
		print_json(&l, fields, n);
	else if (l.n)
		print_table(&l, fields, n);
	else
		fputs("Container(s) not found\n", stderr);
	for (size_t i = 0; i < l.n; i++)
		vz_ve_free(l.v[i].ve);
	free(l.v);
	vz_free(vz);
	if (fflush(stdout) != 0)
		return 1;
	return !l.n && argc > optind;
}
