/* ownership: which of several distributions has a module.
 *
 * Knows: how a wheel's member paths become dotted modules, namespace packages
 * that several distributions share. Does not know: where the lists come from.
 * Values in, values out.
 *
 * Source: PyPA "Binary distribution format" (the .data folders); PEP 420; the
 * import system's file suffixes. top_level.txt is not looked at: it is often
 * absent or wrong.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/map.h"
#include "base/str.h"

enum ownership_kind {
	OWNERSHIP_NONE,
	OWNERSHIP_FOLDER, /* a namespace: a folder without __init__ so far */
	OWNERSHIP_MODULE, /* a file, or a package with __init__ */
};

/* The modules of one distribution. */
struct ownership {
	struct map modules; /* dotted name to a kind, see ownership.c */
};

#define OWNERSHIP_EMPTY                                                        \
	{                                                                      \
		MAP_EMPTY                                                      \
	}
void ownership_release(struct ownership *ownership);

/* Adds a member of a wheel: "zmq/backend/__init__.py", "_x.cpython-311.so",
 * "name-1.data/purelib/a.py". Others than modules are left out. */
void ownership_add(struct ownership *ownership, struct str member);

enum ownership_kind ownership_has(const struct ownership *ownership,
				  struct str module);

/* The number of the distribution that has `import module`, or `from module
 * import name` (name may be empty): the one with the module's file, else, for a
 * name that is a module itself, the one with that, else the first that has the
 * module as a folder. -1: none. *partial is set where some distribution has the
 * first part of the module. NULL entries are passed over. */
ptrdiff_t ownership_find(const struct ownership *const *distributions,
			 size_t count, struct str module, struct str name,
			 bool *partial);
