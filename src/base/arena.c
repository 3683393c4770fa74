#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

enum { ARENA_BLOCK_BYTES = 64 * 1024, ARENA_ALIGN = 16 };

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	_Alignas(ARENA_ALIGN) char bytes[];
};

void arena_release(struct arena *arena)
{
	struct arena_block *block = arena->head;

	while (block) {
		struct arena_block *next = block->next;

		free(block);
		block = next;
	}
	*arena = (struct arena)ARENA_EMPTY;
}

void *arena_alloc(struct arena *arena, size_t count, size_t size_bytes)
{
	size_t total;

	if (__builtin_mul_overflow(count, size_bytes, &total) ||
	    total > SIZE_MAX / 2)
		total = SIZE_MAX / 2; /* mem_alloc refuses it */
	total = (total + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	struct arena_block *block = arena->head;

	if (!block || block->size - block->used < total) {
		size_t size = total > ARENA_BLOCK_BYTES / 4 ? total
							    : ARENA_BLOCK_BYTES;
		struct arena_block *fresh = mem_alloc(sizeof *fresh + size);

		fresh->used = 0;
		fresh->size = size;
		/* A big block goes behind the head, whose room stays in use. */
		if (block && size == total) {
			fresh->next = block->next;
			block->next = fresh;
		} else {
			fresh->next = block;
			arena->head = fresh;
		}
		block = fresh;
	}
	void *p = block->bytes + block->used;

	block->used += total;
	arena->used_bytes += total;
	return memset(p, 0, total);
}

struct str arena_str(struct arena *arena, struct str s)
{
	char *copy = arena_alloc(arena, s.n + 1, 1);

	if (s.n)
		memcpy(copy, s.p, s.n);
	return str_of(copy, s.n);
}

struct str arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int n = vsnprintf(NULL, 0, format, args);

	va_end(args);
	if (n < 0)
		return STR_EMPTY;
	char *text = arena_alloc(arena, (size_t)n + 1, 1);

	va_start(args, format);
	vsnprintf(text, (size_t)n + 1, format, args);
	va_end(args);
	return str_of(text, (size_t)n);
}
