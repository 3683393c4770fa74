/* The wheels of a build, fetched side by side. */
#include "base/array.h"
#include "base/error.h"
#include "base/log.h"
#include "base/map.h"
#include "base/pool.h"
#include "parts/fetch.h"
#include "parts/pyindex.h"
#include "work/build/build_private.h"

enum { PARALLEL_DOWNLOADS = 8 };

struct download {
	struct build *build;
	const struct lock_package *package;
	size_t task;
	struct progress *progress; /* of all */
};

static int run_download(void *argument, struct error **err)
{
	struct download *download = argument;
	const struct lock_file *wheel = &download->package->wheel;
	struct build *build = download->build;
	auto_free char *url = NULL;

	if (pyindex_url(build->index, download->package->name, wheel->file,
			&wheel->sha256, &url, err))
		return -1;
	const char *urls[] = {url};
	auto_free char *label = str_dup(wheel->file);
	struct fetch_file file = {
		.urls = urls,
		.url_count = 1,
		.size_bytes = wheel->size_bytes,
		.sha256 = wheel->sha256,
		.kind = STORE_DOWNLOAD,
		.label = label,
	};

	int result = fetch_download(build->fetch, build->store, &file, err);

	progress_add(download->progress, 1);
	return result;
}

/* Gives a layer the error of a download; the first one stays. */
static void fail_layer(struct build *build, size_t layer,
		       const struct error *error)
{
	if (build->errors[layer])
		return;
	if (error)
		err_make(&build->errors[layer], err_class(error), "%s",
			 err_message(error));
	else
		pool_check_cancelled(&build->errors[layer]);
}

static bool is_missing_wheel(struct build *build,
			     const struct assemble_part *part)
{
	return part->kind == ASSEMBLE_WHEEL &&
	       !store_download_has(build->store, &part->package->wheel.sha256);
}

void build_download(struct build *build)
{
	const struct assembly *assembly = build->assembly;
	struct pool *pool = pool_new(PARALLEL_DOWNLOADS, 0);
	struct download *downloads =
		mem_zalloc(assembly->part_count, sizeof *downloads);
	struct progress *progress = progress_new("downloads", 0, "files");
	uint64_t count = 0;

	for (size_t l = 0; l < assembly->plan.layer_count; l++) {
		const struct plan_layer *layer = &assembly->plan.layers[l];

		for (size_t i = 0; build->needed[l] && i < layer->part_count;
		     i++) {
			size_t number = layer->parts[i];
			struct download *download = &downloads[number];
			const struct assemble_part *part =
				&assembly->parts[number];

			if (download->build || !is_missing_wheel(build, part))
				continue;
			*download = (struct download){build, part->package, 0,
						      progress};
			struct pool_task task = {
				.run = run_download,
				.argument = download,
				.weight = part->package->wheel.size_bytes,
			};

			download->task = pool_add(pool, &task);
			progress_set_total(progress, ++count);
		}
	}
	pool_run(pool);
	progress_free(progress);
	for (size_t l = 0; l < assembly->plan.layer_count; l++) {
		const struct plan_layer *layer = &assembly->plan.layers[l];

		for (size_t i = 0; build->needed[l] && i < layer->part_count;
		     i++) {
			struct download *download = &downloads[layer->parts[i]];

			if (!download->build)
				continue;
			if (pool_outcome(pool, download->task) == POOL_DONE)
				build->hashed[layer->parts[i]] = true;
			else
				fail_layer(build, l,
					   pool_error(pool, download->task));
		}
	}
	free(downloads);
	pool_free(pool);
}
