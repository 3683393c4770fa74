/* number: values that people write in settings, read strictly.
 *
 * Knows: whole numbers with limits, durations, versions. Does not know: which
 * setting they belong to.
 *
 *   number   = digit+
 *   duration = number ("ms" | "s" | "m" | "h")?   without a unit: seconds
 *   version  = number ("." number)*               at most four parts
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Reads a whole string as a number between low and high. */
bool number_read(const char *string, long low, long high, long *out);

/* Reads a duration between 0 and 24 hours in milliseconds. */
bool number_read_duration(const char *string, int *out_ms);

struct version {
	uint32_t part[4]; /* missing parts are 0 */
};

bool number_read_version(const char *string, struct version *out);

/* Below, equal or above: -1, 0, 1. */
int version_compare(const struct version *a, const struct version *b);
