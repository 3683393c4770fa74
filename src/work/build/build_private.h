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
	bool *hashed; /* per part: this build has downloaded its wheel, and so
		       * hashed it */
	struct debian_tree **systems; /* per part: of an ASSEMBLE_SYSTEM that
				       * a needed layer holds */
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

/* -- system.c -- */

/* Unpacks the packages of an ASSEMBLE_SYSTEM part above its base, which is
 * open, where that is not done. */
int build_open_system(struct build *build, size_t part, struct error **err);
void build_close_systems(struct build *build);

/* -- paths.c -- */

/* An image whose wheels have different bytes at one path fails. */
void build_check_paths(struct build *build);

/* -- layers.c -- */

/* Makes one layer and records it. */
int build_make_layer(struct build *build, size_t layer, struct error **err);

/* -- images.c -- */

/* Compressed bytes of a planned image's layers, which are all known. */
uint64_t build_layer_bytes(const struct build *build, size_t planned);

/* Writes configs and manifests of all wanted images whose layers are there,
 * and lists them in the index. */
int build_write_images(struct build *build, struct error **err);

/* The reference of an image, which the caller frees. */
char *build_reference(const struct build *build,
		      const struct manifest_instance *instance,
		      const struct lock_base *base);

/* Compressed bytes of a planned image's layers. */
uint64_t build_layer_bytes(const struct build *build, size_t planned);

/* The entry of an image in the store's index; borrows the texts. */
void build_list_image(const struct manifest_instance *instance,
		      const char *reference, const struct digest *manifest,
		      uint64_t manifest_bytes, struct store_image *listed);

/* -- families.c -- */

/* Writes the images of the families whose layers are all there, and adds them
 * to the n listed. */
void build_write_families(struct build *build, struct store_image *listed,
			  size_t *n);
