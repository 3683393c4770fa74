/* The bases of the fleet, and the system packages of its services. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "base/map.h"
#include "parts/debian.h"
#include "work/resolve/run.h"

static bool is_on(const struct manifest_instance *instance,
		  const struct manifest_base *base, struct str platform)
{
	return instance->base == base &&
	       str_eq(instance->machine->platform.s, platform);
}

static struct lock_strs sorted_texts(struct arena *arena,
				     const struct manifest_texts *texts)
{
	struct lock_strs list = {arena_new_array(arena, struct str, texts->n),
				 texts->n};

	for (size_t i = 0; i < texts->n; i++)
		list.p[i] = texts->p[i].s;
	resolve_strs_sort(&list);
	return list;
}

struct digest resolve_base_inputs(const struct manifest_base *base,
				  struct str platform, struct arena *arena)
{
	auto_buf struct buf key = BUF_EMPTY;

	buf_printf(&key, "base-1 %d", (int)base->kind);
	key_add(&key, base->source.s);
	key_add(&key, base->python.s);
	key_add(&key, platform);
	resolve_strs_add_to_key(&key, sorted_texts(arena, &base->packages));
	return digest_of(buf_str(&key));
}

struct digest resolve_system_inputs(const struct manifest *manifest,
				    const struct manifest_base *base,
				    struct str platform, struct arena *arena)
{
	auto_buf struct buf key = BUF_EMPTY;

	key_add(&key, STR("system-1"));
	for (size_t i = 0; i < manifest->instances.n; i++) {
		const struct manifest_instance *instance =
			manifest->instances.p[i];

		if (!is_on(instance, base, platform) ||
		    instance->settings.skip.s.n > 0 ||
		    instance->settings.system.n == 0)
			continue;
		key_add(&key, instance->service->name.s);
		key_add(&key, instance->machine->name.s);
		resolve_strs_add_to_key(
			&key, sorted_texts(arena, &instance->settings.system));
	}
	return digest_of(buf_str(&key));
}

/* One base on one platform, and what is known of it. */
struct work {
	struct resolve_run *run;
	const struct manifest_base *base;
	struct str platform;
	struct lock_base *made;
	bool *is_sick;
	struct lock_strs *system;
};

/* Every service on it has the problem. */
static void note_all(struct work *work, const char *message, const char *hint)
{
	const struct manifest *manifest = work->run->options->manifest;

	for (size_t i = 0; i < manifest->instances.n; i++) {
		if (work->is_sick[i] || !is_on(manifest->instances.p[i],
					       work->base, work->platform))
			continue;
		work->is_sick[i] = true;
		resolve_note(work->run, manifest->instances.p[i], "lock-base",
			     work->base->source.at, "base '" STR_FMT "': %s",
			     STR_ARG(work->base->name.s), message);
		resolve_note_hint(work->run, "%s", hint);
	}
}

/* 0 where the error was the fleet's and is noted. */
static int note_or_pass(struct work *work, struct error *found,
			struct error **err)
{
	if (err_class(found) != ERR_FLEET)
		return err_pass(err, found);
	note_all(work, err_message(found), err_hint_text(found));
	err_free(found);
	return 0;
}

/* The base of the previous lock, where it was asked for the same. */
static const struct lock_base *previous_base(const struct work *work)
{
	const struct resolve_options *options = work->run->options;
	const struct lock_base *old =
		options->previous && !options->upgrade
			? lock_find_base(options->previous, work->base->name.s,
					 work->platform)
			: NULL;

	return old && digest_eq(&old->inputs, &work->made->inputs) ? old : NULL;
}

/* System packages of every service as they were. */
static bool take_systems(struct work *work, const struct lock_base *old)
{
	const struct resolve_options *options = work->run->options;
	const struct manifest *manifest = options->manifest;

	if (!digest_eq(&old->system_inputs, &work->made->system_inputs))
		return false;
	for (size_t i = 0; i < manifest->instances.n; i++) {
		const struct manifest_instance *instance =
			manifest->instances.p[i];
		const struct lock_service *service = lock_find_service(
			options->previous, instance->service->name.s,
			instance->machine->name.s);

		if (!is_on(instance, work->base, work->platform) ||
		    work->is_sick[i] || instance->settings.system.n == 0)
			continue;
		/* One that had a problem then is not in the old lock. */
		if (!service)
			return false;
		work->system[i] = service->system;
	}
	work->made->system = old->system;
	return true;
}

static int resolve_systems(struct work *work, struct debian_archive *archive,
			   struct error **err)
{
	const struct manifest *manifest = work->run->options->manifest;
	struct arena *arena = work->run->arena;
	auto_map struct map seen = MAP_EMPTY;
	struct {
		struct lock_deb *p;
		size_t n, capacity;
	} all = ARRAY_EMPTY;
	int result = 0;

	for (size_t i = 0; result == 0 && i < manifest->instances.n; i++) {
		const struct manifest_instance *instance =
			manifest->instances.p[i];
		const struct manifest_texts *wanted =
			&instance->settings.system;
		struct error *found = NULL;
		struct lock_debs debs = {NULL, 0};

		if (work->is_sick[i] || wanted->n == 0 ||
		    !is_on(instance, work->base, work->platform))
			continue;
		if (debian_resolve_system(archive, &work->made->debs,
					  sorted_texts(arena, wanted), arena,
					  &debs, &found)) {
			if (err_class(found) != ERR_FLEET) {
				result = err_pass(err, found);
				break;
			}
			work->is_sick[i] = true;
			resolve_note(work->run, instance, "lock-system",
				     wanted->p[0].at, "%s", err_message(found));
			resolve_note_hint(work->run, "%s",
					  err_hint_text(found));
			err_free(found);
			continue;
		}
		work->system[i].p = arena_new_array(arena, struct str, debs.n);
		work->system[i].n = debs.n;
		for (size_t j = 0; j < debs.n; j++) {
			work->system[i].p[j] = debs.p[j].name;
			if (map_add(&seen, debs.p[j].name))
				array_push(&all, debs.p[j]);
		}
	}
	work->made->system.n = all.n;
	work->made->system.p = arena_new_array(arena, struct lock_deb, all.n);
	if (all.n > 0)
		memcpy(work->made->system.p, all.p, all.n * sizeof *all.p);
	array_release(&all);
	return result;
}

static int open_archive(const struct work *work,
			struct debian_archive **archive, struct error **err)
{
	const struct resolve_options *options = work->run->options;
	struct debian_source source = {
		.fetch = options->fetch,
		.store = options->store,
		.mirror =
			work->base->mirror.s.n ? work->base->mirror.s.p : NULL,
	};

	log_verbose("resolving base '" STR_FMT "' for " STR_FMT,
		    STR_ARG(work->made->name), STR_ARG(work->made->platform));
	return debian_archive_open(&source, work->base->source.s,
				   work->platform, archive, err);
}

static int resolve_packages(struct work *work, struct debian_archive *archive,
			    struct error **err)
{
	struct lock_base *made = work->made;
	struct arena *arena = work->run->arena;
	struct lock_strs suites = debian_archive_suites(archive);

	if (debian_resolve_base(archive, work->base->python.s,
				sorted_texts(arena, &work->base->packages),
				arena, &made->debs, err))
		return -1;
	made->suites.p = arena_new_array(arena, struct str, suites.n);
	made->suites.n = suites.n;
	for (size_t i = 0; i < suites.n; i++)
		made->suites.p[i] = arena_str(arena, suites.p[i]);
	debian_versions(&made->debs, arena, &made->python, &made->glibc);
	if (made->python.n > 0)
		return 0;
	err_make(err, ERR_FLEET, "it has no Python");
	return err_hint(err, "add python3 to its packages");
}

static int resolve_debian(struct work *work, struct error **err)
{
	const struct lock_base *old = previous_base(work);
	auto_debian_archive struct debian_archive *archive = NULL;
	struct error *found = NULL;

	if (old) {
		struct digest system_inputs = work->made->system_inputs;

		*work->made = *old;
		work->made->system_inputs = system_inputs;
		if (take_systems(work, old))
			return 0;
	}
	if (open_archive(work, &archive, &found) ||
	    (!old && resolve_packages(work, archive, &found)))
		return note_or_pass(work, found, err);
	return resolve_systems(work, archive, err);
}

static int resolve_one(struct work *work, struct error **err)
{
	const struct manifest *manifest = work->run->options->manifest;
	struct arena *arena = work->run->arena;

	*work->made = (struct lock_base){
		.name = arena_str(arena, work->base->name.s),
		.platform = arena_str(arena, work->platform),
		.inputs =
			resolve_base_inputs(work->base, work->platform, arena),
		.system_inputs = resolve_system_inputs(manifest, work->base,
						       work->platform, arena),
	};
	if (work->base->kind == MANIFEST_BASE_DEBIAN)
		return resolve_debian(work, err);
	note_all(work, "this version of slipway locks Debian bases only",
		 "write it as {debian: SUITE, python: VERSION}");
	return 0;
}

/* The instance is the first healthy one on its base and platform. */
static bool is_first(const struct resolve_run *run, const bool *is_sick,
		     size_t number)
{
	const struct manifest *manifest = run->options->manifest;
	const struct manifest_instance *instance =
		manifest->instances.p[number];

	for (size_t i = 0; i < number; i++)
		if (!is_sick[i] &&
		    is_on(manifest->instances.p[i], instance->base,
			  instance->machine->platform.s))
			return false;
	return !is_sick[number];
}

int resolve_bases(struct resolve_run *run, bool *is_sick,
		  struct lock_strs *system, struct error **err)
{
	const struct manifest *manifest = run->options->manifest;
	struct lock *lock = run->result->lock;

	lock->bases = arena_new_array(run->arena, struct lock_base,
				      manifest->instances.n);
	for (size_t i = 0; i < manifest->instances.n; i++) {
		struct work work = {
			.run = run,
			.base = manifest->instances.p[i]->base,
			.platform =
				manifest->instances.p[i]->machine->platform.s,
			.made = &lock->bases[lock->base_count],
			.is_sick = is_sick,
			.system = system,
		};

		if (!is_first(run, is_sick, i))
			continue;
		if (resolve_one(&work, err))
			return -1;
		/* A base with a problem has no Python, and is not locked. */
		lock->base_count += work.made->python.n > 0;
	}
	return 0;
}
