/* slipway verify: is everything in the store what it says it is? */
#include <stdio.h>

#include "base/array.h"
#include "base/error.h"
#include "base/log.h"
#include "codec/json.h"
#include "faces/cli/verbs.h"
#include "faces/cli/workspace.h"

static const struct cli_option verify_options[] = {
	{"remove", 0, CLI_FLAG, NULL, "take what is broken out of the store",
	 offsetof(struct cli_options, remove)},
	CLI_OPTIONS_END,
};

static void print_json(const struct store_report *report)
{
	json_t *root = json_object(), *problems = json_array();

	array_each (struct store_problem, problem, &report->problems) {
		json_t *entry = json_object();

		json_object_set_new(entry, "path",
				    json_new_str(str_from(problem->path)));
		json_object_set_new(entry, "what",
				    json_new_str(str_from(problem->what)));
		json_object_set_new(entry, "removed",
				    json_boolean(problem->removed));
		json_array_append_new(problems, entry);
	}
	json_set_u64(root, "blobs", report->blobs);
	json_set_u64(root, "downloads", report->downloads);
	json_set_u64(root, "trees", report->trees);
	json_set_u64(root, "images", report->images);
	json_set_u64(root, "bytes", report->bytes);
	json_object_set_new(root, "problems", problems);
	workspace_print_json(root);
}

static void print_text(const struct store_report *report)
{
	array_each (struct store_problem, problem, &report->problems)
		printf("%s: %s%s\n", problem->path, problem->what,
		       problem->removed ? " (removed)" : "");
	printf("%llu blobs, %llu downloads, %llu trees and %llu images, %s: "
	       "%zu problems\n",
	       (unsigned long long)report->blobs,
	       (unsigned long long)report->downloads,
	       (unsigned long long)report->trees,
	       (unsigned long long)report->images, log_bytes(report->bytes),
	       report->problems.n);
}

static int run(const struct cli_options *options, struct error **err)
{
	auto_workspace struct workspace workspace = {0};
	auto_store_report struct store_report report = STORE_REPORT_EMPTY;

	if (workspace_open(&workspace, options, WORKSPACE_STORE, err) ||
	    store_verify(workspace.store, options->remove, options->jobs,
			 &report, err))
		return -1;
	if (options->json)
		print_json(&report);
	else
		print_text(&report);
	return report.problems.n ? 1 : 0;
}

const struct cli_verb verb_verify = {
	.name = "verify",
	.summary = "rehash everything in the store",
	.synopsis = "[--remove]",
	.about = "Reads every blob, download and unpacked base of the store "
		 "again, compares\nit with its digest, and checks that every "
		 "listed image is whole.\n\n"
		 "  slipway verify\n"
		 "  slipway verify --remove    # and drop what is broken",
	.options = verify_options,
	.run = run,
};
