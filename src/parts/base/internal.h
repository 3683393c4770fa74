/* What the files of base share. */
#pragma once

#include "base/map.h"
#include "codec/oci.h"
#include "parts/base.h"

/* -- layout.c: a folder or archive of images -- */

struct layout;

/* What one member came out as in the store. */
struct layout_blob {
	struct digest digest;
	uint64_t size_bytes;
	enum oci_compression compression; /* by its first bytes */
};

/* Opens "DIR", "DIR:REF" or an archive; reads its small members. */
int layout_open(enum lock_base_kind kind, struct str text,
		struct layout **layout, struct error **err);
void layout_free(struct layout *layout);
void layout_free_pointer(struct layout **layout);
#define auto_layout __attribute__((cleanup(layout_free_pointer)))

/* The REF of "DIR:REF", or empty. */
struct str layout_reference(const struct layout *layout);

bool layout_has(const struct layout *layout, const char *name);

/* A small member's bytes, appended. */
int layout_read(const struct layout *layout, const char *name, struct buf *out,
		struct error **err);

/* Copies members into the store as blobs. expected (may be NULL) are the
 * digests that they must have. */
int layout_import(const struct layout *layout, struct store *store,
		  const struct str *names, size_t count,
		  const struct digest *expected, struct layout_blob *blobs,
		  struct error **err);

/* -- saved.c: what `docker save` wrote before version 25 -- */

/* Imports the platform's image, fills base as base_find(). */
int base_find_saved(const struct layout *layout, struct store *store,
		    struct str platform, struct arena *arena,
		    struct lock_base *base, struct error **err);

/* -- base.c -- */

/* Checks a config against what its image should be, takes over its DiffIDs and
 * environment. */
int base_take_config(struct str config, struct str platform,
		     struct arena *arena, struct lock_base *base,
		     struct error **err);

/* -- unpack.c -- */

/* Applies the base's layers, which are in the store, to an empty folder. bytes
 * has their unpacked sizes afterwards. */
int base_unpack(struct store *store, const struct lock_base *base,
		const char *root, uint64_t *bytes, struct error **err);

/* -- skeleton.c, library.c: the layer on top -- */

/* Adds a folder with the mode that the tree has for it. */
int base_add_folder(const struct base_tree *tree, const char *path,
		    struct layer *layer, struct error **err);

/* Adds the bytecode of the standard library that the image lacks. */
int base_add_library(const struct base_tree *tree, const struct lock_base *base,
		     struct layer *layer, pyc_function *pyc, void *context,
		     struct error **err);

struct base_tree {
	char *root;
	uint64_t layer_bytes[OCI_MAX_LAYERS];
};
