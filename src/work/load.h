/* load: images into docker or podman of this host, without a registry.
 *
 * Knows: what an engine has, what it lacks, how it takes an archive. Does not
 * know: fleets, or how images are made.
 *
 * Speaks through the engine's own command line, so that contexts, DOCKER_HOST
 * (also ssh and TLS) and rootless engines work as they do for the user.
 * docker's classic store knows layers by ChainID and takes an archive that
 * lacks those it has; one that the store of containerd keeps, and podman, get
 * every layer.
 *
 * Source: OCI image-spec, config.md, "Layer ChainID"; Docker Engine API v1.41,
 * "Get an image", "Load images".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "work/export.h"

struct error;

struct load_engine {
	char *program; /* "docker" or "podman" */
	char *version;
	bool takes_partial; /* may lack layers that it has */
};
void load_engine_release(struct load_engine *engine);
#define auto_load_engine __attribute__((cleanup(load_engine_release)))

/* Finds the engine that answers: the wanted one ("docker", "podman"), or with
 * NULL docker, else podman. ERR_USAGE for another word; ERR_ENV, with what it
 * said, where none answers. */
int load_engine_find(const char *wanted, struct load_engine *engine,
		     struct error **err);

enum load_state { LOAD_LOADED, LOAD_PRESENT, LOAD_FAILED };

/* A layer that two images need is sent once, and counts for the first. */
struct load_image {
	enum load_state state;
	size_t sent_layers, present_layers;
	uint64_t sent_bytes;
};

struct load_result {
	struct load_image *images; /* per image of the export */
	size_t failed;
};
void load_result_release(struct load_result *result);
#define auto_load_result __attribute__((cleanup(load_result_release)))

/* Sends the images that the engine does not have under their references, in
 * one archive, and asks it afterwards whether it has them: an image that it
 * still lacks is LOAD_FAILED. Marks blobs of the export as left out. May be
 * interrupted and done again. */
int load_run(const struct load_engine *engine, struct export *export,
	     struct load_result *result, struct error **err);

const char *load_state_text(enum load_state state);
