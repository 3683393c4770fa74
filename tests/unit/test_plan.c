/* plan: which layers come out of which parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "decisions/plan.h"

#define MIB	     ((uint64_t)1 << 20)
#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct plan_options defaults;

enum { BASE, PYTHON, TORCH, CUDNN, ZMQ, YAML, HUB, AGENT, TRAINER, PARTS };

static const struct plan_part parts[PARTS] = {
	[BASE] = {STR_INIT("base"), PLAN_BASE, 30 * MIB, 10 * MIB},
	[PYTHON] = {STR_INIT("python"), PLAN_BASE, 40 * MIB, 15 * MIB},
	[TORCH] = {STR_INIT("torch"), PLAN_WHEEL, 1500 * MIB, 800 * MIB},
	[CUDNN] = {STR_INIT("cudnn"), PLAN_WHEEL, 900 * MIB, 600 * MIB},
	[ZMQ] = {STR_INIT("zmq"), PLAN_WHEEL, 2 * MIB, 1 * MIB},
	[YAML] = {STR_INIT("yaml"), PLAN_WHEEL, 1 * MIB, 1 * MIB},
	[HUB] = {STR_INIT("src:hub"), PLAN_SOURCE, 1000, 300},
	[AGENT] = {STR_INIT("src:agent"), PLAN_SOURCE, 1000, 300},
	[TRAINER] = {STR_INIT("src:trainer"), PLAN_SOURCE, 1000, 300},
};

static const size_t hub_parts[] = {BASE, PYTHON, ZMQ, TORCH, CUDNN, HUB};
static const size_t agent_parts[] = {BASE, PYTHON, YAML, ZMQ, AGENT};
static const size_t trainer_parts[] = {BASE, PYTHON, CUDNN,
				       YAML, TORCH,  TRAINER};

static const struct plan_service services[] = {
	{STR_INIT("hub"), hub_parts, COUNT(hub_parts), PLAN_NONE, false},
	{STR_INIT("agent"), agent_parts, COUNT(agent_parts), PLAN_NONE, false},
	{STR_INIT("trainer"), trainer_parts, COUNT(trainer_parts), PLAN_NONE,
	 false},
};

static const struct plan_input fleet = {parts, PARTS,	 NULL,
					0,     services, COUNT(services)};

/* Every part of a service lies exactly once on its path. */
static void assert_covers(const struct plan *plan, size_t number,
			  const struct plan_service *service)
{
	size_t path[64], seen = 0;
	size_t n = plan_path(plan, number, path);

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < plan->layers[path[i]].part_count; k++) {
			size_t part = plan->layers[path[i]].parts[k], found = 0;

			for (size_t j = 0; j < service->part_count; j++)
				found += service->parts[j] == part;
			assert_int_equal(found, 1);
			seen++;
		}
	assert_int_equal(seen, service->part_count);
}

static void test_shares_heavy_prefix(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct plan plan;
	size_t hub[64], trainer[64], agent[64];

	(void)state;
	plan_make(&plan, &arena, &fleet, &defaults);
	for (size_t i = 0; i < COUNT(services); i++)
		assert_covers(&plan, i, &services[i]);
	plan_path(&plan, 0, hub);
	size_t agent_layers = plan_path(&plan, 1, agent);

	plan_path(&plan, 2, trainer);
	/* base, python, torch, cudnn are the same layers for both. */
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(hub[i], trainer[i]);
	assert_int_equal(plan.layers[hub[0]].parts[0], BASE);
	assert_int_equal(plan.layers[hub[1]].parts[0], PYTHON);
	assert_int_equal(plan.layers[hub[2]].parts[0], TORCH);
	assert_int_equal(plan.layers[hub[3]].parts[0], CUDNN);
	/* The agent has base and python of them, small wheels in one layer. */
	assert_int_equal(agent[1], hub[1]);
	assert_int_equal(agent_layers, 4);
	assert_int_equal(plan.layers[agent[2]].part_count, 2);
	assert_int_equal(plan.unique_bytes,
			 (30 + 40 + 1500 + 900 + 2 + 1) * MIB + 3000);
	/* zmq and yaml stand twice: the prefix rule forces it. */
	assert_int_equal(plan.tree_bytes, plan.unique_bytes + 3 * MIB);
}

static void test_order_of_services_does_not_matter(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	const struct plan_service turned[] = {services[2], services[0],
					      services[1]};
	static const size_t was[] = {2, 0, 1};
	struct plan a, b;

	(void)state;
	plan_make(&a, &arena, &fleet, &defaults);
	plan_make(&b, &arena,
		  &(struct plan_input){parts, PARTS, NULL, 0, turned, 3},
		  &defaults);
	assert_int_equal(a.layer_count, b.layer_count);
	for (size_t i = 0; i < 3; i++) {
		size_t path_a[64], path_b[64];
		size_t n = plan_path(&a, was[i], path_a);

		assert_int_equal(plan_path(&b, i, path_b), n);
		assert_memory_equal(path_a, path_b, n * sizeof *path_a);
	}
}

static void test_bounds_the_depth(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct plan_part many[101] = {
		{STR_INIT("base"), PLAN_BASE, MIB, MIB},
	};
	size_t numbers[101];
	struct plan plan;

	(void)state;
	for (size_t i = 0; i < 101; i++) {
		numbers[i] = i;
		if (i)
			many[i] = (struct plan_part){
				arena_printf(&arena, "wheel%zu", i), PLAN_WHEEL,
				40 * MIB, 20 * MIB};
	}
	struct plan_service one = {STR_INIT("one"), numbers, 101, PLAN_NONE,
				   false};
	struct plan_input input = {many, 101, NULL, 0, &one, 1};

	plan_make(&plan, &arena, &input, &defaults);
	assert_true(plan.layers[plan.leaves[0]].depth + 1 <= 40);
	for (size_t i = 0; i < plan.layer_count; i++)
		assert_true(plan.layers[i].compressed_bytes <= 1024 * MIB);
	assert_covers(&plan, 0, &one);
}

static void test_different_bases_are_different_trees(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	static const struct plan_part two[] = {
		{STR_INIT("a"), PLAN_BASE, MIB, MIB},
		{STR_INIT("b"), PLAN_BASE, MIB, MIB},
		{STR_INIT("torch"), PLAN_WHEEL, 900 * MIB, 900 * MIB},
	};
	static const size_t on_a[] = {0, 2}, on_b[] = {1, 2};
	const struct plan_service both[] = {
		{STR_INIT("x"), on_a, 2, PLAN_NONE, false},
		{STR_INIT("y"), on_a, 2, PLAN_NONE, false},
		{STR_INIT("z"), on_b, 2, PLAN_NONE, false},
	};
	struct plan_input input = {two, 3, NULL, 0, both, 3};
	struct plan plan;

	(void)state;
	plan_make(&plan, &arena, &input, &defaults);
	assert_int_equal(plan.layer_count, 4);
	assert_int_equal(plan.leaves[0], plan.leaves[1]);
	assert_int_not_equal(plan.leaves[0], plan.leaves[2]);
	for (size_t i = 0; i < 3; i++)
		assert_covers(&plan, i, &both[i]);
	/* One service on each base: what they share is no way to go. */
	input = (struct plan_input){two, 3, NULL, 0, both + 1, 2};
	plan_make(&plan, &arena, &input, &defaults);
	assert_int_equal(plan.layer_count, 4);
}

static void test_empty_fleet(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct plan plan;

	(void)state;
	plan_make(&plan, &arena, &(struct plan_input){.parts = parts},
		  &defaults);
	assert_int_equal(plan.layer_count, 0);
	assert_int_equal(plan.tree_bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shares_heavy_prefix),
		cmocka_unit_test(test_order_of_services_does_not_matter),
		cmocka_unit_test(test_bounds_the_depth),
		cmocka_unit_test(test_different_bases_are_different_trees),
		cmocka_unit_test(test_empty_fleet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
