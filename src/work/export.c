#include "work/export.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/map.h"
#include "codec/json.h"
#include "decisions/image.h"

enum { MAX_DOCUMENT = 16 << 20, MAX_LAYERS = 4096 };

static int damaged(const char *what, struct error **err)
{
	err_make(err, ERR_ENV, "%s", what);
	return err_hint(err, "'slipway verify --remove' drops what is broken; "
			     "then run 'slipway build'");
}

static int absent_blob(const struct digest *digest, struct error **err)
{
	return err_make(err, ERR_ENV, "%s is not in the store",
			digest_text(digest).p);
}

/* The blob's number, as it is found; added where it is new. Numbers are those
 * of finding until sort_blobs. A layer that is absent has the size that its
 * descriptor says; NULL: it has to be there. */
static int add_blob(struct export *export, struct map *known,
		    const struct digest *digest, const json_t *layer,
		    size_t *number, struct error **err)
{
	struct export_blob blob = {.digest = *digest};
	struct digest_text text = digest_text(digest);
	void *found = map_get(known, str_from(text.p));

	if (found) {
		*number = (size_t)(uintptr_t)found - 1;
		return 0;
	}
	blob.absent = store_blob_size(export->store, digest, &blob.bytes) < 0;
	if (blob.absent && !json_get_u64(layer, "size", &blob.bytes))
		return absent_blob(digest, err);
	*number = export->blobs.n;
	array_push(&export->blobs, blob);
	map_set(known, str_from(text.p), (void *)(uintptr_t) export->blobs.n);
	return 0;
}

static int add_named(struct export *export, struct map *known,
		     const json_t *descriptor, bool is_layer, size_t *number,
		     struct error **err)
{
	struct digest digest;
	struct str text;

	if (!json_get_str(descriptor, "digest", &text) ||
	    !digest_parse(text, &digest))
		return err_make(err, ERR_ENV,
				"its manifest has a descriptor without a "
				"SHA-256 digest");
	return add_blob(export, known, &digest, is_layer ? descriptor : NULL,
			number, err);
}

static json_t *read_document(struct export *export, size_t blob,
			     struct error **err)
{
	const struct digest *digest = &export->blobs.p[blob].digest;
	auto_buf struct buf text = BUF_EMPTY;

	if (store_read(export->store, digest, MAX_DOCUMENT, &text, err))
		return NULL;
	json_t *document = json_parse(buf_str(&text), MAX_DOCUMENT, NULL);

	if (!document)
		err_make(err, ERR_ENV, "%s is not JSON", digest_text(digest).p);
	return document;
}

static int read_layers(struct export *export, struct map *known,
		       struct export_image *image, const json_t *layers,
		       const json_t *diff_ids, struct error **err)
{
	size_t n = json_array_size(layers);

	if (n > MAX_LAYERS || n != json_array_size(diff_ids))
		return damaged("its manifest and its config disagree about "
			       "its layers",
			       err);
	image->layers = arena_new_array(&export->arena, struct export_layer, n);
	image->layer_count = n;
	for (size_t i = 0; i < n; i++) {
		struct export_layer *layer = &image->layers[i];
		struct digest diff_id;

		if (!digest_parse(json_str(json_array_get(diff_ids, i)),
				  &diff_id))
			return damaged("its config has a DiffID that is none",
				       err);
		if (add_named(export, known, json_array_get(layers, i), true,
			      &layer->blob, err))
			return -1;
		layer->chain_id = image_chain_id(
			i ? &image->layers[i - 1].chain_id : NULL, &diff_id);
	}
	return 0;
}

static int read_image(struct export *export, struct map *known,
		      struct export_image *image, struct error **err)
{
	if (add_blob(export, known, &image->listed.digest, NULL,
		     &image->manifest, err))
		return -1;
	auto_json json_t *manifest =
		read_document(export, image->manifest, err);

	if (!manifest ||
	    add_named(export, known, json_get_object(manifest, "config"), false,
		      &image->config, err))
		return -1;
	auto_json json_t *config = read_document(export, image->config, err);

	if (!config)
		return -1;
	return read_layers(
		export, known, image, json_get_array(manifest, "layers"),
		json_get_array(json_get_object(config, "rootfs"), "diff_ids"),
		err);
}

static int compare_blobs(const void *a, const void *b)
{
	const struct export_blob *x = a, *y = b;

	return memcmp(x->digest.bytes, y->digest.bytes, DIGEST_BYTES);
}

static void renumber(const struct export *export,
		     const struct export_blob *found, size_t *number)
{
	const struct export_blob *at =
		bsearch(&found[*number], export->blobs.p, export->blobs.n,
			sizeof *found, compare_blobs);

	*number = (size_t)(at - export->blobs.p);
}

static void sort_blobs(struct export *export)
{
	struct export_blob *found = arena_new_array(
		&export->arena, struct export_blob, export->blobs.n);

	for (size_t i = 0; i < export->blobs.n; i++)
		found[i] = export->blobs.p[i];
	array_sort(&export->blobs, compare_blobs);
	for (size_t i = 0; i < export->image_count; i++) {
		struct export_image *image = &export->images[i];

		renumber(export, found, &image->manifest);
		renumber(export, found, &image->config);
		for (size_t k = 0; k < image->layer_count; k++)
			renumber(export, found, &image->layers[k].blob);
	}
}

int export_open(struct export *export, struct store *store,
		const struct store_image *images, size_t count,
		struct error **err)
{
	auto_map struct map known = MAP_EMPTY;

	*export = (struct export){.store = store, .image_count = count};
	export->images =
		arena_new_array(&export->arena, struct export_image, count);
	for (size_t i = 0; i < count; i++) {
		export->images[i].listed = images[i];
		if (read_image(export, &known, &export->images[i], err))
			return err_wrap(err, "image '" STR_FMT "'",
					STR_ARG(images[i].reference));
	}
	sort_blobs(export);
	return 0;
}

int export_complete(struct export *export, struct error **err)
{
	const struct export_maker *maker = &export->maker;
	struct digest *digests =
		arena_new_array(&export->arena, struct digest, export->blobs.n);
	size_t n = 0;

	array_each (const struct export_blob, blob, &export->blobs)
		if (blob->absent && !blob->left_out)
			digests[n++] = blob->digest;
	if (n && maker->make && maker->make(maker->context, digests, n, err))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (!store_has(export->store, &digests[i]))
			return absent_blob(&digests[i], err);
	return 0;
}

void export_release(struct export *export)
{
	array_release(&export->blobs);
	arena_release(&export->arena);
}

uint64_t export_bytes(const struct export *export)
{
	uint64_t bytes = 0;

	array_each (const struct export_blob, blob, &export->blobs)
		bytes += blob->left_out ? 0 : blob->bytes;
	return bytes;
}

void export_full_name(struct str reference, struct buf *out)
{
	ptrdiff_t slash = str_find(reference, '/');
	struct str first =
		str_slice(reference, 0, slash < 0 ? 0 : (size_t)slash);

	if (str_find(first, '.') < 0 && str_find(first, ':') < 0 &&
	    !str_eq(first, STR("localhost")))
		buf_printf(out, "docker.io/%s", slash < 0 ? "library/" : "");
	buf_append(out, reference);
}
