/* cli: what the command line is understood as. */
#include "faces/cli/parse.h"
#include "test.h"

#define AT(field) offsetof(struct cli_options, field)

static const struct cli_option own_options[] = {
	{"check", 0, CLI_FLAG, NULL, "fail where it is out of date", AT(check)},
	{"upgrade", 0, CLI_OPTIONAL, "PACKAGE", "newer versions", AT(upgrade)},
	CLI_OPTIONS_END,
};

static const struct cli_verb verb = {
	.name = "lock", .options = own_options, .takes_words = true};
static const struct cli_verb wordless = {.name = "verify"};

enum { MAX_ARGUMENTS = 8 };

/* Parses the arguments, a list that NULL ends. The words of the options are
 * valid until the next call. */
static int parse(const struct cli_verb *of, const char *const *arguments,
		 struct cli_options *options, struct error **err)
{
	static char *argv[MAX_ARGUMENTS + 1];
	int argc = 0;

	for (; arguments[argc]; argc++)
		argv[argc] = (char *)(uintptr_t)arguments[argc];
	*options = (struct cli_options){.folder = "."};
	return cli_parse(of, argc, argv, options, err);
}

#define ARGUMENTS(...)                                                         \
	((const char *const[MAX_ARGUMENTS + 1]){__VA_ARGS__, NULL})

static void test_options_and_words(void **state)
{
	struct cli_options options;
	auto_err struct error *error = NULL;

	(void)state;
	assert_done(parse(&verb,
			  ARGUMENTS("A", "--store", "s", "-j4", "--check", "-C",
				    "d", "B*"),
			  &options, &error),
		    error);
	assert_string_equal(options.store, "s");
	assert_string_equal(options.folder, "d");
	assert_int_equal(options.jobs, 4);
	assert_true(options.check);
	assert_false(options.json);
	assert_int_equal(options.word_count, 2);
	assert_string_equal(options.words[0], "A");
	assert_string_equal(options.words[1], "B*");
}

static void test_value_may_stand_behind_equals(void **state)
{
	struct cli_options options;
	auto_err struct error *error = NULL;

	(void)state;
	assert_done(
		parse(&verb,
		      ARGUMENTS("--memory=2GiB", "--upgrade=a=b", "--store="),
		      &options, &error),
		error);
	assert_int_equal(options.memory_bytes, (uint64_t)2 << 30);
	assert_string_equal(options.upgrade, "a=b");
	assert_string_equal(options.store, "");
}

static void test_optional_value_never_takes_the_next_word(void **state)
{
	struct cli_options options;
	auto_err struct error *error = NULL;

	(void)state;
	assert_done(
		parse(&verb, ARGUMENTS("--upgrade", "word"), &options, &error),
		error);
	assert_string_equal(options.upgrade, "");
	assert_int_equal(options.word_count, 1);
	assert_done(parse(&verb, ARGUMENTS("word"), &options, &error), error);
	assert_null(options.upgrade);
}

static void test_words_behind_two_dashes(void **state)
{
	struct cli_options options;
	auto_err struct error *error = NULL;

	(void)state;
	assert_done(parse(&verb, ARGUMENTS("--json", "--", "--check", "-"),
			  &options, &error),
		    error);
	assert_true(options.json);
	assert_false(options.check);
	assert_int_equal(options.word_count, 2);
	assert_string_equal(options.words[0], "--check");
	assert_string_equal(options.words[1], "-");
}

static void test_refusals(void **state)
{
	static const struct {
		const char *arguments[3];
		const char *message, *hint;
	} cases[] = {
		{{"--ofline"}, "has no option '--ofline'", "'--offline'?"},
		{{"--chek"}, "has no option '--chek'", "'--check'?"},
		{{"--zzz"}, "has no option '--zzz'", "lock --help"},
		{{"-x"}, "has no option '-x'", "lock --help"},
		{{"--store"}, "--store needs a value", ""},
		{{"-C"}, "--directory needs a value", ""},
		{{"--json=yes"}, "--json takes no value", ""},
		{{"-qv"}, "--quiet takes no value", ""},
		{{"--jobs=x"}, "up to 1024, not 'x'", ""},
		{{"--jobs", "-1"}, "up to 1024, not '-1'", ""},
		{{"-j1025"}, "up to 1024, not '1025'", ""},
		{{"--memory", "1Q"}, "not '1Q'", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cli_options options;
		struct error *error = NULL;
		assert_int_equal(
			parse(&verb, cases[i].arguments, &options, &error), -1);
		assert_non_null(strstr(err_hint_text(error), cases[i].hint));
		assert_error(&error, ERR_USAGE, cases[i].message);
	}
}

static void test_word_where_none_is_taken(void **state)
{
	struct cli_options options;
	struct error *error = NULL;

	(void)state;
	assert_int_equal(parse(&wordless, ARGUMENTS("Agent"), &options, &error),
			 -1);
	assert_error(&error, ERR_USAGE, "'verify' takes no word such as");
}

static void test_leading_options_end_at_the_verb(void **state)
{
	char *argv[] = {(char *)(uintptr_t) "-C", (char *)(uintptr_t) "d",
			(char *)(uintptr_t) "--json",
			(char *)(uintptr_t) "lock",
			(char *)(uintptr_t) "--check"};
	struct cli_options options = {.folder = "."};
	struct error *error = NULL;

	(void)state;
	assert_int_equal(cli_parse_leading(5, argv, &options, &error), 3);
	assert_string_equal(options.folder, "d");
	assert_true(options.json);
	assert_false(options.check);
	/* An option of one verb means nothing before the verb is known. */
	assert_int_equal(cli_parse_leading(1, argv + 4, &options, &error), -1);
	assert_error(&error, ERR_USAGE, "has no option '--check'");
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{"0", 0},
		{"1000", 1000},
		{"1K", 1 << 10},
		{"512MiB", 512 << 20},
		{"3MB", 3 << 20},
		{"2G", (uint64_t)2 << 30},
		{"1TiB", (uint64_t)1 << 40},
		{"16777215T", (uint64_t)16777215 << 40},
	};
	static const char *const bad[] = {
		"",
		"M",
		"1.5G",
		"-1",
		"1 M",
		"1iB",
		"1MM",
		"1MiBs",
		"0x10",
		"16777216T",
		"1e3",
		"+1",
		"99999999999999999999",
	};
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_true(cli_parse_size(good[i].text, &bytes));
		assert_int_equal(bytes, good[i].bytes);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (cli_parse_size(bad[i], &bytes))
			fail_msg("'%s' counts as a size", bad[i]);
}

static void test_nearest(void **state)
{
	(void)state;
	assert_string_equal(cli_nearest(NULL, "build", STR("bild")), "build");
	assert_string_equal(cli_nearest("build", "bind", STR("bild")), "build");
	assert_string_equal(cli_nearest("plan", "lock", STR("lok")), "lock");
	/* Three of four letters wrong is another word. */
	assert_null(cli_nearest(NULL, "lock", STR("look-it-up")));
	assert_null(cli_nearest(NULL, "du", STR("xx")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_and_words),
		cmocka_unit_test(test_value_may_stand_behind_equals),
		cmocka_unit_test(test_optional_value_never_takes_the_next_word),
		cmocka_unit_test(test_words_behind_two_dashes),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_word_where_none_is_taken),
		cmocka_unit_test(test_leading_options_end_at_the_verb),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
