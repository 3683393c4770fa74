/* slipway build: images into the store. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "codec/json.h"
#include "faces/cli/failures.h"
#include "faces/cli/verbs.h"
#include "faces/cli/workspace.h"
#include "work/build.h"
#include "work/check.h"

static bool is_described(const struct build_image *image)
{
	return image->state == BUILD_BUILT || image->state == BUILD_CACHED ||
	       image->state == BUILD_KNOWN;
}

static json_t *recorded_json(const struct build_recorded *recorded)
{
	json_t *value = json_object();

	json_set_u64(value, "added", recorded->added);
	json_set_u64(value, "replaced", recorded->replaced);
	json_set_u64(value, "signed", recorded->is_signed);
	return value;
}

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
		json_set_u64(entry, "bytes", family->bytes);
		json_array_append_new(families, entry);
	}
	return families;
}

/* A NULL recorded: nothing was to be recorded. */
static void print_json(const struct build_result *result,
		       const struct build_recorded *recorded)
{
	json_t *root = json_object(), *images = json_array();

	for (size_t i = 0; i < result->n; i++) {
		const struct build_image *image = &result->images[i];
		const struct manifest_instance *instance =
			image->image->instance;
		bool made = is_described(image);
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
		json_set_u64(entry, "bytes", image->bytes);
		if (image->error)
			json_object_set_new(entry, "error",
					    json_new_str(str_from(err_message(
						    image->error))));
		json_array_append_new(images, entry);
	}
	json_object_set_new(root, "images", images);
	json_object_set_new(root, "families", families_json(result));
	if (recorded)
		json_object_set_new(root, "recorded", recorded_json(recorded));
	workspace_print_json(root);
}

static void print_absent(const struct assembly *assembly,
			 const struct build_result *result)
{
	uint64_t bytes = 0;
	size_t n = 0;

	for (size_t l = 0; l < assembly->plan.layer_count; l++) {
		if (!result->absent[l])
			continue;
		bytes += result->layers[l].compressed_bytes;
		n++;
	}
	if (n)
		printf("%zu layers, %s, are known by the lock and not made "
		       "yet: export and load make what they need\n",
		       n, log_bytes(bytes));
}

static void print_text(const struct assembly *assembly,
		       const struct build_result *result)
{
	size_t done = 0;

	for (size_t i = 0; i < result->n; i++) {
		const struct build_image *image = &result->images[i];

		if (!is_described(image))
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
	print_absent(assembly, result);
}

/* Records in the lock as it is by now: another slipway may have written it
 * while this one built. */
static int record(const struct workspace *workspace,
		  const struct assembly *assembly, const struct sign_key *key,
		  struct build_recorded *recorded, struct error **err)
{
	auto_lock struct lock *lock = NULL;

	if (lock_read(workspace->lock_path, &lock, err))
		return -1;
	build_record(assembly, workspace->store, key, lock, recorded);
	if (recorded->added + recorded->replaced + recorded->is_signed &&
	    lock_write(lock, workspace->lock_path, err))
		return -1;
	if (!workspace->options->json)
		printf("%s: %zu layers recorded, %zu replaced, %zu signed\n",
		       workspace->lock_path, recorded->added,
		       recorded->replaced, recorded->is_signed);
	return 0;
}

static int open_key(const struct cli_options *options, struct sign_key **key,
		    struct error **err)
{
	if (!options->sign)
		return 0;
	if (!options->record)
		return err_make(err, ERR_USAGE,
				"--sign signs what --record records");
	return sign_key_read(options->sign, key, err);
}

static const struct cli_option build_options[] = {
	CLI_STRICT,
	{"record", 0, CLI_FLAG, NULL,
	 "write into the lock what the layers came out as",
	 offsetof(struct cli_options, record)},
	{"sign", 0, CLI_TEXT, "KEYFILE", "sign what --record records",
	 offsetof(struct cli_options, sign)},
	CLI_OPTIONS_END,
};

static int run(const struct cli_options *options, struct error **err)
{
	auto_workspace struct workspace workspace = {0};
	auto_source_tree struct source_tree tree = SOURCE_TREE_EMPTY;
	auto_check struct check check = {0};
	auto_assembly struct assembly assembly = {0};
	auto_build_result struct build_result result = {0};
	auto_sign_key struct sign_key *key = NULL;
	struct build_recorded recorded;

	if (open_key(options, &key, err) ||
	    workspace_open(&workspace, options,
			   WORKSPACE_MANIFEST | WORKSPACE_LOCK |
				   WORKSPACE_STORE | WORKSPACE_NETWORK,
			   err))
		return -1;
	auto_free bool *chosen = workspace_select(&workspace, err);

	if (!chosen || workspace_check(&workspace, &tree, &check, err))
		return -1;
	assembly_make(&assembly, &check, workspace.lock, workspace.runtimes);
	auto_free bool *wanted = cli_wanted_images(&assembly, chosen);
	bool stops = cli_strict_stops(options, &check, chosen);

	if (stops)
		memset(wanted, 0, assembly.image_count * sizeof *wanted);
	struct build_options build = {
		.jobs = options->jobs,
		.memory_bytes = options->memory_bytes,
		.wanted = wanted,
		.strict = options->strict,
	};

	if (build_run(&assembly, workspace.store, workspace.fetch,
		      workspace.index, &build, &result, err))
		return -1;
	if (!options->json)
		print_text(&assembly, &result);
	if (options->record &&
	    record(&workspace, &assembly, key, &recorded, err))
		return -1;
	if (options->json)
		print_json(&result, options->record ? &recorded : NULL);
	cli_print_failures(&result);
	return stops ? 1 : cli_failure_status(&result);
}

const struct cli_verb verb_build = {
	.name = "build",
	.summary = "compile services into images, into the store",
	.synopsis = "[--strict] [--record [--sign KEYFILE]] [SERVICE...]",
	.about =
		"Compiles services into OCI images. Without a SERVICE all of "
		"them; a SERVICE may\nbe a name, a glob, family:GLOB or "
		"machine:NAME. A service that cannot be built\nis named with "
		"its error and stops no other.\n"
		"--strict also compares RECORD's hash of every file of a "
		"wheel; else those above\n1 MiB have to have the size and "
		"CRC-32 of the wheel that the lock pins.\n\n"
		"--record writes into the lock what the layers of bases and "
		"wheels came out as.\nWhere a key of policy.trust has signed "
		"such a record, or this store made the\nlayer before, a "
		"blob that is not there stays absent: the image is described "
		"in\nfull, and export and load make what they need. Any other "
		"record is compared with\nwhat comes out here.\n\n"
		"  slipway build\n"
		"  slipway build ChitchatAgent 'Streaming*' machine:pc2\n"
		"  slipway build --record --sign ci.pem    # slipway key --new "
		"ci.pem",
	.options = build_options,
	.takes_words = true,
	.selects = true,
	.run = run,
};
