/* reasons: why a distribution is there, by the records of the lock.
 *
 * Knows: how a requirement leads through Requires-Dist and extras to a
 * distribution of a resolution. Does not know: where requirements come from.
 * Values in, values out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"
#include "decisions/closure.h"
#include "facts/lockfile.h"

struct reasons_input {
	const struct lock_resolution *resolution;
	struct closure_replacements replacements;
	struct lock_strs roots; /* requirements, PEP 508 */
};

struct reason_step {
	const struct lock_package *package;
	struct str requirement; /* of the package before it, or the root */
};

/* The shortest chain from one root; its last step is the package asked for. */
struct reason {
	size_t root; /* number in roots */
	struct reason_step *steps;
	size_t n;
};

/* One reason for each root that leads to the package (normalised name), the
 * shortest first, roots of one length in their order. In arena. */
struct reason *reasons_find(const struct reasons_input *input,
			    struct str package, struct arena *arena,
			    size_t *count);

/* Marks the packages of the resolution that the roots lead to. */
void reasons_reach(const struct reasons_input *input, bool *is_reached);
