/* The last plan: who stands where already. */
#include <stdlib.h>

#include "base/array.h"
#include "decisions/plan/plan_private.h"

struct node {
	ptrdiff_t parent, child, next; /* numbers of nodes; the child made
					* last is first */
	ptrdiff_t layer;
	size_t *parts;
	size_t part_count;
	uint64_t bytes;
	unsigned depth;
	bool is_dead; /* of parts that are gone, or on such a node */
	bool is_live; /* a service still stands on it */
	bool is_small;
};

struct recall {
	struct planner *planner;
	struct node *nodes;
	size_t n;
	struct map ends;     /* name of a service to its node + 1 */
	ptrdiff_t roots;     /* the first of them */
	struct rest *rest;   /* of the service that is looked at */
	uint64_t heavy_left; /* bytes of its free heavy parts not yet placed */
};

/* -- the nodes -- */

static void read_parts(struct recall *recall, struct node *node,
		       const struct lock_node *from, const struct map *numbers)
{
	struct planner *planner = recall->planner;

	planner->stamp++;
	node->part_count = from->parts.n;
	node->parts = arena_new_array(planner->arena, size_t, from->parts.n);
	node->is_dead = from->parts.n == 0;
	node->is_small = true;
	for (size_t i = 0; i < from->parts.n && !node->is_dead; i++) {
		size_t part =
			(size_t)(uintptr_t)map_get(numbers, from->parts.p[i]);

		/* Gone, or named twice. */
		node->is_dead = part == 0 ||
				planner->stamps[part - 1] == planner->stamp;
		if (node->is_dead)
			break;
		planner->stamps[part - 1] = planner->stamp;
		node->parts[i] = part - 1;
		node->bytes += planner->parts[part - 1].bytes;
		node->is_small &= plan_is_small(planner, (uint32_t)part - 1);
	}
}

/* True for a node of an older plan, in which these lay low: what stood on it
 * stands on what was below it. */
static bool is_init(const struct plan_input *input, const struct map *numbers,
		    const struct lock_node *from)
{
	size_t part =
		from->parts.n == 1
			? (size_t)(uintptr_t)map_get(numbers, from->parts.p[0])
			: 0;

	return part && input->parts[part - 1].kind == PLAN_INIT;
}

static void add_ends(struct recall *recall, const struct lock_node *from,
		     size_t number)
{
	for (size_t i = 0; i < from->services.n; i++)
		map_set(&recall->ends, from->services.p[i],
			(void *)(uintptr_t)number);
}

static void read_nodes(struct recall *recall)
{
	const struct plan_options *options = &recall->planner->options;
	const struct plan_input *input = recall->planner->input;
	auto_map struct map parts = MAP_EMPTY, ids = MAP_EMPTY;

	for (size_t i = 0; i < input->part_count; i++)
		if (input->parts[i].kind != PLAN_SOURCE)
			map_set(&parts, input->parts[i].id,
				(void *)(uintptr_t)(i + 1));
	for (size_t i = 0; i < recall->n; i++) {
		const struct lock_node *from = &options->memory[i];
		struct node *node = &recall->nodes[i];
		size_t parent = (size_t)(uintptr_t)map_get(&ids, from->parent);

		if (is_init(input, &parts, from)) {
			map_set(&ids, from->id, (void *)(uintptr_t)parent);
			add_ends(recall, from, parent);
			continue;
		}
		node->parent = (ptrdiff_t)parent - 1;
		node->layer = PLAN_NONE;
		read_parts(recall, node, from, &parts);
		node->is_dead |= parent ? recall->nodes[parent - 1].is_dead
					: from->parent.n > 0;
		node->depth = parent ? recall->nodes[parent - 1].depth + 1 : 0;
		ptrdiff_t *list = parent ? &recall->nodes[parent - 1].child
					 : &recall->roots;

		node->child = PLAN_NONE;
		node->next = *list;
		*list = (ptrdiff_t)i;
		map_set(&ids, from->id, (void *)(uintptr_t)(i + 1));
		add_ends(recall, from, i + 1);
	}
}

/* -- one service -- */

static bool is_heavy_free(const struct planner *planner, size_t part)
{
	return planner->blocks[part] == BLOCK_FREE &&
	       !plan_is_small(planner, (uint32_t)part);
}

/* Makes a service the one that is looked at, with nothing placed. */
static void begin(struct recall *recall, size_t service)
{
	struct planner *planner = recall->planner;

	recall->rest = &planner->rests[service];
	recall->heavy_left = 0;
	planner->stamp++;
	for (size_t i = 0; i < recall->rest->n; i++) {
		const struct want *want = &recall->rest->p[i];

		planner->stamps[want->part] = planner->stamp;
		planner->blocks[want->part] = want->block;
		if (is_heavy_free(planner, want->part))
			recall->heavy_left += planner->parts[want->part].bytes;
	}
}

static void place(struct recall *recall, const struct node *node,
		  bool is_placed)
{
	struct planner *planner = recall->planner;

	for (size_t i = 0; i < node->part_count; i++) {
		size_t part = node->parts[i];

		planner->stamps[part] = is_placed ? 0 : planner->stamp;
		if (!is_heavy_free(planner, part))
			continue;
		if (is_placed)
			recall->heavy_left -= planner->parts[part].bytes;
		else
			recall->heavy_left += planner->parts[part].bytes;
	}
}

/* The block that is to be placed next. */
static uint32_t next_block(const struct recall *recall)
{
	const struct planner *planner = recall->planner;

	for (size_t i = 0; i < recall->rest->n; i++)
		if (planner->stamps[recall->rest->p[i].part] == planner->stamp)
			return recall->rest->p[i].block;
	return BLOCK_SOURCE;
}

/* True where the service needs all of the node, and may have it now. */
static bool fits(const struct recall *recall, const struct node *node)
{
	const struct planner *planner = recall->planner;

	if (node->is_dead)
		return false;
	for (size_t i = 0; i < node->part_count; i++)
		if (planner->stamps[node->parts[i]] != planner->stamp ||
		    planner->blocks[node->parts[i]] !=
			    planner->blocks[node->parts[0]])
			return false;
	return planner->blocks[node->parts[0]] == next_block(recall);
}

/* Leaves in the rest what is not placed. */
static void compact(struct recall *recall)
{
	struct rest *rest = recall->rest;
	size_t kept = 0;

	for (size_t i = 0; i < rest->n; i++)
		if (recall->planner->stamps[rest->p[i].part] ==
		    recall->planner->stamp)
			rest->p[kept++] = rest->p[i];
	rest->n = kept;
}

/* The node below which the rest of the service has room. */
static ptrdiff_t make_room(struct recall *recall, ptrdiff_t node)
{
	unsigned max = recall->planner->options.max_layers;

	while (node >= 0 &&
	       recall->nodes[node].depth + 1 +
			       plan_need(recall->planner, recall->rest,
					 recall->planner->stamp, true) >
		       max) {
		place(recall, &recall->nodes[node], false);
		node = recall->nodes[node].parent;
	}
	return node;
}

/* Walks the service's old path as far as it is still its own. */
static ptrdiff_t walk_old_path(struct recall *recall, size_t service)
{
	ptrdiff_t end =
		(ptrdiff_t)(uintptr_t)map_get(
			&recall->ends,
			recall->planner->input->services[service].name) -
		1;
	ARRAY(ptrdiff_t) path = ARRAY_EMPTY;
	ptrdiff_t top = PLAN_NONE;

	for (ptrdiff_t i = end; i >= 0; i = recall->nodes[i].parent)
		array_push(&path, i);
	while (path.n && fits(recall, &recall->nodes[path.p[path.n - 1]])) {
		top = path.p[--path.n];
		place(recall, &recall->nodes[top], true);
	}
	array_release(&path);
	return make_room(recall, top);
}

struct found {
	uint64_t gain; /* bytes that need not be placed anew */
	ptrdiff_t end;
	uint64_t heavy_left;
};

/* The way up from a node, along layers that others stand on, that serves the
 * service most. A layer of small parts is none where much heavier ones would
 * have to lie on it. */
static struct found find_way(struct recall *recall, ptrdiff_t from)
{
	struct found best = {0, from, recall->heavy_left};

	for (ptrdiff_t c = from < 0 ? recall->roots : recall->nodes[from].child;
	     c >= 0; c = recall->nodes[c].next) {
		const struct node *node = &recall->nodes[c];

		if (!node->is_live || !fits(recall, node))
			continue;
		bool is_free =
			recall->planner->blocks[node->parts[0]] == BLOCK_FREE;

		place(recall, node, true);
		struct found found = find_way(recall, c);

		place(recall, node, false);
		found.gain += node->bytes + 1;
		if (is_free && node->is_small && found.heavy_left > 0 &&
		    node->bytes <= found.heavy_left / PLAN_SLACK)
			continue;
		/* Children are listed last first: the first of equals wins. */
		if (found.gain >= best.gain)
			best = found;
	}
	return best;
}

static ptrdiff_t walk_others(struct recall *recall, ptrdiff_t from)
{
	struct found found = find_way(recall, from);

	for (ptrdiff_t i = found.end; i != from; i = recall->nodes[i].parent)
		place(recall, &recall->nodes[i], true);
	return make_room(recall, found.end);
}

/* -- all of them -- */

void plan_recall(struct planner *planner, const size_t *order, ptrdiff_t *out)
{
	size_t n = planner->input->service_count;
	struct recall recall = {
		.planner = planner,
		.n = planner->options.memory_count,
		.nodes = mem_zalloc(planner->options.memory_count,
				    sizeof(struct node)),
		.roots = PLAN_NONE,
	};

	read_nodes(&recall);
	for (size_t i = 0; i < n; i++) {
		begin(&recall, order[i]);
		ptrdiff_t top = walk_old_path(&recall, order[i]);

		compact(&recall);
		out[order[i]] = top;
		for (; top >= 0; top = recall.nodes[top].parent)
			recall.nodes[top].is_live = true;
	}
	for (size_t i = 0; i < n && recall.n; i++) {
		begin(&recall, order[i]);
		if (next_block(&recall) >= BLOCK_INIT)
			continue;
		out[order[i]] = walk_others(&recall, out[order[i]]);
		compact(&recall);
	}
	for (size_t i = 0; i < recall.n; i++) {
		struct node *node = &recall.nodes[i];

		if (!node->is_live)
			continue;
		ptrdiff_t below = node->parent < 0
					  ? PLAN_NONE
					  : recall.nodes[node->parent].layer;

		node->layer = plan_layer_get(planner, below, node->parts,
					     node->part_count);
		planner->plan->layers[node->layer].is_remembered = true;
	}
	for (size_t i = 0; i < n; i++)
		if (out[i] >= 0)
			out[i] = recall.nodes[out[i]].layer;
	map_release(&recall.ends);
	free(recall.nodes);
}
