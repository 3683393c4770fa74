/* The wheels of a build: fetched side by side while layers are made of those
 * that are there, each file once, however many parts of the assembly are made
 * of it. */
#include <stdlib.h>

#include "base/array.h"
#include "base/error.h"
#include "base/log.h"
#include "base/map.h"
#include "base/pool.h"
#include "parts/fetch.h"
#include "parts/pyindex.h"
#include "work/build/build_private.h"

struct build_download {
	struct build *build;
	const struct lock_package *package;
	size_t task;
	size_t users;	/* layers that are made of it */
	bool is_packed; /* one of them holds other parts too */
	bool is_held;	/* gone once there is a recipe: the task of its only
			 * layer fetches it, so that few are on disk at a time,
			 * and not for long */
	struct store_partial held;
};

static int run_download(void *argument, struct error **err)
{
	struct build_download *download = argument;
	const struct lock_file *wheel = &download->package->wheel;
	struct build *build = download->build;
	auto_free char *url = NULL;
	struct store_partial *held = download->is_held ? &download->held : NULL;

	if (build_follow_recipe(build, wheel, held)) {
		progress_add(build->download_progress, 1);
		return 0;
	}
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
		.held = held,
	};

	int result = fetch_download(build->fetch, build->store, &file, err);

	progress_add(build->download_progress, 1);
	return result;
}

/* Notes that a layer is made of a wheel that the store lacks. */
static void want_wheel(struct build *build, size_t part, bool is_packed,
		       struct map *by_hash)
{
	const struct lock_package *package =
		build->assembly->parts[part].package;
	const struct digest *sha256 = &package->wheel.sha256;
	struct str key = digest_bytes(sha256);
	struct build_download *download = map_get(by_hash, key);

	if (!download) {
		if (store_download_has(build->store, sha256))
			return;
		download = mem_zalloc(1, sizeof *download);
		download->build = build;
		download->package = package;
		download->held = (struct store_partial)STORE_PARTIAL_EMPTY;
		map_set(by_hash, key, download);
		array_push(&build->downloads, download);
	}
	build->download_of[part] = download;
	download->is_packed |= is_packed;
	download->users++;
}

void build_add_downloads(struct build *build, struct pool *pool)
{
	const struct assembly *assembly = build->assembly;
	bool holds =
		assembly->manifest->policy.keep_wheels == MANIFEST_KEEP_PACKED;
	struct map by_hash = MAP_EMPTY;

	for (size_t l = 0; l < assembly->plan.layer_count; l++) {
		const struct plan_layer *layer = &assembly->plan.layers[l];

		if (!build->needed[l] || build->errors[l])
			continue;
		for (size_t i = 0; i < layer->part_count; i++)
			if (assembly->parts[layer->parts[i]].kind ==
			    ASSEMBLE_WHEEL)
				want_wheel(build, layer->parts[i],
					   layer->part_count > 1, &by_hash);
	}
	map_release(&by_hash);
	build->download_progress =
		progress_new("downloads", build->downloads.n, "files");
	array_each (struct build_download *, download, &build->downloads) {
		struct pool_task task = {
			.run = run_download,
			.argument = *download,
			.weight = (*download)->package->wheel.size_bytes,
			.waits = true,
		};

		(*download)->is_held = holds && !(*download)->is_packed &&
				       (*download)->users == 1;
		if ((*download)->is_held)
			continue;
		(*download)->task = pool_add(pool, &task);
	}
}

void build_end_downloads(struct build *build)
{
	array_each (struct build_download *, download, &build->downloads) {
		store_partial_release(&(*download)->held);
		free(*download);
	}
	array_release(&build->downloads);
	progress_free(build->download_progress);
}

size_t build_downloads_of(const struct build *build, size_t number,
			  size_t *tasks)
{
	const struct plan_layer *layer = &build->assembly->plan.layers[number];
	size_t n = 0;

	for (size_t i = 0; i < layer->part_count; i++) {
		const struct build_download *download =
			build->download_of[layer->parts[i]];

		if (download && !download->is_held)
			tasks[n++] = download->task;
	}
	return n;
}

int build_begin_wheel(struct build *build, size_t part, struct error **err)
{
	struct build_download *download = build->download_of[part];

	return download && download->is_held ? run_download(download, err) : 0;
}

char *build_wheel_path(const struct build *build, size_t part)
{
	const struct build_download *download = build->download_of[part];

	if (download && download->held.path)
		return str_dup(str_from(download->held.path));
	return store_download_path(
		build->store,
		&build->assembly->parts[part].package->wheel.sha256);
}

bool build_wheel_stays(const struct build *build, size_t part)
{
	const struct build_download *download = build->download_of[part];

	return !download || !download->is_held;
}

bool build_wheel_was_hashed(const struct build *build, size_t part)
{
	return build->download_of[part] != NULL;
}

int build_end_wheel(struct build *build, size_t part, const struct digest *blob,
		    struct error **err)
{
	struct build_download *download = build->download_of[part];

	if (!download || !download->held.path)
		return 0;
	if (!build_save_recipe(build, &download->package->wheel,
			       download->held.fd, build->wheels[part], blob))
		return store_partial_commit(build->store, &download->held,
					    STORE_DOWNLOAD, err);
	store_partial_drop(&download->held);
	return 0;
}
