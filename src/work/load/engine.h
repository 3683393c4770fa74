/* What an engine says that it has; for work/load only. */
#pragma once

#include "base/map.h"
#include "work/load.h"

struct engine_images {
	struct arena arena;
	struct map references; /* "name:tag" to struct str: the image's id */
	struct map chain_ids;  /* of every layer: "sha256:..." */
};
#define ENGINE_IMAGES_EMPTY                                                    \
	{                                                                      \
		ARENA_EMPTY, MAP_EMPTY, MAP_EMPTY                              \
	}
void engine_images_release(struct engine_images *images);
#define auto_engine_images __attribute__((cleanup(engine_images_release)))

int engine_images_read(const struct load_engine *engine,
		       struct engine_images *images, struct error **err);

/* True where it has an image under its reference, by its id: that of the
 * config, or in the store of containerd that of the manifest. */
bool engine_has(const struct engine_images *images, const struct export *export,
		const struct export_image *image);
