/* slipway check: can every service start? */
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/log.h"
#include "codec/json.h"
#include "faces/cli/causes.h"
#include "faces/cli/failures.h"
#include "faces/cli/verbs.h"
#include "faces/cli/workspace.h"
#include "work/check.h"

static const struct cli_option check_options[] = {
	CLI_STRICT,
	CLI_OPTIONS_END,
};

/* -- JSON -- */

static struct str path_of(const struct check *check, size_t file)
{
	return file == GRAPH_NO_FILE ? STR_EMPTY
				     : check->tree->files[file].path;
}

static json_t *file_json(const struct check *check,
			 const struct graph_reached *file)
{
	json_t *entry = json_object();

	json_object_set_new(entry, "path",
			    json_new_str(path_of(check, file->file)));
	json_object_set_new(entry, "level",
			    json_string(pyscan_level_text(file->level)));
	return entry;
}

/* The distribution that the lock names for an import, or null. */
static json_t *owner_json(const struct check_instance *instance,
			  const struct graph_import *import)
{
	size_t number = (size_t)(import - instance->graph.imports);

	switch (import->owner) {
	case GRAPH_FIRST_PARTY:
	case GRAPH_STDLIB:
		return json_string(graph_owner_text(import->owner));
	case GRAPH_THIRD_PARTY:
		if (instance->owners && instance->owners[number].distribution.n)
			return json_new_str(
				instance->owners[number].distribution);
		break;
	case GRAPH_NOTHING:
		break;
	}
	return json_null();
}

static json_t *import_json(const struct check *check,
			   const struct check_instance *instance,
			   const struct graph_import *import)
{
	json_t *entry = json_object();

	json_object_set_new(entry, "module", json_new_str(import->module));
	json_object_set_new(entry, "name",
			    import->name.n ? json_new_str(import->name)
					   : json_null());
	json_object_set_new(entry, "level",
			    json_string(pyscan_level_text(import->level)));
	json_object_set_new(entry, "owner", owner_json(instance, import));
	json_object_set_new(entry, "file",
			    json_new_str(path_of(check, import->file)));
	json_object_set_new(entry, "line", json_integer(import->line));
	return entry;
}

static json_t *dynamic_json(const struct check *check,
			    const struct graph_dynamic *dynamic)
{
	json_t *entry = json_object();

	json_object_set_new(entry, "file",
			    json_new_str(path_of(check, dynamic->file)));
	json_object_set_new(entry, "line",
			    json_integer(dynamic->dynamic->line));
	json_object_set_new(entry, "what",
			    json_new_str(dynamic->dynamic->text));
	return entry;
}

static json_t *diagnostic_json(const struct diagnostic *diagnostic)
{
	json_t *entry = json_object();

	json_object_set_new(
		entry, "level",
		json_string(diagnostic_level_text(diagnostic->level)));
	json_object_set_new(entry, "code", json_new_str(diagnostic->code));
	json_object_set_new(entry, "file", json_new_str(diagnostic->file));
	json_object_set_new(entry, "line", json_integer(diagnostic->line));
	json_object_set_new(entry, "column", json_integer(diagnostic->column));
	json_object_set_new(entry, "message",
			    json_new_str(diagnostic->message));
	json_object_set_new(entry, "hint", json_new_str(diagnostic->hint));
	return entry;
}

static json_t *instance_json(const struct check *check,
			     const struct check_instance *instance)
{
	const struct graph *graph = &instance->graph;
	const struct diagnostics *said = &instance->verdict.diagnostics;
	json_t *entry = json_object(), *files = json_array();
	json_t *imports = json_array(), *dynamics = json_array();
	json_t *diagnostics = json_array();

	for (size_t i = 0; i < graph->file_count; i++)
		json_array_append_new(files,
				      file_json(check, &graph->files[i]));
	for (size_t i = 0; i < graph->import_count; i++)
		if (!graph->imports[i].is_implied)
			json_array_append_new(imports,
					      import_json(check, instance,
							  &graph->imports[i]));
	for (size_t i = 0; i < graph->dynamic_count; i++)
		json_array_append_new(dynamics,
				      dynamic_json(check, &graph->dynamics[i]));
	for (size_t i = 0; i < said->n; i++)
		json_array_append_new(diagnostics,
				      diagnostic_json(&said->p[i]));
	json_object_set_new(entry, "name",
			    json_new_str(instance->instance->service->name.s));
	json_object_set_new(
		entry, "entrypoint",
		json_new_str(instance->instance->settings.run.entry.s));
	json_object_set_new(
		entry, "status",
		json_string(verdict_status_text(instance->verdict.status)));
	json_object_set_new(entry, "files", files);
	json_object_set_new(entry, "imports", imports);
	json_object_set_new(entry, "dynamic", dynamics);
	json_object_set_new(entry, "diagnostics", diagnostics);
	return entry;
}

/* Of a service's instances that were asked for, the one with the worst status
 * speaks. */
static bool speaks_for_service(const struct check *check, const bool *chosen,
			       size_t number)
{
	const struct check_instance *self = &check->instances[number];

	for (size_t i = 0; i < check->instance_count; i++) {
		const struct check_instance *other = &check->instances[i];

		if (chosen[i] &&
		    other->instance->service == self->instance->service &&
		    (other->verdict.status > self->verdict.status ||
		     (other->verdict.status == self->verdict.status &&
		      i < number)))
			return false;
	}
	return true;
}

/* The others are said with their services. */
static bool is_of_fleet(const struct manifest *manifest,
			const struct manifest_question *question)
{
	array_each (const struct manifest_text, name, &question->services) {
		const struct manifest_service *service =
			manifest_service(manifest, name->s);

		if (service && service->settings.skip.s.n == 0)
			return false;
	}
	return true;
}

/* Questions that touch no service, or only those that are skipped. */
static void print_questions(const struct manifest *manifest)
{
	array_each (const struct manifest_question, question,
		    &manifest->questions)
		if (is_of_fleet(manifest, question))
			printf("question: %s:%u: " STR_FMT "\n  hint: it arose "
			       "at " STR_FMT "; answer it, then remove it from "
			       "'questions'\n",
			       manifest->path, question->at.line,
			       STR_ARG(question->ask.s),
			       STR_ARG(question->from.s));
}

static json_t *questions_json(const struct manifest *manifest)
{
	json_t *list = json_array();

	array_each (const struct manifest_question, question,
		    &manifest->questions) {
		json_t *entry = json_object(), *services = json_array();

		array_each (const struct manifest_text, name,
			    &question->services)
			json_array_append_new(services, json_new_str(name->s));
		json_object_set_new(entry, "ask",
				    json_new_str(question->ask.s));
		json_object_set_new(entry, "from",
				    json_new_str(question->from.s));
		json_object_set_new(entry, "line",
				    json_integer(question->at.line));
		json_object_set_new(entry, "services", services);
		json_array_append_new(list, entry);
	}
	return list;
}

static void print_json(const struct check *check, const bool *shown)
{
	json_t *root = json_object(), *services = json_array();

	for (size_t i = 0; i < check->instance_count; i++)
		if (shown[i])
			json_array_append_new(
				services,
				instance_json(check, &check->instances[i]));
	json_object_set_new(root, "services", services);
	json_object_set_new(root, "questions", questions_json(check->manifest));
	workspace_print_json(root);
}

static int exit_status(const struct check *check, const bool *shown,
		       bool strict)
{
	for (size_t i = 0; i < check->instance_count; i++) {
		enum verdict_status status = check->instances[i].verdict.status;

		if (shown[i] && (status == VERDICT_ERROR ||
				 (strict && status == VERDICT_UNCERTAIN)))
			return 1;
	}
	return 0;
}

static int run(const struct cli_options *options, struct error **err)
{
	auto_workspace struct workspace workspace = {0};
	auto_source_tree struct source_tree tree = SOURCE_TREE_EMPTY;
	auto_check struct check check = {0};

	if (workspace_open(&workspace, options,
			   WORKSPACE_MANIFEST | WORKSPACE_LOCK_IF_THERE |
				   WORKSPACE_STORE | WORKSPACE_NETWORK,
			   err))
		return -1;
	auto_free bool *shown = workspace_select(&workspace, err);

	if (workspace.lock && workspace.lock->version < LOCK_VERSION)
		log_warn("not checked: where third-party imports come from; "
			 "the lock is an older slipway's: run 'slipway lock'");
	if (!workspace.lock)
		log_warn("not checked: whether sources compile and where "
			 "third-party imports come from; run 'slipway lock'");
	if (!shown || workspace_check(&workspace, &tree, &check, err))
		return -1;
	if (options->strict)
		cli_keep_first(&check, shown);
	auto_free bool *speaks =
		mem_zalloc(check.instance_count, sizeof *speaks);

	for (size_t i = 0; i < check.instance_count; i++)
		speaks[i] = shown[i] && speaks_for_service(&check, shown, i);
	if (options->json)
		print_json(&check, speaks);
	else {
		print_questions(workspace.manifest);
		cli_print_check(&check, speaks, stdout);
	}
	return exit_status(&check, speaks, options->strict);
}

const struct cli_verb verb_check = {
	.name = "check",
	.summary = "can every service start? errors with file:line",
	.synopsis = "[--strict] [SERVICE...]",
	.about = "Follows every import from each service's entrypoint, "
		 "compiles what is reached\n"
		 "with the service's own Python, and says what cannot start, "
		 "where and why. Runs\n"
		 "none of the code. The causes come first, grouped over the "
		 "fleet.\n"
		 "\n"
		 "  slipway check\n"
		 "  slipway check ChitchatAgent --json | jq "
		 "'.services[0].files'",
	.options = check_options,
	.takes_words = true,
	.selects = true,
	.run = run,
};
