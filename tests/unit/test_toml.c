/* toml: what each rule of the language accepts and refuses, and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "codec/toml.h"
#include "guard.h"

static void values_are_read(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct toml_value *root = NULL;
	struct toml_place place;
	struct str text = STR("lock-version = '1.0'\n"
			      "packages.count = 0x1_F # comment\n"
			      "ratio = -1.5e3\r\n"
			      "when = 1979-05-27 07:32:00Z\n"
			      "\n"
			      "[[wheels]]\n"
			      "\"file name\" = \"\"\"\na\\\n   b\"\"\"\"\n"
			      "[[wheels]]\n"
			      "ok = true\n"
			      "hashes = {sha256 = \"\\u00e9\"}\n");

	(void)state;
	assert_int_equal(toml_parse(text, &arena, &root, &place), TOML_OK);
	assert_true(str_eq(toml_get_string(root, "lock-version"), STR("1.0")));
	assert_int_equal(toml_get(toml_get(root, "packages"), "count")->integer,
			 31);
	assert_true(toml_get(root, "ratio")->number == -1500);
	assert_int_equal(toml_get(root, "when")->type, TOML_OFFSET_DATETIME);
	const struct toml_value *wheels =
		toml_get_typed(root, "wheels", TOML_ARRAY);

	assert_int_equal(wheels->array.n, 2);
	assert_int_equal(wheels->array.p[1]->line, 10);
	assert_true(str_eq(toml_get_string(wheels->array.p[0], "file name"),
			   STR("ab\"")));
	assert_true(
		str_eq(toml_get_string(toml_get(wheels->array.p[1], "hashes"),
				       "sha256"),
		       STR("\xc3\xa9")));
	assert_null(toml_get_typed(root, "ratio", TOML_STRING));
	assert_int_equal(toml_get_string(root, "absent").n, 0);
}

static void defects_have_a_place(void **state)
{
	static const struct {
		struct str text;
		enum toml_status status;
		uint32_t line, column;
	} cases[] = {
		{STR_INIT("a = 1\na = 2\n"), TOML_DUPLICATE, 2, 3},
		{STR_INIT("a = 1 b = 2\n"), TOML_BAD_SYNTAX, 1, 7},
		{STR_INIT("a = 'x\n"), TOML_BAD_STRING, 1, 7},
		{STR_INIT("a = \"\\q\"\n"), TOML_BAD_STRING, 1, 7},
		{STR_INIT("a = \"\\ud800\"\n"), TOML_BAD_STRING, 1, 12},
		{STR_INIT("a = 01\n"), TOML_BAD_NUMBER, 1, 7},
		{STR_INIT("a = 1__0\n"), TOML_BAD_NUMBER, 1, 7},
		{STR_INIT("a = 9223372036854775808\n"), TOML_BAD_NUMBER, 1, 24},
		{STR_INIT("a = 2023-02-29\n"), TOML_BAD_TIME, 1, 15},
		{STR_INIT("a = 24:00:00\n"), TOML_BAD_TIME, 1, 7},
		{STR_INIT("= 1\n"), TOML_BAD_KEY, 1, 1},
		{STR_INIT("# \x01\n"), TOML_BAD_CONTROL, 1, 3},
		{STR_INIT("a = '\x01'\n"), TOML_BAD_CONTROL, 1, 6},
		{STR_INIT("a = '\xff'\n"), TOML_BAD_UTF8, 1, 1},
		{STR_INIT("a = {b = 1}\n[a]\n"), TOML_DUPLICATE, 2, 4},
		{STR_INIT("a.b = 1\n[a]\n"), TOML_DUPLICATE, 2, 4},
		{STR_INIT("a = [1]\n[[a]]\n"), TOML_DUPLICATE, 2, 6},
		{STR_INIT("a = [1"), TOML_BAD_SYNTAX, 1, 7},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		auto_arena struct arena arena = ARENA_EMPTY;
		struct toml_value *root = NULL;
		struct toml_place place = {0, 0, 0};
		enum toml_status status =
			toml_parse(cases[i].text, &arena, &root, &place);

		if (status != cases[i].status || place.line != cases[i].line ||
		    place.column != cases[i].column)
			fail_msg("case %zu: %s at %u:%u", i,
				 toml_status_text(status), place.line,
				 place.column);
		assert_null(root);
	}
}

static void depth_is_bounded(void **state)
{
	(void)state;
	for (size_t depth = TOML_MAX_DEPTH; depth <= TOML_MAX_DEPTH + 1;
	     depth++) {
		auto_arena struct arena arena = ARENA_EMPTY;
		auto_buf struct buf text = BUF_EMPTY;
		struct toml_value *root = NULL;
		struct toml_place place;

		buf_append_text(&text, "a = ");
		for (size_t i = 0; i < depth; i++)
			buf_append_byte(&text, '[');
		for (size_t i = 0; i < depth; i++)
			buf_append_byte(&text, ']');
		assert_int_equal(
			toml_parse(buf_str(&text), &arena, &root, &place),
			depth == TOML_MAX_DEPTH ? TOML_OK : TOML_TOO_DEEP);
	}
}

/* Every prefix of a document, against a page that may not be read. */
static void nothing_behind_the_end_is_read(void **state)
{
	static const char text[] = "a=[1,{b='''c''',d=\"\\U0001F600\"}]\n"
				   "[x.'y']\nt=1979-05-27T00:32:00.5-07:00\n"
				   "u=07:32:00\nf=+1.0e+1\ni=-inf\n[[z]]\n";
	struct guard guard = guard_new(sizeof text);

	(void)state;
	for (size_t n = 0; n < sizeof text; n++) {
		auto_arena struct arena arena = ARENA_EMPTY;
		struct toml_value *root = NULL;
		struct toml_place place;
		char *start = guard_copy(&guard, text, n);
		enum toml_status status =
			toml_parse(str_of(start, n), &arena, &root, &place);

		assert_int_equal(status == TOML_OK, root != NULL);
		if (n == sizeof text - 1)
			assert_int_equal(status, TOML_OK);
	}
	guard_free(&guard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_read),
		cmocka_unit_test(defects_have_a_place),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(nothing_behind_the_end_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
