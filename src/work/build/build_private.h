/* What the files of build share. */
#pragma once

#include <stdatomic.h>

#include "facts/store.h"
#include "work/build.h"
#include "work/runtime.h"

struct build {
	const struct assembly *assembly;
	struct store *store;
	struct fetch *fetch;
	struct pyindex *index;
	const struct build_options *options;
	struct build_result *result;
	struct runtimes *runtimes;
	bool *needed;	       /* per layer: wanted and not in the store */
	atomic_bool stopped;   /* a layer failed, and the build is strict */
	struct error **errors; /* per layer: why it could not be made */
};

/* -- build.c -- */

/* A build with its result begun: images that are not wanted or cannot be made
 * are settled, and the layers that the store lacks are marked. Their count. */
size_t build_begin(struct build *build, const struct build_options *options,
		   struct build_result *result);
void build_end(struct build *build);

/* -- downloads.c -- */

/* Brings the wheels of the needed layers into the store. A layer whose wheel
 * cannot be had gets its error. */
void build_download(struct build *build);

/* -- layers.c -- */

/* Makes one layer and records it. */
int build_make_layer(struct build *build, size_t layer, struct error **err);

/* -- images.c -- */

char *build_reference(const struct build *build,
		      const struct assemble_image *image);

/* Compressed bytes of a planned image's layers, which are all known. */
uint64_t build_layer_bytes(const struct build *build, size_t planned);

/* Writes configs and manifests of all wanted images whose layers are there,
 * and lists them in the index. */
int build_write_images(struct build *build, struct error **err);
