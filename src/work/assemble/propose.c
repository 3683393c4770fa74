/* What an assembly says to decisions/proposal. */
#include <stdlib.h>

#include "base/array.h"
#include "base/map.h"
#include "decisions/reasons.h"
#include "facts/version.h"
#include "work/assemble/assemble_private.h"

static size_t family_number(const struct manifest *manifest,
			    const struct manifest_family *family)
{
	size_t i = 0;

	while (manifest->families.p[i] != family)
		i++;
	return i;
}

/* The name of a requirement, normalised, or "". */
static struct str name_of(struct str requirement, struct arena *arena)
{
	struct requirement parsed;
	const char *what;

	return requirement_parse(requirement, arena, &parsed, &what)
		       ? parsed.name
		       : STR_EMPTY;
}

/* What a service asks for itself: its imports' distributions, and what it
 * requires besides its family. */
static struct lock_strs own_roots(const struct assemble_image *image,
				  struct arena *arena)
{
	const struct lock_service *service = image->service;
	const struct manifest_family *family = image->instance->family;
	struct lock_strs roots = {
		arena_new_array(arena, struct str,
				service->owner_count + service->requirements.n),
		0};
	auto_map struct map brought = MAP_EMPTY;

	for (size_t i = 0; family && i < family->all_packages.n; i++)
		map_add(&brought, name_of(family->all_packages.p[i].s, arena));
	for (size_t i = 0; i < service->requirements.n; i++)
		if (!map_has(&brought,
			     name_of(service->requirements.p[i], arena)))
			roots.p[roots.n++] = service->requirements.p[i];
	for (size_t i = 0; i < service->owner_count; i++)
		roots.p[roots.n++] = service->owners[i].distribution;
	return roots;
}

static ptrdiff_t carrier_of(const struct assembly *assembly,
			    const struct assemble_image *image, size_t part)
{
	ptrdiff_t found = -1;

	/* The lowest family that has it: a child's closure has it too. */
	for (ptrdiff_t f = image->family; f >= 0;
	     f = assembly->families[f].parent)
		for (size_t i = 0; i < assembly->families[f].part_count; i++)
			if (assembly->families[f].parts[i] == part)
				found = (ptrdiff_t)family_number(
					assembly->manifest,
					assembly->families[f].family);
	return found;
}

static int compare_numbers(const void *a, const void *b)
{
	size_t left = *(const size_t *)a, right = *(const size_t *)b;

	return left < right ? -1 : left > right;
}

static struct proposal_service describe(const struct assembly *assembly,
					const struct assemble_image *image,
					struct arena *arena)
{
	const struct lock_resolution *resolution = lock_find_resolution(
		assembly->lock, image->service->resolution);
	size_t *packages = arena_new_array(arena, size_t, image->part_count);
	ptrdiff_t *carriers =
		arena_new_array(arena, ptrdiff_t, image->part_count);
	bool *is_used = arena_new_array(arena, bool, image->part_count);
	bool *is_asked = arena_new_array(arena, bool, image->part_count);
	bool *reached = arena_new_array(
		arena, bool, resolution ? resolution->package_count : 0);
	auto_map struct map asked = MAP_EMPTY;
	size_t n = 0;
	struct reasons_input input = {
		.resolution = resolution,
		.replacements = closure_replacements_of(
			&image->instance->track->replaces, arena),
		.roots = own_roots(image, arena),
	};

	if (resolution)
		reasons_reach(&input, reached);
	for (size_t i = 0; i < input.roots.n; i++)
		map_add(&asked, name_of(input.roots.p[i], arena));
	for (size_t i = 0; i < image->part_count; i++)
		if (assembly->parts[image->parts[i]].kind == ASSEMBLE_WHEEL)
			packages[n++] = image->parts[i];
	if (n > 1)
		qsort(packages, n, sizeof *packages, compare_numbers);
	for (size_t i = 0; i < n; i++) {
		/* Its own resolution's: a part may be of several. */
		const struct lock_package *package = lock_find_package(
			resolution, assembly->parts[packages[i]].package->name);

		carriers[i] = carrier_of(assembly, image, packages[i]);
		is_used[i] = reached[package - resolution->packages];
		is_asked[i] = map_has(&asked, package->name);
	}
	return (struct proposal_service){
		image->instance->family
			? (ptrdiff_t)family_number(assembly->manifest,
						   image->instance->family)
			: -1,
		packages,
		n,
		carriers,
		is_used,
		is_asked};
}

/* Leaves what the manifest names for the family. */
static void keep_named(const struct assembly *assembly,
		       struct proposals *proposals)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	size_t kept = 0;

	for (size_t i = 0; i < proposals->use_count; i++) {
		struct proposal_use use = proposals->uses[i];
		const struct manifest_texts *named =
			&assembly->manifest->families.p[use.family]->packages;
		struct str name = assembly->parts[use.package].package->name;
		bool is_named = false;

		for (size_t k = 0; k < named->n; k++)
			is_named |=
				str_eq(name_of(named->p[k].s, &arena), name);
		if (is_named)
			proposals->uses[kept++] = use;
	}
	proposals->use_count = kept;
}

void assembly_propose(const struct assembly *assembly, struct arena *arena,
		      struct proposals *proposals)
{
	struct proposal_service *services = arena_new_array(
		arena, struct proposal_service, assembly->image_count);
	uint64_t *bytes =
		arena_new_array(arena, uint64_t, assembly->part_count);
	auto_map struct map seen = MAP_EMPTY;

	for (size_t i = 0; i < assembly->part_count; i++)
		bytes[i] = assembly->plan_parts[i].bytes;
	for (size_t i = 0; i < assembly->image_count; i++) {
		const struct assemble_image *image = &assembly->images[i];

		services[i].family = -1;
		/* A service on two machines is one. */
		if (!image->error &&
		    map_add(&seen, image->instance->service->name.s))
			services[i] = describe(assembly, image, arena);
	}
	struct proposal_input input = {
		.services = services,
		.service_count = assembly->image_count,
		.bytes = bytes,
		.package_count = assembly->part_count,
		.family_count = assembly->manifest->families.n,
	};

	proposals_make(&input, arena, proposals);
	keep_named(assembly, proposals);
}
