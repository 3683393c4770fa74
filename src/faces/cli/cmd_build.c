/* slipway build: images into the store. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "codec/json.h"
#include "faces/cli/verbs.h"
#include "faces/cli/workspace.h"
#include "work/build.h"
#include "work/check.h"

enum { MAX_NAMES = 5 }; /* of images that one error stops */

static json_t *families_json(const struct build_result *result)
{
	json_t *families = json_array();

	for (size_t i = 0; i < result->family_count; i++) {
		const struct build_family *family = &result->families[i];
		const struct manifest_instance *instance =
			family->family->instance;
		json_t *entry = json_object();

		json_object_set_new(entry, "family",
				    json_new_str(instance->service->name.s));
		json_object_set_new(
			entry, "platform",
			json_new_str(instance->machine->platform.s));
		json_object_set_new(entry, "track",
				    json_new_str(instance->track->name.s));
		json_object_set_new(
			entry, "state",
			json_string(build_state_text(family->state)));
		json_object_set_new(
			entry, "digest",
			family->error
				? json_null()
				: json_string(
					  digest_text(&family->manifest).p));
		json_object_set_new(entry, "reference",
				    json_string(family->reference));
		json_object_set_new(entry, "bytes",
				    json_integer((json_int_t)family->bytes));
		json_array_append_new(families, entry);
	}
	return families;
}

static void print_json(const struct build_result *result)
{
	json_t *root = json_object(), *images = json_array();

	for (size_t i = 0; i < result->n; i++) {
		const struct build_image *image = &result->images[i];
		const struct manifest_instance *instance =
			image->image->instance;
		bool made = image->state == BUILD_BUILT ||
			    image->state == BUILD_CACHED;
		json_t *entry = json_object();

		json_object_set_new(entry, "service",
				    json_new_str(instance->service->name.s));
		json_object_set_new(entry, "machine",
				    json_new_str(instance->machine->name.s));
		json_object_set_new(
			entry, "state",
			json_string(build_state_text(image->state)));
		json_object_set_new(
			entry, "digest",
			made ? json_string(digest_text(&image->manifest).p)
			     : json_null());
		json_object_set_new(entry, "reference",
				    made ? json_string(image->reference)
					 : json_null());
		json_object_set_new(entry, "bytes",
				    json_integer((json_int_t)image->bytes));
		if (image->error)
			json_object_set_new(entry, "error",
					    json_new_str(str_from(err_message(
						    image->error))));
		json_array_append_new(images, entry);
	}
	json_object_set_new(root, "images", images);
	json_object_set_new(root, "families", families_json(result));
	workspace_print_json(root);
}

static void print_text(const struct build_result *result)
{
	size_t done = 0;

	for (size_t i = 0; i < result->n; i++) {
		const struct build_image *image = &result->images[i];

		if (image->state != BUILD_BUILT && image->state != BUILD_CACHED)
			continue;
		printf("%-7s %9s  %s\n", build_state_text(image->state),
		       log_bytes(image->bytes), image->reference);
		done++;
	}
	for (size_t i = 0; i < result->family_count; i++)
		if (!result->families[i].error)
			printf("%-7s %9s  %s (family)\n",
			       build_state_text(result->families[i].state),
			       log_bytes(result->families[i].bytes),
			       result->families[i].reference);
	printf("%zu images, %zu failed, %zu new layers\n", done, result->failed,
	       result->made);
}

static bool same_error(const struct error *a, const struct error *b)
{
	return a && b && err_class(a) == err_class(b) &&
	       strcmp(err_message(a), err_message(b)) == 0 &&
	       strcmp(err_hint_text(a), err_hint_text(b)) == 0;
}

static void append_name(struct buf *out, const struct build_image *image)
{
	buf_printf(out, STR_FMT " on " STR_FMT,
		   STR_ARG(image->image->instance->service->name.s),
		   STR_ARG(image->image->instance->machine->name.s));
}

/* The names of the images from the first on that have its error. */
static void name_images(const struct build_result *result, size_t first,
			struct buf *out)
{
	const struct error *error = result->images[first].error;
	size_t n = 0;

	for (size_t i = first; i < result->n; i++) {
		if (!same_error(error, result->images[i].error))
			continue;
		if (n < MAX_NAMES) {
			buf_append_text(out, n ? ", " : "");
			append_name(out, &result->images[i]);
		}
		n++;
	}
	if (n > MAX_NAMES)
		buf_printf(out, " and %zu more", n - MAX_NAMES);
}

static void print_error(const struct build_result *result, size_t first)
{
	const struct error *cause = result->images[first].error;
	auto_err struct error *error = NULL;
	auto_buf struct buf names = BUF_EMPTY;

	if (err_class(cause) == ERR_CANCELLED) {
		err_make(&error, ERR_CANCELLED, "interrupted");
		err_hint(&error, "what was finished is in the store; the same "
				 "command goes on from there");
	} else {
		name_images(result, first, &names);
		err_make(&error, err_class(cause), "%s: %s", buf_text(&names),
			 err_message(cause));
		if (*err_hint_text(cause))
			err_hint(&error, "%s", err_hint_text(cause));
	}
	log_error(error);
}

/* The errors of images, each once with the images that it stops. */
static void print_errors(const struct build_result *result)
{
	bool interrupted = false;

	for (size_t i = 0; i < result->n; i++) {
		const struct error *error = result->images[i].error;
		bool is_known = !error;

		for (size_t k = 0; k < i && !is_known; k++)
			is_known = same_error(result->images[k].error, error);
		if (is_known)
			continue;
		if (err_class(error) != ERR_CANCELLED || !interrupted)
			print_error(result, i);
		interrupted |= err_class(error) == ERR_CANCELLED;
	}
	for (size_t i = 0; i < result->family_count; i++)
		if (result->families[i].error)
			log_error(result->families[i].error);
}

/* The highest exit status that an image's error asks for. */
static int exit_status(const struct build_result *result)
{
	int status = 0;

	for (size_t i = 0; i < result->n; i++) {
		const struct error *error = result->images[i].error;

		if (error && err_exit_status(err_class(error)) > status)
			status = err_exit_status(err_class(error));
	}
	for (size_t i = 0; i < result->family_count; i++)
		if (result->families[i].error && status == 0)
			status = err_exit_status(
				err_class(result->families[i].error));
	return status;
}

/* Flags per image of the assembly from flags per instance. */
static bool *wanted_images(const struct assembly *assembly, const bool *chosen)
{
	const struct manifest *manifest = assembly->manifest;
	bool *wanted = mem_zalloc(assembly->image_count, sizeof *wanted);

	for (size_t i = 0; i < assembly->image_count; i++)
		for (size_t k = 0; k < manifest->instances.n; k++)
			if (assembly->images[i].instance ==
			    manifest->instances.p[k])
				wanted[i] = chosen[k];
	return wanted;
}

static int run(const struct cli_options *options, struct error **err)
{
	auto_workspace struct workspace workspace = {0};
	auto_source_tree struct source_tree tree = SOURCE_TREE_EMPTY;
	auto_check struct check check = {0};
	auto_assembly struct assembly assembly = {0};
	auto_build_result struct build_result result = {0};

	if (workspace_open(&workspace, options,
			   WORKSPACE_MANIFEST | WORKSPACE_LOCK |
				   WORKSPACE_STORE | WORKSPACE_NETWORK,
			   err))
		return -1;
	auto_free bool *chosen = workspace_select(&workspace, err);

	if (!chosen || workspace_check(&workspace, &tree, &check, err))
		return -1;
	assembly_make(&assembly, &check, workspace.lock, workspace.runtimes);
	auto_free bool *wanted = wanted_images(&assembly, chosen);
	struct build_options build = {
		.jobs = options->jobs,
		.memory_bytes = options->memory_bytes,
		.wanted = wanted,
	};

	if (build_run(&assembly, workspace.store, workspace.fetch,
		      workspace.index, &build, &result, err))
		return -1;
	if (options->json)
		print_json(&result);
	else
		print_text(&result);
	print_errors(&result);
	return exit_status(&result);
}

const struct cli_verb verb_build = {
	.name = "build",
	.summary = "compile services into images, into the store",
	.synopsis = "[SERVICE...]",
	.about = "Compiles services into OCI images. Without a SERVICE all of "
		 "them; a SERVICE may\nbe a name, a glob, family:GLOB or "
		 "machine:NAME. A service that cannot be built\nis named with "
		 "its error and stops no other.\n\n"
		 "  slipway build\n"
		 "  slipway build ChitchatAgent 'Streaming*' machine:pc2",
	.takes_words = true,
	.run = run,
};
