/* order: the imports of a start, one after the other, as CPython runs them.
 *
 * A module that is begun is a frame; in it, each try that is open. An import
 * that fails is thrown through them as an exception is. Where nothing catches
 * it, the start would end: that is noted, and the run goes on as if it had not
 * failed, so that all of them are found. The start is run twice: what is
 * uncertain fails in one run and not in the other.
 */
#include "decisions/graph/walk.h"

enum { UNKNOWN_FAILS, UNKNOWN_WORKS };

/* Bounds what modules that fail again and again cost. */
enum { MAX_STEPS = 20000000 };

enum try_state { IN_BODY, IN_HANDLER, IN_ELSE, IN_FINALLY };

struct flight {
	unsigned error;	    /* one of enum pyscan_error */
	struct edge *blame; /* the import that failed */
	struct node *file;  /* or the file that does not compile */
};

struct open_try {
	enum try_state state;
	bool is_pending; /* caught goes on behind the finally clause */
	struct flight caught;
};

struct frame {
	struct node *node;
	size_t at;    /* step of the scan */
	size_t part;  /* of an import: parents of the target, the target ... */
	size_t tries; /* how many were open when it began */
};

struct order {
	struct walk *walk;
	int mode;
	unsigned root_catches; /* what site does */
	size_t steps;	       /* that are left */
	struct {
		struct frame *p;
		size_t n, capacity;
	} stack; /* imports nest as deeply as the input says */
	struct {
		struct open_try *p;
		size_t n, capacity;
	} tries;
};

/* --- the clauses of a try ----------------------------------------------- */

/* The next clause, or the end, of the try that is open at a step. */
static size_t clause_next(struct order *order, const struct pyscan *scan,
			  size_t at)
{
	for (size_t depth = 0; at < scan->step_count; at++) {
		order->steps -= order->steps > 0;
		switch (scan->steps[at].flow) {
		case PYSCAN_TRY:
			depth++;
			break;
		case PYSCAN_EXCEPT:
		case PYSCAN_ELSE:
		case PYSCAN_FINALLY:
			if (depth == 0)
				return at;
			break;
		case PYSCAN_END:
			if (depth-- == 0)
				return at;
			break;
		case PYSCAN_RUN:
		case PYSCAN_RAISE:
			break;
		}
	}
	return at;
}

static enum pyscan_flow flow_at(const struct pyscan *scan, size_t at)
{
	return at < scan->step_count ? scan->steps[at].flow : PYSCAN_END;
}

/* From a clause on, the first that is no handler; with_else: or no else. */
static size_t clauses_skip(struct order *order, const struct pyscan *scan,
			   size_t at, bool with_else)
{
	while (flow_at(scan, at) == PYSCAN_EXCEPT ||
	       (with_else && flow_at(scan, at) == PYSCAN_ELSE))
		at = clause_next(order, scan, at + 1);
	return at;
}

/* The handler, of those from a clause on, that catches; or another clause. */
static size_t handler_find(struct order *order, const struct pyscan *scan,
			   size_t at, unsigned error)
{
	while (flow_at(scan, at) == PYSCAN_EXCEPT &&
	       !(scan->steps[at].value & error))
		at = clause_next(order, scan, at + 1);
	return at;
}

static struct open_try *try_top(struct order *order, const struct frame *frame)
{
	return order->tries.n > frame->tries
		       ? &order->tries.p[order->tries.n - 1]
		       : NULL;
}

/* Whether anything catches an error for good. */
static bool is_caught(struct order *order, unsigned error)
{
	size_t open = order->tries.n;

	for (size_t f = order->stack.n; f-- > 0;) {
		const struct frame *frame = &order->stack.p[f];
		const struct pyscan *scan = frame->node->scan.scan;
		size_t at = frame->at;

		for (; open > frame->tries; open--) {
			const struct open_try *try = &order->tries.p[open - 1];

			at = clause_next(order, scan, at);
			if (try->state == IN_BODY)
				at = handler_find(order, scan, at, error);
			if (try->state == IN_BODY &&
			    flow_at(scan, at) == PYSCAN_EXCEPT) {
				size_t end = clause_next(order, scan, at + 1);

				if (flow_at(scan, end - 1) != PYSCAN_RAISE)
					return true;
				if (scan->steps[end - 1].value)
					error = scan->steps[end - 1].value;
				at = end;
			}
			while (flow_at(scan, at) != PYSCAN_END)
				at = clause_next(order, scan, at + 1);
			at++;
		}
	}
	return (order->root_catches & error) != 0;
}

/* --- exceptions --------------------------------------------------------- */

/* Lets the topmost module handle an error that came up at its step; false where
 * it leaves the module. */
static bool frame_catch(struct order *order, struct frame *frame,
			const struct flight *flight)
{
	const struct pyscan *scan = frame->node->scan.scan;
	struct open_try *try;
	size_t at = frame->at;

	while ((try = try_top(order, frame))) {
		at = clause_next(order, scan, at);
		if (try->state == IN_BODY)
			at = handler_find(order, scan, at, flight->error);
		if (try->state == IN_BODY &&
		    flow_at(scan, at) == PYSCAN_EXCEPT) {
			try->state = IN_HANDLER;
		} else {
			at = clauses_skip(order, scan, at, true);
			if (flow_at(scan, at) != PYSCAN_FINALLY) {
				order->tries.n--;
				at++;
				continue;
			}
			try->state = IN_FINALLY;
			try->is_pending = true;
		}
		try->caught = *flight;
		frame->at = at + 1;
		frame->part = 0;
		return true;
	}
	return false;
}

/* False where nothing catches it: then the run goes on. */
static bool throw(struct order * order, struct flight flight)
{
	if (!is_caught(order, flight.error)) {
		if (flight.file)
			flight.file->stops[order->mode] = true;
		else
			flight.blame->stops[order->mode] = true;
		return false;
	}
	while (order->stack.n > 0) {
		struct frame *frame = &order->stack.p[order->stack.n - 1];

		if (frame_catch(order, frame, &flight))
			break;
		frame->node->state = NODE_NEW; /* out of sys.modules */
		order->stack.n--;
	}
	return true;
}

/* True where the import under way fails, so that it is left. */
static bool fail(struct order *order, struct edge *edge, unsigned error,
		 bool is_unknown)
{
	if (is_unknown && order->mode == UNKNOWN_WORKS)
		return false;
	edge->fails[order->mode] = true;
	return throw(order, (struct flight){.error = error, .blame = edge});
}

/* --- an import ---------------------------------------------------------- */

static bool is_loaded(const struct node *node)
{
	return node->kind == NODE_FILE && node->state != NODE_NEW;
}

static void begin(struct order *order, struct node *node)
{
	node->state = NODE_RUNNING;
	node->ran[order->mode] = true;
	node->running = NULL;
	node->life++;
	for (size_t i = 0; i < node->edge_count; i++)
		node->edges[i].is_done = false;
	array_push(&order->stack, (struct frame){node, 0, 0, order->tries.n});
}

static void load(struct order *order, struct node *node, struct edge *edge)
{
	if (node->kind != NODE_FILE || node->state != NODE_NEW ||
	    !node->is_reached)
		return;
	if (node->uncertain &&
	    fail(order, edge, PYSCAN_NOT_FOUND, node->uncertain))
		return;
	if (node->scan.scan && node->scan.compiles) {
		begin(order, node);
		return;
	}
	struct flight flight = {PYSCAN_SYNTAX_ERROR, edge, node};

	node->ran[order->mode] = true;
	if (!throw(order, flight))
		node->state = NODE_DONE;
}

static bool is_missing(const struct order *order, struct str module,
		       struct str name)
{
	const struct graph_start *start = order->walk->start;

	return start->is_missing &&
	       start->is_missing(start->missing_context, module, name);
}

/* One of the modules that `import a.b.c` loads, the target last. */
static void load_part(struct order *order, struct edge *edge, struct node *node)
{
	if (node->kind == NODE_NOTHING)
		fail(order, edge, PYSCAN_NOT_FOUND, node->uncertain);
	else if (node->kind == NODE_THIRD_PARTY && node == edge->target &&
		 is_missing(order, node->name,
			    node->is_below_folders && !edge->is_implied
				    ? edge->import->name
				    : STR_EMPTY))
		fail(order, edge, PYSCAN_NOT_FOUND, false);
	else
		load(order, node, edge);
}

static void load_sub(struct order *order, struct node *node, struct edge *edge)
{
	if (!edge->sub)
		return;
	enum binding binding = live_has(order->walk, edge->target,
					edge->import->name, &order->steps);

	if (binding == BINDING_SURE ||
	    (binding == BINDING_UNKNOWN && order->mode == UNKNOWN_WORKS))
		return;
	if (!edge->loads_sub) {
		struct late *late = walk_late(order->walk, node, edge);

		if (!late->loads_sub[order->mode])
			order->walk->has_changed = true;
		late->loads_sub[order->mode] = true;
	}
	load(order, edge->sub, edge);
}

/* Whether the name of `from target import name` is there in the end. */
static void check_name(struct order *order, struct edge *edge)
{
	struct node *target = edge->target;
	unsigned error =
		edge->is_implied ? PYSCAN_ATTRIBUTE_ERROR : PYSCAN_IMPORT_ERROR;

	if (edge->sub &&
	    (edge->sub->kind == NODE_FOLDERS || edge->sub->state != NODE_NEW))
		return;
	if (target->is_open) {
		if (is_missing(order, target->name, edge->import->name))
			fail(order, edge, error, false);
		return;
	}
	enum binding binding = live_has(order->walk, target, edge->import->name,
					&order->steps);

	if (binding == BINDING_SURE || binding == BINDING_WEAK)
		return;
	if (target->state == NODE_RUNNING && binding == BINDING_NONE)
		edge->is_circular = true;
	fail(order, edge, error,
	     binding == BINDING_UNKNOWN || (edge->sub && edge->sub->uncertain));
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

/* What is in sys.modules is found there, whatever became of its packages;
 * without `from`, the first of them is loaded all the same. */
static bool part_is_skipped(const struct edge *edge, size_t depth, size_t part)
{
	const struct node *node = edge->target;

	if (part == 0 && edge->import->name.n == 0 && !edge->import->by_call)
		return false;
	for (; depth > part + 1 && !is_loaded(node); depth--)
		node = node->parent;
	return depth > part + 1;
}

static void import_end(struct order *order, struct frame *frame,
		       struct edge *edge)
{
	edge->is_done = true;
	if (edge->target)
		edge->before = live_line(edge->target);
	edge->moment = ++order->walk->moment;
	frame->at++;
	frame->part = 0;
}

/* What a relative import without, or beyond, a package raises. */
static unsigned parent_error(const struct walk *walk, const struct node *node,
			     const struct pyscan_import *import)
{
	if (node->package.n == 0)
		return import->by_call ? PYSCAN_TYPE_ERROR
				       : PYSCAN_IMPORT_ERROR;
	return walk->start->minor < 9 ? PYSCAN_VALUE_ERROR
				      : PYSCAN_IMPORT_ERROR;
}

/* One part of an import: what it loads in turn, and whether the names are
 * there. */
static void import_step(struct order *order, struct frame *frame,
			struct edge *edge)
{
	struct node *node = frame->node, *target = edge->target;
	size_t depth = target ? node_depth(target) : 0;
	bool is_star = str_eq(edge->import->name, STR("*"));

	node->running = edge;
	edge->ran[order->mode] = true;
	if (!target) {
		if (!fail(order, edge,
			  parent_error(order->walk, node, edge->import), false))
			import_end(order, frame, edge);
		return;
	}
	size_t part = frame->part++;

	if (part < depth) {
		if (!part_is_skipped(edge, depth, part))
			load_part(order, edge,
				  node_ancestor(target, depth, part));
		return;
	}
	part -= depth;
	if (is_star && part / 2 < edge->implied_count &&
	    star_has_all(target->scan.scan, live_line(target))) {
		edge = &edge->implied[part / 2];
		edge->ran[order->mode] = true;
	} else if (is_star || edge->import->name.n == 0 || part > 1) {
		import_end(order, frame, edge);
		return;
	}
	if (target->kind != NODE_FILE && target->kind != NODE_FOLDERS)
		return;
	if (part % 2 == 0)
		load_sub(order, node, edge);
	else
		check_name(order, edge);
}

/* --- a module ----------------------------------------------------------- */

static void module_end(struct order *order, struct node *node)
{
	node->state = NODE_DONE;
	if (node->parent && !node->is_main) {
		node->attribute_of = node->parent->life + 1;
		node->attribute_at = ++order->walk->moment;
	}
	order->stack.n--;
}

static void try_end(struct order *order, struct frame *frame)
{
	struct open_try *try = try_top(order, frame);

	frame->at++;
	if (!try)
		return;
	struct open_try ended = *try;

	order->tries.n--;
	if (ended.is_pending)
		throw(order, ended.caught);
}

/* A handler ends by raising. */
static void raise_again(struct order *order, struct frame *frame,
			unsigned error)
{
	const struct open_try *try = try_top(order, frame);

	if (try) {
		struct flight flight = try->caught;

		flight.error = error ? error : flight.error;
		if (throw(order, flight))
			return;
	}
	frame->at++;
}

/* A clause is reached from the one before it. */
static void clause_reached(struct order *order, struct frame *frame,
			   enum pyscan_flow flow)
{
	const struct pyscan *scan = frame->node->scan.scan;
	struct open_try *try = try_top(order, frame);
	bool is_handled = try && try->state == IN_HANDLER;

	if (!try) {
		frame->at++;
	} else if (flow == PYSCAN_FINALLY) {
		try->state = IN_FINALLY;
		frame->at++;
	} else if (flow == PYSCAN_ELSE && !is_handled) {
		try->state = IN_ELSE;
		frame->at++;
	} else {
		frame->at = clauses_skip(order, scan, frame->at, is_handled);
	}
}

static void order_step(struct order *order)
{
	struct frame *frame = &order->stack.p[order->stack.n - 1];
	const struct pyscan *scan = frame->node->scan.scan;

	order->steps -= order->steps > 0;
	if (frame->at >= scan->step_count) {
		module_end(order, frame->node);
		return;
	}
	struct pyscan_step step = scan->steps[frame->at];

	switch (step.flow) {
	case PYSCAN_RUN:
		if (frame->node->edges[step.value].import)
			import_step(order, frame,
				    &frame->node->edges[step.value]);
		else
			frame->at++;
		break;
	case PYSCAN_TRY:
		array_push(&order->tries, (struct open_try){.state = IN_BODY});
		frame->at++;
		break;
	case PYSCAN_EXCEPT:
	case PYSCAN_ELSE:
	case PYSCAN_FINALLY:
		clause_reached(order, frame, step.flow);
		break;
	case PYSCAN_RAISE:
		raise_again(order, frame, step.value);
		break;
	case PYSCAN_END:
		try_end(order, frame);
		break;
	}
}

static void order_run(struct order *order, struct node *node)
{
	struct edge start = {.import = NULL};

	if (!node)
		return;
	order_run(order, node->parent);
	load(order, node, &start);
	while (order->stack.n > 0 && order->steps > 0)
		order_step(order);
}

/* --- what both runs showed ---------------------------------------------- */

static void edge_conclude(struct edge *edge)
{
	bool has_failed = edge->fails[0] || edge->fails[1];

	if (has_failed && edge->problem == GRAPH_FINE && edge->target &&
	    edge->target->kind == NODE_FILE && edge->import->name.n > 0) {
		edge->problem =
			edge->is_circular ? GRAPH_CIRCULAR : GRAPH_NO_NAME;
		edge->uncertain |= !edge->fails[UNKNOWN_WORKS];
	} else if (!has_failed && edge->ran[0] && edge->ran[1] &&
		   edge->problem == GRAPH_NO_NAME) {
		edge->problem = GRAPH_FINE;
		edge->uncertain = false;
	}
}

static void walk_conclude(struct walk *walk)
{
	array_each (struct node *, node, &walk->all)
		for (size_t i = 0; i < (*node)->edge_count; i++) {
			struct edge *edge = &(*node)->edges[i];

			if (edge->import)
				edge_conclude(edge);
			for (size_t k = 0; k < edge->implied_count; k++)
				edge_conclude(&edge->implied[k]);
		}
}

void walk_order(struct walk *walk)
{
	struct order order = {.walk = walk, .steps = MAX_STEPS};

	for (int mode = UNKNOWN_FAILS; mode <= UNKNOWN_WORKS; mode++) {
		order.mode = mode;
		array_each (struct node *, node, &walk->all) {
			(*node)->state = NODE_NEW;
			(*node)->attribute_of = 0;
		}
		order.root_catches = PYSCAN_EXIT - 1;
		order_run(&order, walk->site);
		order.root_catches = 0;
		if (walk->main)
			order_run(&order, walk->main);
		else if (walk->start_edge.target) /* -m of what is not there */
			order_run(&order, walk->start_edge.target->parent);
	}
	walk->is_cut = order.steps == 0;
	if (!walk->is_cut)
		walk_conclude(walk);
	array_release(&order.stack);
	array_release(&order.tries);
}
