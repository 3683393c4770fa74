/* What the files of check share. */
#pragma once

#include "base/buf.h"
#include "base/map.h"
#include "work/check.h"
#include "work/runtime.h"

/* What the last check of the tree by this Python found, see memory.c. */
struct check_memory {
	struct buf bytes;  /* as it was stored; loaded scans borrow from it */
	struct str *scans; /* saved, per file of the tree; p NULL: unknown */
	bool *is_new;	   /* per file: scanned by this check */
	size_t count;	   /* of files in what was stored */
};

/* The tree as one Python sees it: services whose base has the same interpreter
 * share what was read and compiled. */
struct check_python {
	const struct lock_base *base; /* NULL: no lock */
	struct runtime *runtime;      /* NULL: nothing is compiled */
	unsigned minor;
	struct check_file *files; /* per file of the tree */
	struct check_memory memory;
	struct map stdlib;    /* see stdlib.c */
	struct arena *arenas; /* of the chunks, see sources.c */
	size_t arena_count;
};

/* -- sources.c -- */

/* Reads and scans every Python file of the tree that memory does not know, on
 * all cores. */
int check_read_sources(struct check *check, struct check_python *python,
		       unsigned jobs, struct error **err);

/* Compiles the files whose flag is set and which were not yet. Problems of the
 * interpreter itself are errors, those of a file are its verdict. */
int check_compile_sources(struct check *check, struct check_python *python,
			  const bool *wanted, unsigned jobs,
			  struct error **err);

/* -- memory.c -- */

/* Sets the scans of files that are as they were; store may be NULL. */
void check_memory_load(struct check_memory *memory,
		       const struct source_tree *tree, unsigned minor,
		       struct store *store);

/* Stores the scans of the tree's files where they are not those that were
 * loaded. That it cannot be stored is no error. */
void check_memory_save(const struct check_memory *memory,
		       const struct source_tree *tree, unsigned minor,
		       struct store *store);
void check_memory_release(struct check_memory *memory);

/* -- stdlib.c -- */

/* Fills the names of the standard library of a Python 3 minor version. */
void check_read_stdlib(struct map *stdlib, unsigned minor);

/* A callback of graph_start; context is the map. */
bool check_is_stdlib(void *context, struct str module, bool *wins);

struct lock_service;
struct lock_owner;

/* What the lock records of an instance's service, or NULL. */
const struct lock_service *
check_find_service(const struct lock *lock,
		   const struct manifest_instance *instance);

/* Which distribution has a module for it, or NULL. */
const struct lock_owner *check_find_owner(const struct lock_service *service,
					  struct str module);

/* -- walk.c -- */

/* Walks every instance of a Python; with_verdicts: files that do not compile
 * have no edges. */
int check_walk(struct check *check, struct check_python *python,
	       const struct graph_tree *tree, const struct lock *lock,
	       bool with_verdicts, struct error **err);

/* -- judge.c -- */

/* Judges every instance of a Python after its walk. */
void check_judge(struct check *check, struct check_python *python,
		 const struct lock *lock, const struct str *paths);

/* -- files.c -- */

/* Marks (where marks is not NULL) the files that a path, folder or glob of the
 * manifest names; true where there is any. Python sources are marked as well.
 */
bool check_matches(const struct source_tree *tree, struct str pattern,
		   bool *marks);

/* Sets the files of the instance's source layer. */
void check_choose_files(struct check *check, struct check_instance *instance);
