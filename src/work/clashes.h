/* clashes: services whose closure has two distributions with different bytes
 * at one path, found at lock time by the wheels' file lists.
 *
 * Lists are claims until the wheels are hashed; build compares again, by hash.
 */
#pragma once

#include "work/listing.h"
#include "work/resolve.h"

struct error;

/* Takes such services out of the result's lock and adds a problem for each.
 * Services that the previous lock has with the same closure are not looked at
 * again. -1 where a list cannot be had. */
int clashes_check(const struct resolve_options *options,
		  const struct listing_source *source,
		  struct resolve_result *result, struct error **err);
