/* What the files of plan share. */
#pragma once

#include "base/map.h"
#include "decisions/plan.h"

/* The order in which the parts of one service may be placed: a layer holds
 * parts of one block, and a block is complete before the next begins. Base
 * parts are blocks of their own, from 0. Services may share parts that are of
 * different blocks for them, as long as each has come so far. */
enum {
	BLOCK_FAMILY = 1 << 16, /* + distance from the root of the family */
	BLOCK_FREE = 1 << 17,	/* shared as it comes */
	BLOCK_INIT,		/* from here on nothing is remembered */
	BLOCK_SOURCE,
};

struct want {
	uint32_t part, block;
};

/* What a service still has to place, by block, then in stacking order. */
struct rest {
	struct want *p;
	size_t n;
};

/* Numbers of services, in order of name. */
struct group {
	size_t *p;
	size_t n;
};

struct planner {
	const struct plan_input *input;
	const struct plan_part *parts;
	struct plan_options options;
	bool *is_new;	    /* per part: not in the memory */
	struct rest *rests; /* per service */
	struct arena *arena;
	struct plan *plan;
	size_t layer_capacity;
	struct map layers; /* parent and parts to the layer's number + 1 */
	uint32_t *counts;  /* per part; 0 between uses */
	uint32_t *stamps;  /* per part: of the service that is looked at */
	uint32_t *blocks;  /* per part, where the stamp is current */
	uint32_t stamp;
	uint32_t *slots; /* per part, for plan_split */
};

/* True for a part that may share a layer with other small ones. */
bool plan_is_small(const struct planner *planner, uint32_t part);

/* True for a part of a rest that may be placed next, and shared. */
bool plan_is_open(const struct rest *rest, size_t i);

/* Layers that a rest needs, packed as dense as may be; only those of its parts
 * count that bear the stamp, or that do not. */
unsigned plan_need(const struct planner *planner, const struct rest *rest,
		   uint32_t stamp, bool bears_it);

/* The layer with these parts on parent, made where there is none. */
ptrdiff_t plan_layer_get(struct planner *planner, ptrdiff_t parent,
			 const size_t *parts, size_t n);

/* -- memory.c -- */

/* Places every service along its remembered path and along others' layers
 * that serve it; the layers are made and its rest is what is left. out[i] is
 * the layer that service i stands on, or PLAN_NONE. */
void plan_recall(struct planner *planner, const size_t *order, ptrdiff_t *out);

/* -- split.c -- */

/* A group taken apart: its services in the order of the parts, part k from
 * starts[k] before starts[k + 1]. */
struct buckets {
	size_t *starts; /* count + 1 */
	size_t count;
};
void buckets_release(struct buckets *buckets);
#define auto_buckets __attribute__((cleanup(buckets_release)))

/* By heavy parts only: those without any are one bucket. */
void plan_split_heavy(struct planner *planner, struct group *group,
		      struct buckets *buckets);

/* By what saves most; what shares nothing goes alone. Of at most PLAN_FEW
 * services, in the way that saves most of all. */
void plan_split(struct planner *planner, struct group *group,
		struct buckets *buckets);

/* -- exact.c -- */

enum { PLAN_FEW = 8 };

/* For 2 to PLAN_FEW services. */
void plan_split_few(struct planner *planner, struct group *group,
		    struct buckets *buckets);

/* -- grow.c -- */

/* Places all that the group has left on top of parent. Reorders the group. */
void plan_grow(struct planner *planner, ptrdiff_t parent, struct group group);
