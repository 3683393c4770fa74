/* slipway plan: the tree of layers, and who shares what. */
#include "base/array.h"
#include "codec/json.h"
#include "faces/cli/failures.h"
#include "faces/cli/plan_view.h"
#include "faces/cli/verbs.h"
#include "work/build.h"
#include "work/check.h"

#define AT(field) offsetof(struct cli_options, field)

static const struct cli_option plan_options[] = {
	{"against", 0, CLI_TEXT, "FILE",
	 "compare with the output of docker images", AT(against)},
	{"since", 0, CLI_TEXT, "FILE", "count changes from this lock",
	 AT(since)},
	CLI_OPTIONS_END,
};

static int run(const struct cli_options *options, struct error **err)
{
	auto_workspace struct workspace workspace = {0};
	auto_source_tree struct source_tree tree = SOURCE_TREE_EMPTY;
	auto_check struct check check = {0};
	auto_assembly struct assembly assembly = {0};
	auto_plan_view struct plan_view view = {.assembly = &assembly};
	auto_lock struct lock *since = NULL;
	struct against against;

	if ((options->against &&
	     against_read(options->against, &against, err)) ||
	    (options->since && lock_read(options->since, &since, err)) ||
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

	struct build_options build = {
		.jobs = options->jobs,
		.memory_bytes = options->memory_bytes,
		.wanted = wanted,
	};

	if (workspace.lock->layer_count)
		build_sources(&assembly, workspace.store, &build);
	plan_view_make(&view, &assembly, workspace.store,
		       since ? since : workspace.lock, wanted);
	if (options->against)
		view.against = &against;
	if (options->json)
		workspace_print_json(plan_view_json(&view));
	else
		plan_view_print(&view);
	return 0;
}

const struct cli_verb verb_plan = {
	.name = "plan",
	.summary = "the tree of layers: sizes, and who shares what",
	.synopsis = "[--against FILE] [--since FILE] [SERVICE...]",
	.about = "Shows how the images of the fleet share layers, how much "
		 "that saves, what each\nmachine pulls, and what belongs into "
		 "a family. Sizes with ~ are estimates from\nthe lock, until a "
		 "build has measured them or the lock's records\ncount. With a "
		 "SERVICE only its layers and images are shown; the sums are "
		 "always\nthose of the fleet.\n"
		 "\n"
		 "  slipway plan\n"
		 "  slipway plan machine:pc2\n"
		 "  docker images --format json > today.json\n"
		 "  slipway plan --against today.json\n"
		 "  git show HEAD~1:fleet.lock.json > old.json\n"
		 "  slipway plan --since old.json    # what machines pull for "
		 "the change\n"
		 "  slipway plan --json | jq .totals",
	.options = plan_options,
	.takes_words = true,
	.selects = true,
	.run = run,
};
