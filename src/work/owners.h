/* owners: which distribution of its closure each import of a service comes
 * from, by the wheels' file lists; written into the lock, so that a machine
 * without wheels can check.
 */
#pragma once

#include "work/check.h"
#include "work/listing.h"

struct error;
struct lock;

/* Fills the owners of every service of the lock that check walked, unless it
 * has those of the same imports from an earlier lock. What no distribution has
 * gets none: check says so, by the lock. Nothing is resolved again. -1 where a
 * list cannot be had. */
int owners_fill(struct lock *lock, const struct check *check,
		const struct listing_source *source, struct error **err);
