/* source: what of a tree is listed, and the layer that is made of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "parts/source.h"

struct fixture {
	char *root;
	struct arena arena;
	struct source_tree tree;
};

static void write_file(const struct fixture *fixture, const char *path,
		       const char *text)
{
	auto_free char *full = path_join(fixture->root, path);
	auto_free char *folder =
		str_dup(str_of(full, (size_t)(strrchr(full, '/') - full)));

	assert_int_equal(fs_make_dirs(folder, 0755, NULL), 0);
	assert_int_equal(fs_write_file(full, str_from(text), 0644, NULL), 0);
}

static void link_to(const struct fixture *fixture, const char *target,
		    const char *path)
{
	auto_free char *full = path_join(fixture->root, path);

	assert_int_equal(symlink(target, full), 0);
}

static int set_up(void **state)
{
	struct fixture *fixture = mem_zalloc(1, sizeof *fixture);
	char pattern[] = "/tmp/test_source.XXXXXX";

	fixture->root = mem_strdup(mkdtemp(pattern));
	fixture->tree.root_fd = -1;
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	source_tree_close(&fixture->tree);
	arena_release(&fixture->arena);
	fs_remove_tree(fixture->root, NULL);
	free(fixture->root);
	free(fixture);
	return 0;
}

static void open_tree(struct fixture *fixture, const struct str *exclude,
		      size_t n)
{
	auto_err struct error *error = NULL;

	if (source_tree_open(&fixture->tree, &fixture->arena, fixture->root,
			     exclude, n, &error))
		fail_msg("%s", err_message(error));
}

/* The listed paths, each followed by a space. */
static void assert_paths(const struct fixture *fixture, const char *expected)
{
	auto_buf struct buf paths = BUF_EMPTY;

	for (size_t i = 0; i < fixture->tree.n; i++)
		buf_printf(&paths, STR_FMT " ",
			   STR_ARG(fixture->tree.files[i].path));
	assert_string_equal(buf_text(&paths), expected);
}

static void test_lists_sorted_without_caches(void **state)
{
	struct fixture *fixture = *state;

	write_file(fixture, "b/x.py", "1");
	write_file(fixture, "b.py", "1");
	write_file(fixture, "a/__init__.py", "");
	write_file(fixture, "a/__pycache__/x.cpython-311.pyc", "1");
	write_file(fixture, ".git/config", "1");
	open_tree(fixture, NULL, 0);
	assert_paths(fixture, "a/__init__.py b.py b/x.py ");
	assert_non_null(source_tree_find(&fixture->tree, STR("b.py")));
	assert_null(source_tree_find(&fixture->tree, STR("b")));
	assert_int_equal(source_tree_below(&fixture->tree, STR("b")), 2);
	assert_int_equal(source_tree_below(&fixture->tree, STR("b.py")), 1);
	assert_int_equal(source_tree_below(&fixture->tree, STR("c")), 3);
}

static void test_last_matching_pattern_decides(void **state)
{
	struct fixture *fixture = *state;
	const struct str exclude[] = {STR_INIT("**/tests/**")};

	write_file(fixture, ".dockerignore",
		   "# models are mounted\n*.bin\nmodels\n!models/keep.txt\n");
	write_file(fixture, "big.bin", "1");
	write_file(fixture, "sub/also.bin", "1");
	write_file(fixture, "models/huge.txt", "1");
	write_file(fixture, "models/keep.txt", "1");
	write_file(fixture, "a/tests/test_x.py", "1");
	open_tree(fixture, exclude, 1);
	assert_paths(fixture, ".dockerignore models/keep.txt sub/also.bin ");
}

static void test_names_are_left_out_anywhere(void **state)
{
	struct fixture *fixture = *state;
	const struct str exclude[] = {STR_INIT("**/notes"),
				      STR_INIT("**/*.tmp"), STR_INIT("**/x?")};

	write_file(fixture, "notes", "1");
	write_file(fixture, "a/notes", "1");
	write_file(fixture, "a/my-notes", "1");
	write_file(fixture, "b/notes/c", "1");
	write_file(fixture, "c/.tmp", "1");
	write_file(fixture, "c/d.tmp/e", "1");
	write_file(fixture, "c/f.tmp2", "1");
	write_file(fixture, "c/x1", "1");
	open_tree(fixture, exclude, 3);
	assert_paths(fixture, "a/my-notes c/f.tmp2 ");
}

static void test_links_stay_inside(void **state)
{
	struct fixture *fixture = *state;

	write_file(fixture, "real/x.py", "inside");
	link_to(fixture, "real", "alias");
	link_to(fixture, "/etc/passwd", "absolute");
	link_to(fixture, "../../../../etc/passwd", "climbs");
	link_to(fixture, "nowhere", "dangling");
	link_to(fixture, ".", "real/loop");
	open_tree(fixture, NULL, 0);
	assert_paths(fixture, "absolute alias/x.py climbs dangling real/x.py ");
	const struct source_file *inside =
		source_tree_find(&fixture->tree, STR("alias/x.py"));
	auto_buf struct buf text = BUF_EMPTY;
	auto_err struct error *error = NULL;

	assert_null(inside->problem);
	assert_int_equal(source_read(&fixture->tree, inside, &text, NULL), 0);
	assert_string_equal(buf_text(&text), "inside");
	const char *const outside[] = {"absolute", "climbs"};

	for (size_t i = 0; i < 2; i++) {
		const struct source_file *file =
			source_tree_find(&fixture->tree, str_from(outside[i]));

		assert_string_equal(file->problem,
				    "a symbolic link out of the source root");
		assert_int_equal(
			source_read(&fixture->tree, file, &text, &error), -1);
	}
}

static void test_root_that_is_not_there(void **state)
{
	struct fixture *fixture = *state;
	auto_err struct error *error = NULL;

	assert_int_equal(source_tree_open(&fixture->tree, &fixture->arena,
					  "/tmp/no/such/root", NULL, 0, &error),
			 -1);
	assert_non_null(strstr(err_message(error), "/tmp/no/such/root"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_lists_sorted_without_caches, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_last_matching_pattern_decides, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_names_are_left_out_anywhere, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_links_stay_inside, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_root_that_is_not_there,
						set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
