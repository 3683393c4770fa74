/* export: images of the store as one archive or one folder, each blob once.
 *
 * Knows: which blobs images are made of, OCI image layouts, the manifest.json
 * that `docker load` reads. Does not know: fleets, or who reads the result.
 *
 * The archive is a hybrid: an OCI image layout that skopeo, podman and
 * containerd read, and docker's manifest.json beside it. The same images give
 * the same bytes. Blobs go from file to file in the kernel.
 *
 *   blobs/sha256/HEX, index.json, manifest.json, oci-layout
 *
 * Source: OCI image-spec v1.1, image-layout.md; Docker Image Specification
 * v1.2, "Combined Image JSON + Filesystem Changeset Format".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/str.h"
#include "facts/store.h"

struct error;
struct progress;

struct export_blob {
	struct digest digest;
	uint64_t bytes;
	bool left_out; /* of the archive: the reader has it */
	bool absent;   /* of the store, and a layer's: can be made */
};

struct export_layer {
	size_t blob; /* a number in struct export */
	struct digest chain_id;
};

struct export_image {
	struct store_image listed; /* its entry in the index */
	size_t manifest, config;   /* blobs */
	struct export_layer *layers;
	size_t layer_count;
};

/* Has the absent blobs of these digests made. */
struct export_maker {
	int (*make)(void *context, const struct digest *digests, size_t n,
		    struct error **err);
	void *context;
};

struct export
{
	struct arena arena;
	struct store *store;
	struct export_image *images;
	size_t image_count;
	ARRAY(struct export_blob) blobs; /* sorted by digest */
	struct export_maker maker;	 /* set by whoever has one */
};

/* Reads the manifests and configs of these images, which the store has; list
 * entries are borrowed. Layers may be absent until export_complete. ERR_ENV
 * where an image is damaged. */
int export_open(struct export *export, struct store *store,
		const struct store_image *images, size_t count,
		struct error **err);
void export_release(struct export *export);
#define auto_export __attribute__((cleanup(export_release)))

/* Has the maker make the absent blobs that are not left out: before anything
 * is written. ERR_ENV where one is absent still. */
int export_complete(struct export *export, struct error **err);

/* Bytes of the blobs that are not left out. */
uint64_t export_bytes(const struct export *export);

/* Appends the name in full, as docker and containerd keep it: one without a
 * host ("echo:1", "team/echo:1") belongs to docker's own domain. Source: the
 * package "reference" of the distribution project, ParseNormalizedNamed. */
void export_full_name(struct str reference, struct buf *out);

/* Writes the archive to fd, which messages call name. */
int export_archive(const struct export *export, int fd, const char *name,
		   struct error **err);

/* The same as a file, which appears when it is complete. */
int export_file(const struct export *export, const char *path,
		struct error **err);

/* The same as a folder, which must be empty or absent and appears when it is
 * complete. */
int export_folder(const struct export *export, const char *path,
		  struct error **err);
