/* resolve: fleet.yaml to fleet.lock.json.
 *
 * Knows: which services are resolved together, what they ask for, how uv is
 * run and read, where METADATA is read, what changed since the last lock. Does
 * not know: how a base is resolved (parts/debian.h), how a closure is walked
 * (decisions/closure.h), what the services import.
 *
 * One resolution for all services of a (Python, track, platform); a service
 * whose own pins contradict the others' gets one of its own, which prefers the
 * versions of the fleet. What has the same inputs as in the previous lock is
 * taken from there as it is, without uv or the network.
 *
 * Source: design section 4; uv's reference, "uv pip compile"; PEP 751 for what
 * it writes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"
#include "facts/lockfile.h"
#include "facts/manifest.h"

struct error;
struct fetch;
struct pool;
struct store;

struct resolve_options {
	const struct manifest *manifest;
	const char *folder; /* the manifest's, on this host */
	struct store *store;
	struct fetch *fetch;
	struct pool *pool;
	const struct lock *previous; /* or NULL */
	/* Per instance what resolve_families found, or NULL. */
	const struct lock_family *families;
	bool is_trial;		   /* nobody is told about it */
	bool upgrade;		   /* newest versions of everything, */
	struct lock_strs upgrades; /* or of these packages only */
	/* What the scan adds to what an instance (its number in the manifest)
	 * asks for by itself, as requirements in arena; or NULL. known are
	 * requirements that would not be new to the fleet: its constraints and
	 * the track's pins. */
	struct lock_strs (*scanned)(void *context, size_t instance,
				    struct lock_strs asked,
				    struct lock_strs known,
				    struct arena *arena);
	void *scanned_context;
};

/* Something wrong with a service; it is not in the lock then. */
struct resolve_problem {
	struct str service;	  /* "" where it concerns the whole fleet */
	struct str code;	  /* "lock-conflict", "lock-no-wheel", ... */
	struct manifest_place at; /* in the manifest, or 0,0 */
	struct str file; /* where it is in another file: "requirements.txt:3" */
	struct str message, hint;
};

struct resolve_problems {
	struct resolve_problem *p; /* services in the manifest's order */
	size_t n, capacity;
};

/* Path of the uv in PATH, where it is new enough (heap, the caller frees), or
 * NULL: then the one of data/uv.txt is taken from its wheel. */
char *resolve_host_uv(void);

struct resolve_result {
	struct arena arena; /* of the problems' texts */
	struct lock *lock;
	struct resolve_problems problems;
};
#define RESOLVE_RESULT_EMPTY                                                   \
	{                                                                      \
		ARENA_EMPTY, NULL,                                             \
		{                                                              \
			NULL, 0, 0                                             \
		}                                                              \
	}
void resolve_result_release(struct resolve_result *result);
#define auto_resolve_result __attribute__((cleanup(resolve_result_release)))

/* Locks every service that is not skipped. 0 also where services have
 * problems: the lock holds the others. -1 where nothing could be locked
 * (ERR_ENV: network, no uv, disk). The lock's plan and layers are those of
 * previous, from which it borrows: previous must outlive it. */
int resolve_run(const struct resolve_options *options,
		struct resolve_result *result, struct error **err);

/* Decides `family: auto` (decisions/family.h), for all whose earlier choice is
 * not made from the same; such a choice stays where it still fits, unless anew.
 * manifest is that of options and its instances get the families.
 * out is per instance and in arena; what the manifest names itself has no
 * `by`. */
int resolve_families(const struct resolve_options *options,
		     struct manifest *manifest, bool anew, struct arena *arena,
		     struct lock_family **out, struct error **err);

/* Brings problems into the manifest's order of services, those of the whole
 * fleet first; those of a service stay as they were found, each once. */
void resolve_problems_sort(const struct manifest *manifest,
			   struct resolve_problems *problems);

/* What of the manifest the lock was not made from: "service 'Hub' asks for
 * other packages", in the arena; n is 0 where the lock is current. Reads the
 * requirement files and nothing else. */
int resolve_check(const struct resolve_options *options,
		  const struct lock *lock, struct arena *arena,
		  struct lock_strs *reasons, struct error **err);
