/* base: an image that others made, as a base: from a registry, an OCI layout
 * or an archive of `docker save`.
 *
 * Knows: how a platform's image is found in each, its layers as blobs of the
 * store, unpacked as one tree, which Python is in it, and the one layer that
 * slipway puts on top. Does not know: the manifest, how Python compiles, the
 * bases that are made of Debian packages (parts/debian.h).
 *
 * Source: OCI image-spec v1.1, image-layout.md, layer.md ("Whiteouts"); the
 * Docker Image Specification v1.2, "Combined Image JSON + Filesystem Changeset
 * Format" (manifest.json of `docker save`).
 *
 * An archive that has an index.json is read as a layout, one that only has a
 * manifest.json as `docker save` wrote it before version 25; its layers have
 * no digests of blobs, so they are hashed and an OCI manifest is made of them.
 *
 * The blobs are kept byte for byte, so that the layers of an image that stands
 * on such a base are the ones that registries have already.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/str.h"
#include "facts/lockfile.h"
#include "parts/pyc.h"

struct base_tree;
struct error;
struct layer;
struct registry;
struct store;

struct base_source {
	struct store *store;
	struct registry *registry;
	enum lock_base_kind kind; /* not LOCK_BASE_DEBIAN */
	struct str text; /* a reference; or the path of a folder ("DIR" or
			  * "DIR:REF") or of an archive on this host */
};

/* Finds the platform's image and sets base's digest, layers (but for their
 * unpacked bytes) and env. All in arena. ERR_FLEET where there is no such
 * image, none for the platform, several that it may be, or one that breaks the
 * rules; ERR_ENV where it cannot be read or fetched. */
int base_find(const struct base_source *source, struct str platform,
	      struct arena *arena, struct lock_base *base, struct error **err);

/* Brings the layers that the store lacks into it, each checked against the
 * lock. ERR_FLEET where a layout or archive holds another image by now. */
int base_pull(const struct base_source *source, const struct lock_base *base,
	      struct error **err);

/* The image unpacked in the store, from there or made: pulls, checks every
 * DiffID, applies whiteouts. ERR_FLEET for a
 * hostile or damaged layer: a path out of the root, too many or too large
 * files, a tar that ends early, other bytes than the DiffID names. Devices are
 * left out; owners are those of the process. */
int base_tree_open(const struct base_source *source,
		   const struct lock_base *base, struct base_tree **tree,
		   struct error **err);
void base_tree_free(struct base_tree *tree);
void base_tree_free_pointer(struct base_tree **tree);
#define auto_base_tree __attribute__((cleanup(base_tree_free_pointer)))

/* Bytes of a layer's tar. */
uint64_t base_tree_layer_bytes(const struct base_tree *tree, size_t layer);

/* The folder with the image's files. */
const char *base_tree_root(const struct base_tree *tree);

/* Finds the Python of the tree ("3.10", or empty: the one that its PATH has),
 * asks it, and sets python, glibc and interpreter, in arena. Refuses a base
 * that slipway's layers would break (ERR_FLEET): without glibc, with something
 * else at their places. ERR_ENV where its Python does not run here. */
int base_tree_describe(const struct base_tree *tree, struct str python,
		       struct arena *arena, struct lock_base *base,
		       struct error **err);

/* The layer on top of the image's own: /opt/venv, the user app (10001) in its
 * /etc/passwd and /etc/group, /home/app, and bytecode of the standard library
 * where the image has none. pyc NULL: without bytecode. */
int base_tree_add_to_layer(const struct base_tree *tree,
			   const struct lock_base *base, struct layer *layer,
			   pyc_function *pyc, void *context,
			   struct error **err);

/* The key of that layer, less its compression and the bytecode's version. */
struct digest base_layer_key(const struct lock_base *base);
