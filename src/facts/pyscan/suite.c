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

	if (ended == scan->suites)
		return;
	struct chain *chain = &(--scan->top)->chain;

	if (ended->scope == SCOPE_FUNCTION &&
	    ended->function != scan->top->function)
		scan->values.n = ended->function_values;
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
