/* arena: memory that is dropped as a whole. A parsed document lives in one. */
#pragma once

#include <stddef.h>

#include "base/str.h"

struct arena {
	struct arena_block *head;
	size_t used_bytes; /* handed out so far */
};

#define ARENA_EMPTY                                                            \
	{                                                                      \
		NULL, 0                                                        \
	}

/* Frees everything that came from the arena. */
void arena_release(struct arena *arena);
#define auto_arena __attribute__((cleanup(arena_release)))

/* Zeroed memory, aligned for any type, count * size_bytes overflow-checked. */
void *arena_alloc(struct arena *arena, size_t count, size_t size_bytes)
	__attribute__((returns_nonnull));
#define arena_new(arena, type) ((type *)arena_alloc(arena, 1, sizeof(type)))
#define arena_new_array(arena, type, count)                                    \
	((type *)arena_alloc(arena, count, sizeof(type)))

/* Copies; a NUL stands behind the bytes, so .p is also a C string. */
struct str arena_str(struct arena *arena, struct str s);
struct str arena_printf(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
