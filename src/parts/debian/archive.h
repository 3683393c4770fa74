/* archive: mirrors, signed releases and the solver's pool; for parts/debian
 * only. */
#pragma once

#include <solv/pool.h>

#include "base/arena.h"
#include "base/str.h"
#include "parts/debian.h"

/* A place that may serve a suite. */
struct debian_mirror {
	struct str url;	      /* without "/" at the end */
	struct str signed_by; /* keyring files, separated by white space, or a
			       * key block; empty: none named */
};

struct debian_mirrors {
	struct debian_mirror *p;
	size_t n;
};

/* Mirrors for "bookworm", "bookworm-updates" or "bookworm-security", the most
 * likely first: the manifest's, else what this host's apt has for that suite,
 * else what it has for the like suite of another release. Without network.
 * ERR_ENV where there is none (sources.c). */
int debian_mirrors_find(const struct debian_source *source, struct str suite,
			struct arena *arena, struct debian_mirrors *mirrors,
			struct error **err);

/* One suite's signed list of files, verified. */
struct debian_release {
	struct str mirror; /* that served it */
	struct str suite;
	struct str text; /* of the signed paragraph */
	bool by_hash;
};

/* Fetches and judges InRelease: gpgv, dates, suite (release.c). All is in the
 * arena. */
int debian_release_fetch(const struct debian_source *source, struct str suite,
			 struct arena *arena, struct debian_release *release,
			 struct error **err);

/* The hash and size of a file that the release lists: false for none. */
bool debian_release_file(const struct debian_release *release, struct str path,
			 struct digest *digest, uint64_t *size_bytes);

struct debian_sizes;

struct debian_archive {
	struct arena arena;
	struct str suite, architecture;
	Pool *pool;
	struct debian_sizes *sizes;
	struct lock_strs suites; /* appdata of a repository: its number + 1 */
};
