#include "base/map.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"

void map_release(struct map *map)
{
	free(map->entries);
	free(map->slots);
	arena_release(&map->keys);
	*map = (struct map)MAP_EMPTY;
}

/* FNV-1a, 64 bits, with a final mix: tables are small and keys are names. */
static uint64_t key_hash(struct str key)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < key.n; i++)
		hash = (hash ^ (unsigned char)key.p[i]) * 0x100000001b3u;
	return hash ^ hash >> 32;
}

/* The slot that holds key, or the empty one where it belongs. */
static size_t find_slot(const struct map *map, struct str key)
{
	size_t mask = map->slot_count - 1;
	size_t slot = key_hash(key) & mask;

	while (map->slots[slot] &&
	       !str_eq(map->entries[map->slots[slot] - 1].key, key))
		slot = (slot + 1) & mask;
	return slot;
}

static void grow(struct map *map)
{
	free(map->slots);
	map->slot_count = map->slot_count ? map->slot_count * 2 : 16;
	map->slots = mem_zalloc(map->slot_count, sizeof *map->slots);
	for (size_t i = 0; i < map->n; i++)
		map->slots[find_slot(map, map->entries[i].key)] = i + 1;
}

static struct map_entry *find(const struct map *map, struct str key)
{
	if (map->slot_count == 0)
		return NULL;
	size_t slot = find_slot(map, key);

	return map->slots[slot] ? &map->entries[map->slots[slot] - 1] : NULL;
}

void *map_get(const struct map *map, struct str key)
{
	const struct map_entry *entry = find(map, key);

	return entry ? entry->value : NULL;
}

bool map_has(const struct map *map, struct str key)
{
	return find(map, key) != NULL;
}

struct str map_set(struct map *map, struct str key, void *value)
{
	struct map_entry *entry = find(map, key);

	if (entry) {
		entry->value = value;
		return entry->key;
	}
	if ((map->n + 1) * 2 > map->slot_count)
		grow(map);
	if (map->n == map->capacity) {
		map->capacity = mem_grow_capacity(map->capacity, map->n + 1);
		map->entries = mem_realloc(map->entries, map->capacity,
					   sizeof *map->entries);
	}
	map->slots[find_slot(map, key)] = map->n + 1;
	entry = &map->entries[map->n++];
	entry->key = arena_str(&map->keys, key);
	entry->value = value;
	return entry->key;
}

bool map_add(struct map *map, struct str key)
{
	if (map_has(map, key))
		return false;
	map_set(map, key, NULL);
	return true;
}
