/* The unpacked bases of a build, and the compilers that run in them. */
#include "base/array.h"
#include "base/error.h"
#include "work/build/build_private.h"

struct build_base *build_base_of(struct build *build,
				 const struct lock_base *base)
{
	for (size_t i = 0; i < build->base_count; i++)
		if (build->bases[i].base == base)
			return &build->bases[i];
	return NULL;
}

static int open_base(struct build *build, struct build_base *base,
		     struct error **err)
{
	struct debian_source source = {
		.fetch = build->fetch,
		.store = build->store,
		.mirror = build->options->mirror,
	};

	if (debian_tree_open(&source, &base->base->debs, base->base->platform,
			     NULL, &base->tree, err))
		return err_wrap(err, "the base '" STR_FMT "'",
				STR_ARG(base->base->name));
	struct pyc_options options = {
		.root = debian_tree_root(base->tree),
		.minor = assembly_python_minor(base->base),
		.workers = build->options->jobs,
	};

	return pyc_pool_new(&options, &base->pyc, err);
}

void build_open_bases(struct build *build)
{
	const struct assembly *assembly = build->assembly;
	struct build_base *bases =
		mem_zalloc(assembly->lock->base_count, sizeof *bases);
	struct arena *arena = (struct arena *)(uintptr_t)&assembly->arena;

	build->bases = bases;
	for (size_t l = 0; l < assembly->plan.layer_count; l++) {
		const struct plan_layer *layer = &assembly->plan.layers[l];
		const struct lock_base *base =
			assembly->parts[layer->parts[0]].base;

		if (!build->needed[l] || build_base_of(build, base))
			continue;
		struct build_base *added = &bases[build->base_count++];

		added->base = base;
		added->python_id = assembly_python_id(base, arena);
		open_base(build, added, &added->error);
	}
}

void build_close_bases(struct build *build)
{
	for (size_t i = 0; i < build->base_count; i++) {
		pyc_pool_free(build->bases[i].pyc);
		debian_tree_free(build->bases[i].tree);
		err_free(build->bases[i].error);
	}
	free(build->bases);
}
