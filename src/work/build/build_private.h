/* What the files of build share. */
#pragma once

#include "facts/store.h"
#include "parts/debian.h"
#include "parts/pyc.h"
#include "work/build.h"

/* A base whose Python is there to be run. */
struct build_base {
	const struct lock_base *base;
	struct debian_tree *tree;
	struct pyc_pool *pyc; /* NULL where no bytecode is wanted */
	struct str python_id;
	struct error *error; /* why there is none */
};

struct build {
	const struct assembly *assembly;
	struct store *store;
	struct fetch *fetch;
	struct pyindex *index;
	const struct build_options *options;
	struct build_result *result;
	struct build_base *bases;
	size_t base_count;
	bool *needed;	       /* per layer: wanted and not in the store */
	struct error **errors; /* per layer: why it could not be made */
};

/* -- bases.c -- */

/* Opens the trees of the bases that the needed layers want, and their pools of
 * compilers. Failures are kept per base. */
void build_open_bases(struct build *build);
void build_close_bases(struct build *build);
struct build_base *build_base_of(struct build *build,
				 const struct lock_base *base);

/* -- downloads.c -- */

/* Brings the wheels of the needed layers into the store. A layer whose wheel
 * cannot be had gets its error. */
void build_download(struct build *build);

/* -- layers.c -- */

/* Makes one layer and records it. */
int build_make_layer(struct build *build, size_t layer, struct error **err);

/* -- images.c -- */

/* Writes configs and manifests of all wanted images whose layers are there,
 * and lists them in the index. */
int build_write_images(struct build *build, struct error **err);
