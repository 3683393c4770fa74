/* reasons: how a requirement leads to a package. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "decisions/reasons.h"

/* web -> engine[fast] -> (engine), (extra) speedups; tools -> web; alone. */
static struct str web_needs[] = {STR_INIT("engine[fast]>=2")};
static struct str engine_needs[] = {STR_INIT("old-core")};
static struct str fast_needs[] = {STR_INIT("speedups")};
static struct str tools_needs[] = {STR_INIT("web"), STR_INIT("tools")};
static struct lock_extra fast = {STR_INIT("fast"), {fast_needs, 1}};

static struct lock_package packages[] = {
	{.name = STR_INIT("alone"), .version = STR_INIT("1")},
	{.name = STR_INIT("core"), .version = STR_INIT("1")},
	{.name = STR_INIT("engine"),
	 .version = STR_INIT("2"),
	 .requires = {engine_needs, 1},
	 .extras = &fast,
	 .extra_count = 1},
	{.name = STR_INIT("speedups"), .version = STR_INIT("3")},
	{.name = STR_INIT("tools"),
	 .version = STR_INIT("1"),
	 .requires = {tools_needs, 2}},
	{.name = STR_INIT("web"),
	 .version = STR_INIT("1"),
	 .requires = {web_needs, 1}},
};

static const struct lock_resolution resolution = {
	.packages = packages,
	.package_count = sizeof packages / sizeof *packages,
};

static const struct closure_replacement replaced = {STR_INIT("old-core"),
						    STR_INIT("core")};
static struct str roots[] = {STR_INIT("tools"),	  STR_INIT("alone"),
			     STR_INIT("engine"),  STR_INIT("Web >= 1"),
			     STR_INIT("nowhere"), STR_INIT("not a name ]")};
static const struct reasons_input input = {
	&resolution, {&replaced, 1}, {roots, sizeof roots / sizeof *roots}};

static void test_shortest_way_of_each_root(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	size_t n;
	struct reason *reasons =
		reasons_find(&input, STR("speedups"), &arena, &n);

	(void)state;
	/* "engine" alone does not ask for its extra. */
	assert_int_equal(n, 2);
	assert_int_equal(reasons[0].root, 3);
	assert_int_equal(reasons[0].n, 3);
	assert_string_equal(reasons[0].steps[1].package->name.p, "engine");
	assert_string_equal(reasons[0].steps[1].requirement.p,
			    "engine[fast]>=2");
	assert_int_equal(reasons[1].root, 0);
	assert_int_equal(reasons[1].n, 4);
	assert_string_equal(reasons[1].steps[0].package->name.p, "tools");
	assert_string_equal(reasons[1].steps[3].package->name.p, "speedups");
}

static void test_replaced_packages_count_as_their_replacement(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	size_t n;
	struct reason *reasons = reasons_find(&input, STR("core"), &arena, &n);

	(void)state;
	assert_int_equal(n, 3);
	assert_int_equal(reasons[0].root, 2);
	assert_string_equal(reasons[0].steps[1].requirement.p, "old-core");
	reasons_find(&input, STR("old-core"), &arena, &n);
	assert_int_equal(n, 0);
}

static void test_reaches_what_roots_need(void **state)
{
	bool reached[sizeof packages / sizeof *packages] = {false};
	struct str engine[] = {STR("engine")};
	struct reasons_input one = input;

	(void)state;
	one.roots = (struct lock_strs){engine, 1};
	reasons_reach(&one, reached);
	for (size_t i = 0; i < resolution.package_count; i++)
		assert_int_equal(reached[i], i == 1 || i == 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shortest_way_of_each_root),
		cmocka_unit_test(
			test_replaced_packages_count_as_their_replacement),
		cmocka_unit_test(test_reaches_what_roots_need),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
