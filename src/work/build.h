/* build: makes the images of an assembly.
 *
 * Layers whose record and blob the store has are taken as they are; for the
 * others what is missing is downloaded, then each is one task of the pool. A
 * layer that fails stops the images that stand on it and no other. Blobs are
 * published before the records that name them, images last, so that a crash
 * at any point leaves a usable store.
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

struct build_options {
	unsigned jobs;	       /* 0: one per core */
	uint64_t memory_bytes; /* 0: 384 MiB */
	bool strict;	       /* begin no layer after one has failed */
	const bool *wanted;    /* per image of the assembly; NULL: all */
};

enum build_state { BUILD_BUILT, BUILD_CACHED, BUILD_FAILED, BUILD_SKIPPED };

struct build_image {
	const struct assemble_image *image;
	enum build_state state;
	struct digest manifest, config; /* of BUILT and CACHED */
	uint64_t bytes;			/* compressed, all layers */
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
	/* Per layer of the plan; known where it was needed. */
	struct layer_result *layers;
	bool *known;
	size_t made; /* layers that were not in the store and now are */
};

/* -1 only where nothing could be done; failures of images are in the result.
 */
int build_run(const struct assembly *assembly, struct store *store,
	      struct fetch *fetch, struct pyindex *index,
	      const struct build_options *options, struct build_result *result,
	      struct error **err);

/* What a build would find done: BUILD_CACHED for wanted images that the store
 * has as the fleet is now, listed under a reference, else BUILD_FAILED, since
 * they have to be built first. Makes and downloads nothing. */
int build_find(const struct assembly *assembly, struct store *store,
	       const struct build_options *options, struct build_result *result,
	       struct error **err);

void build_result_release(struct build_result *result);
#define auto_build_result __attribute__((cleanup(build_result_release)))

const char *build_state_text(enum build_state state);

/* Appends config and manifest of a planned image (a family's too), whose
 * layers' results are all in layers (per layer of the plan). */
void build_documents(const struct assembly *assembly,
		     const struct layer_result *layers, size_t planned,
		     struct buf *config, struct buf *manifest);

/* The record of a layer in the store, under assembly_layer_key(): false where
 * it is not known. Its blob may be absent all the same. */
bool build_layer_record(struct store *store, const struct digest *key,
			struct layer_result *result);

/* Whether a cached result is a layer's record, and of which blob: what
 * store_gc_options asks. */
bool build_record_blob(struct str record, struct digest *blob);
