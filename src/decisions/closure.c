#include "decisions/closure.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/error.h"
#include "base/map.h"
#include "facts/manifest.h"
#include "facts/marker.h"
#include "facts/version.h"

struct closure_replacements
closure_replacements_of(const struct manifest_pairs *replaces,
			struct arena *arena)
{
	struct closure_replacement *made =
		arena_new_array(arena, struct closure_replacement, replaces->n);

	for (size_t i = 0; i < replaces->n; i++)
		made[i] = (struct closure_replacement){
			name_normalise(arena, replaces->p[i].name.s),
			name_normalise(arena, replaces->p[i].value.s)};
	return (struct closure_replacements){made, replaces->n};
}

/* One step of the walk: a package, or one of its extras. */
struct need {
	size_t package;
	struct str extra; /* "" for the package itself */
};

/* A walk over a resolution; a need is visited once. */
struct walk {
	const struct lock_resolution *resolution;
	struct closure_replacements replacements;
	struct marker_environment environment;
	struct arena *arena;
	struct map seen;    /* "name" and "name[extra]" */
	struct map missing; /* name -> struct closure_missing */
	struct {
		struct need *p;
		size_t n, capacity;
	} queue;
};

static void walk_release(struct walk *walk)
{
	map_release(&walk->seen);
	map_release(&walk->missing);
	array_release(&walk->queue);
}

static int walk_init(struct walk *walk,
		     const struct lock_resolution *resolution,
		     struct closure_replacements replacements,
		     struct arena *arena, struct error **err)
{
	*walk = (struct walk){
		.resolution = resolution,
		.replacements = replacements,
		.arena = arena,
		.seen = MAP_EMPTY,
		.missing = MAP_EMPTY,
	};
	if (marker_environment_init(&walk->environment, resolution->python,
				    resolution->platform))
		return 0;
	return err_make(err, ERR_FLEET,
			"resolution '" STR_FMT "': Python '" STR_FMT
			"' on '" STR_FMT "' is no target that slipway knows",
			STR_ARG(resolution->id), STR_ARG(resolution->python),
			STR_ARG(resolution->platform));
}

static struct str replace(const struct walk *walk, struct str name)
{
	for (size_t i = 0; i < walk->replacements.n; i++)
		if (str_eq(walk->replacements.p[i].name, name))
			return walk->replacements.p[i].with;
	return name;
}

static struct str extras_text(const struct walk *walk,
			      const struct requirement *requirement)
{
	struct str text = STR_EMPTY;

	for (size_t i = 0; i < requirement->extra_count; i++)
		text = arena_printf(walk->arena, STR_FMT "%s" STR_FMT,
				    STR_ARG(text), i ? "," : "",
				    STR_ARG(requirement->extras[i]));
	if (text.n == 0)
		return text;
	return arena_printf(walk->arena, "[" STR_FMT "]", STR_ARG(text));
}

static void push(struct walk *walk, size_t package, struct str extra)
{
	struct str name = walk->resolution->packages[package].name;
	struct str key = arena_printf(walk->arena, STR_FMT "[" STR_FMT "]",
				      STR_ARG(name), STR_ARG(extra));

	if (map_add(&walk->seen, key))
		array_push(&walk->queue, (struct need){package, extra});
}

/* Queues what a requirement that applies asks for. */
static void add_need(struct walk *walk, const struct requirement *requirement,
		     struct str by)
{
	struct str name = replace(walk, requirement->name);
	const struct lock_package *package =
		lock_find_package(walk->resolution, name);

	if (!package) {
		struct closure_missing *missing =
			arena_new(walk->arena, struct closure_missing);

		*missing = (struct closure_missing){
			name, extras_text(walk, requirement), by};
		if (!map_has(&walk->missing, name))
			map_set(&walk->missing, name, missing);
		return;
	}
	size_t number = (size_t)(package - walk->resolution->packages);

	push(walk, number, STR_EMPTY);
	for (size_t i = 0; i < requirement->extra_count; i++)
		push(walk, number, requirement->extras[i]);
}

/* Reads a requirement and whether it applies with this extra. */
static int read_need(const struct walk *walk, struct str text, struct str extra,
		     struct str by, struct requirement *requirement,
		     bool *applies, struct error **err)
{
	struct marker_environment environment = walk->environment;
	const char *what;

	environment.extra = extra;
	if (!requirement_parse(text, walk->arena, requirement, &what))
		return err_make(err, ERR_FLEET,
				STR_FMT ": '" STR_FMT "' is no requirement: %s",
				STR_ARG(by), STR_ARG(text), what);
	if (!marker_evaluate(requirement->marker, &environment, applies))
		return err_make(err, ERR_FLEET,
				STR_FMT ": '" STR_FMT
					"' has a marker that cannot be read",
				STR_ARG(by), STR_ARG(text));
	return 0;
}

static int add_requirements(struct walk *walk, struct lock_strs requirements,
			    struct error **err)
{
	for (size_t i = 0; i < requirements.n; i++) {
		struct requirement requirement;
		bool applies;

		if (read_need(walk, requirements.p[i], STR_EMPTY,
			      STR("a service's requirements"), &requirement,
			      &applies, err))
			return -1;
		if (applies)
			add_need(walk, &requirement, STR_EMPTY);
	}
	return 0;
}

/* -- record -- */

/* "name[extras]specifier", as the lock keeps it. */
static struct str need_text(const struct walk *walk,
			    const struct requirement *requirement)
{
	struct str name = replace(walk, requirement->name);
	struct str extras = extras_text(walk, requirement);

	return arena_printf(walk->arena, STR_FMT STR_FMT STR_FMT, STR_ARG(name),
			    STR_ARG(extras),
			    STR_ARG(requirement->specifier_text));
}

/* The lines that apply with this extra, less those that apply without. */
static int record_need(struct walk *walk, struct need need,
		       struct lock_strs lines, struct lock_strs *requires,
		       struct error **err)
{
	const struct lock_package *package =
		&walk->resolution->packages[need.package];

	requires->p = arena_new_array(walk->arena, struct str, lines.n);
	for (size_t i = 0; i < lines.n; i++) {
		struct requirement requirement;
		bool applies, applies_always = false;

		if (read_need(walk, lines.p[i], need.extra, package->name,
			      &requirement, &applies, err))
			return -1;
		if (need.extra.n > 0 &&
		    read_need(walk, lines.p[i], STR_EMPTY, package->name,
			      &requirement, &applies_always, err))
			return -1;
		if (!applies || applies_always)
			continue;
		requires->p[requires->n++] = need_text(walk, &requirement);
		add_need(walk, &requirement, package->name);
	}
	return 0;
}

static void append_extra(struct arena *arena, struct lock_package *package,
			 struct str name, struct lock_strs requires)
{
	struct lock_extra *extras = arena_new_array(arena, struct lock_extra,
						    package->extra_count + 1);

	if (package->extra_count > 0)
		memcpy(extras, package->extras,
		       package->extra_count * sizeof *extras);
	extras[package->extra_count++] = (struct lock_extra){name, requires};
	package->extras = extras;
}

static int missing_cmp(const void *a, const void *b)
{
	const struct closure_missing *left = a, *right = b;

	return str_cmp(left->name, right->name);
}

static void list_missing(struct walk *walk, struct closure_missings *missing)
{
	missing->n = 0;
	missing->p = arena_new_array(walk->arena, struct closure_missing,
				     walk->missing.n);
	map_each (entry, &walk->missing)
		missing->p[missing->n++] =
			*(const struct closure_missing *)entry->value;
	if (missing->n > 1)
		qsort(missing->p, missing->n, sizeof *missing->p, missing_cmp);
}

static int record(struct walk *walk, struct lock_resolution *resolution,
		  const struct lock_strs *metadata, struct error **err)
{
	if (add_requirements(walk, resolution->requirements, err))
		return -1;
	for (size_t i = 0; i < walk->queue.n; i++) {
		struct need need = walk->queue.p[i];
		struct lock_package *package =
			&resolution->packages[need.package];
		struct lock_strs requires = {NULL, 0};

		if (record_need(walk, need, metadata[need.package], &requires,
				err))
			return -1;
		if (need.extra.n == 0)
		package->requires = requires;
		else append_extra(walk->arena, package, need.extra, requires);
	}
	return 0;
}

int closure_record(struct lock_resolution *resolution,
		   const struct lock_strs *metadata,
		   struct closure_replacements replacements,
		   struct arena *arena, struct closure_missings *missing,
		   struct error **err)
{
	struct walk walk;

	*missing = (struct closure_missings){NULL, 0};
	if (walk_init(&walk, resolution, replacements, arena, err))
		return -1;
	for (size_t i = 0; i < resolution->package_count; i++) {
		struct lock_package *package = &resolution->packages[i];

		package->requires = (struct lock_strs){NULL, 0};
		package->extras = NULL;
		package->extra_count = 0;
	}
	int result = record(&walk, resolution, metadata, err);

	if (result == 0)
		list_missing(&walk, missing);
	walk_release(&walk);
	return result;
}

/* -- closure -- */

static int follow(struct walk *walk, struct lock_strs lines, struct str by,
		  struct error **err)
{
	for (size_t i = 0; i < lines.n; i++) {
		struct requirement requirement;
		bool applies;

		if (read_need(walk, lines.p[i], STR_EMPTY, by, &requirement,
			      &applies, err))
			return -1;
		add_need(walk, &requirement, by);
	}
	return 0;
}

static int follow_all(struct walk *walk, struct error **err)
{
	for (size_t i = 0; i < walk->queue.n; i++) {
		struct need need = walk->queue.p[i];
		const struct lock_package *package =
			&walk->resolution->packages[need.package];
		size_t j = 0;

		if (need.extra.n == 0) {
			if (follow(walk, package->requires, package->name, err))
				return -1;
			continue;
		}
		while (j < package->extra_count &&
		       !str_eq(package->extras[j].name, need.extra))
			j++;
		/* An extra that no service of the resolution used is not
		 * recorded; one that the package does not have is, empty. */
		if (j == package->extra_count)
			return err_make(
				err, ERR_FLEET,
				"the lock does not know the extra '" STR_FMT
				"' of " STR_FMT,
				STR_ARG(need.extra), STR_ARG(package->name));
		if (follow(walk, package->extras[j].requires, package->name,
			   err))
			return -1;
	}
	return 0;
}

static int name_missing(const struct walk *walk, struct error **err)
{
	const struct closure_missing *missing = walk->missing.entries[0].value;

	err_make(err, ERR_FLEET, "the lock has no " STR_FMT "%s" STR_FMT,
		 STR_ARG(missing->name),
		 missing->by.n ? ", which is needed by " : "",
		 STR_ARG(missing->by));
	return err_hint(err, "run: slipway lock");
}

static int text_cmp(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

int closure_of(const struct lock_resolution *resolution,
	       struct lock_strs requirements,
	       struct closure_replacements replacements, struct arena *arena,
	       struct lock_strs *closure, struct error **err)
{
	struct walk walk;

	if (walk_init(&walk, resolution, replacements, arena, err))
		return -1;
	int result = add_requirements(&walk, requirements, err) ||
				     follow_all(&walk, err)
			     ? -1
			     : 0;

	if (result == 0 && walk.missing.n > 0)
		result = name_missing(&walk, err);
	*closure = (struct lock_strs){
		arena_new_array(arena, struct str, walk.queue.n), 0};
	for (size_t i = 0; result == 0 && i < walk.queue.n; i++) {
		const struct lock_package *package =
			&resolution->packages[walk.queue.p[i].package];

		if (walk.queue.p[i].extra.n == 0)
			closure->p[closure->n++] =
				arena_printf(arena, STR_FMT "==" STR_FMT,
					     STR_ARG(package->name),
					     STR_ARG(package->version));
	}
	if (closure->n > 1)
		qsort(closure->p, closure->n, sizeof *closure->p, text_cmp);
	walk_release(&walk);
	return result;
}
