/* plan_view: a plan with what the store knows of its layers, for `plan`. */
#pragma once

#include "faces/cli/workspace.h"
#include "parts/layer.h"
#include "work/assemble.h"

struct json_t;
struct store;

/* What `docker images` lists. */
struct against {
	size_t images;	/* each once, however many names it has */
	uint64_t bytes; /* the sum of their sizes; shared layers count for each,
			 * as docker counts them */
};

struct machine_view {
	const struct manifest_machine *machine;
	size_t images;
	uint64_t pull_bytes, change_bytes; /* in all; by what is_new */
};

struct plan_view {
	const struct assembly *assembly;
	struct layer_result
		*layers; /* sizes, also where not known: estimates */
	bool *known;
	bool *is_absent;	  /* known, but the store lacks the blob */
	struct digest *chain_ids; /* where known from the base up */
	bool *has_chain;
	const bool *wanted; /* per image of the assembly: is shown */
	bool *is_shown;	    /* per layer: a shown image stands on it */
	bool *is_new;	    /* not in the plan that it is compared with */
	size_t new_count;
	uint64_t unique_bytes, tree_bytes, unshared_bytes;
	struct machine_view *machines; /* of the manifest, in its order */
	struct proposals proposals;
	const struct against *against; /* or NULL */
	struct arena arena;
};

/* since: the lock whose plan changes are counted from. wanted: the images that
 * are shown, with their layers; sums are always the fleet's. */
void plan_view_make(struct plan_view *view, const struct assembly *assembly,
		    struct store *store, const struct lock *since,
		    const bool *wanted);
void plan_view_release(struct plan_view *view);
#define auto_plan_view __attribute__((cleanup(plan_view_release)))

/* True where the layer lies on the path of a planned image. */
bool plan_view_stands_on(const struct plan_view *view, size_t planned,
			 size_t layer);

/* What `docker images --format json` printed, or the table of `docker images`.
 * ERR_USAGE: neither, with the line. */
int against_read(const char *path, struct against *against, struct error **err);

struct json_t *plan_view_json(const struct plan_view *view);
void plan_view_print(const struct plan_view *view);
