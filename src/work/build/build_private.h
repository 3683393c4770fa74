/* What the files of build share. */
#pragma once

#include <stdatomic.h>

#include "facts/store.h"
#include "work/build.h"
#include "work/runtime.h"

struct build_download;
struct lock_file;
struct pool;
struct wheel;

/* What a claim of the lock is worth where this store has not made the layer.
 * With CLAIM_OTHER_COMPRESSOR only its DiffID binds. */
enum build_claim {
	CLAIM_NONE,
	CLAIM_TRUSTED,
	CLAIM_UNSIGNED,
	CLAIM_OF_STRANGER,
	CLAIM_OTHER_COMPRESSOR,
	CLAIM_KINDS,
};

struct build_judgement {
	struct layer_result result; /* where made here, or trusted */
	enum build_claim worth;
	bool is_made_here; /* the store has its own record */
};

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
	size_t claims[CLAIM_KINDS]; /* of the needed layers */
	struct {
		struct build_download **p;
		size_t n, capacity;
	} downloads;
	struct build_download **download_of; /* per part; NULL: none */
	struct progress *download_progress;
	struct wheel *_Atomic *wheels; /* per part: what layers were made of */
	struct debian_tree **systems;  /* per part: of an ASSEMBLE_SYSTEM that
					* a needed layer holds */
};

/* -- build.c -- */

/* A build with its result begun: images that are not wanted or cannot be made
 * are settled, and the layers that the store lacks are marked. Their count. */
size_t build_begin(struct build *build, const struct build_options *options,
		   struct build_result *result);
void build_end(struct build *build);

/* True for a layer so large that some cores would have nothing to do but wait
 * for it. */
bool build_is_last(const struct build *build, size_t layer);

/* Downloads what the needed layers lack, and makes them. */
void build_make_needed(struct build *build, size_t needed);

/* -- claims.c -- */

/* What is known of a layer. -1 where the claim is wrong: it differs from what
 * this store made, or from what was signed. */
int build_judge(const struct assembly *assembly, struct store *store,
		size_t layer, struct build_judgement *out, struct error **err);

/* The lock's claim of a layer, or NULL. */
const struct lock_layer *build_claim(const struct assembly *assembly,
				     size_t layer);

/* Whether policy.trust names the signer, and whether it is his signature: an
 * error, or a flag. */
bool build_signer_counts(const struct assembly *assembly,
			 const struct lock_layer *claim);
int build_check_signature(const struct assembly *assembly, size_t layer,
			  const struct lock_layer *claim, struct error **err);
bool build_claim_is_signed(const struct lock_layer *claim);

/* Settles whether a layer is known, absent, needed or has an error. */
void build_find_layer(struct build *build, size_t layer);

/* Compares what a layer came out as with the lock's claim, if there is one. */
int build_check_claim(const struct build *build, size_t layer,
		      struct error **err);

/* Says which claims did not count. */
void build_tell_claims(const struct build *build);

/* -- downloads.c -- */

/* Adds a task for each wheel of the needed layers that the store lacks. */
void build_add_downloads(struct build *build, struct pool *pool);
void build_end_downloads(struct build *build);

/* The tasks that bring a layer's wheels, at most one for each of its parts;
 * their number. */
size_t build_downloads_of(const struct build *build, size_t layer,
			  size_t *tasks);

/* Fetches the wheel of a layer's part, where none of these tasks does. */
int build_begin_wheel(struct build *build, size_t part, struct error **err);

/* The file of a part's wheel, once it is there. Heap, the caller frees. */
char *build_wheel_path(const struct build *build, size_t part);

/* True for a file that build_end_wheel() leaves in the store. */
bool build_wheel_stays(const struct build *build, size_t part);

/* True where the download was, by this build. */
bool build_wheel_was_hashed(const struct build *build, size_t part);

/* The layer has been made, with that blob: a wheel that need not stay goes. */
int build_end_wheel(struct build *build, size_t part, const struct digest *blob,
		    struct error **err);

/* -- recipes.c -- */

/* Saves how the wheel's file, open as fd, is made again of the layer that it
 * was added to. False where that is not worth it or not possible. */
bool build_save_recipe(struct build *build, const struct lock_file *file,
		       int fd, const struct wheel *wheel,
		       const struct digest *blob);

/* Makes a wheel so: published, or left in held where that is not NULL. False
 * where it has to be fetched. */
bool build_follow_recipe(struct build *build, const struct lock_file *wheel,
			 struct store_partial *held);

/* Marks a recipe as used, for gc. */
void build_touch_recipe(struct build *build, const struct lock_file *wheel);

/* -- system.c -- */

/* Unpacks the packages of an ASSEMBLE_SYSTEM part above its base, which is
 * open, where that is not done. */
int build_open_system(struct build *build, size_t part, struct error **err);
void build_close_systems(struct build *build);

/* -- paths.c -- */

/* An image whose wheels have different bytes at one path fails. After all
 * layers: what they were made of need not be in the store any more. */
void build_check_paths(struct build *build);

/* -- layers.c -- */

/* Makes one layer and records it. */
int build_make_layer(struct build *build, size_t layer, struct error **err);

/* The store's own record of a layer, under assembly_layer_key(): false where
 * it has not made it. Its blob may be absent all the same. */
bool build_layer_record(struct store *store, const struct digest *key,
			struct layer_result *result);

/* -- images.c -- */

/* Compressed bytes of a planned image's layers, which are all known. */
uint64_t build_layer_bytes(const struct build *build, size_t planned);

/* Writes configs and manifests of all wanted images whose layers are there,
 * and lists them in the index. */
int build_write_images(struct build *build, struct error **err);

/* Gives an image the error of one of its layers. */
void build_fail_image(struct build_image *image, const struct error *error);

/* The reference of an image, which the caller frees. */
char *build_reference(const struct build *build,
		      const struct manifest_instance *instance,
		      const struct lock_base *base);

/* What the layers of a planned image are together: the first error on the way
 * to its leaf (or NULL), else whether one is not known at all or absent. */
struct build_stack {
	const struct error *error;
	bool is_missing, has_absent;
};
struct build_stack build_stack(const struct build *build, size_t planned);

/* Writes config and manifest of a planned image, whose layers are all known or
 * absent. is_new: the store did not have that manifest. */
int build_put_documents(const struct build *build, size_t planned,
			struct digest *config, struct digest *manifest,
			uint64_t *manifest_bytes, bool *is_new,
			struct error **err);

/* -- families.c -- */

/* Writes the images of the families whose layers are all there, and adds them
 * to the n listed. */
void build_write_families(struct build *build, struct store_image *listed,
			  size_t *n);
