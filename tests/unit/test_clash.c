/* clash: where members are installed, and which distributions collide. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "decisions/clash.h"

static void members_are_installed(void **state)
{
	static const struct {
		struct str member, path;
	} cases[] = {
		{STR_INIT("cv2/version.py"), STR_INIT("cv2/version.py")},
		{STR_INIT("single.py"), STR_INIT("single.py")},
		{STR_INIT("a-1.data/purelib/a/b.py"), STR_INIT("a/b.py")},
		{STR_INIT("a-1.data/platlib/a/b.so"), STR_INIT("a/b.so")},
		{STR_INIT("a-1.data/scripts/tool"), STR_INIT("scripts/tool")},
		{STR_INIT("a/x.data"), STR_INIT("a/x.data")},
	};
	struct str path;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_true(clash_path(cases[i].member, &path));
		assert_true(str_eq(path, cases[i].path));
	}
	assert_false(clash_path(STR("a/__pycache__/b.pyc"), &path));
	assert_false(clash_path(STR("a-1.data/"), &path));
}

static void only_other_bytes_clash(void **state)
{
	/* 0 and 1 share two paths with other bytes, 1 and 2 one by its size
	 * alone; an equal file, one file of one, and a folder's name are
	 * none. */
	struct clash_file files[] = {
		{STR_INIT("x/z.so"), 10, 1, 1}, {STR_INIT("x/z.so"), 10, 2, 0},
		{STR_INIT("x/a.py"), 5, 7, 0},	{STR_INIT("x/a.py"), 5, 8, 1},
		{STR_INIT("same"), 0, 0, 0},	{STR_INIT("same"), 0, 0, 1},
		{STR_INIT("same"), 0, 0, 2},	{STR_INIT("y"), 3, 9, 2},
		{STR_INIT("y"), 4, 9, 1},	{STR_INIT("own"), 1, 1, 0},
		{STR_INIT("own/b"), 1, 2, 1},
	};
	struct clashes clashes = ARRAY_EMPTY;

	(void)state;
	clash_find(files, sizeof files / sizeof *files, &clashes);
	assert_int_equal(clashes.n, 2);
	assert_int_equal(clashes.p[0].a, 0);
	assert_int_equal(clashes.p[0].b, 1);
	assert_true(str_eq(clashes.p[0].path, STR("x/a.py")));
	assert_int_equal(clashes.p[0].path_count, 2);
	assert_int_equal(clashes.p[1].a, 1);
	assert_int_equal(clashes.p[1].b, 2);
	assert_true(str_eq(clashes.p[1].path, STR("y")));
	array_release(&clashes);
	clashes = (struct clashes)ARRAY_EMPTY;
	clash_find(NULL, 0, &clashes);
	assert_int_equal(clashes.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_installed),
		cmocka_unit_test(only_other_bytes_clash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
