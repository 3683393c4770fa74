/* map: which distribution an import name stands for, before a lock says so.
 *
 * Knows: data/imports.txt, the names that a service asks for, what `allow`
 * says. Does not know: wheels (after resolution their file lists decide),
 * indexes: a name that nothing maps is never tried on one, because anybody can
 * register a distribution of that name there.
 *
 * Grammar of data/imports.txt, a line each, "#" begins a comment:
 *
 *   IMPORT DISTRIBUTION...     the import's dotted name, and what has it, the
 *                              usual one first; one that the service asks for
 *                              is preferred
 *
 * The order, for the longest part of the dotted name first: `allow`; a
 * distribution of the table that the service asks for; one of the import's own
 * name that it asks for ("prometheus_client": prometheus-client); the table's
 * first, unless that is the import's own name.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"

struct error;

/* The table; only read once it is made, so threads may share it. */
struct mapping_table;

/* Reads a text; table lives in arena. ERR_FLEET, with the line, for what is no
 * line of a table, or an import that is there twice. */
int mapping_table_read(struct str text, struct arena *arena,
		       struct mapping_table **table, struct error **err);

/* That of data/imports.txt. */
const struct mapping_table *mapping_table_own(struct arena *arena);

/* `allow: {import: GLOB, package: DISTRIBUTION}`. */
struct mapping_allow {
	struct str import_glob; /* "foo" is foo and all below it */
	struct str package;
};

/* What one service asks for: its requirements, extra, the packages of its
 * family and its track's pins, by normalised name (facts/version.h). */
struct mapping_service {
	const struct str *names;
	size_t name_count;
	const struct mapping_allow *allows;
	size_t allow_count;
};

enum mapping_how {
	MAPPING_NONE,
	MAPPING_ALLOW, /* `allow` says it */
	MAPPING_ASKED, /* the table has it, and the service asks for it */
	MAPPING_SAME,  /* the import's own name, and the service asks for it */
	MAPPING_TABLE, /* the table has it, the service asks for none of it */
	MAPPING_OWNED, /* the lock says it (set by who reads the lock) */
};

struct mapping_result {
	enum mapping_how how;
	struct str distribution; /* normalised; "" for MAPPING_NONE */
	struct str import;	 /* the part of the module that was mapped */
	/* All that the table names for it; of MAPPING_ASKED and _TABLE. */
	const struct str *candidates;
	size_t candidate_count;
};

/* Another distribution that has an import of this one (normalised): false where
 * the table knows none. */
bool mapping_other(const struct mapping_table *table, struct str distribution,
		   struct str *other);

/* The distribution of an import: `import module`, or `from module import name`
 * (name "" or "*": none). What is in the result lives in the table, the
 * service or arena. */
struct mapping_result mapping_find(const struct mapping_table *table,
				   const struct mapping_service *service,
				   struct str module, struct str name,
				   struct arena *arena);
