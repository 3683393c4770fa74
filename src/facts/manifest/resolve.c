/* What needs the whole file: families along `extends`, templates along
 * `like`, and the instances of each service with machine, family, base and
 * track. */
#include <signal.h>

#include "facts/manifest/reader.h"

enum { MAX_CHAIN = 32, MANIFEST_MAX_INSTANCES = 16384 };

const void *manifest_find_or_problem(struct manifest *manifest,
				     const struct manifest_text *wanted,
				     const char *kind, const void *list,
				     size_t n)
{
	const void *found = manifest_find_named(list, n, wanted->s);
	struct manifest_nearest nearest = {.word = wanted->s};

	if (found || wanted->s.n == 0)
		return found;
	for (size_t i = 0; i < n; i++)
		if (manifest_name_at(list, i)->at.line)
			manifest_nearest_offer(&nearest,
					       manifest_name_at(list, i)->s);
	/* A section that could not be read was complained about already. */
	if (!nearest.offered && manifest->problems.n)
		return NULL;
	reader_problem(manifest, wanted->at,
		       nearest.offered ? manifest_nearest_hint(&manifest->arena,
							       &nearest)
				       : STR("none is declared"),
		       "there is no %s '" STR_FMT "'", kind,
		       STR_ARG(wanted->s));
	return NULL;
}

#define FIND(manifest, text, kind, list)                                       \
	manifest_find_or_problem(manifest, text, kind, (list)->p, (list)->n)

/* Takes over what the ancestors say; they are resolved first. depth bounds the
 * chain: longer than there are families is a cycle. */
static void resolve_family(struct manifest *manifest,
			   struct manifest_family *family, size_t depth)
{
	struct manifest_family *parent =
		(struct manifest_family *)(uintptr_t)FIND(
			manifest, &family->extends_name, "family",
			&manifest->families);

	if (family->base || family->all_packages.capacity)
		return;
	if (depth > manifest->families.n || depth > MAX_CHAIN) {
		reader_problem(manifest, family->extends_name.at, STR_EMPTY,
			       depth > manifest->families.n
				       ? "the family '" STR_FMT
					 "' extends itself"
				       : "too long a chain of 'extends' above "
					 "the family '" STR_FMT "'",
			       STR_ARG(family->name.s));
		return;
	}
	if (parent) {
		resolve_family(manifest, parent, depth + 1);
		family->extends = parent;
		family->base = parent->base;
		family->track = parent->track;
		array_each (struct manifest_text, package,
			    &parent->all_packages)
			list_push(manifest, &family->all_packages, *package);
		array_each (struct manifest_text, package, &parent->all_system)
			list_push(manifest, &family->all_system, *package);
	}
	if (family->base_name.s.n)
		family->base = FIND(manifest, &family->base_name, "base",
				    &manifest->bases);
	else if (!family->base && !family->extends_name.s.n)
		family->base = manifest->bases.p[0];
	const struct manifest_track *own =
		FIND(manifest, &family->track_name, "track", &manifest->tracks);

	if (own && family->track && own != family->track)
		reader_problem(manifest, family->track_name.at,
			       STR("one of the two families must give way"),
			       "the family '" STR_FMT "' names track '" STR_FMT
			       "', and what it extends names '" STR_FMT "'",
			       STR_ARG(family->name.s), STR_ARG(own->name.s),
			       STR_ARG(family->track->name.s));
	if (own)
		family->track = own;
	array_each (struct manifest_text, package, &family->packages)
		list_push(manifest, &family->all_packages, *package);
	array_each (struct manifest_text, package, &family->system)
		list_push(manifest, &family->all_system, *package);
}

static struct manifest_template *find_template(struct manifest *manifest,
					       struct manifest_layers *layers,
					       const struct manifest_text *name)
{
	struct manifest_nearest nearest = {.word = name->s};

	array_each (struct manifest_template, template, &layers->templates)
		if (str_eq(template->name.s, name->s))
			return template;
	array_each (struct manifest_template, template, &layers->templates)
		manifest_nearest_offer(&nearest, template->name.s);
	reader_problem(manifest, name->at,
		       manifest_nearest_hint(&manifest->arena, &nearest),
		       "there is no template '" STR_FMT "'", STR_ARG(name->s));
	return NULL;
}

/* Lays the template of `like`, with those it is like itself, over result. */
static void overlay_like(struct manifest *manifest,
			 struct manifest_layers *layers,
			 const struct manifest_text *like, size_t depth,
			 struct manifest_settings *result)
{
	const struct manifest_template *template =
		like->s.n ? find_template(manifest, layers, like) : NULL;

	if (!template)
		return;
	if (depth > layers->templates.n || depth > MAX_CHAIN) {
		reader_problem(manifest, like->at, STR_EMPTY,
			       depth > layers->templates.n
				       ? "the template '" STR_FMT
					 "' is like itself"
				       : "too long a chain of 'like' above the "
					 "template '" STR_FMT "'",
			       STR_ARG(template->name.s));
		return;
	}
	overlay_like(manifest, layers, &template->settings.like, depth + 1,
		     result);
	manifest_settings_overlay(manifest, result, &template->settings);
}

static const struct manifest_settings built_in = {
	.family = {STR_INIT(""), {0, 0}},
	.workdir = {STR_INIT("/app"), {0, 0}},
	.run = {.entry = {STR_INIT(""), {0, 0}}},
	.like = {STR_INIT(""), {0, 0}},
	.track = {STR_INIT(""), {0, 0}},
	.skip = {STR_INIT(""), {0, 0}},
	.user = {10001, 10001, {0, 0}},
	.bytecode = MANIFEST_BYTECODE_ALL,
	/* Ended by the stop signal (uvicorn raises it again once it has shut
	 * down): what was asked for, as systemd counts it too. */
	.success_exit_status = {.has = {[128 + SIGTERM] = true}},
};

/* Without what null removed, which has done its work now. */
static void drop_removed(struct manifest *manifest,
			 struct manifest_pairs *pairs)
{
	struct manifest_pairs kept = ARRAY_EMPTY;

	array_each (struct manifest_pair, pair, pairs)
		if (!pair->is_removed)
			list_push(manifest, &kept, *pair);
	*pairs = kept;
}

const struct manifest_track *
manifest_track_in(const struct manifest *manifest,
		  const struct manifest_instance *instance,
		  const struct manifest_family *family)
{
	const struct manifest_track *own =
		manifest_track(manifest, instance->settings.track.s);

	if (own)
		return own;
	if (family && family->track)
		return family->track;
	if (instance->machine->track)
		return instance->machine->track;
	return manifest_track(manifest, STR("cpu"));
}

/* Debian packages of the family, then the service's own. */
static struct manifest_texts
instance_system(struct manifest *manifest,
		const struct manifest_instance *instance)
{
	struct manifest_texts all = ARRAY_EMPTY;

	if (instance->family)
		array_each (const struct manifest_text, package,
			    &instance->family->all_system)
			list_push(manifest, &all, *package);
	array_each (const struct manifest_text, package,
		    &instance->settings.system)
		list_push(manifest, &all, *package);
	return all;
}

static void check_instance(struct manifest *manifest,
			   const struct manifest_instance *instance)
{
	const struct manifest_service *service = instance->service;

	if (!setting_is_set(&instance->settings, SETTING_RUN) &&
	    !instance->settings.skip.s.n)
		reader_problem(manifest, service->name.at,
			       STR("add run: path/to/script.py"),
			       "the service '" STR_FMT "' has no 'run'",
			       STR_ARG(service->name.s));
	/* A machine that is not written may have anything. */
	if (instance->settings.gpu == MANIFEST_GPU_REQUIRED &&
	    !instance->machine->has_gpu && instance->machine->name.at.line)
		reader_problem(manifest, service->name.at, STR_EMPTY,
			       "the service '" STR_FMT
			       "' requires a GPU, and machine '" STR_FMT
			       "' has none",
			       STR_ARG(service->name.s),
			       STR_ARG(instance->machine->name.s));
}

void manifest_choose_family(struct manifest *manifest,
			    struct manifest_instance *instance,
			    const struct manifest_family *family)
{
	instance->family = family;
	instance->base = family ? family->base : manifest->bases.p[0];
	instance->track = manifest_track_in(manifest, instance, family);
	instance->system = instance_system(manifest, instance);
}

static struct manifest_instance *
instance_new(struct manifest *manifest, const struct manifest_service *service,
	     const struct manifest_machine *machine,
	     const struct manifest_settings *override)
{
	struct manifest_instance *instance =
		arena_new(&manifest->arena, struct manifest_instance);
	struct manifest_settings *settings = &instance->settings;
	struct manifest_pairs env = ARRAY_EMPTY;

	instance->service = service;
	instance->machine = machine;
	*settings = service->settings;
	if (override)
		manifest_settings_overlay(manifest, settings, override);
	manifest_env_overlay(manifest, &env, &machine->env);
	manifest_env_overlay(manifest, &env, &settings->env);
	drop_removed(manifest, &env);
	settings->env = env;
	settings->health =
		manifest_health_resolve(&settings->health, &settings->ports);
	FIND(manifest, &settings->track, "track", &manifest->tracks);
	instance->is_family_auto = str_eq(settings->family.s, STR("auto"));
	manifest_choose_family(manifest, instance,
			       instance->is_family_auto
				       ? NULL
				       : FIND(manifest, &settings->family,
					      "family", &manifest->families));
	return instance;
}

/* One instance per machine of the service; a fleet of one machine need not
 * name it. */
static void add_instances(struct manifest *manifest,
			  struct manifest_service *service)
{
	const struct manifest_overrides *machines = &service->settings.machines;
	size_t n = machines->n ? machines->n : 1;

	if (!machines->n && manifest->machines.n > 1) {
		reader_problem(manifest, service->name.at,
			       arena_printf(&manifest->arena,
					    "add machines: %s",
					    manifest->machines.p[0]->name.s.p),
			       "the service '" STR_FMT "' names no machine",
			       STR_ARG(service->name.s));
		return;
	}
	if (manifest->instances.n + n > MANIFEST_MAX_INSTANCES) {
		reader_problem(manifest, service->name.at, STR_EMPTY,
			       "more than %d services times machines",
			       MANIFEST_MAX_INSTANCES);
		return;
	}
	service->instances = arena_new_array(&manifest->arena,
					     struct manifest_instance *, n);
	for (size_t i = 0; i < n; i++) {
		const struct manifest_machine *machine =
			machines->n ? FIND(manifest, &machines->p[i].machine,
					   "machine", &manifest->machines)
				    : manifest->machines.p[0];
		if (!machine)
			continue;
		struct manifest_instance *instance = instance_new(
			manifest, service, machine,
			machines->n ? machines->p[i].settings : NULL);

		service->instances[service->instance_count++] = instance;
		list_push(manifest, &manifest->instances, instance);
	}
}

/* What is there although nobody wrote it. */
static void add_implied(struct manifest *manifest)
{
	if (!manifest_track(manifest, STR("cpu")))
		manifest_track_new(manifest, reader_default("cpu"));
	if (!manifest->bases.n)
		manifest_base_new(manifest, reader_default("debian"));
	if (!manifest->machines.n)
		manifest_machine_new(manifest, reader_default("default"));
}

void manifest_resolve(struct manifest *manifest, struct manifest_layers *layers)
{
	bool is_fine = manifest->problems.n == 0;

	add_implied(manifest);
	array_each (struct manifest_machine *, machine, &manifest->machines)
		(*machine)->track = FIND(manifest, &(*machine)->track_name,
					 "track", &manifest->tracks);
	array_each (struct manifest_family *, family, &manifest->families)
		resolve_family(manifest, *family, 1);
	array_each (struct manifest_template, template, &layers->templates) {
		struct manifest_settings unused = built_in;

		overlay_like(manifest, layers, &template->settings.like, 1,
			     &unused);
	}
	array_each (struct manifest_service *, pointer, &manifest->services) {
		struct manifest_service *service = *pointer;
		struct manifest_settings settings = built_in;

		manifest_settings_overlay(manifest, &settings,
					  &layers->defaults);
		overlay_like(manifest, layers, &service->settings.like, 1,
			     &settings);
		manifest_settings_overlay(manifest, &settings,
					  &service->settings);
		service->settings = settings;
		add_instances(manifest, service);
	}
	/* A key that was misspelt is not missing as well. */
	for (size_t i = 0; is_fine && i < manifest->instances.n; i++)
		check_instance(manifest, manifest->instances.p[i]);
}
