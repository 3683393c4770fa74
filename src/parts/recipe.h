/* recipe: how a file is made again of a blob that holds most of its bytes.
 *
 * A layer made of a wheel has the wheel's deflated members as they are
 * (parts/layer.h: splice). Where they lie, and all other bytes of the wheel,
 * are the recipe: for torch 1 % of the file. So a wheel need not stay in the
 * store beside its layer.
 *
 * Knows: spans and bytes. Does not know: wheels, layers, the store.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/hash.h"
#include "base/str.h"

struct buf;
struct error;

/* Bytes that file and blob have in common. */
struct recipe_span {
	uint64_t file_offset, blob_offset, bytes;
};

struct recipe_spans {
	struct recipe_span *p;
	size_t n, capacity;
};

/* What is not in the spans is held in memory; of more there is no recipe. */
enum { RECIPE_REST_MAX_BYTES = 64 << 20 };

/* Appends the recipe of the file fd, whose spans lie in the file's order and do
 * not overlap. 1 where its rest is above RECIPE_REST_MAX_BYTES or a quarter of
 * it: then nothing is appended; -1 (ERR_ENV) where it cannot be read. */
int recipe_make(int fd, uint64_t size_bytes, const struct digest *blob,
		const struct recipe_spans *spans, struct buf *recipe,
		struct error **err);

/* The blob that a recipe needs. False where it is no recipe of this version. */
bool recipe_blob(struct str recipe, struct digest *blob);

/* Writes the file to fd, where it stands. *found is the SHA-256 of what was
 * written: that alone says whether recipe and blob were right. -1 (ERR_ENV)
 * where the recipe is damaged, the blob is shorter, or fd cannot be written. */
int recipe_follow(struct str recipe, int blob_fd, int fd, struct digest *found,
		  struct error **err);
