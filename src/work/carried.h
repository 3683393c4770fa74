/* carried: CUDA that an image base has and that wheels bring once more, found
 * at lock time: by the SONAMEs of the base's libraries and the file names of
 * the wheels' lists.
 */
#pragma once

#include "base/arena.h"
#include "work/listing.h"

struct error;
struct lock;
struct runtimes;

/* One library; all borrowed from the lock or in the list's arena. */
struct carried_library {
	struct str base, soname;
	uint64_t bytes; /* in the base */
	struct str package;
};

struct carried {
	struct carried_library *p;
	size_t n, capacity;
	struct arena arena;
};
void carried_release(struct carried *carried);
#define auto_carried __attribute__((cleanup(carried_release)))

/* Appends what there is, each library of a base once, base by base; one that
 * cannot be opened is left out. -1 where a list of files cannot be had. */
int carried_find(const struct lock *lock, struct runtimes *runtimes,
		 const struct listing_source *source, struct carried *carried,
		 struct error **err);

/* A warning for each base that carries something: which, how many bytes, what
 * to do. */
void carried_warn(const struct carried *carried);
