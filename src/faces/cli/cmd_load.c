/* slipway load: images into docker or podman of this host. */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "codec/json.h"
#include "faces/cli/failures.h"
#include "faces/cli/ready.h"
#include "faces/cli/verbs.h"
#include "work/load.h"

static const struct cli_option load_options[] = {
	{"to", 0, CLI_TEXT, "docker|podman",
	 "the engine (default: docker, else podman)",
	 offsetof(struct cli_options, engine)},
	CLI_STRICT,
	CLI_OPTIONS_END,
};

static json_t *image_json(const struct build_image *image,
			  const struct load_image *loaded)
{
	json_t *entry = json_object();

	ready_image_json(image, entry);
	json_object_set_new(entry, "state",
			    json_string(load_state_text(loaded ? loaded->state
							       : LOAD_FAILED)));
	json_set_u64(entry, "sent_layers", loaded ? loaded->sent_layers : 0);
	json_set_u64(entry, "present_layers",
		     loaded ? loaded->present_layers : 0);
	json_set_u64(entry, "sent_bytes", loaded ? loaded->sent_bytes : 0);
	return entry;
}

static void print_json(const struct ready *ready,
		       const struct load_engine *engine,
		       const struct load_result *result)
{
	json_t *root = json_object(), *images = json_array();
	size_t next = 0;

	for (size_t i = 0; i < ready->result.n; i++) {
		const struct build_image *image = &ready->result.images[i];
		bool sent = next < ready->export.image_count &&
			    ready->numbers[next] == i;

		if (sent || image->state == BUILD_FAILED)
			json_array_append_new(
				images,
				image_json(image, sent ? &result->images[next]
						       : NULL));
		next += sent;
	}
	json_object_set_new(root, "engine", json_string(engine->program));
	json_object_set_new(root, "images", images);
	workspace_print_json(root);
}

static void print_text(const struct ready *ready,
		       const struct load_engine *engine,
		       const struct load_result *result)
{
	const struct export *export = &ready->export;
	uint64_t bytes = 0;
	size_t loaded = 0;

	for (size_t i = 0; i < export->image_count; i++) {
		const struct load_image *image = &result->images[i];

		printf("%-7s  %2zu layers, %9s sent, %2zu layers were there  "
		       "" STR_FMT "\n",
		       load_state_text(image->state), image->sent_layers,
		       log_bytes(image->sent_bytes), image->present_layers,
		       STR_ARG(export->images[i].listed.reference));
		bytes += image->sent_bytes;
		loaded += image->state == LOAD_LOADED;
	}
	printf("%zu images in %s, %zu of them new: %s sent\n",
	       export->image_count - result->failed, engine->program, loaded,
	       log_bytes(bytes));
}

static void print_lacking(const struct ready *ready,
			  const struct load_engine *engine,
			  const struct load_result *result)
{
	for (size_t i = 0; i < ready->export.image_count; i++) {
		auto_err struct error *error = NULL;

		if (result->images[i].state != LOAD_FAILED)
			continue;
		err_make(&error, ERR_ENV,
			 "%s took the archive, but has no image " STR_FMT
			 " from it",
			 engine->program,
			 STR_ARG(ready->export.images[i].listed.reference));
		log_error(error);
	}
}

static int run(const struct cli_options *options, struct error **err)
{
	auto_load_engine struct load_engine engine = {0};
	auto_ready struct ready ready = READY_EMPTY;
	auto_load_result struct load_result result = {0};

	if (load_engine_find(options->engine, &engine, err) ||
	    ready_open(&ready, options, err))
		return -1;
	cli_print_failures(&ready.result);
	if (load_run(&engine, &ready.export, &result, err))
		return -1;
	if (options->json)
		print_json(&ready, &engine, &result);
	else
		print_text(&ready, &engine, &result);
	print_lacking(&ready, &engine, &result);
	if (result.failed)
		return 3;
	return ready.stops ? 1 : cli_failure_status(&ready.result);
}

const struct cli_verb verb_load = {
	.name = "load",
	.summary = "images into docker or podman, without a registry",
	.synopsis = "[--strict] [--to docker|podman] [SERVICE...]",
	.about = "Gives images of the store, as 'slipway build' made them, to "
		 "docker or podman of\nthis host (DOCKER_HOST and docker's "
		 "contexts count). What the engine has is not\nsent: no image "
		 "twice, and to docker's classic store no layer twice.\n\n"
		 "  slipway load\n"
		 "  slipway load machine:pc2 'Streaming*'\n"
		 "  slipway load --to podman ChitchatAgent",
	.options = load_options,
	.takes_words = true,
	.selects = true,
	.run = run,
};
