/* What services add to their base by `system:`. Each keeps what it had while
 * it asks for the same, so that another service's wish changes no layer. */
#include "base/error.h"
#include "base/map.h"
#include "parts/debian.h"
#include "work/resolve/run.h"

void resolve_systems_refuse(struct resolve_run *run, bool *is_sick)
{
	const struct manifest *manifest = run->options->manifest;

	for (size_t i = 0; i < manifest->instances.n; i++) {
		const struct manifest_instance *instance =
			manifest->instances.p[i];
		const struct manifest_texts *wanted = &instance->system;

		if (is_sick[i] || wanted->n == 0 ||
		    instance->base->kind == MANIFEST_BASE_DEBIAN)
			continue;
		is_sick[i] = true;
		resolve_note(run, instance, "lock-system", wanted->p[0].at,
			     "system: adds Debian packages, and base '" STR_FMT
			     "' is not made of such",
			     STR_ARG(instance->base->name.s));
		resolve_note_hint(run, "take a base of the form {debian: SUITE}"
				       ", or an image that has them already");
	}
}

static bool is_concerned(const struct resolve_systems *systems, size_t number)
{
	const struct manifest_instance *instance =
		systems->run->options->manifest->instances.p[number];

	return !systems->is_sick[number] && instance->base == systems->on &&
	       instance->system.n > 0 &&
	       str_eq(instance->machine->platform.s, systems->base->platform);
}

static bool has_all(const struct lock_base *base, struct lock_strs entries)
{
	for (size_t i = 0; i < entries.n; i++)
		if (!lock_find_system(base, entries.p[i]))
			return false;
	return true;
}

static struct str entry_of(struct arena *arena, const struct lock_deb *deb)
{
	return arena_printf(arena, STR_FMT "=" STR_FMT, STR_ARG(deb->name),
			    STR_ARG(deb->version));
}

/* The base's list: what a service has of these, each once. */
static void put_debs(const struct resolve_systems *systems,
		     const struct lock_deb *all, size_t n)
{
	struct arena *arena = systems->run->arena;
	size_t instances = systems->run->options->manifest->instances.n;
	auto_map struct map used = MAP_EMPTY;
	struct lock_debs kept = {arena_new_array(arena, struct lock_deb, n), 0};

	for (size_t i = 0; i < instances; i++)
		for (size_t j = 0;
		     is_concerned(systems, i) && j < systems->result[i].n; j++)
			map_set(&used, systems->result[i].p[j], systems->base);
	for (size_t i = 0; i < n; i++) {
		struct str entry = entry_of(arena, &all[i]);

		if (!map_get(&used, entry))
			continue;
		map_set(&used, entry, NULL);
		kept.p[kept.n++] = all[i];
	}
	systems->base->system = kept;
}

bool resolve_systems_keep(const struct resolve_systems *systems,
			  const struct lock_base *old)
{
	const struct resolve_options *options = systems->run->options;
	const struct manifest *manifest = options->manifest;
	bool is_all = true;

	for (size_t i = 0; i < manifest->instances.n; i++) {
		const struct manifest_instance *instance =
			manifest->instances.p[i];
		const struct lock_service *service = lock_find_service(
			options->previous, instance->service->name.s,
			instance->machine->name.s);

		if (!is_concerned(systems, i))
			continue;
		if (service && str_eq(service->base, old->name) &&
		    resolve_strs_same(
			    service->system_requirements,
			    resolve_sorted_texts(systems->run->arena,
						 &instance->system)) &&
		    has_all(old, service->system))
			systems->result[i] = service->system;
		else
			is_all = false;
	}
	put_debs(systems, old->system.p, old->system.n);
	return is_all;
}

struct debs {
	struct lock_deb *p;
	size_t n, capacity;
};

/* Resolves one instance; what is found is appended. A package that is not to
 * be had is the service's problem. */
static int solve_one(const struct resolve_systems *systems, size_t number,
		     struct debian_archive *archive, struct debs *all,
		     struct error **err)
{
	struct resolve_run *run = systems->run;
	const struct manifest_instance *instance =
		run->options->manifest->instances.p[number];
	const struct manifest_texts *wanted = &instance->system;
	struct lock_strs *result = &systems->result[number];
	struct error *found = NULL;
	struct lock_debs debs = {NULL, 0};

	if (debian_resolve_system(archive, &systems->base->debs,
				  resolve_sorted_texts(run->arena, wanted),
				  run->arena, &debs, &found)) {
		if (err_class(found) != ERR_FLEET)
			return err_pass(err, found);
		systems->is_sick[number] = true;
		resolve_note(run, instance, "lock-system", wanted->p[0].at,
			     "%s", err_message(found));
		resolve_note_hint(run, "%s", err_hint_text(found));
		err_free(found);
		return 0;
	}
	result->p = arena_new_array(run->arena, struct str, debs.n);
	result->n = debs.n;
	for (size_t i = 0; i < debs.n; i++) {
		result->p[i] = entry_of(run->arena, &debs.p[i]);
		array_push(all, debs.p[i]);
	}
	resolve_strs_sort(result);
	return 0;
}

int resolve_systems_solve(const struct resolve_systems *systems,
			  struct debian_archive *archive, struct error **err)
{
	size_t n = systems->run->options->manifest->instances.n;
	struct debs all = ARRAY_EMPTY;
	int result = 0;

	for (size_t i = 0; i < systems->base->system.n; i++)
		array_push(&all, systems->base->system.p[i]);
	for (size_t i = 0; result == 0 && i < n; i++)
		if (is_concerned(systems, i) && systems->result[i].n == 0)
			result = solve_one(systems, i, archive, &all, err);
	put_debs(systems, all.p, all.n);
	array_release(&all);
	return result;
}
