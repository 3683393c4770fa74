/* Archives of `docker save` before version 25:
 *
 *   manifest.json = [ {"Config": NAME, "RepoTags": [...], "Layers": [NAME]} ]
 *
 * Source: the Docker Image Specification v1.2.
 */
#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "codec/json.h"
#include "parts/base/internal.h"

static int bad(const char *what, struct error **err)
{
	return err_make(err, ERR_FLEET, "it was not written by docker save: %s",
			what);
}

/* The only image; its own object. */
static json_t *only_image(json_t *list, struct error **err)
{
	auto_buf struct buf names = BUF_EMPTY;
	size_t n = json_array_size(list);

	if (n == 1)
		return json_array_get(list, 0);
	for (size_t i = 0; i < n && i < 8; i++)
		buf_printf(&names, "%s" STR_FMT, i ? ", " : "",
			   STR_ARG(json_str(json_array_get(
				   json_get_array(json_array_get(list, i),
						  "RepoTags"),
				   0))));
	if (n == 0) {
		bad("its manifest.json names no image", err);
		return NULL;
	}
	err_make(err, ERR_FLEET, "it has %zu images", n);
	err_hint(err, "save one alone; it has: %s", buf_text(&names));
	return NULL;
}

/* The manifest that the image would have in a layout: its digest names it. */
static struct digest manifest_digest(struct str config,
				     const struct lock_base *base)
{
	auto_buf struct buf text = BUF_EMPTY;
	auto_json json_t *root = json_object();
	json_t *layers = json_array();
	struct digest digest = digest_of(config);

	json_object_set_new(root, "schemaVersion", json_integer(2));
	json_object_set_new(root, "mediaType", json_string(OCI_MANIFEST_TYPE));
	json_object_set_new(
		root, "config",
		json_pack("{s:s, s:s, s:I}", "mediaType",
			  "application/vnd.oci.image.config.v1+json", "digest",
			  digest_text(&digest).p, "size",
			  (json_int_t)config.n));
	for (size_t i = 0; i < base->layer_count; i++)
		json_array_append_new(
			layers,
			json_pack("{s:s, s:s, s:I}", "mediaType",
				  base->layers[i].media_type.p, "digest",
				  digest_text(&base->layers[i].digest).p,
				  "size",
				  (json_int_t)base->layers[i].size_bytes));
	json_object_set_new(root, "layers", layers);
	json_append_canonical(&text, root);
	return digest_of(buf_str(&text));
}

static int import_layers(const struct layout *layout, struct store *store,
			 json_t *list, struct arena *arena,
			 struct lock_base *base, struct error **err)
{
	struct str names[OCI_MAX_LAYERS];
	struct layout_blob blobs[OCI_MAX_LAYERS];
	size_t n = json_array_size(list);

	if (n == 0 || n > OCI_MAX_LAYERS)
		return bad("it has no layers, or too many", err);
	for (size_t i = 0; i < n; i++) {
		names[i] = json_str(json_array_get(list, i));
		if (names[i].n == 0)
			return bad("a layer has no name", err);
	}
	if (layout_import(layout, store, names, n, NULL, blobs, err))
		return -1;
	base->layer_count = n;
	base->layers = arena_new_array(arena, struct lock_image_layer, n);
	for (size_t i = 0; i < n; i++)
		base->layers[i] = (struct lock_image_layer){
			.digest = blobs[i].digest,
			.size_bytes = blobs[i].size_bytes,
			.media_type =
				str_from(oci_layer_type(blobs[i].compression)),
		};
	return 0;
}

int base_find_saved(const struct layout *layout, struct store *store,
		    struct str platform, struct arena *arena,
		    struct lock_base *base, struct error **err)
{
	auto_buf struct buf text = BUF_EMPTY, config = BUF_EMPTY;

	if (layout_read(layout, "manifest.json", &text, err))
		return -1;
	auto_json json_t *list =
		json_parse(buf_str(&text), OCI_MAX_BYTES, NULL);
	json_t *image = list ? only_image(list, err)
			     : (bad("its manifest.json is no JSON", err), NULL);
	struct str name;

	if (!image)
		return -1;
	if (!json_get_str(image, "Config", &name))
		return bad("it names no config", err);
	auto_free char *config_name = str_dup(name);

	if (layout_read(layout, config_name, &config, err) ||
	    import_layers(layout, store, json_get_array(image, "Layers"), arena,
			  base, err) ||
	    base_take_config(buf_str(&config), platform, arena, base, err))
		return -1;
	base->digest = manifest_digest(buf_str(&config), base);
	return 0;
}
