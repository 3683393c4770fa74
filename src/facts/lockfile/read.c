/* The lock's JSON to its values. */
#include <errno.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/map.h"
#include "codec/json.h"
#include "facts/lockfile.h"
#include "facts/version.h"
#include "facts/wheeltag.h"

enum { MAX_STRING = REQUIREMENT_MAX_BYTES, MAX_IMAGE_LAYERS = 127 };

struct reader {
	const char *file;
	struct arena *arena;
	struct error **err;
};

/* A value and the way to it, for messages: "services[3].closure[0]". */
struct place {
	struct reader *reader;
	const struct place *parent;
	const char *key; /* or NULL for an element */
	size_t index;
	json_t *value;
};

static void append_way(struct buf *out, const struct place *place)
{
	if (!place->parent)
		return;
	append_way(out, place->parent);
	if (place->key)
		buf_printf(out, "%s%s", out->n ? "." : "", place->key);
	else
		buf_printf(out, "[%zu]", place->index);
}

static int refuse(const struct place *place, const char *what)
{
	auto_buf struct buf way = BUF_EMPTY;

	append_way(&way, place);
	return err_make(place->reader->err, ERR_FLEET, "%s: %s: %s",
			place->reader->file, way.n ? buf_text(&way) : "lock",
			what);
}

static struct place member(const struct place *place, const char *key)
{
	return (struct place){place->reader, place, key, 0,
			      json_object_get(place->value, key)};
}

static struct place element(const struct place *place, size_t index)
{
	return (struct place){place->reader, place, NULL, index,
			      json_array_get(place->value, index)};
}

/* An object with no other keys than these (NULL ends them). */
static int check_object(const struct place *place, const char *const *keys)
{
	const char *key;
	json_t *value;

	if (!json_is_object(place->value))
		return refuse(place, "an object is expected");
	json_object_foreach (place->value, key, value) {
		size_t i = 0;

		while (keys[i] && strcmp(keys[i], key) != 0)
			i++;
		if (!keys[i]) {
			struct place unknown = member(place, key);

			return refuse(&unknown, "a key that is not known");
		}
	}
	return 0;
}

/* Text without control characters. An absent one is empty. */
static int read_text(const struct place *place, const char *key,
		     struct str *text)
{
	struct place at = key ? member(place, key) : *place;
	struct str s = json_str(at.value);

	*text = STR_EMPTY;
	if (!at.value)
		return 0;
	if (!json_is_string(at.value))
		return refuse(&at, "a string is expected");
	if (s.n > MAX_STRING)
		return refuse(&at, "longer than 16 KiB");
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return refuse(&at, "a control character");
	*text = arena_str(place->reader->arena, s);
	return 0;
}

static int read_needed(const struct place *place, const char *key,
		       struct str *text)
{
	struct place at = member(place, key);

	if (read_text(place, key, text))
		return -1;
	return text->n ? 0 : refuse(&at, "a text is missing");
}

static int read_digest(const struct place *place, const char *key,
		       bool is_needed, struct digest *digest)
{
	struct place at = member(place, key);
	struct str text;

	if (read_text(place, key, &text))
		return -1;
	if (text.n == 0 && !is_needed)
		return 0;
	return digest_parse(text, digest)
		       ? 0
		       : refuse(&at, "a SHA-256 digest is expected");
}

static int read_size(const struct place *place, const char *key, uint64_t *size)
{
	struct place at = member(place, key);

	return json_get_u64(place->value, key, size)
		       ? 0
		       : refuse(&at, "a size in bytes is expected");
}

/* An array; an absent one has no elements. */
static int read_list(const struct place *place, const char *key,
		     struct place *list, size_t *count)
{
	*list = member(place, key);
	*count = json_array_size(list->value);
	if (list->value && !json_is_array(list->value))
		return refuse(list, "a list is expected");
	return 0;
}

static int read_texts(const struct place *place, const char *key,
		      struct lock_strs *texts)
{
	struct place list;

	if (read_list(place, key, &list, &texts->n))
		return -1;
	texts->p = arena_new_array(place->reader->arena, struct str, texts->n);
	for (size_t i = 0; i < texts->n; i++) {
		struct place at = element(&list, i);

		if (read_text(&at, NULL, &texts->p[i]))
			return -1;
		if (texts->p[i].n == 0)
			return refuse(&at, "a text is missing");
	}
	return 0;
}

/* Reads the list at key through read, which gets each element's memory. */
#define READ_ALL(from, key, array, count, read)                                \
	({                                                                     \
		struct place list_;                                            \
		int result_ = read_list(from, key, &list_, &(count));          \
		if (result_ == 0)                                              \
			(array) = arena_alloc((from)->reader->arena, (count),  \
					      sizeof *(array));                \
		for (size_t i_ = 0; result_ == 0 && i_ < (count); i_++) {      \
			struct place at_ = element(&list_, i_);                \
			result_ = read(&at_, &(array)[i_]);                    \
		}                                                              \
		result_;                                                       \
	})

static int read_deb(const struct place *place, struct lock_deb *deb)
{
	static const char *const keys[] = {"name",  "version", "architecture",
					   "suite", "sha256",  "size",
					   "path",  NULL};

	if (check_object(place, keys) ||
	    read_needed(place, "name", &deb->name) ||
	    read_needed(place, "version", &deb->version) ||
	    read_needed(place, "architecture", &deb->architecture) ||
	    read_needed(place, "suite", &deb->suite) ||
	    read_digest(place, "sha256", true, &deb->sha256) ||
	    read_size(place, "size", &deb->size_bytes) ||
	    read_needed(place, "path", &deb->path))
		return -1;
	return path_is_clean(deb->path)
		       ? 0
		       : refuse(place, "a path that is not below the archive");
}

static int read_base_kind(const struct place *place, struct lock_base *base)
{
	static const char *const kinds[] = {
		[LOCK_BASE_DEBIAN] = "debian",
		[LOCK_BASE_REGISTRY] = "registry",
		[LOCK_BASE_OCI] = "oci",
		[LOCK_BASE_TAR] = "tar",
	};
	struct place at = member(place, "kind");
	struct str kind;

	if (read_needed(place, "kind", &kind))
		return -1;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (str_eq(kind, str_from(kinds[i]))) {
			base->kind = (enum lock_base_kind)i;
			return 0;
		}
	}
	return refuse(&at, "debian, registry, oci or tar is expected");
}

static int read_image_layer(const struct place *place,
			    struct lock_image_layer *layer)
{
	static const char *const keys[] = {"digest", "diff_id",	   "size",
					   "bytes",  "media_type", NULL};

	return check_object(place, keys) ||
			       read_digest(place, "digest", true,
					   &layer->digest) ||
			       read_digest(place, "diff_id", true,
					   &layer->diff_id) ||
			       read_size(place, "size", &layer->size_bytes) ||
			       read_size(place, "bytes", &layer->bytes) ||
			       read_needed(place, "media_type",
					   &layer->media_type)
		       ? -1
		       : 0;
}

/* An image that is a base. */
static int read_image(const struct place *place, struct lock_base *base)
{
	struct place layers = member(place, "layers");
	struct place interpreter = member(place, "interpreter");

	if (read_needed(place, "image", &base->image) ||
	    read_digest(place, "digest", true, &base->digest) ||
	    READ_ALL(place, "layers", base->layers, base->layer_count,
		     read_image_layer) ||
	    read_texts(place, "env", &base->env) ||
	    read_needed(place, "interpreter", &base->interpreter))
		return -1;
	if (base->layer_count == 0 || base->layer_count > MAX_IMAGE_LAYERS)
		return refuse(&layers, "1 to 127 layers are expected");
	struct str path = base->interpreter;

	return str_eat(&path, STR("/")) && path_is_clean(path)
		       ? 0
		       : refuse(&interpreter, "an absolute path is expected");
}

static int read_base(const struct place *place, struct lock_base *base)
{
	/* system_inputs is of version 1: nothing is read of it. */
	static const char *const keys[] = {
		"name",		 "platform",	"kind",	 "inputs",
		"system_inputs", "python",	"glibc", "suites",
		"packages",	 "system",	"image", "digest",
		"layers",	 "interpreter", "env",	 NULL};

	if (check_object(place, keys) ||
	    read_needed(place, "name", &base->name) ||
	    read_needed(place, "platform", &base->platform) ||
	    read_base_kind(place, base) ||
	    read_digest(place, "inputs", false, &base->inputs) ||
	    read_text(place, "python", &base->python) ||
	    read_text(place, "glibc", &base->glibc) ||
	    read_texts(place, "suites", &base->suites) ||
	    READ_ALL(place, "packages", base->debs.p, base->debs.n, read_deb) ||
	    READ_ALL(place, "system", base->system.p, base->system.n, read_deb))
		return -1;
	return base->kind == LOCK_BASE_DEBIAN ? 0 : read_image(place, base);
}

static int read_file(const struct place *place, const char *key,
		     struct lock_file *file)
{
	static const char *const keys[] = {"file",   "size",  "unpacked",
					   "sha256", "index", NULL};
	struct place at = member(place, key);

	if (!at.value)
		return 0;
	if (check_object(&at, keys) || read_needed(&at, "file", &file->file) ||
	    read_size(&at, "size", &file->size_bytes) ||
	    (json_object_get(at.value, "unpacked") &&
	     read_size(&at, "unpacked", &file->unpacked_bytes)) ||
	    read_digest(&at, "sha256", true, &file->sha256) ||
	    read_text(&at, "index", &file->index))
		return -1;
	if (!path_is_clean(file->file) || str_find(file->file, '/') >= 0)
		return refuse(&at, "a file name is expected");
	return 0;
}

static int read_extras(const struct place *place, struct lock_package *package)
{
	struct place extras = member(place, "extras");
	const char *name;
	json_t *value;
	size_t i = 0;

	if (!extras.value)
		return 0;
	if (!json_is_object(extras.value))
		return refuse(&extras, "an object is expected");
	package->extra_count = json_object_size(extras.value);
	package->extras = arena_new_array(
		place->reader->arena, struct lock_extra, package->extra_count);
	json_object_foreach (extras.value, name, value) {
		struct lock_extra *extra = &package->extras[i++];

		extra->name = arena_str(place->reader->arena, str_from(name));
		if (read_texts(&extras, name, &extra->requires))
			return -1;
	}
	return 0;
}

static int read_package(const struct place *place, struct lock_package *package)
{
	static const char *const keys[] = {"name",  "version",	"wheel",
					   "sdist", "requires", "extras",
					   NULL};
	struct wheeltag tag;

	if (check_object(place, keys) ||
	    read_needed(place, "name", &package->name) ||
	    read_needed(place, "version", &package->version) ||
	    read_file(place, "wheel", &package->wheel) ||
	    read_file(place, "sdist", &package->sdist) ||
	    read_texts(place, "requires", &package->requires) ||
	    read_extras(place, package))
		return -1;
	if (!name_is_valid(package->name))
		return refuse(place, "a distribution's name is expected");
	if ((package->wheel.file.n > 0) == (package->sdist.file.n > 0))
		return refuse(place, "either a wheel or an sdist is expected");
	if (package->wheel.file.n > 0 &&
	    !wheeltag_parse(package->wheel.file, &tag))
		return refuse(place, "a file name that is no wheel's");
	return 0;
}

static int read_resolution(const struct place *place,
			   struct lock_resolution *resolution)
{
	static const char *const keys[] = {
		"id",	  "python",	  "platform", "glibc", "track",
		"inputs", "requirements", "packages", NULL};

	if (check_object(place, keys) ||
	    read_needed(place, "id", &resolution->id) ||
	    read_needed(place, "python", &resolution->python) ||
	    read_needed(place, "platform", &resolution->platform) ||
	    read_needed(place, "glibc", &resolution->glibc) ||
	    read_text(place, "track", &resolution->track) ||
	    read_digest(place, "inputs", false, &resolution->inputs) ||
	    read_texts(place, "requirements", &resolution->requirements))
		return -1;
	return READ_ALL(place, "packages", resolution->packages,
			resolution->package_count, read_package);
}

static int read_owners(const struct place *place, struct lock_service *service)
{
	struct place owners = member(place, "owners");
	const char *import;
	json_t *value;
	size_t i = 0;

	if (!owners.value)
		return 0;
	if (!json_is_object(owners.value))
		return refuse(&owners, "an object is expected");
	service->owner_count = json_object_size(owners.value);
	service->owners = arena_new_array(
		place->reader->arena, struct lock_owner, service->owner_count);
	json_object_foreach (owners.value, import, value) {
		struct lock_owner *owner = &service->owners[i++];

		owner->import =
			arena_str(place->reader->arena, str_from(import));
		if (read_needed(&owners, import, &owner->distribution))
			return -1;
	}
	return 0;
}

static int read_family(const struct place *place, struct lock_family *family)
{
	static const char *const keys[] = {"name", "by", "why", "inputs", NULL};
	struct place at = member(place, "family");

	if (!at.value)
		return 0;
	return check_object(&at, keys) ||
			       read_text(&at, "name", &family->name) ||
			       read_needed(&at, "by", &family->by) ||
			       read_needed(&at, "why", &family->why) ||
			       read_digest(&at, "inputs", false,
					   &family->inputs)
		       ? -1
		       : 0;
}

static int read_service(const struct place *place, struct lock_service *service)
{
	static const char *const keys[] = {"name",	 "machines",
					   "base",	 "family",
					   "resolution", "requirements",
					   "closure",	 "system",
					   "owners",	 "system_requirements",
					   "imports",	 NULL};

	if (check_object(place, keys) ||
	    read_needed(place, "name", &service->name) ||
	    read_texts(place, "machines", &service->machines) ||
	    read_needed(place, "base", &service->base) ||
	    read_family(place, &service->family) ||
	    read_text(place, "resolution", &service->resolution) ||
	    read_texts(place, "requirements", &service->requirements) ||
	    read_texts(place, "closure", &service->closure) ||
	    read_texts(place, "system_requirements",
		       &service->system_requirements) ||
	    read_texts(place, "system", &service->system) ||
	    read_digest(place, "imports", false, &service->imports))
		return -1;
	return read_owners(place, service);
}

static int read_refusal(const struct place *place, struct lock_refusal *refusal)
{
	static const char *const keys[] = {"service", "code", "message", "hint",
					   NULL};

	return check_object(place, keys) ||
			       read_needed(place, "service",
					   &refusal->service) ||
			       read_needed(place, "code", &refusal->code) ||
			       read_needed(place, "message",
					   &refusal->message) ||
			       read_text(place, "hint", &refusal->hint)
		       ? -1
		       : 0;
}

static int read_node(const struct place *place, struct lock_node *node)
{
	static const char *const keys[] = {"id", "parent", "parts", "services",
					   NULL};

	if (check_object(place, keys) || read_needed(place, "id", &node->id) ||
	    read_text(place, "parent", &node->parent))
		return -1;
	return read_texts(place, "parts", &node->parts) ||
			       read_texts(place, "services", &node->services)
		       ? -1
		       : 0;
}

/* Who signed a layer, where somebody did. */
static int read_signature(const struct place *place, struct lock_layer *layer)
{
	struct place signer = member(place, "signer");
	struct place signature = member(place, "signature");
	struct str text;

	if (!signer.value && !signature.value)
		return 0;
	if (read_needed(place, "signer", &text))
		return -1;
	if (!sign_public_parse(text, &layer->signer))
		return refuse(&signer, "a public key, ed25519:HEX, is "
				       "expected");
	if (read_needed(place, "signature", &text))
		return -1;
	if (!signature_parse(text, &layer->signature))
		return refuse(&signature, "128 hex digits are expected");
	layer->is_signed = true;
	return 0;
}

static int read_layer(const struct place *place, struct lock_layer *layer)
{
	static const char *const keys[] = {
		"key",	 "diff_id",    "digest", "compressed_bytes",
		"bytes", "compressor", "signer", "signature",
		NULL};

	if (check_object(place, keys) ||
	    read_digest(place, "key", true, &layer->key) ||
	    read_digest(place, "diff_id", true, &layer->diff_id) ||
	    read_digest(place, "digest", true, &layer->digest) ||
	    read_size(place, "compressed_bytes", &layer->compressed_bytes) ||
	    read_size(place, "bytes", &layer->bytes))
		return -1;
	return read_needed(place, "compressor", &layer->compressor) ||
			       read_signature(place, layer)
		       ? -1
		       : 0;
}

/* A name that comes twice, in a list of count texts that get gives. */
static int check_unique(const struct place *root, const char *list,
			size_t count,
			struct str (*get)(const struct lock *lock, size_t i,
					  struct arena *arena),
			const struct lock *lock)
{
	auto_map struct map seen = MAP_EMPTY;
	auto_arena struct arena arena = ARENA_EMPTY;

	for (size_t i = 0; i < count; i++) {
		struct place at = member(root, list);
		struct place which = element(&at, i);

		if (!map_add(&seen, get(lock, i, &arena)))
			return refuse(&which, "the same entry twice");
	}
	return 0;
}

static struct str base_key(const struct lock *lock, size_t i,
			   struct arena *arena)
{
	return arena_printf(arena, STR_FMT " " STR_FMT,
			    STR_ARG(lock->bases[i].name),
			    STR_ARG(lock->bases[i].platform));
}

static struct str resolution_key(const struct lock *lock, size_t i,
				 struct arena *arena)
{
	(void)arena;
	return lock->resolutions[i].id;
}

static struct str layer_key(const struct lock *lock, size_t i,
			    struct arena *arena)
{
	struct digest_text text = digest_text(&lock->layers[i].key);

	return arena_str(arena, str_from(text.p));
}

static int check_packages(const struct place *root, const struct lock *lock)
{
	struct place list = member(root, "resolutions");

	for (size_t i = 0; i < lock->resolution_count; i++) {
		auto_map struct map seen = MAP_EMPTY;
		struct place at = element(&list, i);
		const struct lock_resolution *resolution =
			&lock->resolutions[i];

		for (size_t j = 0; j < resolution->package_count; j++)
			if (!map_add(&seen, resolution->packages[j].name))
				return refuse(&at, "a package twice");
	}
	return 0;
}

/* A closure's entry names a package of the resolution, in its version. */
static bool is_in_resolution(const struct lock_resolution *resolution,
			     struct str entry)
{
	ptrdiff_t equals = str_find_str(entry, STR("=="));

	if (!resolution || equals < 0)
		return false;
	const struct lock_package *package = lock_find_package(
		resolution, str_slice(entry, 0, (size_t)equals));

	return package && str_eq(package->version,
				 str_slice(entry, (size_t)equals + 2, entry.n));
}

static int check_services(const struct place *root, const struct lock *lock)
{
	struct place list = member(root, "services");
	auto_map struct map seen = MAP_EMPTY;
	auto_arena struct arena arena = ARENA_EMPTY;

	for (size_t i = 0; i < lock->service_count; i++) {
		const struct lock_service *service = &lock->services[i];
		const struct lock_resolution *resolution =
			lock_find_resolution(lock, service->resolution);
		struct place at = element(&list, i);
		struct place closure = member(&at, "closure");

		for (size_t j = 0; j < service->machines.n; j++)
			if (!map_add(&seen,
				     arena_printf(
					     &arena, STR_FMT " " STR_FMT,
					     STR_ARG(service->name),
					     STR_ARG(service->machines.p[j]))))
				return refuse(&at, "a service twice for one "
						   "machine");
		if (service->resolution.n > 0 && !resolution)
			return refuse(&at, "its resolution is not there");
		for (size_t j = 0; j < service->closure.n; j++) {
			struct place entry = element(&closure, j);

			if (!is_in_resolution(resolution,
					      service->closure.p[j]))
				return refuse(&entry, "not a package of the "
						      "resolution");
		}
	}
	return 0;
}

static int check_version(const struct place *root, unsigned *found)
{
	struct place at = member(root, "version");
	uint64_t version;

	if (!json_get_u64(root->value, "version", &version) || version == 0)
		return refuse(&at, "the number of the lock's version is "
				   "expected");
	if (version > LOCK_VERSION) {
		err_make(root->reader->err, ERR_FLEET,
			 "%s: lock version %llu, this slipway reads up to %d",
			 root->reader->file, (unsigned long long)version,
			 LOCK_VERSION);
		return err_hint(
			root->reader->err,
			"use the slipway that wrote it, or a newer one");
	}
	*found = (unsigned)version;
	return 0;
}

static int read_lock(const struct place *root, struct lock *lock)
{
	static const char *const keys[] = {"version",	  "inputs",   "bases",
					   "resolutions", "services", "refused",
					   "plan",	  "layers",   NULL};

	if (!json_is_object(root->value))
		return refuse(root, "an object is expected");
	if (check_version(root, &lock->version) || check_object(root, keys) ||
	    read_digest(root, "inputs", false, &lock->inputs) ||
	    READ_ALL(root, "bases", lock->bases, lock->base_count, read_base) ||
	    READ_ALL(root, "resolutions", lock->resolutions,
		     lock->resolution_count, read_resolution) ||
	    READ_ALL(root, "services", lock->services, lock->service_count,
		     read_service) ||
	    READ_ALL(root, "refused", lock->refused, lock->refused_count,
		     read_refusal) ||
	    READ_ALL(root, "plan", lock->plan, lock->plan_count, read_node) ||
	    READ_ALL(root, "layers", lock->layers, lock->layer_count,
		     read_layer) ||
	    check_unique(root, "bases", lock->base_count, base_key, lock) ||
	    check_unique(root, "resolutions", lock->resolution_count,
			 resolution_key, lock) ||
	    check_unique(root, "layers", lock->layer_count, layer_key, lock) ||
	    check_packages(root, lock))
		return -1;
	/* Before the services: theirs are looked up. */
	lock_sort(lock);
	return check_services(root, lock);
}

int lock_parse(struct str text, const char *name, struct lock **lock,
	       struct error **err)
{
	struct json_problem problem;
	auto_json json_t *value = json_parse(text, LOCK_MAX_BYTES, &problem);

	if (!value) {
		err_make(err, ERR_FLEET, "%s:%u:%u: not JSON: %s", name,
			 problem.line, problem.column, problem.what);
		return err_hint(err, "a merge may have left its marks; "
				     "restore the file or run: slipway lock");
	}
	auto_lock struct lock *made = lock_new();
	struct reader reader = {name, &made->arena, err};
	struct place root = {&reader, NULL, NULL, 0, value};

	if (read_lock(&root, made))
		return -1;
	*lock = mem_steal(made);
	return 0;
}

int lock_read(const char *path, struct lock **lock, struct error **err)
{
	auto_buf struct buf text = BUF_EMPTY;

	if (!fs_exists(path)) {
		err_make(err, ERR_FLEET, "%s: there is no lock yet", path);
		return err_hint(err, "run: slipway lock");
	}
	if (fs_read(path, LOCK_MAX_BYTES, &text, err))
		return -1;
	return lock_parse(buf_str(&text), path, lock, err);
}
