/* Images of families: the layers at the bottom of their services' stacks. */
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/error.h"
#include "work/build/build_private.h"

/* True where every layer of a planned image is known. */
static bool is_complete(const struct build *build, size_t planned)
{
	const struct plan *plan = &build->assembly->plan;

	for (ptrdiff_t l = plan->leaves[planned]; l >= 0;
	     l = plan->layers[l].parent)
		if (!build->result->known[l])
			return false;
	return true;
}

static int write_documents(struct build *build, struct build_family *out,
			   uint64_t *manifest_bytes)
{
	size_t planned = (size_t)out->family->planned;
	auto_buf struct buf config = BUF_EMPTY, manifest = BUF_EMPTY;

	build_documents(build->assembly, build->result->layers, planned,
			&config, &manifest);
	struct digest digest = digest_of(buf_str(&manifest)), config_digest;
	bool known = store_has(build->store, &digest);

	if (store_put_bytes(build->store, buf_str(&config), &config_digest,
			    &out->error) ||
	    store_put_bytes(build->store, buf_str(&manifest), &out->manifest,
			    &out->error))
		return -1;
	out->bytes = build_layer_bytes(build, planned);
	out->state = known ? BUILD_CACHED : BUILD_BUILT;
	*manifest_bytes = manifest.n;
	return 0;
}

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

		if (family->planned < 0 ||
		    !is_complete(build, (size_t)family->planned))
			continue;
		struct build_family *out =
			&result->families[result->family_count];

		out->family = family;
		out->state = BUILD_FAILED;
		out->reference = own_reference(build, out);
		result->family_count++;
		if (write_documents(build, out, &manifest_bytes))
			continue;
		build_list_image(family->instance, out->reference,
				 &out->manifest, manifest_bytes,
				 &listed[(*n)++]);
	}
}
