/* plan: what a change to a fleet leaves as it was, over made-up fleets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "decisions/plan.h"

#define MIB ((uint64_t)1 << 20)

enum {
	BASES = 2,
	WHEELS = 14,
	SERVICES = 9,
	FAMILIES = 3,
	FLEETS = 300,
	CHANGES = 8,
	MAX_LAYERS = 10,
};

/* Two families extend the first. */
static const ptrdiff_t parents[FAMILIES] = {PLAN_NONE, 0, 0};

/* A fleet that can be changed. */
struct model {
	uint64_t random;
	unsigned versions[WHEELS], base_version;
	uint64_t sizes[WHEELS];
	bool family_has[FAMILIES][WHEELS];
	bool is_there[SERVICES], has[SERVICES][WHEELS];
	unsigned base[SERVICES];
	ptrdiff_t family[SERVICES];
};

static size_t pick(struct model *model, size_t n)
{
	model->random ^= model->random << 13;
	model->random ^= model->random >> 7;
	model->random ^= model->random << 17;
	return (size_t)(model->random % n);
}

/* Families bring their packages, those they extend too. */
static void join_family(struct model *model, size_t service)
{
	for (ptrdiff_t f = model->family[service]; f >= 0; f = parents[f])
		for (size_t w = 0; w < WHEELS; w++)
			model->has[service][w] |= model->family_has[f][w];
}

static void make_service(struct model *model, size_t service)
{
	model->is_there[service] = true;
	model->base[service] = pick(model, 4) == 0;
	model->family[service] = (ptrdiff_t)pick(model, FAMILIES + 1) - 1;
	for (size_t w = 0; w < WHEELS; w++)
		model->has[service][w] = pick(model, 3) == 0;
	join_family(model, service);
}

static void make_model(struct model *model, size_t seed)
{
	*model = (struct model){.random = 88172645463325252u + seed * 7919};
	for (size_t w = 0; w < WHEELS; w++) {
		model->versions[w] = 1;
		model->sizes[w] = pick(model, 3) ? pick(model, 4 * MIB) + 1
						 : pick(model, 200 * MIB) + 1;
		for (size_t f = 0; f < FAMILIES; f++)
			model->family_has[f][w] = pick(model, 6) == 0;
	}
	for (size_t s = 0; s < SERVICES; s++)
		if (pick(model, 4))
			make_service(model, s);
}

/* -- as the planner takes it -- */

struct made {
	struct plan_input input;
	struct plan plan;
};

/* Numbers of the parts: bases, wheels, a source per service. */
static struct plan_part *make_parts(const struct model *model,
				    struct arena *arena)
{
	struct plan_part *parts = arena_new_array(arena, struct plan_part,
						  BASES + WHEELS + SERVICES);

	for (size_t i = 0; i < BASES; i++)
		parts[i] =
			(struct plan_part){arena_printf(arena, "base %zu.%u", i,
							model->base_version),
					   PLAN_BASE, 60 * MIB, 20 * MIB};
	for (size_t i = 0; i < WHEELS; i++)
		parts[BASES + i] = (struct plan_part){
			arena_printf(arena, "wheel%zu %u", i,
				     model->versions[i]),
			PLAN_WHEEL, model->sizes[i] * 3, model->sizes[i]};
	for (size_t i = 0; i < SERVICES; i++)
		parts[BASES + WHEELS + i] =
			(struct plan_part){arena_printf(arena, "source %zu", i),
					   PLAN_SOURCE, 1, 1};
	return parts;
}

static struct plan_family *make_families(const struct model *model,
					 struct arena *arena)
{
	struct plan_family *families =
		arena_new_array(arena, struct plan_family, FAMILIES);

	for (size_t f = 0; f < FAMILIES; f++) {
		size_t *parts = arena_new_array(arena, size_t, WHEELS), n = 0;

		for (size_t w = 0; w < WHEELS; w++)
			if (model->family_has[f][w])
				parts[n++] = BASES + w;
		families[f] = (struct plan_family){parents[f], parts, n};
	}
	return families;
}

static void make_plan(const struct model *model, struct arena *arena,
		      const struct lock_node *memory, size_t memory_count,
		      struct made *made)
{
	struct plan_options options = {
		.max_layers = MAX_LAYERS,
		.max_layer_bytes = 512 * MIB,
		.memory = memory,
		.memory_count = memory_count,
	};
	struct plan_service *services =
		arena_new_array(arena, struct plan_service, SERVICES);
	size_t count = 0;

	for (size_t s = 0; s < SERVICES; s++) {
		size_t *parts = arena_new_array(arena, size_t, WHEELS + 2);
		size_t n = 0;

		if (!model->is_there[s])
			continue;
		parts[n++] = model->base[s];
		for (size_t w = 0; w < WHEELS; w++)
			if (model->has[s][w])
				parts[n++] = BASES + w;
		parts[n++] = BASES + WHEELS + s;
		services[count++] = (struct plan_service){
			arena_printf(arena, "service%zu", s), parts, n,
			model->family[s], false};
	}
	made->input = (struct plan_input){make_parts(model, arena),
					  BASES + WHEELS + SERVICES,
					  make_families(model, arena),
					  FAMILIES,
					  services,
					  count};
	plan_make(&made->plan, arena, &made->input, &options);
}

/* "base 0.1|wheel3 1,wheel4 2|source 5" */
static void append_path(const struct made *made, struct str name,
			struct buf *out)
{
	const struct plan *plan = &made->plan;
	size_t path[64], n = 0;

	for (size_t i = 0; i < made->input.service_count; i++)
		if (str_eq(made->input.services[i].name, name))
			n = plan_path(plan, i, path);
	for (size_t i = 0; i < n; i++) {
		const struct plan_layer *layer = &plan->layers[path[i]];

		for (size_t k = 0; k < layer->part_count; k++) {
			buf_append_text(out, k ? "," : i ? "|" : "");
			buf_append(out, made->input.parts[layer->parts[k]].id);
		}
	}
}

/* -- what always holds -- */

/* The family's parts come before others, and each part exactly once. */
static void assert_path(const struct model *model, const struct made *made,
			size_t number)
{
	const struct plan_service *service = &made->input.services[number];
	size_t path[64], seen[BASES + WHEELS + SERVICES] = {0}, total = 0;
	size_t n = plan_path(&made->plan, number, path);
	int last = 0; /* base, root, family, free, source */

	assert_true(n <= MAX_LAYERS);
	for (size_t i = 0; i < n; i++) {
		const struct plan_layer *layer = &made->plan.layers[path[i]];

		assert_true(layer->part_count == 1 ||
			    layer->compressed_bytes <= 512 * MIB);
		for (size_t k = 0; k < layer->part_count; k++) {
			size_t part = layer->parts[k];
			int rank = part < BASES ? 0 : 3;

			if (part >= BASES + WHEELS)
				rank = 4;
			for (ptrdiff_t f = service->family; f >= 0;
			     f = parents[f])
				if (rank && rank < 4 &&
				    model->family_has[f][part - BASES])
					rank = f ? 2 : 1;
			assert_true(rank >= last);
			last = rank;
			assert_int_equal(seen[part]++, 0);
			total++;
		}
	}
	assert_int_equal(total, service->part_count);
	for (size_t k = 0; k < service->part_count; k++)
		assert_int_equal(seen[service->parts[k]], 1);
}

static void assert_sound(const struct model *model, const struct made *made)
{
	for (size_t i = 0; i < made->input.service_count; i++)
		assert_path(model, made, i);
	assert_true(made->plan.tree_bytes >= made->plan.unique_bytes);
	assert_true(made->plan.tree_bytes <= made->plan.unshared_bytes);
}

/* -- changes -- */

/* Changes the fleet; marks the services whose own parts change. */
static void change(struct model *model, bool *is_touched)
{
	size_t s = pick(model, SERVICES), w = pick(model, WHEELS);

	memset(is_touched, 0, SERVICES * sizeof *is_touched);
	switch (pick(model, 5)) {
	case 0: /* a service comes, or goes */
		is_touched[s] = true;
		if (model->is_there[s])
			model->is_there[s] = false;
		else
			make_service(model, s);
		break;
	case 1: /* a service asks for one package more or less */
		is_touched[s] = true;
		model->has[s][w] = !model->has[s][w];
		join_family(model, s);
		break;
	default: /* a new version */
		model->versions[w]++;
		for (size_t i = 0; i < SERVICES; i++)
			is_touched[i] = model->has[i][w];
	}
}

/* How many untouched services have another path than before. */
static size_t count_moved(const struct made *before, const struct made *after,
			  const bool *is_touched)
{
	size_t moved = 0;

	for (size_t s = 0; s < SERVICES; s++) {
		auto_buf struct buf old = BUF_EMPTY, new = BUF_EMPTY;
		char name[32];

		snprintf(name, sizeof name, "service%zu", s);
		append_path(before, str_from(name), &old);
		append_path(after, str_from(name), &new);
		moved +=
			!is_touched[s] && !str_eq(buf_str(&old), buf_str(&new));
	}
	return moved;
}

/* Runs all fleets through changes; how many services moved without need. */
static size_t run_fleets(bool remember)
{
	size_t moved = 0;

	for (size_t seed = 0; seed < FLEETS; seed++) {
		auto_arena struct arena arena = ARENA_EMPTY;
		struct model model;
		struct made before, after;
		bool is_touched[SERVICES];

		make_model(&model, seed);
		make_plan(&model, &arena, NULL, 0, &before);
		assert_sound(&model, &before);
		for (size_t i = 0; i < CHANGES; i++) {
			size_t count = 0;
			struct lock_node *memory =
				remember ? plan_record(&before.plan,
						       &before.input, &arena,
						       &count)
					 : NULL;

			change(&model, is_touched);
			make_plan(&model, &arena, memory, count, &after);
			assert_sound(&model, &after);
			moved += count_moved(&before, &after, is_touched);
			before = after;
		}
	}
	return moved;
}

static void test_changes_only_what_uses_the_change(void **state)
{
	(void)state;
	assert_int_equal(run_fleets(true), 0);
	/* Without memory they do move: the fleets put it to the test. */
	assert_true(run_fleets(false) > 100);
}

static void test_same_fleet_same_plan(void **state)
{
	(void)state;
	for (size_t seed = 0; seed < FLEETS; seed++) {
		auto_arena struct arena arena = ARENA_EMPTY;
		struct model model;
		struct made first, again;
		size_t count;

		make_model(&model, seed);
		make_plan(&model, &arena, NULL, 0, &first);
		struct lock_node *nodes =
			plan_record(&first.plan, &first.input, &arena, &count);

		make_plan(&model, &arena, nodes, count, &again);
		assert_int_equal(again.plan.layer_count,
				 first.plan.layer_count);
		for (size_t l = 0; l < again.plan.layer_count; l++)
			assert_true(
				again.plan.layers[l].is_remembered ||
				again.input.parts[again.plan.layers[l].parts[0]]
						.kind == PLAN_SOURCE);
	}
}

/* -- one fleet by hand -- */

enum { BASE, TORCH, CUDNN, ZMQ, YAML, JSON, SOURCE_A, SOURCE_B, PARTS };

static struct plan_part parts[PARTS] = {
	[BASE] = {STR_INIT("base 1"), PLAN_BASE, 60 * MIB, 20 * MIB},
	[TORCH] = {STR_INIT("torch 2.4.1"), PLAN_WHEEL, 1500 * MIB, 800 * MIB},
	[CUDNN] = {STR_INIT("cudnn 9"), PLAN_WHEEL, 900 * MIB, 600 * MIB},
	[ZMQ] = {STR_INIT("zmq 26"), PLAN_WHEEL, 2 * MIB, MIB},
	[YAML] = {STR_INIT("yaml 6"), PLAN_WHEEL, 1 * MIB, MIB},
	[JSON] = {STR_INIT("json 1"), PLAN_WHEEL, 1 * MIB, MIB},
	[SOURCE_A] = {STR_INIT("source a"), PLAN_SOURCE, 1, 1},
	[SOURCE_B] = {STR_INIT("source b"), PLAN_SOURCE, 1, 1},
};

static const size_t parts_a[] = {BASE, TORCH, CUDNN, ZMQ, YAML, JSON, SOURCE_A};
static const size_t parts_b[] = {BASE, TORCH, CUDNN, ZMQ, YAML, JSON, SOURCE_B};
static const struct plan_service two[] = {
	{STR_INIT("a"), parts_a, 7, PLAN_NONE, false},
	{STR_INIT("b"), parts_b, 7, PLAN_NONE, false},
};

/* Plans a and b after a part has become another, with memory of before. */
static void bump(size_t part, const char *id, struct buf *path)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct plan_part old = parts[part];
	struct plan_options options = {0};
	struct made made = {
		.input = {parts, PARTS, NULL, 0, two, 2},
	};

	plan_make(&made.plan, &arena, &made.input, &options);
	options.memory = plan_record(&made.plan, &made.input, &arena,
				     &options.memory_count);
	parts[part].id = str_from(id);
	plan_make(&made.plan, &arena, &made.input, &options);
	append_path(&made, STR("a"), path);
	parts[part] = old;
}

static void test_changed_parts_lie_above_unchanged_ones(void **state)
{
	auto_buf struct buf torch = BUF_EMPTY, zmq = BUF_EMPTY;

	(void)state;
	bump(TORCH, "torch 2.4.2", &torch);
	assert_string_equal(buf_text(&torch), "base 1|cudnn 9|torch 2.4.2|"
					      "json 1,yaml 6,zmq 26|source a");
	/* The heavy ones keep their places under a small one's change. */
	bump(ZMQ, "zmq 27", &zmq);
	assert_string_equal(buf_text(&zmq),
			    "base 1|torch 2.4.1|cudnn 9|json 1,yaml 6|zmq 27|"
			    "source a");
}

/* -- slipway's own programs -- */

static void plan_with_init(const char *init, const struct lock_node *memory,
			   size_t memory_count, const size_t *numbers,
			   struct buf *path, bool *all_old)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct plan_part with_init[PARTS + 1];
	struct plan_service service = {STR("a"), numbers, 8, PLAN_NONE, false};
	struct plan_options options = {.memory = memory,
				       .memory_count = memory_count};
	struct made made = {
		.input = {with_init, PARTS + 1, NULL, 0, &service, 1},
	};
	size_t recorded;

	memcpy(with_init, parts, sizeof parts);
	with_init[PARTS] = (struct plan_part){str_from(init), PLAN_INIT, 1, 1};
	plan_make(&made.plan, &arena, &made.input, &options);
	append_path(&made, STR("a"), path);
	*all_old = true;
	for (size_t l = 0; l + 2 < made.plan.layer_count; l++)
		*all_old &= made.plan.layers[l].is_remembered;
	/* Neither it nor the source is a node. */
	plan_record(&made.plan, &made.input, &arena, &recorded);
	assert_int_equal(recorded, made.plan.layer_count - 2);
}

/* Just below the source; and where an older plan has it low, the others keep
 * their places all the same. */
static void test_init_lies_below_the_source(void **state)
{
	static const size_t numbers[] = {BASE, PARTS, TORCH, CUDNN,
					 ZMQ,  YAML,  JSON,  SOURCE_A};
	struct str base[] = {STR("base 1")}, init[] = {STR("init py311")};
	struct str cudnn[] = {STR("cudnn 9")}, torch[] = {STR("torch 2.4.1")};
	struct str small[] = {STR("json 1"), STR("yaml 6"), STR("zmq 26")};
	struct str names[] = {STR("a")};
	/* Not in the order of weight: only memory explains it. */
	const struct lock_node old[] = {
		{STR("1"), STR(""), {base, 1}, {NULL, 0}},
		{STR("2"), STR("1"), {init, 1}, {NULL, 0}},
		{STR("3"), STR("2"), {cudnn, 1}, {NULL, 0}},
		{STR("4"), STR("3"), {torch, 1}, {NULL, 0}},
		{STR("5"), STR("4"), {small, 3}, {names, 1}},
	};
	auto_buf struct buf path = BUF_EMPTY;
	bool all_old;

	(void)state;
	plan_with_init("init py311", NULL, 0, numbers, &path, &all_old);
	assert_string_equal(buf_text(&path),
			    "base 1|torch 2.4.1|cudnn 9|json 1,yaml 6,zmq 26|"
			    "init py311|source a");
	assert_false(all_old);
	buf_clear(&path);
	plan_with_init("init py311", old, 5, numbers, &path, &all_old);
	assert_string_equal(buf_text(&path),
			    "base 1|cudnn 9|torch 2.4.1|json 1,yaml 6,zmq 26|"
			    "init py311|source a");
	assert_true(all_old);
	/* A service that ended on it stands on the base. */
	const struct lock_node ends[] = {
		{STR("1"), STR(""), {base, 1}, {NULL, 0}},
		{STR("2"), STR("1"), {init, 1}, {names, 1}},
	};

	buf_clear(&path);
	plan_with_init("init py311", ends, 2, numbers, &path, &all_old);
	assert_string_equal(buf_text(&path),
			    "base 1|torch 2.4.1|cudnn 9|json 1,yaml 6,zmq 26|"
			    "init py311|source a");
}

/* A lock's plan that nobody made is no more than ignored. */
static void test_nonsense_is_forgotten(void **state)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct str base[] = {STR("base 1")}, gone[] = {STR("gone 1")};
	struct str twice[] = {STR("zmq 26"), STR("zmq 26")};
	struct str names[] = {STR("a")};
	const struct lock_node nodes[] = {
		{STR("x"), STR("y"), {base, 1}, {NULL, 0}},
		{STR("1"), STR(""), {base, 1}, {NULL, 0}},
		{STR("1"), STR("1"), {twice, 2}, {NULL, 0}},
		{STR("3"), STR("1"), {gone, 1}, {names, 1}},
		{STR("4"), STR("3"), {NULL, 0}, {names, 1}},
	};
	struct plan_options options = {.memory = nodes, .memory_count = 5};
	struct made made = {.input = {parts, PARTS, NULL, 0, two, 2}};
	auto_buf struct buf path = BUF_EMPTY;

	(void)state;
	plan_make(&made.plan, &arena, &made.input, &options);
	append_path(&made, STR("a"), &path);
	assert_true(str_starts(buf_str(&path), STR("base 1|")));
	assert_true(str_ends(buf_str(&path), STR("|source a")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes_only_what_uses_the_change),
		cmocka_unit_test(test_same_fleet_same_plan),
		cmocka_unit_test(test_changed_parts_lie_above_unchanged_ones),
		cmocka_unit_test(test_init_lies_below_the_source),
		cmocka_unit_test(test_nonsense_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
