#include "faces/cli/ready.h"

#include <stdlib.h>

#include "base/error.h"
#include "codec/json.h"
#include "faces/cli/failures.h"

/* The entry of the index for an image that was found. */
static const struct store_image *entry_of(const struct store_image_list *list,
					  const struct build_image *image)
{
	array_each (const struct store_image, entry, list)
		if (str_eq(entry->reference, str_from(image->reference)) &&
		    digest_eq(&entry->digest, &image->manifest))
			return entry;
	return NULL;
}

static int open_export(struct ready *ready, struct error **err)
{
	const struct build_result *result = &ready->result;
	struct arena *arena = &ready->workspace.arena;
	struct store_image *images =
		arena_new_array(arena, struct store_image, result->n);
	size_t n = 0;

	ready->numbers = arena_new_array(arena, size_t, result->n);
	if (store_images(ready->workspace.store, &ready->listed, err))
		return -1;
	for (size_t i = 0; i < result->n && !ready->stops; i++) {
		const struct store_image *entry =
			result->images[i].state == BUILD_CACHED
				? entry_of(&ready->listed, &result->images[i])
				: NULL;

		if (!entry)
			continue;
		ready->numbers[n] = i;
		images[n++] = *entry;
	}
	return export_open(&ready->export, ready->workspace.store, images, n,
			   err);
}

int ready_open(struct ready *ready, const struct cli_options *options,
	       struct error **err)
{
	struct workspace *workspace = &ready->workspace;
	struct build_options build = {.jobs = options->jobs};

	if (workspace_open(workspace, options,
			   WORKSPACE_MANIFEST | WORKSPACE_LOCK |
				   WORKSPACE_STORE | WORKSPACE_NETWORK,
			   err))
		return -1;
	auto_free bool *chosen = workspace_select(workspace, err);

	if (!chosen ||
	    workspace_check(workspace, &ready->tree, &ready->check, err))
		return -1;
	assembly_make(&ready->assembly, &ready->check, workspace->lock,
		      workspace->runtimes);
	auto_free bool *wanted = cli_wanted_images(&ready->assembly, chosen);

	build.wanted = wanted;
	if (build_find(&ready->assembly, workspace->store, &build,
		       &ready->result, err))
		return -1;
	ready->stops = cli_strict_stops(options, &ready->check, chosen) ||
		       (options->strict && ready->result.failed);
	return open_export(ready, err);
}

void ready_close(struct ready *ready)
{
	export_release(&ready->export);
	store_image_list_release(&ready->listed);
	build_result_release(&ready->result);
	assembly_release(&ready->assembly);
	check_release(&ready->check);
	source_tree_close(&ready->tree);
	workspace_close(&ready->workspace);
}

void ready_image_json(const struct build_image *image, json_t *entry)
{
	const struct manifest_instance *instance = image->image->instance;

	json_object_set_new(entry, "service",
			    json_new_str(instance->service->name.s));
	json_object_set_new(entry, "machine",
			    json_new_str(instance->machine->name.s));
	json_object_set_new(entry, "reference",
			    image->reference ? json_string(image->reference)
					     : json_null());
	if (image->error)
		json_object_set_new(
			entry, "error",
			json_new_str(str_from(err_message(image->error))));
}
