#include "base/map.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/mem.h"

void map_release(struct map *map)
{
	free(map->entries);
	free(map->slots);
	arena_release(&map->keys);
	*map = (struct map)MAP_EMPTY;
}

/* Keys come from archives too, whose author could choose names that collide.
 * So the hash has a secret of this process. Order never depends on it. */
static uint64_t secret[2];
static pthread_once_t secret_once = PTHREAD_ONCE_INIT;

static void make_secret(void)
{
	if (getrandom(secret, sizeof secret, GRND_NONBLOCK) < 0)
		secret[0] = (uintptr_t)&secret;
	secret[0] |= 1;
	secret[1] |= 1;
}

static uint64_t multiply_and_fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t key_hash(struct str key)
{
	uint64_t hash = secret[0] ^ key.n;

	for (; key.n; key = str_slice(key, 8, key.n)) {
		uint64_t word = 0;

		memcpy(&word, key.p, key.n < 8 ? key.n : 8);
		hash = multiply_and_fold(hash ^ word, secret[1]);
	}
	return multiply_and_fold(hash, 0x9e3779b97f4a7c15u);
}

/* A slot is the upper half of its key's hash, so that other keys are seldom
 * looked at, and the number of the entry from 1. */
static uint64_t slot_of(uint64_t hash, size_t number)
{
	return (hash & ~(uint64_t)UINT32_MAX) | number;
}

static struct map_entry *entry_at(const struct map *map, size_t slot)
{
	return &map->entries[(uint32_t)map->slots[slot] - 1];
}

/* The slot that holds key, or the empty one where it belongs. */
static size_t find_slot(const struct map *map, struct str key, uint64_t hash)
{
	size_t mask = map->slot_count - 1;
	size_t slot = hash & mask;

	while (map->slots[slot] && (map->slots[slot] >> 32 != hash >> 32 ||
				    !str_eq(entry_at(map, slot)->key, key)))
		slot = (slot + 1) & mask;
	return slot;
}

/* No two keys are equal: the first empty slot is theirs. */
static void grow(struct map *map)
{
	pthread_once(&secret_once, make_secret);
	free(map->slots);
	map->slot_count = map->slot_count ? map->slot_count * 2 : 16;
	map->slots = mem_zalloc(map->slot_count, sizeof *map->slots);
	for (size_t i = 0; i < map->n; i++) {
		uint64_t hash = key_hash(map->entries[i].key);
		size_t slot = hash & (map->slot_count - 1);

		while (map->slots[slot])
			slot = (slot + 1) & (map->slot_count - 1);
		map->slots[slot] = slot_of(hash, i + 1);
	}
}

static struct map_entry *find(const struct map *map, struct str key)
{
	if (map->slot_count == 0)
		return NULL;
	size_t slot = find_slot(map, key, key_hash(key));

	return map->slots[slot] ? entry_at(map, slot) : NULL;
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
	uint64_t hash = key_hash(key);

	map->slots[find_slot(map, key, hash)] = slot_of(hash, map->n + 1);
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
