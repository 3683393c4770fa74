/* The sources of images whose other layers are all known. */
#include <stdlib.h>

#include "base/error.h"
#include "base/mem.h"
#include "work/build/build_private.h"

/* The leaf of a planned image where it alone keeps the image from being known;
 * PLAN_NONE where it is no source, or not alone. */
static ptrdiff_t lacking_source(const struct assembly *assembly,
				struct store *store, size_t planned)
{
	const struct plan *plan = &assembly->plan;
	ptrdiff_t leaf = plan->leaves[planned];
	const struct plan_layer *node = &plan->layers[leaf];
	struct layer_result result;

	if (assembly->parts[node->parts[0]].kind != ASSEMBLE_SOURCE)
		return PLAN_NONE;
	for (ptrdiff_t l = node->parent; l >= 0; l = plan->layers[l].parent)
		if (!build_layer_known(assembly, store, (size_t)l, &result))
			return PLAN_NONE;
	return leaf;
}

void build_sources(const struct assembly *assembly, struct store *store,
		   const struct build_options *options)
{
	struct build build = {.assembly = assembly, .store = store};
	auto_build_result struct build_result result = {0};
	auto_free bool *none = mem_zalloc(assembly->image_count, sizeof *none);
	auto_free bool *bytes =
		mem_zalloc(assembly->plan.layer_count, sizeof *bytes);
	struct build_options own = *options;

	for (size_t i = 0; i < assembly->planned_count; i++) {
		ptrdiff_t leaf = options->wanted[assembly->planned[i]]
					 ? lacking_source(assembly, store, i)
					 : PLAN_NONE;

		if (leaf >= 0)
			bytes[leaf] = true;
	}
	own.wanted = none;
	own.bytes = bytes;
	size_t needed = build_begin(&build, &own, &result);

	if (needed)
		build_make_needed(&build, needed);
	build_end(&build);
}
