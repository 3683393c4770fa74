#include "facts/lockfile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "codec/json.h"

struct lock *lock_new(void)
{
	struct lock *lock = mem_zalloc(1, sizeof *lock);

	lock->version = LOCK_VERSION;
	return lock;
}

void lock_free(struct lock *lock)
{
	if (!lock)
		return;
	arena_release(&lock->arena);
	free(lock);
}

void lock_free_pointer(struct lock **lock)
{
	lock_free(*lock);
	*lock = NULL;
}

/* -- order -- */

static int text_cmp(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static int deb_cmp(const void *a, const void *b)
{
	const struct lock_deb *left = a, *right = b;
	int order = str_cmp(left->name, right->name);

	return order ? order : str_cmp(left->version, right->version);
}

static int base_cmp(const void *a, const void *b)
{
	const struct lock_base *left = a, *right = b;
	int order = str_cmp(left->name, right->name);

	return order ? order : str_cmp(left->platform, right->platform);
}

static int extra_cmp(const void *a, const void *b)
{
	const struct lock_extra *left = a, *right = b;

	return str_cmp(left->name, right->name);
}

static int package_cmp(const void *a, const void *b)
{
	const struct lock_package *left = a, *right = b;

	return str_cmp(left->name, right->name);
}

static int resolution_cmp(const void *a, const void *b)
{
	const struct lock_resolution *left = a, *right = b;

	return str_cmp(left->id, right->id);
}

static int owner_cmp(const void *a, const void *b)
{
	const struct lock_owner *left = a, *right = b;

	return str_cmp(left->import, right->import);
}

static struct str first_machine(const struct lock_service *service)
{
	return service->machines.n ? service->machines.p[0] : STR_EMPTY;
}

static int service_cmp(const void *a, const void *b)
{
	const struct lock_service *left = a, *right = b;
	int order = str_cmp(left->name, right->name);

	return order ? order
		     : str_cmp(first_machine(left), first_machine(right));
}

static int refusal_cmp(const void *a, const void *b)
{
	const struct lock_refusal *left = a, *right = b;

	return str_cmp(left->service, right->service);
}

static int layer_cmp(const void *a, const void *b)
{
	const struct lock_layer *left = a, *right = b;

	return memcmp(left->key.bytes, right->key.bytes, DIGEST_BYTES);
}

#define SORT(p, n, compare)                                                    \
	do {                                                                   \
		if ((n) > 1)                                                   \
			qsort(p, n, sizeof *(p), compare);                     \
	} while (0)

static void sort_resolution(struct lock_resolution *resolution)
{
	SORT(resolution->requirements.p, resolution->requirements.n, text_cmp);
	for (size_t i = 0; i < resolution->package_count; i++) {
		struct lock_package *package = &resolution->packages[i];

		SORT(package->requires.p, package->requires.n, text_cmp);
		SORT(package->extras, package->extra_count, extra_cmp);
		for (size_t j = 0; j < package->extra_count; j++)
			SORT(package->extras[j].requires.p,
			     package->extras[j].requires.n, text_cmp);
	}
	SORT(resolution->packages, resolution->package_count, package_cmp);
}

static void sort_service(struct lock_service *service)
{
	SORT(service->machines.p, service->machines.n, text_cmp);
	SORT(service->requirements.p, service->requirements.n, text_cmp);
	SORT(service->closure.p, service->closure.n, text_cmp);
	SORT(service->system_requirements.p, service->system_requirements.n,
	     text_cmp);
	SORT(service->system.p, service->system.n, text_cmp);
	SORT(service->owners, service->owner_count, owner_cmp);
}

void lock_sort(struct lock *lock)
{
	for (size_t i = 0; i < lock->base_count; i++) {
		struct lock_base *base = &lock->bases[i];

		SORT(base->suites.p, base->suites.n, text_cmp);
		SORT(base->debs.p, base->debs.n, deb_cmp);
		SORT(base->system.p, base->system.n, deb_cmp);
		SORT(base->env.p, base->env.n, text_cmp);
	}
	SORT(lock->bases, lock->base_count, base_cmp);
	for (size_t i = 0; i < lock->resolution_count; i++)
		sort_resolution(&lock->resolutions[i]);
	SORT(lock->resolutions, lock->resolution_count, resolution_cmp);
	for (size_t i = 0; i < lock->service_count; i++)
		sort_service(&lock->services[i]);
	SORT(lock->services, lock->service_count, service_cmp);
	SORT(lock->refused, lock->refused_count, refusal_cmp);
	for (size_t i = 0; i < lock->plan_count; i++)
		SORT(lock->plan[i].services.p, lock->plan[i].services.n,
		     text_cmp);
	SORT(lock->layers, lock->layer_count, layer_cmp);
}

/* -- printing -- */

static void set_text(json_t *object, const char *key, struct str text)
{
	if (text.n > 0)
		json_object_set_new(object, key, json_new_str(text));
}

/* "sha256:HEX", or HEX where the key says it already. */
static void set_digest(json_t *object, const char *key,
		       const struct digest *digest)
{
	struct digest_text text = digest_text(digest);

	if (digest_is_zero(digest))
		return;
	json_object_set_new(object, key,
			    json_string(strcmp(key, "sha256") == 0
						? digest_hex(&text)
						: text.p));
}

static json_t *texts_json(struct lock_strs texts)
{
	json_t *list = json_array();

	for (size_t i = 0; i < texts.n; i++)
		json_array_append_new(list, json_new_str(texts.p[i]));
	return list;
}

static void set_texts(json_t *object, const char *key, struct lock_strs texts)
{
	if (texts.n > 0)
		json_object_set_new(object, key, texts_json(texts));
}

static void set_debs(json_t *object, const char *key, struct lock_debs debs)
{
	json_t *list;

	if (debs.n == 0)
		return;
	list = json_array();
	for (size_t i = 0; i < debs.n; i++) {
		const struct lock_deb *deb = &debs.p[i];
		json_t *item = json_object();

		set_text(item, "name", deb->name);
		set_text(item, "version", deb->version);
		set_text(item, "architecture", deb->architecture);
		set_text(item, "suite", deb->suite);
		json_set_u64(item, "size", deb->size_bytes);
		set_digest(item, "sha256", &deb->sha256);
		set_text(item, "path", deb->path);
		json_array_append_new(list, item);
	}
	json_object_set_new(object, key, list);
}

static void set_image_layers(json_t *object, const char *key,
			     const struct lock_base *base)
{
	json_t *list = json_array();

	for (size_t i = 0; i < base->layer_count; i++) {
		const struct lock_image_layer *layer = &base->layers[i];
		json_t *item = json_object();

		set_digest(item, "digest", &layer->digest);
		set_digest(item, "diff_id", &layer->diff_id);
		json_set_u64(item, "size", layer->size_bytes);
		json_set_u64(item, "bytes", layer->bytes);
		set_text(item, "media_type", layer->media_type);
		json_array_append_new(list, item);
	}
	json_object_set_new(object, key, list);
}

static json_t *base_json(const struct lock_base *base)
{
	static const char *const kinds[] = {
		[LOCK_BASE_DEBIAN] = "debian",
		[LOCK_BASE_REGISTRY] = "registry",
		[LOCK_BASE_OCI] = "oci",
		[LOCK_BASE_TAR] = "tar",
	};
	json_t *item = json_object();

	set_text(item, "name", base->name);
	set_text(item, "platform", base->platform);
	set_text(item, "kind", str_from(kinds[base->kind]));
	set_digest(item, "inputs", &base->inputs);
	set_text(item, "python", base->python);
	set_text(item, "glibc", base->glibc);
	set_text(item, "image", base->image);
	set_digest(item, "digest", &base->digest);
	if (base->layer_count)
		set_image_layers(item, "layers", base);
	set_text(item, "interpreter", base->interpreter);
	set_texts(item, "env", base->env);
	set_texts(item, "suites", base->suites);
	set_debs(item, "packages", base->debs);
	set_debs(item, "system", base->system);
	return item;
}

static void set_file(json_t *object, const char *key,
		     const struct lock_file *file)
{
	json_t *item;

	if (file->file.n == 0)
		return;
	item = json_object();
	set_text(item, "file", file->file);
	json_set_u64(item, "size", file->size_bytes);
	if (file->unpacked_bytes)
		json_set_u64(item, "unpacked", file->unpacked_bytes);
	set_digest(item, "sha256", &file->sha256);
	set_text(item, "index", file->index);
	json_object_set_new(object, key, item);
}

static json_t *package_json(const struct lock_package *package)
{
	json_t *item = json_object(), *extras;

	set_text(item, "name", package->name);
	set_text(item, "version", package->version);
	set_file(item, "wheel", &package->wheel);
	set_file(item, "sdist", &package->sdist);
	set_texts(item, "requires", package->requires);
	if (package->extra_count == 0)
		return item;
	extras = json_object();
	for (size_t i = 0; i < package->extra_count; i++)
		json_object_setn_new(extras, package->extras[i].name.p,
				     package->extras[i].name.n,
				     texts_json(package->extras[i].requires));
	json_object_set_new(item, "extras", extras);
	return item;
}

static json_t *resolution_json(const struct lock_resolution *resolution)
{
	json_t *item = json_object(), *packages = json_array();

	set_text(item, "id", resolution->id);
	set_text(item, "python", resolution->python);
	set_text(item, "platform", resolution->platform);
	set_text(item, "glibc", resolution->glibc);
	set_text(item, "track", resolution->track);
	set_digest(item, "inputs", &resolution->inputs);
	set_texts(item, "requirements", resolution->requirements);
	for (size_t i = 0; i < resolution->package_count; i++)
		json_array_append_new(packages,
				      package_json(&resolution->packages[i]));
	json_object_set_new(item, "packages", packages);
	return item;
}

static void set_family(json_t *object, const struct lock_family *family)
{
	json_t *item;

	if (family->by.n == 0)
		return;
	item = json_object();
	set_text(item, "name", family->name);
	set_text(item, "by", family->by);
	set_text(item, "why", family->why);
	set_digest(item, "inputs", &family->inputs);
	json_object_set_new(object, "family", item);
}

static json_t *service_json(const struct lock_service *service)
{
	json_t *item = json_object(), *owners;

	set_text(item, "name", service->name);
	set_texts(item, "machines", service->machines);
	set_text(item, "base", service->base);
	set_family(item, &service->family);
	set_text(item, "resolution", service->resolution);
	set_texts(item, "requirements", service->requirements);
	set_texts(item, "closure", service->closure);
	set_texts(item, "system_requirements", service->system_requirements);
	set_texts(item, "system", service->system);
	set_digest(item, "imports", &service->imports);
	if (service->owner_count == 0)
		return item;
	owners = json_object();
	for (size_t i = 0; i < service->owner_count; i++)
		json_object_setn_new(
			owners, service->owners[i].import.p,
			service->owners[i].import.n,
			json_new_str(service->owners[i].distribution));
	json_object_set_new(item, "owners", owners);
	return item;
}

static json_t *refusal_json(const struct lock_refusal *refusal)
{
	json_t *item = json_object();

	set_text(item, "service", refusal->service);
	set_text(item, "code", refusal->code);
	set_text(item, "message", refusal->message);
	set_text(item, "hint", refusal->hint);
	return item;
}

static json_t *layer_json(const struct lock_layer *layer)
{
	json_t *item = json_object();

	set_digest(item, "key", &layer->key);
	set_digest(item, "diff_id", &layer->diff_id);
	set_digest(item, "digest", &layer->digest);
	json_set_u64(item, "compressed_bytes", layer->compressed_bytes);
	json_set_u64(item, "bytes", layer->bytes);
	set_text(item, "compressor", layer->compressor);
	if (layer->is_signed) {
		struct sign_public_text signer =
			sign_public_text(&layer->signer);
		struct signature_text signature =
			signature_text(&layer->signature);

		set_text(item, "signer", str_from(signer.p));
		set_text(item, "signature", str_from(signature.p));
	}
	return item;
}

static json_t *node_json(const struct lock_node *node)
{
	json_t *item = json_object();

	set_text(item, "id", node->id);
	set_text(item, "parent", node->parent);
	set_texts(item, "parts", node->parts);
	set_texts(item, "services", node->services);
	return item;
}

#define SET_ALL(object, key, array, count, to_json)                            \
	do {                                                                   \
		json_t *list_ = json_array();                                  \
		for (size_t i_ = 0; i_ < (count); i_++)                        \
			json_array_append_new(list_, to_json(&(array)[i_]));   \
		json_object_set_new(object, key, list_);                       \
	} while (0)

void lock_print(struct lock *lock, struct buf *out)
{
	auto_json json_t *root = json_object();

	lock_sort(lock);
	json_object_set_new(root, "version", json_integer(LOCK_VERSION));
	set_digest(root, "inputs", &lock->inputs);
	SET_ALL(root, "bases", lock->bases, lock->base_count, base_json);
	SET_ALL(root, "resolutions", lock->resolutions, lock->resolution_count,
		resolution_json);
	SET_ALL(root, "services", lock->services, lock->service_count,
		service_json);
	if (lock->refused_count)
		SET_ALL(root, "refused", lock->refused, lock->refused_count,
			refusal_json);
	SET_ALL(root, "plan", lock->plan, lock->plan_count, node_json);
	SET_ALL(root, "layers", lock->layers, lock->layer_count, layer_json);
	json_append_pretty(out, root);
}

int lock_write(struct lock *lock, const char *path, struct error **err)
{
	auto_buf struct buf text = BUF_EMPTY;

	lock_print(lock, &text);
	return fs_write_file(path, buf_str(&text), 0644, err);
}

/* -- lookups -- */

const struct lock_base *lock_find_base(const struct lock *lock, struct str name,
				       struct str platform)
{
	for (size_t i = 0; i < lock->base_count; i++)
		if (str_eq(lock->bases[i].name, name) &&
		    str_eq(lock->bases[i].platform, platform))
			return &lock->bases[i];
	return NULL;
}

const struct lock_resolution *lock_find_resolution(const struct lock *lock,
						   struct str id)
{
	for (size_t i = 0; i < lock->resolution_count; i++)
		if (str_eq(lock->resolutions[i].id, id))
			return &lock->resolutions[i];
	return NULL;
}

const struct lock_package *
lock_find_package(const struct lock_resolution *resolution, struct str name)
{
	struct lock_package key = {.name = name};

	if (resolution->package_count == 0)
		return NULL;
	return bsearch(&key, resolution->packages, resolution->package_count,
		       sizeof key, package_cmp);
}

bool lock_service_needs(const struct lock_service *service,
			const struct lock_package *package)
{
	for (size_t i = 0; i < service->closure.n; i++) {
		struct str pin = service->closure.p[i];

		if (str_eat(&pin, package->name) && str_starts(pin, STR("==")))
			return true;
	}
	return false;
}

const struct lock_service *
lock_find_service(const struct lock *lock, struct str name, struct str machine)
{
	for (size_t i = 0; i < lock->service_count; i++) {
		const struct lock_service *service = &lock->services[i];

		if (!str_eq(service->name, name))
			continue;
		for (size_t j = 0; j < service->machines.n; j++)
			if (str_eq(service->machines.p[j], machine))
				return service;
	}
	return NULL;
}

const struct lock_refusal *lock_find_refusal(const struct lock *lock,
					     struct str service)
{
	for (size_t i = 0; i < lock->refused_count; i++)
		if (str_eq(lock->refused[i].service, service))
			return &lock->refused[i];
	return NULL;
}

const struct lock_deb *lock_find_system(const struct lock_base *base,
					struct str entry)
{
	ptrdiff_t equals = str_find(entry, '=');

	for (size_t i = 0; equals > 0 && i < base->system.n; i++) {
		const struct lock_deb *deb = &base->system.p[i];

		if (str_eq(deb->name, str_slice(entry, 0, (size_t)equals)) &&
		    str_eq(deb->version,
			   str_slice(entry, (size_t)equals + 1, entry.n)))
			return deb;
	}
	return NULL;
}

const struct lock_layer *lock_find_layer(const struct lock *lock,
					 const struct digest *key)
{
	struct lock_layer wanted = {.key = *key};

	if (lock->layer_count == 0)
		return NULL;
	return bsearch(&wanted, lock->layers, lock->layer_count, sizeof wanted,
		       layer_cmp);
}

void lock_layer_statement(const struct lock_layer *layer, struct buf *out)
{
	char bytes[24], compressed[24];

	snprintf(bytes, sizeof bytes, "%" PRIu64, layer->bytes);
	snprintf(compressed, sizeof compressed, "%" PRIu64,
		 layer->compressed_bytes);
	key_add(out, STR("slipway layer 1"));
	key_add(out, str_from(digest_text(&layer->key).p));
	key_add(out, str_from(digest_text(&layer->diff_id).p));
	key_add(out, str_from(bytes));
	key_add(out, layer->compressor);
	key_add(out, str_from(digest_text(&layer->digest).p));
	key_add(out, str_from(compressed));
}
