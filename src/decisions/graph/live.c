/* live: what a module has at a moment of the order of imports. */
#include "decisions/graph/walk.h"

uint32_t live_line(const struct node *node)
{
	return node->state == NODE_RUNNING && node->running
		       ? node->running->import->line
		       : UINT32_MAX;
}

/* What is asked of a module: what it has by a star is of that moment. */
struct until {
	uint32_t line;
	uint64_t moment;
};

static enum binding has(struct walk *walk, struct node *node, struct str name,
			struct until until, size_t *steps);

/* By `import name` and the like that have happened in this life. */
static bool is_imported(const struct node *node, struct str name,
			uint32_t since, uint32_t before, size_t *steps)
{
	*steps -= *steps < node->edge_count ? *steps : node->edge_count;
	for (size_t i = 0; i < node->edge_count; i++) {
		const struct edge *edge = &node->edges[i];

		if (edge->import && edge->is_done &&
		    edge->import->line >= since &&
		    edge->import->line <= before &&
		    str_eq(edge->import->bound, name))
			return true;
	}
	return false;
}

static enum binding has_by_stars(struct walk *walk, struct node *node,
				 struct str name, struct until until,
				 size_t *steps)
{
	enum binding best = BINDING_NONE;

	for (size_t i = 0; i < node->edge_count; i++) {
		const struct edge *edge = &node->edges[i];

		if (!edge->import || !edge->is_done || !edge->target ||
		    edge->import->line > until.line ||
		    edge->moment > until.moment ||
		    !str_eq(edge->import->name, STR("*")))
			continue;
		enum binding binding = BINDING_UNKNOWN;

		if (edge->target->kind == NODE_FILE) {
			struct graph_scan scan =
				walk_scan(walk, edge->target->file);

			if (scan.scan &&
			    !star_gives(scan.scan, name, edge->before))
				continue;
			binding =
				has(walk, edge->target, name,
				    (struct until){edge->before, edge->moment},
				    steps);
		} else if (edge->target->kind == NODE_FOLDERS) {
			continue;
		}
		if (binding > best)
			best = binding;
	}
	return best;
}

/* What del takes away may be there until then. */
static bool is_deleted(const struct pyscan *scan, struct str name)
{
	for (size_t i = 0; i < scan->deleted_count; i++)
		if (str_eq(scan->deleted[i], name))
			return true;
	return false;
}

static bool is_submodule(struct walk *walk, const struct node *node,
			 struct str name, uint64_t moment)
{
	const struct node *sub =
		map_get(&walk->nodes,
			graph_name_below(&walk->scratch, node->name, name));

	return sub && sub->attribute_of == node->life + 1 &&
	       sub->attribute_at <= moment;
}

static enum binding has(struct walk *walk, struct node *node, struct str name,
			struct until until, size_t *steps)
{
	uint32_t before = until.line;

	if (node->query == walk->query)
		return BINDING_NONE;
	node->query = walk->query;
	*steps -= *steps > 0;
	if (node->kind == NODE_STDLIB || node->kind == NODE_THIRD_PARTY)
		return BINDING_SURE;
	if (is_submodule(walk, node, name, until.moment))
		return BINDING_SURE;
	if (node->kind != NODE_FILE)
		return BINDING_NONE;
	const struct pyscan *scan = node->scan.scan;

	if (!scan || !node->scan.compiles || node->scan.is_binary)
		return BINDING_WEAK;
	const struct pyscan_name *known = scan_name(scan, name);

	if (known && known->plain_line && known->plain_line < before)
		return BINDING_SURE;
	if (known && is_imported(node, name, known->line, before, steps))
		return BINDING_SURE;
	enum binding binding = has_by_stars(walk, node, name, until, steps);

	if (binding != BINDING_NONE)
		return binding;
	const struct pyscan_name *getattr =
		scan->has_getattr ? scan_name(scan, STR("__getattr__")) : NULL;

	return (scan->has_getattr && !(getattr && getattr->line >= before)) ||
			       scan->has_dynamic_names ||
			       (before != UINT32_MAX && is_deleted(scan, name))
		       ? BINDING_UNKNOWN
		       : BINDING_NONE;
}

enum binding live_has(struct walk *walk, struct node *node, struct str name,
		      size_t *steps)
{
	if (name_is_given(name))
		return BINDING_SURE;
	walk->query++;
	return has(walk, node, name,
		   (struct until){live_line(node), UINT64_MAX}, steps);
}
