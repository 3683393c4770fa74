/* slipway export: images as one archive or one folder. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "codec/json.h"
#include "faces/cli/failures.h"
#include "faces/cli/ready.h"
#include "faces/cli/verbs.h"

static const struct cli_option export_options[] = {
	{"output", 'o', CLI_TEXT, "FILE.tar|DIR",
	 "where to; - is standard output",
	 offsetof(struct cli_options, output)},
	CLI_STRICT,
	CLI_OPTIONS_END,
};

static int check_output(const struct cli_options *options, struct error **err)
{
	if (!options->output || !*options->output) {
		err_make(err, ERR_USAGE, "export needs to know where to");
		return err_hint(err, "-o FILE.tar, -o DIR, or -o - for "
				     "standard output");
	}
	if (strcmp(options->output, "-") != 0)
		return 0;
	if (options->json)
		return err_make(err, ERR_USAGE,
				"--json and -o - both want standard output");
	if (!isatty(STDOUT_FILENO))
		return 0;
	err_make(err, ERR_USAGE, "an archive is nothing for a terminal");
	return err_hint(err, "-o FILE.tar, or a pipe behind it");
}

static int write_out(const struct export *export, const char *output,
		     struct error **err)
{
	if (strcmp(output, "-") == 0)
		return export_archive(export, STDOUT_FILENO, "standard output",
				      err);
	if (str_ends(str_from(output), STR(".tar")))
		return export_file(export, output, err);
	return export_folder(export, output, err);
}

static void print_json(const struct ready *ready, const char *output)
{
	json_t *root = json_object(), *images = json_array();
	const struct build_result *result = &ready->result;

	for (size_t i = 0; i < result->n && !ready->stops; i++) {
		const struct build_image *image = &result->images[i];
		json_t *entry = json_object();

		if (image->state == BUILD_SKIPPED) {
			json_decref(entry);
			continue;
		}
		ready_image_json(image, entry);
		json_object_set_new(
			entry, "digest",
			image->reference
				? json_string(digest_text(&image->manifest).p)
				: json_null());
		json_array_append_new(images, entry);
	}
	json_object_set_new(root, "output", json_string(output));
	json_set_u64(root, "bytes", export_bytes(&ready->export));
	json_object_set_new(root, "images", images);
	workspace_print_json(root);
}

static int run(const struct cli_options *options, struct error **err)
{
	auto_ready struct ready ready = READY_EMPTY;
	bool to_stdout = options->output && strcmp(options->output, "-") == 0;

	if (check_output(options, err) || ready_open(&ready, options, err))
		return -1;
	size_t n = ready.export.image_count;

	cli_print_failures(&ready.result);
	if (export_complete(&ready.export, err))
		return -1;
	if (n && write_out(&ready.export, options->output, err))
		return -1;
	if (options->json)
		print_json(&ready, options->output);
	else if (!to_stdout)
		printf("%zu images, %s, to %s\n", n,
		       log_bytes(export_bytes(&ready.export)),
		       n ? options->output : "nowhere");
	return ready.stops ? 1 : cli_failure_status(&ready.result);
}

const struct cli_verb verb_export = {
	.name = "export",
	.summary = "images as one archive or one folder",
	.synopsis = "[--strict] -o FILE.tar|DIR|- [SERVICE...]",
	.about = "Writes images of the store, as 'slipway build' made them, "
		 "with each layer once.\n"
		 "FILE.tar is an archive that 'docker load', podman, skopeo "
		 "and containerd take;\n"
		 "any other name is that of a folder, an OCI image layout. The "
		 "same images give\n"
		 "the same bytes.\n"
		 "\n"
		 "  slipway export -o fleet.tar\n"
		 "  slipway export -o layout machine:pc2\n"
		 "  slipway export -o - ChitchatAgent | ssh pc2 docker load",
	.options = export_options,
	.takes_words = true,
	.selects = true,
	.run = run,
};
