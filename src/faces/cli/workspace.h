/* workspace: what most verbs open first: manifest, lock, store, network. */
#pragma once

#include <stdbool.h>

#include "faces/cli.h"
#include "facts/lockfile.h"
#include "facts/manifest.h"
#include "facts/store.h"
#include "parts/fetch.h"
#include "parts/pyindex.h"
#include "parts/source.h"
#include "work/runtime.h"

struct workspace {
	const struct cli_options *options;
	char *manifest_path, *lock_path;
	struct manifest *manifest;
	struct lock *lock; /* NULL where it was not asked for */
	struct store *store;
	struct fetch *fetch;
	struct pyindex *index;
	struct runtimes *runtimes; /* with a lock and a store */
	struct arena arena;
};

enum workspace_need {
	WORKSPACE_MANIFEST = 1,
	WORKSPACE_LOCK = 2, /* must be there */
	WORKSPACE_LOCK_IF_THERE = 16,
	WORKSPACE_STORE = 4,
	WORKSPACE_NETWORK = 8, /* fetch and index; needs the manifest */
};

/* Opens what needs names, below options->folder. */
int workspace_open(struct workspace *workspace,
		   const struct cli_options *options, unsigned needs,
		   struct error **err);

/* The configured indexes, with the packages that a track of the manifest (if
 * there is one) binds to one. WORKSPACE_NETWORK does it. */
int workspace_open_index(struct workspace *workspace, struct error **err);

void workspace_close(struct workspace *workspace);
#define auto_workspace __attribute__((cleanup(workspace_close)))

/* Which instances the words of the command line name, as a flag per instance
 * of the manifest (heap, the caller frees), or NULL with *err set. */
bool *workspace_select(const struct workspace *workspace, struct error **err);

/* Opens the source tree that the manifest names and checks the fleet in it.
 * Both live as long as the workspace. */
struct check;
int workspace_check(struct workspace *workspace, struct source_tree *tree,
		    struct check *check, struct error **err);

/* Sets family, family_by and family_why of an object; null where there is no
 * family, or nothing was chosen. */
struct json_t;
void workspace_set_family(struct json_t *object, struct str family,
			  const struct lock_family *choice);

/* Prints a JSON value on standard output and frees it. */
void workspace_print_json(struct json_t *value);
