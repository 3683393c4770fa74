/* profile: what this machine wants of every service, from one JSON file.
 *
 * Knows: the keys of the file and which variable each one sets. Does not know:
 * what the variables mean. A profile never wins against the real environment.
 *
 *   profile  = { "machine"?: string, part, "services"?: { NAME: { part } } }
 *   part     = "threads"?: N | "auto"     SLIPWAY_THREADS
 *              "workers"?: N | "auto"     SLIPWAY_WORKERS
 *              "gpu"?: POLICY | { "policy"?, "min_driver"?,
 *                      "min_capability"?, "recheck"? }   SLIPWAY_GPU...
 *              "env"?: { NAME: string | number | true | false | null }
 *
 * In "env", null takes the variable out, true and false become the words.
 */
#pragma once

#include "environment.h"

enum { PROFILE_BYTES = 65536 };

struct profile_report {
	char problem[200]; /* empty, or why (a part of) the file is not used */
	unsigned ignored;  /* keys that mean nothing to this version */
};

/* Applies the text of a profile; `services` entry of `service` (may be NULL)
 * comes after, and wins over, the general part. A text that is not a profile
 * changes nothing. */
void profile_apply(struct environment *env, const char *text, size_t n,
		   const char *service, struct profile_report *report);

/* Reads a file and applies it. True when there was a file. */
bool profile_load(struct environment *env, const char *path,
		  const char *service, struct profile_report *report);
