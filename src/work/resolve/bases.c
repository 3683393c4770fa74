/* The bases of the fleet, and the system packages of its services. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "base/map.h"
#include "parts/debian.h"
#include "parts/fetch.h"
#include "work/resolve/run.h"
#include "work/runtime.h"

static bool is_on(const struct manifest_instance *instance,
		  const struct manifest_base *base, struct str platform)
{
	return instance->base == base &&
	       str_eq(instance->machine->platform.s, platform);
}

struct lock_strs resolve_sorted_texts(struct arena *arena,
				      const struct manifest_texts *texts)
{
	struct lock_strs list = {arena_new_array(arena, struct str, texts->n),
				 texts->n};

	for (size_t i = 0; i < texts->n; i++)
		list.p[i] = arena_str(arena, texts->p[i].s);
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
	resolve_strs_add_to_key(&key,
				resolve_sorted_texts(arena, &base->packages));
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

static int open_archive(const struct work *work,
			struct debian_archive **archive, struct error **err)
{
	const struct resolve_options *options = work->run->options;
	struct debian_source source = runtime_debian_source(
		work->base, options->store, options->fetch);

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

	if (debian_resolve_base(
		    archive, work->base->python.s,
		    resolve_sorted_texts(arena, &work->base->packages), arena,
		    &made->debs, err))
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
	struct resolve_systems systems = {
		.run = work->run,
		.base = work->made,
		.on = work->base,
		.is_sick = work->is_sick,
		.result = work->system,
	};

	if (old) {
		*work->made = *old;
		if (resolve_systems_keep(&systems, old))
			return 0;
	}
	if (open_archive(work, &archive, &found)) {
		if (fetch_is_offline(work->run->options->fetch))
			err_wrap(&found, "%s",
				 old ? "services ask for Debian packages that "
				       "are not locked"
				     : "the base is not locked as the manifest "
				       "asks for it");
		err_wrap(&found, "base '" STR_FMT "'",
			 STR_ARG(work->base->name.s));
		return note_or_pass(work, found, err);
	}
	if (!old && resolve_packages(work, archive, &found))
		return note_or_pass(work, found, err);
	return resolve_systems_solve(&systems, archive, err);
}

static int resolve_image(struct work *work, struct error **err)
{
	const struct lock_base *old = previous_base(work);
	struct error *found = NULL;

	if (old) {
		*work->made = *old;
		return 0;
	}
	if (resolve_image_base(work->run, work->base, work->made, &found) == 0)
		return 0;
	work->made->python = STR_EMPTY;
	return note_or_pass(work, found, err);
}

static int resolve_one(struct work *work, struct error **err)
{
	struct arena *arena = work->run->arena;

	*work->made = (struct lock_base){
		.name = arena_str(arena, work->base->name.s),
		.platform = arena_str(arena, work->platform),
		.inputs =
			resolve_base_inputs(work->base, work->platform, arena),
	};
	return work->base->kind == MANIFEST_BASE_DEBIAN
		       ? resolve_debian(work, err)
		       : resolve_image(work, err);
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

	resolve_systems_refuse(run, is_sick);
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
