/* From a walk to what is said about a service. */
#include "base/array.h"
#include "base/error.h"
#include "work/check/check_private.h"

struct judge {
	struct check *check;
	struct check_python *python;
	struct verdict_file_problem *problems; /* per file of the tree */
	bool *has_problem;
};

static struct str problem_code(const struct check_file *file)
{
	switch (file->verdict) {
	case PYC_TOO_BIG:
		return STR("syntax-too-big");
	case PYC_TIMEOUT:
		return STR("syntax-timeout");
	case PYC_CRASH:
		return STR("syntax-crash");
	case PYC_COMPILED:
	case PYC_SYNTAX:
		break;
	}
	return diagnostic_syntax_code(file->problem.type,
				      file->problem.message);
}

/* A callback of verdict_input. */
static const struct verdict_file_problem *problem_of(void *context, size_t file)
{
	struct judge *judge = context;
	const struct check_file *known = &judge->python->files[file];
	struct verdict_file_problem *problem = &judge->problems[file];

	if (judge->has_problem[file])
		return problem;
	if (known->unreadable)
		*problem = (struct verdict_file_problem){
			.code = judge->check->tree->files[file].problem
					? STR("link-outside")
					: STR("file-unreadable"),
			.message = str_from(known->unreadable),
		};
	else if (known->is_compiled && known->verdict != PYC_COMPILED)
		*problem = (struct verdict_file_problem){
			.code = problem_code(known),
			.message = str_from(known->problem.message),
			.line = known->problem.line,
			.column = known->problem.column,
		};
	else
		return NULL;
	judge->has_problem[file] = true;
	return problem;
}

const struct lock_owner *check_find_owner(const struct lock_service *service,
					  struct str module)
{
	for (size_t i = 0; i < service->owner_count; i++)
		if (str_eq(service->owners[i].import, module))
			return &service->owners[i];
	return NULL;
}

/* An import that nothing owns, though a distribution has its first part: that
 * distribution lacks the module. */
static struct diagnostic lacking(const struct check *check,
				 const struct graph_import *import,
				 const struct lock_owner *owner,
				 struct arena *arena)
{
	struct diagnostic diagnostic = {
		.code = STR("import-missing"),
		.file = import->file == GRAPH_NO_FILE
				? STR_EMPTY
				: check->tree->files[import->file].path,
		.line = import->line,
		.column = import->column,
		.message = arena_printf(
			arena, "no module '" STR_FMT "' in " STR_FMT,
			STR_ARG(import->module), STR_ARG(owner->distribution)),
		.hint = STR("correct the name, or pin a version that has it"),
	};

	verdict_level(import->level, import->effect, &diagnostic.level);
	return diagnostic;
}

const struct lock_service *
check_find_service(const struct lock *lock,
		   const struct manifest_instance *instance)
{
	return lock && lock->version >= LOCK_VERSION
		       ? lock_find_service(lock, instance->service->name.s,
					   instance->machine->name.s)
		       : NULL;
}

/* Sets instance->owners by what the lock records for its service, and appends
 * what is lacking. */
static void judge_owners(struct judge *judge, const struct lock *lock,
			 struct check_instance *instance,
			 struct diagnostics *lacks)
{
	const struct graph *graph = &instance->graph;
	struct arena *arena = &judge->check->arena;
	const struct lock_service *service =
		check_find_service(lock, instance->instance);

	if (!service)
		return;
	struct mapping_result *owners = arena_new_array(
		arena, struct mapping_result, graph->import_count);

	for (size_t i = 0; i < graph->import_count; i++) {
		const struct graph_import *import = &graph->imports[i];
		ptrdiff_t dot = str_find(import->module, '.');
		const struct lock_owner *owner =
			check_find_owner(service, import->module);

		if (import->owner != GRAPH_THIRD_PARTY)
			continue;
		if (!owner && dot > 0) {
			owner = check_find_owner(
				service,
				str_slice(import->module, 0, (size_t)dot));
			if (owner && import->level != PYSCAN_TYPING)
				lacks->p[lacks->n++] = lacking(
					judge->check, import, owner, arena);
		}
		if (owner)
			owners[i] = (struct mapping_result){
				.how = MAPPING_OWNED,
				.distribution = owner->distribution,
				.import = owner->import,
			};
	}
	instance->owners = owners;
}

/* Python reads a script by lines, and wants UTF-8 in comments too, which a
 * module's may be without. */
static void judge_script(const struct judge *judge,
			 const struct check_instance *instance,
			 struct diagnostics *said)
{
	const struct manifest_settings *settings =
		&instance->instance->settings;
	size_t entry = instance->graph.entry_file;

	if (entry == GRAPH_NO_FILE || settings->run.is_module ||
	    !str_eq(judge->check->tree->files[entry].path,
		    settings->run.entry.s))
		return;
	const struct source_tree *tree = judge->check->tree;
	auto_buf struct buf source = BUF_EMPTY;
	auto_err struct error *error = NULL;
	uint32_t number = 0;

	if (judge->python->files[entry].verdict != PYC_COMPILED ||
	    source_read(tree, &tree->files[entry], &source, &error))
		return;
	struct str rest = buf_str(&source), line;

	if (str_is_utf8(rest) || pyscan_has_coding(rest))
		return;
	while (str_split(&rest, '\n', &line) && str_is_utf8(line))
		number++;
	said->p[said->n++] = (struct diagnostic){
		.level = DIAGNOSTIC_ERROR,
		.code = STR("syntax-encoding"),
		.file = settings->run.entry.s,
		.line = number + 1,
		.message = STR("a comment is not UTF-8, and no line says what "
			       "it is: Python does not start such a script"),
		.hint = STR("save it as UTF-8, or begin it with a coding line: "
			    "# -*- coding: latin-1 -*-"),
	};
}

/* `data` that names nothing in the tree. */
static void judge_data(const struct check *check,
		       const struct manifest_settings *settings,
		       struct arena *arena, struct diagnostics *missing)
{
	for (size_t i = 0; i < settings->data.n; i++) {
		const struct manifest_text *data = &settings->data.p[i];

		if (check_matches(check->tree, data->s, NULL))
			continue;
		missing->p[missing->n++] = (struct diagnostic){
			.level = DIAGNOSTIC_ERROR,
			.code = STR("file-missing"),
			.file = str_from(check->manifest->path),
			.line = data->at.line,
			.column = data->at.column,
			.message = arena_printf(
				arena,
				"data names '" STR_FMT
				"', and the source tree has no such file",
				STR_ARG(data->s)),
			.hint = STR("correct the path, or take it out"),
		};
	}
}

/* What is wrong with the entrypoint itself stands in the manifest. */
static void place_in_manifest(const struct check *check,
			      const struct manifest_text *entry,
			      struct diagnostics *said)
{
	for (size_t i = 0; i < said->n; i++)
		if (str_eq(said->p[i].code, STR("entry-missing")) &&
		    said->p[i].file.n == 0) {
			said->p[i].file = str_from(check->manifest->path);
			said->p[i].line = entry->at.line;
			said->p[i].column = entry->at.column;
		}
}

static bool touches(const struct manifest_question *question, struct str name)
{
	for (size_t i = 0; i < question->services.n; i++)
		if (str_eq(question->services.p[i].s, name))
			return true;
	return false;
}

/* Questions of `slipway init` that touch the service and are not answered. */
static void judge_questions(const struct check *check,
			    const struct manifest_instance *instance,
			    struct arena *arena, struct diagnostics *said)
{
	array_each (const struct manifest_question, question,
		    &check->manifest->questions)
		if (touches(question, instance->service->name.s))
			said->p[said->n++] = (struct diagnostic){
				.level = DIAGNOSTIC_UNCERTAIN,
				.code = STR("question-open"),
				.file = str_from(check->manifest->path),
				.line = question->at.line,
				.column = question->at.column,
				.message = question->ask.s,
				.hint = arena_printf(
					arena,
					"it arose at " STR_FMT "; answer it in "
					"the service, then remove it from "
					"'questions'",
					STR_ARG(question->from.s)),
			};
}

static void judge_instance(struct judge *judge, const struct lock *lock,
			   const struct str *paths,
			   struct check_instance *instance)
{
	const struct manifest_settings *settings =
		&instance->instance->settings;
	struct arena *arena = &judge->check->arena;
	struct verdict_allow *allows =
		arena_new_array(arena, struct verdict_allow, settings->allow.n);

	for (size_t i = 0; i < settings->allow.n; i++)
		allows[i] = (struct verdict_allow){
			.import_glob = settings->allow.p[i].import_glob.s,
			.file = settings->allow.p[i].file.s,
			.has_include = settings->allow.p[i].include.n > 0,
		};
	struct diagnostics others = {
		arena_new_array(arena, struct diagnostic,
				instance->graph.import_count + 1 +
					settings->data.n +
					judge->check->manifest->questions.n),
		0};

	judge_owners(judge, lock, instance, &others);
	judge_script(judge, instance, &others);
	judge_data(judge->check, settings, arena, &others);
	judge_questions(judge->check, instance->instance, arena, &others);
	struct verdict_input input = {
		.graph = &instance->graph,
		.paths = paths,
		.entry = settings->run.entry.s,
		.is_module = settings->run.is_module,
		.python = arena_printf(arena, "3.%u", judge->python->minor),
		.skip = settings->skip.s,
		.problem = problem_of,
		.problem_context = judge,
		.owners = instance->owners,
		.allows = allows,
		.allow_count = settings->allow.n,
		.others = others,
	};

	verdict_make(&input, arena, &instance->verdict);
	place_in_manifest(judge->check, &settings->run.entry,
			  &instance->verdict.diagnostics);
}

void check_judge(struct check *check, struct check_python *python,
		 const struct lock *lock, const struct str *paths)
{
	struct judge judge = {
		.check = check,
		.python = python,
		.problems = arena_new_array(&check->arena,
					    struct verdict_file_problem,
					    check->tree->n),
		.has_problem =
			arena_new_array(&check->arena, bool, check->tree->n),
	};

	for (size_t i = 0; i < check->instance_count; i++)
		if (check->instances[i].python == python)
			judge_instance(&judge, lock, paths,
				       &check->instances[i]);
}
