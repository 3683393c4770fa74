/* slipway lock: pin everything that the fleet is made of. */
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/pool.h"
#include "codec/json.h"
#include "faces/cli/causes.h"
#include "faces/cli/export.h"
#include "faces/cli/lock_report.h"
#include "faces/cli/prove.h"
#include "faces/cli/record_plan.h"
#include "faces/cli/verbs.h"
#include "faces/cli/workspace.h"
#include "work/carried.h"
#include "work/clashes.h"
#include "work/owners.h"
#include "work/resolve.h"
#include "work/scanned.h"
#include "work/sizes.h"

#define AT(field) offsetof(struct cli_options, field)

static const struct cli_option lock_options[] = {
	{"check", 0, CLI_FLAG, NULL, "fail where the lock is out of date",
	 AT(check)},
	{"prove", 0, CLI_FLAG, NULL,
	 "with --check: make what it records of layers", AT(prove)},
	{"since", 0, CLI_TEXT, "FILE",
	 "with --prove: only what this lock does not record", AT(since)},
	CLI_STRICT,
	{"upgrade", 0, CLI_OPTIONAL, "PACKAGE",
	 "take newer versions, of all or of one", AT(upgrade)},
	{"export", 0, CLI_TEXT, "FORMAT",
	 "of the lock as it is: pylock (PEP 751, with urls)", AT(export)},
	{"output", 'o', CLI_TEXT, "FILE",
	 "where --export writes; a folder for several", AT(output)},
	{"replan", 0, CLI_FLAG, NULL,
	 "move layers to save 5 % of disk; choose families", AT(replan)},
	CLI_OPTIONS_END,
};

/* Why the lock is out of date, in arena. */
static int find_reasons(const struct workspace *workspace,
			const struct resolve_options *resolve,
			struct arena *arena, struct lock_strs *reasons,
			struct error **err)
{
	const struct lock *lock = resolve->previous;

	if (resolve_check(resolve, lock, arena, reasons, err))
		return -1;
	if (reasons->n == 0 &&
	    !plan_is_current(workspace->manifest, lock, workspace->runtimes)) {
		reasons->p = arena_new(arena, struct str);
		reasons->p[reasons->n++] =
			STR("its plan of layers lacks what services need");
	}
	return 0;
}

static int check(const struct workspace *workspace,
		 const struct resolve_options *resolve, struct error **err)
{
	const struct cli_options *options = workspace->options;
	auto_arena struct arena arena = ARENA_EMPTY;
	struct lock_strs reasons = {0};

	if (find_reasons(workspace, resolve, &arena, &reasons, err))
		return -1;
	json_t *root = json_object(), *list = json_array();

	for (size_t i = 0; i < reasons.n; i++) {
		json_array_append_new(list, json_new_str(reasons.p[i]));
		if (!options->json)
			printf(STR_FMT "\n", STR_ARG(reasons.p[i]));
	}
	json_object_set_new(root, "current", json_boolean(reasons.n == 0));
	json_object_set_new(root, "reasons", list);
	int status = reasons.n ? 1 : 0;

	if (!options->json)
		puts(reasons.n ? "the lock is out of date: run 'slipway lock'"
			       : "the lock is current");
	if (options->prove && reasons.n == 0)
		status = cli_prove(workspace, root, err);
	if (options->json)
		workspace_print_json(root);
	else
		json_decref(root);
	return status;
}

/* What check says of the fleet with the new lock. */
static int judge(struct workspace *workspace, const struct source_tree *tree,
		 struct lock *lock, struct runtimes *runtimes,
		 struct check *check, struct error **err)
{
	struct check_options options = {
		.manifest = workspace->manifest,
		.tree = tree,
		.lock = lock,
		.runtimes = runtimes,
		.store = workspace->store,
		.jobs = workspace->options->jobs,
	};

	return check_run(&options, check, err);
}

/* Plans, writes and reports a lock. */
static int finish(struct workspace *workspace, struct resolve_result *result,
		  struct runtimes *runtimes, const struct source_tree *tree,
		  const struct listing_source *listing, struct error **err)
{
	const struct cli_options *options = workspace->options;
	auto_recorded_plan struct recorded_plan plan = {0};
	auto_check struct check check = {0};
	auto_carried struct carried carried = {0};
	struct lock_report report = {.workspace = workspace,
				     .result = result,
				     .check = &check,
				     .plan = &plan,
				     .carried = &carried};

	record_plan(&plan, workspace->manifest, result->lock, workspace->lock,
		    runtimes, options->replan);
	lock_report_refuse(result);
	if (!options->strict &&
	    lock_write(result->lock, workspace->lock_path, err))
		return -1;
	if (judge(workspace, tree, result->lock, runtimes, &check, err) ||
	    carried_find(result->lock, runtimes, listing, &carried, err))
		return -1;
	lock_report_count(&report);
	bool is_good = report.count.cannot == 0 && result->problems.n == 0;

	if (options->strict && is_good && report.count.uncertain == 0 &&
	    lock_write(result->lock, workspace->lock_path, err))
		return -1;
	if (options->json)
		lock_report_print_json(&report);
	else if (!options->strict || (is_good && report.count.uncertain == 0))
		lock_report_print(&report);
	lock_report_print_problems(&report);
	cli_print_causes(&check, stderr);
	carried_warn(&carried);
	return !is_good || (options->strict && report.count.uncertain);
}

/* What --strict says instead of writing a lock without the sick services. */
static int print_first(const struct workspace *workspace,
		       struct resolve_result *result)
{
	struct lock_report report = {.workspace = workspace, .result = result};

	result->problems.n = 1;
	if (workspace->options->json)
		lock_report_print_json(&report);
	lock_report_print_problems(&report);
	return 1;
}

static int make(struct workspace *workspace, struct resolve_options *resolve,
		const struct check *check, struct error **err)
{
	struct lock_family *families;

	if (resolve_families(resolve, workspace->manifest,
			     workspace->options->replan, &workspace->arena,
			     &families, err))
		return -1;
	resolve->families = families;
	auto_resolve_result struct resolve_result result = RESOLVE_RESULT_EMPTY;
	struct listing_source listing = {workspace->store, workspace->fetch,
					 workspace->index};

	if (resolve_run(resolve, &result, err) ||
	    owners_fill(result.lock, check, &listing, err) ||
	    clashes_check(resolve, &listing, &result, err))
		return -1;
	if (workspace->options->strict && result.problems.n)
		return print_first(workspace, &result);
	if (sizes_fill(result.lock, workspace->lock, &listing, err))
		return -1;
	struct runtime_options options = {
		.lock = result.lock,
		.store = workspace->store,
		.fetch = workspace->fetch,
		.jobs = workspace->options->jobs,
		.manifest = workspace->manifest,
		.folder = workspace->options->folder,
	};
	struct runtimes *runtimes = runtimes_new(&options);
	int status = finish(workspace, &result, runtimes, check->tree, &listing,
			    err);

	runtimes_free(runtimes);
	return status;
}

static int lock(const struct cli_options *options, struct error **err)
{
	auto_workspace struct workspace workspace = {0};
	auto_source_tree struct source_tree tree = SOURCE_TREE_EMPTY;
	auto_check struct check checked = {0};
	auto_arena struct arena arena = ARENA_EMPTY;
	unsigned lock =
		options->check ? WORKSPACE_LOCK : WORKSPACE_LOCK_IF_THERE;

	if (workspace_open(&workspace, options,
			   WORKSPACE_MANIFEST | WORKSPACE_STORE |
				   WORKSPACE_NETWORK | lock,
			   err))
		return -1;
	if (workspace_check(&workspace, &tree, &checked, err))
		return -1;
	struct scanned scanned = {&checked, mapping_table_own(&arena)};
	struct str upgrade = str_from(options->upgrade);
	struct pool *pool = pool_new(options->jobs, options->memory_bytes);
	struct resolve_options resolve = {
		.manifest = workspace.manifest,
		.folder = options->folder,
		.store = workspace.store,
		.fetch = workspace.fetch,
		.pool = pool,
		.previous = workspace.lock,
		.upgrade = options->upgrade && upgrade.n == 0,
		.upgrades = {&upgrade, upgrade.n ? 1 : 0},
		.scanned = scanned_requirements,
		.scanned_context = &scanned,
	};
	int status = options->check ? check(&workspace, &resolve, err)
				    : make(&workspace, &resolve, &checked, err);

	pool_free(pool);
	return status;
}

static int check_usage(const struct cli_options *options, struct error **err)
{
	if (options->export && strcmp(options->export, "pylock") != 0) {
		err_make(err, ERR_USAGE, "'%s' is no format of --export",
			 options->export);
		return err_hint(err, "take --export pylock");
	}
	if ((options->prove && !options->check) ||
	    (options->since && !options->prove))
		return err_make(err, ERR_USAGE,
				"--since goes with --prove, and --prove with "
				"--check");
	if (!options->export && (options->word_count || options->output))
		return err_make(err, ERR_USAGE,
				"'slipway lock' locks the whole fleet; "
				"services and -o go with --export");
	return 0;
}

static int export(const struct cli_options *options, struct error **err)
{
	auto_workspace struct workspace workspace = {0};

	return workspace_open(
		       &workspace, options,
		       WORKSPACE_MANIFEST | WORKSPACE_LOCK | WORKSPACE_NETWORK,
		       err) || cli_export_pylock(&workspace, err)
		       ? -1
		       : 0;
}

static int run(const struct cli_options *options, struct error **err)
{
	if (check_usage(options, err))
		return -1;
	return options->export ? export(options, err) : lock(options, err);
}

const struct cli_verb verb_lock = {
	.name = "lock",
	.summary = "pin Python packages and bases by hash: fleet.lock.json",
	.synopsis =
		"[--strict] [--upgrade[=PACKAGE]] [--replan]\n"
		"       slipway lock --check [--prove [--since FILE]]\n"
		"       slipway lock --export pylock [-o FILE] [SERVICE...]",
	.about = "Resolves what the services need and writes fleet.lock.json "
		 "beside fleet.yaml:\nexact versions, sizes and SHA-256 of "
		 "every wheel and every base package.\nVersions stay as they "
		 "are unless the manifest or --upgrade asks for others.\n\n"
		 "It also records which layers the images share. A layer "
		 "keeps its place while\nnothing in it changes; --replan lets "
		 "layers move where that saves disk.\nA service with 'family: "
		 "auto' gets the family that fits best, and keeps it.\n\n"
		 "  slipway lock\n"
		 "  slipway lock --upgrade=pyzmq\n"
		 "  slipway lock --check       # in CI\n"
		 "  git show HEAD~1:fleet.lock.json > old.json\n"
		 "  slipway lock --check --prove --since old.json    # what "
		 "'build --record' wrote\n"
		 "  slipway lock --export pylock -o pylock.toml Hub\n"
		 "  uv pip install -r pylock.toml",
	.takes_words = true,
	.options = lock_options,
	.run = run,
};
