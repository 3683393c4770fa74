/* TOML: every document is read or refused with a place inside it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "codec/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Visits every byte of every value. */
static size_t weigh(const struct toml_value *value)
{
	size_t sum = value->line;

	if (value->type == TOML_TABLE) {
		for (size_t i = 0; i < value->table.n; i++)
			sum += value->table.p[i].key.n +
			       weigh(value->table.p[i].value);
	} else if (value->type == TOML_ARRAY) {
		for (size_t i = 0; i < value->array.n; i++)
			sum += weigh(value->array.p[i]);
	} else if (value->type == TOML_STRING && !str_is_utf8(value->string)) {
		abort();
	}
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct toml_value *root = NULL;
	struct toml_place place = {0, 1, 1};
	enum toml_status status = toml_parse(str_of((const char *)data, size),
					     &arena, &root, &place);

	if ((status == TOML_OK) != (root != NULL) || place.offset > size)
		abort();
	if (root && weigh(root) == 0)
		abort();
	return 0;
}
