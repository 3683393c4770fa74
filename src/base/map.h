/* map: byte strings to pointers, remembered in the order they came.
 *
 * Iteration follows insertion, so that what is printed or hashed never depends
 * on a hash seed. Keys are copied. Nothing is removed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

struct map_entry {
	struct str key; /* owned by the map */
	void *value;	/* borrowed */
};

struct map {
	struct map_entry *entries;
	size_t n, capacity;
	uint64_t *slots; /* half of a hash, and an entry's number + 1; or 0 */
	size_t slot_count;
	struct arena keys;
};

#define MAP_EMPTY                                                              \
	{                                                                      \
		NULL, 0, 0, NULL, 0, ARENA_EMPTY                               \
	}

void map_release(struct map *map);
#define auto_map __attribute__((cleanup(map_release)))

/* The value of key, or NULL. */
void *map_get(const struct map *map, struct str key);
bool map_has(const struct map *map, struct str key);

/* Sets key to value. Returns the entry's own copy of the key. */
struct str map_set(struct map *map, struct str key, void *value);

/* True where key was not there before: a set of strings. */
bool map_add(struct map *map, struct str key);

#define map_each(name, map)                                                    \
	for (struct map_entry *name = (map)->entries;                          \
	     (map)->n && name < (map)->entries + (map)->n; name++)
