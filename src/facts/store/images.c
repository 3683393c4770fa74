#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "codec/json.h"
#include "facts/store/internal.h"

static const char index_name[] = "index.json";
static const char reference_key[] = "org.opencontainers.image.ref.name";
static const char manifest_type[] =
	"application/vnd.oci.image.manifest.v1+json";

const char store_empty_index[] =
	"{\"manifests\":[],"
	"\"mediaType\":\"application/vnd.oci.image.index.v1+json\","
	"\"schemaVersion\":2}\n";

enum { MAX_NESTED_INDEXES = 4 };

/* -- are all of an image's blobs there? -- */

struct check {
	struct store *store;
	struct map *needed;
};

static int check_manifest(struct check *check, const struct digest *digest,
			  unsigned depth, struct error **err);

/* A descriptor inside a document: its blob is there with its size. */
static int check_descriptor(struct check *check, const json_t *descriptor,
			    struct digest *digest, struct error **err)
{
	struct str text;
	uint64_t wanted, found;

	if (!json_get_str(descriptor, "digest", &text) ||
	    !str_starts(text, STR("sha256:")) || !digest_parse(text, digest) ||
	    !json_get_u64(descriptor, "size", &wanted))
		return err_make(err, ERR_ENV,
				"its manifest has a descriptor without a "
				"SHA-256 digest and a size");
	if (store_blob_size(check->store, digest, &found))
		return err_make(err, ERR_ENV, "%s is not in the store",
				digest_text(digest).p);
	if (found != wanted)
		return err_make(err, ERR_ENV,
				"%s has %llu bytes in the store, %llu are "
				"expected",
				digest_text(digest).p,
				(unsigned long long)found,
				(unsigned long long)wanted);
	if (check->needed) {
		struct digest_text hex = digest_text(digest);

		map_add(check->needed, str_from(digest_hex(&hex)));
	}
	return 0;
}

static int check_children(struct check *check, const json_t *document,
			  unsigned depth, struct error **err)
{
	const json_t *manifests = json_get_array(document, "manifests");
	const json_t *layers = json_get_array(document, "layers");
	const json_t *config = json_get_object(document, "config");
	struct digest digest;

	if (!manifests && (!config || !layers))
		return err_make(err, ERR_ENV,
				"its manifest has neither 'manifests' nor "
				"'config' and 'layers'");
	for (size_t i = 0; i < json_array_size(manifests); i++)
		if (check_descriptor(check, json_array_get(manifests, i),
				     &digest, err) ||
		    check_manifest(check, &digest, depth + 1, err))
			return -1;
	if (manifests)
		return 0;
	for (size_t i = 0; i < json_array_size(layers); i++)
		if (check_descriptor(check, json_array_get(layers, i), &digest,
				     err))
			return -1;
	return check_descriptor(check, config, &digest, err);
}

static int check_manifest(struct check *check, const struct digest *digest,
			  unsigned depth, struct error **err)
{
	auto_buf struct buf text = BUF_EMPTY;
	struct json_problem problem;

	if (depth > MAX_NESTED_INDEXES)
		return err_make(err, ERR_ENV,
				"indexes lie more than %d deep in each other",
				MAX_NESTED_INDEXES);
	if (store_read(check->store, digest, STORE_MANIFEST_MAX, &text, err))
		return -1;
	auto_json json_t *document =
		json_parse(buf_str(&text), STORE_MANIFEST_MAX, &problem);

	if (!document)
		return err_make(err, ERR_ENV, "%s is not JSON: %s",
				digest_text(digest).p, problem.what);
	return check_children(check, document, depth, err);
}

int store_image_check(struct store *store, const struct store_image *image,
		      struct map *needed, struct error **err)
{
	struct check check = {store, needed};
	auto_json json_t *descriptor = json_object();
	struct digest_text text = digest_text(&image->digest);
	struct digest digest;

	json_object_set_new(descriptor, "digest", json_string(text.p));
	json_set_u64(descriptor, "size", image->size_bytes);
	if (check_descriptor(&check, descriptor, &digest, err) ||
	    check_manifest(&check, &digest, 0, err))
		return err_wrap(err, "image '" STR_FMT "' is not whole",
				STR_ARG(image->reference));
	return 0;
}

/* -- index.json -- */

static int read_index(struct store *store, struct buf *text, json_t **index,
		      struct error **err)
{
	auto_free char *path = path_join(store->path, index_name);
	struct json_problem problem;

	if (fs_read(path, STORE_INDEX_MAX, text, err))
		return -1;
	*index = json_parse(buf_str(text), STORE_INDEX_MAX, &problem);
	if (*index && json_get_array(*index, "manifests"))
		return 0;
	if (*index) {
		json_decref(*index);
		*index = NULL;
		return err_make(err, ERR_ENV,
				"'%s' is not an image index: it has no list "
				"'manifests'",
				path);
	}
	return err_make(err, ERR_ENV, "'%s' line %u: %s", path, problem.line,
			problem.what);
}

static struct str entry_reference(const json_t *entry)
{
	return json_str(json_object_get(json_get_object(entry, "annotations"),
					reference_key));
}

static struct str entry_digest(const json_t *entry)
{
	return json_str(json_object_get(entry, "digest"));
}

static int compare_entries(const void *a, const void *b)
{
	const json_t *first = *(json_t *const *)a;
	const json_t *second = *(json_t *const *)b;
	int order = str_cmp(entry_reference(first), entry_reference(second));

	return order ? order
		     : str_cmp(entry_digest(first), entry_digest(second));
}

/* Sorts the list and writes the index, unless its text stays the same. */
static int write_index(struct store *store, json_t *index, struct str old,
		       struct error **err)
{
	json_t *entries = json_get_array(index, "manifests");
	size_t count = json_array_size(entries);
	ARRAY(json_t *) sorted = ARRAY_EMPTY;
	auto_buf struct buf text = BUF_EMPTY;
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		array_push(&sorted, json_array_get(entries, i));
	array_sort(&sorted, compare_entries);
	array_each (json_t *, entry, &sorted)
		json_array_append(list, *entry);
	array_release(&sorted);
	json_object_set_new(index, "manifests", list);
	json_append_canonical(&text, index);
	buf_append_byte(&text, '\n');
	if (str_eq(buf_str(&text), old))
		return 0;
	if (text.n > STORE_INDEX_MAX)
		return err_make(err, ERR_ENV,
				"the index of the store's images would be "
				"larger than %s",
				log_bytes(STORE_INDEX_MAX));
	/* What the index names must be there after a power cut too. */
	if (store_sync_blobs(store, err))
		return -1;
	auto_free char *path = path_join(store->path, index_name);

	return store_place(store, path, buf_str(&text), true, err);
}

static void remove_reference(json_t *entries, struct str reference)
{
	for (size_t i = json_array_size(entries); i-- > 0;)
		if (str_eq(entry_reference(json_array_get(entries, i)),
			   reference))
			json_array_remove(entries, i);
}

static void set_member(json_t *object, const char *name, struct str value)
{
	if (value.n)
		json_object_set_new(object, name, json_new_str(value));
}

static json_t *new_entry(const struct store_image *image)
{
	json_t *entry = json_object(), *annotations = json_object();
	struct digest_text digest = digest_text(&image->digest);

	set_member(entry, "mediaType",
		   image->media_type.n ? image->media_type
				       : str_from(manifest_type));
	set_member(entry, "digest", str_from(digest.p));
	json_set_u64(entry, "size", image->size_bytes);
	if (image->os.n || image->architecture.n) {
		json_t *platform = json_object();

		set_member(platform, "os", image->os);
		set_member(platform, "architecture", image->architecture);
		set_member(platform, "variant", image->variant);
		json_object_set_new(entry, "platform", platform);
	}
	for (size_t i = 0; i < image->annotation_count; i++) {
		auto_free char *key = str_dup(image->annotations[i].key);

		json_object_set_new(annotations, key,
				    json_new_str(image->annotations[i].value));
	}
	if (image->reference.n)
		json_object_set_new(annotations, reference_key,
				    json_new_str(image->reference));
	json_object_set_new(entry, "annotations", annotations);
	return entry;
}

int store_images_put(struct store *store, const struct store_image *images,
		     size_t count, struct error **err)
{
	auto_buf struct buf text = BUF_EMPTY;
	auto_json json_t *index = NULL;

	for (size_t i = 0; i < count; i++)
		if (store_image_check(store, &images[i], NULL, err))
			return -1;
	auto_close int lock = store_lock_index(store, err);

	if (lock < 0 || read_index(store, &text, &index, err))
		return -1;
	json_t *entries = json_get_array(index, "manifests");

	for (size_t i = 0; i < count; i++) {
		remove_reference(entries, images[i].reference);
		json_array_append_new(entries, new_entry(&images[i]));
	}
	return write_index(store, index, buf_str(&text), err);
}

int store_images_remove(struct store *store, const struct str *references,
			size_t count, struct error **err)
{
	auto_buf struct buf text = BUF_EMPTY;
	auto_json json_t *index = NULL;
	auto_close int lock = store_lock_index(store, err);

	if (lock < 0 || read_index(store, &text, &index, err))
		return -1;
	for (size_t i = 0; i < count; i++)
		remove_reference(json_get_array(index, "manifests"),
				 references[i]);
	return write_index(store, index, buf_str(&text), err);
}

int store_index_drop(struct store *store, const struct digest *digest,
		     struct error **err)
{
	auto_buf struct buf text = BUF_EMPTY;
	auto_json json_t *index = NULL;
	auto_close int lock = store_lock_index(store, err);
	struct digest_text wanted = digest_text(digest);

	if (lock < 0 || read_index(store, &text, &index, err))
		return -1;
	json_t *entries = json_get_array(index, "manifests");

	for (size_t i = json_array_size(entries); i-- > 0;)
		if (str_eq(entry_digest(json_array_get(entries, i)),
			   str_from(wanted.p)))
			json_array_remove(entries, i);
	return write_index(store, index, buf_str(&text), err);
}

static struct str copy_member(struct arena *arena, const json_t *object,
			      const char *name)
{
	return arena_str(arena, json_str(json_object_get(object, name)));
}

static void read_annotations(struct store_image_list *list,
			     struct store_image *image, json_t *annotations)
{
	struct store_annotation *copy =
		arena_new_array(&list->arena, struct store_annotation,
				json_object_size(annotations) + 1);
	const char *key;
	json_t *value;

	image->annotations = copy;
	json_object_foreach (annotations, key, value) {
		if (strcmp(key, reference_key) == 0)
			continue;
		copy[image->annotation_count++] = (struct store_annotation){
			arena_str(&list->arena, str_from(key)),
			arena_str(&list->arena, json_str(value)),
		};
	}
}

static int read_entry(struct store_image_list *list, const json_t *entry,
		      struct error **err)
{
	struct store_image image = {0};
	const json_t *platform = json_get_object(entry, "platform");

	if (!str_starts(entry_digest(entry), STR("sha256:")) ||
	    !digest_parse(entry_digest(entry), &image.digest) ||
	    !json_get_u64(entry, "size", &image.size_bytes))
		return err_make(err, ERR_ENV,
				"the store's %s has an entry without a "
				"SHA-256 digest and a size",
				index_name);
	image.reference = arena_str(&list->arena, entry_reference(entry));
	image.media_type = copy_member(&list->arena, entry, "mediaType");
	image.os = copy_member(&list->arena, platform, "os");
	image.architecture =
		copy_member(&list->arena, platform, "architecture");
	image.variant = copy_member(&list->arena, platform, "variant");
	read_annotations(list, &image, json_get_object(entry, "annotations"));
	array_push(list, image);
	return 0;
}

int store_images(struct store *store, struct store_image_list *list,
		 struct error **err)
{
	auto_buf struct buf text = BUF_EMPTY;
	auto_json json_t *index = NULL;

	/* Without the lock: the file is only ever replaced as a whole. */
	if (read_index(store, &text, &index, err))
		return -1;
	const json_t *entries = json_get_array(index, "manifests");

	for (size_t i = 0; i < json_array_size(entries); i++)
		if (read_entry(list, json_array_get(entries, i), err))
			return -1;
	return 0;
}

void store_image_list_release(struct store_image_list *list)
{
	array_release(list);
	arena_release(&list->arena);
}
