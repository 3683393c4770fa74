/* source: the files of the fleet's own tree, and the layer made of some.
 *
 * Knows: what lies below the source root, what .dockerignore and the manifest
 * leave out, how a file looks in the image. Does not know: which files a
 * service needs (decisions/graph.h).
 *
 * Source of the ignore rules: the Dockerfile reference, ".dockerignore file":
 * one pattern a line, "#" comments, "!" brings back, the last match wins, a
 * folder that matches takes all below it along.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/str.h"
#include "parts/pyc.h"

struct error;
struct layer;

struct source_file {
	struct str path; /* relative to the root, '/' between parts */
	uint64_t size_bytes;
	bool executable;
	/* NULL, or why the file cannot be used: "a symbolic link out of the
	 * source root". It concerns only services that need the file. */
	const char *problem;
	/* Identity of the content for stat-based caches. */
	uint64_t device, inode;
	int64_t mtime_ns, ctime_ns;
};

struct source_tree {
	const char *root;
	int root_fd;
	struct source_file *files; /* sorted bytewise by path */
	size_t n;
	int64_t listed_ns; /* since 1970: before the first was looked at */
};

/* Lists the tree below root. Left out: what exclude and root/.dockerignore
 * name, .git, __pycache__ and *.pyc. Symbolic links that stay inside the root
 * are followed; others and special files are listed with their problem. The
 * tree lives in arena; source_tree_close() closes its root_fd. Errors: a root
 * that cannot be read, more than a million files (ERR_FLEET). */
int source_tree_open(struct source_tree *tree, struct arena *arena,
		     const char *root, const struct str *exclude,
		     size_t exclude_count, struct error **err);
void source_tree_close(struct source_tree *tree);
#define auto_source_tree __attribute__((cleanup(source_tree_close)))
#define SOURCE_TREE_EMPTY                                                      \
	{                                                                      \
		.root_fd = -1                                                  \
	}

/* The file with exactly this path, or NULL. */
const struct source_file *source_tree_find(const struct source_tree *tree,
					   struct str path);

/* True where a change of the content since it was looked at would show in the
 * file's times: they were older than the steps in which file systems count. */
bool source_file_is_settled(const struct source_tree *tree,
			    const struct source_file *file);

/* Number of the first file whose path is prefix or begins with prefix + "/";
 * tree->n where there is none. Those that follow are its neighbours. */
size_t source_tree_below(const struct source_tree *tree, struct str prefix);

/* The content (appended), at most 64 MiB; opened below root_fd. */
int source_read(const struct source_tree *tree, const struct source_file *file,
		struct buf *out, struct error **err);

/* A service's part of the tree as a layer below /app. */
struct source_layer_input {
	const struct source_tree *tree;
	const size_t *files; /* numbers in the tree, sorted */
	size_t file_count;
	const struct digest *digests; /* of the tree's files, by number */
	const struct str *write;      /* absolute folders of the image that the
				       * service's user may write */
	size_t write_count;
	uint32_t uid, gid;     /* who owns them; all else is root's */
	const char *cache_tag; /* "cpython-311" */
	pyc_function *compile; /* NULL: no bytecode */
	void *compile_context;
};

/* Adds the files, their bytecode and the writable folders, bytewise by path.
 * A file whose content is not that of its digest any more is an error
 * (ERR_FLEET): the layer would be remembered under a key that is not its. */
int source_add_to_layer(const struct source_layer_input *input,
			struct layer *layer, struct error **err);
