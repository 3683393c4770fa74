#include "decisions/plan.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/hash.h"
#include "decisions/plan/plan_private.h"

enum { DEFAULT_MAX_LAYERS = 40 };
#define DEFAULT_MAX_LAYER_BYTES ((uint64_t)1 << 30)
#define DEFAULT_OWN_LAYER_BYTES ((uint64_t)16 << 20)

bool plan_is_small(const struct planner *planner, uint32_t part)
{
	return planner->parts[part].compressed_bytes <
	       planner->options.own_layer_bytes;
}

bool plan_is_open(const struct rest *rest, size_t i)
{
	return rest->p[i].block == rest->p[0].block &&
	       rest->p[i].block >= BLOCK_FAMILY &&
	       rest->p[i].block <= BLOCK_FREE;
}

/* -- layers -- */

ptrdiff_t plan_layer_get(struct planner *planner, ptrdiff_t parent,
			 const size_t *parts, size_t n)
{
	struct plan *plan = planner->plan;
	auto_buf struct buf key = BUF_EMPTY;

	buf_append(&key, str_of((const char *)&parent, sizeof parent));
	buf_append(&key, str_of((const char *)parts, n * sizeof *parts));
	size_t known =
		(size_t)(uintptr_t)map_get(&planner->layers, buf_str(&key));

	if (known)
		return (ptrdiff_t)known - 1;
	if (plan->layer_count == planner->layer_capacity) {
		planner->layer_capacity = mem_grow_capacity(
			planner->layer_capacity, plan->layer_count + 1);
		plan->layers =
			mem_realloc(plan->layers, planner->layer_capacity,
				    sizeof *plan->layers);
	}
	struct plan_layer *layer = &plan->layers[plan->layer_count++];

	*layer = (struct plan_layer){
		.parent = parent,
		.parts = arena_new_array(planner->arena, size_t, n),
		.part_count = n,
		.depth = parent < 0 ? 0 : plan->layers[parent].depth + 1,
	};
	for (size_t i = 0; i < n; i++) {
		layer->parts[i] = parts[i];
		layer->bytes += planner->parts[parts[i]].bytes;
		layer->compressed_bytes +=
			planner->parts[parts[i]].compressed_bytes;
	}
	map_set(&planner->layers, buf_str(&key),
		(void *)(uintptr_t)plan->layer_count);
	return (ptrdiff_t)plan->layer_count - 1;
}

unsigned plan_need(const struct planner *planner, const struct rest *rest,
		   uint32_t stamp, bool bears_it)
{
	uint32_t block = UINT32_MAX;
	uint64_t room = 0;
	unsigned layers = 0;

	for (size_t i = 0; i < rest->n; i++) {
		const struct plan_part *part = &planner->parts[rest->p[i].part];
		bool is_wheel = part->kind == PLAN_WHEEL;

		if ((planner->stamps[rest->p[i].part] == stamp) != bears_it)
			continue;
		if (rest->p[i].block != block || !is_wheel ||
		    part->compressed_bytes > room) {
			layers++;
			room = is_wheel ? planner->options.max_layer_bytes : 0;
		}
		room -= part->compressed_bytes < room ? part->compressed_bytes
						      : room;
		block = rest->p[i].block;
	}
	return layers;
}

/* -- the services -- */

static int compare_wants(const void *a, const void *b, void *context)
{
	const struct want *left = a, *right = b;
	const struct planner *planner = context;
	const struct plan_part *x = &planner->parts[left->part],
			       *y = &planner->parts[right->part];

	if (left->block != right->block)
		return left->block < right->block ? -1 : 1;
	/* Heavy ones lie low, new ones above old: what changed may again. */
	bool small[] = {plan_is_small(planner, left->part),
			plan_is_small(planner, right->part)};

	if (small[0] != small[1])
		return small[0] ? 1 : -1;
	if (planner->is_new[left->part] != planner->is_new[right->part])
		return planner->is_new[left->part] ? 1 : -1;
	if (x->compressed_bytes != y->compressed_bytes)
		return x->compressed_bytes > y->compressed_bytes ? -1 : 1;
	return str_cmp(x->id, y->id);
}

/* Marks what the family and those below it bring with their blocks; how many
 * families lie below it. */
static uint32_t mark_family(struct planner *planner, ptrdiff_t number)
{
	const struct plan_family *family;
	uint32_t level;

	if (number < 0)
		return 0;
	family = &planner->input->families[number];
	level = mark_family(planner, family->parent);
	for (size_t i = 0; i < family->part_count; i++) {
		size_t part = family->parts[i];

		if (planner->stamps[part] == planner->stamp)
			continue;
		planner->stamps[part] = planner->stamp;
		planner->blocks[part] = BLOCK_FAMILY + level;
	}
	return level + 1;
}

static void make_rest(struct planner *planner, size_t number)
{
	const struct plan_service *service = &planner->input->services[number];
	struct rest *rest = &planner->rests[number];
	uint32_t base = 0;

	planner->stamp++;
	mark_family(planner, service->family);
	rest->n = service->part_count;
	rest->p = arena_new_array(planner->arena, struct want, rest->n);
	for (size_t i = 0; i < rest->n; i++) {
		size_t part = service->parts[i];
		uint32_t block = BLOCK_FREE;

		if (planner->parts[part].kind == PLAN_BASE)
			block = base++;
		else if (planner->parts[part].kind >= PLAN_INIT)
			block = planner->parts[part].kind == PLAN_INIT
					? BLOCK_INIT
					: BLOCK_SOURCE;
		else if (planner->stamps[part] == planner->stamp)
			block = planner->blocks[part];
		rest->p[i] = (struct want){(uint32_t)part, block};
	}
	if (rest->n)
		qsort_r(rest->p, rest->n, sizeof *rest->p, compare_wants,
			planner);
}

static int compare_services(const void *a, const void *b, void *context)
{
	const struct plan_service *services = context;

	return str_cmp(services[*(const size_t *)a].name,
		       services[*(const size_t *)b].name);
}

static void find_new_parts(struct planner *planner)
{
	const struct plan_options *options = &planner->options;
	auto_map struct map old = MAP_EMPTY;

	for (size_t i = 0; i < options->memory_count; i++)
		for (size_t k = 0; k < options->memory[i].parts.n; k++)
			map_add(&old, options->memory[i].parts.p[k]);
	for (size_t i = 0;
	     options->memory_count && i < planner->input->part_count; i++)
		planner->is_new[i] = !map_has(&old, planner->parts[i].id);
}

/* Services that stand on one layer are placed together, layers as made. */
static void grow_all(struct planner *planner, const size_t *order,
		     const ptrdiff_t *standing)
{
	size_t n = planner->input->service_count;
	size_t recalled = planner->plan->layer_count;
	size_t *starts = mem_zalloc(recalled + 2, sizeof *starts);
	size_t *sorted = mem_zalloc(n, sizeof *sorted);

	for (size_t i = 0; i < n; i++)
		starts[standing[i] + 2]++;
	for (size_t i = 1; i < recalled + 2; i++)
		starts[i] += starts[i - 1];
	for (size_t i = 0; i < n; i++)
		sorted[starts[standing[order[i]] + 1]++] = order[i];
	/* starts[i] is now where group i ends. */
	for (size_t i = 0, start = 0; i <= recalled; start = starts[i++]) {
		struct group group = {sorted + start, starts[i] - start};

		plan_grow(planner, (ptrdiff_t)i - 1, group);
	}
	free(sorted);
	free(starts);
}

/* -- the result -- */

/* Numbers the layers depth first, siblings as they were made. */
static void sort_layers(struct planner *planner)
{
	struct plan *plan = planner->plan;
	size_t n = plan->layer_count;
	struct plan_layer *sorted =
		arena_new_array(planner->arena, struct plan_layer, n);
	size_t *sizes = mem_zalloc(n, sizeof *sizes); /* of subtrees */
	ptrdiff_t *numbers = mem_zalloc(n, sizeof *numbers);
	size_t *next = mem_zalloc(n + 1, sizeof *next); /* free number */

	for (size_t i = n; i-- > 0;) {
		sizes[i]++;
		if (plan->layers[i].parent >= 0)
			sizes[plan->layers[i].parent] += sizes[i];
	}
	for (size_t i = 0; i < n; i++) {
		struct plan_layer *layer = &plan->layers[i];
		size_t slot = (size_t)(layer->parent + 1);

		numbers[i] = (ptrdiff_t)next[slot];
		next[slot] += sizes[i];
		next[i + 1] = (size_t)numbers[i] + 1;
		if (layer->parent >= 0)
			layer->parent = numbers[layer->parent];
		sorted[numbers[i]] = *layer;
	}
	for (size_t i = 0; i < plan->service_count; i++)
		if (plan->leaves[i] >= 0)
			plan->leaves[i] = numbers[plan->leaves[i]];
	free(plan->layers);
	plan->layers = sorted;
	free(next);
	free(numbers);
	free(sizes);
}

static void sum_up(struct planner *planner)
{
	struct plan *plan = planner->plan;

	for (size_t i = 0; i < plan->layer_count; i++)
		plan->tree_bytes += plan->layers[i].bytes;
	planner->stamp++;
	for (size_t i = 0; i < plan->service_count; i++) {
		const struct plan_service *service =
			&planner->input->services[i];

		for (size_t k = 0; k < service->part_count; k++) {
			size_t part = service->parts[k];

			if (planner->stamps[part] != planner->stamp)
				plan->unique_bytes +=
					planner->parts[part].bytes;
			planner->stamps[part] = planner->stamp;
			if (!service->is_family_image)
				plan->unshared_bytes +=
					planner->parts[part].bytes;
		}
		for (ptrdiff_t l = plan->leaves[i];
		     l >= 0 && !service->is_family_image;
		     l = plan->layers[l].parent)
			plan->layers[l].service_count++;
	}
}

static void set_defaults(struct plan_options *options)
{
	if (!options->max_layers)
		options->max_layers = DEFAULT_MAX_LAYERS;
	if (!options->max_layer_bytes)
		options->max_layer_bytes = DEFAULT_MAX_LAYER_BYTES;
	if (!options->own_layer_bytes)
		options->own_layer_bytes = DEFAULT_OWN_LAYER_BYTES;
	if (options->own_layer_bytes > options->max_layer_bytes)
		options->own_layer_bytes = options->max_layer_bytes;
}

void plan_make(struct plan *plan, struct arena *arena,
	       const struct plan_input *input,
	       const struct plan_options *options)
{
	size_t n = input->service_count, parts = input->part_count;
	struct planner planner = {
		.input = input,
		.parts = input->parts,
		.options = *options,
		.is_new = mem_zalloc(parts, sizeof(bool)),
		.rests = mem_zalloc(n, sizeof(struct rest)),
		.arena = arena,
		.plan = plan,
		.counts = mem_zalloc(parts, sizeof(uint32_t)),
		.stamps = mem_zalloc(parts, sizeof(uint32_t)),
		.blocks = mem_zalloc(parts, sizeof(uint32_t)),
		.slots = mem_zalloc(parts, sizeof(uint32_t)),
	};
	size_t *order = mem_zalloc(n, sizeof *order);
	ptrdiff_t *standing = mem_zalloc(n, sizeof *standing);

	*plan = (struct plan){
		.service_count = n,
		.leaves = arena_new_array(arena, ptrdiff_t, n),
	};
	set_defaults(&planner.options);
	find_new_parts(&planner);
	for (size_t i = 0; i < n; i++) {
		order[i] = i;
		make_rest(&planner, i);
	}
	if (n)
		qsort_r(order, n, sizeof *order, compare_services,
			(void *)(uintptr_t)input->services);
	plan_recall(&planner, order, standing);
	grow_all(&planner, order, standing);
	sort_layers(&planner);
	sum_up(&planner);
	free(standing);
	free(order);
	free(planner.slots);
	free(planner.blocks);
	free(planner.stamps);
	free(planner.counts);
	free(planner.rests);
	free(planner.is_new);
	map_release(&planner.layers);
}

size_t plan_path(const struct plan *plan, size_t service, size_t *out)
{
	ptrdiff_t layer = plan->leaves[service];

	if (layer < 0)
		return 0;
	size_t n = plan->layers[layer].depth + 1;

	for (size_t i = n; i-- > 0; layer = plan->layers[layer].parent)
		out[i] = (size_t)layer;
	return n;
}

/* -- for the lock -- */

static struct str node_id(struct str below, const struct lock_strs *parts,
			  struct arena *arena)
{
	auto_buf struct buf key = BUF_EMPTY;

	key_add(&key, below);
	for (size_t i = 0; i < parts->n; i++)
		key_add(&key, parts->p[i]);
	struct digest digest = digest_of(buf_str(&key));
	struct digest_text text = digest_text(&digest);

	return arena_str(arena, str_of(digest_hex(&text), 16));
}

/* The node that a service ends on, as far as it is remembered; or
 * PLAN_NONE. */
static ptrdiff_t end_of(const struct plan *plan, size_t service,
			const ptrdiff_t *numbers)
{
	ptrdiff_t l = plan->leaves[service];

	while (l >= 0 && numbers[l] < 0)
		l = plan->layers[l].parent;
	return l < 0 ? PLAN_NONE : numbers[l];
}

static void record_ends(const struct plan *plan, const struct plan_input *input,
			const ptrdiff_t *numbers, struct lock_node *nodes,
			struct arena *arena)
{
	size_t *counts = mem_zalloc(plan->layer_count, sizeof *counts);

	for (size_t i = 0; i < plan->service_count; i++)
		if (end_of(plan, i, numbers) >= 0)
			counts[end_of(plan, i, numbers)]++;
	for (size_t i = 0; i < plan->service_count; i++) {
		ptrdiff_t end = end_of(plan, i, numbers);

		if (end < 0)
			continue;
		struct lock_strs *names = &nodes[end].services;

		if (!names->p)
			names->p =
				arena_new_array(arena, struct str, counts[end]);
		names->p[names->n++] =
			arena_str(arena, input->services[i].name);
	}
	free(counts);
}

struct lock_node *plan_record(const struct plan *plan,
			      const struct plan_input *input,
			      struct arena *arena, size_t *count)
{
	struct lock_node *nodes =
		arena_new_array(arena, struct lock_node, plan->layer_count);
	ptrdiff_t *numbers = mem_zalloc(plan->layer_count, sizeof *numbers);
	size_t n = 0;

	for (size_t l = 0; l < plan->layer_count; l++) {
		const struct plan_layer *layer = &plan->layers[l];
		struct lock_node *node = &nodes[n];

		numbers[l] = PLAN_NONE;
		if (input->parts[layer->parts[0]].kind >= PLAN_INIT)
			continue;
		node->parent = layer->parent < 0
				       ? STR_EMPTY
				       : nodes[numbers[layer->parent]].id;
		node->parts.n = layer->part_count;
		node->parts.p =
			arena_new_array(arena, struct str, layer->part_count);
		for (size_t i = 0; i < layer->part_count; i++)
			node->parts.p[i] = arena_str(
				arena, input->parts[layer->parts[i]].id);
		node->id = node_id(node->parent, &node->parts, arena);
		numbers[l] = (ptrdiff_t)n++;
	}
	record_ends(plan, input, numbers, nodes, arena);
	free(numbers);
	*count = n;
	return nodes;
}
