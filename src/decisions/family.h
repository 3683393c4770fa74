/* family: which of the declared families a service with `family: auto` gets.
 *
 * Knows: what the manifest says of the service, its machine and the families,
 * and, once they are resolved together, which of a family's packages the
 * service needs. Does not know: how they are resolved (work/resolve.h), locks.
 * Values in, values out.
 *
 * The rule, in this order:
 *   1. the family fits: its track that of the service or its machine, no CUDA
 *      where the service computes nothing on a GPU, the Python of the first
 *      base, a Debian base where the service adds Debian packages; and what of
 *      its packages goes unused is not more than what is needed
 *   2. it names most of what the service imports: a name that nothing maps is
 *      never tried on an index, but may be one of a family's packages
 *   3. most bytes of packages that the service needs
 *   4. fewest packages that it does not need
 *   5. the manifest's order
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "facts/manifest.h"

/* One that the family brings: a distribution of its closure, or a Debian
 * package (of no bytes). */
struct family_package {
	uint64_t bytes; /* to download */
	bool is_needed; /* by the service, without the family too */
};

/* A declared family, for one service. */
struct family_option {
	const struct manifest_family *family;
	struct str refused; /* why it does not fit; "" where it does */
	const struct family_package *packages;
	size_t n;
	size_t known; /* distributions that the service asks for by name or
		       * import, as far as imports are mapped with it */
};

struct family_choice {
	const struct manifest_family *family; /* NULL: none fits */
	/* Which rule decided: "only" (one that fits), "imports", "bytes",
	 * "unused", "order"; "none". */
	struct str by;
	struct str why; /* for people, in a line */
};

/* Why the family does not fit by what the manifest says, or "". */
struct str family_refusal(const struct manifest *manifest,
			  const struct manifest_instance *instance,
			  const struct manifest_family *family,
			  struct arena *arena);

/* Chooses among options, which are in the manifest's order; sets refused where
 * a family brings more than it saves. Texts are in arena. */
void family_choose(struct family_option *options, size_t count,
		   struct arena *arena, struct family_choice *choice);
