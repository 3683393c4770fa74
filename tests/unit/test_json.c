/* json: what is read, where a defect is, and that one value has one text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codec/json.h"
#include "guard.h"

static void members_are_read(void **state)
{
	auto_json json_t *value =
		json_parse(STR("{\"s\": \"a\\u00e9\", \"n\": 7, \"neg\": -1, "
			       "\"b\": true, \"l\": [1], \"o\": {}}"),
			   1000, NULL);
	struct str text = STR("kept");
	uint64_t number = 5;
	bool truth = false;

	(void)state;
	assert_non_null(value);
	assert_true(json_get_str(value, "s", &text));
	assert_true(str_eq(text, STR("a\xc3\xa9")));
	assert_false(json_get_str(value, "n", &text));
	assert_false(json_get_str(value, "absent", &text));
	assert_true(str_eq(text, STR("a\xc3\xa9")));
	assert_true(json_get_u64(value, "n", &number));
	assert_int_equal(number, 7);
	assert_false(json_get_u64(value, "neg", &number));
	assert_false(json_get_u64(value, "s", &number));
	assert_int_equal(number, 7);
	assert_true(json_get_bool(value, "b", &truth));
	assert_true(truth);
	assert_false(json_get_bool(value, "n", &truth));
	assert_int_equal(json_array_size(json_get_array(value, "l")), 1);
	assert_null(json_get_array(value, "o"));
	assert_non_null(json_get_object(value, "o"));
	assert_null(json_get_object(NULL, "o"));
	assert_int_equal(json_str(NULL).n, 0);
}

static void defects_have_a_place(void **state)
{
	static const struct {
		struct str text;
		size_t offset;
		unsigned line, column;
		const char *what;
	} cases[] = {
		{STR_INIT("{\"a\": 1,\n \"a\": 2}"), 13, 2, 4,
		 "duplicate object key near '\"a\"'"},
		{STR_INIT("[1, 2"), 5, 1, 5, "']' expected near end of file"},
		{STR_INIT("[\"\\u0000\"]"), 9, 1, 9,
		 "\\u0000 is not allowed without JSON_ALLOW_NUL near "
		 "'\"\\u0000\"'"},
		{STR_INIT("[\"\xff\"]"), 2, 1, 2,
		 "unable to decode byte 0xff near '\"'"},
		{STR_INIT("1 2"), 3, 1, 3, "end of file expected near '2'"},
		{STR_INIT("[99999999999999999999]"), 21, 1, 21,
		 "too big integer near '99999999999999999999'"},
		{STR_INIT("0123456789012345678901234567890123"), 0, 1, 1,
		 "34 bytes, where at most 32 are read"},
		{STR_INIT(""), 0, 1, 1, "unexpected token near end of file"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct json_problem problem = {9, 9, 9, ""};

		assert_null(json_parse(cases[i].text, 32, &problem));
		if (problem.offset != cases[i].offset ||
		    problem.line != cases[i].line ||
		    problem.column != cases[i].column ||
		    strcmp(problem.what, cases[i].what) != 0)
			fail_msg("case %zu: %zu %u:%u %s", i, problem.offset,
				 problem.line, problem.column, problem.what);
	}
}

static void one_value_has_one_text(void **state)
{
	static const char *const same[] = {
		"{\"b\": [1, 2.5, null], \"a\": \"\xc3\xa9/\\n\"}",
		"{\"a\":\"\\u00e9\\/\\u000a\",\"b\":[1,2.50,null]}",
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		auto_json json_t *value =
			json_parse(str_from(same[i]), 1000, NULL);
		auto_buf struct buf out = BUF_EMPTY;

		json_append_canonical(&out, value);
		assert_string_equal(
			buf_text(&out),
			"{\"a\":\"\xc3\xa9/\\n\",\"b\":[1,2.5,null]}");
	}
}

static void pretty_keeps_the_order(void **state)
{
	auto_json json_t *value =
		json_parse(STR("{\"b\":[1,{}],\"a\":[]}"), 1000, NULL);
	auto_buf struct buf out = BUF_EMPTY;

	(void)state;
	json_append_pretty(&out, value);
	assert_string_equal(buf_text(&out), "{\n  \"b\": [\n    1,\n    {}\n"
					    "  ],\n  \"a\": []\n}\n");
}

static void strings_are_always_utf8(void **state)
{
	static const struct {
		struct str in;
		const char *out;
	} cases[] = {
		{STR_INIT("plain"), "plain"},
		{STR_INIT("\xc3\xa9"), "\xc3\xa9"},
		{STR_INIT("a\xff\xc3\xa9\xc3"),
		 "a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd"},
		{STR_INIT("\xf0\x9f\x98"),
		 "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{STR_INIT(""), ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		auto_json json_t *value = json_new_str(cases[i].in);

		assert_string_equal(json_string_value(value), cases[i].out);
	}
}

/* Every prefix of a document, against a page that may not be read. */
static void nothing_behind_the_end_is_read(void **state)
{
	static const char text[] = "{\"a\\ud83d\\ude00\": [1, -2.5e+3, true, "
				   "null, \"\xc3\xa9\"], \"b\": {}}";
	struct guard guard = guard_new(sizeof text);

	(void)state;
	for (size_t n = 0; n < sizeof text; n++) {
		char *start = guard_copy(&guard, text, n);
		auto_json json_t *value = json_parse(str_of(start, n), n, NULL);

		assert_int_equal(value != NULL, n == sizeof text - 1);
	}
	guard_free(&guard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_read),
		cmocka_unit_test(defects_have_a_place),
		cmocka_unit_test(one_value_has_one_text),
		cmocka_unit_test(pretty_keeps_the_order),
		cmocka_unit_test(strings_are_always_utf8),
		cmocka_unit_test(nothing_behind_the_end_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
