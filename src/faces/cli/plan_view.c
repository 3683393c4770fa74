#include "faces/cli/plan_view.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/buf.h"
#include "decisions/image.h"
#include "facts/store.h"
#include "work/build.h"

static void look_up(struct plan_view *view, size_t l, struct store *store)
{
	const struct plan_layer *layer = &view->assembly->plan.layers[l];
	struct layer_result *result = &view->layers[l];

	view->known[l] = build_layer_known(view->assembly, store, l, result);
	if (!view->known[l]) {
		result->bytes = layer->bytes;
		result->compressed_bytes = layer->compressed_bytes;
		return;
	}
	view->is_absent[l] = !store_has(store, &result->digest);
	view->has_chain[l] =
		layer->parent < 0 || view->has_chain[layer->parent];
	if (!view->has_chain[l])
		return;
	view->chain_ids[l] = image_chain_id(
		layer->parent < 0 ? NULL : &view->chain_ids[layer->parent],
		&result->diff_id);
}

/* The lower bound, by the sizes that the layers came out with: each part once.
 * A layer's bytes belong to its parts as their estimates do. */
static uint64_t unique_bytes(const struct plan_view *view)
{
	const struct assembly *assembly = view->assembly;
	auto_free double *shares =
		mem_zalloc(assembly->part_count, sizeof *shares);
	double sum = 0;

	for (size_t l = 0; l < assembly->plan.layer_count; l++) {
		const struct plan_layer *layer = &assembly->plan.layers[l];
		double whole = layer->bytes ? (double)layer->bytes
					    : (double)layer->part_count;

		for (size_t i = 0; i < layer->part_count; i++) {
			size_t part = layer->parts[i];
			double own = layer->bytes ? (double)assembly
							    ->plan_parts[part]
							    .bytes
						  : 1;
			double share =
				(double)view->layers[l].bytes * own / whole;

			if (shares[part] <= 0 || share < shares[part]) {
				sum += share - shares[part];
				shares[part] = share;
			}
		}
	}
	return (uint64_t)(sum + 0.5);
}

static void sum_up(struct plan_view *view)
{
	const struct plan *plan = &view->assembly->plan;

	view->unique_bytes = unique_bytes(view);
	for (size_t l = 0; l < plan->layer_count; l++) {
		view->tree_bytes += view->layers[l].bytes;
		view->unshared_bytes +=
			view->layers[l].bytes * plan->layers[l].service_count;
	}
}

static void view_machines(struct plan_view *view)
{
	const struct assembly *assembly = view->assembly;
	const struct manifest *manifest = assembly->manifest;
	size_t layer_count = assembly->plan.layer_count;
	auto_free uint64_t *bytes = mem_zalloc(layer_count, sizeof *bytes);

	for (size_t l = 0; l < layer_count; l++)
		bytes[l] = view->layers[l].compressed_bytes;
	view->machines = arena_new_array(&view->arena, struct machine_view,
					 manifest->machines.n);
	for (size_t i = 0; i < manifest->machines.n; i++) {
		const struct manifest_machine *machine =
			manifest->machines.p[i];
		struct machine_view *out = &view->machines[i];

		out->machine = machine;
		out->pull_bytes =
			assembly_pull_bytes(assembly, machine, bytes, NULL);
		out->change_bytes = assembly_pull_bytes(assembly, machine,
							bytes, view->is_new);
		for (size_t k = 0; k < assembly->planned_count; k++)
			out->images += assembly->images[assembly->planned[k]]
					       .instance->machine == machine;
	}
}

/* The layers of the images that are shown. */
static void show(struct plan_view *view, const bool *wanted)
{
	const struct assembly *assembly = view->assembly;
	const struct plan *plan = &assembly->plan;

	view->is_shown = arena_new_array(&view->arena, bool, plan->layer_count);
	view->wanted = wanted;
	for (size_t i = 0; i < assembly->planned_count; i++)
		for (ptrdiff_t l = plan->leaves[i];
		     l >= 0 && wanted[assembly->planned[i]];
		     l = plan->layers[l].parent)
			view->is_shown[l] = true;
	assembly_mark_families(assembly, view->is_shown);
}

void plan_view_make(struct plan_view *view, const struct assembly *assembly,
		    struct store *store, const struct lock *since,
		    const bool *wanted)
{
	size_t n = assembly->plan.layer_count;
	struct arena *arena = &view->arena;

	view->assembly = assembly;
	view->layers = arena_new_array(arena, struct layer_result, n);
	view->known = arena_new_array(arena, bool, n);
	view->is_absent = arena_new_array(arena, bool, n);
	view->chain_ids = arena_new_array(arena, struct digest, n);
	view->has_chain = arena_new_array(arena, bool, n);
	view->is_new = arena_new_array(arena, bool, n);
	for (size_t l = 0; l < n; l++)
		look_up(view, l, store);
	view->new_count = assembly_find_new(assembly, since->plan,
					    since->plan_count, view->is_new);
	show(view, wanted);
	sum_up(view);
	view_machines(view);
	assembly_propose(assembly, arena, &view->proposals);
}

void plan_view_release(struct plan_view *view)
{
	arena_release(&view->arena);
}

bool plan_view_stands_on(const struct plan_view *view, size_t planned,
			 size_t layer)
{
	const struct plan *plan = &view->assembly->plan;
	ptrdiff_t l = plan->leaves[planned];

	while (l >= 0 && l != (ptrdiff_t)layer)
		l = plan->layers[l].parent;
	return l >= 0;
}
