/* oci: the documents of an image: index, manifest and config, to values.
 *
 * Knows: OCI's and Docker's media types, bounds, which manifest of an index is
 * a platform's. Does not know: where documents come from, whether they have
 * the digest that they should have, or how layers are unpacked. slipway's own
 * documents are written by decisions/image.h.
 *
 * Source: OCI image-spec v1.1, manifest.md, image-index.md, config.md,
 * descriptor.md; Docker's "Image Manifest Version 2, Schema 2".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/str.h"

enum {
	OCI_MAX_BYTES = 4 << 20, /* of a document */
	OCI_MAX_LAYERS = 127,
	OCI_MAX_MANIFESTS = 4096, /* of an index */
	OCI_MAX_VARIABLES = 1024, /* of a config's environment */
};

#define OCI_INDEX_TYPE	  "application/vnd.oci.image.index.v1+json"
#define OCI_MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define DOCKER_INDEX_TYPE                                                      \
	"application/vnd.docker.distribution.manifest.list.v2+json"
#define DOCKER_MANIFEST_TYPE                                                   \
	"application/vnd.docker.distribution.manifest.v2+json"

struct oci_descriptor {
	struct str media_type;
	struct digest digest;
	uint64_t size_bytes;
	struct str os, architecture, variant; /* of an index's entry */
	struct str reference;		      /* its ref.name */
};

/* A manifest or an index. */
struct oci_document {
	bool is_index;
	struct oci_descriptor config;	/* of a manifest */
	struct oci_descriptor *entries; /* layers, lowest first; or manifests */
	size_t n;
};

struct oci_config {
	struct str os, architecture;
	struct digest *diff_ids; /* lowest first */
	size_t diff_id_count;
	struct str *env; /* "NAME=value" */
	size_t env_count;
};

/* Reads a manifest or index; media_type is what it came under, for one that
 * does not say itself, or empty. Texts are copied into arena. NULL, or what is
 * wrong as a sentence's end: "layers[3] has no SHA-256 digest". */
const char *oci_read_document(struct str text, struct str media_type,
			      struct arena *arena,
			      struct oci_document *document);
const char *oci_read_config(struct str text, struct arena *arena,
			    struct oci_config *config);

/* The entry of an index for "linux/amd64", or NULL. */
const struct oci_descriptor *oci_choose(const struct oci_document *index,
					struct str platform);

/* "linux/amd64" for messages, "an unknown platform" where it does not say. */
struct str oci_platform(const struct oci_descriptor *entry,
			struct arena *arena);

enum oci_compression { OCI_GZIP, OCI_ZSTD, OCI_NONE };

/* How a layer of this media type is compressed. False for one that is no
 * layer that can be unpacked (of Windows, encrypted, of another thing). */
bool oci_layer_compression(struct str media_type,
			   enum oci_compression *compression);

/* The OCI media type of such a layer; static. */
const char *oci_layer_type(enum oci_compression compression);
