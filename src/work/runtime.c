#include "work/runtime.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "parts/registry.h"

struct runtime {
	struct runtimes *all;
	const struct runtime_options *options;
	const struct lock_base *base;
	struct str python_id;
	pthread_mutex_t lock; /* of what follows */
	bool opened;
	struct debian_tree *tree;
	struct base_tree *image;
	struct pyc_pool *compilers;
	bool is_foreign; /* the compilers are those of another runtime */
	struct error *error;
};

struct runtimes {
	struct runtime_options options;
	struct arena arena;
	struct runtime *runtimes; /* one per base of the lock, in its order */
	struct registry *registry;
};

struct base_source runtime_base_source(const struct manifest_base *base,
				       const char *folder, struct store *store,
				       struct registry *registry,
				       struct arena *arena)
{
	static const enum lock_base_kind kinds[] = {
		[MANIFEST_BASE_DEBIAN] = LOCK_BASE_DEBIAN,
		[MANIFEST_BASE_REGISTRY] = LOCK_BASE_REGISTRY,
		[MANIFEST_BASE_OCI] = LOCK_BASE_OCI,
		[MANIFEST_BASE_TAR] = LOCK_BASE_TAR,
	};
	bool is_below = base->kind != MANIFEST_BASE_REGISTRY &&
			!str_starts(base->source.s, STR("/"));

	return (struct base_source){
		.store = store,
		.registry = registry,
		.kind = kinds[base->kind],
		.text = is_below ? arena_printf(arena, "%s/%s", folder,
						base->source.s.p)
				 : base->source.s,
	};
}

struct debian_source runtime_debian_source(const struct manifest_base *base,
					   struct store *store,
					   struct fetch *fetch)
{
	return (struct debian_source){
		.fetch = fetch,
		.store = store,
		.mirror = base && base->mirror.s.n ? base->mirror.s.p : NULL,
	};
}

static struct str make_python_id(const struct lock_base *base,
				 struct arena *arena)
{
	auto_buf struct buf id = BUF_EMPTY;

	key_add(&id, base->python);
	if (base->kind != LOCK_BASE_DEBIAN)
		key_add(&id, str_from(digest_text(&base->digest).p));
	for (size_t i = 0; i < base->debs.n; i++) {
		const struct lock_deb *deb = &base->debs.p[i];

		if (str_starts(deb->name, STR("python3")) ||
		    str_starts(deb->name, STR("libpython3")))
			key_add(&id, str_from(digest_text(&deb->sha256).p));
	}
	struct digest digest = digest_of(buf_str(&id));

	return arena_str(arena, str_from(digest_text(&digest).p));
}

struct runtimes *runtimes_new(const struct runtime_options *options)
{
	struct runtimes *runtimes = mem_zalloc(1, sizeof *runtimes);
	const struct lock *lock = options->lock;

	runtimes->options = *options;
	struct registry_options registry = {.fetch = options->fetch};

	runtimes->registry = registry_new(&registry);
	runtimes->runtimes =
		mem_zalloc(lock->base_count, sizeof *runtimes->runtimes);
	for (size_t i = 0; i < lock->base_count; i++) {
		struct runtime *runtime = &runtimes->runtimes[i];

		runtime->all = runtimes;
		runtime->options = &runtimes->options;
		runtime->base = &lock->bases[i];
		runtime->python_id =
			make_python_id(&lock->bases[i], &runtimes->arena);
		pthread_mutex_init(&runtime->lock, NULL);
	}
	return runtimes;
}

void runtimes_free(struct runtimes *runtimes)
{
	if (!runtimes)
		return;
	for (size_t i = 0; i < runtimes->options.lock->base_count; i++) {
		struct runtime *runtime = &runtimes->runtimes[i];

		if (!runtime->is_foreign)
			pyc_pool_free(runtime->compilers);
		debian_tree_free(runtime->tree);
		base_tree_free(runtime->image);
		err_free(runtime->error);
		pthread_mutex_destroy(&runtime->lock);
	}
	registry_free(runtimes->registry);
	free(runtimes->runtimes);
	arena_release(&runtimes->arena);
	free(runtimes);
}

struct runtime *runtimes_get(struct runtimes *runtimes,
			     const struct lock_base *base)
{
	return &runtimes->runtimes[base - runtimes->options.lock->bases];
}

struct debian_source runtime_source(const struct runtime *runtime)
{
	const struct runtime_options *options = runtime->options;

	struct debian_source source = runtime_debian_source(
		manifest_base(options->manifest, runtime->base->name),
		options->store, options->fetch);

	source.jobs = options->jobs;
	return source;
}

/* The source of an image base, by its name in the manifest. */
static int image_source(const struct runtime *runtime, struct arena *arena,
			struct base_source *source, struct error **err)
{
	const struct runtime_options *options = runtime->options;
	const struct manifest_base *named =
		manifest_base(options->manifest, runtime->base->name);

	if (!named || named->kind == MANIFEST_BASE_DEBIAN) {
		err_make(err, ERR_FLEET,
			 "the manifest does not say where the locked base "
			 "'" STR_FMT "' comes from",
			 STR_ARG(runtime->base->name));
		return err_hint(err, "run: slipway lock");
	}
	*source = runtime_base_source(named, options->folder, options->store,
				      runtime->all->registry, arena);
	return 0;
}

static int open_image(struct runtime *runtime, struct error **err)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct base_source source;

	return image_source(runtime, &arena, &source, err) ||
			       base_tree_open(&source, runtime->base,
					      &runtime->image, err)
		       ? -1
		       : 0;
}

static int open_debian(struct runtime *runtime, struct error **err)
{
	const struct lock_base *base = runtime->base;
	struct debian_source source = runtime_source(runtime);

	return debian_tree_open(&source, &base->debs, base->platform, NULL,
				&runtime->tree, err);
}

struct str runtime_host_platform(void)
{
	struct utsname name;

	if (uname(&name))
		return STR_EMPTY;
	if (strcmp(name.machine, "x86_64") == 0)
		return STR("linux/amd64");
	if (strcmp(name.machine, "aarch64") == 0)
		return STR("linux/arm64");
	return STR_EMPTY;
}

/* Bytecode does not depend on the processor: that of a base of another platform
 * comes from the same Python in a base of this host's. */
static int borrow_compilers(struct runtime *runtime, struct error **err)
{
	const struct lock *lock = runtime->options->lock;
	const struct lock_base *base = runtime->base;
	struct str host = runtime_host_platform();

	for (size_t i = 0; i < lock->base_count; i++) {
		const struct lock_base *other = &lock->bases[i];
		struct runtime *twin = runtimes_get(runtime->all, other);

		if (!str_eq(other->platform, host) ||
		    !str_eq(other->python, base->python))
			continue;
		if (runtime_open(twin, err))
			return -1;
		runtime->compilers = twin->compilers;
		return 0;
	}
	err_make(err, ERR_FLEET,
		 "nothing compiles bytecode for " STR_FMT " here: the lock has "
		 "no base with Python " STR_FMT
		 " for this host's platform, " STR_FMT,
		 STR_ARG(base->platform), STR_ARG(base->python), STR_ARG(host));
	return err_hint(
		err,
		"let a service of a machine of " STR_FMT " use the "
		"base '" STR_FMT "' too, or build on a host of " STR_FMT,
		STR_ARG(host), STR_ARG(base->name), STR_ARG(base->platform));
}

static int open_once(struct runtime *runtime, struct error **err)
{
	const struct lock_base *base = runtime->base;
	bool is_debian = base->kind == LOCK_BASE_DEBIAN;

	if (is_debian ? open_debian(runtime, err) : open_image(runtime, err))
		return err_wrap(err, "the base '" STR_FMT "'",
				STR_ARG(base->name));
	runtime->is_foreign = !str_eq(base->platform, runtime_host_platform());
	if (runtime->is_foreign)
		return borrow_compilers(runtime, err);
	struct pyc_options options = {
		.root = is_debian ? debian_tree_root(runtime->tree)
				  : base_tree_root(runtime->image),
		.python = is_debian ? NULL : base->interpreter.p,
		.minor = runtime_python_minor(base),
		.workers = runtime->options->jobs,
	};

	return pyc_pool_new(&options, &runtime->compilers, err);
}

int runtime_open(struct runtime *runtime, struct error **err)
{
	int result = 0;

	pthread_mutex_lock(&runtime->lock);
	if (!runtime->opened)
		open_once(runtime, &runtime->error);
	runtime->opened = true;
	if (runtime->error) {
		result = err_make(err, err_class(runtime->error), "%s",
				  err_message(runtime->error));
		if (*err_hint_text(runtime->error))
			err_hint(err, "%s", err_hint_text(runtime->error));
	}
	pthread_mutex_unlock(&runtime->lock);
	return result;
}

const struct debian_tree *runtime_tree(const struct runtime *runtime)
{
	return runtime->tree;
}

const struct base_tree *runtime_image_tree(const struct runtime *runtime)
{
	return runtime->image;
}

int runtime_pull(struct runtime *runtime, struct error **err)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct base_source source;

	pthread_mutex_lock(&runtime->lock);
	int result = image_source(runtime, &arena, &source, err) ||
				     base_pull(&source, runtime->base, err)
			     ? -1
			     : 0;

	pthread_mutex_unlock(&runtime->lock);
	return result;
}

struct pyc_pool *runtime_compilers(const struct runtime *runtime)
{
	return runtime->compilers;
}

struct store *runtime_store(const struct runtime *runtime)
{
	return runtime->options->store;
}

struct str runtime_python_id(const struct runtime *runtime)
{
	return runtime->python_id;
}

unsigned runtime_python_minor(const struct lock_base *base)
{
	struct str rest = base->python, part;
	uint64_t minor;

	if (!str_split(&rest, '.', &part) || !str_eq(part, STR("3")) ||
	    !str_split(&rest, '.', &part) || !str_to_u64(part, &minor) ||
	    minor > 99)
		return 0;
	return (unsigned)minor;
}
