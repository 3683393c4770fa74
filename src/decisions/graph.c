#include "decisions/graph.h"

#include <stdlib.h>

#include "base/error.h"
#include "decisions/graph/walk.h"

/* Each round but the last found a folder for sys.path, or a submodule that a
 * cycle loads; a fleet needs two or three. */
enum { MAX_ROUNDS = 32 };

struct graph_scan walk_scan(struct walk *walk, size_t file)
{
	if (walk->is_asked[file] || walk->error)
		return walk->scans[file];
	walk->is_asked[file] = true;
	if (walk->start->need(walk->start->need_context, file,
			      &walk->scans[file], &walk->error) != 0) {
		walk->scans[file] = (struct graph_scan){.scan = NULL};
		walk->has_failed = true;
	}
	return walk->scans[file];
}

struct late *walk_late(struct walk *walk, const struct node *node,
		       const struct edge *edge)
{
	struct str name = edge->import->name;
	uint32_t place[] = {edge->import->line, edge->import->column};
	size_t n = sizeof place + node->name.n + 1 + name.n;
	char *p = arena_alloc(&walk->scratch, n, 1);
	struct str key = str_of(p, n);

	memcpy(p, place, sizeof place);
	memcpy(p + sizeof place, node->name.p, node->name.n);
	/* A zero byte, which no name has, stays between the two. */
	memcpy(p + n - name.n, name.p, name.n);
	struct late *late = map_get(&walk->late, key);

	if (!late) {
		late = arena_new(walk->arena, struct late);
		map_set(&walk->late, key, late);
	}
	return late;
}

void walk_reach(struct walk *walk, struct node *node, enum pyscan_level level,
		const struct node *from, uint32_t line)
{
	if (node->kind != NODE_FILE ||
	    (node->is_reached && node->level <= level))
		return;
	node->is_reached = true;
	node->level = level;
	node->from_file = from ? from->file : GRAPH_NO_FILE;
	node->from_line = line;
	array_push(&walk->waiting[level], node);
}

void walk_reach_chain(struct walk *walk, struct node *node,
		      enum pyscan_level level, const struct node *from,
		      uint32_t line)
{
	for (; node; node = node->parent)
		walk_reach(walk, node, level, from, line);
}

/* How surely `from target import sub` loads sub, where target may have an
 * attribute of that name instead. */
static bool sub_level(enum binding binding, const struct late *late,
		      enum pyscan_level *level)
{
	if (binding == BINDING_NONE || binding == BINDING_UNKNOWN)
		return true;
	if (binding == BINDING_SURE && !late->loads_sub[0] &&
	    !late->loads_sub[1])
		return false;
	if (!late->loads_sub[0] || !late->loads_sub[1])
		*level = level_weaker(*level, PYSCAN_GUARDED);
	return true;
}

static void edge_take_name(struct walk *walk, struct node *node,
			   struct edge *edge)
{
	const struct pyscan_import *import = edge->import;
	struct node *target = edge->target, *sub = NULL;
	enum pyscan_level level = level_weaker(node->level, import->level);
	/* A package may import from itself: only what stands above counts. */
	enum binding binding =
		walk_binds(walk, target, import->name,
			   target == node ? import->line : UINT32_MAX);

	if (target->is_package || target->kind == NODE_FOLDERS)
		sub = walk_resolve(walk, graph_name_below(&walk->scratch,
							  target->name,
							  import->name));
	if (sub && (sub->kind == NODE_FILE || sub->kind == NODE_FOLDERS)) {
		edge->sub = sub;
		edge->loads_sub =
			sub_level(binding, walk_late(walk, node, edge), &level);
		if (edge->loads_sub)
			walk_reach(walk, sub, level, node, import->line);
		return;
	}
	if (binding == BINDING_SURE || binding == BINDING_WEAK ||
	    target->is_open)
		return;
	edge->problem = GRAPH_NO_NAME;
	edge->uncertain |=
		binding == BINDING_UNKNOWN || (sub && sub->uncertain);
}

static void edge_make(struct walk *walk, struct node *node,
		      const struct pyscan_import *import, struct edge *edge)
{
	edge->import = import;
	if (!walk_absolute(walk, node, import, &edge->module)) {
		edge->problem = GRAPH_NO_PARENT;
		return;
	}
	edge->target = walk_resolve(walk, edge->module);
	edge->uncertain = edge->target->uncertain;
	walk_reach_chain(walk, edge->target,
			 level_weaker(node->level, import->level), node,
			 import->line);
	if (edge->target->kind == NODE_NOTHING)
		edge->problem = edge->target->is_below_file ? GRAPH_NOT_PACKAGE
							    : GRAPH_NO_MODULE;
	else if (import->name.n > 0 && !str_eq(import->name, STR("*")) &&
		 (edge->target->kind == NODE_FILE ||
		  edge->target->kind == NODE_FOLDERS))
		edge_take_name(walk, node, edge);
}

/* `from target import *` takes what __all__ names, modules too. */
static void edge_imply(struct walk *walk, struct node *node, struct edge *star)
{
	const struct node *target = star->target;
	struct graph_scan known;

	if (!target || target->kind != NODE_FILE || target == node)
		return;
	known = walk_scan(walk, target->file);
	if (!known.scan || !known.compiles || known.scan->all_count == 0)
		return;
	size_t n = known.scan->all_count;
	struct pyscan_import *imports =
		arena_new_array(walk->arena, struct pyscan_import, n);

	star->implied = arena_new_array(&walk->scratch, struct edge, n);
	for (size_t i = 0; i < n; i++) {
		struct edge *edge = &star->implied[star->implied_count++];

		imports[i] = *star->import;
		imports[i].name = known.scan->all[i];
		*edge = (struct edge){.import = &imports[i],
				      .module = star->module,
				      .target = star->target,
				      .uncertain = star->uncertain,
				      .is_implied = true};
		edge_take_name(walk, node, edge);
	}
}

static void node_expand(struct walk *walk, struct node *node)
{
	node->scan = walk_scan(walk, node->file);
	if (!node->scan.scan || !node->scan.compiles)
		return;
	const struct pyscan *scan = node->scan.scan;

	node->edges = arena_new_array(&walk->scratch, struct edge,
				      scan->import_count);
	node->edge_count = scan->import_count;
	for (size_t i = 0; i < scan->import_count; i++) {
		const struct pyscan_import *import = &scan->imports[i];

		if (import->never || (import->only_main && !node->is_main))
			continue;
		edge_make(walk, node, import, &node->edges[i]);
		if (str_eq(import->name, STR("*")))
			edge_imply(walk, node, &node->edges[i]);
	}
}

/* Strongest first: what is taken has its final level. */
static void walk_drain(struct walk *walk)
{
	for (size_t level = PYSCAN_HARD; level <= PYSCAN_TYPING; level++)
		for (size_t i = 0; i < walk->waiting[level].n; i++) {
			struct node *node = walk->waiting[level].p[i];

			if (node->level == (enum pyscan_level)level &&
			    !node->edges)
				node_expand(walk, node);
		}
}

/* --- sys.path ----------------------------------------------------------- */

static bool is_searched(const struct folders *folders, struct str folder)
{
	for (size_t i = 0; i < folders->n; i++)
		if (str_eq(folders->p[i], folder))
			return true;
	return false;
}

static void search_add(struct folders *folders, bool *is_lazy,
		       struct str folder, bool lazy)
{
	is_lazy[folders->n] = lazy;
	folders->p[folders->n++] = folder;
}

/* The folder that Python itself puts first; false where it lies outside. */
static bool first_folder(const struct walk *walk, struct str *folder)
{
	const struct graph_start *start = walk->start;

	if (start->is_module) {
		*folder = start->workdir;
		return start->has_workdir;
	}
	*folder = graph_tree_find(walk->tree, start->entry) == GRAPH_NO_FILE
			  ? start->entry
			  : graph_folder_of(start->entry);
	return true;
}

/* What a function adds comes last: when it runs is not known. */
static void search_make(struct walk *walk)
{
	const struct graph_start *start = walk->start;
	size_t most = walk->edits.n + start->python_path_count + 1;
	struct str folder;

	walk->front = (struct folders){
		arena_new_array(&walk->scratch, struct str, most), 0};
	walk->back = (struct folders){
		arena_new_array(&walk->scratch, struct str, most), 0};
	walk->front_is_lazy = arena_new_array(&walk->scratch, bool, most);
	walk->back_is_lazy = arena_new_array(&walk->scratch, bool, most);
	for (size_t i = walk->edits.n; i-- > 0;)
		if (walk->edits.p[i].in_front && !walk->edits.p[i].is_lazy)
			search_add(&walk->front, walk->front_is_lazy,
				   walk->edits.p[i].folder, false);
	if (first_folder(walk, &folder))
		search_add(&walk->front, walk->front_is_lazy, folder, false);
	for (size_t i = 0; i < start->python_path_count; i++)
		search_add(&walk->front, walk->front_is_lazy,
			   start->python_path[i], false);
	array_each (struct edit, edit, &walk->edits) {
		if (is_searched(&walk->front, edit->folder))
			continue;
		if (edit->in_front)
			search_add(&walk->front, walk->front_is_lazy,
				   edit->folder, edit->is_lazy);
		else
			search_add(&walk->back, walk->back_is_lazy,
				   edit->folder, edit->is_lazy);
	}
}

static void edit_add(struct walk *walk, struct edit edit)
{
	array_each (struct edit, old, &walk->edits) {
		if (!str_eq(old->folder, edit.folder) ||
		    old->in_front != edit.in_front)
			continue;
		if (old->is_lazy && !edit.is_lazy) {
			old->is_lazy = false;
			walk->has_changed = true;
		}
		return;
	}
	if (walk->edits.n == GRAPH_MAX_EDITS ||
	    !graph_tree_has_folder(walk->tree, edit.folder))
		return;
	array_push(&walk->edits, edit);
	walk->has_changed = true;
}

/* The folder that an edit names, relative to the root; false where it lies
 * outside, and so has nothing of the source. */
static bool edit_folder(const struct walk *walk, const struct node *node,
			const struct pyscan_path *path, struct str *folder)
{
	const struct graph_start *start = walk->start;
	struct str base = STR_EMPTY, tail = path->folder;

	switch (path->anchor) {
	case PYSCAN_BY_FILE:
		base = graph_folder_of(graph_tree_path(walk->tree, node->file));
		break;
	case PYSCAN_BY_WORKDIR:
		if (!start->has_workdir)
			return false;
		base = start->workdir;
		break;
	case PYSCAN_BY_ROOT:
		if (start->root.n == 0 || !str_eat(&tail, start->root) ||
		    (tail.n > 0 && tail.p[0] != '/'))
			return false;
		break;
	}
	return graph_path_join(walk->arena, base, tail, folder);
}

static void edits_collect_from(struct walk *walk, const struct node *node)
{
	const struct pyscan *scan = node->scan.scan;

	for (size_t i = 0; i < scan->path_count; i++) {
		const struct pyscan_path *path = &scan->paths[i];
		enum pyscan_level level =
			level_weaker(node->level, path->level);
		struct edit edit = {.in_front = path->in_front,
				    .is_lazy = level == PYSCAN_LAZY};

		if (level < PYSCAN_TYPING && !path->never &&
		    (node->is_main || !path->only_main) &&
		    edit_folder(walk, node, path, &edit.folder))
			edit_add(walk, edit);
	}
}

static void edits_collect(struct walk *walk)
{
	array_each (struct node *, node, &walk->all)
		if ((*node)->is_reached && (*node)->scan.scan &&
		    (*node)->scan.compiles)
			edits_collect_from(walk, *node);
}

/* --- the whole ---------------------------------------------------------- */

static void round_run(struct walk *walk)
{
	arena_release(&walk->scratch);
	map_release(&walk->nodes);
	walk->nodes = (struct map)MAP_EMPTY;
	walk->all.n = 0;
	for (size_t level = PYSCAN_HARD; level <= PYSCAN_TYPING; level++)
		walk->waiting[level].n = 0;
	walk->has_changed = false;
	walk->main = walk->site = NULL;
	walk->start_edge = (struct edge){0};
	walk->entry_problem = GRAPH_FINE;
	search_make(walk);
	walk_begin(walk);
	walk_drain(walk);
	walk_order(walk);
	edits_collect(walk);
}

static void walk_release(struct walk *walk)
{
	arena_release(&walk->scratch);
	map_release(&walk->late);
	map_release(&walk->nodes);
	array_release(&walk->edits);
	array_release(&walk->all);
	for (size_t level = PYSCAN_HARD; level <= PYSCAN_TYPING; level++)
		array_release(&walk->waiting[level]);
	free(walk->scans);
	free(walk->is_asked);
}

int graph_walk(const struct graph_tree *tree, const struct graph_start *start,
	       struct arena *arena, struct graph *out, struct error **err)
{
	size_t n = graph_tree_count(tree);
	struct walk walk = {
		.tree = tree,
		.start = start,
		.arena = arena,
		.scratch = ARENA_EMPTY,
		.scans = mem_zalloc(n, sizeof *walk.scans),
		.is_asked = mem_zalloc(n, sizeof *walk.is_asked),
		.late = MAP_EMPTY,
		.nodes = MAP_EMPTY,
	};
	int round = 0, result = 0;

	do
		round_run(&walk);
	while (walk.has_changed && !walk.has_failed && ++round < MAX_ROUNDS);
	*out = (struct graph){.entry_file = GRAPH_NO_FILE};
	if (walk.has_failed)
		result = err_pass(err, walk.error);
	else
		walk_result(&walk, out);
	walk_release(&walk);
	return result;
}

const struct graph_reached *graph_file(const struct graph *graph, size_t file)
{
	size_t low = 0, high = graph->file_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (graph->files[middle].file < file)
			low = middle + 1;
		else
			high = middle;
	}
	return low < graph->file_count && graph->files[low].file == file
		       ? &graph->files[low]
		       : NULL;
}

const char *graph_owner_text(enum graph_owner owner)
{
	static const char *const texts[] = {"first-party", "stdlib",
					    "third-party", "nothing"};

	return texts[owner];
}
