/* slipway du: what the store takes. */
#include <stdio.h>

#include "base/log.h"
#include "codec/json.h"
#include "faces/cli/verbs.h"
#include "faces/cli/workspace.h"

static int run(const struct cli_options *options, struct error **err)
{
	auto_workspace struct workspace workspace = {0};
	struct store_usage usage;

	if (workspace_open(&workspace, options, WORKSPACE_STORE, err) ||
	    store_du(workspace.store, &usage, err))
		return -1;
	const struct {
		const char *name;
		struct store_amount amount;
	} rows[] = {
		{"blobs", usage.blobs},
		{"image_blobs", usage.image_blobs},
		{"downloads", usage.downloads},
		{"partial", usage.partial},
		{"trees", usage.trees},
		{"temporary", usage.temporary},
		{"database", usage.database},
	};
	json_t *root = json_object();

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		json_t *row = json_object();

		json_set_u64(row, "count", rows[i].amount.count);
		json_set_u64(row, "bytes", rows[i].amount.bytes);
		json_object_set_new(root, rows[i].name, row);
		if (!options->json)
			printf("%-12s %10s  %llu files\n", rows[i].name,
			       log_bytes(rows[i].amount.bytes),
			       (unsigned long long)rows[i].amount.count);
	}
	if (options->json)
		workspace_print_json(root);
	else
		json_decref(root);
	return 0;
}

const struct cli_verb verb_du = {
	.name = "du",
	.summary = "what the store takes, by kind",
	.synopsis = "",
	.about = "Prints how many bytes the store takes: image blobs, "
		 "downloads, unpacked bases.\n\n"
		 "  slipway du --json",
	.run = run,
};
