/* guard: bytes that end where no byte may be read. */
#pragma once

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct guard {
	char *p;
	size_t n; /* bytes before the page that cannot be read */
};

/* Room for at least most_bytes before the page. */
static inline struct guard guard_new(size_t most_bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t n = (most_bytes / page + 1) * page;
	char *p = mmap(NULL, n + page, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + n, page, PROT_NONE))
		abort();
	return (struct guard){p, n};
}

/* A copy of n bytes that ends at the page. */
static inline char *guard_copy(const struct guard *guard, const char *bytes,
			       size_t n)
{
	return memcpy(guard->p + guard->n - n, bytes, n);
}

static inline void guard_free(struct guard *guard)
{
	munmap(guard->p, guard->n + (size_t)sysconf(_SC_PAGESIZE));
}
