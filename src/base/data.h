/* data: files that are built into the program, which needs no folder at run
 * time: all of data/ (lists, tables, templates that a person can read and
 * correct), and init/ARCH/slipway-init and slipway-gpu for each architecture
 * that this build could make.
 */
#pragma once

#include <stdbool.h>

#include "base/str.h"

/* True where there is such a file. */
bool data_has(const char *path);

/* The bytes of a file, by its path below data/: "debian/passwd". A name that
 * is not there is an error of the programmer and ends the process. */
struct str data_get(const char *path);
