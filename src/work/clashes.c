#include "work/clashes.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/error.h"
#include "decisions/clash.h"

struct finder {
	const struct resolve_options *options;
	const struct listing_source *source;
	struct resolve_result *result;
	bool *is_new;  /* per service of the lock: to be looked at */
	bool *is_sick; /* the same: to be taken out */
};

/* The previous lock does not have the service with these packages. */
static bool is_new_closure(const struct lock *previous,
			   const struct lock_service *service)
{
	for (size_t m = 0; m < service->machines.n; m++) {
		const struct lock_service *old =
			previous && previous->version >= LOCK_VERSION
				? lock_find_service(previous, service->name,
						    service->machines.p[m])
				: NULL;

		if (!old || old->closure.n != service->closure.n)
			return true;
		for (size_t i = 0; i < service->closure.n; i++)
			if (!str_eq(old->closure.p[i], service->closure.p[i]))
				return true;
	}
	return false;
}

/* The manifest's words that let one of the two stand for the other: the longer
 * name is that of the variant ("onnxruntime-gpu"). */
static struct str hint(const struct lock_resolution *resolution, struct str a,
		       struct str b, struct arena *arena)
{
	bool is_variant = str_starts(a, b);

	return arena_printf(
		arena,
		"let the track replace one by the other: tracks." STR_FMT
		".replaces: {" STR_FMT ": " STR_FMT
		"}; or ask for one of them only",
		STR_ARG(resolution->track), STR_ARG(is_variant ? b : a),
		STR_ARG(is_variant ? a : b));
}

static void note(const struct finder *finder,
		 const struct lock_service *service,
		 const struct lock_resolution *resolution,
		 const struct clash *clash)
{
	struct arena *arena = &finder->result->arena;
	const struct lock_package *a = &resolution->packages[clash->a];
	const struct lock_package *b = &resolution->packages[clash->b];
	const struct manifest_service *written =
		manifest_service(finder->options->manifest, service->name);
	struct resolve_problem problem = {
		.service = arena_str(arena, service->name),
		.code = STR("path-clash"),
		.at = written->name.at,
		.message = arena_printf(
			arena,
			STR_FMT " " STR_FMT " and " STR_FMT " " STR_FMT
				" install different files at '" STR_FMT "'%s",
			STR_ARG(a->name), STR_ARG(a->version), STR_ARG(b->name),
			STR_ARG(b->version), STR_ARG(clash->path),
			clash->path_count > 1 ? " and other paths" : ""),
		.hint = hint(resolution, a->name, b->name, arena),
	};

	array_push(&finder->result->problems, problem);
}

/* The first clash of each service that uses the resolution. */
static void judge_services(const struct finder *finder,
			   const struct lock_resolution *resolution,
			   const struct clashes *clashes)
{
	const struct lock *lock = finder->result->lock;

	for (size_t i = 0; i < lock->service_count; i++) {
		const struct lock_service *service = &lock->services[i];

		if (!finder->is_new[i] ||
		    !str_eq(service->resolution, resolution->id))
			continue;
		for (size_t c = 0; c < clashes->n && !finder->is_sick[i]; c++) {
			const struct clash *clash = &clashes->p[c];

			if (!lock_service_needs(
				    service, &resolution->packages[clash->a]) ||
			    !lock_service_needs(
				    service, &resolution->packages[clash->b]))
				continue;
			note(finder, service, resolution, clash);
			finder->is_sick[i] = true;
		}
	}
}

static int judge_resolution(const struct finder *finder,
			    const struct lock_resolution *resolution,
			    struct error **err)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	ARRAY(struct clash_file) files = ARRAY_EMPTY;
	struct clashes clashes = ARRAY_EMPTY;
	int result = 0;

	for (size_t i = 0; result == 0 && i < resolution->package_count; i++) {
		const struct lock_package *package = &resolution->packages[i];
		struct listing listing = {NULL, 0};

		if (package->wheel.file.n > 0)
			result = listing_read(finder->source, package, &arena,
					      &listing, err);
		for (size_t m = 0; m < listing.n; m++) {
			const struct listing_member *member = &listing.p[m];
			struct clash_file file = {
				.size_bytes = member->size_bytes,
				.crc32 = member->crc32,
				.distribution = i,
			};

			if (clash_path(member->path, &file.path))
				array_push(&files, file);
		}
	}
	if (result == 0) {
		clash_find(files.p, files.n, &clashes);
		judge_services(finder, resolution, &clashes);
	}
	array_release(&files);
	array_release(&clashes);
	return result;
}

static void take_out(const struct finder *finder)
{
	struct lock *lock = finder->result->lock;
	size_t n = 0;

	for (size_t i = 0; i < lock->service_count; i++)
		if (!finder->is_sick[i])
			lock->services[n++] = lock->services[i];
	lock->service_count = n;
}

int clashes_check(const struct resolve_options *options,
		  const struct listing_source *source,
		  struct resolve_result *result, struct error **err)
{
	const struct lock *lock = result->lock;
	auto_free bool *is_new =
		mem_zalloc(lock->service_count, sizeof *is_new);
	auto_free bool *is_sick =
		mem_zalloc(lock->service_count, sizeof *is_sick);
	struct finder finder = {options, source, result, is_new, is_sick};
	int status = 0;

	for (size_t r = 0; status == 0 && r < lock->resolution_count; r++) {
		const struct lock_resolution *resolution =
			&lock->resolutions[r];
		bool is_needed = false;

		for (size_t i = 0; i < lock->service_count; i++) {
			const struct lock_service *service = &lock->services[i];

			if (!str_eq(service->resolution, resolution->id))
				continue;
			is_new[i] = is_new_closure(options->previous, service);
			is_needed |= is_new[i];
		}
		if (is_needed)
			status = judge_resolution(&finder, resolution, err);
	}
	take_out(&finder);
	resolve_problems_sort(options->manifest, &result->problems);
	return status;
}
