#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void out_of_memory(void)
{
	static const char text[] = "slipway: out of memory\n";

	(void)!write(STDERR_FILENO, text, sizeof text - 1);
	_exit(3);
}

void *mem_alloc(size_t size_bytes)
{
	void *p = malloc(size_bytes ? size_bytes : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *mem_zalloc(size_t count, size_t size_bytes)
{
	void *p = calloc(count ? count : 1, size_bytes ? size_bytes : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *mem_realloc(void *old, size_t count, size_t size_bytes)
{
	size_t total;

	if (__builtin_mul_overflow(count, size_bytes, &total))
		out_of_memory();
	void *p = realloc(old, total ? total : 1);

	if (!p)
		out_of_memory();
	return p;
}

char *mem_strdup(const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(mem_alloc(size), text, size);
}

size_t mem_grow_capacity(size_t capacity, size_t needed)
{
	size_t grown = capacity < 8 ? 8 : capacity;

	while (grown < needed) {
		if (__builtin_mul_overflow(grown, (size_t)2, &grown))
			out_of_memory();
	}
	return grown;
}

void mem_free_pointer(void *pointer_to_pointer)
{
	free(*(void **)pointer_to_pointer);
}
