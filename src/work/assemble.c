#include "work/assemble.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/data.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/map.h"
#include "parts/base.h"
#include "parts/wheel.h"
#include "work/assemble/assemble_private.h"
#include "work/check.h"
#include "work/runtime.h"

/* Bytes of a part as far as the lock tells. */
static uint64_t debs_bytes(const struct lock_debs *debs)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < debs->n; i++)
		bytes += debs->p[i].size_bytes;
	return bytes;
}

struct assembler {
	struct assembly *assembly;
	ARRAY(struct assemble_part) parts;
	ARRAY(struct plan_part) plan_parts;
	struct map numbers; /* id to part number + 1 */
};

/* Of the interpreter that a base has. */
static struct str python_id(const struct assembler *assembler,
			    const struct lock_base *base)
{
	return runtime_python_id(
		runtimes_get(assembler->assembly->runtimes, base));
}

/* The number of the part with this id; made from the two values where it is
 * new. */
static size_t part_number(struct assembler *assembler, struct str id,
			  const struct assemble_part *part,
			  const struct plan_part *plan_part)
{
	size_t known = (size_t)(uintptr_t)map_get(&assembler->numbers, id);

	if (known)
		return known - 1;
	array_push(&assembler->parts, *part);
	array_push(&assembler->plan_parts, *plan_part);
	struct plan_part *added =
		&assembler->plan_parts.p[assembler->plan_parts.n - 1];

	added->id = arena_str(&assembler->assembly->arena, id);
	map_set(&assembler->numbers, id, (void *)(uintptr_t)assembler->parts.n);
	return assembler->parts.n - 1;
}

static size_t add_base_part(struct assembler *assembler,
			    const struct lock_base *base,
			    enum debian_part which)
{
	struct arena *arena = &assembler->assembly->arena;
	auto_buf struct buf key = BUF_EMPTY;
	struct digest debs =
		debian_layer_key(&base->debs, NULL, base->platform, which);

	key_add(&key, STR("debian"));
	key_add(&key, str_from(digest_text(&debs).p));
	if (which == DEBIAN_PYTHON)
		key_add(&key, python_id(assembler, base));
	struct assemble_part part = {
		.kind = ASSEMBLE_BASE,
		.key = digest_of(buf_str(&key)),
		.title = arena_printf(arena, "%s of " STR_FMT,
				      which == DEBIAN_PYTHON ? "Python"
							     : "system",
				      STR_ARG(base->name)),
		.base = base,
		.debian = which,
	};
	/* The lock does not say which package lies where: an even share. */
	struct plan_part plan_part = {
		.kind = PLAN_BASE,
		.bytes = debs_bytes(&base->debs) / 2,
		.compressed_bytes = debs_bytes(&base->debs) / 2,
	};
	struct digest_text id = digest_text(&part.key);

	return part_number(assembler, str_from(id.p), &part, &plan_part);
}

/* "libasound2, libasound2-data and 5 more". */
static struct str debs_title(const struct lock_debs *debs, struct arena *arena)
{
	auto_buf struct buf title = BUF_EMPTY;
	size_t shown = debs->n <= 4 ? debs->n : 3;

	for (size_t i = 0; i < shown; i++)
		buf_printf(&title, "%s" STR_FMT, i ? ", " : "",
			   STR_ARG(debs->p[i].name));
	if (shown < debs->n)
		buf_printf(&title, " and %zu more", debs->n - shown);
	return arena_str(arena, buf_str(&title));
}

/* The .debs of a service's `system`, as the lock has them. */
static int find_system(struct arena *arena, const struct assemble_image *image,
		       struct lock_debs *debs, struct error **err)
{
	const struct lock_strs *entries = &image->service->system;

	debs->p = arena_new_array(arena, struct lock_deb, entries->n);
	for (debs->n = 0; debs->n < entries->n; debs->n++) {
		const struct lock_deb *deb =
			lock_find_system(image->base, entries->p[debs->n]);

		if (!deb) {
			err_make(err, ERR_FLEET,
				 "the lock names the Debian package '" STR_FMT
				 "' for " STR_FMT " but has no such package",
				 STR_ARG(entries->p[debs->n]),
				 STR_ARG(image->service->name));
			return err_hint(err, "run: slipway lock");
		}
		debs->p[debs->n] = *deb;
	}
	return 0;
}

/* Services with the same packages have one part. */
static int add_system_part(struct assembler *assembler,
			   const struct assemble_image *image, size_t *number,
			   struct error **err)
{
	struct arena *arena = &assembler->assembly->arena;
	const struct lock_base *base = image->base;
	struct assemble_part part = {.kind = ASSEMBLE_SYSTEM, .base = base};
	auto_buf struct buf key = BUF_EMPTY;

	if (find_system(arena, image, &part.system, err))
		return -1;
	struct digest debs = debian_layer_key(&part.system, &base->debs,
					      base->platform, DEBIAN_SYSTEM);

	key_add(&key, STR("system"));
	key_add(&key, str_from(digest_text(&debs).p));
	part.key = digest_of(buf_str(&key));
	part.title = debs_title(&part.system, arena);
	struct plan_part plan_part = {
		.kind = PLAN_SYSTEM,
		.bytes = debs_bytes(&part.system),
		.compressed_bytes = debs_bytes(&part.system),
	};
	struct digest_text id = digest_text(&part.key);

	*number = part_number(assembler, str_from(id.p), &part, &plan_part);
	return 0;
}

/* One part per layer of the image, named by all below it too: a layer may come
 * twice (an empty one does), and shares only on top of the same. Then the one
 * of slipway. Their count. */
static size_t add_image_base(struct assembler *assembler,
			     const struct lock_base *base, size_t *numbers)
{
	struct arena *arena = &assembler->assembly->arena;
	auto_buf struct buf chain = BUF_EMPTY;
	struct assemble_part part = {.kind = ASSEMBLE_IMAGE, .base = base};

	key_add(&chain, STR("image"));
	for (size_t i = 0; i < base->layer_count; i++) {
		const struct lock_image_layer *layer = &base->layers[i];
		struct plan_part plan_part = {
			.kind = PLAN_BASE,
			.bytes = layer->bytes,
			.compressed_bytes = layer->size_bytes,
		};

		key_add(&chain, str_from(digest_text(&layer->digest).p));
		key_add(&chain, str_from(digest_text(&layer->diff_id).p));
		part.key = digest_of(buf_str(&chain));
		part.image_layer = layer;
		part.title = arena_printf(
			arena, "layer %zu of " STR_FMT, i + 1,
			STR_ARG(base->kind == LOCK_BASE_REGISTRY ? base->image
								 : base->name));
		struct digest_text id = digest_text(&part.key);

		numbers[i] = part_number(assembler, str_from(id.p), &part,
					 &plan_part);
	}
	struct digest own = base_layer_key(base);

	buf_clear(&chain);
	key_add(&chain, str_from(digest_text(&own).p));
	key_add(&chain, python_id(assembler, base));
	part = (struct assemble_part){
		.kind = ASSEMBLE_VENV,
		.key = digest_of(buf_str(&chain)),
		.title = arena_printf(arena, "venv of " STR_FMT,
				      STR_ARG(base->name)),
		.base = base,
	};
	struct plan_part plan_part = {.kind = PLAN_BASE};
	struct digest_text id = digest_text(&part.key);

	numbers[base->layer_count] =
		part_number(assembler, str_from(id.p), &part, &plan_part);
	return base->layer_count + 1;
}

/* The parts of a base, lowest first. Their count. */
static size_t add_base_parts(struct assembler *assembler,
			     const struct lock_base *base, size_t *numbers)
{
	if (base->kind != LOCK_BASE_DEBIAN)
		return add_image_base(assembler, base, numbers);
	numbers[0] = add_base_part(assembler, base, DEBIAN_SYSTEM);
	numbers[1] = add_base_part(assembler, base, DEBIAN_PYTHON);
	return 2;
}

/* The name of a platform's architecture as compilers spell it. */
static const char *machine_word(struct str platform)
{
	return str_eq(platform, STR("linux/arm64")) ? "aarch64" : "x86_64";
}

void assembly_init_programs(const struct lock_base *base,
			    struct str programs[2])
{
	static const char *const names[] = {"slipway-init", "slipway-gpu"};

	for (size_t i = 0; i < 2; i++) {
		auto_free char *path = path_printf(
			"init/%s/%s", machine_word(base->platform), names[i]);

		programs[i] = data_has(path) ? data_get(path) : STR_EMPTY;
	}
}

static int add_init_part(struct assembler *assembler,
			 const struct lock_base *base, size_t *number,
			 struct error **err)
{
	auto_buf struct buf key = BUF_EMPTY;
	struct str programs[2];

	assembly_init_programs(base, programs);
	if (programs[0].n == 0)
		return err_make(err, ERR_ENV,
				"this slipway was built without slipway-init "
				"for " STR_FMT,
				STR_ARG(base->platform));
	key_add(&key, STR("init"));
	key_add(&key, programs[0]);
	key_add(&key, programs[1]);
	struct assemble_part part = {
		.kind = ASSEMBLE_INIT,
		.key = digest_of(buf_str(&key)),
		.title = STR("slipway-init"),
		.base = base,
	};
	struct plan_part plan_part = {
		.kind = PLAN_INIT,
		.bytes = programs[0].n + programs[1].n,
		.compressed_bytes = programs[0].n + programs[1].n,
	};
	/* One id per base; a newer slipway has another one in its place. */
	struct str id = arena_printf(
		&assembler->assembly->arena, "init " STR_FMT " " STR_FMT,
		STR_ARG(base->name), STR_ARG(base->platform));

	*number = part_number(assembler, id, &part, &plan_part);
	return 0;
}

static const char *bytecode_word(enum manifest_bytecode bytecode)
{
	return manifest_bytecode_text(bytecode);
}

static size_t add_wheel_part(struct assembler *assembler,
			     const struct assemble_image *image,
			     const struct lock_resolution *resolution,
			     const struct lock_package *package)
{
	struct arena *arena = &assembler->assembly->arena;
	enum manifest_bytecode bytecode = image->instance->settings.bytecode;
	auto_buf struct buf key = BUF_EMPTY;

	key_add(&key, str_from(digest_text(&package->wheel.sha256).p));
	key_add(&key, str_from(bytecode_word(bytecode)));
	/* Paths hold the Python version even where there is no bytecode. */
	key_add(&key, python_id(assembler, image->base));
	/* What the plan remembers outlives a version of the installer. */
	struct digest inputs = digest_of(buf_str(&key));
	struct digest_text inputs_text = digest_text(&inputs);

	key_add(&key, STR("wheel"));
	key_add(&key, str_from(wheel_installer_version()));
	struct assemble_part part = {
		.kind = ASSEMBLE_WHEEL,
		.key = digest_of(buf_str(&key)),
		.title = arena_printf(arena, STR_FMT " " STR_FMT,
				      STR_ARG(package->name),
				      STR_ARG(package->version)),
		.base = image->base,
		.package = package,
		.resolution = resolution,
		.bytecode = bytecode,
	};
	/* The plan must not depend on what a store happens to know. */
	struct plan_part plan_part = {
		.kind = PLAN_WHEEL,
		.bytes = package->wheel.unpacked_bytes
				 ? package->wheel.unpacked_bytes
				 : package->wheel.size_bytes,
		.compressed_bytes = package->wheel.size_bytes,
	};
	struct str id = arena_printf(
		arena, STR_FMT " " STR_FMT " %.16s", STR_ARG(package->name),
		STR_ARG(package->version), digest_hex(&inputs_text));

	return part_number(assembler, id, &part, &plan_part);
}

/* Digest of a file's content. Services share files: each is read once. */
static const struct digest *file_digest(struct assembly *assembly,
					size_t number, struct error **err)
{
	struct digest *digest = &assembly->file_digests[number];
	auto_buf struct buf content = BUF_EMPTY;

	if (!digest_is_zero(digest))
		return digest;
	if (source_read(assembly->tree, &assembly->tree->files[number],
			&content, err))
		return NULL;
	*digest = digest_of(buf_str(&content));
	return digest;
}

/* Adds path, kind and content of every file to the key. */
static int add_files_to_key(struct assembly *assembly, const size_t *files,
			    size_t n, struct buf *key, struct error **err)
{
	for (size_t i = 0; i < n; i++) {
		const struct source_file *file =
			&assembly->tree->files[files[i]];
		const struct digest *digest =
			file_digest(assembly, files[i], err);

		if (!digest)
			return -1;
		key_add(key, file->path);
		key_add(key, file->executable ? STR("x") : STR("-"));
		key_add(key, str_from(digest_text(digest).p));
	}
	return 0;
}

/* Adds what the layer's bytes depend on besides its files. */
static void add_settings_to_key(const struct manifest_settings *settings,
				struct buf *key)
{
	char user[32];

	snprintf(user, sizeof user, "%u:%u", settings->user.uid,
		 settings->user.gid);
	key_add(key, str_from(bytecode_word(settings->bytecode)));
	key_add(key, str_from(user));
	key_add(key, settings->workdir.s);
	for (size_t i = 0; i < settings->write.n; i++)
		key_add(key, settings->write.p[i].s);
}

static int add_source_part(struct assembler *assembler,
			   const struct assemble_image *image, size_t *number,
			   struct error **err)
{
	struct arena *arena = &assembler->assembly->arena;
	const struct source_tree *tree = assembler->assembly->tree;
	const struct manifest_settings *settings = &image->instance->settings;
	auto_buf struct buf key = BUF_EMPTY;
	const size_t *files = image->checked->files;
	size_t n = image->checked->file_count;

	key_add(&key, STR("source"));
	key_add(&key, python_id(assembler, image->base));
	add_settings_to_key(settings, &key);
	if (add_files_to_key(assembler->assembly, files, n, &key, err))
		return -1;
	struct assemble_part part = {
		.kind = ASSEMBLE_SOURCE,
		.key = digest_of(buf_str(&key)),
		.title = arena_printf(arena, "source of %s",
				      image->instance->service->name.s.p),
		.base = image->base,
		.bytecode = settings->bytecode,
		.instance = image->instance,
		.files = files,
		.file_count = n,
	};
	struct plan_part plan_part = {.kind = PLAN_SOURCE};

	for (size_t i = 0; i < n; i++)
		plan_part.bytes += tree->files[files[i]].size_bytes;
	plan_part.compressed_bytes = plan_part.bytes;
	struct digest_text id = digest_text(&part.key);

	*number = part_number(assembler, str_from(id.p), &part, &plan_part);
	return 0;
}

/* "name==version" of a closure to the package of the resolution. */
static const struct lock_package *
closure_package(const struct lock_resolution *resolution, struct str pin)
{
	ptrdiff_t equals = str_find_str(pin, STR("=="));

	return resolution && equals > 0
		       ? lock_find_package(resolution,
					   str_slice(pin, 0, (size_t)equals))
		       : NULL;
}

static int pass_refusal(const struct lock_refusal *refusal, struct error **err)
{
	err_make(err, ERR_FLEET, "it is not locked: " STR_FMT,
		 STR_ARG(refusal->message));
	return refusal->hint.n ? err_hint(err, STR_FMT, STR_ARG(refusal->hint))
			       : -1;
}

/* False where the lock's choice is not one of the manifest's families. */
static bool has_chosen_family(const struct assemble_image *image)
{
	const struct manifest_family *family = image->instance->family;

	return str_eq(image->service->family.name,
		      family ? family->name.s : STR_EMPTY);
}

static int find_locked(const struct assembler *assembler,
		       struct assemble_image *image, struct error **err)
{
	const struct lock *lock = assembler->assembly->lock;
	struct str name = image->instance->service->name.s;
	struct str machine = image->instance->machine->name.s;

	image->service = lock_find_service(lock, name, machine);
	if (!image->service && lock_find_refusal(lock, name))
		return pass_refusal(lock_find_refusal(lock, name), err);
	if (!image->service) {
		err_make(err, ERR_FLEET,
			 STR_FMT " on " STR_FMT " is not in the lock",
			 STR_ARG(name), STR_ARG(machine));
		return err_hint(err, "run: slipway lock");
	}
	if (image->instance->is_family_auto && !has_chosen_family(image)) {
		err_make(err, ERR_FLEET,
			 "the family of " STR_FMT
			 " is not chosen among those that the manifest has now",
			 STR_ARG(name));
		return err_hint(err, "run: slipway lock");
	}
	image->base = lock_find_base(lock, image->service->base,
				     image->instance->machine->platform.s);
	if (!image->base) {
		err_make(err, ERR_FLEET,
			 "the base '" STR_FMT
			 "' is not in the lock for " STR_FMT,
			 STR_ARG(image->service->base),
			 STR_ARG(image->instance->machine->platform.s));
		return err_hint(err, "run: slipway lock");
	}
	return 0;
}

static int add_image_parts(struct assembler *assembler,
			   struct assemble_image *image, struct error **err)
{
	if (find_locked(assembler, image, err))
		return -1;
	const struct lock_strs *closure = &image->service->closure;
	const struct lock_resolution *resolution = lock_find_resolution(
		assembler->assembly->lock, image->service->resolution);
	size_t *parts =
		arena_new_array(&assembler->assembly->arena, size_t,
				closure->n + image->base->layer_count + 5);
	size_t n = add_base_parts(assembler, image->base, parts);

	if (add_init_part(assembler, image->base, &parts[n++], err))
		return -1;
	if (image->service->system.n > 0 &&
	    add_system_part(assembler, image, &parts[n++], err))
		return -1;
	for (size_t i = 0; i < closure->n; i++) {
		const struct lock_package *package =
			closure_package(resolution, closure->p[i]);

		if (!package)
			return err_make(err, ERR_FLEET,
					"the lock names '" STR_FMT
					"' for " STR_FMT
					" but has no such package",
					STR_ARG(closure->p[i]),
					STR_ARG(image->service->name));
		parts[n++] =
			add_wheel_part(assembler, image, resolution, package);
	}
	if (image->checked &&
	    add_source_part(assembler, image, &parts[n++], err))
		return -1;
	image->parts = parts;
	image->part_count = n;
	return 0;
}

static enum layer_compression compression_of(const struct manifest *manifest)
{
	switch (manifest->policy.compression) {
	case MANIFEST_ZSTD:
		return LAYER_ZSTD;
	case MANIFEST_UNCOMPRESSED:
		return LAYER_NONE;
	case MANIFEST_GZIP:
	case MANIFEST_ESTARGZ:
		break;
	}
	return LAYER_GZIP;
}

/* The first error that check has for an instance, as an error. */
static int check_error(const struct check_instance *checked, struct error **err)
{
	const struct diagnostics *said = &checked->verdict.diagnostics;

	for (size_t i = 0; i < said->n; i++) {
		const struct diagnostic *first = &said->p[i];

		if (first->level != DIAGNOSTIC_ERROR)
			continue;
		if (first->file.n && !first->line)
			err_make(err, ERR_FLEET, STR_FMT ": " STR_FMT,
				 STR_ARG(first->file), STR_ARG(first->message));
		else if (first->file.n)
			err_make(err, ERR_FLEET, STR_FMT ":%u:%u: " STR_FMT,
				 STR_ARG(first->file), first->line,
				 first->column, STR_ARG(first->message));
		else
			err_make(err, ERR_FLEET, STR_FMT,
				 STR_ARG(first->message));
		if (first->hint.n)
			err_hint(err, STR_FMT, STR_ARG(first->hint));
		return -1;
	}
	return 0;
}

static void add_image(struct assembler *assembler,
		      const struct manifest_instance *instance,
		      const struct check_instance *checked)
{
	struct assembly *assembly = assembler->assembly;
	struct assemble_image *image =
		&assembly->images[assembly->image_count++];

	image->instance = instance;
	image->checked = checked;
	image->family = PLAN_NONE;
	if (!checked || check_error(checked, &image->error) == 0)
		add_image_parts(assembler, image, &image->error);
}

static void keep_parts(struct assembler *assembler)
{
	struct assembly *assembly = assembler->assembly;
	size_t n = assembler->parts.n;

	assembly->part_count = n;
	assembly->parts =
		arena_new_array(&assembly->arena, struct assemble_part, n);
	assembly->plan_parts =
		arena_new_array(&assembly->arena, struct plan_part, n);
	for (size_t i = 0; i < n; i++) {
		assembly->parts[i] = assembler->parts.p[i];
		assembly->plan_parts[i] = assembler->plan_parts.p[i];
	}
	array_release(&assembler->parts);
	array_release(&assembler->plan_parts);
	map_release(&assembler->numbers);
}

static void make(struct assembly *assembly, const struct check *check)
{
	const struct manifest *manifest = assembly->manifest;
	struct assembler assembler = {.assembly = assembly};

	assembly->images = arena_new_array(
		&assembly->arena, struct assemble_image, manifest->instances.n);
	for (size_t i = 0; i < manifest->instances.n; i++)
		if (!manifest->instances.p[i]->settings.skip.s.n)
			add_image(&assembler, manifest->instances.p[i],
				  check ? &check->instances[i] : NULL);
	keep_parts(&assembler);
	assemble_families(assembly);
	assemble_plan(assembly);
}

void assembly_make(struct assembly *assembly, const struct check *check,
		   const struct lock *lock, struct runtimes *runtimes)
{
	*assembly = (struct assembly){
		.manifest = check->manifest,
		.lock = lock,
		.runtimes = runtimes,
		.compression = compression_of(check->manifest),
		.tree = check->tree,
	};
	assembly->file_digests = arena_new_array(
		&assembly->arena, struct digest, assembly->tree->n);
	make(assembly, check);
}

void assembly_make_unsourced(struct assembly *assembly,
			     const struct manifest *manifest,
			     const struct lock *lock, struct runtimes *runtimes)
{
	*assembly = (struct assembly){
		.manifest = manifest,
		.lock = lock,
		.runtimes = runtimes,
		.compression = compression_of(manifest),
	};
	make(assembly, NULL);
}

void assembly_release(struct assembly *assembly)
{
	for (size_t i = 0; i < assembly->image_count; i++)
		err_free(assembly->images[i].error);
	arena_release(&assembly->arena);
}

static struct digest finish_layer_key(const struct assembly *assembly,
				      size_t layer, struct buf *key)
{
	const struct plan_layer *node = &assembly->plan.layers[layer];

	for (size_t i = 0; i < node->part_count; i++)
		key_add(key,
			str_from(digest_text(
					 &assembly->parts[node->parts[i]].key)
					 .p));
	return digest_of(buf_str(key));
}

struct digest assembly_layer_key(const struct assembly *assembly, size_t layer)
{
	auto_buf struct buf key = BUF_EMPTY;

	key_add(&key, STR("layer"));
	layer_key_add(&key, assembly->compression);
	return finish_layer_key(assembly, layer, &key);
}

struct digest assembly_tar_key(const struct assembly *assembly, size_t layer)
{
	auto_buf struct buf key = BUF_EMPTY;

	key_add(&key, STR("tar"));
	key_add(&key, str_from(layer_tar_version()));
	return finish_layer_key(assembly, layer, &key);
}

struct str assembly_layer_title(const struct assembly *assembly, size_t layer,
				struct arena *arena)
{
	const struct plan_layer *node = &assembly->plan.layers[layer];
	auto_buf struct buf title = BUF_EMPTY;
	size_t shown = node->part_count <= 4 ? node->part_count : 3;

	for (size_t i = 0; i < shown; i++) {
		if (i)
			buf_append_text(&title, ", ");
		buf_append(&title, assembly->parts[node->parts[i]].title);
	}
	if (shown < node->part_count)
		buf_printf(&title, " and %zu more", node->part_count - shown);
	return arena_str(arena, buf_str(&title));
}
