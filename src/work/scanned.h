/* scanned: what the imports of a service ask for.
 *
 * A third-party import becomes a requirement by the table of decisions/map.h:
 * hard and lazy ones whatever has them, guarded ones only what the service
 * asks for by itself, since they are made to be absent. Those for type
 * checkers are none. What nothing maps is left to check to complain about.
 *
 * The table knows no import by its own name. A name in `constraints` or in the
 * track's pins is known, though: so one file of pins for the whole fleet gives
 * each service those of them that it imports.
 */
#pragma once

#include "decisions/map.h"
#include "facts/lockfile.h"
#include "work/check.h"

struct scanned {
	const struct check *check;
	const struct mapping_table *table;
};

/* For resolve_options; context is a struct scanned. */
struct lock_strs scanned_requirements(void *context, size_t instance,
				      struct lock_strs asked,
				      struct lock_strs known,
				      struct arena *arena);
