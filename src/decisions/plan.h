/* plan: which parts share which layers.
 *
 * Docker and containerd share on disk only an identical prefix of layers, so
 * the images of a fleet are paths from the roots of one forest: a base, then
 * what its family names (below that of others, what families have in common),
 * then what most services share by bytes, then what few share, then slipway's
 * own programs, then the service's own source. A part (a layer of a base, a
 * wheel, a set of system packages, a source tree) is placed as a whole; several
 * small parts may be packed into one layer. Values in, values out: no files, no
 * network.
 *
 * It remembers. The nodes of the last plan are an input: a service walks its
 * old path as far as every layer on it is still made of parts that it needs,
 * and only what is left is placed anew. So a new service, a changed part or a
 * removed service changes no layer of a service that does not use it.
 *
 * Objective: bytes on disk of the fleet, then bytes that a machine pulls after
 * a small change. For the second, small parts lie above heavy ones even where
 * that puts them twice on disk, as long as it costs little (PLAN_SLACK).
 *
 * The same input gives the same plan, whatever the order of services.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "facts/lockfile.h"

enum {
	PLAN_NONE = -1,
	/* Small parts go above heavy ones where the copies of them that this
	 * makes take at most 1/PLAN_SLACK of the heavy ones' bytes. */
	PLAN_SLACK = 50,
};

enum plan_kind {
	PLAN_BASE,   /* first, in the order given */
	PLAN_SYSTEM, /* system packages */
	PLAN_WHEEL,
	PLAN_INIT,   /* just below the source; not remembered: a newer slipway
		      * brings another one, and no layer that lies on it */
	PLAN_SOURCE, /* last; not remembered, since it changes all day */
};

struct plan_part {
	struct str id; /* names the content; unique; what is remembered */
	enum plan_kind kind;
	uint64_t bytes;		   /* unpacked, as far as known */
	uint64_t compressed_bytes; /* of its layer, as far as known */
};

/* What a family brings: first in the stacks of its services, after the base,
 * those of its parent before its own. */
struct plan_family {
	ptrdiff_t parent;    /* number of the family it extends, or PLAN_NONE;
			      * a smaller number than its own */
	const size_t *parts; /* may name its parent's again */
	size_t part_count;
};

struct plan_service {
	struct str name;     /* unique; the key of its memory */
	const size_t *parts; /* numbers of parts, each once; those of the base
			      * in their order */
	size_t part_count;
	ptrdiff_t family;     /* or PLAN_NONE */
	bool is_family_image; /* not counted as a service */
};

struct plan_options {
	unsigned max_layers;		/* of one image; 0: 40 */
	uint64_t max_layer_bytes;	/* compressed; 0: 1 GiB */
	uint64_t own_layer_bytes;	/* a part of this compressed size gets a
					 * layer of its own; 0: 16 MiB */
	const struct lock_node *memory; /* the last plan, parents first */
	size_t memory_count;
};

struct plan_layer {
	ptrdiff_t parent; /* number of the layer below, or PLAN_NONE */
	size_t *parts;
	size_t part_count;
	unsigned depth; /* layers below it */
	uint64_t bytes, compressed_bytes;
	size_t service_count; /* that stand on it */
	bool is_remembered;   /* a node of the memory */
};

struct plan {
	struct plan_layer *layers; /* depth first: a parent comes before its
				    * children, these before its siblings */
	size_t layer_count;
	ptrdiff_t *leaves; /* per service: its topmost layer */
	size_t service_count;
	uint64_t unique_bytes;	 /* every part once: the lower bound */
	uint64_t tree_bytes;	 /* every layer of the forest once */
	uint64_t unshared_bytes; /* one image per service, nothing shared */
};

/* What a plan is made of. */
struct plan_input {
	const struct plan_part *parts;
	size_t part_count;
	const struct plan_family *families;
	size_t family_count;
	const struct plan_service *services;
	size_t service_count;
};

/* Makes the plan. Everything in it lives in arena. */
void plan_make(struct plan *plan, struct arena *arena,
	       const struct plan_input *input,
	       const struct plan_options *options);

/* Numbers of the layers of one service, lowest first, into out (room for
 * depth + 1 of its leaf). The count. */
size_t plan_path(const struct plan *plan, size_t service, size_t *out);

/* The plan as the lock remembers it: its nodes without sources and what lies
 * just below them, each with the services that end there. Returns them in
 * arena. */
struct lock_node *plan_record(const struct plan *plan,
			      const struct plan_input *input,
			      struct arena *arena, size_t *count);
