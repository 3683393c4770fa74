/* Which images are asked for, and what stops some of them, for people. */
#pragma once

#include <stdbool.h>

struct assembly;
struct build_result;

/* Flags per image of the assembly (heap, the caller frees) from flags per
 * instance of the manifest. */
bool *cli_wanted_images(const struct assembly *assembly, const bool *chosen);

/* The errors of images, each once with the images that it stops. */
void cli_print_failures(const struct build_result *result);

/* The highest exit status that an image's error asks for; 0: none has one. */
int cli_failure_status(const struct build_result *result);
