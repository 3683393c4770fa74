/* layer: one layer of an image: tar entries in, one blob and its digests out.
 *
 * Knows: the order of bytes in a blob, compression, parent folders, that a
 * path comes once. Does not know: wheels, the store, which files belong
 * together. Memory does not grow with files: about 3 MiB a layer, and some 100
 * bytes a path.
 *
 * Source: OCI image-spec, layer.md; RFC 1952 (several members in one blob).
 *
 *   tar  = (header payload padding)* end
 *   blob = (run | splice)*     run    = member of bytes compressed anew
 *                              splice = member around a deflate stream that
 *                                       was there already (a wheel's)
 *
 * A run ends before a splice and after LAYER_RUN_BYTES, so the blob does not
 * depend on how the bytes were cut when they were given. With zstd all runs
 * are one frame, with none there is only the tar.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/str.h"
#include "codec/tar.h"

struct error;
struct layer;

enum layer_compression { LAYER_GZIP, LAYER_ZSTD, LAYER_NONE };

enum {
	LAYER_RUN_BYTES = 1 << 20,
	/* A smaller file goes into the run even if it is deflated already: a
	 * run compresses better, and a member of its own costs more time than
	 * compressing it. */
	LAYER_SPLICE_BYTES = 8 << 10,
};

struct layer_options {
	int fd; /* written from where it stands; the caller closes it */
	enum layer_compression compression;
	int64_t mtime_s;  /* of every entry */
	bool hash_beside; /* both hashes on threads of their own: for a layer
			   * that others would have to wait for */
};

struct layer_result {
	struct digest digest;	   /* of the blob */
	struct digest diff_id;	   /* of the tar */
	uint64_t compressed_bytes; /* of the blob */
	uint64_t bytes;		   /* of the tar */
	enum layer_compression compression;
};

struct layer *layer_new(const struct layer_options *options);

/* Frees a layer, finished or not. NULL is fine. */
void layer_free(struct layer *layer);
void layer_free_pointer(struct layer **layer);
#define auto_layer __attribute__((cleanup(layer_free_pointer)))

/* Everything below returns -1 with an error, after which the layer can only be
 * freed: ERR_FLEET for an entry that cannot be in a layer (a bad path, a path
 * twice, a part that begins with ".wh.", below something that is no folder, a
 * hard link to what the layer does not have), ERR_ENV for writing.
 *
 * Parents that the layer does not have yet are added as folders, 0755, of
 * 0:0, unless they were added before. A folder may be added again with equal
 * attributes, which does nothing. */

/* Adds a whole entry. payload has entry->size_bytes bytes. The entry's time is
 * ignored, here and below: options.mtime_s counts. */
int layer_add(struct layer *layer, const struct tar_entry *entry,
	      struct str payload, struct error **err);

/* Adds a folder of 0:0 if it is not there; a short form. */
int layer_add_dir(struct layer *layer, struct str path, uint32_t mode,
		  struct error **err);

/* A file in pieces, compressed anew. end fails where not entry->size_bytes
 * bytes were written. */
int layer_begin_file(struct layer *layer, const struct tar_entry *entry,
		     struct error **err);
int layer_write(struct layer *layer, struct str raw, struct error **err);
int layer_end_file(struct layer *layer, struct error **err);

/* A file whose bytes are there as a deflate stream: both sides are given, in
 * any cut and turn (both, whatever the compression). crc32 is that of the raw
 * bytes. That the two belong together and that the CRC is right is for the
 * caller to have checked before the end (zip.h does); the end checks both
 * sizes. */
int layer_begin_deflated(struct layer *layer, const struct tar_entry *entry,
			 uint32_t crc32, uint64_t deflated_bytes,
			 struct error **err);
int layer_write_deflated(struct layer *layer, struct str deflated,
			 struct error **err);

/* Before the first of them: where in the blob they will lie, as they are; false
 * where the file is compressed anew. */
bool layer_deflated_at(const struct layer *layer, uint64_t *blob_offset);
int layer_write_inflated(struct layer *layer, struct str raw,
			 struct error **err);
int layer_end_deflated(struct layer *layer, struct error **err);

/* Ends the tar and the blob. The caller syncs and publishes the file. */
int layer_finish(struct layer *layer, struct layer_result *result,
		 struct error **err);

/* "application/vnd.oci.image.layer.v1.tar+gzip" and its like; static. */
const char *layer_media_type(enum layer_compression compression);

/* "gzip", "zstd" or "none"; static. */
const char *layer_compression_name(enum layer_compression compression);

/* Adds to a key what a blob's bytes depend on besides its entries. */
void layer_key_add(struct buf *key, enum layer_compression compression);

/* Appends the name of a blob's compressor, with all versions that its bytes
 * depend on: equal names make equal blobs of equal tars. */
void layer_compressor(enum layer_compression compression, struct buf *out);

/* What a DiffID depends on besides the entries, for keys; static. */
const char *layer_tar_version(void);
