/* check: can every service start? Levels 1 and 2 of the proof, for the fleet.
 *
 * Every Python file of the source tree is read and scanned once per Python
 * version, on all cores; what a service reaches is compiled by the base's own
 * interpreter; decisions/graph and decisions/verdict say what follows. Finds no
 * distribution for an import that the lock does not name: check never resolves.
 *
 * What was found in files that did not change since is remembered in the store.
 *
 * A sick file or service stops no other. The result also says which files the
 * source layer of a service holds.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "decisions/graph.h"
#include "decisions/verdict.h"
#include "facts/lockfile.h"
#include "facts/manifest.h"
#include "parts/pyc.h"
#include "parts/source.h"

struct error;
struct runtimes;
struct store;

/* A file of the tree as one Python version sees it. */
struct check_file {
	bool is_python;
	const char *unreadable; /* why it could not be read, or NULL */
	struct pyscan scan;
	bool is_compiled; /* the verdict is known */
	enum pyc_verdict verdict;
	struct pyc_problem problem;
};

struct check_instance {
	const struct manifest_instance *instance;
	struct check_python *python; /* NULL: skipped */
	struct graph graph;
	const struct mapping_result *owners; /* per import; NULL: the lock does
					      * not say */
	struct verdict verdict;		     /* status and diagnostics */
	/* Numbers of the tree's files that the source layer holds: reached ones
	 * (but for typing), data, what `allow` includes. Sorted. */
	size_t *files;
	size_t file_count;
};

struct check {
	struct arena arena;
	const struct manifest *manifest;
	const struct source_tree *tree;
	struct check_python *pythons;
	size_t python_count;
	struct check_instance *instances; /* the manifest's, in its order */
	size_t instance_count;
};

struct check_options {
	const struct manifest *manifest;
	const struct source_tree *tree;
	const struct lock *lock;   /* or NULL: nothing is compiled or owned */
	struct runtimes *runtimes; /* of the lock, or NULL */
	struct store *store; /* remembers scans; NULL: every file is read */
	unsigned jobs;
};

/* -1 only where nothing could be checked (cancelled, no memory budget). The
 * options' values must outlive the result. */
int check_run(const struct check_options *options, struct check *check,
	      struct error **err);
void check_release(struct check *check);
#define auto_check __attribute__((cleanup(check_release)))
