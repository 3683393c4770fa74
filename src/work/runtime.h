/* runtime: the locked bases of a fleet, unpacked and with their compilers, once
 * somebody needs them.
 *
 * Knows: how a base of the lock becomes a tree in the store and a pool of
 * workers of its Python. Does not know: what is compiled or made of it.
 */
#pragma once

#include "base/arena.h"
#include "base/str.h"
#include "facts/lockfile.h"
#include "facts/manifest.h"
#include "parts/base.h"
#include "parts/debian.h"
#include "parts/pyc.h"

struct error;
struct fetch;
struct runtime;
struct runtimes;
struct store;

struct runtime_options {
	const struct lock *lock; /* must outlive the runtimes */
	struct store *store;
	struct fetch *fetch;
	unsigned jobs; /* threads, compilers at once; 0: one per core */
	/* Where bases come from, which no lock says; and the folder that paths
	 * in it are relative to. Both must outlive the runtimes. */
	const struct manifest *manifest;
	const char *folder;
};

/* Where an image base comes from: a host or a path. arena holds the text. */
struct base_source runtime_base_source(const struct manifest_base *base,
				       const char *folder, struct store *store,
				       struct registry *registry,
				       struct arena *arena);

/* Where the packages of a Debian base come from; base NULL: what the host's apt
 * names. */
struct debian_source runtime_debian_source(const struct manifest_base *base,
					   struct store *store,
					   struct fetch *fetch);

/* "linux/amd64"; empty for a processor that slipway does not know. */
struct str runtime_host_platform(void);

/* Opens nothing yet. */
struct runtimes *runtimes_new(const struct runtime_options *options);
void runtimes_free(struct runtimes *runtimes);

/* The runtime of a base of the lock. Never NULL for one of its bases. */
struct runtime *runtimes_get(struct runtimes *runtimes,
			     const struct lock_base *base);

/* Brings the base into the store where it is not, which may download. Any
 * thread; the first caller does it, its error is everyone's. The compilers of a
 * base of another platform are those of one of this host's with the same
 * Python; without one that is an error. */
int runtime_open(struct runtime *runtime, struct error **err);

/* Of an opened runtime: the tree of its kind of base, the other one is NULL. */
const struct debian_tree *runtime_tree(const struct runtime *runtime);
const struct base_tree *runtime_image_tree(const struct runtime *runtime);
struct pyc_pool *runtime_compilers(const struct runtime *runtime);

/* Where the base's packages come from. */
struct debian_source runtime_source(const struct runtime *runtime);

/* Brings the layers of an image base into the store. Any thread. */
int runtime_pull(struct runtime *runtime, struct error **err);

struct store *runtime_store(const struct runtime *runtime);

/* What bytecode depends on besides source and path: the build of the base's
 * interpreter. Known without opening it. */
struct str runtime_python_id(const struct runtime *runtime);

/* The Python 3 minor version of a base; 0 where the lock does not say. */
unsigned runtime_python_minor(const struct lock_base *base);
