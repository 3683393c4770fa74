#include "work/scanned.h"

#include "base/map.h"

/* "uvicorn" of "uvicorn[standard]>=0.20". */
static struct str requirement_name(struct str requirement)
{
	size_t n = 0;

	while (n < requirement.n &&
	       ((requirement.p[n] >= 'a' && requirement.p[n] <= 'z') ||
		(requirement.p[n] >= '0' && requirement.p[n] <= '9') ||
		requirement.p[n] == '-'))
		n++;
	return str_slice(requirement, 0, n);
}

/* "uvicorn[standard]" of "uvicorn[standard]>=0.20". */
static struct str without_version(struct str requirement)
{
	struct str name = requirement_name(requirement);
	struct str rest = str_slice(requirement, name.n, requirement.n);
	ptrdiff_t end = str_find(rest, ']');

	if (!str_starts(rest, STR("[")) || end < 0)
		return name;
	return str_slice(requirement, 0, name.n + (size_t)end + 1);
}

/* The requirement that names a distribution, or NULL. */
static const struct str *find_named(struct lock_strs requirements,
				    struct str distribution)
{
	for (size_t i = 0; i < requirements.n; i++)
		if (str_eq(requirement_name(requirements.p[i]), distribution))
			return &requirements.p[i];
	return NULL;
}

static bool becomes_requirement(const struct graph_import *import,
				const struct mapping_result *found,
				struct lock_strs asked)
{
	if (found->how == MAPPING_NONE || import->level == PYSCAN_TYPING)
		return false;
	/* A requirement may carry a version or extras; the bare name beside it
	 * would add nothing. */
	if (find_named(asked, found->distribution))
		return false;
	return import->level != PYSCAN_GUARDED || found->how == MAPPING_ALLOW;
}

struct lock_strs scanned_requirements(void *context, size_t instance,
				      struct lock_strs asked,
				      struct lock_strs known,
				      struct arena *arena)
{
	const struct scanned *scanned = context;
	const struct check_instance *checked =
		&scanned->check->instances[instance];
	const struct manifest_settings *settings = &checked->instance->settings;
	struct str *names =
		arena_new_array(arena, struct str, asked.n + known.n);
	struct mapping_allow *allows =
		arena_new_array(arena, struct mapping_allow, settings->allow.n);
	struct mapping_service service = {names, asked.n + known.n, allows, 0};
	auto_map struct map seen = MAP_EMPTY;

	for (size_t i = 0; i < asked.n; i++)
		names[i] = requirement_name(asked.p[i]);
	for (size_t i = 0; i < known.n; i++)
		names[asked.n + i] = requirement_name(known.p[i]);
	for (size_t i = 0; i < settings->allow.n; i++)
		if (settings->allow.p[i].package.s.n)
			allows[service.allow_count++] = (struct mapping_allow){
				settings->allow.p[i].import_glob.s,
				settings->allow.p[i].package.s};
	for (size_t i = 0; i < checked->graph.import_count; i++) {
		const struct graph_import *import = &checked->graph.imports[i];

		if (import->owner != GRAPH_THIRD_PARTY)
			continue;
		struct mapping_result found =
			mapping_find(scanned->table, &service, import->module,
				     import->name, arena);

		if (!becomes_requirement(import, &found, asked))
			continue;
		const struct str *pin = find_named(known, found.distribution);

		map_add(&seen,
			pin ? without_version(*pin) : found.distribution);
	}
	struct lock_strs list = {arena_new_array(arena, struct str, seen.n), 0};

	map_each (entry, &seen) {
		list.p[list.n++] = arena_str(arena, entry->key);
	}
	return list;
}
