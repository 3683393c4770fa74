/* A group of services taken apart by what saves most. */
#include <stdlib.h>

#include "base/array.h"
#include "decisions/plan/plan_private.h"

/* A part that several of the group have left, and what it saves if they go one
 * way: its bytes times (adopters - 1). Kept as it was when it was looked at
 * last; the truth is never more. */
struct candidate {
	uint64_t saved;
	uint32_t part;
};

struct heap {
	struct candidate *p;
	size_t n;
};

struct splitter {
	struct planner *planner;
	struct group *group;
	bool heavy_only;
	uint32_t *parts; /* that come up in the group */
	size_t part_count;
	uint32_t *members; /* positions in the group, part by part */
	size_t *starts;	   /* per part of parts, in members */
	uint32_t *slots;   /* per part of the fleet: its number in parts */
	struct heap heavy, small;
	bool *is_taken; /* per position */
	size_t *order;	/* services, as they are taken */
	size_t taken;
};

void buckets_release(struct buckets *buckets)
{
	free(buckets->starts);
	*buckets = (struct buckets){NULL, 0};
}

static bool is_looked_at(const struct splitter *splitter,
			 const struct rest *rest, size_t i)
{
	return plan_is_open(rest, i) &&
	       (!splitter->heavy_only ||
		!plan_is_small(splitter->planner, rest->p[i].part));
}

/* -- who has what -- */

static void count_parts(struct splitter *splitter)
{
	struct planner *planner = splitter->planner;
	ARRAY(uint32_t) parts = ARRAY_EMPTY;

	for (size_t i = 0; i < splitter->group->n; i++) {
		const struct rest *rest =
			&planner->rests[splitter->group->p[i]];

		for (size_t k = 0; k < rest->n; k++)
			if (is_looked_at(splitter, rest, k) &&
			    planner->counts[rest->p[k].part]++ == 0)
				array_push(&parts, rest->p[k].part);
	}
	splitter->parts = parts.p;
	splitter->part_count = parts.n;
}

static void list_members(struct splitter *splitter)
{
	struct planner *planner = splitter->planner;
	size_t total = 0;

	splitter->starts = mem_zalloc(splitter->part_count + 1, sizeof(size_t));
	for (size_t i = 0; i < splitter->part_count; i++) {
		splitter->slots[splitter->parts[i]] = (uint32_t)i;
		splitter->starts[i] = total;
		total += planner->counts[splitter->parts[i]];
	}
	splitter->members = mem_zalloc(total, sizeof(uint32_t));
	for (size_t i = 0; i < splitter->group->n; i++) {
		const struct rest *rest =
			&planner->rests[splitter->group->p[i]];

		for (size_t k = 0; k < rest->n; k++) {
			if (!is_looked_at(splitter, rest, k))
				continue;
			size_t slot = splitter->slots[rest->p[k].part];

			splitter->members[splitter->starts[slot]++] =
				(uint32_t)i;
		}
	}
	/* Filling has moved each start to where the next one was. */
	for (size_t i = splitter->part_count; i > 0; i--)
		splitter->starts[i] = splitter->starts[i - 1];
	splitter->starts[0] = 0;
}

/* -- what saves most -- */

static bool is_better(const struct planner *planner, struct candidate a,
		      struct candidate b)
{
	const struct plan_part *x = &planner->parts[a.part],
			       *y = &planner->parts[b.part];

	if (a.saved != b.saved)
		return a.saved > b.saved;
	if (x->compressed_bytes != y->compressed_bytes)
		return x->compressed_bytes > y->compressed_bytes;
	return str_cmp(x->id, y->id) < 0;
}

static void sift_down(const struct planner *planner, struct heap *heap,
		      size_t i)
{
	for (;;) {
		size_t best = i;

		for (size_t child = 2 * i + 1; child <= 2 * i + 2; child++)
			if (child < heap->n &&
			    is_better(planner, heap->p[child], heap->p[best]))
				best = child;
		if (best == i)
			return;
		struct candidate moved = heap->p[i];

		heap->p[i] = heap->p[best];
		heap->p[best] = moved;
		i = best;
	}
}

static uint64_t saved_by(const struct planner *planner, uint32_t part)
{
	return planner->counts[part] < 2 ? 0
					 : planner->parts[part].bytes *
						   (planner->counts[part] - 1);
}

static void fill_heap(const struct splitter *splitter, struct heap *heap,
		      bool small)
{
	const struct planner *planner = splitter->planner;

	heap->p = mem_zalloc(splitter->part_count, sizeof *heap->p);
	for (size_t i = 0; i < splitter->part_count; i++) {
		uint32_t part = splitter->parts[i];

		if (planner->counts[part] >= 2 &&
		    plan_is_small(planner, part) == small)
			heap->p[heap->n++] = (struct candidate){
				saved_by(planner, part), part};
	}
	for (size_t i = heap->n / 2; i-- > 0;)
		sift_down(planner, heap, i);
}

/* The best of a heap as things stand, or NULL. */
static const struct candidate *heap_top(const struct planner *planner,
					struct heap *heap)
{
	while (heap->n) {
		struct candidate *top = &heap->p[0];
		uint64_t saved = saved_by(planner, top->part);

		if (planner->counts[top->part] < 2) {
			heap->p[0] = heap->p[--heap->n];
		} else if (saved != top->saved) {
			top->saved = saved;
		} else {
			return top;
		}
		sift_down(planner, heap, 0);
	}
	return NULL;
}

/* A heavy part goes first where the small one costs little to have twice. */
static const struct candidate *choose(struct splitter *splitter)
{
	const struct planner *planner = splitter->planner;
	const struct candidate *heavy = heap_top(planner, &splitter->heavy);
	const struct candidate *small = heap_top(planner, &splitter->small);

	if (!heavy || !small)
		return heavy ? heavy : small;
	if (planner->parts[small->part].bytes <=
	    planner->parts[heavy->part].bytes / PLAN_SLACK)
		return heavy;
	return is_better(planner, *heavy, *small) ? heavy : small;
}

/* -- taking apart -- */

static void take(struct splitter *splitter, size_t position)
{
	struct planner *planner = splitter->planner;
	size_t service = splitter->group->p[position];
	const struct rest *rest = &planner->rests[service];

	splitter->is_taken[position] = true;
	splitter->order[splitter->taken++] = service;
	for (size_t k = 0; k < rest->n; k++)
		if (is_looked_at(splitter, rest, k))
			planner->counts[rest->p[k].part]--;
}

static bool has_any(const struct splitter *splitter, size_t position)
{
	const struct rest *rest =
		&splitter->planner->rests[splitter->group->p[position]];

	for (size_t k = 0; k < rest->n; k++)
		if (is_looked_at(splitter, rest, k))
			return true;
	return false;
}

static void take_all(struct splitter *splitter, struct buckets *buckets)
{
	const struct candidate *best;

	while ((best = choose(splitter))) {
		size_t slot = splitter->slots[best->part];
		size_t end = splitter->starts[slot + 1];

		buckets->starts[buckets->count++] = splitter->taken;
		for (size_t i = splitter->starts[slot]; i < end; i++)
			if (!splitter->is_taken[splitter->members[i]])
				take(splitter, splitter->members[i]);
	}
	for (size_t i = 0; i < splitter->group->n; i++) {
		if (splitter->is_taken[i] ||
		    (splitter->heavy_only && !has_any(splitter, i)))
			continue;
		buckets->starts[buckets->count++] = splitter->taken;
		take(splitter, i);
	}
	if (splitter->taken < splitter->group->n)
		buckets->starts[buckets->count++] = splitter->taken;
	for (size_t i = 0; i < splitter->group->n; i++)
		if (!splitter->is_taken[i])
			take(splitter, i);
	buckets->starts[buckets->count] = splitter->taken;
}

static void split(struct planner *planner, struct group *group, bool heavy_only,
		  struct buckets *buckets)
{
	struct splitter splitter = {
		.planner = planner,
		.group = group,
		.heavy_only = heavy_only,
		.slots = planner->slots,
		.is_taken = mem_zalloc(group->n, sizeof(bool)),
		.order = mem_zalloc(group->n, sizeof(size_t)),
	};

	buckets->starts = mem_zalloc(group->n + 1, sizeof(size_t));
	buckets->count = 0;
	count_parts(&splitter);
	list_members(&splitter);
	fill_heap(&splitter, &splitter.heavy, false);
	fill_heap(&splitter, &splitter.small, true);
	take_all(&splitter, buckets);
	memcpy(group->p, splitter.order, group->n * sizeof *group->p);
	free(splitter.small.p);
	free(splitter.heavy.p);
	free(splitter.members);
	free(splitter.starts);
	free(splitter.parts);
	free(splitter.order);
	free(splitter.is_taken);
}

void plan_split_heavy(struct planner *planner, struct group *group,
		      struct buckets *buckets)
{
	split(planner, group, true, buckets);
}

void plan_split(struct planner *planner, struct group *group,
		struct buckets *buckets)
{
	if (group->n <= PLAN_FEW)
		plan_split_few(planner, group, buckets);
	else
		split(planner, group, false, buckets);
}
