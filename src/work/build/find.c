/* Which images of a fleet the store has as the fleet is now. */
#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "work/build/build_private.h"

/* The part before the tag. */
static struct str repository(struct str reference)
{
	ptrdiff_t colon = str_rfind(reference, ':');

	return str_slice(reference, 0, colon < 0 ? reference.n : (size_t)colon);
}

/* The reference under which the store lists a manifest: the one that a build
 * would give it now, else the last one of the same repository, since a tag may
 * hold the day of its build. Empty where there is none. */
static struct str listed_reference(const struct store_image_list *list,
				   const struct digest *manifest,
				   struct str wanted)
{
	struct str found = STR_EMPTY;

	array_each (const struct store_image, image, list) {
		if (!digest_eq(&image->digest, manifest) ||
		    !str_eq(repository(image->reference), repository(wanted)))
			continue;
		found = image->reference;
		if (str_eq(found, wanted))
			break;
	}
	return found;
}

static void find_image(struct build *build, size_t planned,
		       const struct store_image_list *list)
{
	const struct assembly *assembly = build->assembly;
	struct build_result *result = build->result;
	struct build_image *out = &result->images[assembly->planned[planned]];
	struct build_stack stack = build_stack(build, planned);
	auto_free char *wanted =
		build_reference(build, out->image->instance, out->image->base);
	struct str reference = STR_EMPTY;
	bool is_new;

	out->state = BUILD_FAILED;
	if (stack.error) {
		build_fail_image(out, stack.error);
		return;
	}
	if (!stack.is_missing &&
	    build_put_documents(build, planned, &out->config, &out->manifest,
				&out->manifest_bytes, &is_new, &out->error))
		return;
	if (!stack.is_missing)
		reference = listed_reference(list, &out->manifest,
					     str_from(wanted));
	if (stack.is_missing || (reference.n == 0 && !stack.has_absent)) {
		err_make(&out->error, ERR_FLEET,
			 "the store has no image of it as the fleet is now");
		err_hint(&out->error, "run 'slipway build' first");
		return;
	}
	out->state = stack.has_absent ? BUILD_KNOWN : BUILD_CACHED;
	out->bytes = build_layer_bytes(build, planned);
	out->reference = str_dup(reference.n ? reference : str_from(wanted));
}

int build_find(const struct assembly *assembly, struct store *store,
	       const struct build_options *options, struct build_result *result,
	       struct error **err)
{
	auto_store_image_list struct store_image_list list =
		STORE_IMAGE_LIST_EMPTY;
	struct build build = {.assembly = assembly, .store = store};

	build_begin(&build, options, result);
	int status = store_images(store, &list, err);

	for (size_t i = 0; status == 0 && i < assembly->planned_count; i++)
		if (result->images[assembly->planned[i]].state == BUILD_BUILT)
			find_image(&build, i, &list);
	build_end(&build);
	return status;
}
