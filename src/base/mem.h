/* mem: allocation that does not fail.
 *
 * slipway bounds every size that comes from input before it allocates, and
 * takes big buffers from one budget (pool.h). What is left is small; where the
 * host cannot give even that, the process ends with status 3: the store stays
 * usable after a crash at any point, so nothing is lost.
 */
#pragma once

#include <stddef.h>

/* Heap memory the caller frees with free(). Ends the process where there is
 * none. size_bytes of 0 gives a valid pointer. */
void *mem_alloc(size_t size_bytes) __attribute__((malloc, returns_nonnull));

/* The same, zeroed; count * size_bytes is overflow-checked. */
void *mem_zalloc(size_t count, size_t size_bytes)
	__attribute__((malloc, returns_nonnull));

/* realloc() to count * size_bytes, overflow-checked. */
void *mem_realloc(void *old, size_t count, size_t size_bytes)
	__attribute__((returns_nonnull, warn_unused_result));

/* A heap copy of a C string. */
char *mem_strdup(const char *text) __attribute__((malloc, returns_nonnull));

/* The capacity to grow an array of capacity elements to, so that it holds at
 * least needed: doubling, at least 8. */
size_t mem_grow_capacity(size_t capacity, size_t needed);

/* Cleanup attribute for heap pointers: auto_free char *p = ...; */
void mem_free_pointer(void *pointer_to_pointer);
#define auto_free __attribute__((cleanup(mem_free_pointer)))

/* Takes a pointer out of an automatic variable, which becomes NULL. */
#define mem_steal(variable)                                                    \
	({                                                                     \
		__typeof__(variable) mem_stolen_ = (variable);                 \
		(variable) = NULL;                                             \
		mem_stolen_;                                                   \
	})
