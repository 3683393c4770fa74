#include "work/build.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "facts/store.h"
#include "parts/wheel.h"
#include "work/build/build_private.h"

/* Of one layer task: its buffers, a wheel's file list, a source file. */
enum { LAYER_MEMORY_BYTES = 24 << 20, PARALLEL_DOWNLOADS = 8 };

struct layer_task {
	struct build *build;
	size_t layer;
	struct progress *progress;
};

static int run_layer(void *argument, struct error **err)
{
	struct layer_task *task = argument;
	struct build *build = task->build;

	if (atomic_load(&build->stopped))
		return err_make(err, ERR_CANCELLED, "not begun");
	int result = build_make_layer(build, task->layer, err);

	if (result && build->options->strict)
		atomic_store(&build->stopped, true);
	progress_add(task->progress, 1);
	return result;
}

/* What a layer's bases lack is what the layer lacks. Packages that two bases
 * have in common may be packed together, whichever of the two named them. */
static int open_layer_bases(struct build *build, size_t number,
			    struct error **err)
{
	const struct assembly *assembly = build->assembly;
	const struct plan_layer *layer = &assembly->plan.layers[number];

	for (size_t i = 0; i < layer->part_count; i++) {
		const struct assemble_part *part =
			&assembly->parts[layer->parts[i]];

		if (runtime_open(runtimes_get(build->runtimes, part->base),
				 err) ||
		    (part->kind == ASSEMBLE_SYSTEM &&
		     build_open_system(build, layer->parts[i], err)))
			return -1;
	}
	return 0;
}

static void open_bases(struct build *build)
{
	for (size_t l = 0; l < build->assembly->plan.layer_count; l++)
		if (build->needed[l])
			open_layer_bases(build, l, &build->errors[l]);
}

bool build_is_last(const struct build *build, size_t layer)
{
	const struct plan *plan = &build->assembly->plan;
	unsigned jobs =
		build->options->jobs ? build->options->jobs : pool_core_count();
	uint64_t total = 0;

	for (size_t l = 0; l < plan->layer_count; l++)
		if (build->needed[l])
			total += plan->layers[l].compressed_bytes;
	return jobs > 1 && plan->layers[layer].compressed_bytes > total / jobs;
}

/* Gives a layer that was not made the error of its task, or of the first
 * download that it needs. */
static void fail_layer(struct build *build, const struct pool *pool,
		       size_t layer, size_t task)
{
	const struct plan_layer *node = &build->assembly->plan.layers[layer];
	auto_free size_t *downloads =
		mem_zalloc(node->part_count, sizeof *downloads);
	size_t n = build_downloads_of(build, layer, downloads);
	struct error **err = &build->errors[layer];

	pool_pass_error(pool, task, err);
	for (size_t i = 0; !*err && i < n; i++)
		pool_pass_error(pool, downloads[i], err);
	if (!*err)
		pool_check_cancelled(err);
}

static void make_layers(struct build *build, size_t needed)
{
	const struct plan *plan = &build->assembly->plan;
	struct layer_task *tasks = mem_zalloc(needed, sizeof *tasks);
	size_t *numbers = mem_zalloc(needed, sizeof *numbers), n = 0;
	size_t *after = mem_zalloc(build->assembly->part_count, sizeof *after);
	struct pool *pool =
		pool_new(build->options->jobs, build->options->memory_bytes);
	struct progress *progress = progress_new("layers", needed, "layers");

	pool_set_waiters(pool, PARALLEL_DOWNLOADS);
	build_add_downloads(build, pool);
	for (size_t l = 0; l < plan->layer_count; l++) {
		if (!build->needed[l] || build->errors[l])
			continue;
		tasks[n] = (struct layer_task){build, l, progress};
		struct pool_task task = {
			.run = run_layer,
			.argument = &tasks[n],
			.weight = plan->layers[l].compressed_bytes,
			.memory_bytes = LAYER_MEMORY_BYTES,
			.after = after,
			.after_count = build_downloads_of(build, l, after),
		};

		numbers[n++] = pool_add(pool, &task);
	}
	pool_run(pool);
	progress_free(progress);
	for (size_t i = 0; i < n; i++)
		if (pool_outcome(pool, numbers[i]) != POOL_DONE)
			fail_layer(build, pool, tasks[i].layer, numbers[i]);
	build_end_downloads(build);
	pool_free(pool);
	free(after);
	free(tasks);
	free(numbers);
}

/* Marks the layers of the wanted images that the store lacks; their count. */
static size_t find_needed(struct build *build)
{
	const struct assembly *assembly = build->assembly;
	const struct plan *plan = &assembly->plan;
	struct build_result *result = build->result;
	const bool *bytes = build->options->bytes;
	bool *wanted = mem_zalloc(plan->layer_count, sizeof *wanted);
	size_t needed = 0;

	for (size_t i = 0; i < assembly->planned_count; i++) {
		const struct build_image *image =
			&result->images[assembly->planned[i]];

		for (ptrdiff_t l = plan->leaves[i];
		     image->state != BUILD_SKIPPED && l >= 0;
		     l = plan->layers[l].parent)
			wanted[l] = true;
	}
	assembly_mark_families(assembly, wanted);
	for (size_t l = 0; l < plan->layer_count; l++) {
		if (wanted[l] || (bytes && bytes[l]))
			build_find_layer(build, l);
		needed += build->needed[l];
	}
	free(wanted);
	return needed;
}

/* Images that cannot be made or are not asked for need no layers. */
static void settle_images(struct build *build)
{
	const struct assembly *assembly = build->assembly;
	struct build_result *result = build->result;

	for (size_t i = 0; i < assembly->image_count; i++) {
		struct build_image *image = &result->images[i];
		const struct error *error = assembly->images[i].error;

		image->image = &assembly->images[i];
		image->state = BUILD_BUILT;
		if (build->options->wanted && !build->options->wanted[i]) {
			image->state = BUILD_SKIPPED;
		} else if (error) {
			build_fail_image(image, error);
		}
	}
}

size_t build_begin(struct build *build, const struct build_options *options,
		   struct build_result *result)
{
	const struct assembly *assembly = build->assembly;
	size_t layer_count = assembly->plan.layer_count;

	build->runtimes = assembly->runtimes;
	build->options = options;
	build->result = result;
	build->needed = mem_zalloc(layer_count, sizeof *build->needed);
	build->errors = mem_zalloc(layer_count, sizeof *build->errors);
	build->download_of =
		mem_zalloc(assembly->part_count, sizeof(*build->download_of));
	build->wheels =
		mem_zalloc(assembly->part_count, sizeof(*build->wheels));
	build->systems =
		mem_zalloc(assembly->part_count, sizeof(*build->systems));
	*result = (struct build_result){
		.images = mem_zalloc(assembly->image_count,
				     sizeof *result->images),
		.n = assembly->image_count,
		.layers = mem_zalloc(layer_count, sizeof *result->layers),
		.known = mem_zalloc(layer_count, sizeof *result->known),
		.absent = mem_zalloc(layer_count, sizeof *result->absent),
	};
	settle_images(build);
	return find_needed(build);
}

void build_end(struct build *build)
{
	struct build_result *result = build->result;

	for (size_t i = 0; i < result->n; i++)
		result->failed += result->images[i].state == BUILD_FAILED;
	for (size_t l = 0; l < build->assembly->plan.layer_count; l++)
		err_free(build->errors[l]);
	build_close_systems(build);
	free(build->errors);
	free(build->needed);
	for (size_t i = 0; i < build->assembly->part_count; i++)
		wheel_free(build->wheels[i]);
	free(build->wheels);
	free(build->download_of);
}

void build_make_needed(struct build *build, size_t needed)
{
	struct build_result *result = build->result;

	build_tell_claims(build);
	log_verbose("phase: bases");
	open_bases(build);
	log_verbose("phase: downloads and layers");
	make_layers(build, needed);
	build_check_paths(build);
	for (size_t l = 0; l < build->assembly->plan.layer_count; l++)
		result->made += build->needed[l] && result->known[l];
}

int build_run(const struct assembly *assembly, struct store *store,
	      struct fetch *fetch, struct pyindex *index,
	      const struct build_options *options, struct build_result *result,
	      struct error **err)
{
	struct build build = {
		.assembly = assembly,
		.store = store,
		.fetch = fetch,
		.index = index,
	};
	size_t needed = build_begin(&build, options, result);

	if (needed)
		build_make_needed(&build, needed);
	log_verbose("phase: images");
	int status = build_write_images(&build, err);

	build_end(&build);
	return status;
}

void build_result_release(struct build_result *result)
{
	for (size_t i = 0; i < result->n; i++) {
		free(result->images[i].reference);
		err_free(result->images[i].error);
	}
	for (size_t i = 0; i < result->family_count; i++) {
		free(result->families[i].reference);
		err_free(result->families[i].error);
	}
	free(result->families);
	free(result->images);
	free(result->layers);
	free(result->known);
	free(result->absent);
	*result = (struct build_result){0};
}

const char *build_state_text(enum build_state state)
{
	static const char *const texts[] = {
		[BUILD_BUILT] = "built",     [BUILD_CACHED] = "cached",
		[BUILD_KNOWN] = "known",     [BUILD_FAILED] = "failed",
		[BUILD_SKIPPED] = "skipped",
	};

	return texts[state];
}
