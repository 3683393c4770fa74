#include <stdlib.h>

#include "decisions/graph/walk.h"

/* An import with what it is sorted by. */
struct row {
	struct graph_import import;
	size_t number; /* in its file */
};

struct rows {
	struct row *p;
	size_t n, capacity;
};

static int size_compare(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

/* --- files -------------------------------------------------------------- */

static int reached_compare(const void *a, const void *b)
{
	const struct graph_reached *x = a, *y = b;
	int order = size_compare(x->file, y->file);

	if (order == 0)
		order = size_compare(x->level, y->level);
	return order ? order : str_cmp(x->module, y->module);
}

static enum graph_effect effect_of(const bool *stops)
{
	if (stops[0] && stops[1])
		return GRAPH_STOPS;
	return stops[0] || stops[1] ? GRAPH_MAY_STOP : GRAPH_GOES_ON;
}

/* A hard file that the order need not come to is not. */
static enum pyscan_level level_of(const struct walk *walk,
				  const struct node *node)
{
	bool is_missed = !(node->ran[0] && node->ran[1]) && !walk->is_cut;

	return node->level == PYSCAN_HARD && node->scan.compiles && is_missed
		       ? PYSCAN_GUARDED
		       : node->level;
}

static void result_files(struct walk *walk, struct graph *out)
{
	size_t n = 0;

	out->files =
		arena_new_array(walk->arena, struct graph_reached, walk->all.n);
	array_each (struct node *, place, &walk->all) {
		const struct node *node = *place;

		if (node->is_reached)
			out->files[n++] = (struct graph_reached){
				.file = node->file,
				.level = level_of(walk, node),
				.effect = walk->is_cut ? GRAPH_BY_LEVEL
						       : effect_of(node->stops),
				.from_file = node->from_file,
				.from_line = node->from_line,
				.module = node->name,
				.compiles = node->scan.compiles,
				.scan = node->scan.scan,
			};
	}
	if (n > 0)
		qsort(out->files, n, sizeof *out->files, reached_compare);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || out->files[i].file != out->files[i - 1].file)
			out->files[out->file_count++] = out->files[i];
}

/* --- imports ------------------------------------------------------------ */

/* Whose module it is, as far as first-party files say. */
static void import_own(const struct edge *edge, struct graph_import *import)
{
	const struct node *target = edge->target, *sub = edge->sub;

	import->owner = GRAPH_FIRST_PARTY;
	if (!target || target->kind == NODE_NOTHING) {
		import->owner = GRAPH_NOTHING;
	} else if (target->kind == NODE_STDLIB) {
		import->owner = GRAPH_STDLIB;
	} else if (target->kind == NODE_THIRD_PARTY) {
		import->owner = GRAPH_THIRD_PARTY;
		import->is_namespace = target->is_below_folders;
		import->is_missing_below = target->is_below_folders;
	} else if (sub && edge->loads_sub && sub->kind == NODE_FILE) {
		import->target = sub->file;
	} else if (target->kind == NODE_FILE) {
		import->target = target->file;
	} else if (target->is_open) {
		import->owner = GRAPH_THIRD_PARTY;
		import->is_namespace = true;
		import->is_missing_below =
			!sub && edge->import && edge->import->name.n > 0 &&
			!str_eq(edge->import->name, STR("*"));
	}
}

/* Whether it ends the start that nothing has a module is known only where it
 * is known what distributions have. */
static enum graph_effect edge_effect(const struct walk *walk,
				     const struct node *node,
				     const struct edge *edge)
{
	const struct node *target = edge->target;
	bool is_open = target && (target->kind == NODE_THIRD_PARTY ||
				  (target->is_open && !edge->sub));

	/* The order does not run what is included. */
	bool is_followed =
		node->ran[0] || node->ran[1] || walk->start->include_count == 0;

	if (walk->is_cut || !is_followed ||
	    (is_open && !walk->start->is_missing))
		return GRAPH_BY_LEVEL;
	return effect_of(edge->stops);
}

static void rows_add(struct rows *rows, const struct walk *walk,
		     const struct node *node, const struct edge *edge,
		     size_t number)
{
	const struct pyscan_import *import = edge->import;
	struct row row = {
		.import =
			{
				.module = edge->module,
				.name = import->name,
				.level = level_weaker(node->level,
						      import->level),
				.own_level = import->level,
				.problem = edge->problem,
				.effect = edge_effect(walk, node, edge),
				.uncertain = edge->uncertain,
				.is_implied = edge->is_implied,
				.by_call = import->by_call,
				.target = GRAPH_NO_FILE,
				.file = node->file,
				.line = import->line,
				.column = import->column,
			},
		.number = number,
	};

	import_own(edge, &row.import);
	array_push(rows, row);
}

static void rows_add_start(struct rows *rows, const struct walk *walk)
{
	struct row row = {
		.import =
			{
				.module = walk->start_edge.module,
				.name = STR_EMPTY,
				.level = PYSCAN_HARD,
				.own_level = PYSCAN_HARD,
				.problem = walk->start_edge.problem,
				.target = GRAPH_NO_FILE,
				.file = GRAPH_NO_FILE,
			},
	};

	if (!walk->start_edge.target)
		return;
	import_own(&walk->start_edge, &row.import);
	array_push(rows, row);
}

/* By level: hard ones end the start. */
static int effect_rank(const struct graph_import *import)
{
	if (import->effect != GRAPH_BY_LEVEL)
		return (int)import->effect;
	return import->level == PYSCAN_HARD ? GRAPH_STOPS : GRAPH_GOES_ON;
}

/* What is worst first. */
static int row_compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = size_compare(x->import.file, y->import.file);

	if (order == 0)
		order = size_compare(x->number, y->number);
	if (order == 0)
		order = str_cmp(x->import.module, y->import.module);
	if (order == 0)
		order = str_cmp(x->import.name, y->import.name);
	if (order == 0)
		order = effect_rank(&x->import) - effect_rank(&y->import);
	if (order == 0)
		order = size_compare(x->import.level, y->import.level);
	if (order == 0)
		order = size_compare(y->import.problem, x->import.problem);
	return order ? order
		     : size_compare(x->import.uncertain, y->import.uncertain);
}

static bool row_is_same(const struct row *a, const struct row *b)
{
	return a->import.file == b->import.file && a->number == b->number &&
	       str_eq(a->import.module, b->import.module) &&
	       str_eq(a->import.name, b->import.name);
}

static void result_imports(struct walk *walk, struct graph *out)
{
	struct rows rows = ARRAY_EMPTY;

	array_each (struct node *, place, &walk->all) {
		const struct node *node = *place;

		for (size_t i = 0; i < node->edge_count; i++) {
			const struct edge *edge = &node->edges[i];

			if (!edge->import)
				continue;
			rows_add(&rows, walk, node, edge, i);
			for (size_t k = 0; k < edge->implied_count; k++)
				if (edge->implied[k].problem != GRAPH_FINE)
					rows_add(&rows, walk, node,
						 &edge->implied[k], i);
		}
	}
	rows_add_start(&rows, walk);
	array_sort(&rows, row_compare);
	out->imports =
		arena_new_array(walk->arena, struct graph_import, rows.n);
	for (size_t i = 0; i < rows.n; i++)
		if (i == 0 || !row_is_same(&rows.p[i - 1], &rows.p[i]))
			out->imports[out->import_count++] = rows.p[i].import;
	array_release(&rows);
}

/* --- dynamics ----------------------------------------------------------- */

static int dynamic_compare(const void *a, const void *b)
{
	const struct graph_dynamic *x = a, *y = b;
	int order = size_compare(x->file, y->file);

	if (order == 0) /* of one scan: by place */
		order = (x->dynamic > y->dynamic) - (x->dynamic < y->dynamic);
	return order ? order : size_compare(x->level, y->level);
}

static void result_dynamics(struct walk *walk, struct graph *out)
{
	struct {
		struct graph_dynamic *p;
		size_t n, capacity;
	} all = ARRAY_EMPTY;

	array_each (struct node *, place, &walk->all) {
		const struct node *node = *place;

		if (!node->is_reached || !node->scan.scan ||
		    !node->scan.compiles)
			continue;
		for (size_t i = 0; i < node->scan.scan->dynamic_count; i++) {
			const struct pyscan_dynamic *dynamic =
				&node->scan.scan->dynamics[i];

			if (!dynamic->never &&
			    (node->is_main || !dynamic->only_main))
				array_push(&all,
					   (struct graph_dynamic){
						   dynamic,
						   level_weaker(node->level,
								dynamic->level),
						   node->file});
		}
	}
	array_sort(&all, dynamic_compare);
	out->dynamics =
		arena_new_array(walk->arena, struct graph_dynamic, all.n);
	for (size_t i = 0; i < all.n; i++)
		if (i == 0 || all.p[i].dynamic != all.p[i - 1].dynamic)
			out->dynamics[out->dynamic_count++] = all.p[i];
	array_release(&all);
}

/* --- shadows ------------------------------------------------------------ */

static int shadow_compare(const void *a, const void *b)
{
	const struct graph_shadow *x = a, *y = b;
	int order = size_compare(x->file, y->file);

	return order ? order : str_cmp(x->module, y->module);
}

static void result_shadows(struct walk *walk, struct graph *out)
{
	const struct graph_start *start = walk->start;
	bool wins;

	out->shadows = arena_new_array(walk->arena, struct graph_shadow,
				       walk->all.n * 2);
	array_each (struct node *, place, &walk->all) {
		const struct node *node = *place;
		struct graph_shadow shadow = {.file = node->file,
					      .module = node->name,
					      .owner = GRAPH_FIRST_PARTY,
					      .hidden = node->hidden};

		if (!node->is_reached || node == walk->main ||
		    node == walk->site)
			continue;
		if (node->hidden != GRAPH_NO_FILE)
			out->shadows[out->shadow_count++] = shadow;
		shadow.hidden = GRAPH_NO_FILE;
		if (node->parent)
			continue;
		if (start->is_stdlib(start->stdlib_context, node->name, &wins))
			shadow.owner = GRAPH_STDLIB;
		else if (start->is_third_party &&
			 start->is_third_party(start->third_party_context,
					       node->name))
			shadow.owner = GRAPH_THIRD_PARTY;
		else
			continue;
		out->shadows[out->shadow_count++] = shadow;
	}
	if (out->shadow_count > 0)
		qsort(out->shadows, out->shadow_count, sizeof *out->shadows,
		      shadow_compare);
}

void walk_result(struct walk *walk, struct graph *out)
{
	out->entry_file = walk->main ? walk->main->file : GRAPH_NO_FILE;
	out->entry_problem = walk->entry_problem;
	result_files(walk, out);
	result_imports(walk, out);
	result_dynamics(walk, out);
	result_shadows(walk, out);
	out->searched_count = walk->front.n + walk->back.n;
	out->searched =
		arena_new_array(walk->arena, struct str, out->searched_count);
	for (size_t i = 0; i < out->searched_count; i++)
		out->searched[i] = i < walk->front.n
					   ? walk->front.p[i]
					   : walk->back.p[i - walk->front.n];
}
