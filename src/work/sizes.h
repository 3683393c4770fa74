/* sizes: what each wheel of a lock takes once it is unpacked, from the wheels'
 * file lists; written into the lock, so that a plan is the same on machines
 * that have no wheels.
 */
#pragma once

#include "work/listing.h"

struct error;
struct lock;

/* Fills unpacked_bytes of every wheel of the lock: as in previous (or NULL)
 * where that has the same file. -1 where a list cannot be had. */
int sizes_fill(struct lock *lock, const struct lock *previous,
	       const struct listing_source *source, struct error **err);
