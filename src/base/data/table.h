/* table: what scripts/embed-data.sh makes of data/; for data.c only. */
#pragma once

#include <stddef.h>

struct data_file {
	const char *path;
	const unsigned char *bytes;
	size_t n;
};

/* Ends with a NULL path. */
extern const struct data_file data_table[];
