// SPDX-License-Identifier: GPL-2.0-or-later
/* Configuration files byte for byte: what is kept, what is read, what a shell reads of what we write. */
#include "conf/file.h"

#include "conf_env.h"

static struct env env;

static struct conf_file *parse(const char *text, size_t len)
{
	struct conf_file *f;
	struct vz_error e = { 0 };

	env.warnings[0] = '\0';
	if (conf_file_parse(&f, text, len, "t.conf", &env.log, &e) < 0) {
		printf("Bail out! %s\n", e.text);
		exit(EXIT_FAILURE);
	}
	return f;
}

static void same_bytes(const struct conf_file *f, const char *want, size_t len, const char *what)
{
	char *text;
	size_t n;

	MUST(conf_file_text(f, &text, &n));
	ok(n == len && memcmp(text, want, n) == 0, "%s", what);
	free(text);
}

static void test_kept(void)
{
#define NASTY(s)                 \
	{                        \
		s, sizeof(s) - 1 \
	}
	static const struct {
		const char *text;
		size_t len;
	} nasty[] = {
		NASTY(""),
		NASTY("\n"),
		NASTY("A=1"),
		NASTY("A=1\r\nB=2\r\n"),
		NASTY("\n\n  # c\n\tA=1   \n"),
		NASTY("A=\"x\" # \"y\"\n"),
		NASTY("=\n==\n=x\nA\nA =1\n1A=2\n"),
		NASTY("A=\"open\n\"\n"),
		NASTY("A=\0B\nC=1\0\n"),
		NASTY("\0"),
		NASTY("A=\xff\xfe\n\x80=1\n"),
		NASTY("A='x'y\nB='\n"),
		NASTY("A=\"\\\"\n"),
		NASTY("A=1\nA=2\nA=3\n"),
		NASTY("export A=1\n. /etc/passwd\n"),
		NASTY("A=\\\nB=\"\\\\\"\n"),
	};

	for (size_t i = 0; i < ARRAY_SIZE(nasty); i++) {
		_cleanup_conf_file_ struct conf_file *f = parse(nasty[i].text, nasty[i].len);

		same_bytes(f, nasty[i].text, nasty[i].len, "kept byte for byte");
		MUST(conf_file_set(f, "NOT_THERE", NULL));
		same_bytes(f, nasty[i].text, nasty[i].len,
			   "removing what is not there changes nothing");
	}
}

static void test_values(void)
{
	static const struct {
		const char *line, *value; /* of A; NULL: the line does not count */
	} cases[] = {
		{ "A=1", "1" },
		{ "A=", "" },
		{ "A=\"\"", "" },
		{ "  A=1  ", "1" },
		{ "A=\"a b\"  ", "a b" },
		{ "A=inherit # text", "inherit" },
		{ "A=a#b", "a#b" },
		{ "A=a b", "a b" },
		{ "A=\"x\" # \"y\"", "x" },
		{ "A=\"x\"y\"", "x\"y" },
		{ "A=\"a # b\"", "a # b" },
		{ "A=\"\\\"\\\\\\$\\`\"", "\"\\$`" },
		{ "A=\"a\\nb\"", "a\nb" },
		{ "A=\"a\\tb\"", "a\\tb" },
		{ "A='a \\n $x'", "a \\n $x" },
		{ "A=\"x", NULL },
		{ "A =1", NULL },
		{ "A", NULL },
		{ "#A=1", NULL },
		{ "A=\"x\\\"", NULL },
		{ "A=\"$VEID\"", "$VEID" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_conf_file_ struct conf_file *f =
			parse(cases[i].line, strlen(cases[i].line));

		ok_str(conf_file_get(f, "A"), cases[i].value, "%s", cases[i].line);
	}
}

static void test_warnings(void)
{
	static const char text[] = "A=1\nnonsense\nA=2\nB=\"x\n";
	_cleanup_conf_file_ struct conf_file *f = parse(text, sizeof(text) - 1);

	ok_str(env.warnings,
	       "t.conf: line 2: there is no '=', expected KEY=\"value\"\n"
	       "t.conf: line 3: A: the key stood above already, the first one counts\n"
	       "t.conf: line 4: a quote is not closed on this line\n",
	       "each with its line");
	ok_str(conf_file_get(f, "A"), "1", "the first of equal keys counts");
	MUST(conf_file_set(f, "A", "1"));
	same_bytes(f, "A=1\nnonsense\nB=\"x\n", sizeof("A=1\nnonsense\nB=\"x\n") - 1,
		   "setting removes the later ones, which a shell would take");
}

static void test_set(void)
{
	static const char text[] = "# head\nA=1 # why\nB=\"2\"";
	_cleanup_conf_file_ struct conf_file *f = parse(text, sizeof(text) - 1);
	static const char want[] = "# head\nA=\"x\"\nB=\"2\"\nC=\"3\"\n";

	MUST(conf_file_set(f, "B", "2"));
	same_bytes(f, text, sizeof(text) - 1, "the same value leaves the line alone");
	MUST(conf_file_set(f, "A", "x"));
	MUST(conf_file_set(f, "C", "3"));
	same_bytes(f, want, sizeof(want) - 1, "replaced in place, new keys at the end");
	MUST(conf_file_set(f, "C", NULL));
	ok_str(conf_file_get(f, "C"), NULL, "removed");
}

/* What sh sees after sourcing; newlines are \n there by design. */
static void test_shell(void)
{
	static const char *const values[] = {
		"plain",
		"",
		"a b  c",
		"it's",
		"\"quoted\"",
		"$HOME",
		"`id`",
		"$(id)",
		"\\",
		"\\\\n",
		"a\\",
		"!x",
		"* ? [a]",
		"#no comment",
		"tail # no comment",
		"\xc3\xa4\xf0\x9f\x90\xa7",
		"\xff",
		"-n",
		"a=b;c&d|e",
		"${A}",
		"\\$x",
		"\"; rm -rf /tmp/none; \"",
		"tab\there",
		"cr\rin",
	};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		_cleanup_conf_file_ struct conf_file *f = parse("", 0), *again = NULL;
		_cleanup_free_ char *out = NULL;
		const char *path = env_path(&env, "s.conf");
		char *argv[] = { (char *)"sh", (char *)"-c", (char *)". \"$1\"; printf %s \"$KEY\"",
				 (char *)"sh", (char *)path, NULL };
		struct os_exec_opts o = { .timeout_ms = 10000 };

		MUST(conf_file_set(f, "KEY", values[i]));
		ok_str(conf_file_get(f, "KEY"), values[i], "set and get");
		MUST(conf_file_save(f, path, NULL));
		MUST(conf_file_read(&again, path, NULL, NULL));
		ok_str(conf_file_get(again, "KEY"), values[i], "saved and read");
		ok_int(os_exec(argv, &o, &out), 0, "sh sources it");
		ok_str(out, values[i], "and sees the same value");
	}
}

static void test_veid(void)
{
	_cleanup_conf_file_ struct conf_file *f = parse("", 0);
	static const char want[] =
		"VE_ROOT=\"/a/$VEID/\\$x/${VEID}\"\nDESCRIPTION=\"\\$VEID\\nx\"\n";

	MUST(conf_file_set(f, "VE_ROOT", "/a/$VEID/$x/${VEID}"));
	MUST(conf_file_set(f, "DESCRIPTION", "$VEID\nx"));
	same_bytes(f, want, sizeof(want) - 1, "$VEID stays an expansion in paths and nowhere else");
	ok_str(conf_file_get(f, "VE_ROOT"), "/a/$VEID/$x/${VEID}", "and reads back");
	ok_str(conf_file_get(f, "DESCRIPTION"), "$VEID\nx", "newlines too");
}

static void test_save(void)
{
	_cleanup_conf_file_ struct conf_file *f = parse("A=1\n", 4);
	struct vz_error e = { 0 };
	struct stat st;
	char *text;

	ok(conf_file_save(f, env_path(&env, "none/a.conf"), &e) == -ENOENT &&
		   e.exit == VZ_EXIT_SAVE,
	   "%s", e.text);
	env_write(&env, "a.conf", "old\n");
	MUST(conf_file_save(f, env_path(&env, "a.conf"), NULL));
	text = env_read(&env, "a.conf");
	ok_str(text, "A=1\n", "replaced");
	free(text);
	ok(stat(env_path(&env, "a.conf"), &st) == 0 && (st.st_mode & 07777) == 0644, "mode 0644");
	ok_int(conf_file_read(&f, env_path(&env, "none.conf"), NULL, &e), -ENOENT, "no file: %s",
	       e.text);
}

int main(void)
{
	env_up(&env, "");
	test_kept();
	test_values();
	test_warnings();
	test_set();
	test_shell();
	test_veid();
	test_save();
	env_down(&env);
	return test_done();
}
