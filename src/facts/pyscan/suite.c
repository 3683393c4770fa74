/* suite: blocks by indentation, and what of a try guards its imports. */
#include "facts/pyscan/scan.h"

struct context context_now(const struct scan *scan)
{
	return scan->top->context;
}

struct marks marks_now(const struct scan *scan)
{
	return (struct marks){scan->imports.n, scan->dynamics.n, scan->paths.n};
}

/* What was found between two moments is guarded, if not weaker. */
static void guard(struct scan *scan, struct marks from, struct marks to)
{
	for (size_t i = from.imports; i < to.imports; i++)
		scan->imports.p[i].level =
			level_max(scan->imports.p[i].level, PYSCAN_GUARDED);
	for (size_t i = from.dynamics; i < to.dynamics; i++)
		scan->dynamics.p[i].level =
			level_max(scan->dynamics.p[i].level, PYSCAN_GUARDED);
	for (size_t i = from.paths; i < to.paths; i++)
		scan->paths.p[i].level =
			level_max(scan->paths.p[i].level, PYSCAN_GUARDED);
}

bool is_run_by_start(const struct context *context)
{
	return context->level < PYSCAN_LAZY && !context->never;
}

void step_add(struct scan *scan, enum pyscan_flow flow, size_t value)
{
	array_push(&scan->steps, (struct pyscan_step){flow, (uint32_t)value});
}

void import_push(struct scan *scan, const struct context *context,
		 struct pyscan_import import)
{
	import.level = context->level;
	import.only_main = context->only_main;
	import.never = context->never;
	if (is_run_by_start(context))
		step_add(scan, PYSCAN_RUN, scan->imports.n);
	array_push(&scan->imports, import);
}

/* Imports of functions and the like are no steps. */
static bool has_run_since(const struct scan *scan, size_t step)
{
	for (; step < scan->steps.n; step++)
		if (scan->steps.p[step].flow == PYSCAN_RUN)
			return true;
	return false;
}

void chain_end(struct scan *scan, struct chain *chain)
{
	bool has_steps = chain->kind == CHAIN_TRY && chain->has_steps;

	chain->kind = CHAIN_NONE;
	if (has_steps && !has_run_since(scan, chain->first_step))
		scan->steps.n = chain->first_step; /* nothing to guard */
	else if (has_steps)
		step_add(scan, PYSCAN_END, 0);
}

static void suppress_end(struct scan *scan, const struct suite *suite)
{
	if (!has_run_since(scan, suite->first_step)) {
		scan->steps.n = suite->first_step;
		return;
	}
	step_add(scan, PYSCAN_EXCEPT, suite->catches);
	step_add(scan, PYSCAN_END, 0);
}

bool suite_push(struct scan *scan, const struct suite *suite)
{
	scan->has_pending = false;
	if (scan->top == &scan->suites[MAX_SUITES - 1])
		return false;
	*++scan->top = *suite;
	return true;
}

void suite_pop(struct scan *scan)
{
	struct suite *ended = scan->top;

	chain_end(scan, &ended->chain);
	if (ended == scan->suites)
		return;
	struct chain *chain = &(--scan->top)->chain;

	if (ended->scope == SCOPE_FUNCTION &&
	    ended->function != scan->top->function)
		scan->values.n = ended->function_values;
	if (ended->clause == CLAUSE_SUPPRESS)
		suppress_end(scan, ended);
	if (ended->ends_in_raise && chain->has_steps &&
	    (ended->clause == CLAUSE_HANDLER ||
	     ended->clause == CLAUSE_OTHER_HANDLER))
		step_add(scan, PYSCAN_RAISE, ended->raises);
	if (ended->clause == CLAUSE_TRY) {
		chain->body_end = marks_now(scan);
	} else if (ended->clause == CLAUSE_HANDLER && !ended->ends_in_raise) {
		guard(scan, chain->body_start, chain->body_end);
		guard(scan, chain->handler_start, marks_now(scan));
	}
}

void suites_indent(struct scan *scan, unsigned indent)
{
	if (scan->has_pending && indent > scan->top->indent) {
		scan->pending.indent = indent;
		suite_push(scan, &scan->pending);
	}
	scan->has_pending = false;
	while (scan->top > scan->suites && indent < scan->top->indent)
		suite_pop(scan);
}
