/* build: makes the images of an assembly.
 *
 * Layers whose record and blob the store has are taken as they are; each of the
 * others is one task of the pool, which begins when its wheels are there, while
 * others are still being downloaded. A
 * layer that fails stops the images that stand on it and no other. Blobs are
 * published before the records that name them, images last, so that a crash
 * at any point leaves a usable store.
 *
 * A layer that the lock carries may be known but absent: images are described
 * without its blob, which is made when somebody needs it. What the lock says
 * of a layer is a claim: it counts where this store made the layer too, or
 * where a key of policy.trust signed it. Any other claim is compared with what
 * comes out here, and one that differs is an error.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "parts/layer.h"
#include "work/assemble.h"

struct buf;
struct error;
struct fetch;
struct pyindex;
struct store;
struct store_image;

struct build_options {
	unsigned jobs;	       /* 0: one per core */
	uint64_t memory_bytes; /* 0: 384 MiB */
	/* Begin no layer after one has failed, and compare every hash of a
	 * wheel's RECORD (wheel_add_options.strict). */
	bool strict;
	const bool *wanted; /* per image of the assembly; NULL: all */
	const bool *bytes;  /* per layer of the plan: its blob has to be
			     * there, whatever the images; NULL: none */
	bool prove;	    /* no signature counts */
};

/* KNOWN: described in full, but a layer's blob is absent, so that the index
 * does not list it. */
enum build_state {
	BUILD_BUILT,
	BUILD_CACHED,
	BUILD_KNOWN,
	BUILD_FAILED,
	BUILD_SKIPPED,
};

struct build_image {
	const struct assemble_image *image;
	enum build_state state;
	struct digest manifest, config; /* of BUILT, CACHED and KNOWN */
	uint64_t manifest_bytes;
	uint64_t bytes; /* compressed, all layers */
	char *reference;
	struct error *error; /* of FAILED */
};

/* A family's own image; those whose layers were not all made have none. */
struct build_family {
	const struct assemble_family *family;
	enum build_state state;
	struct digest manifest;
	uint64_t bytes;
	char *reference;
	struct error *error; /* of FAILED */
};

struct build_result {
	struct build_image *images;
	size_t n, failed;
	struct build_family *families;
	size_t family_count;
	/* Per layer of the plan; where it was needed it is known, or absent:
	 * then only its blob is not in the store. */
	struct layer_result *layers;
	bool *known, *absent;
	size_t made; /* layers that were not in the store and now are */
};

/* -1 only where nothing could be done; failures of images are in the result.
 */
int build_run(const struct assembly *assembly, struct store *store,
	      struct fetch *fetch, struct pyindex *index,
	      const struct build_options *options, struct build_result *result,
	      struct error **err);

/* What a build would find done: BUILD_CACHED for wanted images that the store
 * has as the fleet is now, listed under a reference; BUILD_KNOWN where blobs
 * are absent that build_run makes when bytes names their layers; else
 * BUILD_FAILED, since they have to be built first. Makes no layer, downloads
 * nothing. */
int build_find(const struct assembly *assembly, struct store *store,
	       const struct build_options *options, struct build_result *result,
	       struct error **err);

/* Makes the source layers of wanted images whose other layers are all known, so
 * that their digests are known too. What cannot be made stays unknown. */
void build_sources(const struct assembly *assembly, struct store *store,
		   const struct build_options *options);

void build_result_release(struct build_result *result);
#define auto_build_result __attribute__((cleanup(build_result_release)))

const char *build_state_text(enum build_state state);

/* Appends config and manifest of a planned image (a family's too), whose
 * layers' results are all in layers (per layer of the plan). */
void build_documents(const struct assembly *assembly,
		     const struct layer_result *layers, size_t planned,
		     struct buf *config, struct buf *manifest);

/* Whether a cached result is a layer's record, and of which blob: what
 * store_gc_options asks. */
bool build_record_blob(struct str record, struct digest *blob);

/* What a layer of the plan came out as, where this store made it or the lock's
 * claim counts; its blob may be absent all the same. */
bool build_layer_known(const struct assembly *assembly, struct store *store,
		       size_t layer, struct layer_result *result);

/* Adds to the lock (that of the assembly, or one read since) the layers of the
 * plan that this store has made, but for sources; a record by another
 * compressor is replaced. Signs those that no trusted key has signed, where
 * there is a key. A record that is wrong stays as it is. */
struct build_recorded {
	size_t added, replaced, is_signed;
};
void build_record(const struct assembly *assembly, struct store *store,
		  const struct sign_key *key, struct lock *lock,
		  struct build_recorded *recorded);

/* Makes the layers that the lock records and this store has not made, and
 * compares: all, or with since those whose record that lock does not have as
 * it is. A record of no layer of the plan cannot be made, and is an error. */
struct build_proof {
	size_t asked;	      /* records */
	struct error **wrong; /* those that are not proven: why */
	size_t wrong_count;
};
int build_prove(const struct assembly *assembly, struct store *store,
		struct fetch *fetch, struct pyindex *index,
		const struct build_options *options, const struct lock *since,
		struct build_proof *proof, struct error **err);
void build_proof_release(struct build_proof *proof);
#define auto_build_proof __attribute__((cleanup(build_proof_release)))

/* Takes the records off the lock that are of no layer of the plan. Their
 * count. */
size_t build_forget(const struct assembly *assembly, struct lock *lock);

/* The entry of an image in a store's index; borrows the texts. */
void build_list_image(const struct manifest_instance *instance,
		      const char *reference, const struct digest *manifest,
		      uint64_t manifest_bytes, struct store_image *listed);
