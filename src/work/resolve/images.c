/* Bases that are images: of a registry, a layout or an archive. */
#include "base/error.h"
#include "base/log.h"
#include "parts/base.h"
#include "parts/registry.h"
#include "work/resolve/run.h"
#include "work/runtime.h"

/* What the lock calls the image: without a registry's host. */
static int name_image(const struct manifest_base *base, struct arena *arena,
		      struct lock_base *made, struct error **err)
{
	struct registry_reference reference;

	if (base->kind != MANIFEST_BASE_REGISTRY) {
		made->image = arena_str(arena, base->source.s);
		return 0;
	}
	if (registry_reference_parse(base->source.s, arena, &reference, err))
		return -1;
	made->image = registry_reference_path(&reference, arena);
	return 0;
}

static int unpack_and_ask(const struct base_source *source, struct str python,
			  struct arena *arena, struct lock_base *made,
			  struct error **err)
{
	auto_base_tree struct base_tree *tree = NULL;

	if (base_tree_open(source, made, &tree, err))
		return -1;
	for (size_t i = 0; i < made->layer_count; i++)
		made->layers[i].bytes = base_tree_layer_bytes(tree, i);
	return base_tree_describe(tree, python, arena, made, err);
}

int resolve_image_base(struct resolve_run *run,
		       const struct manifest_base *base, struct lock_base *made,
		       struct error **err)
{
	const struct resolve_options *options = run->options;
	struct registry_options registry_options = {.fetch = options->fetch};
	struct registry *registry = registry_new(&registry_options);
	struct base_source source = runtime_base_source(
		base, options->folder, options->store, registry, run->arena);

	log_verbose("looking for base '" STR_FMT "' for " STR_FMT,
		    STR_ARG(made->name), STR_ARG(made->platform));
	made->kind = source.kind;
	int result = name_image(base, run->arena, made, err) ||
				     base_find(&source, made->platform,
					       run->arena, made, err) ||
				     unpack_and_ask(&source, base->python.s,
						    run->arena, made, err)
			     ? -1
			     : 0;

	registry_free(registry);
	return result;
}
