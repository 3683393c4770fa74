/* slipway gc: takes out of the store what no image needs. */
#include <stdio.h>

#include "base/error.h"
#include "base/log.h"
#include "codec/json.h"
#include "faces/cli/verbs.h"
#include "faces/cli/workspace.h"
#include "work/build.h"

#define AT(field) offsetof(struct cli_options, field)

static const struct cli_option gc_options[] = {
	{"dry-run", 'n', CLI_FLAG, NULL, "only say what would be removed",
	 AT(dry_run)},
	{"older-than", 0, CLI_AGE, "AGE",
	 "only what is older (12h, 30d); downloads too", AT(older_than_s)},
	{"max-size", 0, CLI_SIZE, "SIZE",
	 "bound of the store (default: policy.keep.disk)", AT(max_bytes)},
	{"keep-files", 0, CLI_FLAG, NULL, "leave downloads and unpacked bases",
	 AT(keep_files)},
	{"all", 'a', CLI_FLAG, NULL, "everything that no image needs", AT(all)},
	CLI_OPTIONS_END,
};

struct row {
	const char *name, *title;
	struct store_amount amount;
};

static void print_json(const struct store_gc_report *report,
		       const struct row *rows, size_t row_count, bool dry_run)
{
	json_t *root = json_object(), *removed = json_object();

	for (size_t i = 0; i < row_count; i++)
		json_object_set_new(
			removed, rows[i].name,
			json_pack("{s:I, s:I}", "count",
				  (json_int_t)rows[i].amount.count, "bytes",
				  (json_int_t)rows[i].amount.bytes));
	json_object_set_new(
		removed, "results",
		json_pack("{s:I}", "count", (json_int_t)report->results));
	json_object_set_new(root, "dry_run", json_boolean(dry_run));
	json_object_set_new(root, "removed", removed);
	json_object_set_new(root, "kept",
			    json_pack("{s:I, s:I}", "images",
				      (json_int_t)report->images, "bytes",
				      (json_int_t)report->kept_bytes));
	json_set_u64(root, "bytes_before", report->bytes_before);
	json_set_u64(root, "bytes_after", report->bytes_after);
	workspace_print_json(root);
}

static void print_text(const struct store_gc_report *report,
		       const struct row *rows, size_t row_count, bool dry_run)
{
	uint64_t freed = 0;

	for (size_t i = 0; i < row_count; i++) {
		freed += rows[i].amount.bytes;
		if (rows[i].amount.count)
			printf("%-18s %6llu  %10s\n", rows[i].title,
			       (unsigned long long)rows[i].amount.count,
			       log_bytes(rows[i].amount.bytes));
	}
	if (report->results)
		printf("%-18s %6llu\n", "cached results",
		       (unsigned long long)report->results);
	printf("%s %s; %llu images stay with %s, the store %s %s\n",
	       dry_run ? "would free" : "freed", log_bytes(freed),
	       (unsigned long long)report->images,
	       log_bytes(report->kept_bytes), dry_run ? "would take" : "takes",
	       log_bytes(report->bytes_after));
}

/* --max-size, else what the fleet's policy says; a store is looked after where
 * there is no fleet too. */
static int find_bound(struct workspace *workspace, uint64_t *max_bytes,
		      struct error **err)
{
	*max_bytes = workspace->options->max_bytes;
	if (*max_bytes || !fs_exists(workspace->manifest_path))
		return 0;
	if (manifest_load(workspace->manifest_path, &workspace->manifest, err))
		return -1;
	*max_bytes = workspace->manifest->policy.keep_disk_bytes;
	return 0;
}

static int run(const struct cli_options *options, struct error **err)
{
	auto_workspace struct workspace workspace = {0};
	struct store_gc_report report;
	struct store_gc_options gc = {
		.older_than_s = options->older_than_s,
		.all = options->all,
		.keep_files = options->keep_files,
		.dry_run = options->dry_run,
		.output = build_record_blob,
	};

	if (workspace_open(&workspace, options, WORKSPACE_STORE, err) ||
	    find_bound(&workspace, &gc.max_bytes, err) ||
	    store_gc(workspace.store, &gc, &report, err))
		return -1;
	const struct row rows[] = {
		{"blobs", "layers and configs", report.blobs},
		{"partial", "begun downloads", report.partial},
		{"downloads", "downloads", report.downloads},
		{"trees", "unpacked bases", report.trees},
	};
	size_t row_count = sizeof rows / sizeof *rows;

	if (options->json)
		print_json(&report, rows, row_count, options->dry_run);
	else
		print_text(&report, rows, row_count, options->dry_run);
	if (gc.max_bytes && report.bytes_after > gc.max_bytes)
		log_warn("that is more than the %s that it may take: the rest "
			 "is %s",
			 log_bytes(gc.max_bytes),
			 gc.keep_files
				 ? "kept files, and what images need"
				 : "what images need, and cached results");
	return 0;
}

const struct cli_verb verb_gc = {
	.name = "gc",
	.summary = "take out of the store what no image needs",
	.synopsis = "[--older-than AGE] [--max-size SIZE] [--all] [--dry-run]",
	.about =
		"Removes layers that no listed image needs any more, and begun "
		"downloads.\nImages in the list stay whole. Wheels, .debs and "
		"unpacked bases are removed\nwhere an age or a size asks for "
		"it, those that were not used for the longest\ntime first; "
		"the next build that needs one fetches it again.\n\nIt waits "
		"for builds that run, and what begins meanwhile waits for "
		"it.\n\n"
		"  slipway gc --dry-run\n"
		"  slipway gc --older-than 30d    # also wheels unused for so "
		"long\n"
		"  slipway gc --max-size 60GiB    # and until the store fits\n"
		"  slipway gc --all               # only the images stay",
	.options = gc_options,
	.run = run,
};
