#include "work/resolve.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/map.h"
#include "base/pool.h"
#include "work/resolve/run.h"

void resolve_result_release(struct resolve_result *result)
{
	lock_free(result->lock);
	array_release(&result->problems);
	arena_release(&result->arena);
	*result = (struct resolve_result)RESOLVE_RESULT_EMPTY;
}

/* What is known of each instance, by its number. */
struct state {
	bool *is_sick; /* skipped, or has a problem */
	struct resolve_inputs *inputs;
	struct lock_strs *system;
	const struct resolve_unit **units; /* NULL: needs no package */
	const struct resolve_group **groups;
};

static void state_init(struct state *state, struct arena *arena, size_t n)
{
	state->is_sick = arena_new_array(arena, bool, n);
	state->inputs = arena_new_array(arena, struct resolve_inputs, n);
	state->system = arena_new_array(arena, struct lock_strs, n);
	state->units = arena_new_array(arena, const struct resolve_unit *, n);
	state->groups = arena_new_array(arena, const struct resolve_group *, n);
}

static void read_inputs(struct resolve_run *run, struct state *state)
{
	const struct manifest *manifest = run->options->manifest;

	for (size_t i = 0; i < manifest->instances.n; i++)
		state->is_sick[i] =
			manifest->instances.p[i]->settings.skip.s.n > 0 ||
			resolve_inputs_read(run, i, RESOLVE_FAMILY_ASKED,
					    &state->inputs[i]);
}

/* -- the digest of all inputs -- */

/* A resolution's inputs less what only a resolved base tells. */
static struct digest instance_inputs(struct resolve_run *run, size_t number,
				     const struct resolve_inputs *inputs)
{
	const struct manifest *manifest = run->options->manifest;
	const struct manifest_instance *instance =
		manifest->instances.p[number];
	struct str platform = instance->machine->platform.s;
	struct resolve_group group = {
		.python = STR_EMPTY,
		.glibc = STR_EMPTY,
		.platform = platform,
		.track = instance->track,
		.replacements = resolve_replacements(run, instance->track),
	};
	struct digest base =
		resolve_base_inputs(instance->base, platform, run->arena);
	struct digest packages = resolve_group_inputs(&group, inputs);
	auto_buf struct buf key = BUF_EMPTY;

	key_add(&key, instance->service->name.s);
	key_add(&key, instance->machine->name.s);
	key_add(&key, instance->base->name.s);
	key_add(&key, digest_bytes(&base));
	resolve_strs_add_to_key(
		&key, resolve_sorted_texts(run->arena, &instance->system));
	key_add(&key, digest_bytes(&packages));
	if (resolve_has_choice(run, number)) {
		struct digest family = resolve_family_inputs(run, number);

		key_add(&key, digest_bytes(&family));
	}
	return digest_of(buf_str(&key));
}

static int digest_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct digest));
}

/* Independent of the order of services in the manifest. */
static struct digest all_inputs(struct resolve_run *run,
				const struct state *state)
{
	const struct manifest *manifest = run->options->manifest;
	struct digest *all = arena_new_array(run->arena, struct digest,
					     manifest->instances.n);
	size_t n = 0;

	for (size_t i = 0; i < manifest->instances.n; i++)
		if (manifest->instances.p[i]->settings.skip.s.n == 0)
			all[n++] = instance_inputs(run, i, &state->inputs[i]);
	if (n > 1)
		qsort(all, n, sizeof *all, digest_cmp);
	return digest_of(str_of((const char *)all, n * sizeof *all));
}

/* -- CUDA in closures -- */

/* "12" of "nvidia-cublas-cu12==12.1.3.1", or empty. */
static struct str cuda_major(struct str entry)
{
	ptrdiff_t equals = str_find_str(entry, STR("=="));
	struct str name =
		str_slice(entry, 0, equals < 0 ? entry.n : (size_t)equals);
	ptrdiff_t dash = str_rfind(name, '-');
	struct str last = str_slice(name, (size_t)(dash + 1), name.n);
	uint64_t number;

	if (!str_starts(name, STR("nvidia-")) || !str_eat(&last, STR("cu")) ||
	    !str_to_u64(last, &number))
		return STR_EMPTY;
	return last;
}

/* The track's CUDA against what the closure brings. */
static bool check_cuda(struct resolve_run *run,
		       const struct manifest_instance *instance,
		       struct lock_strs closure)
{
	struct str track = instance->track->cuda.s;
	ptrdiff_t dot = str_find(track, '.');
	struct str wanted =
		str_slice(track, 0, dot < 0 ? track.n : (size_t)dot);

	for (size_t i = 0; i < closure.n; i++) {
		struct str major = cuda_major(closure.p[i]);

		if (major.n == 0 || str_eq(major, wanted))
			continue;
		if (wanted.n == 0) {
			resolve_note(run, instance, "cuda-in-cpu",
				     instance->service->name.at,
				     STR_FMT " is CUDA, and track '" STR_FMT
					     "' has none",
				     STR_ARG(closure.p[i]),
				     STR_ARG(instance->track->name.s));
			resolve_note_hint(run,
					  "bind the package that needs it "
					  "to an index of CPU wheels "
					  "(tracks.%s.indexes), or give "
					  "the service a CUDA track",
					  instance->track->name.s.p);
		} else {
			resolve_note(run, instance, "track-mismatch",
				     instance->service->name.at,
				     STR_FMT " is CUDA " STR_FMT
					     ", and track '" STR_FMT
					     "' is CUDA " STR_FMT,
				     STR_ARG(closure.p[i]), STR_ARG(major),
				     STR_ARG(instance->track->name.s),
				     STR_ARG(track));
			resolve_note_hint(run,
					  "pin the package that needs it "
					  "in tracks.%s.pins",
					  instance->track->name.s.p);
		}
		return false;
	}
	return true;
}

/* -- services -- */

static bool same_family(const struct lock_family *a,
			const struct lock_family *b)
{
	return str_eq(a->by, b->by) && str_eq(a->name, b->name) &&
	       str_eq(a->why, b->why) && digest_eq(&a->inputs, &b->inputs);
}

static bool same_service(const struct lock_service *a,
			 const struct lock_service *b)
{
	return str_eq(a->name, b->name) && str_eq(a->base, b->base) &&
	       same_family(&a->family, &b->family) &&
	       str_eq(a->resolution, b->resolution) &&
	       resolve_strs_same(a->requirements, b->requirements) &&
	       resolve_strs_same(a->closure, b->closure) &&
	       resolve_strs_same(a->system_requirements,
				 b->system_requirements) &&
	       resolve_strs_same(a->system, b->system);
}

static void add_machine(struct arena *arena, struct lock_service *service,
			struct str machine)
{
	struct str *p =
		arena_new_array(arena, struct str, service->machines.n + 1);

	if (service->machines.n > 0)
		memcpy(p, service->machines.p, service->machines.n * sizeof *p);
	p[service->machines.n++] = machine;
	service->machines.p = p;
}

/* The owners that an earlier lock found stay while the closure does. */
static void keep_owners(const struct resolve_run *run,
			struct lock_service *service, struct str machine)
{
	const struct lock *previous = run->options->previous;
	const struct lock_service *old =
		previous ? lock_find_service(previous, service->name, machine)
			 : NULL;

	if (!old || !resolve_strs_same(old->closure, service->closure))
		return;
	service->imports = old->imports;
	service->owners = old->owners;
	service->owner_count = old->owner_count;
}

static void put_service(struct resolve_run *run, struct lock_service *service,
			struct str machine)
{
	struct lock *lock = run->result->lock;

	for (size_t i = 0; i < lock->service_count; i++) {
		if (same_service(&lock->services[i], service)) {
			add_machine(run->arena, &lock->services[i], machine);
			return;
		}
	}
	keep_owners(run, service, machine);
	add_machine(run->arena, service, machine);
	lock->services[lock->service_count++] = *service;
}

static int lock_instance(struct resolve_run *run, const struct state *state,
			 size_t number, struct error **err)
{
	const struct manifest_instance *instance =
		run->options->manifest->instances.p[number];
	const struct resolve_unit *unit = state->units[number];
	struct lock_service service = {
		.name = instance->service->name.s,
		.base = instance->base->name.s,
		.requirements = state->inputs[number].requirements,
		.system_requirements =
			resolve_sorted_texts(run->arena, &instance->system),
		.system = state->system[number],
	};

	if (run->options->families)
		service.family = run->options->families[number];

	/* Its group has noted why there is none. */
	if (unit && !unit->resolution)
		return 0;
	if (unit) {
		service.resolution = unit->resolution->id;
		if (closure_of(unit->resolution, service.requirements,
			       state->groups[number]->replacements, run->arena,
			       &service.closure, err)) {
			err_wrap(err, "service '" STR_FMT "'",
				 STR_ARG(service.name));
			return -1;
		}
		if (!check_cuda(run, instance, service.closure))
			return 0;
	}
	put_service(run, &service, instance->machine->name.s);
	return 0;
}

static void put_resolutions(struct resolve_run *run,
			    const struct resolve_groups *groups)
{
	struct lock *lock = run->result->lock;
	auto_map struct map seen = MAP_EMPTY;
	size_t most = 0;

	array_each (struct resolve_group, group, groups)
		most += group->units.n;
	lock->resolutions =
		arena_new_array(run->arena, struct lock_resolution, most);
	array_each (struct resolve_group, group, groups)
		array_each (struct resolve_unit, unit, &group->units) {
			const struct lock_resolution *made = unit->resolution;

			if (made && map_add(&seen, made->id))
				lock->resolutions[lock->resolution_count++] =
					*made;
		}
}

static void find_units(const struct resolve_groups *groups, struct state *state)
{
	array_each (struct resolve_group, group, groups)
		array_each (struct resolve_unit, unit, &group->units)
			array_each (size_t, instance, &unit->instances) {
				state->units[*instance] = unit;
				state->groups[*instance] = group;
			}
}

static int solve_all(struct resolve_run *run, struct state *state,
		     struct resolve_groups *groups, struct error **err)
{
	struct lock *lock = run->result->lock;
	size_t n = run->options->manifest->instances.n;

	resolve_groups_make(run, state->is_sick, state->inputs, groups);
	array_each (struct resolve_group, group, groups) {
		if (pool_check_cancelled(err) ||
		    resolve_group_solve(run, group, err))
			return -1;
	}
	find_units(groups, state);
	put_resolutions(run, groups);
	lock->services = arena_new_array(run->arena, struct lock_service, n);
	for (size_t i = 0; i < n; i++)
		if (!state->is_sick[i] && lock_instance(run, state, i, err))
			return -1;
	return 0;
}

/* A service on two machines has its problems twice. */
static bool has_problem(const struct resolve_problems *problems,
			const struct resolve_problem *wanted)
{
	array_each (const struct resolve_problem, problem, problems)
		if (str_eq(problem->service, wanted->service) &&
		    str_eq(problem->message, wanted->message) &&
		    problem->at.line == wanted->at.line)
			return true;
	return false;
}

void resolve_problems_sort(const struct manifest *manifest,
			   struct resolve_problems *problems)
{
	struct resolve_problems sorted = ARRAY_EMPTY;

	array_each (struct resolve_problem, problem, problems) {
		if (problem->service.n == 0)
			array_push(&sorted, *problem);
	}
	for (size_t i = 0; i < manifest->services.n; i++)
		array_each (struct resolve_problem, problem, problems) {
			if (str_eq(problem->service,
				   manifest->services.p[i]->name.s) &&
			    !has_problem(&sorted, problem))
				array_push(&sorted, *problem);
		}
	array_release(problems);
	*problems = sorted;
}

void resolve_run_init(struct resolve_run *run,
		      const struct resolve_options *options,
		      struct resolve_result *result)
{
	*run = (struct resolve_run){
		.options = options,
		.result = result,
		.python_folder = STORE_TREE_EMPTY,
	};
	result->lock = lock_new();
	run->arena = &result->lock->arena;
}

int resolve_run(const struct resolve_options *options,
		struct resolve_result *result, struct error **err)
{
	struct resolve_groups groups = ARRAY_EMPTY;
	struct resolve_run run;
	struct state state;

	resolve_run_init(&run, options, result);
	state_init(&state, run.arena, options->manifest->instances.n);
	read_inputs(&run, &state);
	result->lock->inputs = all_inputs(&run, &state);
	int status = resolve_bases(&run, state.is_sick, state.system, err) ||
				     solve_all(&run, &state, &groups, err)
			     ? -1
			     : 0;

	if (options->previous) {
		result->lock->plan = options->previous->plan;
		result->lock->plan_count = options->previous->plan_count;
		result->lock->layers = options->previous->layers;
		result->lock->layer_count = options->previous->layer_count;
	}
	resolve_problems_sort(options->manifest, &result->problems);
	lock_sort(result->lock);
	resolve_groups_release(&groups);
	free(run.uv);
	free(run.python);
	store_tree_abort(&run.python_folder);
	return status;
}

/* -- is a lock current? -- */

struct reasons {
	struct arena *arena;
	struct str *p;
	size_t n, capacity;
};

static void add_reason(struct reasons *reasons, const char *format,
		       struct str name)
{
	auto_buf struct buf text = BUF_EMPTY;

	buf_append_text(&text, format);
	buf_printf(&text, " '" STR_FMT "'", STR_ARG(name));
	array_push(reasons, arena_str(reasons->arena, buf_str(&text)));
}

static bool is_family_stale(struct resolve_run *run, size_t instance,
			    const struct lock_family *family)
{
	if (!resolve_has_choice(run, instance))
		return family->by.n > 0;
	struct digest inputs = resolve_family_inputs(run, instance);

	return !digest_eq(&inputs, &family->inputs);
}

static void compare_services(struct resolve_run *run, const struct state *state,
			     const struct lock *lock, struct reasons *reasons)
{
	const struct manifest *manifest = run->options->manifest;

	for (size_t i = 0; i < manifest->instances.n; i++) {
		const struct manifest_instance *instance =
			manifest->instances.p[i];
		struct str name = instance->service->name.s;
		const struct lock_service *service = lock_find_service(
			lock, name, instance->machine->name.s);

		if (instance->settings.skip.s.n > 0)
			continue;
		if (!service)
			add_reason(reasons, "it does not hold service", name);
		else if (is_family_stale(run, i, &service->family))
			add_reason(reasons,
				   "the family has to be chosen again for "
				   "service",
				   name);
		else if (!resolve_strs_same(service->requirements,
					    state->inputs[i].requirements))
			add_reason(reasons,
				   "other packages are asked for by service",
				   name);
		else if (!resolve_strs_same(
				 service->system_requirements,
				 resolve_sorted_texts(run->arena,
						      &instance->system)))
			add_reason(reasons,
				   "other Debian packages are asked for by "
				   "service",
				   name);
		else if (!str_eq(service->base, instance->base->name.s))
			add_reason(reasons, "another base is named by service",
				   name);
	}
	for (size_t i = 0; i < lock->service_count; i++)
		if (!manifest_service(manifest, lock->services[i].name))
			add_reason(reasons, "the manifest has no service",
				   lock->services[i].name);
}

static void compare_bases(struct resolve_run *run, const struct lock *lock,
			  struct reasons *reasons)
{
	const struct manifest *manifest = run->options->manifest;

	for (size_t i = 0; i < lock->base_count; i++) {
		const struct lock_base *old = &lock->bases[i];
		const struct manifest_base *base =
			manifest_base(manifest, old->name);
		struct digest inputs = {{0}};

		if (base)
			inputs = resolve_base_inputs(base, old->platform,
						     run->arena);
		if (!base || !digest_eq(&inputs, &old->inputs))
			add_reason(reasons, "other packages are asked of base",
				   old->name);
	}
}

int resolve_check(const struct resolve_options *options,
		  const struct lock *lock, struct arena *arena,
		  struct lock_strs *reasons, struct error **err)
{
	auto_resolve_result struct resolve_result result = RESOLVE_RESULT_EMPTY;
	struct reasons found = {.arena = arena};
	struct resolve_run run;
	struct state state;

	(void)err;
	resolve_run_init(&run, options, &result);
	state_init(&state, run.arena, options->manifest->instances.n);
	read_inputs(&run, &state);
	struct digest inputs = all_inputs(&run, &state);

	if (!digest_eq(&inputs, &lock->inputs)) {
		compare_services(&run, &state, lock, &found);
		compare_bases(&run, lock, &found);
		if (found.n == 0)
			array_push(&found,
				   arena_str(arena, STR("a track or a "
							"constraint has "
							"changed")));
	}
	reasons->n = found.n;
	reasons->p = arena_new_array(arena, struct str, found.n);
	if (found.n > 0)
		memcpy(reasons->p, found.p, found.n * sizeof *found.p);
	array_release(&found);
	return 0;
}
