#include "base/data.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/data/table.h"

static const struct data_file *find(const char *path)
{
	for (const struct data_file *file = data_table; file->path; file++)
		if (strcmp(file->path, path) == 0)
			return file;
	return NULL;
}

bool data_has(const char *path)
{
	return find(path) != NULL;
}

struct str data_get(const char *path)
{
	const struct data_file *file = find(path);

	if (file)
		return str_of((const char *)file->bytes, file->n);
	fprintf(stderr, "slipway was built without data/%s\n", path);
	abort();
}
