/* Images that are ready to leave the store: for export, load and their like. */
#pragma once

#include "faces/cli/workspace.h"
#include "facts/store.h"
#include "parts/source.h"
#include "work/assemble.h"
#include "work/build.h"
#include "work/check.h"
#include "work/export.h"

struct ready {
	struct workspace workspace;
	struct source_tree tree;
	struct check check;
	struct assembly assembly;
	struct build_result result; /* as build_find gives it */
	struct store_image_list listed;
	struct export export;
	bool stops; /* --strict: something was wrong, so nothing is opened */
	size_t *numbers; /* of the export's images, in the result */
};

#define READY_EMPTY                                                            \
	{                                                                      \
		.tree = SOURCE_TREE_EMPTY                                      \
	}

/* Finds the images that the words name, as the fleet is now, and opens those
 * that the store has or can make of what it knows: export_complete does. */
int ready_open(struct ready *ready, const struct cli_options *options,
	       struct error **err);
void ready_close(struct ready *ready);
#define auto_ready __attribute__((cleanup(ready_close)))

/* Sets "service", "machine" and "reference" of an image, null where it has
 * none, and its "error" where it has one. */
void ready_image_json(const struct build_image *image, struct json_t *entry);
