/* assemble: which parts each image is made of, and which layers they share.
 *
 * Takes the manifest, the lock and the source tree; gives parts with keys that
 * name their content, and the plan of layers. Reads source files, downloads
 * nothing: the same values everywhere, whatever a store holds. `plan` prints
 * it, `build` makes it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/hash.h"
#include "decisions/plan.h"
#include "facts/lockfile.h"
#include "facts/manifest.h"
#include "parts/debian.h"
#include "parts/layer.h"
#include "parts/source.h"

struct check;
struct check_instance;
struct error;
struct runtimes;

enum assemble_kind {
	ASSEMBLE_BASE,	 /* one layer of a Debian base */
	ASSEMBLE_SYSTEM, /* Debian packages above a base */
	ASSEMBLE_INIT,	 /* slipway-init and its GPU helper */
	ASSEMBLE_WHEEL,	 /* one distribution */
	ASSEMBLE_SOURCE, /* a service's own files */
};

struct assemble_part {
	enum assemble_kind kind;
	struct digest key;	      /* of all that its bytes depend on */
	struct str title;	      /* for people: "torch 2.4.1" */
	const struct lock_base *base; /* whose Python it is for */
	enum debian_part debian;      /* of ASSEMBLE_BASE */
	struct lock_debs system;      /* of ASSEMBLE_SYSTEM */
	const struct lock_package *package;	  /* of ASSEMBLE_WHEEL */
	const struct lock_resolution *resolution; /* of ASSEMBLE_WHEEL */
	enum manifest_bytecode bytecode;
	const struct manifest_instance *instance; /* of ASSEMBLE_SOURCE */
	const size_t *files; /* of ASSEMBLE_SOURCE: numbers in the tree */
	size_t file_count;
};

/* One service on one machine. */
struct assemble_image {
	const struct manifest_instance *instance;
	const struct check_instance *checked;
	const struct lock_service *service; /* NULL with an error */
	const struct lock_base *base;
	size_t *parts; /* numbers, those of the base first */
	size_t part_count;
	struct error *error; /* why it cannot be made, or NULL */
};

struct assembly {
	struct arena arena;
	const struct manifest *manifest;
	const struct lock *lock;
	const struct source_tree *tree; /* of the check */
	struct digest *file_digests;	/* of its files; zero: not read */
	struct assemble_part *parts;
	struct plan_part *plan_parts; /* the same, as the planner sees them */
	size_t part_count;
	struct assemble_image *images; /* the fleet's, in its order */
	size_t image_count;
	size_t *planned; /* numbers of the images without error; plan.leaves
			  * is in this order */
	size_t planned_count;
	struct plan plan;
	struct runtimes *runtimes;
	enum layer_compression compression;
};

/* Assembles every instance of the fleet from what check found of it: the plan
 * is always that of the whole fleet, so that building one service gives the
 * layers that building all gives. Skipped ones have no image. An instance that
 * cannot be made has its error, be it of check or its own. check, lock and
 * runtimes must outlive it. */
void assembly_make(struct assembly *assembly, const struct check *check,
		   const struct lock *lock, struct runtimes *runtimes);
void assembly_release(struct assembly *assembly);
#define auto_assembly __attribute__((cleanup(assembly_release)))

/* Key of a planned layer's blob. */
struct digest assembly_layer_key(const struct assembly *assembly, size_t layer);

/* "python 3.11, base" or "torch 2.4.1" or "zmq 1, yaml 2 and 12 more". */
struct str assembly_layer_title(const struct assembly *assembly, size_t layer,
				struct arena *arena);

/* The programs of an ASSEMBLE_INIT part: slipway-init, then slipway-gpu. */
void assembly_init_programs(const struct lock_base *base,
			    struct str programs[2]);
