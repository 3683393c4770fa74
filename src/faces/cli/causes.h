/* What check found, for people: causes first, then one line of sums. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

struct check;

/* Prints the causes that stop services or leave them uncertain, and the sums,
 * of the instances that are shown (NULL: all). 1 where a service has errors,
 * else 0. */
int cli_print_check(const struct check *check, const bool *shown, FILE *out);

/* The same without the sums, and nothing where all can start. */
int cli_print_causes(const struct check *check, FILE *out);
