/* Configs, manifests and the index entries of a build. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/array.h"
#include "base/error.h"
#include "base/pool.h"
#include "codec/oci.h"
#include "decisions/image.h"
#include "work/build/build_private.h"

#define YEAR_9999_END 253402300799 /* the last that RFC 3339 can say */

/* SOURCE_DATE_EPOCH, or 0. Source: the specification of that name by the
 * Reproducible Builds project. */
static int64_t source_date(void)
{
	uint64_t seconds;

	if (!str_to_u64(str_from(getenv("SOURCE_DATE_EPOCH")), &seconds) ||
	    seconds > YEAR_9999_END)
		return 0;
	return (int64_t)seconds;
}

char *build_reference(const struct build *build,
		      const struct manifest_instance *instance,
		      const struct lock_base *base)
{
	struct buf reference = BUF_EMPTY;
	int64_t source = source_date();
	time_t when = source ? (time_t)source : time(NULL);
	char date[16], python[16];
	struct tm utc;

	gmtime_r(&when, &utc);
	strftime(date, sizeof date, "%Y%m%d", &utc);
	snprintf(python, sizeof python, "3%u", runtime_python_minor(base));
	struct image_words words = {
		.python = str_from(python),
		.os = base->suites.n ? base->suites.p[0] : base->name,
		.git = STR("nogit"),
		.date = str_from(date),
	};

	image_reference(build->assembly->manifest, instance, &words,
			&reference);
	return buf_steal_text(&reference);
}

/* What the image is made of, lowest layer first; in arena. */
static struct image_input image_input(const struct assembly *assembly,
				      const struct layer_result *results,
				      size_t planned, struct arena *arena)
{
	const struct lock_base *base;
	const struct manifest_instance *instance =
		assembly_planned(assembly, planned, &base);
	ptrdiff_t leaf = assembly->plan.leaves[planned];
	size_t *path = arena_new_array(arena, size_t,
				       assembly->plan.layers[leaf].depth + 1);
	size_t n = plan_path(&assembly->plan, planned, path);
	struct image_layer *layers =
		arena_new_array(arena, struct image_layer, n);

	for (size_t i = 0; i < n; i++) {
		const struct layer_result *made = &results[path[i]];

		layers[i] = (struct image_layer){
			.digest = made->digest,
			.diff_id = made->diff_id,
			.compressed_bytes = made->compressed_bytes,
			.media_type =
				str_from(layer_media_type(made->compression)),
			.made_of =
				assembly_layer_title(assembly, path[i], arena),
		};
	}
	return (struct image_input){
		.manifest = assembly->manifest,
		.instance = instance,
		.layers = layers,
		.layer_count = n,
		.base_name = base->kind == LOCK_BASE_REGISTRY
				     ? instance->base->source.s
				     : base->name,
		.base_digest = base->digest,
		.base_env = base->env.p,
		.base_env_count = base->env.n,
		.created_s = source_date(),
	};
}

void build_documents(const struct assembly *assembly,
		     const struct layer_result *layers, size_t planned,
		     struct buf *config, struct buf *manifest)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct image_input input =
		image_input(assembly, layers, planned, &arena);

	image_config(&input, config);
	image_manifest(&input, buf_str(config), manifest);
}

uint64_t build_layer_bytes(const struct build *build, size_t planned)
{
	const struct plan *plan = &build->assembly->plan;
	uint64_t bytes = 0;

	for (ptrdiff_t l = plan->leaves[planned]; l >= 0;
	     l = plan->layers[l].parent)
		bytes += build->result->layers[l].compressed_bytes;
	return bytes;
}

int build_put_documents(const struct build *build, size_t planned,
			struct digest *config, struct digest *manifest,
			uint64_t *manifest_bytes, bool *is_new,
			struct error **err)
{
	auto_buf struct buf config_text = BUF_EMPTY, text = BUF_EMPTY;

	build_documents(build->assembly, build->result->layers, planned,
			&config_text, &text);
	struct digest digest = digest_of(buf_str(&text));

	*manifest_bytes = text.n;
	*is_new = !store_has(build->store, &digest);
	return store_put_bytes(build->store, buf_str(&config_text), config,
			       err) ||
			       store_put_bytes(build->store, buf_str(&text),
					       manifest, err)
		       ? -1
		       : 0;
}

struct build_stack build_stack(const struct build *build, size_t planned)
{
	const struct plan *plan = &build->assembly->plan;
	struct build_stack stack = {NULL, false, false};

	for (ptrdiff_t l = plan->leaves[planned]; l >= 0 && !stack.error;
	     l = plan->layers[l].parent) {
		bool is_known = build->result->known[l];
		bool is_absent = build->result->absent[l];

		stack.error = build->errors[l];
		stack.is_missing |= !is_known && !is_absent;
		stack.has_absent |= is_absent;
	}
	return stack;
}

void build_fail_image(struct build_image *image, const struct error *error)
{
	image->state = BUILD_FAILED;
	err_copy(&image->error, error);
}

void build_list_image(const struct manifest_instance *instance,
		      const char *reference, const struct digest *manifest,
		      uint64_t manifest_bytes, struct store_image *listed)
{
	struct str platform = instance->machine->platform.s;
	struct str os = STR_EMPTY, architecture = STR_EMPTY;

	str_split(&platform, '/', &os);
	str_split(&platform, '/', &architecture);
	*listed = (struct store_image){
		.reference = str_from(reference),
		.media_type = STR(OCI_MANIFEST_TYPE),
		.digest = *manifest,
		.size_bytes = manifest_bytes,
		.os = os,
		.architecture = architecture,
		.variant = platform,
	};
}

/* Whether the index is to list the image, which it then describes. */
static bool write_image(struct build *build, size_t planned,
			struct store_image *listed)
{
	const struct assembly *assembly = build->assembly;
	size_t number = assembly->planned[planned];
	struct build_image *out = &build->result->images[number];
	struct build_stack stack = build_stack(build, planned);
	bool is_new;

	if (stack.error) {
		build_fail_image(out, stack.error);
		return false;
	}
	if (stack.is_missing)
		err_make(&out->error, ERR_CANCELLED, "interrupted");
	if (out->error ||
	    build_put_documents(build, planned, &out->config, &out->manifest,
				&out->manifest_bytes, &is_new, &out->error)) {
		out->state = BUILD_FAILED;
		return false;
	}
	out->bytes = build_layer_bytes(build, planned);
	out->state = stack.has_absent ? BUILD_KNOWN
		     : is_new	      ? BUILD_BUILT
				      : BUILD_CACHED;
	out->reference =
		build_reference(build, out->image->instance, out->image->base);
	build_list_image(out->image->instance, out->reference, &out->manifest,
			 out->manifest_bytes, listed);
	return !stack.has_absent;
}

int build_write_images(struct build *build, struct error **err)
{
	const struct assembly *assembly = build->assembly;
	auto_arena struct arena arena = ARENA_EMPTY;
	struct store_image *listed = arena_new_array(
		&arena, struct store_image,
		assembly->planned_count + assembly->family_count);
	size_t n = 0;

	for (size_t i = 0; i < assembly->planned_count; i++) {
		size_t number = assembly->planned[i];

		if (build->result->images[number].state != BUILD_BUILT)
			continue;
		n += write_image(build, i, &listed[n]);
	}
	build_write_families(build, listed, &n);
	return store_images_put(build->store, listed, n, err);
}
