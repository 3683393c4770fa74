/* yaml: the tree of a document, what is refused and where, and that scalars
 * come back as they were written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codec/yaml.h"
#include "guard.h"

static void nodes_know_their_place(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct yaml_problem problem;
	const struct yaml_node *root = yaml_parse(
		STR("# comment\nfleet: x\n\xc3\xa9t\xc3\xa9: {c: [1, 'two'], "
		    "d: ~}\nports: 5711/6711\nempty:\nversion: 3.10\n"
		    "url: http://:8080/health\nblock: |\n  a\n  b\n"),
		NULL, &arena, &problem);

	(void)state;
	assert_non_null(root);
	assert_int_equal(root->kind, YAML_MAP);
	assert_int_equal(root->n, 7);
	const struct yaml_node *flow = root->pairs[1].value;

	assert_int_equal(flow->line, 3);
	assert_int_equal(flow->column, 6);
	const struct yaml_node *list = yaml_get(flow, "c");

	assert_int_equal(list->kind, YAML_LIST);
	assert_int_equal(list->n, 2);
	assert_false(list->items[0]->is_quoted);
	assert_true(yaml_is_number(list->items[0]));
	assert_true(list->items[1]->is_quoted);
	assert_string_equal(list->items[1]->text.p, "two");
	assert_int_equal(list->items[1]->column, 14);
	assert_true(yaml_is_null(yaml_get(flow, "d")));
	assert_true(yaml_is_null(yaml_get(root, "empty")));
	assert_int_equal(yaml_get(root, "empty")->line, 5);
	assert_string_equal(yaml_get(root, "version")->text.p, "3.10");
	assert_string_equal(yaml_get(root, "url")->text.p,
			    "http://:8080/health");
	assert_string_equal(yaml_get(root, "block")->text.p, "a\nb\n");
	assert_true(yaml_get(root, "block")->is_quoted);
	assert_null(yaml_get(root, "absent"));
}

static void plain_scalars_follow_the_core_schema(void **state)
{
	static const struct {
		const char *text;
		int truth; /* -1: no truth value */
		bool number, null;
	} cases[] = {
		{"true", 1, false, false},    {"FALSE", 0, false, false},
		{"yes", -1, false, false},    {"on", -1, false, false},
		{"~", -1, false, true},	      {"NULL", -1, false, true},
		{"0x1f", -1, true, false},    {"-1.5e+3", -1, true, false},
		{".5", -1, true, false},      {"5.", -1, true, false},
		{".", -1, false, false},      {"1e", -1, false, false},
		{"1.2.3", -1, false, false},  {".inf", -1, true, false},
		{"'true'", -1, false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		auto_arena struct arena arena = ARENA_EMPTY;
		struct yaml_problem problem;
		const struct yaml_node *node = yaml_parse(
			str_from(cases[i].text), NULL, &arena, &problem);
		bool value = false;

		assert_non_null(node);
		int truth = yaml_to_bool(node, &value) ? value : -1;

		if (truth != cases[i].truth ||
		    yaml_is_number(node) != cases[i].number ||
		    yaml_is_null(node) != cases[i].null)
			fail_msg("%s", cases[i].text);
	}
}

static void aliases_and_merges(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct yaml_problem problem;
	const struct yaml_node *root =
		yaml_parse(STR("a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\n"
			       "c: {<<: [*a, *b], x: 9}\nd: *a\n'<<': text\n"
			       "e: &a again\nf: *a\n"),
			   NULL, &arena, &problem);

	(void)state;
	assert_non_null(root);
	const struct yaml_node *merged = yaml_get(root, "c");

	assert_int_equal(merged->n, 3);
	assert_string_equal(yaml_get(merged, "x")->text.p, "9");
	assert_string_equal(yaml_get(merged, "y")->text.p, "2");
	assert_string_equal(yaml_get(merged, "z")->text.p, "4");
	assert_ptr_equal(yaml_get(root, "d"), yaml_get(root, "a"));
	assert_string_equal(yaml_get(root, "<<")->text.p, "text");
	assert_string_equal(yaml_get(root, "f")->text.p, "again");
}

static void an_empty_text_is_null(void **state)
{
	static const char *const texts[] = {"", "\n", "# only this\n", "---\n"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		auto_arena struct arena arena = ARENA_EMPTY;
		struct yaml_problem problem;
		const struct yaml_node *node =
			yaml_parse(str_from(texts[i]), NULL, &arena, &problem);

		assert_non_null(node);
		assert_true(yaml_is_null(node));
	}
}

static void defects_have_a_place(void **state)
{
	static const struct {
		struct str text;
		uint32_t line, column;
		const char *what;
	} cases[] = {
		{STR_INIT("a: 1\nb: 2\na: 3\n"), 3, 1,
		 "the key 'a' stands here twice; first in line 1"},
		{STR_INIT("a: 1\n  b: 2\n"), 1, 4,
		 "invalid multiline plain key"},
		{STR_INIT("a: [1\n"), 2, 1,
		 "flow sequence without a closing bracket"},
		{STR_INIT("a: @x\n"), 1, 4,
		 "plain scalar cannot start with '@'"},
		{STR_INIT("a: *x\n"), 1, 4,
		 "the alias '*x' has no anchor '&x' above it"},
		{STR_INIT("a: &x [1, *x]\n"), 1, 11,
		 "the alias '*x' stands inside its own anchor"},
		{STR_INIT("a: &x 1\nb: &x [*x]\n"), 2, 8,
		 "the alias '*x' stands inside its own anchor"},
		{STR_INIT("? [a]\n: b\n"), 1, 3,
		 "a key must be a word, not a list or a map"},
		{STR_INIT("a: {<<: 1}\n"), 1, 9,
		 "'<<' takes a map or a list of maps"},
		{STR_INIT("a: 1\n---\nb: 2\n"), 2, 1,
		 "a second document begins here; one file holds one"},
		{STR_INIT("a: 1\nb: \xff\n"), 2, 1, "this line is not UTF-8"},
		{STR_INIT("a: \x01\n"), 1, 4, "the control character 0x01"},
		{STR_INIT("\xc3\xa9: \0b\n"), 1, 4,
		 "the control character 0x00"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		auto_arena struct arena arena = ARENA_EMPTY;
		struct yaml_problem problem = {0, 0, ""};

		assert_null(yaml_parse(cases[i].text, NULL, &arena, &problem));
		if (problem.line != cases[i].line ||
		    problem.column != cases[i].column ||
		    strcmp(problem.what, cases[i].what) != 0)
			fail_msg("case %zu: %u:%u: %s", i, problem.line,
				 problem.column, problem.what);
	}
}

/* Ten aliases to ten aliases to ten ... */
static void laughs_are_counted(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_buf struct buf text = BUF_EMPTY;
	struct yaml_problem problem;

	(void)state;
	buf_append_text(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 30; i++) {
		buf_printf(&text, "a%d: &a%d [", i, i);
		for (int j = 0; j < 10; j++)
			buf_printf(&text, "*a%d,", i - 1);
		buf_append_text(&text, "]\n");
	}
	assert_null(yaml_parse(buf_str(&text), NULL, &arena, &problem));
	assert_string_equal(
		problem.what,
		"more than 200000 values once every alias is followed");
	assert_int_equal(problem.line, 6);
	assert_true(arena.used_bytes < 1 << 20);
}

static void bounds_hold(void **state)
{
	static const struct {
		struct str text;
		const char *what; /* NULL: fits */
	} cases[] = {
		{STR_INIT("[[[1]]]"), NULL},
		{STR_INIT("[[[[1]]]]"), "more than 4 levels deep"},
		{STR_INIT("[1,2,3,4,5,6,7,8,9]"), NULL},
		{STR_INIT("[1,2,3,4,5,6,7,8,9,10]"), "more than 10 values"},
		{STR_INIT("'123456789012345678901234567890'"), NULL},
		{STR_INIT("'1234567890123456789012345678901'"),
		 "33 bytes, where at most 32 are read"},
	};
	static const struct yaml_limits limits = {32, 4, 10};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		auto_arena struct arena arena = ARENA_EMPTY;
		struct yaml_problem problem = {0, 0, ""};
		const struct yaml_node *node =
			yaml_parse(cases[i].text, &limits, &arena, &problem);

		if ((node == NULL) != (cases[i].what != NULL) ||
		    strcmp(problem.what, cases[i].what ? cases[i].what : ""))
			fail_msg("case %zu: %s", i, problem.what);
	}
}

static void scalars_come_back(void **state)
{
	static const struct {
		const char *text, *written;
	} cases[] = {
		{"main_pc_code/agents/x.py", "main_pc_code/agents/x.py"},
		{"/models:ro", "/models:ro"},
		{"http://:8080/health", "http://:8080/health"},
		{"http://localhost:8080", "http://localhost:8080"},
		{"", "\"\""},
		{"yes", "\"yes\""},
		{"Null", "\"Null\""},
		{"3.10", "\"3.10\""},
		{"- a", "\"- a\""},
		{"a: b", "\"a: b\""},
		{"a:", "\"a:\""},
		{"a #b", "\"a #b\""},
		{"*x", "\"*x\""},
		{"{a", "\"{a\""},
		{"a,b", "\"a,b\""},
		{"say \"hi\"\\", "'say \"hi\"\\'"},
		{"it's \"", "\"it's \\\"\""},
		{"two\nlines\t\x01\x7f", "\"two\\nlines\\t\\x01\\x7f\""},
		{"\xc3\xa9 \xf0\x9f\x98\x80", "\"\xc3\xa9 \xf0\x9f\x98\x80\""},
		{"\xc2\x85\xe2\x80\xa8\xef\xbb\xbf", "\"\\x85\\u2028\\ufeff\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		auto_arena struct arena arena = ARENA_EMPTY;
		auto_buf struct buf text = BUF_EMPTY;
		struct yaml_problem problem = {0, 0, ""};

		yaml_append_scalar(&text, str_from(cases[i].text));
		assert_string_equal(buf_text(&text), cases[i].written);
		buf_clear(&text);
		buf_append_text(&text, "{k: ");
		yaml_append_scalar(&text, str_from(cases[i].text));
		buf_append_text(&text, "}\n");
		const struct yaml_node *root =
			yaml_parse(buf_str(&text), NULL, &arena, &problem);

		if (!root)
			fail_msg("%s: %s", cases[i].written, problem.what);
		const struct yaml_node *value = yaml_get(root, "k");

		assert_string_equal(value->text.p, cases[i].text);
		assert_true(value->is_quoted || !yaml_is_null(value));
	}
}

/* Block or flow, plain or quoted: in flow form it says the same. */
static void nodes_come_back_in_flow_form(void **state)
{
	static const struct {
		const char *text, *written;
	} cases[] = {
		{"a: 24GiB\nb: [x, --y]\n", "{a: 24GiB, b: [x, --y]}"},
		{"a: \"24GiB\"\nb: '8.9'\nc: 8.9\n",
		 "{a: \"24GiB\", b: \"8.9\", c: 8.9}"},
		{"a: x, y\nb: true\nc: \"true\"\nd:\n",
		 "{a: \"x, y\", b: true, c: \"true\", d: null}"},
		{"a: x]y\nb: |\n  two\n  lines\nc: RTX 4090\n",
		 "{a: \"x]y\", b: \"two\\nlines\\n\", c: RTX 4090}"},
		{"{}\n", "{}"},
		{"- [a]\n- {b: {}}\n", "[[a], {b: {}}]"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		auto_arena struct arena arena = ARENA_EMPTY;
		auto_buf struct buf once = BUF_EMPTY, twice = BUF_EMPTY;
		struct yaml_problem problem = {0, 0, ""};

		yaml_append_flow(&once, yaml_parse(str_from(cases[i].text),
						   NULL, &arena, &problem));
		assert_string_equal(buf_text(&once), cases[i].written);
		yaml_append_flow(&twice, yaml_parse(buf_str(&once), NULL,
						    &arena, &problem));
		assert_string_equal(buf_text(&twice), cases[i].written);
	}
}

/* Every prefix of a document, against a page that may not be read. */
static void nothing_behind_the_end_is_read(void **state)
{
	static const char text[] =
		"a: &x [1, 'b', \"c\\u00e9\"]\n? d\n: |-\n"
		"  block\n   more\n\ne: >\n  folded\n  x\n"
		"f: !!str {g: *x, h: \xc3\xa9}\n# end\n...\n";
	struct guard guard = guard_new(sizeof text);

	(void)state;
	for (size_t n = 0; n < sizeof text; n++) {
		auto_arena struct arena arena = ARENA_EMPTY;
		struct yaml_problem problem = {0, 0, ""};
		char *start = guard_copy(&guard, text, n);
		const struct yaml_node *root =
			yaml_parse(str_of(start, n), NULL, &arena, &problem);

		assert_true(root || problem.what[0]);
		if (n == sizeof text - 1)
			assert_non_null(root);
	}
	guard_free(&guard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_know_their_place),
		cmocka_unit_test(plain_scalars_follow_the_core_schema),
		cmocka_unit_test(aliases_and_merges),
		cmocka_unit_test(an_empty_text_is_null),
		cmocka_unit_test(defects_have_a_place),
		cmocka_unit_test(laughs_are_counted),
		cmocka_unit_test(bounds_hold),
		cmocka_unit_test(scalars_come_back),
		cmocka_unit_test(nodes_come_back_in_flow_form),
		cmocka_unit_test(nothing_behind_the_end_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
