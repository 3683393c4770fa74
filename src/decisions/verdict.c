#include "decisions/verdict.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/buf.h"
#include "decisions/verdict/hint.h"

struct judge {
	const struct verdict_input *input;
	struct arena *arena;
	struct {
		struct diagnostic *p;
		size_t n, capacity;
	} all;
};

bool verdict_level(enum pyscan_level level, enum graph_effect effect,
		   enum diagnostic_level *out)
{
	static const enum diagnostic_level levels[] = {
		[GRAPH_STOPS] = DIAGNOSTIC_ERROR,
		[GRAPH_MAY_STOP] = DIAGNOSTIC_UNCERTAIN,
		[GRAPH_GOES_ON] = DIAGNOSTIC_WARNING,
	};

	*out = level == PYSCAN_HARD ? DIAGNOSTIC_ERROR : DIAGNOSTIC_WARNING;
	if (effect != GRAPH_BY_LEVEL)
		*out = levels[effect];
	return level != PYSCAN_TYPING;
}

static struct str path_of(const struct judge *judge, size_t file)
{
	return file == GRAPH_NO_FILE ? STR_EMPTY : judge->input->paths[file];
}

static bool is_in_module(struct str glob, struct str module)
{
	for (;;) {
		if (str_glob(glob, module))
			return true;
		ptrdiff_t dot = str_rfind(module, '.');

		if (dot < 0)
			return false;
		module.n = (size_t)dot;
	}
}

static bool allows_import(const struct judge *judge, struct str module,
			  struct str file)
{
	for (size_t i = 0; i < judge->input->allow_count; i++) {
		const struct verdict_allow *allow = &judge->input->allows[i];

		if (allow->import_glob.n > 0 &&
		    is_in_module(allow->import_glob, module) &&
		    (allow->file.n == 0 || str_glob(allow->file, file)))
			return true;
	}
	return false;
}

static bool allows_file(const struct judge *judge, struct str file)
{
	for (size_t i = 0; i < judge->input->allow_count; i++) {
		const struct verdict_allow *allow = &judge->input->allows[i];

		if (allow->file.n > 0 && str_glob(allow->file, file))
			return true;
	}
	return false;
}

static bool allows_dynamic(const struct judge *judge)
{
	for (size_t i = 0; i < judge->input->allow_count; i++) {
		const struct verdict_allow *allow = &judge->input->allows[i];

		if (allow->has_include && allow->import_glob.n > 0 &&
		    allow->file.n == 0)
			return true;
	}
	return false;
}

/* --- the entrypoint and its files --------------------------------------- */

static void judge_entry(struct judge *judge)
{
	const struct verdict_input *input = judge->input;
	const char *what = input->is_module ? "module of -m" : "entrypoint";

	if (input->graph->entry_problem == GRAPH_FINE)
		return;
	array_push(&judge->all,
		   (struct diagnostic){
			   .level = DIAGNOSTIC_ERROR,
			   .code = STR("entry-missing"),
			   .message = arena_printf(judge->arena,
						   "the %s '" STR_FMT
						   "' is not there",
						   what, STR_ARG(input->entry)),
			   .hint = STR("run: names a file below the source "
				       "root, or -m and a module; see also "
				       "source.exclude and .dockerignore"),
		   });
}

static void judge_file(struct judge *judge, const struct graph_reached *reached)
{
	const struct verdict_input *input = judge->input;
	const struct verdict_file_problem *problem =
		input->problem
			? input->problem(input->problem_context, reached->file)
			: NULL;
	struct diagnostic diagnostic = {.file = path_of(judge, reached->file)};

	if (!problem ||
	    !verdict_level(reached->level, reached->effect, &diagnostic.level))
		return;
	diagnostic.code = problem->code;
	diagnostic.message = problem->message;
	diagnostic.hint = problem->hint;
	diagnostic.line = problem->line;
	diagnostic.column = problem->column;
	if (reached->from_file != GRAPH_NO_FILE) {
		struct str by = path_of(judge, reached->from_file);

		diagnostic.hint = arena_printf(
			judge->arena, STR_FMT "%simported by " STR_FMT ":%u",
			STR_ARG(problem->hint), problem->hint.n ? "; " : "",
			STR_ARG(by), reached->from_line);
	}
	array_push(&judge->all, diagnostic);
}

static void judge_shadow(struct judge *judge, const struct graph_shadow *shadow)
{
	const struct graph_reached *reached =
		graph_file(judge->input->graph, shadow->file);
	struct diagnostic diagnostic = {
		.level = DIAGNOSTIC_WARNING,
		.code = STR("module-shadows"),
		.file = path_of(judge, shadow->file),
		.hint = STR("rename one of them"),
	};

	if (reached && reached->level == PYSCAN_TYPING)
		return;
	if (shadow->owner == GRAPH_FIRST_PARTY)
		diagnostic.message = arena_printf(
			judge->arena,
			"'" STR_FMT "' is this package; it hides " STR_FMT,
			STR_ARG(shadow->module),
			STR_ARG(path_of(judge, shadow->hidden)));
	else
		diagnostic.message = arena_printf(
			judge->arena, "'" STR_FMT "' hides the module of %s",
			STR_ARG(shadow->module),
			shadow->owner == GRAPH_STDLIB ? "the standard library"
						      : "a distribution");
	array_push(&judge->all, diagnostic);
}

/* --- imports ------------------------------------------------------------ */

static void say_no_module(struct judge *judge,
			  const struct graph_import *import,
			  struct diagnostic *diagnostic)
{
	diagnostic->code = STR("import-missing");
	diagnostic->message = arena_printf(
		judge->arena, "no file is the module '" STR_FMT "'",
		STR_ARG(import->module));
	diagnostic->hint =
		import->uncertain
			? STR("if it comes into being when the service starts, "
			      "say so with allow: {import: MODULE, why: ...}")
			: STR("is the file named differently, excluded, or not "
			      "committed?");
}

static void say_no_name(struct judge *judge, const struct graph_import *import,
			struct diagnostic *diagnostic)
{
	const struct graph_reached *target =
		graph_file(judge->input->graph, import->target);
	struct str near = hint_name(target ? target->scan : NULL, import->name);

	diagnostic->code = STR("name-missing");
	diagnostic->message =
		arena_printf(judge->arena, "'" STR_FMT "' has no '" STR_FMT "'",
			     STR_ARG(import->module), STR_ARG(import->name));
	if (near.n > 0)
		diagnostic->hint = arena_printf(judge->arena,
						"did you mean '" STR_FMT "'?",
						STR_ARG(near));
	else if (import->uncertain)
		diagnostic->hint =
			STR("it may be made when the module runs; say so with "
			    "allow: {file: FILE, why: ...}");
}

static void say_circular(struct judge *judge, const struct graph_import *import,
			 struct diagnostic *diagnostic)
{
	diagnostic->code = STR("import-circular");
	diagnostic->message = arena_printf(
		judge->arena,
		"'" STR_FMT
		"' is still being imported here and has no '" STR_FMT
		"' yet: a cycle of imports",
		STR_ARG(import->module), STR_ARG(import->name));
	diagnostic->hint = STR("import the module instead of the name, or "
			       "inside the function that uses it");
}

static void say_no_parent(struct judge *judge,
			  const struct graph_import *import,
			  struct diagnostic *diagnostic)
{
	diagnostic->code = STR("import-relative");
	diagnostic->message = arena_printf(judge->arena,
					   "the relative import '" STR_FMT
					   "' has no package to start "
					   "from",
					   STR_ARG(import->module));
	diagnostic->hint = STR("a script that is run by its path is in no "
			       "package: run it with -m, or import absolutely");
}

static void judge_problem(struct judge *judge,
			  const struct graph_import *import,
			  struct diagnostic *diagnostic)
{
	switch (import->problem) {
	case GRAPH_FINE: /* found, in a folder that a function adds */
		diagnostic->code = STR("path-dynamic");
		diagnostic->message = arena_printf(
			judge->arena,
			"'" STR_FMT "' is found only in a folder that a "
			"function adds to sys.path",
			STR_ARG(import->module));
		diagnostic->hint = STR("add the folder to source.pythonpath");
		break;
	case GRAPH_NO_MODULE:
		say_no_module(judge, import, diagnostic);
		break;
	case GRAPH_NOT_PACKAGE:
		say_no_module(judge, import, diagnostic);
		diagnostic->hint = STR("what stands before the last dot is a "
				       "module, not a package");
		break;
	case GRAPH_NO_PARENT:
		say_no_parent(judge, import, diagnostic);
		break;
	case GRAPH_NO_NAME:
		say_no_name(judge, import, diagnostic);
		break;
	case GRAPH_CIRCULAR:
		say_circular(judge, import, diagnostic);
		break;
	}
	if (import->uncertain && import->effect == GRAPH_BY_LEVEL &&
	    diagnostic->level == DIAGNOSTIC_ERROR)
		diagnostic->level = DIAGNOSTIC_UNCERTAIN;
	if (diagnostic->level == DIAGNOSTIC_UNCERTAIN
		    ? !allows_file(judge, diagnostic->file)
		    : !import->uncertain ||
			      diagnostic->level == DIAGNOSTIC_ERROR)
		array_push(&judge->all, *diagnostic);
}

static void judge_unmapped(struct judge *judge,
			   const struct graph_import *import,
			   const struct mapping_result *owner,
			   struct diagnostic *diagnostic)
{
	if (!judge->input->owners || owner->how != MAPPING_NONE ||
	    (import->is_namespace && !import->is_missing_below))
		return;
	if (import->is_namespace) {
		say_no_module(judge, import, diagnostic);
	} else {
		diagnostic->code = STR("import-unmapped");
		diagnostic->message = arena_printf(
			judge->arena,
			"no distribution is known for '" STR_FMT "'",
			STR_ARG(import->module));
		diagnostic->hint = hint_unmapped(judge->input, import, owner,
						 judge->arena);
	}
	array_push(&judge->all, *diagnostic);
}

static void judge_import(struct judge *judge, size_t number)
{
	const struct graph_import *import =
		&judge->input->graph->imports[number];
	struct diagnostic diagnostic = {
		.file = path_of(judge, import->file),
		.line = import->line,
		.column = import->column,
		.hint = STR_EMPTY,
	};

	/* That the entry is not there has been said. */
	if (import->file == GRAPH_NO_FILE && import->problem != GRAPH_FINE)
		return;
	if (!verdict_level(import->level, import->effect, &diagnostic.level) ||
	    allows_import(judge, import->module, diagnostic.file))
		return;
	if (import->problem != GRAPH_FINE || import->uncertain)
		judge_problem(judge, import, &diagnostic);
	else if (import->owner == GRAPH_THIRD_PARTY)
		judge_unmapped(judge, import,
			       judge->input->owners
				       ? &judge->input->owners[number]
				       : NULL,
			       &diagnostic);
}

static void judge_dynamic(struct judge *judge,
			  const struct graph_dynamic *dynamic)
{
	struct diagnostic diagnostic = {
		.level = DIAGNOSTIC_UNCERTAIN,
		.file = path_of(judge, dynamic->file),
		.line = dynamic->dynamic->line,
		.column = dynamic->dynamic->column,
		.message = dynamic->dynamic->text,
	};

	if (dynamic->level == PYSCAN_TYPING ||
	    allows_file(judge, diagnostic.file))
		return;
	switch (dynamic->dynamic->what) {
	case PYSCAN_IMPORT_CALL:
		if (allows_dynamic(judge))
			return;
		diagnostic.code = STR("import-dynamic");
		diagnostic.hint =
			STR("say what it may import: allow: {import: "
			    "\"plugins.*\", include: [plugins], why: ...}");
		break;
	case PYSCAN_EXEC:
		diagnostic.code = STR("exec-dynamic");
		diagnostic.hint =
			STR("if what it runs imports nothing more: allow: "
			    "{file: FILE, why: ...}");
		break;
	case PYSCAN_SYS_PATH:
	case PYSCAN_PACKAGE_PATH:
		diagnostic.code = STR("path-dynamic");
		diagnostic.hint =
			STR("list the folder in source.pythonpath, then: "
			    "allow: {file: FILE, why: ...}");
		break;
	}
	array_push(&judge->all, diagnostic);
}

/* --- the whole ---------------------------------------------------------- */

static int diagnostic_compare(const void *a, const void *b)
{
	const struct diagnostic *x = a, *y = b;
	int order = (int)x->level - (int)y->level;

	if (order == 0)
		order = str_cmp(x->file, y->file);
	if (order == 0)
		order = (x->line > y->line) - (x->line < y->line);
	if (order == 0)
		order = (x->column > y->column) - (x->column < y->column);
	if (order == 0)
		order = str_cmp(x->code, y->code);
	return order ? order : str_cmp(x->message, y->message);
}

static enum verdict_status status_of(const struct verdict_input *input,
				     const struct diagnostics *diagnostics)
{
	/* Sorted: the first is the worst. */
	if (input->skip.n > 0)
		return VERDICT_SKIPPED;
	if (diagnostics->n == 0)
		return VERDICT_OK;
	if (diagnostics->p[0].level == DIAGNOSTIC_ERROR)
		return VERDICT_ERROR;
	return diagnostics->p[0].level == DIAGNOSTIC_UNCERTAIN
		       ? VERDICT_UNCERTAIN
		       : VERDICT_OK;
}

void verdict_make(const struct verdict_input *input, struct arena *arena,
		  struct verdict *verdict)
{
	const struct graph *graph = input->graph;
	struct judge judge = {.input = input, .arena = arena};
	struct diagnostics *out = &verdict->diagnostics;

	judge_entry(&judge);
	for (size_t i = 0; i < graph->file_count; i++)
		judge_file(&judge, &graph->files[i]);
	for (size_t i = 0; i < graph->shadow_count; i++)
		judge_shadow(&judge, &graph->shadows[i]);
	for (size_t i = 0; i < graph->import_count; i++)
		judge_import(&judge, i);
	for (size_t i = 0; i < graph->dynamic_count; i++)
		judge_dynamic(&judge, &graph->dynamics[i]);
	for (size_t i = 0; i < input->others.n; i++)
		array_push(&judge.all, input->others.p[i]);
	array_sort(&judge.all, diagnostic_compare);
	out->n = 0;
	out->p = arena_new_array(arena, struct diagnostic, judge.all.n);
	/* `from a import b, c` says of a twice what it says once. */
	for (size_t i = 0; i < judge.all.n; i++)
		if (i == 0 || diagnostic_compare(&judge.all.p[i - 1],
						 &judge.all.p[i]) != 0)
			out->p[out->n++] = judge.all.p[i];
	array_release(&judge.all);
	verdict->status = status_of(input, out);
}

const char *diagnostic_level_text(enum diagnostic_level level)
{
	static const char *const texts[] = {"error", "uncertain", "warning",
					    "note"};

	return texts[level];
}

const char *verdict_status_text(enum verdict_status status)
{
	static const char *const texts[] = {"ok", "uncertain", "error",
					    "skipped"};

	return texts[status];
}
