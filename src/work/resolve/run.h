/* run: what the parts of one resolve_run share. Private to work/resolve. */
#pragma once

#include "base/array.h"
#include "decisions/closure.h"
#include "facts/store.h"
#include "parts/pyindex.h"
#include "work/resolve.h"

struct debian_archive;

struct resolve_run {
	const struct resolve_options *options;
	struct resolve_result *result;
	struct arena *arena;		 /* the new lock's */
	char *uv;			 /* path of the program, once needed */
	char *python;			 /* for uv, where the host has none */
	struct store_tree python_folder; /* that holds it */
	struct pyindex *index;		 /* likewise; of no track */
};

/* Begins a run; result gets an empty lock. */
void resolve_run_init(struct resolve_run *run,
		      const struct resolve_options *options,
		      struct resolve_result *result);

struct resolve_strs {
	struct str *p;
	size_t n, capacity;
};

/* Sorts and drops what is there twice. */
void resolve_strs_sort(struct lock_strs *strs);
bool resolve_strs_has(struct lock_strs strs, struct str text);
bool resolve_strs_same(struct lock_strs a, struct lock_strs b);
void resolve_strs_add_to_key(struct buf *key, struct lock_strs strs);

/* Remembers a problem of an instance's service (NULL: of the fleet). */
__attribute__((format(printf, 5, 6))) void
resolve_note(struct resolve_run *run, const struct manifest_instance *instance,
	     const char *code, struct manifest_place at, const char *format,
	     ...);

/* Sets the last problem's hint, or the place in another file. */
__attribute__((format(printf, 2, 3))) void
resolve_note_hint(struct resolve_run *run, const char *format, ...);
void resolve_note_file(struct resolve_run *run, struct str file);

/* -- inputs.c: what services ask for -- */

/* Sorted, in normal form, each once; texts in the run's arena. */
struct resolve_inputs {
	struct lock_strs requirements, constraints;
};

/* What counts of the packages of an instance's family. */
enum resolve_family {
	RESOLVE_FAMILY_ASKED, /* the service asks for all of them */
	RESOLVE_FAMILY_KNOWN, /* for those that it imports */
	RESOLVE_FAMILY_LEFT_OUT,
};

/* Of one instance. -1 with a problem noted. */
int resolve_inputs_read(struct resolve_run *run, size_t instance,
			enum resolve_family family,
			struct resolve_inputs *inputs);

/* The track's replacements, normalised, in the arena. */
struct closure_replacements
resolve_replacements(struct resolve_run *run,
		     const struct manifest_track *track);

/* -- families.c -- */

/* Of all that `family: auto` of an instance is decided from. */
struct digest resolve_family_inputs(struct resolve_run *run, size_t instance);

/* True where slipway has a family to choose for the instance. */
bool resolve_has_choice(const struct resolve_run *run, size_t instance);

/* -- bases.c -- */

/* Puts the base of every instance that has no problem yet into the lock, and
 * the system packages of its service beside its number in system. */
int resolve_bases(struct resolve_run *run, bool *is_sick,
		  struct lock_strs *system, struct error **err);

/* -- images.c -- */

/* Finds the image that a base is, brings it into the store, and fills made,
 * which has a name and a platform. */
int resolve_image_base(struct resolve_run *run,
		       const struct manifest_base *base, struct lock_base *made,
		       struct error **err);

/* Of what a base is asked for. */
struct digest resolve_base_inputs(const struct manifest_base *base,
				  struct str platform, struct arena *arena);

/* A sorted copy in arena. */
struct lock_strs resolve_sorted_texts(struct arena *arena,
				      const struct manifest_texts *texts);

/* -- system.c: Debian packages that services add to their base -- */

/* Those of the services on one base, for one platform. */
struct resolve_systems {
	struct resolve_run *run;
	struct lock_base *base; /* of the new lock, with its packages */
	const struct manifest_base *on;
	bool *is_sick;
	struct lock_strs *result; /* per instance: lock_service.system */
};

/* Services whose base takes no Debian packages have a problem. */
void resolve_systems_refuse(struct resolve_run *run, bool *is_sick);

/* What services had above the same base and ask for still, they keep. True
 * where that is all. */
bool resolve_systems_keep(const struct resolve_systems *systems,
			  const struct lock_base *old);

/* Resolves what is not kept. */
int resolve_systems_solve(const struct resolve_systems *systems,
			  struct debian_archive *archive, struct error **err);

/* -- uv.c -- */

struct resolve_uv_request {
	struct lock_strs requirements, constraints;
	const struct manifest_track *track;
	struct closure_replacements replacements;
	struct str python, platform, glibc;
	const struct lock_resolution *preferred; /* versions; or NULL */
	bool upgrade;
	struct lock_strs upgrades;
};

enum resolve_uv_outcome { RESOLVE_UV_DONE, RESOLVE_UV_CONFLICT };

/* Runs uv. pylock is what it wrote, or why there is no solution (in arena).
 * -1 where it could not say. */
int resolve_uv(struct resolve_run *run,
	       const struct resolve_uv_request *request, struct arena *arena,
	       enum resolve_uv_outcome *outcome, struct str *text,
	       struct error **err);

/* -- provision.c -- */

/* uv of PATH where it is new enough, else from its wheel. Heap. */
int resolve_find_uv(struct resolve_run *run, char **path, struct error **err);

/* -- python.c -- */

/* uv asks an interpreter about itself even where the target is another. Where
 * PATH has none, that of a base is made ready: run->python. */
int resolve_find_python(struct resolve_run *run, struct error **err);

/* -- pylock.c -- */

/* Where each package's wheel is, in the order of the packages. */
struct resolve_urls {
	struct str *p;
	size_t n;
};

/* Packages of a PEP 751 document for the resolution's target: the best wheel
 * of each. *bad names what has none, with why; NULL where all have. */
int resolve_pylock(struct str text, const struct manifest_track *track,
		   struct arena *arena, struct lock_resolution *resolution,
		   struct resolve_urls *urls, struct str *bad,
		   struct error **err);

/* -- metadata.c -- */

/* Requires-Dist lines of every package, from the store, the index's metadata
 * files, or the wheels; fills in sizes that the index did not tell. */
int resolve_metadata(struct resolve_run *run,
		     struct lock_resolution *resolution,
		     const struct resolve_urls *urls, struct arena *arena,
		     struct lock_strs **metadata, struct error **err);

/* -- group.c: services that share a resolution -- */

struct resolve_unit {
	struct resolve_inputs inputs;
	struct {
		size_t *p;
		size_t n, capacity;
	} instances;
	const struct lock_resolution *resolution; /* NULL until it has one */
};

struct resolve_group {
	struct str id;
	struct str python, glibc, platform;
	const struct manifest_track *track;
	struct closure_replacements replacements;
	struct {
		struct resolve_unit *p;
		size_t n, capacity;
	} units; /* one per different inputs */
};

/* -- explain.c -- */

/* Every service of a unit has a problem, for uv's reason. */
void resolve_explain(struct resolve_run *run, const struct resolve_unit *unit,
		     struct str reason);

/* The name at the start of a requirement in normal form. */
struct str resolve_name_of(struct str requirement);

/* text says the name, and not as a part of a longer one. */
bool resolve_says_name(struct str text, struct str name);

struct resolve_groups {
	struct resolve_group *p;
	size_t n, capacity;
};

/* The groups of all instances that are not sick and need packages. */
void resolve_groups_make(struct resolve_run *run, const bool *is_sick,
			 const struct resolve_inputs *inputs,
			 struct resolve_groups *groups);
void resolve_groups_release(struct resolve_groups *groups);

/* Of all that decides a resolution of these requirements. */
struct digest resolve_group_inputs(const struct resolve_group *group,
				   const struct resolve_inputs *inputs);

/* Gives every unit a resolution, or its services a problem. */
int resolve_group_solve(struct resolve_run *run, struct resolve_group *group,
			struct error **err);
