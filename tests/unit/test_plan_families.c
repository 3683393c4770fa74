/* plan: what families have in common lies below them all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "decisions/plan.h"

#define MIB	     ((uint64_t)1 << 20)
#define COUNT(array) (sizeof(array) / sizeof *(array))

enum {
	BASE,
	ZMQ,
	CUDNN,
	CUBLAS,
	RUNTIME,
	TORCH,
	ONNX,
	NUMPY,
	AUDIO,
	SOURCES,
	PARTS = SOURCES + 12,
};

static struct plan_part parts[PARTS] = {
	[BASE] = {STR_INIT("base"), PLAN_BASE, 60 * MIB, 20 * MIB},
	[ZMQ] = {STR_INIT("zmq"), PLAN_WHEEL, 2 * MIB, MIB},
	[CUDNN] = {STR_INIT("cudnn"), PLAN_WHEEL, 1000 * MIB, 665 * MIB},
	[CUBLAS] = {STR_INIT("cublas"), PLAN_WHEEL, 600 * MIB, 411 * MIB},
	[RUNTIME] = {STR_INIT("runtime"), PLAN_WHEEL, 4 * MIB, MIB},
	[TORCH] = {STR_INIT("torch"), PLAN_WHEEL, 1600 * MIB, 800 * MIB},
	[ONNX] = {STR_INIT("onnx"), PLAN_WHEEL, 450 * MIB, 220 * MIB},
	[NUMPY] = {STR_INIT("numpy"), PLAN_WHEEL, 57 * MIB, 18 * MIB},
	[AUDIO] = {STR_INIT("audio"), PLAN_WHEEL, 12 * MIB, 4 * MIB},
};

/* The core that both extend and that brings nothing; then theirs. */
static const size_t torch_parts[] = {CUDNN, CUBLAS, RUNTIME, TORCH};
static const size_t onnx_parts[] = {CUDNN, CUBLAS, RUNTIME, ONNX};
enum { CORE, TORCH_FAMILY, ONNX_FAMILY };
static const struct plan_family families[] = {
	{PLAN_NONE, NULL, 0},
	{CORE, torch_parts, COUNT(torch_parts)},
	{CORE, onnx_parts, COUNT(onnx_parts)},
};

/* -- a fleet -- */

struct fleet {
	struct arena arena;
	struct plan_service services[12];
	size_t n;
	struct plan plan;
};

/* A service with a source of its own, or a family's image. */
static void add(struct fleet *fleet, ptrdiff_t family, size_t extra,
		bool is_image)
{
	size_t number = fleet->n++, n = 0;
	size_t *all = arena_new_array(&fleet->arena, size_t, PARTS);

	all[n++] = BASE;
	for (size_t i = 0; family >= 0 && i < families[family].part_count; i++)
		all[n++] = families[family].parts[i];
	if (extra)
		all[n++] = extra;
	if (!is_image)
		all[n++] = SOURCES + number;
	parts[SOURCES + number] = (struct plan_part){
		arena_printf(&fleet->arena, "source %zu", number), PLAN_SOURCE,
		1, 1};
	fleet->services[number] = (struct plan_service){
		arena_printf(&fleet->arena, "%s%zu",
			     is_image ? "family" : "service", number),
		all, n, family, is_image};
}

static void make(struct fleet *fleet)
{
	const struct plan_input input = {parts,		  PARTS,
					 families,	  COUNT(families),
					 fleet->services, fleet->n};
	const struct plan_options options = {0};

	plan_make(&fleet->plan, &fleet->arena, &input, &options);
}

/* The family's image ends on a layer below all of its services, and holds
 * exactly what it brings. */
static void assert_image(const struct fleet *fleet, size_t image)
{
	const struct plan *plan = &fleet->plan;
	const struct plan_service *of = &fleet->services[image];
	size_t count = 0;

	for (ptrdiff_t l = plan->leaves[image]; l >= 0;
	     l = plan->layers[l].parent)
		count += plan->layers[l].part_count;
	assert_int_equal(count, of->part_count);
	for (size_t i = 0; i < fleet->n; i++) {
		ptrdiff_t l = plan->leaves[i];

		while (l >= 0 && l != plan->leaves[image])
			l = plan->layers[l].parent;
		if (fleet->services[i].family == of->family)
			assert_true(l >= 0);
	}
}

static void add_families(struct fleet *fleet)
{
	add(fleet, TORCH_FAMILY, 0, true);
	add(fleet, ONNX_FAMILY, 0, true);
	add(fleet, CORE, 0, true);
}

static void release(struct fleet *fleet)
{
	arena_release(&fleet->arena);
}

static void test_common_closure_is_there_once(void **state)
{
	struct fleet fleet = {.n = 0};

	(void)state;
	add_families(&fleet);
	/* Many more of the one than of the other. */
	for (size_t i = 0; i < 6; i++)
		add(&fleet, TORCH_FAMILY, 0, false);
	add(&fleet, ONNX_FAMILY, 0, false);
	add(&fleet, CORE, ZMQ, false);
	make(&fleet);
	assert_int_equal(fleet.plan.tree_bytes, fleet.plan.unique_bytes);
	for (size_t i = 0; i < 3; i++)
		assert_image(&fleet, i);
	release(&fleet);
}

/* Above different families it lies twice, and nothing else does. */
static void test_extra_of_two_families(void **state)
{
	struct fleet fleet = {.n = 0};

	(void)state;
	add_families(&fleet);
	add(&fleet, TORCH_FAMILY, 0, false);
	add(&fleet, ONNX_FAMILY, NUMPY, false);
	add(&fleet, TORCH_FAMILY, NUMPY, false);
	add(&fleet, TORCH_FAMILY, NUMPY, false);
	add(&fleet, TORCH_FAMILY, AUDIO, false);
	make(&fleet);
	assert_int_equal(fleet.plan.tree_bytes,
			 fleet.plan.unique_bytes + parts[NUMPY].bytes);
	for (size_t i = 0; i < 3; i++)
		assert_image(&fleet, i);
	release(&fleet);
}

/* One without a family has what the families have from the same layers. */
static void test_without_family(void **state)
{
	struct fleet fleet = {.n = 0};

	(void)state;
	add_families(&fleet);
	add(&fleet, TORCH_FAMILY, 0, false);
	add(&fleet, ONNX_FAMILY, 0, false);
	add(&fleet, PLAN_NONE, CUDNN, false);
	add(&fleet, PLAN_NONE, NUMPY, false);
	add(&fleet, PLAN_NONE, NUMPY, false);
	make(&fleet);
	assert_int_equal(fleet.plan.tree_bytes, fleet.plan.unique_bytes);
	for (size_t i = 0; i < 2; i++)
		assert_image(&fleet, i);
	release(&fleet);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_common_closure_is_there_once),
		cmocka_unit_test(test_extra_of_two_families),
		cmocka_unit_test(test_without_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
