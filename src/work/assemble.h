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
#include "decisions/proposal.h"
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
	ASSEMBLE_IMAGE,	 /* one layer of an image that is a base, as it is */
	ASSEMBLE_VENV,	 /* what goes on top of such a base */
	ASSEMBLE_SYSTEM, /* Debian packages above a Debian base */
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
	const struct lock_image_layer *image_layer; /* of ASSEMBLE_IMAGE */
	const struct lock_package *package;	    /* of ASSEMBLE_WHEEL */
	const struct lock_resolution *resolution;   /* of ASSEMBLE_WHEEL */
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
	ptrdiff_t family;    /* number in the assembly, or PLAN_NONE */
	struct error *error; /* why it cannot be made, or NULL */
};

/* A family as the services of one base, resolution and kind of bytecode have
 * it: what its packages need, at the bottom of their stacks. */
struct assemble_family {
	const struct manifest_family *family;
	const struct assemble_image *first; /* of its services */
	ptrdiff_t parent;		    /* the family it extends */
	size_t *parts;			    /* without those of the base */
	size_t part_count;
	size_t image_count; /* that have it, be it through another family */
	/* The family's own image: made of the one that most services have, for
	 * each platform and track; PLAN_NONE for the others. Its number among
	 * the planned, behind those of the services. */
	ptrdiff_t planned;
	struct manifest_instance *instance; /* it, as if it were a service */
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
	struct assemble_family *families; /* parents first */
	size_t family_count;
	struct plan_input input; /* of the plan: the planned images, then the
				  * families' */
	struct plan plan;	 /* remembers that of the lock */
	uint64_t fresh_bytes;	 /* on disk, by a plan without memory */
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

/* The same for `lock`, which plans before anybody builds: every service that
 * is in the lock, without sources, which the plan does not remember. */
void assembly_make_unsourced(struct assembly *assembly,
			     const struct manifest *manifest,
			     const struct lock *lock,
			     struct runtimes *runtimes);

void assembly_release(struct assembly *assembly);
#define auto_assembly __attribute__((cleanup(assembly_release)))

/* What a planned image is of: one of the services, or of the families behind
 * them, as if it were a service of a machine without a name. */
const struct manifest_instance *
assembly_planned(const struct assembly *assembly, size_t planned,
		 const struct lock_base **base);

/* Makes the plan again, as if none were remembered. */
void assembly_replan(struct assembly *assembly);

/* True where a plan without memory would save more than 5 % of the bytes on
 * disk: only then may `lock --replan` move what is there. */
bool assembly_is_worth_replanning(const struct assembly *assembly);

/* Adds to marked layers the tops of families' images, slipway-init, where all
 * that lies below is marked. */
void assembly_mark_families(const struct assembly *assembly, bool *layers);

/* Layers of the plan, but for sources, that nodes (a lock's plan) do not have:
 * out[l] for each layer. Their number. */
size_t assembly_find_new(const struct assembly *assembly,
			 const struct lock_node *nodes, size_t count,
			 bool *out);

/* What a machine pulls: the compressed bytes of the layers of its images, each
 * once. chosen NULL: of all, else of those with chosen[layer]. bytes[layer] is
 * what a layer has. */
uint64_t assembly_pull_bytes(const struct assembly *assembly,
			     const struct manifest_machine *machine,
			     const uint64_t *bytes, const bool *chosen);

/* What families the fleet should have, and what they carry that few use: only
 * packages that the manifest names for a family. Packages are numbers of parts,
 * families those of the manifest, services numbers of images. */
void assembly_propose(const struct assembly *assembly, struct arena *arena,
		      struct proposals *proposals);

/* Key of a planned layer's blob. */
struct digest assembly_layer_key(const struct assembly *assembly, size_t layer);

/* Key of its tar, whatever compresses it. */
struct digest assembly_tar_key(const struct assembly *assembly, size_t layer);

/* "python 3.11, base" or "torch 2.4.1" or "zmq 1, yaml 2 and 12 more". */
struct str assembly_layer_title(const struct assembly *assembly, size_t layer,
				struct arena *arena);

/* The programs of an ASSEMBLE_INIT part: slipway-init, then slipway-gpu. */
void assembly_init_programs(const struct lock_base *base,
			    struct str programs[2]);
