/* sizes: how large package files are; for parts/debian only. libsolv reads all
 * of a package list but this. */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "base/str.h"

struct debian_sizes;

struct debian_sizes *debian_sizes_new(void);
void debian_sizes_free(struct debian_sizes *sizes);

/* A stream that gives the bytes of a package list, and closes it when it is
 * closed; what passes through is noted. NULL with errno set. */
FILE *debian_sizes_tee(struct debian_sizes *sizes, FILE *packages);

/* 0 where the path is not known. */
uint64_t debian_sizes_get(const struct debian_sizes *sizes, struct str path);
