#include "parts/base.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "facts/store.h"
#include "parts/base/internal.h"
#include "parts/registry.h"

/* Changes with what the same layers unpack to. */
#define TREE_VERSION "base-tree-1"

enum { MAX_DEPTH = 4, MAX_LIST = 64 << 10 };

/* Where a document of the image is looked up: a registry or a layout. */
struct finder {
	const struct base_source *source;
	struct arena *arena;
	struct registry_reference reference;
	struct layout *layout; /* NULL for a registry */
};

static int broken(const char *problem, struct error **err)
{
	return err_make(err, ERR_FLEET, "the image cannot be a base: %s",
			problem);
}

static char *blob_name(const struct digest *digest)
{
	struct digest_text text = digest_text(digest);

	return path_printf("blobs/sha256/%s", digest_hex(&text));
}

/* The document of a digest, checked against it. */
static int read_document(struct finder *finder, const struct digest *digest,
			 struct buf *body, struct str *type, struct error **err)
{
	struct registry_reference reference = finder->reference;
	struct digest found;

	if (!finder->layout) {
		reference.digest = *digest;
		return registry_document(finder->source->registry, &reference,
					 finder->arena, body, type, &found,
					 err);
	}
	auto_free char *name = blob_name(digest);

	if (layout_read(finder->layout, name, body, err))
		return -1;
	found = digest_of(buf_str(body));
	return digest_eq(&found, digest)
		       ? 0
		       : err_make(err, ERR_FLEET,
				  "'" STR_FMT "': %s is damaged: its bytes "
				  "have %s",
				  STR_ARG(finder->source->text), name,
				  digest_text(&found).p);
}

/* -- an index -- */

static void append_entries(struct buf *out, const struct oci_document *index,
			   struct arena *arena)
{
	for (size_t i = 0; i < index->n && i < 8; i++) {
		const struct oci_descriptor *entry = &index->entries[i];

		buf_printf(out, "%s" STR_FMT, i ? ", " : "",
			   STR_ARG(entry->reference.n
					   ? entry->reference
					   : oci_platform(entry, arena)));
	}
	if (index->n > 8)
		buf_printf(out, " and %zu more", index->n - 8);
}

static int no_entry(const struct oci_document *index, struct str platform,
		    struct arena *arena, struct error **err)
{
	auto_buf struct buf list = BUF_EMPTY;

	append_entries(&list, index, arena);
	err_make(err, ERR_FLEET, "the image is not made for " STR_FMT,
		 STR_ARG(platform));
	return err_hint(err, "it has: %s", buf_text(&list));
}

/* Of a layout's top index: the image that is meant, which may be the only one,
 * the only one of the platform, or the one of the reference. */
static int choose_top(const struct finder *finder,
		      const struct oci_document *index, struct str platform,
		      struct digest *digest, struct error **err)
{
	struct str wanted = layout_reference(finder->layout);
	struct oci_document left = {.is_index = true};

	left.entries =
		arena_new_array(finder->arena, struct oci_descriptor, index->n);
	for (size_t i = 0; i < index->n; i++)
		if (wanted.n == 0 ||
		    str_eq(index->entries[i].reference, wanted))
			left.entries[left.n++] = index->entries[i];
	const struct oci_descriptor *entry = oci_choose(&left, platform);
	auto_buf struct buf list = BUF_EMPTY;
	bool several = false;

	if (left.n == 1)
		entry = &left.entries[0];
	for (size_t i = 0; entry && i < left.n; i++)
		several |= str_eq(left.entries[i].os, entry->os) &&
			   str_eq(left.entries[i].architecture,
				  entry->architecture) &&
			   str_eq(left.entries[i].variant, entry->variant) &&
			   !digest_eq(&left.entries[i].digest, &entry->digest);
	if (entry && !several) {
		*digest = entry->digest;
		return 0;
	}
	append_entries(&list, index, finder->arena);
	if (left.n == 0)
		err_make(err, ERR_FLEET,
			 "there is no image '" STR_FMT "' in it",
			 STR_ARG(wanted));
	else
		err_make(err, ERR_FLEET,
			 several ? "it has several images for " STR_FMT
				 : "it has no image that is known to be "
				   "for " STR_FMT,
			 STR_ARG(platform));
	return err_hint(err, "it has: %s%s", buf_text(&list),
			finder->source->kind == LOCK_BASE_OCI
				? "; write oci: DIR:NAME"
				: "; save one alone");
}

/* -- from the name to the manifest -- */

static int start_registry(struct finder *finder, struct buf *body,
			  struct str *type, struct digest *digest,
			  struct error **err)
{
	if (registry_reference_parse(finder->source->text, finder->arena,
				     &finder->reference, err))
		return -1;
	return registry_document(finder->source->registry, &finder->reference,
				 finder->arena, body, type, digest, err);
}

static int start_layout(struct finder *finder, struct str platform,
			struct buf *body, struct digest *digest,
			struct error **err)
{
	auto_buf struct buf top = BUF_EMPTY;
	struct oci_document index;
	struct str type;

	if (layout_read(finder->layout, "index.json", &top, err))
		return -1;
	const char *problem = oci_read_document(buf_str(&top), STR_EMPTY,
						finder->arena, &index);

	if (problem || !index.is_index)
		return broken(problem ? problem : "index.json is no index",
			      err);
	return choose_top(finder, &index, platform, digest, err) ||
			       read_document(finder, digest, body, &type, err)
		       ? -1
		       : 0;
}

/* Goes from indexes to the platform's manifest. */
static int find_manifest(struct finder *finder, struct str platform,
			 struct buf *body, struct str type,
			 struct digest *digest, struct oci_document *manifest,
			 struct error **err)
{
	for (int depth = 0; depth < MAX_DEPTH; depth++) {
		const char *problem = oci_read_document(
			buf_str(body), type, finder->arena, manifest);

		if (problem)
			return broken(problem, err);
		if (!manifest->is_index)
			return 0;
		const struct oci_descriptor *entry =
			oci_choose(manifest, platform);

		if (!entry)
			return no_entry(manifest, platform, finder->arena, err);
		*digest = entry->digest;
		buf_clear(body);
		if (read_document(finder, digest, body, &type, err))
			return -1;
	}
	return broken("its indexes lie in each other without end", err);
}

/* -- the config -- */

static bool is_printable(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f)
			return false;
	return text.n <= 4096;
}

/* What a lock can hold. */
static void take_env(const struct oci_config *config, struct arena *arena,
		     struct lock_base *base)
{
	base->env.p = arena_new_array(arena, struct str, config->env_count);
	for (size_t i = 0; i < config->env_count; i++) {
		struct str name = config->env[i];

		if (is_printable(name))
			base->env.p[base->env.n++] = name;
		else
			log_warn(
				"base '" STR_FMT "': the variable " STR_FMT
				" is left out: it is long or has control "
				"characters",
				STR_ARG(base->name),
				STR_ARG(str_slice(
					name, 0, (size_t)str_find(name, '='))));
	}
}

int base_take_config(struct str text, struct str platform, struct arena *arena,
		     struct lock_base *base, struct error **err)
{
	struct oci_config config;
	const char *problem = oci_read_config(text, arena, &config);
	struct str rest = platform, os = STR_EMPTY, architecture = STR_EMPTY;

	if (problem)
		return broken(problem, err);
	str_split(&rest, '/', &os);
	str_split(&rest, '/', &architecture);
	if (!str_eq(config.os, os) ||
	    !str_eq(config.architecture, architecture))
		return err_make(err, ERR_FLEET,
				"the image is for " STR_FMT "/" STR_FMT
				", not for " STR_FMT,
				STR_ARG(config.os),
				STR_ARG(config.architecture),
				STR_ARG(platform));
	if (config.diff_id_count != base->layer_count)
		return broken("its config names another number of layers than "
			      "its manifest",
			      err);
	for (size_t i = 0; i < base->layer_count; i++)
		base->layers[i].diff_id = config.diff_ids[i];
	take_env(&config, arena, base);
	return 0;
}

static int take_layers(const struct oci_document *manifest, struct arena *arena,
		       struct lock_base *base, struct error **err)
{
	base->layer_count = manifest->n;
	base->layers =
		arena_new_array(arena, struct lock_image_layer, manifest->n);
	for (size_t i = 0; i < manifest->n; i++) {
		const struct oci_descriptor *entry = &manifest->entries[i];
		enum oci_compression compression;

		if (!oci_layer_compression(entry->media_type, &compression))
			return err_make(err, ERR_FLEET,
					"the image cannot be a base: its layer "
					"%zu is a '" STR_FMT
					"', which is no layer of Linux files",
					i + 1, STR_ARG(entry->media_type));
		base->layers[i] = (struct lock_image_layer){
			.digest = entry->digest,
			.size_bytes = entry->size_bytes,
			.media_type = str_from(oci_layer_type(compression)),
		};
	}
	return 0;
}

static int read_config(struct finder *finder,
		       const struct oci_descriptor *descriptor,
		       struct buf *config, struct error **err)
{
	struct store *store = finder->source->store;
	struct str type;

	if (descriptor->size_bytes > OCI_MAX_BYTES)
		return broken("its config is above 4 MiB", err);
	if (finder->layout)
		return read_document(finder, &descriptor->digest, config, &type,
				     err);
	return registry_blob(finder->source->registry, store,
			     &finder->reference, &descriptor->digest,
			     descriptor->size_bytes, "image config", err) ||
			       store_read(store, &descriptor->digest,
					  OCI_MAX_BYTES, config, err)
		       ? -1
		       : 0;
}

static int find(struct finder *finder, struct str platform,
		struct lock_base *base, struct error **err)
{
	auto_buf struct buf body = BUF_EMPTY, config = BUF_EMPTY;
	struct oci_document manifest;
	struct str type = STR_EMPTY;
	int started = finder->layout ? start_layout(finder, platform, &body,
						    &base->digest, err)
				     : start_registry(finder, &body, &type,
						      &base->digest, err);

	return started ||
			       find_manifest(finder, platform, &body, type,
					     &base->digest, &manifest, err) ||
			       take_layers(&manifest, finder->arena, base,
					   err) ||
			       read_config(finder, &manifest.config, &config,
					   err) ||
			       base_take_config(buf_str(&config), platform,
						finder->arena, base, err)
		       ? -1
		       : 0;
}

int base_find(const struct base_source *source, struct str platform,
	      struct arena *arena, struct lock_base *base, struct error **err)
{
	struct finder finder = {.source = source, .arena = arena};
	auto_layout struct layout *layout = NULL;
	int result;

	if (source->kind != LOCK_BASE_REGISTRY &&
	    layout_open(source->kind, source->text, &layout, err))
		return -1;
	finder.layout = layout;
	if (layout && !layout_has(layout, "index.json") &&
	    layout_has(layout, "manifest.json"))
		result = base_find_saved(layout, source->store, platform, arena,
					 base, err);
	else
		result = find(&finder, platform, base, err);
	return result ? err_wrap(err, "'" STR_FMT "'", STR_ARG(source->text))
		      : 0;
}

/* -- layers -- */

static bool has_all(struct store *store, const struct lock_base *base)
{
	bool all = true;

	for (size_t i = 0; i < base->layer_count; i++)
		all &= store_has(store, &base->layers[i].digest);
	return all;
}

static int pull_registry(const struct base_source *source,
			 const struct lock_base *base, struct error **err)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	struct registry_reference reference;

	if (registry_reference_parse(source->text, &arena, &reference, err))
		return -1;
	for (size_t i = 0; i < base->layer_count; i++) {
		const struct lock_image_layer *layer = &base->layers[i];
		struct str label = arena_printf(
			&arena, STR_FMT ", layer %zu of %zu",
			STR_ARG(base->image), i + 1, base->layer_count);

		if (registry_blob(source->registry, source->store, &reference,
				  &layer->digest, layer->size_bytes, label.p,
				  err))
			return err_wrap(err, "base '" STR_FMT "'",
					STR_ARG(base->name));
	}
	return 0;
}

static int pull_layout(const struct base_source *source,
		       const struct lock_base *base, struct error **err)
{
	auto_arena struct arena arena = ARENA_EMPTY;
	auto_layout struct layout *layout = NULL;
	struct lock_base now = {.name = base->name};
	struct layout_blob blobs[OCI_MAX_LAYERS];
	struct digest digests[OCI_MAX_LAYERS];
	struct str names[OCI_MAX_LAYERS];

	if (base_find(source, base->platform, &arena, &now, err))
		return -1;
	if (!digest_eq(&now.digest, &base->digest)) {
		err_make(err, ERR_FLEET,
			 "base '" STR_FMT "': '" STR_FMT
			 "' holds another image by now: %s, not %s",
			 STR_ARG(base->name), STR_ARG(source->text),
			 digest_text(&now.digest).p,
			 digest_text(&base->digest).p);
		return err_hint(err, "put the old one back, or run: slipway "
				     "lock --upgrade");
	}
	/* What `docker save` wrote of old is imported by now. */
	if (has_all(source->store, base))
		return 0;
	for (size_t i = 0; i < base->layer_count; i++) {
		auto_free char *name = blob_name(&base->layers[i].digest);

		names[i] = arena_str(&arena, str_from(name));
		digests[i] = base->layers[i].digest;
	}
	return layout_open(source->kind, source->text, &layout, err) ||
			       layout_import(layout, source->store, names,
					     base->layer_count, digests, blobs,
					     err)
		       ? -1
		       : 0;
}

int base_pull(const struct base_source *source, const struct lock_base *base,
	      struct error **err)
{
	if (has_all(source->store, base))
		return 0;
	if (base->layer_count > OCI_MAX_LAYERS)
		return broken("it has too many layers", err);
	return source->kind == LOCK_BASE_REGISTRY
		       ? pull_registry(source, base, err)
		       : pull_layout(source, base, err);
}

/* -- the tree -- */

static struct digest tree_key(const struct lock_base *base)
{
	auto_buf struct buf key = BUF_EMPTY;

	key_add(&key, STR(TREE_VERSION));
	for (size_t i = 0; i < base->layer_count; i++)
		key_add(&key,
			str_from(digest_text(&base->layers[i].diff_id).p));
	return digest_of(buf_str(&key));
}

static int make_tree(const struct base_source *source,
		     const struct lock_base *base, const struct digest *key,
		     struct error **err)
{
	uint64_t bytes[OCI_MAX_LAYERS];
	auto_store_tree struct store_tree folder = STORE_TREE_EMPTY;
	auto_buf struct buf list = BUF_EMPTY;

	if (base_pull(source, base, err) ||
	    store_tree_begin(source->store, &folder, err))
		return -1;
	auto_free char *root = path_join(folder.folder, "root");
	auto_free char *sizes = path_join(folder.folder, "sizes");

	if (mkdir(root, 0755) < 0)
		return err_sys(err, "cannot make the folder '%s'", root);
	if (base_unpack(source->store, base, root, bytes, err))
		return err_wrap(err, "base '" STR_FMT "'", STR_ARG(base->name));
	for (size_t i = 0; i < base->layer_count; i++)
		buf_printf(&list, "%llu\n", (unsigned long long)bytes[i]);
	return fs_write_file(sizes, buf_str(&list), 0644, err) ||
			       store_tree_commit(source->store, &folder, key,
						 err)
		       ? -1
		       : 0;
}

/* The layers' unpacked bytes, a line each. */
static int read_sizes(const char *folder, const struct lock_base *base,
		      struct base_tree *tree, struct error **err)
{
	auto_free char *path = path_join(folder, "sizes");
	auto_buf struct buf text = BUF_EMPTY;
	struct str rest, line = STR_EMPTY;

	if (fs_read(path, MAX_LIST, &text, err))
		return -1;
	rest = buf_str(&text);
	for (size_t i = 0; i < base->layer_count; i++)
		if (!str_line(&rest, &line) ||
		    !str_to_u64(line, &tree->layer_bytes[i])) {
			err_make(err, ERR_ENV, "'%s' is damaged", path);
			return err_hint(err,
					"remove the folder '%s'; slipway makes "
					"it anew",
					folder);
		}
	return 0;
}

int base_tree_open(const struct base_source *source,
		   const struct lock_base *base, struct base_tree **out,
		   struct error **err)
{
	auto_base_tree struct base_tree *tree = NULL;
	struct digest key = tree_key(base);
	auto_free char *folder = store_tree_path(source->store, &key);

	if (!folder) {
		if (make_tree(source, base, &key, err))
			return -1;
		folder = store_tree_path(source->store, &key);
	}
	if (!folder)
		return err_make(err, ERR_ENV,
				"an unpacked base is gone from the store just "
				"after it was made");
	tree = mem_zalloc(1, sizeof *tree);
	tree->root = path_join(folder, "root");
	if (read_sizes(folder, base, tree, err))
		return -1;
	*out = mem_steal(tree);
	return 0;
}

void base_tree_free(struct base_tree *tree)
{
	if (!tree)
		return;
	free(tree->root);
	free(tree);
}

void base_tree_free_pointer(struct base_tree **tree)
{
	base_tree_free(*tree);
	*tree = NULL;
}

uint64_t base_tree_layer_bytes(const struct base_tree *tree, size_t layer)
{
	return tree->layer_bytes[layer];
}

const char *base_tree_root(const struct base_tree *tree)
{
	return tree->root;
}
