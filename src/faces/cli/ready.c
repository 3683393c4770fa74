#include "faces/cli/ready.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/mem.h"
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

/* An export_maker's: makes the layers of these blobs, and lists the images
 * that are whole then. */
static int make_layers(void *context, const struct digest *digests, size_t n,
		       struct error **err)
{
	struct ready *ready = context;
	const struct assembly *assembly = &ready->assembly;
	const struct build_result *found = &ready->result;
	size_t layer_count = assembly->plan.layer_count;
	auto_build_result struct build_result made = {0};
	auto_free bool *wanted =
		mem_zalloc(assembly->image_count, sizeof *wanted);
	auto_free bool *bytes = mem_zalloc(layer_count, sizeof *bytes);

	for (size_t i = 0; i < found->n; i++)
		wanted[i] = found->images[i].state == BUILD_KNOWN;
	for (size_t l = 0; l < layer_count; l++)
		for (size_t k = 0; k < n && found->absent[l] && !bytes[l]; k++)
			bytes[l] = digest_eq(&found->layers[l].digest,
					     &digests[k]);
	struct build_options build = {
		.jobs = ready->workspace.options->jobs,
		.memory_bytes = ready->workspace.options->memory_bytes,
		.wanted = wanted,
		.bytes = bytes,
	};

	if (build_run(assembly, ready->workspace.store, ready->workspace.fetch,
		      ready->workspace.index, &build, &made, err))
		return -1;
	if (made.failed == 0)
		return 0;
	cli_print_failures(&made);
	return err_make(err, (enum error_class)cli_failure_status(&made),
			"%zu images lack layers that could not be made",
			made.failed);
}

static bool is_ready(const struct build_image *image)
{
	return image->state == BUILD_CACHED || image->state == BUILD_KNOWN;
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
		const struct build_image *image = &result->images[i];

		if (!is_ready(image))
			continue;
		const struct store_image *entry =
			entry_of(&ready->listed, image);

		if (entry)
			images[n] = *entry;
		else
			build_list_image(image->image->instance,
					 image->reference, &image->manifest,
					 image->manifest_bytes, &images[n]);
		ready->numbers[n++] = i;
	}
	if (export_open(&ready->export, ready->workspace.store, images, n, err))
		return -1;
	ready->export.maker = (struct export_maker){make_layers, ready};
	return 0;
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
