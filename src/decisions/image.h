/* image: the OCI documents of one service on one machine.
 *
 * Knows: which environment, user, entrypoint, ports and health check follow
 * from the manifest. Does not know: how layers are made or where they are.
 * Values in, values out; the same input gives the same bytes.
 *
 * What slipway-init reads from the environment: docs/init.md.
 *
 * Source: OCI image-spec v1.1, config.md, manifest.md, annotations.md; the
 * Docker Image Specification v1.2 for Healthcheck.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/str.h"
#include "facts/manifest.h"

/* Where things are in every image. */
#define IMAGE_VENV   "/opt/venv"
#define IMAGE_APP    "/app"
#define IMAGE_PYTHON IMAGE_VENV "/bin/python"
#define IMAGE_INIT   "/usr/sbin/slipway-init"
#define IMAGE_GPU    "/usr/sbin/slipway-gpu"

struct image_layer {
	struct digest digest, diff_id;
	uint64_t compressed_bytes;
	struct str media_type;
	struct str made_of; /* for `docker history`: "torch 2.4.1" */
};

struct image_input {
	const struct manifest *manifest;
	/* A machine without a name makes it the image of a family, named as
	 * its service: it runs Python, and nobody asks for its health. */
	const struct manifest_instance *instance;
	const struct image_layer *layers; /* lowest first */
	size_t layer_count;
	struct str base_name;	   /* annotation base.name; may be empty */
	struct digest base_digest; /* zero: none */
	/* The base's own variables, "NAME=value": slipway's win over them, but
	 * its PATH goes on with the base's. */
	const struct str *base_env;
	size_t base_env_count;
	int64_t created_s; /* SOURCE_DATE_EPOCH or 0 */
};

/* Appends the config document. */
void image_config(const struct image_input *input, struct buf *out);

/* Appends the manifest document that names the config. */
void image_manifest(const struct image_input *input, struct str config,
		    struct buf *out);

/* "registry/name:tag" of an instance: the repository is the service's name in
 * lower case; the tag is the manifest's template with {version} {python}
 * {track} {os} {machine} {git} {date} replaced. What a tag may not have becomes
 * '-'. */
struct image_words {
	struct str python; /* "311" */
	struct str os;	   /* "bookworm" */
	struct str git;	   /* short commit, or "nogit" */
	struct str date;   /* "20260131" */
};
void image_reference(const struct manifest *manifest,
		     const struct manifest_instance *instance,
		     const struct image_words *words, struct buf *out);

/* ChainID of a layer with this DiffID on the layers of a ChainID; below is NULL
 * for the lowest. Source: OCI image-spec, config.md, "Layer ChainID". */
struct digest image_chain_id(const struct digest *below,
			     const struct digest *diff_id);
