/* Images of families: the layers at the bottom of their services' stacks. */
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/error.h"
#include "work/build/build_private.h"

/* Its reference, with what tells it from one of that name: the tag may say
 * neither track nor platform. */
static char *own_reference(const struct build *build,
			   const struct build_family *family)
{
	const struct build_result *result = build->result;
	const struct manifest_instance *instance = family->family->instance;
	char *reference =
		build_reference(build, instance, family->family->first->base);
	struct str platform = instance->machine->platform.s;
	ptrdiff_t slash = str_rfind(platform, '/');

	for (size_t i = 0; i < result->family_count; i++) {
		struct buf longer = BUF_EMPTY;

		if (!result->families[i].reference ||
		    strcmp(result->families[i].reference, reference) != 0)
			continue;
		buf_printf(&longer, "%s-" STR_FMT "-" STR_FMT, reference,
			   STR_ARG(instance->track->name.s),
			   STR_ARG(str_slice(platform, (size_t)slash + 1,
					     platform.n)));
		free(reference);
		return buf_steal_text(&longer);
	}
	return reference;
}

void build_write_families(struct build *build, struct store_image *listed,
			  size_t *n)
{
	const struct assembly *assembly = build->assembly;
	struct build_result *result = build->result;

	result->families =
		mem_zalloc(assembly->family_count, sizeof *result->families);
	for (size_t i = 0; i < assembly->family_count; i++) {
		const struct assemble_family *family = &assembly->families[i];
		uint64_t manifest_bytes;
		struct digest config;
		bool is_new;

		if (family->planned < 0)
			continue;
		size_t planned = (size_t)family->planned;
		struct build_stack stack = build_stack(build, planned);
		struct build_family *out =
			&result->families[result->family_count];

		if (stack.error || stack.is_missing)
			continue;
		out->family = family;
		out->state = BUILD_FAILED;
		out->reference = own_reference(build, out);
		result->family_count++;
		if (build_put_documents(build, planned, &config, &out->manifest,
					&manifest_bytes, &is_new, &out->error))
			continue;
		out->bytes = build_layer_bytes(build, planned);
		out->state = stack.has_absent ? BUILD_KNOWN
			     : is_new	      ? BUILD_BUILT
					      : BUILD_CACHED;
		if (!stack.has_absent)
			build_list_image(family->instance, out->reference,
					 &out->manifest, manifest_bytes,
					 &listed[(*n)++]);
	}
}
