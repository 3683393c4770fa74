/* data: the files of the data/ folder, built into the program.
 *
 * What is not code (lists, tables, templates) is kept there in files that a
 * person can read and correct; the program needs no folder at run time.
 */
#pragma once

#include "base/str.h"

/* The bytes of a file, by its path below data/: "debian/passwd". A name that
 * is not there is an error of the programmer and ends the process. */
struct str data_get(const char *path);
