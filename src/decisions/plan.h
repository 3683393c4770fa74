/* plan: which parts share which layers.
 *
 * Docker and containerd share on disk only an identical prefix of layers, so
 * the images of a fleet are paths from the roots of one forest: a base, then
 * what most services share by bytes, then what few share, then the service's
 * own source. A part (a base, a wheel, a set of system packages, a source
 * tree) is placed as a whole; several small parts may be packed into one
 * layer. Values in, values out: no files, no network.
 *
 * The same input gives the same plan, whatever the order of services.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum { PLAN_NONE = -1 };

enum plan_kind {
	PLAN_BASE,   /* first, in the order given */
	PLAN_SYSTEM, /* system packages */
	PLAN_WHEEL,
	PLAN_SOURCE, /* last */
};

struct plan_part {
	struct str id; /* names the content; unique */
	enum plan_kind kind;
	uint64_t bytes;		   /* unpacked, as far as known */
	uint64_t compressed_bytes; /* of its layer, as far as known */
};

struct plan_service {
	struct str name;     /* unique; only for the order */
	const size_t *parts; /* numbers of parts; those of the base first */
	size_t part_count;
};

struct plan_options {
	unsigned max_layers;	  /* of one image; 0: 40 */
	uint64_t max_layer_bytes; /* compressed; 0: 1 GiB */
	uint64_t own_layer_bytes; /* a part of this compressed size gets a
				   * layer of its own; 0: 16 MiB */
};

struct plan_layer {
	ptrdiff_t parent; /* number of the layer below, or PLAN_NONE */
	size_t *parts;
	size_t part_count;
	unsigned depth; /* layers below it */
	uint64_t bytes, compressed_bytes;
	size_t service_count; /* that stand on it */
};

struct plan {
	struct plan_layer *layers; /* a parent comes before its children */
	size_t layer_count;
	ptrdiff_t *leaves; /* per service: its topmost layer */
	size_t service_count;
	uint64_t unique_bytes;	 /* every part once: the lower bound */
	uint64_t tree_bytes;	 /* every layer of the forest once */
	uint64_t unshared_bytes; /* one image per service, nothing shared */
};

/* Makes the plan. Everything in it lives in arena. */
void plan_make(struct plan *plan, struct arena *arena,
	       const struct plan_part *parts, size_t part_count,
	       const struct plan_service *services, size_t service_count,
	       const struct plan_options *options);

/* Numbers of the layers of one service, lowest first, into out (room for
 * depth + 1 of its leaf). The count. */
size_t plan_path(const struct plan *plan, size_t service, size_t *out);
