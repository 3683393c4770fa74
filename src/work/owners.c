#include "work/owners.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/error.h"
#include "base/log.h"
#include "base/pool.h"
#include "decisions/ownership.h"

/* Lists are read side by side: each waits for the network, not for a core. */
enum { PARALLEL_LISTS = 8 };

struct reading {
	const struct listing_source *source;
	const struct lock_package *package;
	struct ownership ownership;
	struct progress *progress;
};

static int read_one(void *argument, struct error **err)
{
	struct reading *reading = argument;
	auto_arena struct arena arena = ARENA_EMPTY;
	struct listing listing;

	if (pool_check_cancelled(err) ||
	    listing_read(reading->source, reading->package, &arena, &listing,
			 err))
		return -1;
	for (size_t i = 0; i < listing.n; i++)
		ownership_add(&reading->ownership, listing.p[i].path);
	progress_add(reading->progress, 1);
	return 0;
}

/* Reads the lists of one resolution's packages, in their order. */
static int read_resolution(const struct lock_resolution *resolution,
			   const struct listing_source *source,
			   struct reading *readings, struct error **err)
{
	struct pool *pool = pool_new(PARALLEL_LISTS, 0);
	struct progress *progress =
		progress_new("file lists", resolution->package_count, "wheels");

	for (size_t i = 0; i < resolution->package_count; i++) {
		readings[i] = (struct reading){
			.source = source,
			.package = &resolution->packages[i],
			.progress = progress,
		};
		struct pool_task task = {.run = read_one,
					 .argument = &readings[i]};

		if (resolution->packages[i].wheel.file.n > 0)
			pool_add(pool, &task);
	}
	int result = pool_run_first(pool, err);

	progress_free(progress);
	pool_free(pool);
	return result;
}

static int compare_owners(const void *a, const void *b)
{
	return str_cmp(((const struct lock_owner *)a)->import,
		       ((const struct lock_owner *)b)->import);
}

/* The packages of a service's closure among those of its resolution; others
 * are NULL. */
static const struct ownership **
closure_members(const struct lock_service *service,
		const struct lock_resolution *resolution,
		const struct reading *readings)
{
	const struct ownership **members =
		mem_zalloc(resolution->package_count, sizeof(*members));

	for (size_t i = 0; i < resolution->package_count; i++)
		if (lock_service_needs(service, &resolution->packages[i]))
			members[i] = &readings[i].ownership;
	return members;
}

static struct str first_part(struct str module)
{
	ptrdiff_t dot = str_find(module, '.');

	return dot < 0 ? module : str_slice(module, 0, (size_t)dot);
}

/* Of the imports that owners are looked for. */
static struct digest imports_digest(const struct graph *graph)
{
	auto_buf struct buf key = BUF_EMPTY;

	key_add(&key, STR("imports-1"));
	for (size_t i = 0; i < graph->import_count; i++) {
		const struct graph_import *import = &graph->imports[i];

		if (import->owner != GRAPH_THIRD_PARTY)
			continue;
		key_add(&key, import->module);
		key_add(&key, import->name);
	}
	return digest_of(buf_str(&key));
}

static void fill_service(struct lock *lock, struct lock_service *service,
			 const struct lock_resolution *resolution,
			 const struct reading *readings,
			 const struct graph *graph)
{
	const struct ownership **members =
		closure_members(service, resolution, readings);
	auto_map struct map seen = MAP_EMPTY;
	ARRAY(struct lock_owner) owners = ARRAY_EMPTY;

	for (size_t i = 0; i < graph->import_count; i++) {
		const struct graph_import *import = &graph->imports[i];
		bool partial;

		if (import->owner != GRAPH_THIRD_PARTY ||
		    map_has(&seen, import->module))
			continue;
		ptrdiff_t found =
			ownership_find(members, resolution->package_count,
				       import->module, import->name, &partial);

		struct str module = import->module;

		/* The distribution is there and lacks this module: check tells
		 * that from a name that nobody has by its first part. */
		if (found < 0 && partial) {
			module = first_part(module);
			found = ownership_find(members,
					       resolution->package_count,
					       module, STR_EMPTY, &partial);
		}
		if (found < 0 || !map_add(&seen, module))
			continue;
		struct lock_owner owner = {
			arena_str(&lock->arena, module),
			resolution->packages[found].name,
		};

		array_push(&owners, owner);
	}
	array_sort(&owners, compare_owners);
	service->imports = imports_digest(graph);
	service->owner_count = owners.n;
	service->owners =
		arena_new_array(&lock->arena, struct lock_owner, owners.n);
	if (owners.n)
		memcpy(service->owners, owners.p, owners.n * sizeof *owners.p);
	array_release(&owners);
	free(members);
}

/* The walk of a service on one of the machines of its entry. */
static const struct graph *graph_of(const struct check *check,
				    const struct lock_service *service)
{
	for (size_t i = 0; i < check->instance_count; i++) {
		const struct check_instance *instance = &check->instances[i];

		if (!instance->python ||
		    !str_eq(instance->instance->service->name.s, service->name))
			continue;
		for (size_t m = 0; m < service->machines.n; m++)
			if (str_eq(service->machines.p[m],
				   instance->instance->machine->name.s))
				return &instance->graph;
	}
	return NULL;
}

/* The walk of a service whose owners are not known, or NULL. */
static const struct graph *
graph_to_fill(const struct check *check, const struct lock_service *service,
	      const struct lock_resolution *resolution)
{
	const struct graph *graph = str_eq(service->resolution, resolution->id)
					    ? graph_of(check, service)
					    : NULL;

	if (!graph)
		return NULL;
	struct digest imports = imports_digest(graph);

	return digest_eq(&imports, &service->imports) ? NULL : graph;
}

static int fill_resolution(struct lock *lock,
			   const struct lock_resolution *resolution,
			   const struct check *check,
			   const struct listing_source *source,
			   struct error **err)
{
	bool is_known = true;

	for (size_t i = 0; i < lock->service_count; i++)
		is_known = is_known && !graph_to_fill(check, &lock->services[i],
						      resolution);
	if (is_known)
		return 0;
	struct reading *readings =
		mem_zalloc(resolution->package_count, sizeof *readings);
	int result = read_resolution(resolution, source, readings, err);

	for (size_t i = 0; result == 0 && i < lock->service_count; i++) {
		struct lock_service *service = &lock->services[i];
		const struct graph *graph =
			graph_to_fill(check, service, resolution);

		if (graph)
			fill_service(lock, service, resolution, readings,
				     graph);
	}
	for (size_t i = 0; i < resolution->package_count; i++)
		ownership_release(&readings[i].ownership);
	free(readings);
	return result;
}

int owners_fill(struct lock *lock, const struct check *check,
		const struct listing_source *source, struct error **err)
{
	for (size_t i = 0; i < lock->resolution_count; i++)
		if (fill_resolution(lock, &lock->resolutions[i], check, source,
				    err))
			return -1;
	return 0;
}
