/* Growing the tree on top of what is remembered. */
#include <stdlib.h>

#include "base/array.h"
#include "base/buf.h"
#include "decisions/plan/plan_private.h"

enum {
	SMALL_PER_LAYER = 4
}; /* own_layer_bytes that a pack of small parts
    * may reach: each change remakes all of it */

/* Parts that are placed together, in stacking order. */
struct stack {
	size_t *p;
	size_t n;
};

static unsigned height(const struct planner *planner, ptrdiff_t layer)
{
	return layer < 0 ? 0 : planner->plan->layers[layer].depth + 1;
}

/* -- packing -- */

/* The end of the layer that begins with part `start` of the stack. */
static size_t layer_end(const struct planner *planner,
			const struct stack *stack, size_t start, bool dense)
{
	const struct plan_part *first = &planner->parts[stack->p[start]];
	uint64_t room =
		dense ? planner->options.max_layer_bytes
		      : planner->options.own_layer_bytes * SMALL_PER_LAYER;
	size_t end = start + 1;

	if (room > planner->options.max_layer_bytes)
		room = planner->options.max_layer_bytes;
	if (first->kind != PLAN_WHEEL || first->compressed_bytes > room ||
	    (!dense && !plan_is_small(planner, (uint32_t)stack->p[start])))
		return end;
	room -= first->compressed_bytes;
	for (; end < stack->n; end++) {
		const struct plan_part *part = &planner->parts[stack->p[end]];

		if (part->kind != PLAN_WHEEL || part->compressed_bytes > room)
			break;
		/* What changed has a layer above what did not. */
		if (!dense && planner->is_new[stack->p[end]] !=
				      planner->is_new[stack->p[start]])
			break;
		room -= part->compressed_bytes;
	}
	return end;
}

static unsigned stack_layers(const struct planner *planner,
			     const struct stack *stack, bool dense)
{
	unsigned layers = 0;

	for (size_t i = 0; i < stack->n;
	     i = layer_end(planner, stack, i, dense))
		layers++;
	return layers;
}

static ptrdiff_t put_stack(struct planner *planner, ptrdiff_t parent,
			   const struct stack *stack, bool dense)
{
	for (size_t i = 0, end; i < stack->n; i = end) {
		end = layer_end(planner, stack, i, dense);
		parent = plan_layer_get(planner, parent, stack->p + i, end - i);
	}
	return parent;
}

/* -- one service alone -- */

static void grow_alone(struct planner *planner, ptrdiff_t parent,
		       size_t service)
{
	const struct rest *rest = &planner->rests[service];
	struct stack stack = {mem_zalloc(rest->n, sizeof(size_t)), 0};
	size_t i = 0;

	while (i < rest->n && rest->p[i].block == BLOCK_FREE)
		stack.p[stack.n++] = rest->p[i++].part;
	unsigned most = planner->options.max_layers;
	unsigned other = height(planner, parent) + (unsigned)(rest->n - i);
	bool dense = other + stack_layers(planner, &stack, false) > most;

	parent = put_stack(planner, parent, &stack, dense);
	for (; i < rest->n; i++) {
		size_t part = rest->p[i].part;

		parent = plan_layer_get(planner, parent, &part, 1);
	}
	planner->plan->leaves[service] = parent;
	free(stack.p);
}

/* -- what all of a group share -- */

/* The open parts that all have, of one size class. */
static struct stack common_parts(struct planner *planner,
				 const struct group *group, bool small)
{
	const struct rest *first = &planner->rests[group->p[0]];
	struct stack common = {mem_zalloc(first->n, sizeof(size_t)), 0};

	for (size_t i = 0; i < group->n; i++) {
		const struct rest *rest = &planner->rests[group->p[i]];

		for (size_t k = 0; k < rest->n; k++)
			planner->counts[rest->p[k].part] +=
				plan_is_open(rest, k);
	}
	for (size_t k = 0; k < first->n; k++) {
		uint32_t part = first->p[k].part;

		if (plan_is_open(first, k) &&
		    planner->counts[part] == group->n &&
		    plan_is_small(planner, part) == small)
			common.p[common.n++] = part;
	}
	for (size_t i = 0; i < group->n; i++) {
		const struct rest *rest = &planner->rests[group->p[i]];

		for (size_t k = 0; k < rest->n; k++)
			planner->counts[rest->p[k].part] = 0;
	}
	return common;
}

/* True where every service of the group has room for the rest of its own on
 * top of the stack, whose parts bear the current stamp. */
static bool has_room(const struct planner *planner, ptrdiff_t parent,
		     const struct group *group, const struct stack *stack,
		     bool dense)
{
	unsigned used =
		height(planner, parent) + stack_layers(planner, stack, dense);

	for (size_t i = 0; i < group->n; i++)
		if (used + plan_need(planner, &planner->rests[group->p[i]],
				     planner->stamp, false) >
		    planner->options.max_layers)
			return false;
	return true;
}

static void take_out(struct planner *planner, const struct group *group)
{
	for (size_t i = 0; i < group->n; i++) {
		struct rest *rest = &planner->rests[group->p[i]];
		size_t kept = 0;

		for (size_t k = 0; k < rest->n; k++)
			if (planner->stamps[rest->p[k].part] != planner->stamp)
				rest->p[kept++] = rest->p[k];
		rest->n = kept;
	}
}

/* Puts the stack below all of the group. False where that would take more
 * layers than a service may have. */
static bool place(struct planner *planner, ptrdiff_t *parent,
		  const struct group *group, const struct stack *stack)
{
	bool dense = false;

	planner->stamp++;
	for (size_t i = 0; i < stack->n; i++)
		planner->stamps[stack->p[i]] = planner->stamp;
	if (!has_room(planner, *parent, group, stack, dense)) {
		dense = true;
		if (!has_room(planner, *parent, group, stack, dense))
			return false;
	}
	*parent = put_stack(planner, *parent, stack, dense);
	take_out(planner, group);
	return true;
}

static void grow_each_alone(struct planner *planner, ptrdiff_t parent,
			    const struct group *group)
{
	for (size_t i = 0; i < group->n; i++)
		grow_alone(planner, parent, group->p[i]);
}

static void grow_free(struct planner *planner, ptrdiff_t parent,
		      struct group group);

static void grow_buckets(struct planner *planner, ptrdiff_t parent,
			 const struct group *group,
			 const struct buckets *buckets)
{
	for (size_t i = 0; i < buckets->count; i++) {
		size_t start = buckets->starts[i];
		struct group part = {group->p + start,
				     buckets->starts[i + 1] - start};

		grow_free(planner, parent, part);
	}
}

/* Bytes of the heavy free parts of a group, each once. */
static uint64_t heavy_bytes(struct planner *planner, const struct group *group)
{
	uint64_t bytes = 0;

	planner->stamp++;
	for (size_t i = 0; i < group->n; i++) {
		const struct rest *rest = &planner->rests[group->p[i]];

		for (size_t k = 0; k < rest->n; k++) {
			uint32_t part = rest->p[k].part;

			if (rest->p[k].block != BLOCK_FREE ||
			    plan_is_small(planner, part) ||
			    planner->stamps[part] == planner->stamp)
				continue;
			planner->stamps[part] = planner->stamp;
			bytes += planner->parts[part].bytes;
		}
	}
	return bytes;
}

/* Takes the group apart by its heavy parts first, where having the small ones
 * that all share once for each branch costs little. */
static bool grow_heavy_first(struct planner *planner, ptrdiff_t parent,
			     struct group *group, const struct stack *small)
{
	auto_buckets struct buckets buckets = {NULL, 0};
	uint64_t heavy = heavy_bytes(planner, group), bytes = 0;

	for (size_t i = 0; i < small->n; i++)
		bytes += planner->parts[small->p[i]].bytes;
	if (small->n == 0 || heavy == 0 || bytes > heavy / PLAN_SLACK)
		return false;
	plan_split_heavy(planner, group, &buckets);
	if (buckets.count < 2 ||
	    bytes * (buckets.count - 1) > heavy / PLAN_SLACK)
		return false;
	grow_buckets(planner, parent, group, &buckets);
	return true;
}

/* Places what all share, heavy parts below small ones; then each bucket of
 * services goes its way. */
static void grow_free(struct planner *planner, ptrdiff_t parent,
		      struct group group)
{
	if (group.n == 1) {
		grow_alone(planner, parent, group.p[0]);
		return;
	}
	struct stack heavy = common_parts(planner, &group, false);
	struct stack small = common_parts(planner, &group, true);

	if (!place(planner, &parent, &group, &heavy)) {
		grow_each_alone(planner, parent, &group);
	} else if (!grow_heavy_first(planner, parent, &group, &small)) {
		auto_buckets struct buckets buckets = {NULL, 0};

		if (place(planner, &parent, &group, &small)) {
			plan_split(planner, &group, &buckets);
			grow_buckets(planner, parent, &group, &buckets);
		} else {
			grow_each_alone(planner, parent, &group);
		}
	}
	free(heavy.p);
	free(small.p);
}

/* -- blocks -- */

/* The parts of the block that a rest begins with. */
static struct stack first_block(const struct rest *rest)
{
	struct stack block = {mem_zalloc(rest->n, sizeof(size_t)), 0};

	while (block.n < rest->n &&
	       rest->p[block.n].block == rest->p[0].block) {
		block.p[block.n] = rest->p[block.n].part;
		block.n++;
	}
	return block;
}

/* What makes services go one way until their next block is complete: the whole
 * of it. Empty where only free parts are left. */
static void block_key(const struct rest *rest, struct buf *key)
{
	buf_clear(key);
	for (size_t i = 0; i < rest->n && rest->p[i].block < BLOCK_FREE &&
			   rest->p[i].block == rest->p[0].block;
	     i++)
		buf_append(key, str_of((const char *)&rest->p[i].part,
				       sizeof rest->p[i].part));
}

static void grow_block(struct planner *planner, ptrdiff_t parent,
		       struct group group)
{
	struct rest *first = &planner->rests[group.p[0]];

	if (first->n == 0 || first->p[0].block >= BLOCK_FREE) {
		grow_free(planner, parent, group);
		return;
	}
	struct stack block = first_block(first);

	/* A family of more than fits has more layers than it may. */
	if (!place(planner, &parent, &group, &block)) {
		parent = put_stack(planner, parent, &block, true);
		take_out(planner, &group);
	}
	free(block.p);
	plan_grow(planner, parent, group);
}

/* -- several families -- */

/* Services by the way that they must go at least until their next block is
 * complete: those of way w from starts[w] before starts[w + 1]. */
struct ways {
	size_t *sorted, *starts, n;
};

static void ways_release(struct ways *ways)
{
	free(ways->starts);
	free(ways->sorted);
}

static struct ways find_ways(struct planner *planner, const struct group *group)
{
	auto_map struct map numbers = MAP_EMPTY; /* key to its number + 1 */
	auto_buf struct buf key = BUF_EMPTY;
	auto_free size_t *way = mem_zalloc(group->n, sizeof *way);
	struct ways ways = {mem_zalloc(group->n, sizeof(size_t)),
			    mem_zalloc(group->n + 1, sizeof(size_t)), 0};
	size_t n = 0;

	for (size_t i = 0; i < group->n; i++) {
		block_key(&planner->rests[group->p[i]], &key);
		way[i] = (size_t)(uintptr_t)map_get(&numbers, buf_str(&key));
		if (way[i])
			continue;
		way[i] = ++ways.n;
		map_set(&numbers, buf_str(&key), (void *)(uintptr_t)way[i]);
	}
	for (size_t w = 1; w <= ways.n; w++) {
		for (size_t i = 0; i < group->n; i++)
			if (way[i] == w)
				ways.sorted[n++] = group->p[i];
		ways.starts[w] = n;
	}
	return ways;
}

static void grow_ways(struct planner *planner, ptrdiff_t parent,
		      const struct ways *ways)
{
	for (size_t w = 0; w < ways->n; w++) {
		size_t start = ways->starts[w];
		struct group going = {ways->sorted + start,
				      ways->starts[w + 1] - start};

		grow_block(planner, parent, going);
	}
}

static uint32_t block_of(const struct planner *planner, size_t service)
{
	const struct rest *rest = &planner->rests[service];

	return rest->n ? rest->p[0].block : BLOCK_SOURCE;
}

static bool is_loose(const struct planner *planner, size_t service)
{
	return block_of(planner, service) >= BLOCK_FREE;
}

/* Ways apart by what saves most: one service stands for all of a family's
 * block, so that what several families share lies below them all. Those that
 * stay without a family are grown together. False where nothing parts. */
static bool split_ways(struct planner *planner, ptrdiff_t parent,
		       const struct ways *ways)
{
	size_t total = ways->starts[ways->n], *sorted = ways->sorted;
	auto_free size_t *way =
		mem_zalloc(planner->input->service_count, sizeof *way);
	struct group firsts = {mem_zalloc(total, sizeof(size_t)), 0};
	struct group going = {mem_zalloc(total, sizeof(size_t)), 0};
	struct group loose = {mem_zalloc(total, sizeof(size_t)), 0};
	auto_buckets struct buckets buckets = {NULL, 0};

	for (size_t w = 0; w < ways->n; w++)
		for (size_t i = ways->starts[w]; i < ways->starts[w + 1]; i++) {
			way[sorted[i]] = w;
			if (i == ways->starts[w] ||
			    is_loose(planner, sorted[i]))
				firsts.p[firsts.n++] = sorted[i];
		}
	plan_split(planner, &firsts, &buckets);
	for (size_t b = 0; b < buckets.count && buckets.count > 1; b++) {
		bool has_family = false;

		going.n = 0;
		for (size_t i = buckets.starts[b]; i < buckets.starts[b + 1];
		     i++) {
			size_t one = firsts.p[i], w = way[one];
			bool alone = is_loose(planner, one);
			size_t n =
				alone ? 1
				      : ways->starts[w + 1] - ways->starts[w];

			memcpy(going.p + going.n,
			       alone ? &one : sorted + ways->starts[w],
			       n * sizeof *going.p);
			going.n += n;
			has_family |= !alone;
		}
		if (has_family) {
			plan_grow(planner, parent, going);
			continue;
		}
		memcpy(loose.p + loose.n, going.p, going.n * sizeof *going.p);
		loose.n += going.n;
	}
	if (loose.n)
		grow_free(planner, parent, loose);
	free(loose.p);
	free(going.p);
	free(firsts.p);
	return buckets.count > 1;
}

/* Families whose blocks are not the same: first what they have in common. */
static bool grow_mixed(struct planner *planner, ptrdiff_t *parent,
		       const struct group *group, const struct ways *ways)
{
	for (size_t i = 0; i < group->n; i++)
		if (block_of(planner, group->p[i]) < BLOCK_FAMILY)
			return false;
	struct stack heavy = common_parts(planner, group, false);
	struct stack small = common_parts(planner, group, true);
	size_t common = heavy.n + small.n;
	bool fits = place(planner, parent, group, &heavy) &&
		    place(planner, parent, group, &small);

	free(heavy.p);
	free(small.p);
	if (!fits)
		return false;
	if (!common)
		return split_ways(planner, *parent, ways);
	plan_grow(planner, *parent, *group);
	return true;
}

void plan_grow(struct planner *planner, ptrdiff_t parent, struct group group)
{
	struct ways ways = find_ways(planner, &group);

	if (ways.n < 2) {
		grow_ways(planner, parent, &ways);
	} else if (!grow_mixed(planner, &parent, &group, &ways)) {
		/* Some of it may be placed: the ways are others now. */
		ways_release(&ways);
		ways = find_ways(planner, &group);
		grow_ways(planner, parent, &ways);
	}
	ways_release(&ways);
}
