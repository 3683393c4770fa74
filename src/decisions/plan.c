#include "decisions/plan.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/array.h"

enum { DEFAULT_MAX_LAYERS = 40 };
#define DEFAULT_MAX_LAYER_BYTES ((uint64_t)1 << 30)
#define DEFAULT_OWN_LAYER_BYTES ((uint64_t)16 << 20)

/* What a service still has to place, as numbers of parts. */
struct rest {
	size_t *parts;
	size_t n;
};

struct planner {
	const struct plan_part *parts;
	size_t part_count;
	const struct plan_service *services;
	struct rest *rests; /* per service */
	size_t *adopters;   /* per part, of the group that is looked at */
	struct plan_options options;
	struct arena *arena;
	struct plan *plan;
	size_t layer_capacity;
};

/* A set of services, as numbers, in order of name. */
struct group {
	size_t *services;
	size_t n;
};

static int compare_parts(const struct plan_part *a, const struct plan_part *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	/* Those of a base have their order. */
	if (a->kind == PLAN_BASE)
		return a < b ? -1 : a > b;
	/* Heavy parts lie low: small ones change more often. */
	if (a->compressed_bytes != b->compressed_bytes)
		return a->compressed_bytes > b->compressed_bytes ? -1 : 1;
	return str_cmp(a->id, b->id);
}

static int compare_numbers(const void *a, const void *b, void *context)
{
	const struct plan_part *parts = context;

	return compare_parts(&parts[*(const size_t *)a],
			     &parts[*(const size_t *)b]);
}

static ptrdiff_t add_layer(struct planner *planner, ptrdiff_t parent,
			   const size_t *parts, size_t n, size_t services)
{
	struct plan *plan = planner->plan;

	if (plan->layer_count == planner->layer_capacity) {
		size_t capacity = mem_grow_capacity(planner->layer_capacity,
						    plan->layer_count + 1);
		struct plan_layer *layers = arena_new_array(
			planner->arena, struct plan_layer, capacity);

		if (plan->layer_count)
			memcpy(layers, plan->layers,
			       plan->layer_count * sizeof *layers);
		plan->layers = layers;
		planner->layer_capacity = capacity;
	}
	struct plan_layer *layer = &plan->layers[plan->layer_count];

	*layer = (struct plan_layer){
		.parent = parent,
		.parts = arena_new_array(planner->arena, size_t, n),
		.part_count = n,
		.depth = parent < 0 ? 0 : plan->layers[parent].depth + 1,
		.service_count = services,
	};
	for (size_t i = 0; i < n; i++) {
		layer->parts[i] = parts[i];
		layer->bytes += planner->parts[parts[i]].bytes;
		layer->compressed_bytes +=
			planner->parts[parts[i]].compressed_bytes;
	}
	return (ptrdiff_t)plan->layer_count++;
}

/* True where a part may share a layer with small ones before it. */
static bool is_small(const struct planner *planner, size_t part)
{
	const struct plan_part *p = &planner->parts[part];

	return p->kind == PLAN_WHEEL &&
	       p->compressed_bytes < planner->options.own_layer_bytes;
}

/* Puts sorted parts on top of parent: heavy ones alone, small ones packed
 * together. The topmost layer. */
static ptrdiff_t stack_parts(struct planner *planner, ptrdiff_t parent,
			     const size_t *parts, size_t n, size_t services)
{
	for (size_t start = 0, end; start < n; start = end) {
		uint64_t bytes = planner->parts[parts[start]].compressed_bytes;

		end = start + 1;
		while (is_small(planner, parts[start]) && end < n &&
		       is_small(planner, parts[end])) {
			uint64_t more =
				planner->parts[parts[end]].compressed_bytes;

			if (bytes + more > planner->options.max_layer_bytes)
				break;
			bytes += more;
			end++;
		}
		parent = add_layer(planner, parent, parts + start, end - start,
				   services);
	}
	return parent;
}

static void count_adopters(struct planner *planner, const struct group *group)
{
	memset(planner->adopters, 0,
	       planner->part_count * sizeof *planner->adopters);
	for (size_t i = 0; i < group->n; i++) {
		const struct rest *rest = &planner->rests[group->services[i]];

		for (size_t k = 0; k < rest->n; k++)
			planner->adopters[rest->parts[k]]++;
	}
}

/* The kinds that may be placed next: the base goes below all else, the source
 * on top, so each waits until the group has nothing left that comes before. */
static enum plan_kind last_placeable(const struct planner *planner,
				     const struct group *group)
{
	bool base = false, wheel = false;

	for (size_t i = 0; i < group->n; i++) {
		const struct rest *rest = &planner->rests[group->services[i]];

		for (size_t k = 0; k < rest->n; k++) {
			size_t part = rest->parts[k];

			/* What all have is no obstacle: it is placed now. */
			if (planner->adopters[part] == group->n)
				continue;
			base |= planner->parts[part].kind == PLAN_BASE;
			wheel |= planner->parts[part].kind != PLAN_SOURCE;
		}
	}
	return base ? PLAN_BASE : wheel ? PLAN_WHEEL : PLAN_SOURCE;
}

/* Places what all of the group share on top of parent; the new top. */
static ptrdiff_t place_common(struct planner *planner, ptrdiff_t parent,
			      const struct group *group)
{
	struct rest *first = &planner->rests[group->services[0]];
	size_t *common = arena_new_array(planner->arena, size_t, first->n);
	size_t n = 0;

	count_adopters(planner, group);
	enum plan_kind last = last_placeable(planner, group);

	for (size_t k = 0; k < first->n; k++)
		if (planner->adopters[first->parts[k]] == group->n &&
		    planner->parts[first->parts[k]].kind <= last)
			common[n++] = first->parts[k];
	if (n == 0)
		return parent;
	for (size_t k = 0; k < n; k++)
		planner->adopters[common[k]] = 0; /* marks: placed */
	for (size_t i = 0; i < group->n; i++) {
		struct rest *rest = &planner->rests[group->services[i]];
		size_t kept = 0;

		for (size_t k = 0; k < rest->n; k++)
			if (planner->adopters[rest->parts[k]])
				rest->parts[kept++] = rest->parts[k];
		rest->n = kept;
	}
	return stack_parts(planner, parent, common, n, group->n);
}

/* True where any service of the group still has a part of a base to place. */
static bool base_left(const struct planner *planner, const struct group *group)
{
	for (size_t i = 0; i < group->n; i++) {
		const struct rest *rest = &planner->rests[group->services[i]];

		/* Parts are sorted: those of the base come first. */
		if (rest->n && planner->parts[rest->parts[0]].kind == PLAN_BASE)
			return true;
	}
	return false;
}

/* The part that saves most if those who have it go one way: its bytes times
 * (adopters - 1). PLAN_NONE where no two of the group share any. Bases decide
 * first, since nothing can lie below them. */
static ptrdiff_t choose_split(struct planner *planner,
			      const struct group *group)
{
	bool by_base = base_left(planner, group);
	ptrdiff_t best = PLAN_NONE;
	uint64_t best_saved = 0;

	count_adopters(planner, group);
	for (size_t i = 0; i < planner->part_count; i++) {
		const struct plan_part *part = &planner->parts[i];

		if (planner->adopters[i] < 2 || part->kind == PLAN_SOURCE ||
		    by_base != (part->kind == PLAN_BASE))
			continue;
		uint64_t saved = part->bytes * (planner->adopters[i] - 1);

		if (best < 0 || saved > best_saved ||
		    (saved == best_saved &&
		     compare_parts(part, &planner->parts[best]) < 0)) {
			best = (ptrdiff_t)i;
			best_saved = saved;
		}
	}
	return best;
}

static bool has_part(const struct rest *rest, size_t part)
{
	for (size_t k = 0; k < rest->n; k++)
		if (rest->parts[k] == part)
			return true;
	return false;
}

static void grow(struct planner *planner, ptrdiff_t parent,
		 const struct group *group)
{
	parent = place_common(planner, parent, group);
	if (group->n == 1) {
		planner->plan->leaves[group->services[0]] = parent;
		return;
	}
	struct group left = {arena_new_array(planner->arena, size_t, group->n),
			     group->n};

	memcpy(left.services, group->services, group->n * sizeof(size_t));
	while (left.n) {
		ptrdiff_t part = choose_split(planner, &left);
		struct group with = {
			arena_new_array(planner->arena, size_t, left.n), 0};
		size_t kept = 0;

		for (size_t i = 0; i < left.n; i++) {
			size_t service = left.services[i];

			/* Without a shared part every service goes alone. */
			if (part < 0 ? with.n == 0
				     : has_part(&planner->rests[service],
						(size_t)part))
				with.services[with.n++] = service;
			else
				left.services[kept++] = service;
		}
		left.n = kept;
		grow(planner, parent, &with);
	}
}

static void sum_up(struct planner *planner, size_t service_count)
{
	struct plan *plan = planner->plan;

	for (size_t i = 0; i < plan->layer_count; i++)
		plan->tree_bytes += plan->layers[i].bytes;
	memset(planner->adopters, 0,
	       planner->part_count * sizeof *planner->adopters);
	for (size_t i = 0; i < service_count; i++) {
		const struct plan_service *service = &planner->services[i];

		for (size_t k = 0; k < service->part_count; k++) {
			size_t part = service->parts[k];

			plan->unshared_bytes += planner->parts[part].bytes;
			if (planner->adopters[part]++ == 0)
				plan->unique_bytes +=
					planner->parts[part].bytes;
		}
	}
}

/* Deepest path of the forest, in layers. */
static unsigned height(const struct plan *plan)
{
	unsigned deepest = 0;

	for (size_t i = 0; i < plan->layer_count; i++)
		if (plan->layers[i].depth + 1 > deepest)
			deepest = plan->layers[i].depth + 1;
	return deepest;
}

static int compare_services(const void *a, const void *b, void *context)
{
	const struct plan_service *services = context;

	return str_cmp(services[*(const size_t *)a].name,
		       services[*(const size_t *)b].name);
}

static void make_once(struct planner *planner, size_t service_count)
{
	struct group all = {
		arena_new_array(planner->arena, size_t, service_count),
		service_count};

	planner->layer_capacity = 0;
	*planner->plan = (struct plan){.service_count = service_count};
	planner->plan->leaves =
		arena_new_array(planner->arena, ptrdiff_t, service_count);
	planner->rests =
		arena_new_array(planner->arena, struct rest, service_count);
	for (size_t i = 0; i < service_count; i++) {
		const struct plan_service *service = &planner->services[i];
		struct rest *rest = &planner->rests[i];

		all.services[i] = i;
		rest->n = service->part_count;
		rest->parts = arena_new_array(planner->arena, size_t, rest->n);
		if (rest->n)
			memcpy(rest->parts, service->parts,
			       rest->n * sizeof *rest->parts);
		if (rest->n)
			qsort_r(rest->parts, rest->n, sizeof *rest->parts,
				compare_numbers,
				(void *)(uintptr_t)planner->parts);
	}
	if (service_count == 0)
		return;
	qsort_r(all.services, all.n, sizeof *all.services, compare_services,
		(void *)(uintptr_t)planner->services);
	grow(planner, PLAN_NONE, &all);
}

void plan_make(struct plan *plan, struct arena *arena,
	       const struct plan_part *parts, size_t part_count,
	       const struct plan_service *services, size_t service_count,
	       const struct plan_options *options)
{
	struct planner planner = {
		.parts = parts,
		.part_count = part_count,
		.services = services,
		.adopters = arena_new_array(arena, size_t, part_count),
		.options = *options,
		.arena = arena,
		.plan = plan,
	};
	struct plan_options *limits = &planner.options;

	if (!limits->max_layers)
		limits->max_layers = DEFAULT_MAX_LAYERS;
	if (!limits->max_layer_bytes)
		limits->max_layer_bytes = DEFAULT_MAX_LAYER_BYTES;
	if (!limits->own_layer_bytes)
		limits->own_layer_bytes = DEFAULT_OWN_LAYER_BYTES;
	make_once(&planner, service_count);
	/* Too deep: pack larger parts together, until it fits or all are. */
	while (height(plan) > limits->max_layers &&
	       limits->own_layer_bytes < limits->max_layer_bytes) {
		limits->own_layer_bytes =
			limits->own_layer_bytes > limits->max_layer_bytes / 2
				? limits->max_layer_bytes
				: limits->own_layer_bytes * 2;
		make_once(&planner, service_count);
	}
	sum_up(&planner, service_count);
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
