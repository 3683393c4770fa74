/* Arguments to struct cli_options, by the tables of a verb. */
#pragma once

#include "base/str.h"
#include "faces/cli.h"

/* Options that every verb takes. */
extern const struct cli_option cli_common_options[];

/* Reads the arguments behind the verb. Words point into argv. -1 (ERR_USAGE)
 * for an unknown option (with the nearest known one), a missing or bad value,
 * or a word where the verb takes none. */
int cli_parse(const struct cli_verb *verb, int argc, char **argv,
	      struct cli_options *options, struct error **err);

/* Reads the common options before the verb; the number of arguments that they
 * took, or -1. */
int cli_parse_leading(int argc, char **argv, struct cli_options *options,
		      struct error **err);

/* "512MiB", "2G", "1000" to bytes; false for anything else. Decimal and binary
 * units both mean powers of 1024, as docker's --memory does. */
bool cli_parse_size(const char *text, uint64_t *bytes);

/* "90m", "12h", "30d" or "2w" to seconds; false for anything else. */
bool cli_parse_age(const char *text, uint64_t *seconds);

/* Whichever of best (NULL: none yet) and candidate is nearer to a mistyped
 * word; a candidate that few would have meant does not count. */
const char *cli_nearest(const char *best, const char *candidate,
			struct str word);
