#include "decisions/graph/walk.h"

/* The start is run twice, once without and once with the imports that are
 * guarded: which of them happen is not known, and they may decide which module
 * of a cycle is first. What both runs show is sure. */
enum { WITHOUT_GUARDED, WITH_GUARDED };

struct frame {
	struct node *node;
	size_t edge;
	size_t step; /* parents of the target, the target, sub, the check */
};

struct order {
	struct walk *walk;
	int mode;
	struct {
		struct frame *p;
		size_t n, capacity;
	} stack; /* imports nest as deeply as the input says */
};

static void order_load(struct order *order, struct node *node)
{
	if (node->kind != NODE_FILE || node->state != NODE_NEW ||
	    !node->is_reached)
		return;
	node->state = NODE_RUNNING;
	array_push(&order->stack, (struct frame){node, 0, 0});
}

static size_t node_depth(const struct node *node)
{
	size_t depth = 0;

	for (; node; node = node->parent)
		depth++;
	return depth;
}

static struct node *node_ancestor(struct node *node, size_t depth,
				  size_t wanted)
{
	for (; depth > wanted + 1; depth--)
		node = node->parent;
	return node;
}

/* Whether a module that is being loaded has bound a name by now. */
static bool is_bound_yet(struct walk *walk, struct node *node, struct str name)
{
	const struct pyscan_import *running = node->running->import;
	struct str first = running->module;
	ptrdiff_t dot = str_find(first, '.');
	uint32_t before = running->line;

	if (dot >= 0)
		first.n = (size_t)dot;
	/* `import a, b`: a is bound while b is loaded. */
	if (running->name.n == 0 && !str_eq(first, name))
		before++;
	return walk_binds(walk, node, name, before) != BINDING_NONE;
}

static void order_load_sub(struct order *order, struct node *node,
			   struct edge *edge)
{
	struct node *target = edge->target;

	if (!edge->sub)
		return;
	if (!edge->loads_sub) {
		if (target->state != NODE_RUNNING || target == node ||
		    is_bound_yet(order->walk, target, edge->import->name))
			return;
		struct late *late = walk_late(order->walk, node, edge->import);

		if (!late->loads_sub[order->mode])
			order->walk->has_changed = true;
		late->loads_sub[order->mode] = true;
	}
	order_load(order, edge->sub);
}

static void order_check(struct order *order, const struct node *node,
			struct edge *edge)
{
	struct node *target = edge->target;
	struct str name = edge->import->name;

	if (target->state != NODE_RUNNING || target == node || name.n == 0)
		return;
	if (str_eq(name, STR("*"))) {
		struct late *late = walk_late(order->walk, node, edge->import);

		if (!late->is_partial)
			order->walk->has_changed = true;
		late->is_partial = true;
	} else if (!edge->sub && edge->problem == GRAPH_FINE &&
		   !is_bound_yet(order->walk, target, name)) {
		edge->is_circular[order->mode] = true;
	}
}

/* One step of the topmost module; its end takes it from the stack. */
static void order_step(struct order *order)
{
	struct frame *frame = &order->stack.p[order->stack.n - 1];
	struct node *node = frame->node;
	enum pyscan_level weakest =
		order->mode == WITH_GUARDED ? PYSCAN_GUARDED : PYSCAN_HARD;

	if (frame->edge == node->edge_count) {
		node->state = NODE_DONE;
		order->stack.n--;
		return;
	}
	struct edge *edge = &node->edges[frame->edge];
	size_t step = frame->step++;
	size_t depth = edge->target ? node_depth(edge->target) : 0;

	node->running = edge;
	if (!edge->target || edge->import->level > weakest) {
		frame->edge++;
		frame->step = 0;
	} else if (step < depth) {
		order_load(order, node_ancestor(edge->target, depth, step));
	} else if (step == depth) {
		order_load_sub(order, node, edge);
	} else {
		order_check(order, node, edge);
		frame->edge++;
		frame->step = 0;
	}
}

static void order_run(struct order *order, struct node *node)
{
	if (!node)
		return;
	order_run(order, node->parent);
	order_load(order, node);
	while (order->stack.n > 0)
		order_step(order);
}

static void edge_conclude(const struct node *node, struct edge *edge)
{
	if (!edge->is_circular[WITHOUT_GUARDED] &&
	    !edge->is_circular[WITH_GUARDED])
		return;
	edge->problem = GRAPH_CIRCULAR;
	if (level_weaker(node->level, edge->import->level) == PYSCAN_HARD)
		edge->uncertain |= !edge->is_circular[WITHOUT_GUARDED] ||
				   !edge->is_circular[WITH_GUARDED];
}

void walk_order(struct walk *walk)
{
	struct order order = {.walk = walk};

	for (int mode = WITHOUT_GUARDED; mode <= WITH_GUARDED; mode++) {
		order.mode = mode;
		array_each (struct node *, node, &walk->all)
			(*node)->state = NODE_NEW;
		if (mode == WITH_GUARDED)
			order_run(&order, walk->site);
		order_run(&order, walk->main);
	}
	array_each (struct node *, node, &walk->all)
		for (size_t i = 0; i < (*node)->edge_count; i++)
			edge_conclude(*node, &(*node)->edges[i]);
	array_release(&order.stack);
}
