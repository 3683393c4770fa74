#include "work/check.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/error.h"
#include "base/log.h"
#include "base/pool.h"
#include "work/check/check_private.h"

/* The newest Python that slipway knows: for a fleet without a lock. */
enum { DEFAULT_MINOR = 11 };

/* The minor version that the manifest gives a base, where there is no lock. */
static unsigned manifest_minor(const struct manifest_base *base)
{
	struct str text = base ? base->python.s : STR_EMPTY;
	uint64_t minor;

	if (!str_eat(&text, STR("3.")) || !str_to_u64(text, &minor))
		return DEFAULT_MINOR;
	return (unsigned)minor;
}

static const struct lock_base *locked_base(const struct check_options *options,
					   const struct manifest_instance *on)
{
	return options->lock && on->base
		       ? lock_find_base(options->lock, on->base->name.s,
					on->machine->platform.s)
		       : NULL;
}

/* The Python of an instance; made where it is new. check->pythons has room. */
static struct check_python *python_of(struct check *check,
				      const struct check_options *options,
				      const struct manifest_instance *instance)
{
	const struct lock_base *base = locked_base(options, instance);
	unsigned minor = base ? runtime_python_minor(base)
			      : manifest_minor(instance->base);

	for (size_t i = 0; i < check->python_count; i++)
		if (check->pythons[i].base == base &&
		    check->pythons[i].minor == minor)
			return &check->pythons[i];
	struct check_python *python = &check->pythons[check->python_count++];

	python->base = base;
	python->runtime = base && options->runtimes
				  ? runtimes_get(options->runtimes, base)
				  : NULL;
	python->minor = minor;
	python->files = mem_zalloc(check->tree->n, sizeof *python->files);
	check_read_stdlib(&python->stdlib, minor);
	return python;
}

/* Compiles what any instance of a Python reaches; *changed is set where a file
 * of these does not compile. */
static int compile_reached(struct check *check, struct check_python *python,
			   unsigned jobs, bool *changed, struct error **err)
{
	bool *wanted = mem_zalloc(check->tree->n, sizeof *wanted);

	for (size_t i = 0; i < check->instance_count; i++) {
		const struct check_instance *instance = &check->instances[i];

		for (size_t f = 0; instance->python == python &&
				   f < instance->graph.file_count;
		     f++)
			wanted[instance->graph.files[f].file] = true;
	}
	int result = check_compile_sources(check, python, wanted, jobs, err);

	*changed = false;
	for (size_t f = 0; f < check->tree->n; f++)
		*changed |= python->files[f].is_compiled &&
			    python->files[f].verdict != PYC_COMPILED;
	free(wanted);
	return result;
}

/* True, with a warning, where a base cannot be had: the rest is checked all the
 * same, and who needs the base says so. */
static bool is_base_missing(const struct check_python *python,
			    const struct error *error)
{
	if (pool_is_cancelled() || runtime_open(python->runtime, NULL) == 0)
		return false;
	log_warn("not checked: whether sources compile: %s",
		 err_message(error));
	return true;
}

static int check_python(struct check *check, struct check_python *python,
			const struct graph_tree *tree,
			const struct check_options *options,
			const struct str *paths, struct error **err)
{
	auto_err struct error *error = NULL;
	bool changed = false;

	log_verbose("phase: scan");
	check_memory_load(&python->memory, check->tree, python->minor,
			  options->store);
	if (check_read_sources(check, python, options->jobs, err) ||
	    check_walk(check, python, tree, options->lock, false, err))
		return -1;
	check_memory_save(&python->memory, check->tree, python->minor,
			  options->store);
	log_verbose("phase: base and compile");
	if (python->runtime &&
	    compile_reached(check, python, options->jobs, &changed, &error) &&
	    !is_base_missing(python, error))
		return err_pass(err, mem_steal(error));
	if (changed &&
	    check_walk(check, python, tree, options->lock, true, err))
		return -1;
	check_judge(check, python, options->lock, paths);
	for (size_t i = 0; i < check->instance_count; i++)
		if (check->instances[i].python == python)
			check_choose_files(check, &check->instances[i]);
	return 0;
}

int check_run(const struct check_options *options, struct check *check,
	      struct error **err)
{
	const struct manifest *manifest = options->manifest;
	int result = 0;

	*check = (struct check){
		.manifest = manifest,
		.tree = options->tree,
		.instance_count = manifest->instances.n,
	};
	struct str *paths =
		arena_new_array(&check->arena, struct str, options->tree->n);

	for (size_t i = 0; i < options->tree->n; i++)
		paths[i] = options->tree->files[i].path;
	check->instances = arena_new_array(&check->arena, struct check_instance,
					   manifest->instances.n);
	check->pythons = arena_new_array(&check->arena, struct check_python,
					 manifest->instances.n);
	for (size_t i = 0; i < manifest->instances.n; i++) {
		struct check_instance *instance = &check->instances[i];

		instance->instance = manifest->instances.p[i];
		if (instance->instance->settings.skip.s.n)
			instance->verdict.status = VERDICT_SKIPPED;
		else
			instance->python =
				python_of(check, options, instance->instance);
	}
	struct graph_tree *tree = graph_tree_new(paths, options->tree->n);

	for (size_t i = 0; result == 0 && i < check->python_count; i++)
		result = check_python(check, &check->pythons[i], tree, options,
				      paths, err);
	graph_tree_free(tree);
	return result;
}

void check_release(struct check *check)
{
	for (size_t i = 0; i < check->python_count; i++) {
		struct check_python *python = &check->pythons[i];

		for (size_t f = 0; f < check->tree->n; f++)
			pyc_problem_release(&python->files[f].problem);
		for (size_t a = 0; a < python->arena_count; a++)
			arena_release(&python->arenas[a]);
		free(python->arenas);
		check_memory_release(&python->memory);
		free(python->files);
		map_release(&python->stdlib);
	}
	arena_release(&check->arena);
}
