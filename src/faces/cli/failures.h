/* Which images are asked for, and what stops some of them, for people. */
#pragma once

#include <stdbool.h>

struct assembly;
struct check;
struct cli_options;
struct build_result;

/* Flags per image of the assembly (heap, the caller frees) from flags per
 * instance of the manifest. */
bool *cli_wanted_images(const struct assembly *assembly, const bool *chosen);

/* For --strict: true where one of the chosen instances has an error or is
 * uncertain; then it alone stays chosen. */
bool cli_keep_first(const struct check *check, bool *chosen);

/* True where --strict forbids to go on, after the reason has been printed. */
bool cli_strict_stops(const struct cli_options *options,
		      const struct check *check, const bool *chosen);

/* The errors of images, each once with the images that it stops. */
void cli_print_failures(const struct build_result *result);

/* The highest exit status that an image's error asks for; 0: none has one. */
int cli_failure_status(const struct build_result *result);
