/* Each instance's walk through the sources, from its entrypoint. */
#include "base/array.h"
#include "work/check/check_private.h"

struct need_context {
	struct check_python *python;
	bool with_verdicts;
};

/* A graph_need. */
static int need(void *context, size_t file, struct graph_scan *out,
		struct error **err)
{
	const struct need_context *need_context = context;
	const struct check_file *known = &need_context->python->files[file];

	(void)err;
	out->scan = known->unreadable ? NULL : &known->scan;
	out->compiles = !need_context->with_verdicts || !known->is_compiled ||
			known->verdict == PYC_COMPILED;
	out->is_binary = !known->is_python;
	return 0;
}

/* A callback of graph_start, by the names that the lock has for the service. */
static bool is_missing(void *context, struct str module, struct str name)
{
	(void)name;
	return !check_find_owner(context, module);
}

/* "/app/x" to "x": a folder of the image in the source root. */
static bool below_app(struct str folder, struct str *relative)
{
	if (!str_eat(&folder, STR("/app")) || (folder.n && folder.p[0] != '/'))
		return false;
	while (str_eat(&folder, STR("/")))
		;
	*relative = folder;
	return true;
}

/* What `allow` includes: modules by name, or files below its folders. */
static void add_includes(const struct check *check,
			 const struct manifest_settings *settings,
			 struct graph_start *start, struct arena *arena)
{
	ARRAY(struct graph_include) includes = ARRAY_EMPTY;
	const struct source_tree *tree = check->tree;

	for (size_t a = 0; a < settings->allow.n; a++) {
		const struct manifest_allow *allow = &settings->allow.p[a];

		for (size_t i = 0; i < allow->include.n; i++) {
			struct str what = allow->include.p[i].s;

			for (size_t f = source_tree_below(tree, what);
			     f < tree->n &&
			     str_starts(tree->files[f].path, what);
			     f++) {
				struct graph_include include = {
					.module = STR_EMPTY,
					.file = f,
					.level = PYSCAN_LAZY,
				};

				if (str_ends(tree->files[f].path, STR(".py")))
					array_push(&includes, include);
			}
		}
	}
	start->include_count = includes.n;
	start->includes =
		arena_new_array(arena, struct graph_include, includes.n);
	if (includes.n)
		memcpy((void *)(uintptr_t)start->includes, includes.p,
		       includes.n * sizeof *includes.p);
	array_release(&includes);
}

static int walk_instance(struct check *check, struct check_python *python,
			 const struct graph_tree *tree, const struct lock *lock,
			 bool with_verdicts, struct check_instance *instance,
			 struct error **err)
{
	const struct manifest_settings *settings =
		&instance->instance->settings;
	const struct manifest_texts *path = &check->manifest->source.pythonpath;
	struct str *folders =
		arena_new_array(&check->arena, struct str, path->n);
	struct need_context context = {python, with_verdicts};
	const struct lock_service *service =
		check_find_service(lock, instance->instance);
	struct graph_start start = {
		.entry = settings->run.entry.s,
		.is_module = settings->run.is_module,
		.minor = python->minor,
		.python_path = folders,
		.python_path_count = path->n,
		.extension_tag = arena_printf(
			&check->arena, "cpython-3%u-%s-linux-gnu",
			python->minor,
			str_eq(instance->instance->machine->platform.s,
			       STR("linux/arm64"))
				? "aarch64"
				: "x86_64"),
		.is_stdlib = check_is_stdlib,
		.stdlib_context = &python->stdlib,
		.need = need,
		.need_context = &context,
		.is_missing = service ? is_missing : NULL,
		.missing_context = (void *)(uintptr_t)service,
	};

	for (size_t i = 0; i < path->n; i++)
		folders[i] = str_eq(path->p[i].s, STR(".")) ? STR_EMPTY
							    : path->p[i].s;
	start.has_workdir = below_app(settings->workdir.s, &start.workdir);
	add_includes(check, settings, &start, &check->arena);
	return graph_walk(tree, &start, &check->arena, &instance->graph, err);
}

int check_walk(struct check *check, struct check_python *python,
	       const struct graph_tree *tree, const struct lock *lock,
	       bool with_verdicts, struct error **err)
{
	for (size_t i = 0; i < check->instance_count; i++) {
		struct check_instance *instance = &check->instances[i];

		if (instance->python == python &&
		    !instance->instance->settings.skip.s.n &&
		    walk_instance(check, python, tree, lock, with_verdicts,
				  instance, err))
			return -1;
	}
	return 0;
}
