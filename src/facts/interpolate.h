/* interpolate: ${VAR} in the texts of compose files, Dockerfiles and startup
 * configurations.
 *
 * Knows: the forms of a reference, and sums of them. Does not know: where a
 * variable's value comes from; a callback says it.
 *
 *   reference = "$" NAME | "${" NAME [operator text] "}"
 *   operator  = ":-" | "-"   text where NAME is not set (":" : or is empty)
 *             | ":+" | "+"   text where it is
 *             | ":?" | "?"   an error message
 *   sum       = term ("+" term)*; term = NUMBER | reference
 *
 * Sources: Compose Specification, "Interpolation"; Dockerfile reference,
 * "Environment replacement".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct buf;

/* The value of a variable, or false where nobody gives one. */
typedef bool interpolate_lookup(void *context, struct str name,
				struct str *value);

struct interpolation {
	interpolate_lookup *lookup;
	void *context;
	/* Names without value and without default, as often as they stand
	 * there; borrowed from the text. */
	struct {
		struct str *p;
		size_t n, capacity;
	} unset;
	const char *problem; /* why a text cannot be read, or NULL */
};

void interpolation_release(struct interpolation *interpolation);
#define auto_interpolation __attribute__((cleanup(interpolation_release)))

/* Appends the text with all references replaced, and "$$" by "$". A variable
 * without value is empty. False with problem set: a reference that is none of
 * the above, nested deeper than 8, or more than 64 KiB of result. */
bool interpolate(struct interpolation *interpolation, struct str text,
		 struct buf *out);

/* The one reference that *rest begins with, which begins with "$". A "$" that
 * begins no reference stays. */
bool interpolate_one(struct interpolation *interpolation, struct str *rest,
		     struct buf *out);

/* The value of a sum; a variable without value is 0. False with problem set
 * where it is no sum, or does not fit. */
bool interpolate_sum(struct interpolation *interpolation, struct str text,
		     uint64_t *sum);
