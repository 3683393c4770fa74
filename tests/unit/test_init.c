/* init: each tree of tests/golden/init gives its expected.yaml, which is a
 * manifest without problems, and each file of tests/should-fail/init is refused
 * with what its line "#= " says (the beginning of it). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "facts/manifest.h"
#include "work/init.h"

/* Without problems, and with as many questions as there were. */
static void assert_good(const struct init_result *result)
{
	auto_manifest struct manifest *manifest =
		manifest_parse(result->text, "fleet.yaml");
	auto_buf struct buf problems = BUF_EMPTY;

	manifest_append_problems(manifest, &problems);
	assert_string_equal(buf_text(&problems), "");
	assert_int_equal(manifest->questions.n, result->question_count);
	assert_int_equal(manifest->services.n, result->service_count);
	assert_int_equal(manifest->infra.n, result->infra_count);
}

static void trees_give_what_is_expected(void **state)
{
	auto_free char *folder = path_join(getenv("TEST_DATA"), "golden/init");
	auto_names struct fs_names names = ARRAY_EMPTY;

	(void)state;
	assert_int_equal(fs_list(folder, &names, NULL), 0);
	assert_true(names.n >= 4);
	for (size_t i = 0; i < names.n; i++) {
		auto_free char *root = path_join(folder, names.p[i]);
		auto_free char *path = path_join(root, "expected.yaml");
		auto_buf struct buf expected = BUF_EMPTY;
		auto_init struct init_result result = {.arena = ARENA_EMPTY};
		auto_err struct error *error = NULL;
		struct init_options options = {.root = root};

		if (init_run(&options, &result, &error))
			fail_msg("%s: %s", root, err_message(error));
		assert_int_equal(fs_read(path, 1 << 20, &expected, NULL), 0);
		assert_string_equal(result.text.p, buf_text(&expected));
		assert_good(&result);
	}
}

/* What stands behind "#= "; false where a file says nothing. */
static bool expected_of(const char *path, struct buf *text, struct str *line)
{
	assert_int_equal(fs_read(path, 1 << 20, text, NULL), 0);
	struct str rest = buf_str(text);

	while (str_line(&rest, line))
		if (str_eat(line, STR("#= ")))
			return true;
	return false;
}

static void bad_files_have_their_message(void **state)
{
	auto_free char *folder =
		path_join(getenv("TEST_DATA"), "should-fail/init");
	auto_names struct fs_names names = ARRAY_EMPTY;

	(void)state;
	assert_int_equal(fs_list(folder, &names, NULL), 0);
	assert_true(names.n > 12);
	for (size_t i = 0; i < names.n; i++) {
		auto_free char *path = path_join(folder, names.p[i]);
		const char *file = names.p[i];
		auto_init struct init_result result = {.arena = ARENA_EMPTY};
		auto_err struct error *error = NULL;
		auto_buf struct buf text = BUF_EMPTY;
		struct init_options options = {
			.root = folder, .files = &file, .file_count = 1};
		struct str wanted;

		if (!expected_of(path, &text, &wanted))
			continue;
		if (init_run(&options, &result, &error) == 0)
			fail_msg("%s is accepted", file);
		assert_int_equal(err_class(error), ERR_FLEET);
		if (!str_starts(str_from(err_message(error)), wanted))
			fail_msg("%s: %s", file, err_message(error));
	}
}

/* A folder with one file. */
static char *write_tree(const char *name, const char *text)
{
	char *root = mem_strdup("/tmp/test_init.XXXXXX");

	assert_non_null(mkdtemp(root));
	auto_free char *path = path_join(root, name);

	assert_int_equal(fs_write_file(path, str_from(text), 0644, NULL), 0);
	return root;
}

static void names_of_files_are_judged(void **state)
{
	static const struct {
		const char *file;
		enum error_class class;
		const char *message;
	} cases[] = {
		{"none.yaml", ERR_USAGE,
		 "there is no file or folder "
		 "'none.yaml'"},
		{"../x", ERR_USAGE, "'../x' is not a path below"},
		{"/etc/passwd", ERR_USAGE, "'/etc/passwd' is not a path below"},
		{".", ERR_FLEET, "nothing in '.' tells of services"},
		{NULL, ERR_FLEET, "nothing in '.' tells of services"},
	};
	auto_free char *root = write_tree("note.txt", "x");

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		auto_init struct init_result result = {.arena = ARENA_EMPTY};
		auto_err struct error *error = NULL;
		struct init_options options = {.root = root,
					       .files = &cases[i].file,
					       .file_count =
						       cases[i].file ? 1 : 0};

		assert_int_equal(init_run(&options, &result, &error), -1);
		assert_int_equal(err_class(error), cases[i].class);
		assert_true(str_starts(str_from(err_message(error)),
				       str_from(cases[i].message)));
	}
	assert_int_equal(fs_remove_tree(root, NULL), 0);
}

static void an_image_that_is_no_name_is_asked_about(void **state)
{
	auto_free char *root = write_tree(
		"Dockerfile", "FROM python:3.10-sli[m\nCMD [\"x.py\"]\n");
	auto_init struct init_result result = {.arena = ARENA_EMPTY};
	const char *file = "Dockerfile";
	struct init_options options = {
		.root = root, .files = &file, .file_count = 1};

	(void)state;
	assert_int_equal(init_run(&options, &result, NULL), 0);
	assert_good(&result);
	assert_true(str_starts(result.questions[0].ask,
			       STR("the image 'python:3.10-sli[m' cannot be "
				   "written")));
	assert_int_equal(fs_remove_tree(root, NULL), 0);
}

/* Names, paths, numbers and commands that fleet.yaml does not take: each is
 * asked about, and none of them gets into the text as anything else. */
static void hostile_values_stay_values(void **state)
{
	static const char *const texts[] = {
		"agent_groups: {g: {'a b}: {x': {script_path: 'a.py, b: c', "
		"port: 70000, required: {a: b}, dependencies: {a: b}, env: "
		"{'A}': '1, B: 2', C: \"x\\\"}\\n\"}}}}\n",
		"agent_groups: {\"g\\nservices: {}\": {A: {script_path: "
		"a.py}, a: {script_path: a.py}}}\n",
		"pc2_services: [{name: A, script_path: 'a.py', x_port: 5, "
		"'y]_port': 6, host: \"\\u00e9\"}]\n",
		"services: {'é}{': {build: ., image: '}', command: 'python "
		"\"a}.py\"', ports: ['1:2:3:4', '0', '65536-65537'], volumes: "
		"['a', 'b:c', '/x:/y:ro', {}], user: '1:x', shm_size: 1q, "
		"group_add: ['}'], devices: ['/etc/passwd'], healthcheck: "
		"{test: 'curl http://localhost:99999/', interval: 'x}'}}}\n",
		"services: {a: {command: python x.py, depends_on: [a, b]}, b: "
		"{command: [], depends_on: {a: {}}}, i: {image: '-'}}\n",
		"services: {a: {command: python x.py, ports: [{}, {target: "
		"''}, "
		"''], devices: [/dev/a, ''], healthcheck: {test: "
		"/dev/tcp/}}}\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		auto_free char *root = write_tree("in.yaml", texts[i]);
		auto_init struct init_result result = {.arena = ARENA_EMPTY};
		auto_err struct error *error = NULL;
		const char *file = "in.yaml";
		struct init_options options = {
			.root = root, .files = &file, .file_count = 1};

		if (init_run(&options, &result, &error))
			fail_msg("%zu: %s", i, err_message(error));
		assert_good(&result);
		assert_true(result.question_count > 0);
		assert_int_equal(fs_remove_tree(root, NULL), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trees_give_what_is_expected),
		cmocka_unit_test(bad_files_have_their_message),
		cmocka_unit_test(names_of_files_are_judged),
		cmocka_unit_test(an_image_that_is_no_name_is_asked_about),
		cmocka_unit_test(hostile_values_stay_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
