/* closure: which distributions of a resolution a service needs.
 *
 * Knows: Requires-Dist, extras, markers of the target, replacements. Does not
 * know: where METADATA comes from, how versions were chosen. Values in, values
 * out.
 *
 * Source: PyPA core metadata, "Requires-Dist" and "Provides-Extra"; dependency
 * specifiers (PEP 508).
 *
 * Two steps: closure_record turns what all METADATA says into what a
 * resolution's packages need on its target (lock_package.requires, .extras);
 * closure_of walks these records. The second needs the lock alone.
 */
#pragma once

#include "base/arena.h"
#include "base/str.h"
#include "facts/lockfile.h"

struct error;

/* X is never installed: who needs X gets with instead. Both normalised. */
struct closure_replacement {
	struct str name, with;
};

struct closure_replacements {
	const struct closure_replacement *p;
	size_t n;
};

struct manifest_pairs;

/* The `replaces` of a track, in arena. */
struct closure_replacements
closure_replacements_of(const struct manifest_pairs *replaces,
			struct arena *arena);

/* A package that is needed and not in the resolution. */
struct closure_missing {
	struct str name, extras; /* "onnxruntime-gpu", "" or "[cuda]" */
	struct str by;		 /* who needs it; "" for the requirements */
};

struct closure_missings {
	struct closure_missing *p; /* in the arena */
	size_t n;
};

/* Fills requires and extras of every package that the resolution's own
 * requirements reach. metadata[i] are the Requires-Dist lines of package i.
 * Packages that are needed and absent are listed in missing (by name, each
 * once). ERR_FLEET: a line that is no requirement or marker. What is filled in
 * lives in arena. */
int closure_record(struct lock_resolution *resolution,
		   const struct lock_strs *metadata,
		   struct closure_replacements replacements,
		   struct arena *arena, struct closure_missings *missing,
		   struct error **err);

/* The packages that requirements (PEP 508, markers for the target) need, as
 * sorted "name==version" in arena. ERR_FLEET: a requirement that is malformed
 * or whose package or extra the resolution does not have. */
int closure_of(const struct lock_resolution *resolution,
	       struct lock_strs requirements,
	       struct closure_replacements replacements, struct arena *arena,
	       struct lock_strs *closure, struct error **err);
