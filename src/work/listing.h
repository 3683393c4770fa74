/* listing: which files a wheel of the lock holds, without having the wheel.
 *
 * The list comes from the wheel where the store has it, else from its central
 * directory, read by range from the index: a claim until the whole wheel has
 * been hashed. It is remembered under the wheel's SHA-256.
 */
#pragma once

#include "base/arena.h"
#include "base/str.h"
#include "facts/lockfile.h"

struct error;
struct fetch;
struct pyindex;
struct store;

struct listing_member {
	struct str path; /* as in the archive */
	uint32_t crc32;
	uint64_t size_bytes;
};

struct listing {
	struct listing_member *p; /* bytewise by path, without folders */
	size_t n;
};

struct listing_source {
	struct store *store;
	struct fetch *fetch;
	struct pyindex *index;
};

/* The members of a package's wheel, in arena. Any thread. ERR_ENV where the
 * index cannot be asked, ERR_FLEET for an archive that breaks the rules. */
int listing_read(const struct listing_source *source,
		 const struct lock_package *package, struct arena *arena,
		 struct listing *listing, struct error **err);
