/* Paths that two wheels of one image give different bytes, by hash: the lock
 * knows them by their CRC only. Wheels that are not in the store, and of which
 * no layer was made now, are the lock's word. */
#include <stdlib.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/map.h"
#include "decisions/image.h"
#include "parts/wheel.h"
#include "work/build/build_private.h"

struct checker {
	struct build *build;
	struct wheel **wheels; /* per part, once opened */
	struct map seen;       /* sets of parts that are fine */
};

/* The wheel of a part; NULL where the store lacks it, or where it is none that
 * can be installed, which its layer says better. */
static struct wheel *wheel_of(struct checker *checker, size_t number)
{
	const struct build *build = checker->build;
	const struct assemble_part *part = &build->assembly->parts[number];

	if (part->kind != ASSEMBLE_WHEEL)
		return NULL;
	const struct lock_file *file = &part->package->wheel;

	if (build->wheels[number])
		return build->wheels[number];
	if (!store_download_has(build->store, &file->sha256))
		return NULL;
	if (!checker->wheels[number]) {
		auto_free char *path =
			store_download_path(build->store, &file->sha256);
		auto_free char *name = str_dup(file->file);
		struct wheel_options options = {
			.path = path,
			.file_name = name,
			.root = IMAGE_VENV,
			.python_major = 3,
			.python_minor = runtime_python_minor(part->base),
		};

		wheel_open(&options, &checker->wheels[number], NULL);
	}
	return checker->wheels[number];
}

/* True where a layer with wheels has to be made for the image. */
static bool has_new_wheels(const struct build *build, size_t planned)
{
	const struct assembly *assembly = build->assembly;
	const struct plan *plan = &assembly->plan;

	for (ptrdiff_t l = plan->leaves[planned]; l >= 0;
	     l = plan->layers[l].parent) {
		const struct plan_layer *layer = &plan->layers[l];

		for (size_t i = 0; build->needed[l] && i < layer->part_count;
		     i++)
			if (assembly->parts[layer->parts[i]].kind ==
			    ASSEMBLE_WHEEL)
				return true;
	}
	return false;
}

static void check_image(struct checker *checker,
			const struct assemble_image *image,
			struct build_image *out)
{
	auto_wheel_paths struct wheel_paths paths = WHEEL_PATHS_EMPTY;
	auto_buf struct buf set = BUF_EMPTY;

	for (size_t i = 0; i < image->part_count; i++)
		if (wheel_of(checker, image->parts[i]))
			buf_printf(&set, "%zu ", image->parts[i]);
	if (map_has(&checker->seen, buf_str(&set)))
		return;
	for (size_t i = 0; i < image->part_count; i++) {
		struct wheel *wheel = wheel_of(checker, image->parts[i]);

		if (wheel && wheel_claim(wheel, &paths, &out->error)) {
			out->state = BUILD_FAILED;
			return;
		}
	}
	map_add(&checker->seen, buf_str(&set));
}

void build_check_paths(struct build *build)
{
	const struct assembly *assembly = build->assembly;
	struct checker checker = {
		.build = build,
		.wheels = mem_zalloc(assembly->part_count,
				     sizeof(*checker.wheels)),
		.seen = MAP_EMPTY,
	};

	for (size_t i = 0; i < assembly->planned_count; i++) {
		size_t number = assembly->planned[i];
		struct build_image *out = &build->result->images[number];

		if (out->state == BUILD_BUILT && has_new_wheels(build, i))
			check_image(&checker, &assembly->images[number], out);
	}
	for (size_t i = 0; i < assembly->part_count; i++)
		wheel_free(checker.wheels[i]);
	free(checker.wheels);
	map_release(&checker.seen);
}
