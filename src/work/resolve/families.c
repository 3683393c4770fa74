/* `family: auto`: each service that has to be given a family is resolved in
 * each that fits, in a trial of its own that is thrown away, so that versions
 * of the rest of the fleet have no part in the choice. */
#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "decisions/family.h"
#include "work/resolve/run.h"

bool resolve_has_choice(const struct resolve_run *run, size_t instance)
{
	const struct manifest *manifest = run->options->manifest;

	return manifest->instances.p[instance]->is_family_auto &&
	       manifest->families.n > 0;
}

/* -- what a choice is made from -- */

static void add_digest(struct buf *key, struct digest digest)
{
	key_add(key, digest_bytes(&digest));
}

/* Inputs of what asks for these packages on a track. */
static struct digest packages_inputs(struct resolve_run *run,
				     const struct manifest_instance *instance,
				     const struct manifest_track *track,
				     const struct resolve_inputs *inputs)
{
	struct resolve_group group = {
		.python = STR_EMPTY,
		.glibc = STR_EMPTY,
		.platform = instance->machine->platform.s,
		.track = track,
		.replacements = resolve_replacements(run, track),
	};

	return resolve_group_inputs(&group, inputs);
}

static void add_family(struct resolve_run *run,
		       const struct manifest_instance *instance,
		       const struct manifest_family *family, struct buf *key)
{
	const struct manifest_track *track =
		manifest_track_in(run->options->manifest, instance, family);
	struct resolve_inputs inputs = {
		resolve_sorted_texts(run->arena, &family->all_packages),
		{NULL, 0}};

	key_add(key, family->name.s);
	add_digest(key, resolve_base_inputs(family->base,
					    instance->machine->platform.s,
					    run->arena));
	key_add(key, family->track ? family->track->name.s : STR_EMPTY);
	key_add(key, track->cuda.s);
	resolve_strs_add_to_key(
		key, resolve_sorted_texts(run->arena, &family->all_system));
	add_digest(key, packages_inputs(run, instance, track, &inputs));
}

struct digest resolve_family_inputs(struct resolve_run *run, size_t number)
{
	const struct manifest *manifest = run->options->manifest;
	const struct manifest_instance *instance =
		manifest->instances.p[number];
	const struct manifest_machine *machine = instance->machine;
	auto_resolve_result struct resolve_result unheard =
		RESOLVE_RESULT_EMPTY;
	struct resolve_run reader = *run;
	struct resolve_inputs inputs = {{NULL, 0}, {NULL, 0}};
	auto_buf struct buf key = BUF_EMPTY;

	/* What is wrong with the requirements is said where they are asked
	 * for. */
	reader.result = &unheard;
	resolve_inputs_read(&reader, number, RESOLVE_FAMILY_LEFT_OUT, &inputs);
	buf_printf(&key, "family-1 %d %d", (int)instance->settings.gpu,
		   machine->has_gpu);
	key_add(&key, instance->settings.track.s);
	key_add(&key, machine->track ? machine->track->name.s : STR_EMPTY);
	key_add(&key, manifest->bases.p[0]->name.s);
	key_add(&key, manifest->bases.p[0]->python.s);
	resolve_strs_add_to_key(
		&key,
		resolve_sorted_texts(run->arena, &instance->settings.system));
	add_digest(&key,
		   packages_inputs(run, instance,
				   manifest_track_in(manifest, instance, NULL),
				   &inputs));
	array_each (struct manifest_family *const, family, &manifest->families)
		add_family(run, instance, *family, &key);
	return digest_of(buf_str(&key));
}

/* -- the trial -- */

/* A service in a family that may be its own. */
struct attempt {
	size_t instance; /* in the fleet */
	struct family_option *option;
};

/* A fleet of attempts. */
struct trial {
	struct manifest manifest; /* with the attempts as instances; all else
				   * is that of the fleet */
	const struct resolve_options *fleet;
	struct resolve_options options;
	struct resolve_result result;
	ARRAY(struct attempt) attempts;
	struct arena *arena;
};

static struct lock_strs scanned(void *context, size_t attempt,
				struct lock_strs asked, struct lock_strs known,
				struct arena *arena)
{
	const struct trial *trial = context;
	const struct resolve_options *fleet = trial->fleet;

	return fleet->scanned(fleet->scanned_context,
			      trial->attempts.p[attempt].instance, asked, known,
			      arena);
}

/* The instance in the family, as a service of a name of its own. */
static void add_attempt(struct trial *trial, struct manifest *manifest,
			size_t number, struct family_option *option)
{
	struct manifest_instance *instance =
		arena_new(trial->arena, struct manifest_instance);
	struct manifest_service *service =
		arena_new(trial->arena, struct manifest_service);

	*instance = *manifest->instances.p[number];
	*service = *instance->service;
	service->name.s =
		arena_printf(trial->arena, STR_FMT "@" STR_FMT " in " STR_FMT,
			     STR_ARG(instance->service->name.s),
			     STR_ARG(instance->machine->name.s),
			     STR_ARG(option->family->name.s));
	instance->service = service;
	manifest_choose_family(manifest, instance, option->family);
	/* The choice needs no versions of Debian packages. */
	instance->system = (struct manifest_texts)ARRAY_EMPTY;
	array_push(&trial->attempts, (struct attempt){number, option});
	array_push(&trial->manifest.instances, instance);
	array_push(&trial->manifest.services, service);
}

/* Why an attempt is not in the trial's lock. By its code only: messages may
 * name the service of the trial, or a host. */
static struct str problem_of(const struct trial *trial, struct str service)
{
	array_each (const struct resolve_problem, problem,
		    &trial->result.problems)
		if (str_eq(problem->service, service))
			return arena_printf(trial->arena,
					    "the service cannot be locked with "
					    "it (" STR_FMT ")",
					    STR_ARG(problem->code));
	return STR("the service cannot be locked with it");
}

static uint64_t bytes_of(const struct lock_resolution *resolution,
			 struct str pin)
{
	ptrdiff_t end = str_find(pin, '=');
	const struct lock_package *package =
		lock_find_package(resolution, str_slice(pin, 0, (size_t)end));

	return package->wheel.file.n ? package->wheel.size_bytes
				     : package->sdist.size_bytes;
}

/* Closures of what the family names, and of what the service needs by itself
 * though it knows the family. */
static int find_closures(struct resolve_run *run, size_t attempt,
			 const struct lock_resolution *resolution,
			 struct lock_strs *family, struct lock_strs *own,
			 size_t *known, struct error **err)
{
	const struct manifest_instance *instance =
		run->options->manifest->instances.p[attempt];
	struct closure_replacements replacements =
		resolve_replacements(run, instance->track);
	struct resolve_inputs inputs;

	*family = *own = (struct lock_strs){NULL, 0};
	if (!resolution)
		return 0;
	if (resolve_inputs_read(run, attempt, RESOLVE_FAMILY_KNOWN, &inputs))
		return err_make(err, ERR_FLEET,
				"its requirements cannot be read");
	*known = inputs.requirements.n;
	return closure_of(resolution,
			  resolve_sorted_texts(run->arena,
					       &instance->family->all_packages),
			  replacements, run->arena, family, err) ||
			       closure_of(resolution, inputs.requirements,
					  replacements, run->arena, own, err)
		       ? -1
		       : 0;
}

static bool asks_for(const struct manifest_texts *texts, struct str name)
{
	array_each (const struct manifest_text, text, texts)
		if (str_eq(text->s, name))
			return true;
	return false;
}

/* Fills the option of an attempt from the trial's lock. */
static void judge(struct trial *trial, struct resolve_run *run, size_t number)
{
	const struct manifest_instance *instance =
		trial->manifest.instances.p[number];
	struct family_option *option = trial->attempts.p[number].option;
	const struct lock *lock = trial->result.lock;
	const struct lock_service *service = lock_find_service(
		lock, instance->service->name.s, instance->machine->name.s);
	const struct manifest_texts *system = &option->family->all_system;
	auto_err struct error *error = NULL;
	struct lock_strs brought, needed;

	if (!service) {
		option->refused = problem_of(trial, instance->service->name.s);
		return;
	}
	const struct lock_resolution *resolution =
		lock_find_resolution(lock, service->resolution);

	if (find_closures(run, number, resolution, &brought, &needed,
			  &option->known, &error)) {
		option->refused =
			arena_str(trial->arena, str_from(err_message(error)));
		return;
	}
	struct family_package *packages = arena_new_array(
		trial->arena, struct family_package, brought.n + system->n);

	for (size_t i = 0; i < brought.n; i++)
		packages[option->n++] = (struct family_package){
			bytes_of(resolution, brought.p[i]),
			resolve_strs_has(needed, brought.p[i])};
	array_each (const struct manifest_text, package, system)
		packages[option->n++] = (struct family_package){
			0, asks_for(&instance->settings.system, package->s)};
	option->packages = packages;
}

static int run_trial(struct trial *trial, struct error **err)
{
	auto_resolve_result struct resolve_result unheard =
		RESOLVE_RESULT_EMPTY;
	struct resolve_run reader;

	if (trial->attempts.n == 0)
		return 0;
	log_verbose("choosing families: %zu attempts", trial->attempts.n);
	if (resolve_run(&trial->options, &trial->result, err))
		return -1;
	resolve_run_init(&reader, &trial->options, &unheard);
	for (size_t i = 0; i < trial->attempts.n; i++)
		judge(trial, &reader, i);
	return 0;
}

static void trial_release(struct trial *trial)
{
	resolve_result_release(&trial->result);
	array_release(&trial->attempts);
	array_release(&trial->manifest.instances);
	array_release(&trial->manifest.services);
}

/* -- the choice -- */

static const struct lock_family *
earlier_choice(const struct resolve_options *options,
	       const struct manifest_instance *instance)
{
	const struct lock_service *service =
		options->previous ? lock_find_service(options->previous,
						      instance->service->name.s,
						      instance->machine->name.s)
				  : NULL;

	return service && service->family.by.n ? &service->family : NULL;
}

/* An earlier choice that still fits stays, as layers keep their place. */
static void keep_earlier(const struct lock_family *earlier,
			 const struct family_option *options, size_t count,
			 struct arena *arena, struct family_choice *choice)
{
	for (size_t i = 0; earlier && i < count; i++) {
		const struct manifest_family *family = options[i].family;

		if (!str_eq(family->name.s, earlier->name) ||
		    options[i].refused.n || family == choice->family)
			continue;
		*choice = (struct family_choice){
			family, STR("kept"),
			arena_printf(
				arena,
				"it was chosen before and still fits; "
				"'slipway lock --replan' would choose " STR_FMT
				" (" STR_FMT ")",
				STR_ARG(choice->family->name.s),
				STR_ARG(choice->why))};
		return;
	}
}

static void tell(const struct manifest_instance *instance,
		 const struct family_choice *choice)
{
	log_info("%s on %s: %s%s: " STR_FMT, instance->service->name.s.p,
		 instance->machine->name.s.p,
		 choice->family ? "family " : "no family",
		 choice->family ? choice->family->name.s.p : "",
		 STR_ARG(choice->why));
}

static void choose(struct manifest *manifest, size_t number,
		   struct family_option *options,
		   const struct lock_family *earlier, struct arena *arena,
		   struct lock_family *out)
{
	struct manifest_instance *instance = manifest->instances.p[number];
	struct family_choice choice;

	family_choose(options, manifest->families.n, arena, &choice);
	keep_earlier(earlier, options, manifest->families.n, arena, &choice);
	out->by = choice.by;
	out->name = choice.family ? choice.family->name.s : STR_EMPTY;
	out->why = choice.why;
	manifest_choose_family(manifest, instance, choice.family);
	tell(instance, &choice);
}

/* The families that an instance might have; attempts for those that fit. */
static struct family_option *begin(struct trial *trial,
				   struct manifest *manifest, size_t number)
{
	struct family_option *options = arena_new_array(
		trial->arena, struct family_option, manifest->families.n);

	for (size_t i = 0; i < manifest->families.n; i++) {
		const struct manifest_family *family = manifest->families.p[i];

		options[i].family = family;
		options[i].refused =
			family_refusal(manifest, manifest->instances.p[number],
				       family, trial->arena);
		if (options[i].refused.n == 0)
			add_attempt(trial, manifest, number, &options[i]);
	}
	return options;
}

/* True where the earlier choice is made from the same, and stays as it is. */
static bool take_earlier(struct manifest *manifest, size_t number,
			 const struct lock_family *earlier,
			 struct lock_family *out)
{
	if (!earlier || !digest_eq(&earlier->inputs, &out->inputs))
		return false;
	*out = *earlier;
	manifest_choose_family(manifest, manifest->instances.p[number],
			       manifest_family(manifest, earlier->name));
	return true;
}

int resolve_families(const struct resolve_options *options,
		     struct manifest *manifest, bool anew, struct arena *arena,
		     struct lock_family **out, struct error **err)
{
	auto_resolve_result struct resolve_result unheard =
		RESOLVE_RESULT_EMPTY;
	size_t n = manifest->instances.n;
	struct family_option **choices =
		arena_new_array(arena, struct family_option *, n);
	struct trial trial = {
		.manifest = *manifest,
		.fleet = options,
		.options = *options,
		.result = RESOLVE_RESULT_EMPTY,
		.arena = arena,
	};
	struct resolve_run run;

	*out = arena_new_array(arena, struct lock_family, n);
	trial.manifest.instances.p = NULL;
	trial.manifest.instances.n = trial.manifest.instances.capacity = 0;
	trial.manifest.services.p = NULL;
	trial.manifest.services.n = trial.manifest.services.capacity = 0;
	trial.options.manifest = &trial.manifest;
	trial.options.scanned = options->scanned ? scanned : NULL;
	trial.options.scanned_context = &trial;
	trial.options.is_trial = true;
	resolve_run_init(&run, options, &unheard);
	for (size_t i = 0; i < n; i++) {
		const struct manifest_instance *instance =
			manifest->instances.p[i];

		if (!resolve_has_choice(&run, i) || instance->settings.skip.s.n)
			continue;
		(*out)[i].inputs = resolve_family_inputs(&run, i);
		if (anew || !take_earlier(manifest, i,
					  earlier_choice(options, instance),
					  &(*out)[i]))
			choices[i] = begin(&trial, manifest, i);
	}
	int result = run_trial(&trial, err);

	for (size_t i = 0; result == 0 && i < n; i++)
		if (choices[i])
			choose(manifest, i, choices[i],
			       anew ? NULL
				    : earlier_choice(options,
						     manifest->instances.p[i]),
			       arena, &(*out)[i]);
	trial_release(&trial);
	return result;
}
