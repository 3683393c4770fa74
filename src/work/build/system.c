/* Trees of Debian packages above a base, for the layers that hold them. */
#include <stdlib.h>

#include "base/error.h"
#include "parts/debian.h"
#include "work/build/build_private.h"

int build_open_system(struct build *build, size_t number, struct error **err)
{
	const struct assemble_part *part = &build->assembly->parts[number];
	struct runtime *runtime = runtimes_get(build->runtimes, part->base);
	struct debian_source source = runtime_source(runtime);

	if (build->systems[number])
		return 0;
	if (debian_tree_open(&source, &part->system, part->base->platform,
			     runtime_tree(runtime), &build->systems[number],
			     err))
		return err_wrap(err, "system: " STR_FMT, STR_ARG(part->title));
	return 0;
}

void build_close_systems(struct build *build)
{
	for (size_t i = 0; i < build->assembly->part_count; i++)
		debian_tree_free(build->systems[i]);
	free(build->systems);
}
